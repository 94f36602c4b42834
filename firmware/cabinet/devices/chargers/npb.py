"""Charger of the Mean Well NPB kind on CAN, driven as a power supply with limited current.

Three things about it decide how it is spoken to:

- It never stops by itself when nobody speaks to it. So it is allowed only where a relay can take its mains
  (`cabinet.mains_relay`), and `runaway` is true when that must happen: it was commanded to give and answers no more, or it does
  not obey the order to stop. Its power-on state is set to off, so that it stays off when the mains comes back.
- It writes every set-point to its EEPROM unless configured otherwise, which wears out. So nothing but "off" is sent before its
  configuration has been read and shows that it stores nothing; after every silence this is looked at afresh.
- It answers only what it is asked, and ignores a set-point that it does not like. So every set-point is read back, and the
  output is switched on only while it holds what it was commanded.

What it gives at most follows the pack, maybe several times a second. A change is sent out of turn, and the round of questions
goes on where it was: begun anew with each change it would never come to the faults and the readings.

It must have been set up as a power supply (curve switched off) when it was installed; the driver refuses one that was not.
"""

from micropython import const

from cabinet.bus.can_client import CanClient
from cabinet.core import ticks
from cabinet.core.reading import CHARGER_HARDWARE, CHARGER_INPUT_VOLTAGE, CHARGER_OVER_TEMPERATURE, ChargerReading
from cabinet.devices.bms.pack_link import i16_le, u16_le

_TO_UNIT = const(0x000C0100)
_FROM_UNIT = const(0x000C0000)

# commands
_OPERATION = const(0x0000)
_VOUT_SET = const(0x0020)
_IOUT_SET = const(0x0030)
_FAULT = const(0x0040)
_VOUT = const(0x0060)
_IOUT = const(0x0061)
_TEMPERATURE = const(0x0062)
_CURVE = const(0x00B4)
_CONFIG = const(0x00C2)

_CONFIG_MASK = const(0x0706)  # state at power-on (bits 1, 2), delay of EEPROM (8, 9), EEPROM off (10)
_STORING_OFF = const(0x0000)  # power-on state off, EEPROM on: for the one write that has to be kept
_STORED_MASK = const(0x0006)
_EEPROM_OFF = const(0x0400)
_CURVE_ENABLED = const(0x0080)
_FAULT_OFF = const(1 << 6)  # the output is off

# bits of FAULT_STATUS: over-temperature 1 and 7, over-voltage 2, short circuit 4, mains 5. Bit 3, too much current, is not
# taken for a fault: to limit the current is its work here.
_FAULTS_HOT = const(0x82)
_FAULTS_HARDWARE = const(0x14)
_FAULTS_INPUT = const(0x20)

# what is done, one thing each TICK_MS. 0x1000: write. The order is that of a new set-point: tell, ask back, switch on.
_WRITE = const(0x1000)
_ROUND = (
    _WRITE | _VOUT_SET, _VOUT_SET, _WRITE | _IOUT_SET, _IOUT_SET, _WRITE | _OPERATION,
    _VOUT, _IOUT, _FAULT, _TEMPERATURE, _VOUT, _IOUT, _FAULT, _CONFIG,
)

_HOLD_MS = const(2_000)  # a set-point that nobody renewed for so long is withdrawn
_LOST_MS = const(2_000)
_OBEY_MS = const(3_000)  # it must be off this long after the command
_HELD_MS = const(3_000)  # the last time that it held its set-point may be this long ago
_STALE_MS = const(20_000)
_RETRY_MS = const(5_000)  # pause after a set-up that did not succeed
_TRIES = const(20)
_WRITES = const(3)  # of the configuration in one set-up: they go to the EEPROM

# no unit of the series gives more than 150 V or 150 A
_OUTPUT_MAX = const(15_000)
_DDEGC_MIN = const(-600)
_DDEGC_MAX = const(2_000)

# set-up
_ASK_CONFIG = const(0)
_KEEP_OFF = const(1)  # write the power-on state, kept in the EEPROM: once in its life
_NO_EEPROM = const(2)
_ASK_CURVE = const(3)
_READY = const(4)
_REFUSED = const(5)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.can_bus import CanBus
    from cabinet.ports import Clock


class NpbCharger(CanClient):
    """One charger; `address` 0 to 3 is set by two of its pins."""

    def __init__(self, bus: "CanBus", address: int, clock: "Clock") -> None:
        if not 0 <= address <= 3:
            raise ValueError("CAN address of an NPB charger is {}, allowed are 0 to 3".format(address))
        self.clock = clock
        self.address = address
        self.reading = ChargerReading()
        self.set_mv = 0
        self.set_ma = 0
        self._command_id = _TO_UNIT | address
        self._frame = bytearray(8)
        self._step = 0
        self._setup = _ASK_CONFIG
        self._tries = 0
        self._writes = 0
        self._sent_volt = -1  # as sent last, 10 mV
        self._sent_amp = -1
        self._holds = 0  # bit 0: holds the voltage that was sent, bit 1: the current
        self._seen = 0  # bits: voltage, current, faults came since the last whole reading
        self._volt = 0
        self._amp = 0
        self._on = False  # as sent last
        self._may_run = True  # not known to be off
        self._inserted = False  # the newest frame was sent out of turn
        self._off_waits = False  # an order to stop is the newest frame: the next tick does not displace it
        now = clock.ticks_ms()
        self._set_ms = self._heard_ms = self._held_ms = self._off_ms = self._retry_ms = now
        CanClient.__init__(self, bus, "charger {}".format(address), (_FROM_UNIT | address,))

    def set(self, mv: int, ma: int) -> None:
        """What it shall give at most; 0, 0 = off. Call it at every control step: a set-point that is not renewed within
        two seconds is withdrawn. Off goes out at once, a change with the next frame, or the one after."""
        now = self.clock.ticks_ms()
        self._set_ms = now
        if mv < 10 or ma < 10:
            mv = ma = 0
        mv = min(mv // 10, 0xFFFF) * 10  # as it can be sent: what differs by less is no change
        ma = min(ma // 10, 0xFFFF) * 10
        if mv != self.set_mv or ma != self.set_ma:
            self._apply(mv, ma, now)

    def _apply(self, mv: int, ma: int, now_ms: int) -> None:
        if ma == 0:
            self._off_ms = now_ms
            self.set_mv = self.set_ma = 0
            self._operate(False)
            self._off_waits = True
            return
        if self.set_ma == 0:
            self._step = 0
            self._holds = 0
        self.set_mv = mv
        self.set_ma = ma

    def mains_was_off(self) -> None:
        """The relay has taken its mains for long enough: it is off, and stays off until the next command."""
        self._may_run = False
        self._setup = _ASK_CONFIG

    def runaway(self, now_ms: int) -> bool:
        """Whether nothing but the mains relay stops it now. For the supervisor to ask ten times a second, and decided here alone,
        because `tick` stands still when the task of its bus does."""
        if not self._may_run or self.set_ma or 0 <= ticks.diff(now_ms, self._off_ms) < _OBEY_MS:
            return False
        self._off_ms = ticks.add(now_ms, -_OBEY_MS)
        return True

    # ---- frames out ----

    def _ask(self, command: int) -> None:
        self._put(command, 2, 0)
        self.stats.requests += 1

    def _put(self, command: int, length: int, value: int) -> None:
        frame = self._frame
        frame[0] = command & 0xFF
        frame[1] = command >> 8
        frame[2] = value & 0xFF
        frame[3] = value >> 8
        # one frame of each unit waits at most: the newest. Whatever it displaced comes again with the next round.
        self.bus.send(self._command_id, frame, length, command == _OPERATION and not value, True)

    def _operate(self, on: bool) -> None:
        self._on = on
        if on:
            self._may_run = True
        self._put(_OPERATION, 3, 1 if on else 0)

    def tick(self, now_ms: int) -> None:
        """One frame, and the time limits."""
        if self.set_ma and not 0 <= ticks.diff(now_ms, self._set_ms) <= _HOLD_MS:
            self._apply(0, 0, now_ms)
        self._watch(now_ms)
        if self._off_waits:
            self._off_waits = False
            return
        if self._setup != _READY:
            self._set_up(now_ms)
            return
        if self._on and self._holds != 3 and not 0 <= ticks.diff(now_ms, self._held_ms) <= _HELD_MS:
            self._operate(False)  # one missed answer does not stop it, but this was longer
            self._off_waits = True
            return
        self._inserted = not self._inserted and self._insert()  # every second frame at most: the round has to go on
        if self._inserted:
            return
        step = _ROUND[self._step]
        self._step = (self._step + 1) % len(_ROUND)
        if not step & _WRITE:
            self._ask(step)
        elif step == _WRITE | _OPERATION:
            self._operate(bool(self.set_ma) and (self._on or self._holds == 3))
        elif not self.set_ma:
            self._operate(False)
        elif step == _WRITE | _VOUT_SET:
            self._holds &= 2
            self._tell_volt()
        else:
            self._holds &= 1
            self._tell_amp()

    def _tell_volt(self) -> None:
        self._sent_volt = self.set_mv // 10
        self._put(_VOUT_SET, 4, self._sent_volt)

    def _tell_amp(self) -> None:
        self._sent_amp = self.set_ma // 10
        self._put(_IOUT_SET, 4, self._sent_amp)

    def _insert(self) -> bool:
        """Send a set-point that differs from the last one; the round reads it back. Before the output is on the round sends it, up to
        the last moment: what changes between its being read back and the switching on must not wait, nor put the start off for ever."""
        if not self.set_ma or not self._on and self._holds != 3:
            return False
        if self._sent_amp != self.set_ma // 10:
            if self._on:
                self._holds &= 1
            self._tell_amp()
        elif self._sent_volt != self.set_mv // 10:
            if self._on:
                self._holds &= 2
            self._tell_volt()
        else:
            return False
        return True

    def _set_up(self, now_ms: int) -> None:
        if self._setup == _REFUSED:
            if 0 <= ticks.diff(now_ms, self._retry_ms) < _RETRY_MS:
                self._ask(_FAULT)  # so that it is known to be there
                return
            self._setup = _ASK_CONFIG
            self._tries = 0
        self._tries += 1
        turn = self._tries & 3
        if self._tries > _TRIES:
            self._refuse(now_ms)
        elif turn == 1:
            self._operate(False)
        elif turn == 3:
            self._ask(_FAULT)
        elif self._setup == _ASK_CURVE:
            self._ask(_CURVE)
        else:
            self._ask(_CONFIG)

    def _refuse(self, now_ms: int) -> None:
        self._setup = _REFUSED
        self._retry_ms = now_ms
        self.fault = "exception"
        self.stats.failed("exception")
        self.reading.fault_bits |= CHARGER_HARDWARE

    def _lost(self, now_ms: int) -> bool:
        return ticks.diff(now_ms, self._heard_ms) > _LOST_MS

    def _watch(self, now_ms: int) -> None:
        lost = self._lost(now_ms)
        if lost:
            if not self.fault:
                self.fault = "timeout"
                self.stats.timeouts += 1
            self._heard_ms = ticks.add(now_ms, -_LOST_MS - 1)
            self._setup = _ASK_CONFIG  # it may have been without mains, and is as it was delivered
            self._tries &= 3
            self._writes = 0
            self._seen = 0
            taken = self.reading.taken_ms
            if taken is not None and ticks.diff(now_ms, taken) > _STALE_MS:
                self.reading.clear()

    # ---- frames in ----

    def on_frame(self, can_id: int, data: "bytearray", length: int, now_ms: int) -> "bytearray | None":
        """An answer: the command, then its value."""
        if length < 3:
            self.stats.failed("implausible")
            return None
        command = u16_le(data, 0)
        if command == _OPERATION:
            return None
        if length < 4:
            self.stats.failed("implausible")
            return None
        self._heard_ms = now_ms
        self.stats.answers += 1
        value = u16_le(data, 2)
        if command in (_VOUT, _IOUT) and value > _OUTPUT_MAX or command == _TEMPERATURE and not _DDEGC_MIN <= i16_le(data, 2) <= _DDEGC_MAX:
            self.stats.failed("implausible")
            return None
        if command == _VOUT:
            self._volt = value
            self._seen |= 1
        elif command == _IOUT:
            self._amp = value
            self._seen |= 2
        elif command == _FAULT:
            self._take_faults(value, now_ms)
        elif command == _TEMPERATURE:
            self.reading.temp_ddegc = i16_le(data, 2)
        elif command == _VOUT_SET:
            if value == self._sent_volt:
                self._hold(1, now_ms)
        elif command == _IOUT_SET:
            if value == self._sent_amp:
                self._hold(2, now_ms)
        elif command == _CONFIG:
            self._take_config(value)
        elif command == _CURVE and self._setup == _ASK_CURVE:
            if value & _CURVE_ENABLED:
                self._refuse(now_ms)
            else:
                self._setup = _READY
                self._step = self._holds = 0
        return None

    def _hold(self, bit: int, now_ms: int) -> None:
        self._holds |= bit
        if self._holds == 3:
            self._held_ms = now_ms

    def _take_faults(self, bits: int, now_ms: int) -> None:
        if bits & _FAULT_OFF:
            if not self._on:
                self._may_run = False
        elif not self._may_run:
            self._may_run = True  # whoever switched it on
            if self.set_ma == 0:
                self._off_ms = now_ms
        faults = 0
        if bits & _FAULTS_HARDWARE or self._setup == _REFUSED:
            faults = CHARGER_HARDWARE
        if bits & _FAULTS_HOT:
            faults |= CHARGER_OVER_TEMPERATURE
        if bits & _FAULTS_INPUT:
            faults |= CHARGER_INPUT_VOLTAGE
        reading = self.reading
        reading.fault_bits = faults
        if self._setup != _READY or self._seen != 3:
            return
        self._seen = 0
        reading.output_mv = self._volt * 10
        reading.output_ma = self._amp * 10
        reading.taken_ms = now_ms
        self.fault = ""
        self.stats.renewed(now_ms)

    def _take_config(self, value: int) -> None:
        wanted = value & _CONFIG_MASK == _EEPROM_OFF
        if self._setup == _READY:
            if not wanted:
                self._setup = _ASK_CONFIG  # it was without mains for a moment
                self._tries = self._writes = 0
            return
        if self._setup in (_ASK_CURVE, _REFUSED):
            return
        if wanted:
            self._setup = _ASK_CURVE
            return
        if self._writes >= _WRITES:
            return  # it does not keep what was sent: the tries run out
        self._writes += 1
        rest = value & ~_CONFIG_MASK & 0xFFFF
        if value & _STORED_MASK:
            self._setup = _KEEP_OFF
            self._put(_CONFIG, 4, rest | _STORING_OFF)
        else:
            self._setup = _NO_EEPROM
            self._put(_CONFIG, 4, rest | _EEPROM_OFF)
