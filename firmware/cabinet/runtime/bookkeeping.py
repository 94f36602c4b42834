"""What the cabinet counts over its life, and what it remembers of packs: fed by events that are on flash, written beside the round."""

from micropython import const

from cabinet.core import ticks
from cabinet.store.ring import JournalFull

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.core.events import Event
    from cabinet.ports import Clock
    from cabinet.store.ledger import Ledger

# The ledger's counters: swap.completed, swap.refused, lock.pulsed, charge.started, pack.refused, boot.started; then charger minutes
_COUNTED = (42, 43, 50, 30, 14, 1)
_SWAPS_REFUSED = const(1)
_MINUTES = const(6)
_IDENTIFIED = const(11)
_REFUSED = const(14)
_STARTED = const(30)
_STOPPED = const(31)
_MINUTE_MS = const(60000)
_MAX_SEEN = const(32)  # packs that wait to be written; more than slots come only while flash refuses, and are not remembered


class Bookkeeping:
    """Turns events into the ledger's counters and rows."""

    def __init__(self, clock: "Clock", ledger: "Ledger") -> None:
        self._clock = clock
        self._ledger = ledger
        self._seen = []  # (serial, cycles, soh_pct, refused)
        self._charging = set()  # slots
        self._charged_ms = 0  # not counted yet
        self._last_ms = self._due_ms = clock.ticks_ms()

    def on_stored(self, event: "Event") -> None:
        """An event is on flash. Called inside the control round: RAM only."""
        code = event.code
        if code in _COUNTED:
            at = _COUNTED.index(code)
            self._ledger.counts[at] += 1
            if at <= _SWAPS_REFUSED and ticks.diff(self._due_ms, self._last_ms) <= _MINUTE_MS:  # else flash has just refused
                self._due_ms = self._last_ms  # operators are paid by these: on flash at once
        if code == _STARTED:
            self._charging.add(event.slot)
        elif code == _STOPPED:
            self._charging.discard(event.slot)
        elif code in (_IDENTIFIED, _REFUSED) and event.pack and len(event.pack.encode()) <= 24 and len(self._seen) < _MAX_SEEN:
            known = code == _IDENTIFIED  # maker chemistry cells soc_pct soh_pct cycles
            self._seen.append((event.pack, known and event.values[5] or 0, known and event.values[4] or 0, not known))

    def keep(self) -> None:
        """Between control rounds: add up charge time; write one pack, or the counters (once a minute, and after a swap)."""
        now_ms = self._clock.ticks_ms()
        self._charged_ms += ticks.diff(now_ms, self._last_ms) * len(self._charging)
        self._last_ms = now_ms
        self._ledger.counts[_MINUTES] += self._charged_ms // _MINUTE_MS
        self._charged_ms %= _MINUTE_MS
        late = ticks.diff(now_ms, self._due_ms)
        try:
            if late >= 0:
                self._due_ms = ticks.add(now_ms, _MINUTE_MS)
                self._ledger.flush()
            elif self._seen and late >= -_MINUTE_MS:
                serial, cycles, soh_pct, refused = self._seen[0]
                self._ledger.saw_pack(serial, self._clock.wall_s(), cycles, soh_pct, refused)
                self._seen.pop(0)
        except (OSError, JournalFull):
            self._due_ms = ticks.add(now_ms, 2 * _MINUTE_MS)  # packs wait a minute, counters two
