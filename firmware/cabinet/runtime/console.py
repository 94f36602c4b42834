"""The console: one JSON line at a time, for the bench, a technician and the simulator's panel.

Lines: {"t":"slot",...} one slot after the other, {"t":"cabinet",...}, {"t":"stats",...}, {"t":"log","text":...}.
Shown for a minute after a start and after each byte that is received; else the port is silent.
"""

import asyncio
import io
import json

from cabinet.core.ticks import diff
from cabinet.runtime import loop_profiler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import Clock
    from cabinet.runtime.loop_profiler import LoopProfiler

ROUND_MS = 500  # every slot is shown once in this time, if the port takes as much
IDLE_ROUND_MS = 2000  # while nothing is shown: for the retained view of a slot
STATS_EVERY_ROUNDS = 2
SHOWN_MS = 60_000  # after a start and after each received byte
TURN_MS = 10  # between two turns of a line that does not fit into one
STUCK_TURNS = 200  # a host that holds the port and has not read for so many turns: the rest of the line is dropped
LINE_BYTES = 2048


def log(text: str) -> None:
    """A line for a person, at a time when the loop does not run: it may wait for the port."""
    print(json.dumps({"t": "log", "text": text}))


class Line(io.IOBase):
    """A line's bytes, in a buffer of its own: json.dump() writes pieces of a few bytes, the port gets them as one."""

    def __init__(self) -> None:
        self._bytes = bytearray(LINE_BYTES)
        self._view = memoryview(self._bytes)
        self.length = 0

    def write(self, data: "Any") -> int:
        """One more piece. Raises ValueError if the line is longer than the buffer."""
        if isinstance(data, str):
            data = data.encode()
        end = self.length + len(data)
        if end > LINE_BYTES:
            raise ValueError("console line longer than %d bytes" % LINE_BYTES)
        self._bytes[self.length : end] = data
        self.length = end
        return len(data)

    def take(self, view: dict) -> memoryview:
        """The view as one line."""
        self.length = 0
        try:
            json.dump(view, self)
        except ValueError as error:
            self.length = 0
            json.dump({"t": "log", "text": str(error)}, self)
        self.write(b"\r\n")
        return self._view[: self.length]


class Console:
    """Shows the slots one by one, so that no line holds the loop for long. `port`: see console_port.ConsolePort."""

    def __init__(self, clock: "Clock", profiler: "LoopProfiler", port: "Any", slot_count: int, views: "Any", on_slot: "Any") -> None:
        self._clock = clock
        self._profiler = profiler
        self._port = port
        self._slot_count = slot_count
        self._views = views
        self._on_slot = on_slot  # called with (slot number, dict): the uplink's retained view
        self._line = Line()
        self._shown = True
        self._since_ms = clock.ticks_ms()

    async def run(self) -> None:
        """For ever."""
        pause_ms = max(1, ROUND_MS // (self._slot_count + 1))
        rounds = 0
        while True:
            for number in range(1, self._slot_count + 1):
                began = self._profiler.start()
                view = self._views.slot(number)
                self._on_slot(number, view)
                view["t"] = "slot"
                self._profiler.stop(loop_profiler.STATUS, began)
                await self._show(view)
                await asyncio.sleep_ms(pause_ms)
            rounds += 1
            if self._is_asked():
                await self._show(self._views.cabinet())
                if rounds % STATS_EVERY_ROUNDS == 0:
                    await self._show(self._views.stats())
            await asyncio.sleep_ms(pause_ms)
            pause_ms = max(1, (ROUND_MS if self._shown else IDLE_ROUND_MS) // (self._slot_count + 1))

    def _is_asked(self) -> bool:
        if self._port.asked():
            self._shown = True
            self._since_ms = self._clock.ticks_ms()
        elif self._shown and not self._port.always and diff(self._clock.ticks_ms(), self._since_ms) > SHOWN_MS:
            self._shown = False
        return self._shown

    async def _show(self, view: dict) -> None:
        """One line, in as many turns as the port needs. A host that reads nothing loses its end, and then all lines until it asks."""
        if not self._shown:
            return
        began = self._profiler.start()
        rest = self._line.take(view)
        stuck = 0
        while len(rest):
            done = self._port.write(rest)
            self._profiler.stop(loop_profiler.STATUS, began)
            rest = rest[done:]
            if not len(rest):
                break
            stuck = 0 if done else stuck + 1
            if stuck > STUCK_TURNS:
                self._shown = self._port.always
                return
            await asyncio.sleep_ms(TURN_MS)
            began = self._profiler.start()
