"""The retained states of the slots, reported by exception: what changed, not what flickers.

A changed word or switch goes out at once. A measured value goes out when it has moved by its dead-band since it was last sent,
and at most once every `pause_ms` a slot. Sentences for people stay in the cabinet: the codes say the same.
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
LEFT_OUT = ("slot", "why_text", "winner", "t")


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

    def __init__(self, clock, pause_ms: int) -> None:
        self._clock = clock
        self._pause_ms = pause_ms
        self._names = ()  # of the values below; every view has the same
        self._sent = {}  # slot: (values, ticks)
        self._now = {}  # slot: values that are due

    def update(self, slot: int, view: dict) -> bool:
        """Take the newest view; True if it is to be sent now."""
        if not self._names:
            self._names = tuple([name for name in view if name not in LEFT_OUT])
        values = tuple([view.get(name) for name in self._names])
        sent = self._sent.get(slot)
        urgency = 2
        if sent is not None:
            urgency = self._urgency(values, sent[0])
            if urgency == 1 and ticks.diff(self._clock.ticks_ms(), sent[1]) >= self._pause_ms:
                urgency = 2
        if urgency == 2 or slot in self._now:
            self._now[slot] = values
        return urgency == 2

    def _urgency(self, values: tuple, before: tuple) -> int:
        urgency = 0
        for name, new, old in zip(self._names, values, before):
            urgency = max(urgency, _differ(name, new, old))
        return urgency

    def all_due(self) -> None:
        """A new connection: the broker may have lost what it retained."""
        for slot in self._sent:
            self._now.setdefault(slot, self._sent[slot][0])

    def waiting(self) -> bool:
        """Whether something is to be sent."""
        return bool(self._now)

    def take(self) -> "tuple[int, dict] | None":
        """(slot, view) to be sent next."""
        if not self._now:
            return None
        slot = min(self._now)
        values = self._now.pop(slot)
        self._sent[slot] = (values, self._clock.ticks_ms())
        return slot, dict(zip(self._names, values))
