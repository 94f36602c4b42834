"""The console: one JSON line at a time, for the bench and the simulator's panel.

Lines: {"t":"slot",...} one slot after the other, {"t":"cabinet",...}, {"t":"stats",...}, {"t":"log","text":...}.
"""

import asyncio
import json
import sys

from cabinet.runtime import loop_profiler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.runtime.loop_profiler import LoopProfiler

ROUND_MS = 500  # every slot is shown once in this time
STATS_EVERY_ROUNDS = 2


def log(text: str) -> None:
    """A line for a person."""
    print(json.dumps({"t": "log", "text": text}))


def _print(view: dict) -> None:
    json.dump(view, sys.stdout)  # piece by piece: a heap in pieces may have no room for a whole line
    print()


class Console:
    """Shows the slots one by one, so that no line holds the loop for long."""

    def __init__(self, profiler: "LoopProfiler", slot_count: int, views: "Any", on_slot: "Any") -> None:
        self._profiler = profiler
        self._slot_count = slot_count
        self._views = views
        self._on_slot = on_slot  # called with (slot number, dict): the uplink's retained view

    async def run(self) -> None:
        """For ever."""
        pause_ms = max(1, ROUND_MS // (self._slot_count + 1))
        rounds = 0
        while True:
            for number in range(1, self._slot_count + 1):
                self._show_slot(number)
                await asyncio.sleep_ms(pause_ms)
            self._show(self._views.cabinet)
            rounds += 1
            if rounds % STATS_EVERY_ROUNDS == 0:
                self._show(self._views.stats)
            await asyncio.sleep_ms(pause_ms)

    def _show_slot(self, number: int) -> None:
        began = self._profiler.start()
        view = self._views.slot(number)
        self._on_slot(number, view)
        view["t"] = "slot"
        _print(view)
        self._profiler.stop(loop_profiler.STATUS, began)

    def _show(self, view: "Any") -> None:
        began = self._profiler.start()
        _print(view())
        self._profiler.stop(loop_profiler.STATUS, began)
