"""A ring of records: appended, read back, chained; read in order, acknowledged. Nothing is erased in the append path.

`Journal` and `StateStore` are two policies over this one mechanism.
"""

import struct
from binascii import crc32

from cabinet.store import layout
from cabinet.store.layout import (
    DATA,
    KIND_ACK,
    KIND_BOOT,
    KIND_EVENT,
    MAX_PAYLOAD,
    PAYLOAD,
    RECORD_OVERHEAD,
    SECTOR_HEADER,
    SEQUENCE,
    WORD,
)
from cabinet.store.sectors import EIO, READINGS, TRIES, Buffers, JournalFull, Sectors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.ports import FlashArea
    from cabinet.trust.hmac import HmacKey

__all__ = ["Buffers", "JournalFull", "Ring"]


class Ring(Sectors):
    """One ring over one flash area. After construction it is recovered and ready to append."""

    def __init__(self, area: "FlashArea", name: str, key: "HmacKey", buffers: Buffers, reserve: int = 1) -> None:
        super().__init__(area, name, key, buffers, reserve)
        self.kind = 0  # of the record that `load` read last
        self.length = 0
        self.loaded = 0  # its sequence
        self.findings = []  # (what, how many sectors)
        self.cursor_sector = -1
        self.cursor_pos = 0
        self.cursor_sequence = 0
        self._tail = -1
        self._tail_acked = 0
        from cabinet.store import recovery  # here, so that it need not stay in memory once the firmware has started

        try:
            recovery.recover(self)
        except OSError:
            self.forget()
            self.broken = True
            self.findings = [("unreadable", self.count)]

    def retire_oldest(self) -> None:
        """Give the oldest sector up: its records are no longer needed. It stays readable until it is erased."""
        sector = self.oldest
        super().retire_oldest()
        if self.cursor_sector == sector:
            self.cursor_sector = -1
        if self._tail == sector:
            self._tail = -1

    def append(self, kind: int, length: int, urgent: bool = False) -> int:
        """Store the payload that stands in `record`; durable on return. Returns the sequence of the last event.

        Raises JournalFull, or OSError if the flash does not keep what is written to it.
        """
        if self.broken:
            raise OSError(EIO)
        need = length + RECORD_OVERHEAD
        if length > MAX_PAYLOAD or need + SECTOR_HEADER > self.sector_size:
            raise ValueError("record of %d bytes is too long" % length)
        if not urgent and self.ready < self.reserve:
            raise JournalFull("ring %s: only the reserve is left" % self.name)
        for _ in range(TRIES):
            if not self.proves():
                break
            if self.pos + need > self.sector_size:
                self.open_next(urgent)
            sequence = self._seal(kind, length)
            address = self.head * self.sector_size + self.pos
            try:
                self.program(address, self.view, WORD, need)
                kept = self.kept(address, self.view, WORD, need)
            except OSError:
                kept = False
            if kept:
                self.pos += need
                self.sequence = sequence
                self.tag[:] = self.view[PAYLOAD + length : PAYLOAD + length + 8]
                return sequence
            self._doubt_at(address, self.view[WORD : WORD + min(need, 16)])
            self.pos = self.spoil(self.pos, self.pos + need)
        raise OSError(EIO)

    def _seal(self, kind: int, length: int) -> int:
        """Put sequence, first word, tag and CRC around the payload."""
        sequence = self.sequence + 1 if kind == KIND_EVENT else self.sequence
        end = PAYLOAD + length
        self.record[0:8] = self.tag
        struct.pack_into("<IH", self.record, SEQUENCE, sequence, kind << 14 | (sequence & 15) << 10 | length)
        self.record[end : end + 8] = self.key.mac(self.view[0:end])[:8]
        struct.pack_into("<I", self.record, end + 8, crc32(self.view[SEQUENCE : end + 8]))
        return sequence

    def append_u32(self, kind: int, value: int, urgent: bool = True) -> None:
        """Store a control record."""
        struct.pack_into("<I", self.record, PAYLOAD, value)
        self.append(kind, 4, urgent)

    def load(self, base: int, at: int, last: int, span: int = 1) -> bool:
        """Read the record at `at` into `record`; it must follow sequence `last` (by up to `span`).

        True if it is sound; `kind`, `length` and `loaded` then describe it.
        """
        if at + RECORD_OVERHEAD > self.sector_size:
            return False
        self.area.read(base + at, self.view[WORD:PAYLOAD])
        word = self.record[WORD] | self.record[WORD + 1] << 8
        kind = word >> 14
        length = word & 0x3FF
        if kind == 0 or length > MAX_PAYLOAD or at + length + RECORD_OVERHEAD > self.sector_size:
            return False
        sequence = last + 1 if kind == KIND_EVENT else last
        skip = ((word >> 10) - sequence) & 15
        if skip >= span or (kind != KIND_EVENT and length != 4):
            return False
        sequence += skip
        end = PAYLOAD + length
        self.area.read(base + at + 2, self.view[PAYLOAD : end + 12])
        crc = layout.u32(self.record, end + 8)
        while sequence < last + 1 + span:
            struct.pack_into("<I", self.record, SEQUENCE, sequence)
            if crc == crc32(self.view[SEQUENCE : end + 8]):
                self.kind = kind
                self.length = length
                self.loaded = sequence
                return True
            sequence += 16
        return False

    def load_surely(self, base: int, at: int, last: int, span: int = 1) -> bool:
        """`load`, but only readings that agree say that there is no sound record; one flipped bit is put right where `span` is 1."""
        seen = -1
        for _ in range(READINGS):
            if self.load(base, at, last, span):
                return True
            word = self.record[WORD] | self.record[WORD + 1] << 8
            if at + RECORD_OVERHEAD > self.sector_size or word == seen and word in (0, 0xFFFF):
                return False
            seen = word
            self.pause()
        if span > 1:
            return False
        from cabinet.store import healing  # seldom needed: loaded then

        if not healing.heal_record(self, base, at, last):
            return False
        self.note_healed(base + at)
        return True

    def follows(self, tag: bytearray) -> bool:
        """Whether the record that was just loaded carries the chain on from this tag."""
        end = PAYLOAD + self.length
        self.record[0:8] = tag
        return self.key.mac(self.view[0:end])[:8] == self.record[end : end + 8]

    def load_any(self, base: int, at: int) -> bool:
        """Read the record at `at` whatever its sequence is (its last four bits are known, the sector says the rest)."""
        return self.load(base, at, max(0, self.begin_of(base // self.sector_size, 0)), self.sector_size // RECORD_OVERHEAD + 16)

    def advance(self, base: int, at: int, limit: int, last: int) -> int:
        """Load the next sound record at or after `at`; returns where it begins, or -1 if none is left before `limit`.

        Where nothing sound stands at `at`, what follows is searched until two searches in a row end in the same place.
        """
        if at >= limit:
            return -1
        if self.load_surely(base, at, last):
            return at
        before = -2
        for _ in range(READINGS):
            found = self._search(base, at, limit, last)
            if found == before:
                break
            before = found
            self.pause()
        return found

    def _search(self, base: int, at: int, limit: int, last: int) -> int:
        """Where the next sound record begins; -1 if none is seen before `limit`."""
        span = self.sector_size // 16
        while at < limit:
            if self.load(base, at, last, span):
                return at
            if self.record[WORD] | self.record[WORD + 1] == 0 and self.void(base + at):
                at += self.page_size - at % self.page_size
                if at < limit and self.load_surely(base, at, last):  # writing goes on here after a cut: nothing may hide it
                    return at
            elif self.record[WORD] & self.record[WORD + 1] == 0xFF:
                at = max(at + 1, self.first_written(base, at, limit) - 1)  # a record may begin with one 0xFF, never with two
            else:
                at += 1
        return -1

    def sequence_before(self, sector: int) -> int:
        """The last event sequence before this sector, from the first sound header at or after it."""
        while True:
            if self.state[sector] == DATA and self.read_header(sector) == DATA:
                return layout.u32(self.header, 16)
            if sector == self.head:
                return self.sequence
            sector = self.next_data(sector)

    def begin_of(self, sector: int, known: int) -> int:
        """The sequence before the first record of a sector; `known` is where the one before it ended, 0 if unknown."""
        if self.state[sector] == DATA and self.read_header(sector) == DATA:
            return layout.u32(self.header, 16)
        if known:
            return known
        from cabinet.store import recovery

        return max(0, recovery.solve_before(self, sector))

    def find_sector(self, after: int) -> int:
        """The sector that holds the first event after the sequence `after` (the head if there is none yet)."""
        low = 0
        high = (self.head - self.oldest) % self.count
        while low < high:
            middle = (low + high + 1) // 2
            sector = (self.oldest + middle) % self.count
            if self.state[sector] < DATA:
                sector = self.next_data(sector)
            if self.sequence_before(sector) <= after:
                low = middle
            else:
                high = middle - 1
        sector = (self.oldest + low) % self.count
        while self.state[sector] < DATA and sector != self.oldest:
            sector = (sector - 1) % self.count
        return sector

    def first_unacked(self) -> int:
        """The sector with the first event that is not acknowledged."""
        if self._tail < 0:
            self._tail = self.find_sector(self.acked)
        elif self._tail_acked != self.acked:
            while self._tail != self.head:
                following = self.next_data(self._tail)
                if self.sequence_before(following) > self.acked:
                    break
                self._tail = following
        self._tail_acked = self.acked
        return self._tail

    def next_event(self, after: int) -> bool:
        """Load the first event after the sequence `after`, control records skipped. False if there is none."""
        if after >= self.sequence or self.head < 0:
            return False
        if self.cursor_sector < 0 or self.cursor_sequence != after:
            self._seek(after)
        while True:
            sector = self.cursor_sector
            limit = self.pos if sector == self.head else self.sector_size
            at = self.advance(sector * self.sector_size, self.cursor_pos, limit, self.cursor_sequence)
            if at >= 0:
                self.cursor_pos = at + self.length + RECORD_OVERHEAD
                self.cursor_sequence = self.loaded
                if self.kind == KIND_EVENT and self.loaded > after:
                    return True
            elif sector == self.head:
                self.cursor_sequence = after
                self.cursor_sector = -1
                return False
            else:
                self._enter(self.next_data(sector))

    def _seek(self, after: int) -> None:
        self.cursor_sequence = 0
        self._enter(self.find_sector(after))

    def _enter(self, sector: int) -> None:
        """Put the cursor at the beginning of a sector."""
        self.cursor_sector = sector
        self.cursor_pos = SECTOR_HEADER
        self.cursor_sequence = self.begin_of(sector, self.cursor_sequence)

    def ack(self, sequence: int) -> None:
        """Remember durably that events up to `sequence` need not be sent again.

        Where not even the reserve has room it is remembered in RAM only; the next sector opened writes it down.
        """
        sequence = min(sequence, self.sequence)
        if sequence <= self.acked:
            return
        self.acked = sequence
        try:
            self.append_u32(KIND_ACK, sequence)
        except JournalFull:
            return

    def begin_boot(self, boot: int) -> bool:
        """Write down the number of this boot; False if there is no room but the reserve."""
        self.boot = boot
        try:
            self.append_u32(KIND_BOOT, boot, False)
        except (JournalFull, OSError):
            return False
        return True
