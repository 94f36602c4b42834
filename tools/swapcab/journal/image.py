"""A journal's flash image, read by someone who trusts nobody: what is in it, and what was done to it.

Written from the format (docs/journal.md), not from the firmware: only the decoding of a record's payload is shared (journal_events.py).
The image may be one ring, a whole chip, or anything in between: sectors tell by their first bytes what they belong to.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from zlib import crc32

from swapcab.journal.events import decode

HEADER = 48
OVERHEAD = 14
SPOILT = 32  # bytes of 0 with which the firmware marks the rest of a page as unusable
MAX_PAYLOAD = 512
ERASED_AHEAD = 9  # sectors, one that is being erased among them
EVENT, ACK, BOOT = 1, 2, 3
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: where, and what was done."""

    kind: str  # edited, removed, reordered, truncated, rolled back
    ring: str
    sequence: int  # the first event concerned
    offset: int  # in the image
    words: str


@dataclass
class Anchor:
    """What left the device earlier and cannot be taken back: a sequence that existed, and perhaps its chain tag."""

    ring: str
    sequence: int
    tag: str = ""
    boot: int = 0


@dataclass(slots=True)
class RawRecord:
    """A record as it stands on flash."""

    offset: int
    kind: int
    sequence: int
    payload: bytes
    tag: bytes
    word: int
    flipped: int = -1  # where the one bit was that the flash had flipped, as an offset in the image; -1: none


@dataclass(eq=False)
class Sector:
    """A sector that was opened. Its records are read when they are asked for: a year of them does not fit into memory."""

    offset: int
    number: int
    before: int
    acked: int
    boot: int
    erases: int
    previous_tag: bytes
    tag: bytes
    header: bytes
    data: Any = b""  # the image
    size: int = 4096
    page: int = 256
    sound: bool = True
    given_up: bool = False  # marked so, over an opened header that is whole

    @property
    def records(self) -> list[RawRecord]:
        """All records that can be read, in order."""
        return _records(self)[0]

    @property
    def torn(self) -> int:
        """Stretches between them that hold none."""
        return _records(self)[1]


@dataclass
class RingImage:
    """One ring of an image and the verdict on it."""

    ring: str
    sectors: list[Sector]
    faults: list[Fault] = field(default_factory=list)
    keyed: bool = False
    torn: int = 0  # stretches that a restart or a power cut left unused, the chain running on across them
    acked: int = 0
    boots: int = 0
    head: int = 0  # sequence of the newest event
    flash_errors: list[Fault] = field(default_factory=list)  # single flipped bits, put right by CRC and chain
    given_up: list[Sector] = field(default_factory=list)
    blank: int = 0  # sectors of its area that are erased, with and without the mark that follows an erase
    marked: int = 0

    @property
    def events(self) -> Iterator[RawRecord]:
        """The stored events in order."""
        for sector in self.sectors:
            for record in sector.records:
                if record.kind == EVENT:
                    yield record

    @property
    def first(self) -> int:
        """Sequence before the oldest event."""
        return self.sectors[0].before if self.sectors else 0


class ImageFile:
    """A flash image that is read piece by piece: one that holds a year does not fit into memory."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._size = path.stat().st_size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        begin, end, _ = part.indices(self._size)
        self._file.seek(begin)
        return self._file.read(max(0, end - begin))


class Chain:
    """HMAC-SHA256 under the device key, truncated to 8 bytes."""

    def __init__(self, key: bytes) -> None:
        self._base = hmac.new(key, digestmod=hashlib.sha256)

    def tag(self, *parts: bytes) -> bytes:
        """Of the concatenation."""
        mac = self._base.copy()
        for part in parts:
            mac.update(part)
        return mac.digest()[:8]

    def record(self, previous: bytes, record: RawRecord) -> bytes:
        """What the tag of a record must be after the tag `previous`."""
        return self.tag(previous, struct.pack("<IH", record.sequence, record.word), record.payload)


def _sector_of(data: Any, offset: int, ring: str, size: int, page: int) -> Sector | None:
    """A sector that was opened for this ring; one whose header is hurt has `sound` False and no place yet."""
    header = data[offset : offset + HEADER]
    magic = b"SW" + ring.encode() + b"\x01"
    given_up = header[8:12] == bytes(4)
    if not header[12:].strip(b"\xff"):
        return None
    sound = struct.unpack_from("<I", header, 44)[0] == crc32(header[12:44], crc32(magic))
    if not sound and (given_up or header[0:4] != magic):
        return None
    erases = struct.unpack_from("<I", header, 4)[0]
    number, before, acked, boot = struct.unpack_from("<IIII", header, 12)
    place = (offset, number, before, acked, boot, erases)
    return Sector(*place, header[28:36], header[36:44], header, data, size, page, sound, given_up)


def _place(sector: Sector, head: int) -> bool:
    """Find where a sector with an untrue header belongs from its first record; False if it has none."""
    chunk = sector.data[sector.offset : sector.offset + sector.size]
    first = _load(chunk, HEADER, len(chunk), 0, head + sector.size // OVERHEAD)
    if first is None:
        return False
    sector.before = first.sequence - 1 if first.kind == EVENT else first.sequence
    return True


def _load(data: bytes | bytearray, at: int, end: int, last: int, span: int) -> RawRecord | None:
    """The record at `at` that follows the event `last` by at most `span`, if its CRC says that there is one."""
    if at + OVERHEAD > end:
        return None
    word = data[at] | data[at + 1] << 8
    kind = word >> 14
    length = word & 0x3FF
    if kind == 0 or length > MAX_PAYLOAD or at + OVERHEAD + length > end or (kind != EVENT and length != 4):
        return None
    stop = at + 2 + length + 8
    crc = struct.unpack_from("<I", data, stop)[0]
    low = last + 1 if kind == EVENT else last
    sequence = low + (((word >> 10) - low) & 15)
    while sequence < low + span:
        if crc == crc32(data[at:stop], crc32(struct.pack("<I", sequence))):
            return RawRecord(at, kind, sequence, bytes(data[at + 2 : at + 2 + length]), bytes(data[stop - 8 : stop]), word)
        sequence += 16
    return None


@lru_cache(maxsize=8)
def _records(sector: Sector) -> tuple[list[RawRecord], int]:
    """All records of a sector, past whatever is not one, and how often something was not."""
    data = sector.data[sector.offset : sector.offset + sector.size]
    records: list[RawRecord] = []
    torn = 0
    at = HEADER
    end = len(data)
    last = sector.before
    wide = sector.size // OVERHEAD
    while at < end:
        record = _load(data, at, end, last, 1)
        if record is None:
            if not data[at:end].strip(b"\xff"):
                break
            record = _healed(data, at, end, last)
        if record is None:
            torn += 1
            while at < end and (record := _load(data, at, end, last, wide)) is None:
                page_end = at + sector.page - at % sector.page
                at = page_end if not data[at : min(at + SPOILT, page_end)].strip(b"\0") else at + 1
            if record is None:
                break
        last = record.sequence
        at = record.offset + OVERHEAD + len(record.payload)
        record.offset += sector.offset
        records.append(record)
    return records, torn


def _healed(data: bytes, at: int, end: int, last: int) -> RawRecord | None:
    """The record at `at` with one bit flipped back, if that makes its CRC fit. Whether its tag fits as well is seen later."""
    for bit in range(16):  # of the first word, which tells the length
        word = bytearray(data[at : at + 2])
        if len(word) == 2:
            word[bit // 8] ^= 1 << bit % 8
            record = _load(data[:at] + bytes(word) + data[at + 2 :], at, end, last, 1)
            if record is not None:
                record.flipped = at + bit // 8
                return record
    length = (data[at] | data[at + 1] << 8) & 0x3FF if at + 2 <= end else MAX_PAYLOAD + 1
    stop = at + 2 + length + 12
    if length > MAX_PAYLOAD or stop > end:
        return None
    copy = bytearray(data)
    for bit in range(16, 8 * (stop - at)):
        copy[at + bit // 8] ^= 1 << bit % 8
        record = _load(copy, at, end, last, 1)
        if record is not None:
            record.flipped = at + bit // 8
            return record
        copy[at + bit // 8] ^= 1 << bit % 8
    return None


def read_ring(data: Any, ring: str, sector_size: int = 4096, page: int = 256, key: bytes | None = None) -> RingImage:
    """All sectors of a ring in the order in which they were opened. With the key, forged headers are seen through."""
    offsets = range(0, len(data) - HEADER, sector_size)
    found = [s for s in (_sector_of(data, o, ring, sector_size, page) for o in offsets) if s is not None]
    given_up = [s for s in found if s.given_up]
    found = [s for s in found if not s.given_up]
    if key is not None:
        chain = Chain(key)
        for sector in found:
            sector.sound = sector.sound and chain.tag(sector.header[0:8], sector.header[12:36]) == sector.tag
        if not any(sector.sound for sector in found):  # another key, or none of this is genuine: take the headers as they are
            for sector in found:
                sector.sound = True
    found = _without_left_behind(found)
    head = max((s.before for s in found if s.sound), default=0)
    found = [s for s in found if s.sound or _place(s, head)]
    found.sort(key=lambda s: (s.before, s.number if s.sound else 0))
    image = RingImage(ring, found, given_up=given_up)
    newest = None
    for sector in found:
        image.head = max(image.head, sector.before)
        image.torn += sector.torn
        image.acked = max(image.acked, sector.acked)
        image.boots = max(image.boots, sector.boot)
        for record in sector.records:
            if record.kind == EVENT:
                image.head = max(image.head, record.sequence)
                newest = record
            elif record.kind == ACK:
                image.acked = max(image.acked, struct.unpack("<I", record.payload)[0])
            elif record.kind == BOOT:
                image.boots = max(image.boots, struct.unpack("<I", record.payload)[0])
    if newest is not None:  # ring B has no boot records
        image.boots = max(image.boots, decode(ring, newest, "")["boot"])
    return image


def _without_left_behind(found: list[Sector]) -> list[Sector]:
    """Leave out what the firmware has given up and could not erase: in the order of use it stands behind a higher number.

    Nothing is hidden by that: a sector of this round in whose place one of an earlier round is put is missed by its number.
    """
    newest = max((s for s in found if s.sound), key=lambda s: s.number, default=None)
    if newest is None:
        return found
    left: set[int] = set()
    highest = 0
    for sector in sorted(found, key=lambda s: (s.offset <= newest.offset, s.offset)):
        if sector.sound and sector.number < highest:
            left.add(sector.offset)
        elif sector.sound:
            highest = sector.number
    return [s for s in found if s.offset not in left]


def verify_ring(image: RingImage, key: bytes | None, reported: Progress = lambda done, total: None) -> None:
    """Fill `image.faults`. Without a key only what CRCs and sequences tell."""
    image.keyed = key is not None
    chain = Chain(key) if key is not None else None
    running: bytes | None = None
    last: int | None = None
    before: Sector | None = None
    for index, sector in enumerate(image.sectors):
        reported(index, len(image.sectors))
        true = sector.sound and (chain is None or chain.tag(sector.header[0:8], sector.header[12:36]) == sector.tag)
        where = (image.ring, sector.before + 1, sector.offset)
        if last is not None and sector.before > last:
            image.faults.append(Fault("removed", image.ring, last + 1, sector.offset, f"events {last + 1} to {sector.before}"))
        elif not true or last is not None and sector.before < last:
            image.faults.append(Fault("edited", *where, "sector header"))
        elif before is not None and before.sound and sector.number != before.number + 1:
            image.faults.append(Fault("removed", *where, "a sector"))
        elif running is not None and chain and sector.previous_tag != running:
            image.faults.append(Fault("removed", *where, "records at the end of the sector before"))
        last = _verify_records(image, sector, chain)
        running = sector.records[-1].tag if sector.records else sector.tag
        before = sector
    _verify_front(image)
    if chain is not None and image.sectors and len(image.faults) > 2 and not _carries(image, chain):
        first = image.sectors[0]
        words = "no header and no record carries a tag of this key: probably --key is that of another cabinet"
        image.faults[:] = [Fault("other key", image.ring, first.before + 1, first.offset, words)]


def _carries(image: RingImage, chain: Chain) -> bool:
    """Whether anything in the ring was written under this key."""
    for sector in image.sectors:
        if chain.tag(sector.header[0:8], sector.header[12:36]) == sector.tag:
            return True
        previous = sector.tag
        for record in sector.records:
            if chain.record(previous, record) == record.tag:
                return True
            previous = record.tag
    return False


def _verify_records(image: RingImage, sector: Sector, chain: Chain | None) -> int:
    previous = sector.tag
    last = sector.before
    for index, record in enumerate(sector.records):
        expected = last + 1 if record.kind == EVENT else last
        sound = chain is None or chain.record(previous, record) == record.tag
        if sound and record.flipped >= 0:
            place = sector.offset + record.flipped
            words = f"one flipped bit, put right by CRC and chain tag: event {record.sequence} is whole" if chain else "one flipped bit"
            image.flash_errors.append(Fault("flash error", image.ring, record.sequence, place, words))
        if not sound or record.sequence != expected:
            image.faults.append(_explain(image, sector, index, expected, chain))
        previous = record.tag
        last = record.sequence
    return last


def _explain(image: RingImage, sector: Sector, index: int, expected: int, chain: Chain | None) -> Fault:
    """Name what was done at the first record whose tag or sequence does not fit."""
    record = sector.records[index]
    what = {EVENT: "event", ACK: "acknowledgement", BOOT: "boot record"}[record.kind]
    if chain is not None and len(image.faults) < 3:  # what follows the first is mostly its consequence
        here = [s for s in image.sectors if abs(s.number - sector.number) <= 1]
        for other in here:
            tags = [other.tag, *(r.tag for r in other.records)]
            for place, rival in enumerate(other.records):
                if rival.sequence == record.sequence:
                    continue
                word = record.word & 0xC3FF | (rival.sequence & 15) << 10
                moved = RawRecord(0, record.kind, rival.sequence, record.payload, record.tag, word)
                # the one before its true place, or (neighbours exchanged) the one that stands there now
                if any(chain.record(tag, moved) == record.tag for tag in tags[place : place + 2]):
                    words = f"{what} {rival.sequence} stands in the place of {expected}"
                    return Fault("reordered", image.ring, expected, record.offset, words)
    first = expected if record.kind == EVENT else expected + 1  # the first event that may be missing
    if record.sequence > expected:
        upto = record.sequence - 1 if record.kind == EVENT else record.sequence
        return Fault("removed", image.ring, first, record.offset, f"events {first} to {upto}")
    following = sector.records[index + 1] if index + 1 < len(sector.records) else None
    if chain is not None and following is not None and len(image.faults) < 3:
        for missing in range(1, 17):  # the rest carries the tags of sequences that are higher by what was taken out
            word = following.word & 0xC3FF | ((following.sequence + missing) & 15) << 10
            shifted = RawRecord(0, following.kind, following.sequence + missing, following.payload, following.tag, word)
            if chain.record(record.tag, shifted) == following.tag:
                words = f"{missing} event{'s' if missing > 1 else ''} from {first} on, the rest renumbered"
                return Fault("removed", image.ring, first, record.offset, words)
    return Fault("edited", image.ring, record.sequence, record.offset, f"{what} {record.sequence}")


def _verify_front(image: RingImage) -> None:
    """Only what is acknowledged (or, in ring B, told by a gap record) may be missing before the oldest sector."""
    if image.ring == "A" and image.sectors and image.acked < image.first:
        words = f"events {image.acked + 1} to {image.first}, never acknowledged"
        image.faults.append(Fault("removed", image.ring, image.acked + 1, image.sectors[0].offset, words))


def compare_anchors(images: dict[str, RingImage], anchors: list[Anchor], contents: dict[tuple[str, int], Any] | None = None) -> None:
    """Add what only an anchor outside can show: a tail cut off, an older image put back."""
    newest: dict[str, Anchor] = {}
    for anchor in anchors:
        if anchor.ring not in newest or newest[anchor.ring].sequence < anchor.sequence:
            newest[anchor.ring] = anchor
    behind = [ring for ring, anchor in newest.items() if ring in images and images[ring].head < anchor.sequence]
    whole = len(behind) == len(newest) and len(newest) > 1
    for ring in behind:
        image = images[ring]
        missing = f"events {image.head + 1} to {newest[ring].sequence} were seen outside"
        image.faults.append(Fault("rolled back" if whole else "truncated", ring, image.head + 1, 0, missing))
    contents = contents or {}
    wanted = {(anchor.ring, anchor.sequence) for anchor in anchors} | set(contents)
    by_place: dict[tuple[str, int], RawRecord] = {}
    tags: dict[tuple[str, int], set[str]] = {}  # a checkpoint takes the tag of the newest record, which may be no event
    for ring, image in images.items():
        for sector in image.sectors:
            if (ring, sector.before) in wanted:
                tags.setdefault((ring, sector.before), set()).add(sector.tag.hex())
            for raw in sector.records:
                if (ring, raw.sequence) in wanted:
                    tags.setdefault((ring, raw.sequence), set()).add(raw.tag.hex())
                    if raw.kind == EVENT:
                        by_place[ring, raw.sequence] = raw
    for anchor in anchors:
        record = by_place.get((anchor.ring, anchor.sequence))
        if record is not None and anchor.tag and anchor.tag not in tags[anchor.ring, anchor.sequence]:
            words = f"event {anchor.sequence} has another chain tag than the one that left the device"
            images[anchor.ring].faults.append(Fault("rolled back", anchor.ring, anchor.sequence, record.offset, words))
    for (ring, sequence), seen in contents.items():
        record = by_place.get((ring, sequence))
        if record is not None and decode(ring, record, seen.get("cabinet", "")) != seen:
            words = f"event {sequence} left the device with another content"
            images[ring].faults.append(Fault("edited", ring, sequence, record.offset, words))


def verify(data: Any, key: bytes | None, sector_size: int = 4096, reported: Progress = lambda done, total: None) -> dict[str, RingImage]:
    """Both rings read and verified."""
    images = {ring: read_ring(data, ring, sector_size, key=key) for ring in ("A", "B")}
    total = sum(len(image.sectors) for image in images.values())
    done = 0
    for image in images.values():
        start = done
        verify_ring(image, key, lambda n, _, start=start: reported(start + n, total))
        done += len(image.sectors)
    compare_rings(images, data, sector_size)
    reported(total, total)
    return images


def compare_rings(images: dict[str, RingImage], data: Any, sector_size: int) -> None:
    """Add what shows only when the rings, and the marks of erased sectors, are held against each other."""
    ends = {ring: _area_of(images, ring, len(data)) for ring in images}
    for ring, image in images.items():
        others = [other for name, other in images.items() if name != ring]
        boots = max((other.boots for other in others), default=0)
        if not image.sectors and not image.given_up and boots > 1 and ring == "A":
            words = f"everything: the ring is empty, though the cabinet has started {boots} times"
            image.faults.append(Fault("removed", ring, 1, 0, words))
        elif ring == "A" and image.sectors and boots > image.boots and not _may_be_full(image):
            words = f"what follows start {image.boots}: the other ring knows of start {boots}"
            image.faults.append(Fault("truncated", ring, image.head + 1, 0, words))
        for sector in image.given_up:
            last = max((r.sequence for r in sector.records if r.kind == EVENT), default=sector.before)
            if last > image.acked or not image.sectors:
                words = f"events {sector.before + 1} to {last}: the sector is marked as given up, and they are not acknowledged"
                image.faults.append(Fault("removed", ring, sector.before + 1, sector.offset, words))
        if image.sectors:
            _compare_erased(image, data, *ends[ring], sector_size)


def _may_be_full(image: RingImage) -> bool:
    """Whether nearly nothing of it is acknowledged: a full ring A takes no boot number, which then stands in ring B alone."""
    return image.acked < image.first + (image.head - image.first) // 4


def _area_of(images: dict[str, RingImage], ring: str, size: int) -> tuple[int, int]:
    """Where a ring's area surely begins and ends: between the first and the last sector that carry its name."""
    offsets = [s.offset for s in images[ring].sectors]
    return (min(offsets, default=size), max(offsets, default=0))


def _compare_erased(image: RingImage, data: Any, begin: int, end: int, sector_size: int) -> None:
    """A sector that was in use is marked again right after its erase, and few are erased ahead of need."""
    unmarked = 0
    for offset in range(begin, end, sector_size):
        header = data[offset : offset + HEADER]
        if not header.strip(b"\xff"):
            unmarked += 1
        elif header[0:2] == b"SW" and not header[12:].strip(b"\xff"):
            image.marked += 1
    image.blank = unmarked + image.marked
    if unmarked > 1 or image.marked > ERASED_AHEAD:
        words = f"{image.blank} sectors between those in use are erased; {ERASED_AHEAD} are all that the firmware erases ahead"
        image.faults.append(Fault("removed", image.ring, 1, begin, words))
