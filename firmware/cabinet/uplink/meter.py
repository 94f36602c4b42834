"""What the line costs: bytes and messages of a day by kind. They outlive a restart.

A message costs more than its bytes: TCP, IP and TLS headers, and the acknowledgement. `OVERHEAD` is what goes over the line for one
QoS 1 message in both directions beside its own bytes; see tests/benchmark/uplink/bytes_a_day.py. A day is 24 hours of running.
"""

import struct

from micropython import const

from cabinet.core import ticks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

EVENTS = 0
TELEMETRY = 1
STATES = 2
COMMANDS = 3
SESSION = 4
KINDS = ("events", "telemetry", "states", "commands", "session")
OVERHEAD = 182
_DAY_MS = const(86400000)
_SAVE_MS = const(3600000)
_FORM = "<2Ii10I"  # milliseconds of the day, yesterday on the line, credit, bytes and messages by kind
_NAME = "line"


class Meter:
    """Without a budget; see budget.py, also for `credit`. `store` is the state store, None to forget."""

    def __init__(self, clock: "Any", store: "Any" = None, credit: int = 0) -> None:
        self._clock = clock
        self._store = store
        self._saved_ms = self._since_ms = clock.ticks_ms()
        self._counts = [0] * 10  # bytes by kind, messages by kind
        self.yesterday = 0  # bytes on the line
        self.credit = credit
        raw = store.get(_NAME) if store else None
        if raw and len(raw) == 52:
            values = struct.unpack(_FORM, raw)
            self._since_ms = ticks.add(self._since_ms, -values[0])
            self.yesterday = values[1]
            self.credit = values[2]
            self._counts = list(values[3:])

    def count(self, kind: int, size: int) -> None:
        """One message of that many bytes, in or out."""
        self.roll()
        self._counts[kind] += size
        self._counts[kind + 5] += 1

    def roll(self) -> None:
        """Begin the next day, and save, when it is time; to be called at least once a day."""
        now_ms = self._clock.ticks_ms()
        if ticks.diff(now_ms, self._since_ms) >= _DAY_MS:
            self.yesterday = self.used()
            self._since_ms = ticks.add(self._since_ms, _DAY_MS)
            for index in range(10):
                self._counts[index] = 0
        if self._store and ticks.diff(now_ms, self._saved_ms) >= _SAVE_MS:
            self._saved_ms = now_ms
            passed_ms = max(0, ticks.diff(now_ms, self._since_ms)) % _DAY_MS
            try:
                self._store.put(_NAME, struct.pack(_FORM, passed_ms, self.yesterday, self.credit, *self._counts))
            except Exception as error:  # no room, or the flash failed: costs an hour's counts at the next restart
                print("uplink: counters not stored:", repr(error))

    def used(self) -> int:
        """Bytes on the line today, headers included."""
        return sum(self._counts[:5]) + OVERHEAD * sum(self._counts[5:])

    def thrifty(self, kind: int) -> bool:
        """Whether messages of a kind are to wait for the budget."""
        return False

    def report(self) -> dict:
        """Bytes by kind, without headers, and the whole with them, of today and of the day before."""
        made: "dict[str, int]" = dict(zip(KINDS, self._counts))
        made["line"] = self.used()
        made["yesterday"] = self.yesterday
        return made
