"""What stands on flash: the sector header, the record, and how to tell them from noise.

Sector header, 48 bytes, written in two steps. FMT right after the erase (a sector without it is erased again before
use), OPEN when the first record is about to be written:

    0  4  magic "SW", ring letter, format version     12  4  sector number (rises by one at each opening)
    4  4  erases of this sector                       16  4  last event sequence before this sector
    8  4  CRC32 of bytes 0..7; all 0: given up        20  4  acknowledged sequence at that time
                                                      24  4  boot number at that time
                                                      28  8  chain tag of the record before
                                                      36  8  chain tag of this header
                                                      44  4  CRC32 of magic and bytes 12..43

Record: 2 bytes (kind 2 bits, low 4 bits of the sequence, payload length 10 bits), payload, 8 bytes chain tag, 4 bytes
CRC32. Tag and CRC are taken over the full sequence number as well, so a record is valid at its own place only.
A first word of 0 means: nothing usable up to the next page. All integers are little endian.

    tag = HMAC-SHA256(device key, tag before, sequence, first word, payload)[:8]
"""

import struct
from binascii import crc32

from micropython import const

SECTOR_HEADER = const(48)
FMT_SIZE = const(12)
RECORD_OVERHEAD = const(14)
MAX_PAYLOAD = const(512)
FORMAT_VERSION = const(1)

KIND_VOID = const(0)
KIND_EVENT = const(1)
KIND_ACK = const(2)  # payload: u32 acknowledged sequence
KIND_BOOT = const(3)  # payload: u32 boot number

# what a sector is
BAD = const(0)  # did not erase or keep its mark; tried again at the next boot, and when there is no room left
DIRTY = const(1)  # must be erased before use
READY = const(2)  # erased and marked
DATA = const(3)  # opened, header sound
DAMAGED = const(4)  # opened, header unreadable, records may be sound

# offsets in the record buffer: the MAC and the CRC are taken over contiguous bytes, without copying
TAG_BEFORE = const(0)
SEQUENCE = const(8)
WORD = const(12)
PAYLOAD = const(14)
BUFFER_SIZE = const(14 + 512 + 12)

_BLANK = b"\xff" * (SECTOR_HEADER - FMT_SIZE)


def magic(ring: str) -> bytes:
    """The first four bytes of a sector of this ring."""
    return b"SW" + ring.encode() + bytes([FORMAT_VERSION])


def put_fmt(header: bytearray, sector_magic: bytes, erases: int) -> None:
    """Write the FMT mark into bytes 0..11 of `header`."""
    header[0:4] = sector_magic
    struct.pack_into("<I", header, 4, erases)
    struct.pack_into("<I", header, 8, crc32(memoryview(header)[0:8]))


def fmt_ok(header: bytearray, sector_magic: bytes) -> bool:
    """Whether the FMT mark is whole."""
    return header[0:4] == sector_magic and struct.unpack_from("<I", header, 8)[0] == crc32(memoryview(header)[0:8])


def open_ok(header: bytearray, sector_magic: bytes) -> bool:
    """Whether the OPEN part is whole."""
    return struct.unpack_from("<I", header, 44)[0] == crc32(memoryview(header)[12:44], crc32(sector_magic))


def classify(header: bytearray, sector_magic: bytes) -> int:
    """READY, DATA, DIRTY, or DAMAGED: opened at some time or full of something unknown."""
    if header[8] | header[9] | header[10] | header[11] == 0:
        return DIRTY  # given up on purpose
    if open_ok(header, sector_magic):
        return DATA
    if header[12:] == _BLANK:
        return READY if fmt_ok(header, sector_magic) else DIRTY
    return DAMAGED


def erases_of(header: bytearray, sector_magic: bytes) -> int:
    """The erase count, or 0 where it cannot be read."""
    return struct.unpack_from("<I", header, 4)[0] if fmt_ok(header, sector_magic) else 0


def u32(buf: "bytes | bytearray | memoryview", at: int) -> int:
    """A 32-bit integer."""
    return struct.unpack_from("<I", buf, at)[0]
