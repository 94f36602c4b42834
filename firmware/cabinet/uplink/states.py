"""The retained states of the slots, reported by exception: what changed, not what flickers.

A changed word or switch goes out `settle_ms` after it changed, with whatever else has changed by then, and not at all if it has changed
back. A measured value goes out when it has moved by its dead-band since it was last sent, and at most once every `pause_ms` a slot.
What is not known or empty is left out.
"""

from cabinet.core import ticks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEAD_BANDS = {
    "soc_pct": 1,
    "soh_pct": 1,
    "pack_mv": 500,
    "current_ma": 1000,
    "temp_max_ddegc": 20,
    "charge_mv": 500,
    "charge_ma": 1000,
}
LEFT_OUT = ("slot", "winner", "t")


def _differ(name: str, new: "Any", old: "Any") -> int:
    """0: not worth a message; 1: worth one when its time has come; 2: worth one now."""
    if new == old:
        return 0
    band = DEAD_BANDS.get(name)
    if band is None or new is None or old is None or not new or not old:  # also: charging began or ended
        return 2
    return 1 if abs(new - old) >= band else 0


class SlotStates:
    """The last view of each slot, and which of them are to be sent."""

    def __init__(self, clock, pause_ms: int, settle_ms: int = 0) -> None:
        self._clock = clock
        self._pause_ms = pause_ms
        self._settle_ms = settle_ms
        self._names = ()  # of the values below; every view has the same
        self._sent = {}  # slot: (values, ticks)
        self._now = {}  # slot: (values that are to be sent, ticks from which on)

    def update(self, slot: int, view: dict) -> bool:
        """Take the newest view; True if one is to be sent now."""
        if not self._names:
            self._names = tuple([name for name in view if name not in LEFT_OUT])
        values = tuple([view.get(name) for name in self._names])
        now_ms = self._clock.ticks_ms()
        sent = self._sent.get(slot)
        urgency = 3
        if sent is not None:
            urgency = self._urgency(values, sent[0])
            if urgency == 1 and not 0 <= ticks.diff(now_ms, sent[1]) < self._pause_ms:  # below 0: more than six days
                urgency = 3
        due = self._now.get(slot)
        if due is not None:
            if ticks.diff(now_ms, due[1]) >= 0:  # waits for the line: kept up to date, and the instant young
                self._now[slot] = (values, now_ms)
            elif urgency:
                self._now[slot] = (values, due[1])
            else:  # it has changed back before it was published
                self._now.pop(slot)
        elif urgency >= 2:
            self._now[slot] = (values, now_ms if urgency == 3 else ticks.add(now_ms, self._settle_ms))
        return slot in self._now and ticks.diff(now_ms, self._now[slot][1]) >= 0

    def _urgency(self, values: tuple, before: tuple) -> int:
        urgency = 0
        for name, new, old in zip(self._names, values, before):
            urgency = max(urgency, _differ(name, new, old))
        return urgency

    def all_due(self) -> None:
        """A new connection: the broker may have lost what it retained."""
        now_ms = self._clock.ticks_ms()
        for slot in list(self._now):
            self._now[slot] = (self._now[slot][0], now_ms)
        for slot, sent in self._sent.items():
            if slot not in self._now:
                self._now[slot] = (sent[0], now_ms)

    def take(self) -> "tuple[int, dict] | None":
        """(slot, view) to be sent next."""
        now_ms = self._clock.ticks_ms()
        for slot in sorted(self._now):
            values, due_ms = self._now[slot]
            if ticks.diff(now_ms, due_ms) >= 0:
                self._now.pop(slot)
                self._sent[slot] = (values, now_ms)
                return slot, {name: value for name, value in zip(self._names, values) if value not in (None, "", [])}
        return None
