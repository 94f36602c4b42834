"""The journal: every event on flash before it is acted on or reported, in two rings with their own sequences.

Ring A (swaps, safety, security, commands) never drops what is not acknowledged; ring B (telemetry, diagnostics) gives
up its oldest sector and says so. `append` never erases; `idle` does, at most one sector a call, and is to be called
between bus polls.
"""

from micropython import const

from cabinet.core import events
from cabinet.core.events import EVENTS, RING_A, RING_B, RING_NAMES, Event
from cabinet.store import event_codec
from cabinet.store.event_codec import Record
from cabinet.store.layout import KIND_EVENT, PAYLOAD, SECTOR_HEADER
from cabinet.store.repeats import Repeats
from cabinet.store.ring import Buffers, JournalFull, Ring
from cabinet.trust.hmac import HmacKey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.ports import Clock, FlashArea

__all__ = ["Journal", "JournalFull", "Record"]

COALESCE_PCT = 75
ALARM_PCT = 90
_LEVELS_PCT = (ALARM_PCT, 50)  # at which an event says how full a ring is
_URGENT = const(16)
CHECKPOINT_EVERY = 256


class Journal:
    """Both rings. Construction recovers them, starts a new boot number and stores what was found."""

    def __init__(
        self, area_a: "FlashArea", area_b: "FlashArea", key: bytes, clock: "Clock", checkpoint_every: int = CHECKPOINT_EVERY
    ) -> None:
        self._clock = clock
        buffers = Buffers()
        hmac_key = HmacKey(key)
        self.rings = (
            Ring(area_a, RING_NAMES[RING_A], hmac_key, buffers),
            Ring(area_b, RING_NAMES[RING_B], hmac_key, buffers),
        )
        self._checkpoint_every = checkpoint_every
        self._checkpointed = [ring.sequence for ring in self.rings]
        self._alarmed = [0, 0]  # the highest of these levels that was reported
        self._repeats = Repeats()
        self._healed = [len(ring.healed) for ring in self.rings]  # reported: those of the recovery are findings
        self.urgent = []  # sequences in ring A of the newest alarms since the start; who has reported one takes it out
        self.begin_boot(0)
        for ring in self.rings:
            for what, sectors in ring.findings:
                self._note("journal.recovered", ring.name, what, sectors)

    @property
    def broken(self) -> bool:
        """Whether the flash of a ring did not answer when it was recovered: nothing can be stored until another start."""
        return self.rings[RING_A].broken or self.rings[RING_B].broken

    def begin_boot(self, known: int) -> None:
        """Take the next boot number, above `known`, and keep it: in ring A, or where that is full in B, which can make room."""
        ring_a, ring_b = self.rings
        if ring_a.head < 0 and ring_b.boot and not ring_a.broken:
            ring_a.findings.append(("lost", ring_a.count))
        self.boot = max(ring_a.boot, ring_b.boot, known) + 1
        ring_b.boot = self.boot
        if ring_a.begin_boot(self.boot):
            return
        for _ in range(3):
            if ring_b.begin_boot(self.boot):
                return
            self._erase(RING_B, True)

    def append(self, event: Event) -> int:
        """Store an event; it is durable on return. Returns its sequence.

        Raises JournalFull if ordinary events find no room (alarms still do, in the reserve), and OSError if the flash fails.
        A ring that is three quarters full of unacknowledged events stores a repeated event only once, and then how often it came.
        """
        ring = self.rings[event.ring]
        urgent = EVENTS[event.code][2]
        if not urgent and event.ring == RING_A and self.level_pct(RING_A) >= COALESCE_PCT:
            known = self._repeats.repeated(event)
            if known:
                return known
        sequence = self._store(ring, event, urgent)
        if event.ring == RING_A:
            self._repeats.remember(event, sequence)
        return sequence

    def _store(self, ring: Ring, event: Event, urgent: bool) -> int:
        clock = self._clock
        quality = clock.quality()
        time_s = clock.wall_s() if quality else 0
        length = event_codec.encode(ring.record, PAYLOAD, self.boot, clock.ticks_ms(), time_s, quality, event)
        sequence = ring.append(KIND_EVENT, length, urgent)
        if urgent and event.ring == RING_A:
            if len(self.urgent) >= _URGENT:
                self.urgent.pop(0)
            self.urgent.append(sequence)
        return sequence

    def _note(self, name: str, *values: object) -> bool:
        """Store an event of the journal about itself; False if there is no room for it."""
        event = events.make(name, 0, "", *values)
        try:
            self._store(self.rings[event.ring], event, EVENTS[event.code][2])
        except (JournalFull, OSError):
            return False
        return True

    def read(self, ring: int, after_sequence: int) -> "Record | None":
        """The first event stored after `after_sequence`; None if there is none. Cheap when called in order."""
        r = self.rings[ring]
        if not r.next_event(after_sequence):
            return None
        return event_codec.decode(r.loaded, r.record, PAYLOAD, PAYLOAD + r.length)

    def damaged(self, ring: int, first: int, last: int) -> bool:
        """Store that the events from `first` to `last` cannot be read, however often it was tried; False if there is no room for it now."""
        return self._note("journal.damaged", self.rings[ring].name, first, last)

    def head(self, ring: int) -> int:
        """The sequence of the newest event."""
        return self.rings[ring].sequence

    def acked(self, ring: int) -> int:
        """The sequence up to which events are acknowledged (or, in ring B, dropped)."""
        return self.rings[ring].acked

    def ack(self, ring: int, sequence: int) -> None:
        """Remember durably that the broker has everything up to `sequence`. Raises OSError if the flash fails."""
        self.rings[ring].ack(sequence)

    def backlog(self, ring: int) -> int:
        """How many events are not acknowledged."""
        r = self.rings[ring]
        return r.sequence - r.acked

    def level_pct(self, ring: int) -> int:
        """How full the ring is of unacknowledged events; at 100 there is just room to end what is under way."""
        r = self.rings[ring]
        if r.head < 0 or r.sequence == r.acked:
            return 0
        sectors = (r.head - r.first_unacked()) % r.count
        used = sectors * r.sector_size + r.pos - SECTOR_HEADER
        return min(100, used * 100 // ((r.count - r.reserve - 1) * r.sector_size))

    def checkpoint(self, ring: int) -> Event:
        """An event that anchors the chain outside once it has left the device. The last field is for a signature."""
        r = self.rings[ring]
        return events.make("journal.checkpoint", 0, "", r.name, r.sequence, r.tag.hex(), None)

    def idle(self) -> bool:
        """Housekeeping: at most one erase, or a few appends. True if it erased, or an erase is under way."""
        for ring in self.rings:
            if ring.erasing is not None:
                return ring.erase_one(ring.target, False)
        if self._erase(RING_A, False) or self._erase(RING_B, False):
            return True
        for index, ring in enumerate(self.rings):
            self._watch_level(index, ring)
            count = len(ring.healed) - self._healed[index]
            if count and self._note("journal.recovered", ring.name, "healed", count):
                self._healed[index] += count
            if self._checkpoint_every and ring.sequence - self._checkpointed[index] >= self._checkpoint_every:
                point = self.checkpoint(index)
                if self._note("journal.checkpoint", *point.values):
                    self._checkpointed[index] = ring.sequence
        if self.level_pct(RING_A) < COALESCE_PCT:
            row = self._repeats.take()
            if row:
                self._note("journal.repeated", *row)
        return False

    def _erase(self, index: int, wait: bool) -> bool:
        """Erase one sector ahead of its use, giving up the oldest one if that is allowed. True if something is erased."""
        ring = self.rings[index]
        if ring.erase_one(ring.target, wait):
            return True
        if ring.ready >= ring.target or ring.oldest < 0 or ring.oldest == ring.head:
            return False
        last = ring.sequence_before(ring.next_data(ring.oldest))
        if last > ring.acked:
            first = ring.acked + 1
            if index == RING_A or not self._note("journal.gap", first, last, last - first + 1):
                return False
            ring.acked = last
        ring.retire_oldest()
        return ring.erase_one(ring.target, wait)

    def _watch_level(self, index: int, ring: Ring) -> None:
        level = self.level_pct(index)
        for threshold in _LEVELS_PCT:
            if level >= threshold:
                if self._alarmed[index] < threshold and self._note("journal.level", ring.name, level):
                    self._alarmed[index] = threshold
                return
            if level < threshold - 10 and self._alarmed[index] >= threshold:
                self._alarmed[index] = threshold - 1
