"""The slot I/O board: doors, latches, presence switches, danger inputs and lock pulses that the board itself times."""

from micropython import const

from cabinet.bus.modbus_frame import READ_DISCRETE, READ_INPUT
from cabinet.core import ticks
from cabinet.devices.bms.pack_link import i16_be
from cabinet.devices.io.inputs import SLOTS, SlotInputs
from cabinet.devices.io.lock_board import LockBoard

_PERIOD_MS = const(100)
_TEMPERATURES_MS = const(2000)
_PULSE_REGISTER = const(0x0100)
_DDEGC_MIN = const(-600)
_DDEGC_MAX = const(2_000)
_NOT_FITTED = const(-0x8000)
_BLIND_MS = const(5_000)  # a sensor may miss two readings before it is reported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.modbus_bus import ModbusBus
    from cabinet.ports import Clock


class SlotBoard(LockBoard):
    """One board of eight slots. The first board of a cabinet also has the danger inputs.

    A temperature that fails is nobody's but its own slot's: the others hold and the switches are read on. A sensor that was never
    fitted is none that is lost. For as long as one is lost the board has a fault, and core gets the slot that is blind."""

    def __init__(self, bus: "ModbusBus", address: int, clock: "Clock", first_slot: int) -> None:
        self.inputs = SlotInputs(first_slot)
        self.slots = self.inputs.slots
        self.cabinet = self.inputs.cabinet
        self._asked_temperatures = False
        self._temperatures_ms = None
        self._fitted = 0  # bit per register: has ever reported anything but "not fitted"
        self._blind_ms = None  # since when one of these reports no temperature
        LockBoard.__init__(self, bus, address, "slot board {}".format(address), clock, SLOTS, _PERIOD_MS)

    def watched(self) -> "list[SlotBoard]":
        """Itself."""
        return [self]

    def send_pulse(self, channel: int, ms: int) -> bool:
        """A register a lock."""
        return self.bus.write_register(_PULSE_REGISTER + channel, ms)

    def ask(self, now_ms: int) -> bool:
        """Switches; every two seconds the temperatures."""
        asked = self._temperatures_ms
        self._asked_temperatures = asked is None or ticks.diff(now_ms, asked) >= _TEMPERATURES_MS
        if self._asked_temperatures:
            self._temperatures_ms = now_ms
            return self.bus.read(READ_INPUT, 0, 1 + SLOTS)
        return self.bus.read(READ_DISCRETE, 0, 32)

    def take(self, buf: "bytearray", at: int, now_ms: int) -> str:
        """Switches or temperatures."""
        if not self._asked_temperatures:
            self.inputs.take(buf[at], buf[at + 1], buf[at + 2], buf[at + 3], now_ms)
            self.stats.renewed(now_ms)
            return ""
        self.again = True
        good = 0
        for i in range(1 + SLOTS):
            value = i16_be(buf, at + 2 * i)
            if value != _NOT_FITTED:
                self._fitted |= 1 << i
            if _DDEGC_MIN <= value <= _DDEGC_MAX:
                good |= 1 << i
                self._set(i, value)
            else:
                self._set(i, None)
        if self._fitted & ~good:
            self.stats.failed("implausible")
        self._look(good, now_ms)
        return ""

    def lost(self, reason: str, now_ms: int) -> None:
        """No good answer. A pulse stays wanted until its tries are used up."""
        if self._pulsing < 0 and self._asked_temperatures:
            for i in range(1 + SLOTS):
                self._set(i, None)
            self._look(0, now_ms)  # a board may answer for its switches and never again for its temperatures
        self.inputs.check_age(now_ms)

    def _set(self, register: int, ddegc: "int | None") -> None:
        """The first one is that of the cabinet, then the slots follow."""
        reading = self.slots[register - 1] if register else self.cabinet
        if reading is not None:
            reading.temp_ddegc = ddegc
            reading.temp_lost = ddegc is None and bool(self._fitted >> register & 1)

    def _look(self, good: int, now_ms: int) -> None:
        """Whether all sensors that are there tell a temperature (`good`: those that do); what is missing for long is a fault."""
        since = self._blind_ms
        if not self._fitted & ~good:
            self._blind_ms = None
            self.standing = ""
        elif since is None:
            self._blind_ms = now_ms
        elif ticks.diff(now_ms, since) > _BLIND_MS:
            self.standing = "implausible"
