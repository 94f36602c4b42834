"""Sectors in a cycle: opened, given up, erased ahead of time; and the plain flash operations under them.

Sectors are used in cyclic order, so all wear alike. Between the head and the oldest sector lie the ready ones (erased
ahead of time by `erase_one`) and the dirty ones.
"""

import struct
from binascii import crc32

from cabinet.store import layout
from cabinet.store.layout import BAD, BUFFER_SIZE, DAMAGED, DATA, DIRTY, FMT_SIZE, READY, SECTOR_HEADER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import FlashArea
    from cabinet.trust.hmac import HmacKey

EIO = 5
TRIES = 3
SPOILT = 32  # bytes of 0 that make the rest of a page unusable
READINGS = 8  # of a place that reads as damaged, before that is taken for its state
_WITNESS_READINGS = 32  # at most, between two readings of one place
_PROOFS = 8  # programs in a row that must go well after one that did not
_PATIENCE = 25  # calls of `erase_one` without room before bad sectors are tried again
_BLANK = memoryview(b"\xff" * 64)


class JournalFull(Exception):
    """No room that may be used for this record: what is stored is not acknowledged yet, or `idle` was not called."""


class Buffers:
    """The working memory that all rings of a store share; nothing in here outlives a call."""

    def __init__(self) -> None:
        self.record = bytearray(BUFFER_SIZE)
        self.check = bytearray(64)
        self.header = bytearray(SECTOR_HEADER)


class Sectors:
    """The sectors of one ring and the state of each."""

    waited = 0  # calls of `erase_one` that found no room and nothing to erase
    doubt = -1  # where the flash has just failed: nothing more is tried before it has proved itself there
    healed = ()  # addresses of headers and records in which one flipped bit was put right
    doubted = b""  # what was to stand there, and must not be found there once another takes its place

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
        self.key = key
        self.record = buffers.record
        self.view = memoryview(buffers.record)
        self.check = buffers.check
        self.check_view = memoryview(buffers.check)
        self.header = buffers.header
        self.header_view = memoryview(buffers.header)
        self.forget()

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
        self.witness = -1  # address of a mark that is known; while it reads wrongly, so does everything else
        self.broken = False  # the flash does not answer: nothing can be stored
        self.erasing: "tuple[int, int] | None" = None  # the sector that is being erased beside the loop, and how often it was before

    def glance(self, sector: int) -> int:
        """Read a sector header into `header` once; returns what the sector seems to be. Only DATA is certain: its CRC says so."""
        self.area.read(sector * self.sector_size, self.header)
        kind = layout.classify(self.header, self.magic)
        if kind >= READY and layout.fmt_ok(self.header, self.magic):
            self.witness = sector * self.sector_size
        return kind

    def read_header(self, sector: int) -> int:
        """Read a sector header into `header`; returns what the sector is.

        A header whose CRC fits counts at once. Anything else counts once two readings agree, and "damaged" after READINGS of
        them; a header with one flipped bit is put right in `header`.
        """
        seen = -1
        for reading in range(2 * READINGS):
            kind = self.glance(sector)
            if kind == DATA:
                return DATA
            text = crc32(self.header)
            if text == seen and (kind != DAMAGED or reading >= READINGS):
                break
            seen = text
            self.pause()
        if kind == DAMAGED:
            from cabinet.store import healing  # seldom needed: loaded then

            if healing.heal_header(self.header, self.magic):
                self.note_healed(sector * self.sector_size)
                return DATA
        return kind

    def note_healed(self, address: int) -> None:
        """Remember once what was put right here."""
        if address not in self.healed:
            self.healed += (address,)

    def pause(self) -> None:
        """Keep two readings of one place apart: read what is known until it reads right, so that a disturbance passes."""
        mark = self.check_view[0:FMT_SIZE]
        for _ in range(_WITNESS_READINGS):
            self.area.read(max(self.witness, 0), mark)
            if self.witness >= 0 and layout.fmt_ok(self.check, self.magic):
                return

    def next_data(self, sector: int) -> int:
        """The next sector with records after `sector`; the head if there is none before it."""
        while sector != self.head:
            sector = (sector + 1) % self.count
            if self.state[sector] >= DATA:
                break
        return sector

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

    def open_next(self, urgent: bool) -> None:
        for _ in range(TRIES):
            sector = self.next_ready() if self.ready > (0 if urgent else self.reserve) else -1
            if sector < 0:
                raise JournalFull("ring %s: no room" % self.name)
            if not self.proves():
                break
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
        raise OSError(EIO)

    def _doubt_at(self, address: int, data: memoryview) -> None:
        """What was written here is not known to stand, nor not to stand."""
        self.doubt = address
        self.doubted = bytes(data)

    def proves(self) -> bool:
        """Whether the flash obeys; if it has failed, then several times in a row, where that spoils what failed.

        A flash that fails now and then for a while must not be allowed to use up all room, a stretch for each try. And what was
        written, could not be read back and could not be spoilt either must not stand beside what takes its place: after a restart
        it would count.
        """
        if self.doubt >= 0:
            found = self.check_view[0 : len(self.doubted)]
            try:
                for _ in range(_PROOFS):
                    for i in range(len(found)):
                        found[i] = 0
                    self.program(self.doubt, found, 0, len(found))
                self.area.read(self.doubt, found)
            except OSError:
                return False
            if found == self.doubted:
                return False
            self.doubt = -1
        return True

    def _open(self, sector: int) -> bool:
        base = sector * self.sector_size
        if self.read_header(sector) != READY:
            return False
        struct.pack_into("<IIII", self.header, 12, self.head_number + 1, self.sequence, self.acked, self.boot)
        self.header[28:36] = self.tag
        self.header[36:44] = self.key.mac(self.header_view[0:8], self.header_view[12:36])[:8]
        struct.pack_into("<I", self.header, 44, crc32(self.header_view[12:44], crc32(self.magic)))
        try:
            self.area.program(base + 12, self.header_view[12:48])
            if self.kept(base + 12, self.header_view, 12, 36):
                return True
        except OSError:
            pass
        self._doubt_at(base + 12, self.header_view[12:28])
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

    def erase_one(self, target: int, wait: bool = True) -> bool:
        """Erase the first dirty sector between the head and the oldest one, if fewer than `target` are ready.

        True if there was something to do. With `wait` it is done on return; without it, an area that can erase beside the
        loop (`begin_erase`, `busy`) is only started, and a later call takes the erased sector into use.
        """
        if self.erasing is not None:
            return self._go_on(self.erasing, wait)
        if self.ready >= target:
            return False
        sector = self.head
        for _ in range(self.count):
            sector = (sector + 1) % self.count
            if sector == self.oldest:
                break
            if self.state[sector] == DIRTY:
                self._begin_erase(sector, wait or not hasattr(self.area, "begin_erase"))
                return True
        if self.ready <= self.reserve:
            self._doubt_bad()
        return False

    def _begin_erase(self, sector: int, wait: bool) -> None:
        """Take the mark off a sector and erase it, or begin to; without its mark a sector counts for nothing until it is blank."""
        base = sector * self.sector_size
        area: "Any" = self.area
        try:
            if not wait and area.busy():
                return  # the chip erases for another ring: the next call tries again
            self.read_header(sector)
            erases = layout.erases_of(self.header, self.magic)
            struct.pack_into("<I", self.check, 0, 0)
            area.program(base + 8, self.check_view[0:4])
            if wait:
                area.erase(base)
            else:
                area.begin_erase(base)
        except OSError:
            self.state[sector] = BAD
            return
        self.erasing = (sector, erases)
        if self.doubt // self.sector_size == sector:
            self.doubt = -1  # what failed in here counts no more; to go on spoiling it would spoil the erased sector
        if wait:
            self._go_on(self.erasing, True)

    def _go_on(self, erasing: "tuple[int, int]", wait: bool) -> bool:
        """What follows an erase: check that the sector is blank, mark it. True, whether or not the erase is over yet."""
        sector, erases = erasing
        base = sector * self.sector_size
        area: "Any" = self.area
        try:
            if hasattr(area, "busy"):
                while area.busy():
                    if not wait:
                        return True
            good = self.blank(base, self.sector_size)
            if not good:
                self.pause()
                good = self.blank(base, self.sector_size)
            if good:
                layout.put_fmt(self.header, self.magic, erases + 1)
                area.program(base, self.header_view[0:12])
                good = self.kept(base, self.header_view, 0, 12)
        except OSError:
            good = False
        self.erasing = None
        self.state[sector] = READY if good else BAD
        self.ready += good
        return True

    def _doubt_bad(self) -> None:
        """Nothing more can be stored: now and then try the bad sectors again. It may have been the supply or the bus that was bad."""
        self.waited += 1
        if self.waited % _PATIENCE == 0:
            for sector in range(self.count):
                if self.state[sector] == BAD:
                    self.state[sector] = DIRTY

    def retire_oldest(self) -> None:
        """Give the oldest sector up: its records are no longer needed. It stays readable until it is erased."""
        sector = self.oldest
        self.oldest = self.next_data(sector)
        self.state[sector] = DIRTY

    def void(self, address: int) -> bool:
        """Whether `spoil` has made this page unusable from here on: a damaged record may hold a few bytes of 0 as well."""
        n = min(SPOILT, self.page_size - address % self.page_size)
        self.area.read(address, self.check_view[0:n])
        return self.check[0:n] == bytes(n)

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

    def first_written(self, base: int, at: int, limit: int) -> int:
        """Where the first byte that is not erased stands at or after `at`; `limit` if there is none before it."""
        while at < limit:
            n = min(limit - at, 64)
            if not self.blank(base + at, n):
                for i in range(n):
                    if self.check[i] != 0xFF:
                        return at + i
            at += n
        return limit

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

    def kept(self, address: int, data: memoryview, start: int, length: int) -> bool:
        """`same`, after something was programmed: that it was not kept is not taken from one reading."""
        if self.same(address, data, start, length):
            return True
        self.pause()
        return self.same(address, data, start, length)

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
        for i in range(SPOILT):
            self.check[i] = 0
        at = start
        while at < end:
            page_end = at - at % self.page_size + self.page_size
            for _ in range(2):
                try:
                    self.area.program(base + at, self.check_view[0 : min(SPOILT, page_end - at)])
                except OSError:
                    continue
            at = page_end
        return min(at, self.sector_size)
