"""What a device on a CAN bus looks like to the bus."""

from cabinet.devices.stats import DeviceStats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.can_bus import CanBus


class CanClient:
    """A device with its own identifiers. None of the calls may wait or allocate."""

    def __init__(self, bus: "CanBus", name: str, can_ids: "tuple[int, ...]") -> None:
        self.bus = bus
        self.name = name
        self.can_ids = can_ids
        self.fault = ""  # "", or timeout, foreign, implausible, frozen
        self.stats = DeviceStats()
        bus.attach(self)

    def on_frame(self, can_id: int, data: "bytearray", length: int, now_ms: int) -> "bytearray | None":
        """One of `can_ids` came in. Who keeps `data` gives another bytearray of 8 for it."""

    def put_frames(self, out: bytearray) -> None:
        """Append the frames behind the reading, as evidence, each behind the byte 2, its length, and its identifier (4 bytes, big
        endian) which the length includes. A driver that keeps none adds nothing."""

    def tick(self, now_ms: int) -> None:
        """Called every TICK_MS: time limits, repeated sending."""
