"""What a device on a CAN bus looks like to the bus."""

from cabinet.bus.stats import DeviceStats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.can_bus import CanBus


class CanClient:
    """A device with its own identifiers. None of the calls may wait or allocate."""

    def __init__(self, bus: "CanBus", name: str, can_ids: "tuple[int, ...]", groups: "tuple[int, ...]" = ()) -> None:
        """`can_ids`: its identifiers. `groups`: extended ones that stand for all eight which differ in bits 8 to 10 only."""
        self.bus = bus
        self.name = name
        self.fault = ""  # "", or timeout, foreign, implausible, frozen
        self.stats = DeviceStats()
        bus.attach(self, can_ids, groups)

    def on_frame(self, can_id: int, data: "bytearray", length: int, now_ms: int) -> "bytearray | None":
        """One of its identifiers came in. Who keeps `data` gives another bytearray of 8 for it."""

    def put_frames(self, out: bytearray) -> None:
        """Append the frames behind the reading, as evidence, each behind the byte 2, its length, and its identifier (4 bytes, big
        endian) which the length includes. A driver that keeps none adds nothing."""

    def tick(self, now_ms: int) -> None:
        """Called every TICK_MS: time limits, repeated sending."""
