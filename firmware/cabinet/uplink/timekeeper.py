"""Which offered time is accepted. Imported only where time servers are configured. No I/O but the clock, the state store and a note.

One server may lie or be misled. So a time that moves the clock by more than `FREE_S`, or lies before the newest time that this
cabinet has stored, needs a second opinion, and every such step is journaled. With one server only, nobody else can be asked: the
first time after a start is then taken if it can be true, and any later jump only if the server says it three times.
"""

import struct

from cabinet.core import events, ticks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

EARLIEST_S = 1735689600  # 2025: an older time cannot be true
LATEST_S = 4102444800  # 2100
FREE_S = 60  # more than any clock drifts between two answers
_AGREE_S = 10
_UNJOURNALED_S = 2  # smaller corrections are not journaled
_NAME = "time"


class Timekeeper:
    """`servers`: how many are configured. `note(event)` journals; `store` is the state store."""

    def __init__(self, clock: "Any", store: "Any", note: "Any", servers: int) -> None:
        self._clock = clock
        self._store = store
        self._note = note
        self._servers = servers
        raw = store.get(_NAME)
        self._floor_s = struct.unpack("<I", raw)[0] if raw and len(raw) == 4 else 0
        self._other: "Any" = None  # (server, time, ticks) of a jump that waits for a second opinion
        self._votes = 0
        self._refused = ""

    def offer(self, server: str, unix_s: int) -> bool:
        """An answer of a server; True if the clock now follows it."""
        if not EARLIEST_S <= unix_s < LATEST_S:
            self._refuse(server, unix_s, "impossible")
            return False
        before = self._clock.wall_s() if self._clock.quality() else 0
        jump = unix_s < self._floor_s - _AGREE_S or (abs(unix_s - before) > FREE_S if before else self._servers > 1)
        if jump and not self._agreed(server, unix_s):
            if before or unix_s < self._floor_s:
                self._refuse(server, unix_s, "jump")
            return False
        self._other = None
        self._refused = ""
        first = self._clock.quality() != 2
        self._clock.synchronise(unix_s)
        if first or abs(unix_s - before) > _UNJOURNALED_S:
            self._note(events.make("time.set", 0, "", before or None, unix_s, server))
        self._floor_s = unix_s
        try:
            self._store.put(_NAME, struct.pack("<I", unix_s))
        except Exception as error:  # no room, or the flash failed: costs the memory of it, not the time
            print("time: not stored:", repr(error))
        return True

    def _agreed(self, server: str, unix_s: int) -> bool:
        """Whether another server (of several), or the only one twice before, reports the same."""
        now_ms = self._clock.ticks_ms()
        same = False
        if self._other is not None:
            voice, time_s, ticks_ms = self._other
            same = abs(time_s + ticks.diff(now_ms, ticks_ms) // 1000 - unix_s) <= _AGREE_S
            if same and self._servers > 1 and voice == server:
                return False
        self._votes = self._votes + 1 if same else 1
        self._other = (server, unix_s, now_ms)
        return self._votes >= (2 if self._servers > 1 else 3)

    def _refuse(self, server: str, unix_s: int, reason: str) -> None:
        if self._refused != server + reason:  # once, not at every answer
            self._refused = server + reason
            self._note(events.make("time.refused", 0, "", server, unix_s, reason))
