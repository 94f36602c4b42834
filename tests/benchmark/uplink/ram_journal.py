"""A journal in memory with the interface of store's, for tests and benchmarks of the uplink. MicroPython and CPython."""

from cabinet.core import events


class Record:
    """What `read` hands out."""

    def __init__(self, sequence, boot, event, ticks_ms=0, time_s=0, quality=0):
        self.sequence = sequence
        self.boot = boot
        self.event = event
        self.ticks_ms = ticks_ms
        self.time_s = time_s
        self.quality = quality


class RamJournal:
    """Two rings; acknowledged records are forgotten."""

    def __init__(self, boot=1):
        self.boot = boot
        self.rings = ([], [])
        self.heads = [0, 0]
        self.cursors = [0, 0]
        self.urgent = []
        self.ack_calls = 0

    def append(self, event):
        ring = event.ring
        self.heads[ring] += 1
        self.rings[ring].append(Record(self.heads[ring], self.boot, event, 123456, 1700000000, 1))
        if events.EVENTS[event.code][2] and not ring:
            self.urgent.append(self.heads[ring])
        return self.heads[ring]

    def read(self, ring, after):
        for_ring = self.rings[ring]
        if not for_ring:
            return None
        index = after + 1 - for_ring[0].sequence
        if index < 0:
            index = 0
        return for_ring[index] if index < len(for_ring) else None

    def head(self, ring):
        return self.heads[ring]

    def acked(self, ring):
        return self.cursors[ring]

    def ack(self, ring, sequence):
        if not self.cursors[ring] <= sequence <= self.heads[ring]:
            raise ValueError("cursor")
        self.cursors[ring] = sequence
        kept = self.rings[ring]
        while kept and kept[0].sequence <= sequence:
            kept.pop(0)
        self.ack_calls += 1

    def backlog(self, ring):
        return self.heads[ring] - self.cursors[ring]


class EndlessJournal(RamJournal):
    """`count` events in ring A made when they are read: a backlog that costs no memory."""

    def __init__(self, count, boot=1):
        super().__init__(boot)
        self.heads[0] = count

    def append(self, event):
        if event.ring:
            return super().append(event)
        self.heads[0] += 1
        return self.heads[0]

    def read(self, ring, after):
        if ring:
            return super().read(ring, after)
        if after >= self.heads[0]:
            return None
        event = events.make("pack.accepted", after % 12 + 1, "SC12345678", 54321, 253, 41)
        return Record(after + 1, self.boot, event, 123456 + after, 1700000000 + after, 1)
