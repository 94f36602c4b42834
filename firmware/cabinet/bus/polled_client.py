"""What a device on a polled line looks like to the line."""

from micropython import const

from cabinet.bus.stats import DeviceStats
from cabinet.core import ticks

SILENT_AFTER = const(3)  # failures in a row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.bus.polled_bus import PolledBus


class PolledClient:
    """One address. The line calls `compose`, then `accept` or `lost`; none of them may wait or allocate.

    A driver declares the limits of its device by overriding two attributes: `max_registers` in one read (Modbus), and `rest_ms`
    between the end of one exchange with it and the next request to it (others may be served meanwhile)."""

    max_registers = 125  # a read of more is not sent: compose() asks in portions
    rest_ms = 0
    standing = ""  # a fault that holds while it answers, such as one dead sensor of many: neither silence nor a reason to ask less often
    done_ms = 0  # when the last exchange ended; kept only for devices that need rest

    def __init__(self, bus: "PolledBus", address: int, name: str) -> None:
        if not 1 <= address <= 247:
            raise ValueError("Modbus unit address of {} is {}, allowed are 1 to 247".format(name, address))
        self.bus: "Any" = bus  # with the requests of its kind
        self.address = address
        self.name = name
        self.fault = ""  # "", or why nothing good comes from it: timeout, crc, exception, foreign, implausible, frozen
        self.stats = DeviceStats()
        self.period_ms = 0  # 0 = not polled
        self.due_ms = 0
        self.urgent = False  # has something that goes ahead of all polls
        self.again = False  # has more to ask right after this
        self.fails = 0  # in a row
        self.backoff_ms = 0
        self.lag_us = 0  # how long it usually thinks before it answers
        self.answer_us = 0  # how long to wait for it at most, as learnt from its slowest answer
        self.full_time = True  # it was never asked: it gets all the time that a unit may take
        bus.attach(self)

    def set_need(self, period_ms: int) -> None:
        """How often a pack shall be asked; 0: not at all, and whatever was known of it is forgotten."""
        if period_ms == self.period_ms:
            return
        now_ms = self.bus.clock.ticks_ms()
        if period_ms <= 0:
            period_ms = 0
            self.forget()
            self.fault = ""
            self.stats.restart()
        elif self.period_ms == 0:
            self.fails = 0
            self.due_ms = now_ms
            self.stats.restart()
        elif ticks.diff(self.due_ms, now_ms) > period_ms and self.fails < SILENT_AFTER:
            self.due_ms = now_ms
        self.period_ms = period_ms

    def forget(self) -> None:
        """Whatever was known of the device holds no longer: of a pack, it has been taken out."""

    def wake(self) -> None:
        """A BMS that sleeps wakes when its line is used: ask at once, and as often as one that answers."""
        self.fails = 0
        self.backoff_ms = 0
        self.due_ms = self.bus.clock.ticks_ms()

    def put_frames(self, out: bytearray) -> None:
        """Append the frames behind the reading, as evidence: see runtime/control_loop.py."""
        self.bus.put_frames(self, out)

    def compose(self, now_ms: int) -> bool:
        """Call one of the line's methods for requests; False if there is nothing to ask after all."""
        return False

    def accept(self, buf: "bytearray", at: int, now_ms: int) -> str:
        """The answer's data begin at buf[at]. Returns "" or the fault that it shows."""
        return ""

    def lost(self, reason: str, now_ms: int) -> None:
        """The request got no good answer."""
