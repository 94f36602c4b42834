"""What the cabinet says of itself on its console: one JSON line at a time, for the bench and the simulator's panel.

Lines: {"t":"slot",...} one slot after the other, {"t":"cabinet",...}, {"t":"stats",...}, {"t":"log","text":...}.
"""

import asyncio
import json
import sys

from cabinet.runtime import loop_profiler as gauges

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.runtime.loop_profiler import Gauge

ROUND_MS = 500  # every slot is told once in this time
STATS_EVERY_ROUNDS = 2


def log(text: str) -> None:
    """A line for a person."""
    print(json.dumps({"t": "log", "text": text}))


def _print(view: dict) -> None:
    json.dump(view, sys.stdout)  # piece by piece: a heap in pieces may have no room for a whole line
    print()


class Console:
    """Tells the slots one by one, so that no line holds the loop for long."""

    def __init__(
        self, gauge: "Gauge", slot_count: int, slot_view: "Any", cabinet_view: "Any", stats_view: "Any", on_slot: "Any"
    ) -> None:
        self._gauge = gauge
        self._slot_count = slot_count
        self._slot_view = slot_view  # slot number -> dict
        self._cabinet_view = cabinet_view
        self._stats_view = stats_view
        self._on_slot = on_slot  # called with (slot number, dict): the uplink's retained view

    async def run(self) -> None:
        """For ever."""
        pause_ms = max(1, ROUND_MS // (self._slot_count + 1))
        rounds = 0
        while True:
            for number in range(1, self._slot_count + 1):
                self._tell_slot(number)
                await asyncio.sleep_ms(pause_ms)
            self._tell(self._cabinet_view)
            rounds += 1
            if rounds % STATS_EVERY_ROUNDS == 0:
                self._tell(self._stats_view)
            await asyncio.sleep_ms(pause_ms)

    def _tell_slot(self, number: int) -> None:
        began = self._gauge.start()
        view = self._slot_view(number)
        self._on_slot(number, view)
        view["t"] = "slot"
        _print(view)
        self._gauge.stop(gauges.STATUS, began)

    def _tell(self, view: "Any") -> None:
        began = self._gauge.start()
        _print(view())
        self._gauge.stop(gauges.STATUS, began)
