"""The slot I/O board: doors, latches, presence switches, danger inputs and lock pulses that the board itself times."""

from micropython import const

from cabinet.core import ticks
from cabinet.core.reading import CabinetReading, SlotReading
from cabinet.devices.bms.pack_link import i16_be
from cabinet.devices.modbus_client import ModbusClient
from cabinet.devices.modbus_frame import READ_DISCRETE, READ_INPUT

CHANNELS = const(8)
PULSE_MAX_MS = const(2000)
_PERIOD_MS = const(100)
_TEMPERATURES_MS = const(2000)
_PULSE_REGISTER = const(0x0100)
_PULSE_TRIES = const(3)
_PULSE_LIFE_MS = const(1000)  # a permit is not carried out later than this: the world may have changed
_STALE_MS = const(20_000)
_DDEGC_MIN = const(-600)
_DDEGC_MAX = const(2_000)

_ASK_INPUTS = const(1)
_ASK_TEMPERATURES = const(2)
_SEND_PULSE = const(3)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.modbus_bus import ModbusBus
    from cabinet.ports import Clock


class SlotBoard(ModbusClient):
    """One board of eight slots. The first board of a cabinet also has the danger inputs."""

    def __init__(self, bus: "ModbusBus", address: int, clock: "Clock", first_slot: int) -> None:
        self.clock = clock
        self.first_slot = first_slot
        self.slots = [SlotReading() for _ in range(CHANNELS)]
        self.cabinet = CabinetReading() if first_slot == 1 else None
        self.pulses_failed = 0
        self._pulse_ms = bytearray(CHANNELS * 2)  # 0 = none wanted
        self._pulse_tries = bytearray(CHANNELS)
        self._pulse_since = [0] * CHANNELS
        self._pulsing = 0
        self._asking = 0
        self._temperatures_ms = None
        ModbusClient.__init__(self, bus, address, "slot board {}".format(address))
        self.period_ms = _PERIOD_MS
        self.due_ms = clock.ticks_ms()

    def pulse(self, channel: int, ms: int) -> bool:
        """Unlock channel 0..7 for `ms`, timed by the board. False if a pulse for it is still on its way or the value is not allowed."""
        if not 0 <= channel < CHANNELS or not 1 <= ms <= PULSE_MAX_MS or self._wanted(channel):
            return False
        self._pulse_ms[channel * 2] = ms >> 8
        self._pulse_ms[channel * 2 + 1] = ms & 0xFF
        self._pulse_tries[channel] = 0
        self._pulse_since[channel] = self.clock.ticks_ms()
        self.urgent = True
        return True

    def _wanted(self, channel: int) -> int:
        return self._pulse_ms[channel * 2] << 8 | self._pulse_ms[channel * 2 + 1]

    def _drop(self, channel: int) -> None:
        self._pulse_ms[channel * 2] = 0
        self._pulse_ms[channel * 2 + 1] = 0
        self._update_urgent()

    def _update_urgent(self) -> None:
        for i in range(CHANNELS):
            if self._wanted(i):
                self.urgent = True
                return
        self.urgent = False

    def _next_pulse(self, now_ms: int) -> int:
        """The channel that has waited longest; -1 if there is none. Pulses that waited too long are given up."""
        oldest = -1
        for i in range(CHANNELS):
            if not self._wanted(i):
                continue
            if self._pulse_tries[i] >= _PULSE_TRIES or not 0 <= ticks.diff(now_ms, self._pulse_since[i]) <= _PULSE_LIFE_MS:
                self.pulses_failed += 1
                self._drop(i)
            elif oldest < 0 or ticks.diff(self._pulse_since[oldest], self._pulse_since[i]) > 0:
                oldest = i
        return oldest

    # ---- called by the bus ----

    def compose(self, now_ms: int) -> bool:
        """The next request."""
        bus = self.bus
        if self.urgent:
            channel = self._next_pulse(now_ms)
            if channel >= 0:
                self._pulse_tries[channel] += 1
                self._pulsing = channel
                self._asking = _SEND_PULSE
                return bus.write_register(_PULSE_REGISTER + channel, self._wanted(channel))
        asked = self._temperatures_ms
        if asked is None or ticks.diff(now_ms, asked) >= _TEMPERATURES_MS:
            self._temperatures_ms = now_ms
            self._asking = _ASK_TEMPERATURES
            return bus.read(READ_INPUT, 0, 1 + CHANNELS)
        self._asking = _ASK_INPUTS
        return bus.read(READ_DISCRETE, 0, 32)

    def accept(self, buf: "bytearray", at: int, now_ms: int) -> str:
        """An answer."""
        asking = self._asking
        if asking == _ASK_INPUTS:
            self._take_inputs(buf, at, now_ms)
            return ""
        self.again = True
        if asking == _SEND_PULSE:
            self._drop(self._pulsing)
            return ""
        for i in range(1 + CHANNELS):
            if not _DDEGC_MIN <= i16_be(buf, at + 2 * i) <= _DDEGC_MAX:
                return "implausible"
        if self.cabinet is not None:
            self.cabinet.temp_ddegc = i16_be(buf, at)
        for i in range(CHANNELS):
            self.slots[i].temp_ddegc = i16_be(buf, at + 2 + 2 * i)
        return ""

    def lost(self, reason: str, now_ms: int) -> None:
        """No good answer. A pulse stays wanted until its tries are used up."""
        if self._asking == _ASK_TEMPERATURES:
            for slot in self.slots:
                slot.temp_ddegc = None
            if self.cabinet is not None:
                self.cabinet.temp_ddegc = None
        self._check_age(now_ms)

    def _check_age(self, now_ms: int) -> None:
        taken = self.slots[0].taken_ms
        if taken is not None and ticks.diff(now_ms, taken) > _STALE_MS:
            for slot in self.slots:
                slot.clear()
            if self.cabinet is not None:
                self.cabinet.clear()

    def _take_inputs(self, buf: "bytearray", at: int, now_ms: int) -> None:
        doors = buf[at]
        latches = buf[at + 1]
        packs = buf[at + 2]
        for i in range(CHANNELS):
            slot = self.slots[i]
            slot.door_closed = bool(doors >> i & 1)
            slot.lock_locked = bool(latches >> i & 1)
            slot.pack_present = bool(packs >> i & 1)
            slot.taken_ms = now_ms
        cabinet = self.cabinet
        if cabinet is not None:
            cabinet.danger_bits = buf[at + 3]  # inputs 24..31 are in the order of the CABINET_ bits
            cabinet.taken_ms = now_ms
        self.stats.renewed(now_ms)
