"""Pinned blocks: flash for the journal on a board whose whole chip is one littlefs.

`create` makes files of exactly one block and learns which block each got. littlefs never moves the data of a file that nobody
writes, so from then on the blocks are used raw, past the file system, which keeps away from them as long as the files exist.

Which block a file has is not guessed: a second, read-only littlefs over a device that notes what is read opens the file. That proof
is made again at each start and must agree with the map written at creation; otherwise nothing is touched, and `UnsafeStorage` says why.
"""

import os
import struct
from binascii import crc32

import vfs

from cabinet.store.block_area import BlockArea, PagedArea, UnsafeStorage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MAGIC = b"SWPB"
_HEAD = "<4sII"  # magic, block size, number of files; then a u32 a file and the CRC32 of all before
_ERASE = 6
_EROFS = 30
_REMEDY = "its events cannot be reached. If the file system was formatted, remove the folder and call pinned.create once"


class _Witness:
    """A block device that only reads, and notes which blocks."""

    def __init__(self, device: "Any") -> None:
        self._device = device
        self.blocks = set()

    def readblocks(self, block: int, buf: "Any", offset: int = 0) -> "int | None":
        self.blocks.add(block)
        return self._device.readblocks(block, buf, offset)

    def writeblocks(self, block: int, buf: "Any", offset: int = 0) -> int:
        return -_EROFS

    def ioctl(self, op: int, arg: int) -> "int | None":
        return -_EROFS if op == _ERASE else self._device.ioctl(op, arg)


class _Look:
    """The file system as it stands on the chip, seen without the one that is mounted."""

    def __init__(self, device: "Any", folder: str, lfs: "dict | None") -> None:
        self._witness = _Witness(device)
        self._folder = _inside(folder)
        try:
            self._fs = vfs.VfsLfs2(self._witness, **(lfs or {}))  # type: ignore[arg-type]
        except OSError:
            raise UnsafeStorage("there is no littlefs on the device of %s: %s" % (folder, _REMEDY)) from None

    def block_of(self, number: int, size: int) -> int:
        """The block that holds file `number`, -1 unless it is there and is exactly one block."""
        path = "%s/p%d" % (self._folder, number)
        blocks = self._witness.blocks
        try:
            if self._fs.stat(path)[6] != size:
                return -1
            with self._fs.open(path, "rb") as file:
                blocks.clear()
                file.read(1)
        except OSError:
            return -1
        return blocks.pop() if len(blocks) == 1 else -1

    def map(self, size: int) -> "list[int]":
        """The blocks by the map that stands beside the files; empty if there is none that is whole."""
        try:
            with self._fs.open(self._folder + "/map", "rb") as file:
                raw = file.read()
        except OSError:
            return []
        n = (len(raw) - 16) // 4
        if n < 1 or len(raw) != 16 + 4 * n or struct.unpack("<I", raw[-4:])[0] != crc32(raw[:-4]):
            return []
        if struct.unpack(_HEAD, raw[:12]) != (_MAGIC, size, n):
            return []
        return list(struct.unpack("<%dI" % n, raw[12:-4]))


def _inside(folder: str) -> str:
    """The path of a folder inside the littlefs that is mounted there. Raises UnsafeStorage where none is."""
    best = ""
    kind = ""
    for entry in vfs.mount():  # type: ignore[call-arg]
        path = entry[1]
        if (path == "/" or folder.startswith(path + "/")) and len(path) > len(best):
            best = path
            kind = type(entry[0]).__name__
    if kind != "VfsLfs2":
        raise UnsafeStorage("%s is not a folder in a littlefs: blocks can be pinned in that only" % folder)
    return folder if best == "/" else folder[len(best) :]


def _area(device: "Any", whole_pages: bool) -> "BlockArea":
    return PagedArea(device) if whole_pages else BlockArea(device)


class PinnedArea:
    """A FlashArea of pinned blocks. `lfs` are the options that the file system is mounted with, if they are not the defaults."""

    def __init__(self, device: "Any", folder: str, whole_pages: bool = False, lfs: "dict | None" = None) -> None:
        self._area = area = _area(device, whole_pages)
        self.sector_size = size = area.sector_size
        self.page_size = area.page_size
        look = _Look(device, folder, lfs)
        self._blocks = look.map(size)
        if not self._blocks:
            raise UnsafeStorage("%s has no map of pinned blocks: %s" % (folder, _REMEDY))
        for number, block in enumerate(self._blocks):
            if look.block_of(number, size) != block:
                raise UnsafeStorage("%s/p%d is not the file that block %d was pinned by: %s" % (folder, number, block, _REMEDY))
        self.size = size * len(self._blocks)

    def _raw(self, address: int) -> int:
        sector, offset = divmod(address, self.sector_size)
        if not 0 <= sector < len(self._blocks):
            raise ValueError("address %d is outside the area" % address)
        return self._blocks[sector] * self.sector_size + offset

    def read(self, address: int, buf: "bytearray | memoryview") -> None:
        """See ports.FlashArea."""
        view = memoryview(buf)
        at = 0
        while at < len(buf):
            n = min(len(buf) - at, self.sector_size - (address + at) % self.sector_size)
            self._area.read(self._raw(address + at), view[at : at + n])
            at += n

    def program(self, address: int, data: "bytes | bytearray | memoryview") -> None:
        """See ports.FlashArea."""
        self._area.program(self._raw(address), data)

    def erase(self, address: int) -> None:
        """See ports.FlashArea."""
        self._area.erase(self._raw(address))


def create(device: "Any", folder: str, sectors: int, whole_pages: bool = False, lfs: "dict | None" = None) -> None:
    """Pin `sectors` blocks, once, at installation. `folder` must not exist, or be what a create that was cut off left behind."""
    _inside(folder)
    area = _area(device, whole_pages)
    size = area.sector_size
    try:
        os.mkdir(folder)
    except OSError:
        if "map" in os.listdir(folder):
            raise UnsafeStorage("%s holds pinned blocks already: remove it to give up what is stored in them" % folder) from None
    blocks = []
    tags = []
    for number in range(sectors):
        tag = os.urandom(16)
        with open("%s/p%d" % (folder, number), "wb") as file:
            for _ in range(size // 16):
                file.write(tag)
        block = _Look(device, folder, lfs).block_of(number, size)
        if block < 0 or block in blocks:
            raise UnsafeStorage("%s/p%d has no block of its own on this device: is it the one that is mounted there?" % (folder, number))
        blocks.append(block)
        tags.append(tag)
    found = bytearray(16)
    for block, tag in zip(blocks, tags):  # all of them before the first is erased
        for at in range(0, size, 16):
            area.read(block * size + at, found)
            if found != tag:
                raise UnsafeStorage("block %d does not hold what was written to its file: blocks cannot be pinned here" % block)
    for block in blocks:
        area.erase(block * size)
    raw = struct.pack(_HEAD, _MAGIC, size, sectors) + struct.pack("<%dI" % sectors, *blocks)
    with open(folder + "/new", "wb") as file:
        file.write(raw + struct.pack("<I", crc32(raw)))
    os.rename(folder + "/new", folder + "/map")
