"""What somebody with a programmer and no key can do to a journal's image: CRCs and sequences repaired, tags not."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

from swapcab.journal_image import EVENT, HEADER, OVERHEAD, RawRecord, RingImage, Sector


@dataclass
class Tampered:
    """A changed image and what the verdict ought to say."""

    what: str
    data: bytes
    kinds: tuple[str, ...]
    sequence: int | None = None
    offset: int | None = None
    needs_anchor: bool = False


def build(kind: int, sequence: int, payload: bytes, tag: bytes) -> bytes:
    """A record with a right CRC."""
    body = struct.pack("<H", kind << 14 | (sequence & 15) << 10 | len(payload)) + payload + tag
    return body + struct.pack("<I", crc32(body, crc32(struct.pack("<I", sequence))))


def whole(record: RawRecord) -> bytes:
    """A record's bytes."""
    return build(record.kind, record.sequence, record.payload, record.tag)


def rewrite(data: bytes, sector: Sector, records: list[bytes], size: int) -> bytes:
    """The sector with these records and nothing after them."""
    body = b"".join(records)
    return data[: sector.offset + HEADER] + body.ljust(size - HEADER, b"\xff") + data[sector.offset + size :]


class Tamperer:
    """Random attacks on one image of ring A."""

    def __init__(self, data: bytes, image: RingImage, dice: random.Random, older: list[bytes], size: int = 4096) -> None:
        self.data = data
        self.image = image
        self.dice = dice
        self.older = older
        self.size = size
        self.attacks: list[Callable[[], Tampered]] = [
            self.edit_payload,
            self.edit_tag,
            self.edit_header,
            self.delete,
            self.delete_and_renumber,
            self.blot_out,
            self.exchange,
            self.exchange_sectors,
            self.erase_sector,
            self.truncate,
            self.roll_back,
        ]

    def attack(self) -> Tampered:
        """Any of them."""
        return self.dice.choice(self.attacks)()

    def _sector(self, least: int = 4, inner: bool = False) -> Sector:
        sectors = self.image.sectors[1:-1] if inner else self.image.sectors
        return self.dice.choice([s for s in sectors if len(s.records) >= least])

    def edit_payload(self) -> Tampered:
        """One byte of one record, CRC repaired."""
        record = self.dice.choice(self._sector().records)
        payload = bytearray(record.payload)
        payload[self.dice.randrange(len(payload))] ^= self.dice.randrange(1, 256)
        new = build(record.kind, record.sequence, bytes(payload), record.tag)
        return Tampered("edit", self._put(record.offset, new), ("edited",), record.sequence, record.offset)

    def edit_tag(self) -> Tampered:
        """One byte of a tag, CRC repaired."""
        record = self.dice.choice(self._sector().records)
        tag = bytearray(record.tag)
        tag[self.dice.randrange(8)] ^= self.dice.randrange(1, 256)
        new = build(record.kind, record.sequence, record.payload, bytes(tag))
        return Tampered("edit of a tag", self._put(record.offset, new), ("edited",), record.sequence, record.offset)

    def edit_header(self) -> Tampered:
        """One byte of a sector header, CRC repaired."""
        sector = self._sector()
        header = bytearray(sector.header)
        header[self.dice.choice([*range(4, 8), *range(12, 44)])] ^= self.dice.randrange(1, 256)
        header[8:12] = struct.pack("<I", crc32(header[0:8]))
        header[44:48] = struct.pack("<I", crc32(header[12:44], crc32(header[0:4])))
        return Tampered("edit of a header", self._put(sector.offset, bytes(header)), ("edited",), None, sector.offset)

    def _put(self, offset: int, new: bytes) -> bytes:
        return self.data[:offset] + new + self.data[offset + len(new) :]

    def _event_index(self, sector: Sector, last_allowed: bool = False) -> int:
        end = len(sector.records) if last_allowed else len(sector.records) - 3
        return self.dice.choice([i for i in range(end) if sector.records[i].kind == EVENT])

    def delete(self) -> Tampered:
        """One event taken out, the rest of the sector moved up."""
        sector = self._sector(8, inner=True)
        i = self._event_index(sector)
        records = [whole(r) for k, r in enumerate(sector.records) if k != i]
        return Tampered("deletion", rewrite(self.data, sector, records, self.size), ("removed",), sector.records[i].sequence)

    def delete_and_renumber(self) -> Tampered:
        """The same, sequences of the rest of the sector and CRCs repaired."""
        sector = self._sector(8, inner=True)
        i = self._event_index(sector)
        records = [whole(r) for r in sector.records[:i]]
        records += [build(r.kind, r.sequence - 1, r.payload, r.tag) for r in sector.records[i + 1 :]]
        return Tampered("deletion, renumbered", rewrite(self.data, sector, records, self.size), ("removed",), sector.records[i].sequence)

    def blot_out(self) -> Tampered:
        """An event overwritten with zeros, as if a power cut had spoiled it."""
        sector = self._sector(8, inner=True)
        record = sector.records[self._event_index(sector)]
        zeros = bytes(OVERHEAD + len(record.payload))
        return Tampered("blotting out", self._put(record.offset, zeros), ("removed",), record.sequence)

    def exchange(self) -> Tampered:
        """Two events of a sector in each other's place."""
        sector = self._sector(8, inner=True)
        i, j = sorted(self.dice.sample([k for k in range(len(sector.records) - 1) if sector.records[k].kind == EVENT], 2))
        records = [whole(r) for r in sector.records]
        a, b = sector.records[i], sector.records[j]
        records[i] = build(EVENT, a.sequence, b.payload, b.tag)
        records[j] = build(EVENT, b.sequence, a.payload, a.tag)
        return Tampered("exchange", rewrite(self.data, sector, records, self.size), ("reordered",), a.sequence)

    def exchange_sectors(self) -> Tampered:
        """Two sectors in each other's place, headers made to fit."""
        a, b = self.dice.sample(self.image.sectors[1:-1], 2)
        headers = {}
        for sector, other in ((a, b), (b, a)):
            header = bytearray(sector.header)
            header[12:20] = other.header[12:20]
            header[44:48] = struct.pack("<I", crc32(header[12:44], crc32(header[0:4])))
            headers[sector.offset] = bytes(header)
        data = self._put(a.offset, headers[a.offset])
        data = data[: b.offset] + headers[b.offset] + data[b.offset + HEADER :]
        first = min((a, b), key=lambda s: s.number)
        return Tampered("exchange of sectors", data, ("edited",), first.before + 1, None)

    def erase_sector(self) -> Tampered:
        """A sector in the middle erased."""
        sector = self._sector(1, inner=True)
        data = self._put(sector.offset, b"\xff" * self.size)
        return Tampered("erasing a sector", data, ("removed",), sector.before + 1)

    def truncate(self) -> Tampered:
        """Everything from some event on erased."""
        index = self.dice.randrange(1, len(self.image.sectors))
        sector = self.image.sectors[index]
        keep = self.dice.randrange(0, max(1, len(sector.records) - 1))
        data = rewrite(self.data, sector, [whole(r) for r in sector.records[:keep]], self.size)
        for later in self.image.sectors[index + 1 :]:
            data = data[: later.offset] + b"\xff" * self.size + data[later.offset + self.size :]
        last = max((r.sequence for r in sector.records[:keep] if r.kind == EVENT), default=sector.before)
        return Tampered("truncation", data, ("truncated",), last + 1, needs_anchor=True)

    def roll_back(self) -> Tampered:
        """The whole flash as it was some time ago."""
        return Tampered("rollback", self.dice.choice(self.older), ("rolled back",), None, needs_anchor=True)
