"""Charger of the TC / Elcon kind on CAN: a set-point every second, or it stops by itself after five."""

import struct

from micropython import const

from cabinet.bus.can_client import CanClient
from cabinet.core import ticks
from cabinet.core.reading import ChargerReading

_COMMAND = const(0x180600F4)
_STATUS = const(0x18FF5000)
_REPEAT_MS = const(1_000)
_AGAIN_MS = const(100)  # a charger that was switched off gets "off" again after this time, until its status shows that no current flows
_HOLD_MS = const(2_000)  # a set-point that nobody renewed for so long is withdrawn
_LOST_MS = const(3_000)
_STALE_MS = const(20_000)
_FAULTS = const(0x1F)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.can_bus import CanBus
    from cabinet.ports import Clock


_frame = bytearray(8)  # for all: the bus copies it


class ElconCharger(CanClient):
    """One charger; `address` is 0xE5 as delivered, others as ordered."""

    def __init__(self, bus: "CanBus", address: int, clock: "Clock") -> None:
        if not 0 <= address <= 0xFD:
            raise ValueError("CAN address of a charger is {}, allowed are 0 to 253".format(address))
        self.address = address
        self.reading = ChargerReading()
        self.set_mv = 0
        self.set_ma = 0
        self._said_at = len(bus.kept)  # where its last status stands: length and bytes
        bus.kept.extend(bytes(9))
        now = clock.ticks_ms()
        self._set_ms = self._heard_ms = self._off_ms = now
        self._sent_ms = ticks.add(now, -_REPEAT_MS)
        CanClient.__init__(self, bus, "charger 0x{:02x}".format(address), (_STATUS | address,))

    def set(self, mv: int, ma: int) -> None:
        """What it shall give at most; 0, 0 = off. Call it at every control step: a set-point that is not renewed within
        two seconds is withdrawn. A change goes out at once, the same again every second; off ten times a second until it is."""
        now = self.bus.clock.ticks_ms()
        self._set_ms = now
        if mv <= 0 or ma <= 0:
            mv = ma = 0
        if mv == self.set_mv and ma == self.set_ma:
            return
        self._apply(mv, ma, now)

    def _apply(self, mv: int, ma: int, now_ms: int) -> None:
        if not ma:
            self._off_ms = now_ms
        self.set_mv = mv
        self.set_ma = ma
        self._send(now_ms)

    def _send(self, now_ms: int) -> None:
        volt = min(self.set_mv // 100, 0xFFFF)
        amp = min(self.set_ma // 100, 0xFFFF)
        off = not (volt and amp)
        if off:
            volt = amp = 0
        frame = _frame
        frame[0] = volt >> 8
        frame[1] = volt & 0xFF
        frame[2] = amp >> 8
        frame[3] = amp & 0xFF
        frame[4] = 1 if off else 0
        # what switches off goes ahead of everything else; what found no room is due again at once
        sent = self.bus.send(_COMMAND | self.address << 8, frame, 8, off, True)
        self._sent_ms = now_ms if sent else ticks.add(now_ms, -_REPEAT_MS)

    def on_frame(self, can_id: int, data: "bytearray", length: int, now_ms: int) -> "bytearray | None":
        """Its status."""
        if length < 5:
            self.stats.failed("implausible")
            return None
        self._heard_ms = now_ms
        kept = self.bus.kept
        at = self._said_at
        kept[at] = length
        for i in range(length):
            kept[at + 1 + i] = data[i]
        reading = self.reading
        reading.output_mv = (data[0] << 8 | data[1]) * 100
        reading.output_ma = (data[2] << 8 | data[3]) * 100
        reading.fault_bits = data[4] & _FAULTS  # in the order of the CHARGER_ bits
        reading.taken_ms = now_ms
        self.fault = ""
        self.stats.answers += 1
        self.stats.renewed(now_ms)
        return None

    def put_frames(self, out: bytearray) -> None:
        """Its last status."""
        at = self._said_at
        length = self.bus.kept[at]
        if length:
            out.extend(struct.pack(">BBI", 2, 4 + length, _STATUS | self.address))
            out.extend(self.bus.kept[at + 1 : at + 1 + length])

    def tick(self, now_ms: int) -> None:
        """Repeat the set-point; withdraw one that nobody stands by any more."""
        if self.set_ma and not 0 <= ticks.diff(now_ms, self._set_ms) <= _HOLD_MS:
            self._apply(0, 0, now_ms)
        elif ticks.diff(now_ms, self._sent_ms) >= (_REPEAT_MS if self.set_ma or not self._may_give(now_ms) else _AGAIN_MS):
            self._send(now_ms)  # a lost frame costs a tenth of a second, not a whole one, where it was to end a charge
        if ticks.diff(now_ms, self._heard_ms) > _LOST_MS:
            if not self.fault:
                self.fault = "timeout"
                self.stats.timeouts += 1
            self._heard_ms = ticks.add(now_ms, -_LOST_MS - 1)
            taken = self.reading.taken_ms
            if taken is not None and ticks.diff(now_ms, taken) > _STALE_MS:
                self.reading.clear()

    def _may_give(self, now_ms: int) -> bool:
        """Whether it gives current, or has reported nothing yet since it was to end: its last status may be older than the charge was."""
        if self.reading.output_ma:
            return True
        return 0 <= ticks.diff(now_ms, self._off_ms) < _LOST_MS and ticks.diff(self._heard_ms, self._off_ms) <= 0
