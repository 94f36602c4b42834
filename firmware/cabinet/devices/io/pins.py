"""Switches and locks on pins of the controller itself, or of an expander beside it (ports.InputPort, ports.PulsePort)."""

from micropython import const

from cabinet.bus.stats import DeviceStats
from cabinet.devices.io.inputs import SlotInputs

_LOST_READS = const(5)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.pin_bus import PinBus
    from cabinet.ports import Clock


class PinInputs:
    """32 inputs for eight slots: doors, latches, packs, dangers."""

    def __init__(self, bus: "PinBus", index: int, clock: "Clock", first_slot: int) -> None:
        self.bus = bus
        self.name = "inputs {}".format(index)
        self.fault = ""
        self.stats = DeviceStats()
        self.inputs = SlotInputs(first_slot)
        self._port = bus.inputs(index)
        self._missed = 0
        bus.attach(self)

    def watched(self) -> "list[PinInputs]":
        """Itself."""
        return [self]

    def put_frames(self, out: bytearray) -> None:
        """There are no frames here."""

    def poll(self, now_ms: int) -> None:
        """Read all of them."""
        self.stats.requests += 1
        try:
            levels = self._port.read()
        except OSError:
            self.stats.failed("timeout")
            self._missed += 1
            if self._missed >= _LOST_READS:
                self._missed = _LOST_READS
                self.fault = "timeout"
            self.inputs.check_age(now_ms)
            return
        if levels < 0:
            return  # not known yet
        self._missed = 0
        self.fault = ""
        self.stats.answered(now_ms, 0)
        if self.inputs.take(levels & 0xFF, levels >> 8 & 0xFF, levels >> 16 & 0xFF, levels >> 24 & 0xFF, now_ms):
            self.stats.renewed(now_ms)


class PinLocks:
    """Locks on outputs whose pulses the hardware times."""

    def __init__(self, bus: "PinBus", index: int, clock: "Clock") -> None:
        self.bus = bus
        self.name = "locks {}".format(index)
        self.fault = ""
        self.stats = DeviceStats()
        self.pulses_failed = 0
        self._port = bus.pulses(index)

    def put_frames(self, out: bytearray) -> None:
        """There are no frames here."""

    def pulse(self, channel: int, ms: int) -> bool:
        """Unlock for `ms`; False if it cannot be now."""
        self.stats.requests += 1
        try:
            given = self._port.pulse(channel, ms)
        except OSError:
            given = False
            self.fault = "timeout"
        else:
            self.fault = ""
        if not given:
            self.pulses_failed += 1
        return given
