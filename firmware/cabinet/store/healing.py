"""Put one flipped bit right: in a sector header by its CRC, in a record by CRC and chain tag. Loaded only when something reads as damaged.

A CRC is linear: the difference between the stored and the computed one depends on nothing but the place of the flipped bit,
counted from the end of what the CRC covers. A record that a power cut left one bit short may be completed by this; that is
right, since nobody was promised that it is not there.
"""

import struct
from binascii import crc32

from micropython import const

from cabinet.store import layout
from cabinet.store.layout import KIND_EVENT, MAX_PAYLOAD, PAYLOAD, RECORD_OVERHEAD, SECTOR_HEADER, SEQUENCE, WORD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.store.ring import Ring

_POLYNOMIAL = const(0xEDB88320)


def flipped_bit(difference: int, size: int) -> int:
    """Which of the last `size` bytes before a CRC32 holds the flipped bit: 8 * bytes from the end + (7 - bit).

    -1: none of them; -2: the CRC itself is hurt in one bit.
    """
    if difference & (difference - 1) == 0:
        return -2
    effect = 1
    for bit in range(8 * size):
        effect = effect >> 1 ^ (_POLYNOMIAL if effect & 1 else 0)
        if effect == difference:
            return bit
    return -1


def _flip(buf: bytearray, end: int, bit: int) -> None:
    """Flip the bit that `flipped_bit` names, counted from `end`."""
    buf[end - 1 - bit // 8] ^= 1 << 7 - bit % 8


def heal_header(header: bytearray, sector_magic: bytes) -> bool:
    """Put a header with one flipped bit in its OPEN part right; False if more is wrong with it."""
    difference = layout.u32(header, 44) ^ crc32(memoryview(header)[12:44], crc32(sector_magic))
    bit = flipped_bit(difference, 32)
    if bit == -2:
        struct.pack_into("<I", header, 44, layout.u32(header, 44) ^ difference)
    elif bit >= 0:
        _flip(header, 44, bit)
    return bit != -1 and layout.open_ok(header, sector_magic)


def heal_record(ring: "Ring", base: int, at: int, last: int) -> bool:
    """Load the record at `at`, which must follow `last`, with one flipped bit put right; False if more is wrong with it."""
    ring.area.read(base + at, ring.view[WORD:PAYLOAD])
    read = layout.u32(ring.record, WORD) & 0xFFFF
    for flip in range(17):  # none, or a bit of the first word, which holds the length
        word = read ^ (1 << flip - 1 if flip else 0)
        kind = word >> 14
        length = word & 0x3FF
        if kind == 0 or length > MAX_PAYLOAD or at + length + RECORD_OVERHEAD > ring.sector_size or (kind != KIND_EVENT and length != 4):
            continue
        sequence = last + 1 if kind == KIND_EVENT else last
        if (word >> 10 ^ sequence) & 15:
            continue
        end = PAYLOAD + length
        ring.area.read(base + at + 2, ring.view[PAYLOAD : end + 12])
        struct.pack_into("<IH", ring.record, SEQUENCE, sequence, word)
        if _right(ring, end, not flip) and _chained(ring, base, at, end):
            ring.kind = kind
            ring.length = length
            ring.loaded = sequence
            return True
    return False


def _right(ring: "Ring", end: int, search: bool) -> bool:
    """Whether the CRC of the record in the buffer fits, if need be with one bit behind the first word flipped."""
    crc = layout.u32(ring.record, end + 8)
    difference = crc ^ crc32(ring.view[SEQUENCE : end + 8])
    if difference == 0:
        return True
    bit = flipped_bit(difference, end + 8 - PAYLOAD) if search else -1
    if bit == -2:
        struct.pack_into("<I", ring.record, end + 8, crc ^ difference)
    elif bit >= 0:
        _flip(ring.record, end + 8, bit)
    return bit != -1


def _chained(ring: "Ring", base: int, at: int, end: int) -> bool:
    """Whether the record in the buffer carries the chain on from what stands before it."""
    before = bytearray(8)
    if at > SECTOR_HEADER:
        ring.area.read(base + at - 12, before)
        if _tag_fits(ring, before, end):
            return True
    record = bytes(ring.view[0 : end + 12])
    _tag_before(ring, base, at, before)
    ring.record[0 : end + 12] = record
    return _tag_fits(ring, before, end)


def _tag_fits(ring: "Ring", before: bytearray, end: int) -> bool:
    ring.record[0:8] = before
    return ring.key.mac(ring.view[0:end])[:8] == ring.record[end : end + 8]


def _tag_before(ring: "Ring", base: int, at: int, tag: bytearray) -> None:
    """Put the tag of the newest sound record of the sector before `at` into `tag`, or that of the header."""
    sector = base // ring.sector_size
    last = ring.begin_of(sector, 0)
    ring.read_header(sector)
    tag[:] = ring.header_view[36:44]
    position = SECTOR_HEADER
    while position < at:
        if ring.load(base, position, last, ring.sector_size // 16):
            last = ring.loaded
            tag[:] = ring.view[PAYLOAD + ring.length : PAYLOAD + ring.length + 8]
            position += ring.length + RECORD_OVERHEAD
        elif ring.record[WORD] | ring.record[WORD + 1] == 0:
            position += ring.page_size - position % ring.page_size
        else:
            position += 1
