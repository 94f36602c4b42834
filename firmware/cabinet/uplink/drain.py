"""From the journal to messages: what goes next, in which message, and how far the cursor may move.

Fresh events go one a message; a backlog goes as JSON arrays of up to `batch` envelopes and `batch_bytes` bytes. Nothing
is kept of what was sent: after a reconnect the journal is read again from its acknowledged cursor. Alarms are published at once
on a topic of their own, and come again in their place.

Rings have no gaps, but for what ring B drops and counts as acknowledged. Where the sequence jumps, the flash has been read wrongly:
the drain stops before the jump, reads again later, and goes on only once `journal.damaged` names what is unreadable.
"""

from cabinet.core import ticks
from cabinet.uplink import envelope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RINGS = (0, 1)
_READINGS = 6  # of a gap, before the events in it are given up
_AGAIN_MS = 250  # before the second reading; the pause doubles each time: 8 s in all


class Drain:
    """Reads both rings of the journal in order, ring A first."""

    def __init__(
        self,
        journal,
        clock,
        cabinet_json: str,
        batch: int,
        batch_bytes: int,
        gather_ms: tuple = (0, 0),
        compact: bool = False,
        flush_events: int = 64,
        flush_ms: int = 1000,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._cabinet = cabinet_json
        self._batch = batch
        self._batch_bytes = batch_bytes
        self._gather_ms = gather_ms
        self._alarmed = 0  # newest alarm published on this connection
        self._waiting_ms: "list" = [None, None]  # since when something has been waiting
        self._flush_events = flush_events
        self._flush_ms = flush_ms
        self._read = [0, 0]  # last sequence taken out of the journal
        self._most = [0, 0]  # highest sequence ever sent since start, in any connection
        self._held: "list" = [None, None]  # record that did not fit the message before
        self._gaps: "list" = [None, None]  # (first sequence that cannot be read, readings so far, when to read again)
        self._compact = compact
        self._arrived = [0, 0]  # acknowledged by the broker
        self._unflushed = [0, 0]  # events acknowledged, cursor not yet on flash
        self._first_ms = [0, 0]
        self._last_ms = [0, 0]
        self.batch_now = batch
        self.slice_us_max = 0
        self.events_sent = 0
        self.events_resent = 0
        self.flushes = 0
        self.flush_failures = 0

    def start(self) -> None:
        """A connection begins: everything not acknowledged is to be sent again."""
        self.flush()
        for ring in RINGS:
            self._read[ring] = self._journal.acked(ring)
            self._held[ring] = None
            self._waiting_ms[ring] = None
        self._alarmed = 0

    def alarmed(self) -> bool:
        """Whether there is an alarm that was not published on this connection."""
        urgent = self._journal.urgent
        return bool(urgent) and urgent[-1] > self._alarmed

    def alarm(self) -> "tuple[int, str] | None":
        """(sequence, envelope) of the oldest alarm not published yet, however much of the ring lies before it; None if there is none."""
        for sequence in self._journal.urgent:
            if sequence <= self._alarmed:
                continue
            self._alarmed = sequence
            record = self._read_one(0, sequence - 1)
            if record is not None and record.sequence == sequence:
                return sequence, envelope.encode(self._cabinet, 0, record)
        return None

    def reported(self, sequence: int) -> None:
        """The broker has that alarm."""
        if sequence in self._journal.urgent:
            self._journal.urgent.remove(sequence)

    def _read_one(self, ring: int, after: int) -> "Any":
        try:
            return self._journal.read(ring, after)
        except OSError as error:  # flash, not the line
            raise RuntimeError("journal cannot be read: %s" % error) from None

    def narrow(self) -> None:
        """Nothing was acknowledged in time: perhaps the line is too thin for large messages."""
        self.batch_now = max(1, self.batch_now // 4)

    def widen(self) -> None:
        """An acknowledgement came."""
        if self.batch_now < self._batch:
            self.batch_now += 1

    def waiting(self, ring: int) -> bool:
        """Whether a record is there that has not been sent on this connection."""
        return self._held[ring] is not None or self._journal.head(ring) > self._read[ring]

    def ready(self, ring: int) -> bool:
        """Whether a message is to be made now: a record waits, and has waited for others long enough."""
        if not self.waiting(ring):
            self._waiting_ms[ring] = None
            return False
        if self._held[ring] is None and self._rests(ring):
            return False
        gather_ms = self._gather_ms[ring]
        if not gather_ms or self._journal.head(ring) - self._read[ring] >= self.batch_now:
            return True
        now_ms = self._clock.ticks_ms()
        since_ms = self._waiting_ms[ring]
        if since_ms is None:
            self._waiting_ms[ring] = now_ms
            return False
        return ticks.diff(now_ms, since_ms) >= gather_ms

    def take(self, ring: int, message: "Message") -> bool:
        """Move one record into the message. False: nothing more to read, or the message is full."""
        begin_us = self._clock.ticks_us()
        record = self._held[ring]
        if record is not None:
            self._held[ring] = None
        else:
            record = self._next(ring)
            if record is None:
                return False
            self._read[ring] = record.sequence
        if self._compact and message.count:
            text = envelope.encode_after(message.record, record)
        else:
            text = envelope.encode(self._cabinet, ring, record)
        if message.count and message.size + len(text) > self._batch_bytes:
            self._held[ring] = record
            return False
        message.add(record.sequence, text)
        message.record = record
        spent_us = ticks.diff(self._clock.ticks_us(), begin_us)
        if spent_us > self.slice_us_max:
            self.slice_us_max = spent_us
        return message.count < self.batch_now

    def _next(self, ring: int) -> "Any":
        """The next record; None if there is none, or none before a gap that is not settled."""
        if self._rests(ring):
            return None
        journal = self._journal
        record = self._read_one(ring, self._read[ring])
        first = max(self._read[ring], journal.acked(ring)) + 1  # ring B acknowledges what it drops
        last = journal.head(ring) if record is None else record.sequence - 1
        if first > last:
            self._gaps[ring] = None
        elif not self._settled(ring, first, last):
            return None
        if record is None:
            self._read[ring] = max(self._read[ring], last)
        return record

    def _rests(self, ring: int) -> bool:
        """Whether the drain stands before a gap that is not to be read again yet."""
        gap = self._gaps[ring]
        return gap is not None and ticks.diff(self._clock.ticks_ms(), gap[2]) < 0

    def _settled(self, ring: int, first: int, last: int) -> bool:
        """Whether the events from `first` to `last` have been read in vain often enough, and that is on flash."""
        gap = self._gaps[ring]
        now_ms = self._clock.ticks_ms()
        readings = gap[1] + 1 if gap is not None and gap[0] == first else 1
        if readings >= _READINGS and self._journal.damaged(ring, first, last):
            self._gaps[ring] = None
            return True
        self._gaps[ring] = (first, min(readings, _READINGS), ticks.add(now_ms, _AGAIN_MS << min(readings, _READINGS) - 1))
        return False

    def sent(self, ring: int, message: "Message") -> bool:
        """Count a message that is about to be sent; True if any of its events was sent before (DUP)."""
        self._waiting_ms[ring] = None
        again = message.first <= self._most[ring]
        if again:
            self.events_resent += message.count
        if message.last > self._most[ring]:
            self._most[ring] = message.last
        self.events_sent += message.count
        return again

    def arrived(self, ring: int, sequence: int, count: int) -> None:
        """The broker has everything of a ring up to and with `sequence`."""
        now_ms = self._clock.ticks_ms()
        if not self._unflushed[ring]:
            self._first_ms[ring] = now_ms
        self._last_ms[ring] = now_ms
        self._arrived[ring] = sequence
        self._unflushed[ring] += count
        if self._unflushed[ring] >= self._flush_events:
            self._flush(ring)

    def flush_due(self) -> None:
        """Put the cursors on flash that have waited long enough, or after which nothing more came for a moment."""
        now_ms = self._clock.ticks_ms()
        for ring in RINGS:
            if self._unflushed[ring] and (
                ticks.diff(now_ms, self._first_ms[ring]) >= self._flush_ms or ticks.diff(now_ms, self._last_ms[ring]) >= self._flush_ms // 4
            ):
                self._flush(ring)

    def flush(self) -> None:
        """Put the cursors on flash now."""
        for ring in RINGS:
            if self._unflushed[ring]:
                self._flush(ring)

    def _flush(self, ring: int) -> None:
        self._unflushed[ring] = 0
        self.flushes += 1
        try:
            self._journal.ack(ring, self._arrived[ring])
        except (OSError, ValueError) as error:  # costs duplicates after the next reset, not the session
            self.flush_failures += 1
            print("uplink: cursor not stored:", repr(error))


class Message:
    """The payload under construction: one envelope, or an array of them."""

    def __init__(self) -> None:
        self.parts = []
        self.size = 0
        self.count = 0
        self.first = 0
        self.last = 0
        self.record: "Any" = None  # the newest one in it

    def add(self, sequence: int, text: str) -> None:
        """One more envelope."""
        if not self.count:
            self.first = sequence
        self.last = sequence
        self.count += 1
        self.size += len(text) + 1
        self.parts.append(text)

    def payload(self) -> bytes:
        """What is published."""
        if self.count == 1:
            return self.parts[0].encode()
        return ("[" + ",".join(self.parts) + "]").encode()
