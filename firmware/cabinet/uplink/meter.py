"""What the line costs: bytes and messages of today and yesterday by kind, and whether the daily budget allows more telemetry.

A message costs more than its bytes: TCP, IP and TLS headers, and the acknowledgement. `OVERHEAD` is what goes over the line for one
QoS 1 message in both directions beside its own bytes; see tests/benchmark/uplink/bytes_a_day.py.
"""

from cabinet.core import ticks

EVENTS = 0
TELEMETRY = 1
STATES = 2
COMMANDS = 3
SESSION = 4
KINDS = ("events", "telemetry", "states", "commands", "session")
OVERHEAD = 182
_DAY_MS = 86400000


class Meter:
    """`day_bytes` is the budget of a day, 0 for none. Events are never held back, whatever they cost."""

    def __init__(self, clock, day_bytes: int) -> None:
        self._clock = clock
        self._day_bytes = day_bytes
        self._since_ms = clock.ticks_ms()
        self.bytes = [0] * len(KINDS)
        self.messages = [0] * len(KINDS)
        self.yesterday = {}

    def count(self, kind: int, size: int) -> None:
        """One message of that many bytes, in or out."""
        if ticks.diff(self._clock.ticks_ms(), self._since_ms) >= _DAY_MS:
            self.yesterday = self.report()
            self._since_ms = ticks.add(self._since_ms, _DAY_MS)
            for index in range(len(KINDS)):
                self.bytes[index] = self.messages[index] = 0
        self.bytes[kind] += size
        self.messages[kind] += 1

    def used(self) -> int:
        """Bytes on the line today, headers included."""
        return sum(self.bytes) + OVERHEAD * sum(self.messages)

    def thrifty(self) -> bool:
        """Whether more has gone than this hour's share of the budget; then telemetry waits."""
        if not self._day_bytes:
            return False
        spent_ms = min(max(ticks.diff(self._clock.ticks_ms(), self._since_ms), 0), _DAY_MS)
        hour = spent_ms // 3600000 + 1
        return self.used() * 24 > self._day_bytes * hour

    def report(self) -> dict:
        """Bytes by kind, without headers, and the whole with them."""
        made = {KINDS[index]: self.bytes[index] for index in range(len(KINDS))}
        made["line"] = self.used()
        return made
