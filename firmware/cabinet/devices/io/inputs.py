"""The switches of eight slots, and the danger inputs of the cabinet, from whatever device reads them.

Every such device reports four bytes: doors shut, latches in, packs present (bit 0 = its first slot), and the dangers in the
order of the CABINET_ bits.
"""

from micropython import const

from cabinet.core import ticks
from cabinet.core.reading import CabinetReading, SlotReading

SLOTS = const(8)
_STALE_MS = const(20_000)
_FEEDBACK_MS = const(500)  # the latches of a lock board may be this old

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class SlotInputs:
    """The readings of slots `first_slot` to `first_slot` + 7; those with slot 1 have the danger inputs as well."""

    feedback: "Any" = None  # a lock board that feels its latches itself: `latches` (bits) and `heard_ms`
    feedback_shift = 0  # which of its bits is that of the first slot

    def __init__(self, first_slot: int) -> None:
        self.first_slot = first_slot
        self.slots = [SlotReading() for _ in range(SLOTS)]
        self.cabinet = CabinetReading() if first_slot == 1 else None

    def take(self, doors: int, latches: int, packs: int, dangers: int, now_ms: int) -> bool:
        """A new look at all of them. False, and nothing is renewed, while a lock board that has the latches is silent."""
        board = self.feedback
        cabinet = self.cabinet
        if cabinet is not None:
            cabinet.danger_bits = dangers
            cabinet.taken_ms = now_ms
        if board is not None:
            received = board.heard_ms
            if received is None or not 0 <= ticks.diff(now_ms, received) <= _FEEDBACK_MS:
                self.check_age(now_ms)  # the inputs answer well: nobody else would
                return False
            latches = board.latches >> self.feedback_shift
        slots = self.slots
        for i in range(SLOTS):
            slot = slots[i]
            slot.door_closed = bool(doors >> i & 1)
            slot.lock_locked = bool(latches >> i & 1)
            slot.pack_present = bool(packs >> i & 1)
            slot.taken_ms = now_ms
        return True

    def check_age(self, now_ms: int) -> None:
        """Forget what was read long before the tick counter wraps."""
        taken = self.slots[0].taken_ms
        if taken is not None and ticks.diff(now_ms, taken) > _STALE_MS:
            for slot in self.slots:
                slot.clear()
        cabinet = self.cabinet
        if cabinet is not None and cabinet.taken_ms is not None and ticks.diff(now_ms, cabinet.taken_ms) > _STALE_MS:
            cabinet.clear()
