"""A ring of sectors with records: appended, read back, chained; never erased in the append path.

Sectors are used in cyclic order, so all wear alike. Between the head and the oldest sector lie the ready ones (erased
ahead of time by `idle`) and the dirty ones. `Journal` and `StateStore` are two policies over this one mechanism.
"""

import struct
from binascii import crc32

from cabinet.store import layout, recovery
from cabinet.store.layout import (
    BAD,
    BUFFER_SIZE,
    DATA,
    DIRTY,
    KIND_ACK,
    KIND_BOOT,
    KIND_EVENT,
    MAX_PAYLOAD,
    PAYLOAD,
    READY,
    RECORD_OVERHEAD,
    SECTOR_HEADER,
    SEQUENCE,
    WORD,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.ports import FlashArea
    from cabinet.trust.hmac import HmacKey

_EIO = 5
_TRIES = 3


class JournalFull(Exception):
    """No room that may be used for this record: what is stored is not acknowledged yet, or `idle` was not called."""


class Buffers:
    """The working memory that all rings of a store share; nothing in here outlives a call."""

    def __init__(self) -> None:
        self.record = bytearray(BUFFER_SIZE)
        self.check = bytearray(64)
        self.header = bytearray(SECTOR_HEADER)


class Ring:
    """One ring over one flash area. After construction it is recovered and ready to append."""

    def __init__(self, area: "FlashArea", name: str, key: "HmacKey", buffers: Buffers, reserve: int = 1) -> None:
        self.area = area
        self.name = name
        self.magic = layout.magic(name)
        self.sector_size = area.sector_size
        self.page_size = area.page_size
        self.count = area.size // area.sector_size
        if self.count < 2 or self.sector_size < 1024 or self.sector_size % self.page_size:
            raise ValueError("ring %s: needs at least 2 sectors of at least 1024 bytes made of whole pages" % name)
        self.reserve = reserve
        self.target = max(reserve + 1, min(8, self.count // 4))
        self._key = key
        self.record = buffers.record
        self.view = memoryview(buffers.record)
        self.check = buffers.check
        self.check_view = memoryview(buffers.check)
        self.header = buffers.header
        self.header_view = memoryview(buffers.header)
        self.forget()
        recovery.recover(self)

    def forget(self) -> None:
        """Start from nothing: the state before recovery."""
        self.state = bytearray(self.count)
        self.head = -1
        self.head_number = 0
        self.pos = self.sector_size
        self.oldest = -1
        self.ready = 0
        self.sequence = 0
        self.acked = 0
        self.boot = 0
        self.tag = bytearray(8)
        self.kind = 0  # of the record that `load` read last
        self.length = 0
        self.loaded = 0  # its sequence
        self.findings = []  # (what, how many sectors)
        self.cursor_sector = -1
        self.cursor_pos = 0
        self.cursor_sequence = 0
        self._tail = -1
        self._tail_acked = 0

    # --- sectors

    def read_header(self, sector: int) -> int:
        """Read a sector header into `header`; returns what the sector is."""
        self.area.read(sector * self.sector_size, self.header)
        return layout.classify(self.header, self.magic)

    def next_data(self, sector: int) -> int:
        """The next sector with records after `sector`; the head if there is none before it."""
        while sector != self.head:
            sector = (sector + 1) % self.count
            if self.state[sector] >= DATA:
                break
        return sector

    def sequence_before(self, sector: int) -> int:
        """The last event sequence before this sector, from the first sound header at or after it."""
        while True:
            if self.state[sector] == DATA and self.read_header(sector) == DATA:
                return layout.u32(self.header, 16)
            if sector == self.head:
                return self.sequence
            sector = self.next_data(sector)

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

    def next_ready(self) -> int:
        """The next ready sector in the order of use, or -1."""
        sector = self.head
        for _ in range(self.count):
            sector = (sector + 1) % self.count
            if self.state[sector] == READY:
                return sector
            if sector == self.oldest:
                break
        return -1

    def _open_next(self, urgent: bool) -> None:
        for _ in range(_TRIES):
            sector = self.next_ready() if self.ready > (0 if urgent else self.reserve) else -1
            if sector < 0:
                raise JournalFull("ring %s: no room" % self.name)
            if self._open(sector):
                self.state[sector] = DATA
                self.ready -= 1
                self.head = sector
                self.head_number += 1
                self.pos = SECTOR_HEADER
                self.tag[:] = self.header_view[36:44]
                if self.oldest < 0:
                    self.oldest = sector
                return
            self.give_up(sector)
        raise OSError(_EIO)

    def _open(self, sector: int) -> bool:
        base = sector * self.sector_size
        if self.read_header(sector) != READY:
            return False
        struct.pack_into("<IIII", self.header, 12, self.head_number + 1, self.sequence, self.acked, self.boot)
        self.header[28:36] = self.tag
        self.header[36:44] = self._key.mac(self.header_view[0:8], self.header_view[12:36])[:8]
        struct.pack_into("<I", self.header, 44, crc32(self.header_view[12:44], crc32(self.magic)))
        try:
            self.area.program(base + 12, self.header_view[12:48])
            return self.same(base + 12, self.header_view, 12, 36)
        except OSError:
            return False

    def give_up(self, sector: int) -> None:
        """Mark a sector so that nothing in it is ever taken for a header again; it is erased when its turn comes."""
        if self.state[sector] == READY:
            self.ready -= 1
        self.state[sector] = DIRTY
        for i in range(SECTOR_HEADER):
            self.check[i] = 0
        for _ in range(2):
            try:
                self.area.program(sector * self.sector_size, self.check_view[0:SECTOR_HEADER])
            except OSError:
                continue

    def erase(self, sector: int) -> bool:
        """Erase and mark a sector; False if it does not become blank or does not keep the mark."""
        base = sector * self.sector_size
        self.read_header(sector)
        erases = layout.erases_of(self.header, self.magic)
        struct.pack_into("<I", self.check, 0, 0)
        try:
            self.area.program(base + 8, self.check_view[0:4])
            self.area.erase(base)
            if not self.blank(base, self.sector_size):
                return False
            layout.put_fmt(self.header, self.magic, erases + 1)
            self.area.program(base, self.header_view[0:12])
            if not self.same(base, self.header_view, 0, 12):
                return False
        except OSError:
            return False
        self.state[sector] = READY
        self.ready += 1
        return True

    def erase_one(self, target: int) -> bool:
        """Erase the first dirty sector between the head and the oldest one, if fewer than `target` are ready."""
        if self.ready >= target:
            return False
        sector = self.head
        for _ in range(self.count):
            sector = (sector + 1) % self.count
            if sector == self.oldest:
                return False
            if self.state[sector] == DIRTY:
                if not self.erase(sector):
                    self.state[sector] = BAD
                return True
        return False

    def retire_oldest(self) -> None:
        """Give the oldest sector up: its records are no longer needed. It stays readable until it is erased."""
        sector = self.oldest
        self.oldest = self.next_data(sector)
        self.state[sector] = DIRTY
        if self.cursor_sector == sector:
            self.cursor_sector = -1
        if self._tail == sector:
            self._tail = -1

    # --- flash

    def blank(self, address: int, length: int) -> bool:
        """Whether this stretch is erased."""
        while length:
            n = min(length, 64)
            chunk = self.check_view[0:n]
            self.area.read(address, chunk)
            if chunk != _BLANK[0:n]:
                return False
            address += n
            length -= n
        return True

    def same(self, address: int, data: memoryview, start: int, length: int) -> bool:
        """Whether flash holds data[start:start+length] here."""
        while length:
            n = min(length, 64)
            chunk = self.check_view[0:n]
            self.area.read(address, chunk)
            if chunk != data[start : start + n]:
                return False
            address += n
            start += n
            length -= n
        return True

    def program(self, address: int, data: memoryview, start: int, length: int) -> None:
        """Program data[start:start+length], one page at a time."""
        while length:
            n = min(length, self.page_size - address % self.page_size)
            self.area.program(address, data[start : start + n])
            address += n
            start += n
            length -= n

    def spoil(self, start: int, end: int) -> int:
        """Make the stretch of the head sector unusable for good; returns where the first clean page begins."""
        base = self.head * self.sector_size
        for i in range(32):
            self.check[i] = 0
        at = start
        while at < end:
            page_end = at - at % self.page_size + self.page_size
            for _ in range(2):
                try:
                    self.area.program(base + at, self.check_view[0 : min(32, page_end - at)])
                except OSError:
                    continue
            at = page_end
        return min(at, self.sector_size)

    # --- records

    def append(self, kind: int, length: int, urgent: bool = False) -> int:
        """Store the payload that stands in `record`; durable on return. Returns the sequence of the last event.

        Raises JournalFull, or OSError if the flash does not keep what is written to it.
        """
        need = length + RECORD_OVERHEAD
        if length > MAX_PAYLOAD or need + SECTOR_HEADER > self.sector_size:
            raise ValueError("record of %d bytes is too long" % length)
        if not urgent and self.ready < self.reserve:
            raise JournalFull("ring %s: only the reserve is left" % self.name)
        for _ in range(_TRIES):
            if self.pos + need > self.sector_size:
                self._open_next(urgent)
            sequence = self._seal(kind, length)
            address = self.head * self.sector_size + self.pos
            try:
                self.program(address, self.view, WORD, need)
                kept = self.same(address, self.view, WORD, need)
            except OSError:
                kept = False
            if kept:
                self.pos += need
                self.sequence = sequence
                self.tag[:] = self.view[PAYLOAD + length : PAYLOAD + length + 8]
                return sequence
            self.pos = self.spoil(self.pos, self.pos + need)
        raise OSError(_EIO)

    def _seal(self, kind: int, length: int) -> int:
        """Put sequence, first word, tag and CRC around the payload."""
        sequence = self.sequence + 1 if kind == KIND_EVENT else self.sequence
        end = PAYLOAD + length
        self.record[0:8] = self.tag
        struct.pack_into("<IH", self.record, SEQUENCE, sequence, kind << 14 | (sequence & 15) << 10 | length)
        self.record[end : end + 8] = self._key.mac(self.view[0:end])[:8]
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

    def load_any(self, base: int, at: int) -> bool:
        """Read the record at `at` whatever its sequence is (its last four bits are known, the sector says the rest)."""
        return self.load(base, at, max(0, self.begin_of(base // self.sector_size, 0)), self.sector_size // RECORD_OVERHEAD + 16)

    def advance(self, base: int, at: int, limit: int, last: int) -> int:
        """Load the next sound record at or after `at`; returns where it begins, or -1 if none is left before `limit`."""
        if at < limit and self.load(base, at, last):
            return at
        span = self.sector_size // 16
        while at < limit:
            if self.load(base, at, last, span):
                return at
            if self.record[WORD] | self.record[WORD + 1] == 0:
                at += self.page_size - at % self.page_size
            elif self.record[WORD] & self.record[WORD + 1] == 0xFF and self.blank(base + at, limit - at):
                return -1
            else:
                at += 1
        return -1

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

    def begin_of(self, sector: int, known: int) -> int:
        """The sequence before the first record of a sector; `known` is where the one before it ended, 0 if unknown."""
        if self.state[sector] == DATA and self.read_header(sector) == DATA:
            return layout.u32(self.header, 16)
        return known or max(0, recovery.solve_before(self, sector))

    # --- acknowledgement

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

    def begin_boot(self) -> None:
        """Count this boot; without room the number still rises, but only in RAM."""
        self.boot += 1
        try:
            self.append_u32(KIND_BOOT, self.boot)
        except (JournalFull, OSError):
            return


_BLANK = memoryview(b"\xff" * 64)
