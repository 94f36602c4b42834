# ruff: noqa: UP031 (runs under MicroPython)
"""What a journal may tell after a power cut, in as few words as possible. Knows nothing of how the journal works."""


class Model:
    """Events reported as stored, acknowledgements reported as durable, gaps told, and the call during which the power went."""

    def __init__(self):
        self.stored = ([None], [None])  # per ring: sequence -> content
        self.acked = [0, 0]
        self.dropped = [0, 0]  # told by gap records
        self.boot = 0
        self.doing = None  # ("append", ring, content) | ("ack", ring, sequence) | ("idle",) | ("boot",)

    def copy(self):
        """An independent copy (the lists of stored events are copied, their contents are not)."""
        other = Model()
        other.stored = (self.stored[0][:], self.stored[1][:])
        other.acked = self.acked[:]
        other.dropped = self.dropped[:]
        other.boot = self.boot
        other.doing = self.doing
        return other

    def wrong(self, journal, internal):
        """What is wrong with a recovered journal, in words; "" if nothing is. `internal(content)`: written by the journal itself."""
        if journal.boot <= self.boot:
            return "boot number %d after %d" % (journal.boot, self.boot)
        for ring in (0, 1):
            words = self._wrong_ring(journal, ring, internal)
            if words:
                return "ring %d: %s" % (ring, words)
        return ""

    def _wrong_ring(self, journal, ring, internal):
        stored = self.stored[ring]
        known = len(stored) - 1
        head = journal.head(ring)
        if head < known:
            return "head %d, but %d events were reported as stored" % (head, known)
        acked = journal.acked(ring)
        doing = self.doing
        most = max(self.acked[ring], self.dropped[ring])
        if doing and doing[0] == "ack" and doing[1] == ring:
            most = max(most, doing[2])
        if acked < self.acked[ring]:
            return "acknowledged %d, but %d was reported" % (acked, self.acked[ring])
        after = self.acked[ring]
        first = 0
        dropped = self.dropped[ring]
        while True:
            record = journal.read(ring, after)
            if record is None:
                break
            sequence = record.sequence
            if sequence <= after:
                return "sequence %d after %d" % (sequence, after)
            if first and sequence != after + 1:
                return "sequence %d after %d: events lost" % (sequence, after)
            first = first or sequence
            after = sequence
            content = content_of(record)
            if sequence <= known:
                if stored[sequence] != content:
                    return "event %d reads %s, was %s" % (sequence, content, stored[sequence])
            elif not internal(content) and not (doing and doing[0] == "append" and doing[1] == ring and doing[2] == content):
                return "event %d %s was never given" % (sequence, content)
            if content[0] == 2 and ring == 1:
                dropped = max(dropped, content[3][1])
        if after != head:
            return "reading ends at %d, head is %d" % (after, head)
        if not first:
            first = head + 1
        if first > self.acked[ring] + 1 and first - 1 > dropped:
            return "events %d to %d are gone and no gap tells it" % (self.acked[ring] + 1, first - 1)
        if acked > max(most, dropped):
            return "acknowledged %d, at most %d can be" % (acked, max(most, dropped))
        return ""


def content_of(record):
    """What must not change."""
    event = record.event
    return (event.code, event.slot, event.pack, event.values)
