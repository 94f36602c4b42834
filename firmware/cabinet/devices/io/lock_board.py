"""What all boards that time a lock's pulse themselves have in common: pulses that wait, are tried again, and are given up."""

from micropython import const

from cabinet.bus.polled_client import PolledClient
from cabinet.core import ticks

PULSE_MAX_MS = const(2000)
_TRIES = const(3)
_LIFE_MS = const(1000)  # a permit is not carried out later than this: the world may have changed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.polled_bus import PolledBus
    from cabinet.ports import Clock


class LockBoard(PolledClient):
    """A board with `channels` locks. A driver says what a pulse looks like (`send_pulse`) and what is asked besides (`ask`, `take`)."""

    def __init__(self, bus: "PolledBus", address: int, name: str, clock: "Clock", channels: int, period_ms: int) -> None:
        self.clock = clock
        self.channels = channels
        self.pulses_failed = 0
        self._pulse_ms = bytearray(channels * 2)  # 0 = none wanted
        self._pulse_tries = bytearray(channels)
        self._pulse_since = [0] * channels
        self._pulsing = -1  # the channel whose pulse is under way
        PolledClient.__init__(self, bus, address, name)
        self.period_ms = period_ms
        self.due_ms = clock.ticks_ms()

    def pulse(self, channel: int, ms: int) -> bool:
        """Unlock this channel for `ms`, timed by the board. False if a pulse for it is still on its way or the value is not allowed."""
        if not 0 <= channel < self.channels or not 1 <= ms <= PULSE_MAX_MS or self._wanted(channel):
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
        self.urgent = False
        for i in range(self.channels):
            if self._wanted(i):
                self.urgent = True

    def _next_pulse(self, now_ms: int) -> int:
        """The channel that has waited longest; -1 if there is none. Pulses that waited too long are given up."""
        oldest = -1
        for i in range(self.channels):
            if not self._wanted(i):
                continue
            if self._pulse_tries[i] >= _TRIES or not 0 <= ticks.diff(now_ms, self._pulse_since[i]) <= _LIFE_MS:
                self.pulses_failed += 1
                self._drop(i)
            elif oldest < 0 or ticks.diff(self._pulse_since[oldest], self._pulse_since[i]) > 0:
                oldest = i
        return oldest

    # ---- what a driver has to say

    def send_pulse(self, channel: int, ms: int) -> bool:
        """Put the order for a pulse on the bus."""
        return False

    def ask(self, now_ms: int) -> bool:
        """Put any other request on the bus."""
        return False

    def take(self, buf: "bytearray", at: int, now_ms: int) -> str:
        """The answer to `ask`; the fault that it shows, or ""."""
        return ""

    # ---- called by the bus

    def compose(self, now_ms: int) -> bool:
        """The next request."""
        if self.urgent:
            channel = self._next_pulse(now_ms)
            if channel >= 0:
                self._pulse_tries[channel] += 1
                self._pulsing = channel
                return self.send_pulse(channel, self._wanted(channel))
        self._pulsing = -1
        return self.ask(now_ms)

    def accept(self, buf: "bytearray", at: int, now_ms: int) -> str:
        """An answer."""
        if self._pulsing < 0:
            return self.take(buf, at, now_ms)
        self.again = True
        self._drop(self._pulsing)
        return ""
