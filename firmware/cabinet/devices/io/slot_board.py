"""The slot I/O board: doors, latches, presence switches, danger inputs and lock pulses that the board itself times."""

from micropython import const

from cabinet.core import ticks
from cabinet.devices.bms.pack_link import i16_be
from cabinet.devices.io.inputs import SLOTS, SlotInputs
from cabinet.devices.io.lock_board import LockBoard
from cabinet.devices.modbus_frame import READ_DISCRETE, READ_INPUT

_PERIOD_MS = const(100)
_TEMPERATURES_MS = const(2000)
_PULSE_REGISTER = const(0x0100)
_DDEGC_MIN = const(-600)
_DDEGC_MAX = const(2_000)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.modbus_bus import ModbusBus
    from cabinet.ports import Clock


class SlotBoard(LockBoard):
    """One board of eight slots. The first board of a cabinet also has the danger inputs."""

    def __init__(self, bus: "ModbusBus", address: int, clock: "Clock", first_slot: int) -> None:
        self.inputs = SlotInputs(first_slot)
        self.slots = self.inputs.slots
        self.cabinet = self.inputs.cabinet
        self._asked_temperatures = False
        self._temperatures_ms = None
        LockBoard.__init__(self, bus, address, "slot board {}".format(address), clock, SLOTS, _PERIOD_MS)

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
        for i in range(1 + SLOTS):
            if not _DDEGC_MIN <= i16_be(buf, at + 2 * i) <= _DDEGC_MAX:
                return "implausible"
        if self.cabinet is not None:
            self.cabinet.temp_ddegc = i16_be(buf, at)
        for i in range(SLOTS):
            self.slots[i].temp_ddegc = i16_be(buf, at + 2 + 2 * i)
        return ""

    def lost(self, reason: str, now_ms: int) -> None:
        """No good answer. A pulse stays wanted until its tries are used up."""
        if self._pulsing < 0 and self._asked_temperatures:
            for slot in self.slots:
                slot.temp_ddegc = None
            if self.cabinet is not None:
                self.cabinet.temp_ddegc = None
        self.inputs.check_age(now_ms)
