"""A charger driver to copy: an invented ACME charger on CAN. The duties are in firmware/cabinet/devices/contract.py, class Charger.

Command 0x0C000000 + address: voltage (0.1 V) and current (0.1 A) as u16, least significant byte first, then 1 for on, 0 for off. Status
0x0C100000 + address, five times a second: measured voltage and current alike, then fault bits. Without a command it stops after 3 s.
"""

from micropython import const

from cabinet.bus.can_client import CanClient
from cabinet.core import ticks
from cabinet.core.reading import ChargerReading

_COMMAND = const(0x0C000000)
_STATUS = const(0x0C100000)
_REPEAT_MS = const(500)
_HOLD_MS = const(2000)
_LOST_MS = const(3000)
_STALE_MS = const(20000)
_FAULTS = const(0x07)  # hardware, over-temperature, input voltage: in the order of the CHARGER_ bits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.can_bus import CanBus
    from cabinet.ports import Clock

_frame = bytearray(8)  # shared by all chargers, because the bus copies it


class AcmeCharger(CanClient):
    """One charger, `address` 0 to 63."""

    def __init__(self, bus: "CanBus", address: int, clock: "Clock") -> None:
        self.address = address
        self.reading = ChargerReading()
        self.set_mv = 0
        self.set_ma = 0
        self._set_ms = self._sent_ms = self._answered_ms = clock.ticks_ms()
        CanClient.__init__(self, bus, f"charger {address}", (_STATUS | address,))

    def set(self, mv: int, ma: int) -> None:
        """The most that it shall give, in mV and mA; 0, 0: off. Called in each control round. A change is sent at once."""
        self._set_ms = self.bus.clock.ticks_ms()
        if mv <= 0 or ma <= 0 or self.fault:  # after a silence it begins as a new charger, with a status
            mv = ma = 0
        if mv != self.set_mv or ma != self.set_ma:
            self.set_mv = mv
            self.set_ma = ma
            self._send(self._set_ms)

    def _send(self, now_ms: int) -> None:
        mv, ma, frame = self.set_mv // 100, self.set_ma // 100, _frame
        frame[0], frame[1] = mv & 0xFF, mv >> 8
        frame[2], frame[3] = ma & 0xFF, ma >> 8
        frame[4] = 1 if ma else 0
        self.bus.send(_COMMAND | self.address, frame, 8, not ma)  # what switches off goes ahead of all else
        self._sent_ms = now_ms

    def on_frame(self, can_id: int, data: "bytearray", length: int, now_ms: int) -> "bytearray | None":
        """Its status: what it measures, never what it was commanded."""
        if length < 5:
            self.stats.failed("implausible")
            return None
        self._answered_ms = self.reading.taken_ms = now_ms
        self.reading.output_mv = (data[0] | data[1] << 8) * 100
        self.reading.output_ma = (data[2] | data[3] << 8) * 100
        self.reading.fault_bits = data[4] & _FAULTS
        self.fault = ""
        self.stats.answers += 1
        self.stats.renewed(now_ms)
        return None

    def tick(self, now_ms: int) -> None:
        """Repeat the set-point; withdraw it when the control loop does not renew it; notice a charger that is silent."""
        if self.set_ma and not 0 <= ticks.diff(now_ms, self._set_ms) <= _HOLD_MS:
            self.set_mv = self.set_ma = 0
            self._send(now_ms)
        elif ticks.diff(now_ms, self._sent_ms) >= (_REPEAT_MS if self.set_ma or not self.reading.output_ma else 100):
            self._send(now_ms)
        silent_ms = ticks.diff(now_ms, self._answered_ms)
        if silent_ms > _LOST_MS and not self.fault:
            self.fault = "timeout"
            self.stats.timeouts += 1
        if silent_ms > _STALE_MS:
            self._answered_ms = ticks.add(now_ms, -_STALE_MS)  # or the counter would wrap
            self.reading.clear()
