"""Journals broken on purpose. The checker is worth something only if it catches each of them."""

from cabinet.store import journal, recovery, ring


def _no_crc(r):
    def load(self, base, at, last, span=1):
        if at + 14 > self.sector_size:
            return False
        self.area.read(base + at, self.view[12:14])
        word = self.record[12] | self.record[13] << 8
        self.kind = word >> 14
        self.length = word & 0x3FF
        if self.kind == 0 or self.length > 512 or at + self.length + 14 > self.sector_size:
            return False
        self.area.read(base + at + 2, self.view[14 : 14 + self.length + 12])
        self.loaded = last + 1 if self.kind == 1 else last
        return True

    r.load = load


def _no_read_back(r):
    r.same = lambda self, address, data, start, length: True


def _reported_before_programmed(r):
    sound = r.append

    def append(self, kind, length, urgent=False):
        held = getattr(self, "held", None)
        if kind == 1 and held is None:
            self.held = (length, bytes(self.record[14 : 14 + length]))
            return self.sequence + 1
        if held is not None:
            now = bytes(self.record[14 : 14 + length])
            self.held = None
            self.record[14 : 14 + held[0]] = held[1]
            sound(self, 1, held[0], urgent)
            self.record[14 : 14 + length] = now
        return sound(self, kind, length, urgent)

    r.append = append


def _no_hardening(r):
    def harden(self, last_good):
        base = self.head * self.sector_size
        end = recovery._last_written(self, base, self.pos)
        self.pos = min(self.sector_size, end + -end % self.page_size) if end > self.pos else self.pos

    recovery._harden = harden


def _erases_unacknowledged(r):
    r.sequence_before = lambda self, sector: 0


def _erases_in_place(r):
    """Forgets the mark that says "erased": any blank-looking sector counts as ready."""
    layout = ring.layout
    sound = layout.classify

    def classify(header, magic):
        kind = sound(header, magic)
        return layout.READY if kind == layout.DIRTY and header[8] | header[9] | header[10] | header[11] else kind

    layout.classify = classify
    layout.fmt_ok = lambda header, magic: True


def _acknowledges_too_much(r):
    sound = journal.Journal.ack
    journal.Journal.ack = lambda self, ring_, sequence: sound(self, ring_, sequence + 1)


MUTANTS = {
    "no CRC": _no_crc,
    "no read-back": _no_read_back,
    "reported before programmed": _reported_before_programmed,
    "no hardening": _no_hardening,
    "erases what is not acknowledged": _erases_unacknowledged,
    "no mark after the erase": _erases_in_place,
    "acknowledges one too many": _acknowledges_too_much,
}


def apply(name):
    """Break the journal of this process."""
    if name:
        MUTANTS[name](ring.Ring)
