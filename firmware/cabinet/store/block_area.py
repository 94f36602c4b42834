"""Flash areas over what MicroPython's ports offer. Each keeps the promise of ports.FlashArea or refuses with the way out.

    BlockArea     a raw partition or SPI NOR chip as an extended block device: esp32.Partition, pyb.Flash(start=, len=), own drivers
    PagedArea     the same where only whole pages can be programmed: rp2.Flash
    FramArea      memory that is rewritten in place: FRAM, MRAM
    LittlefsArea  files in littlefs, one a sector: the last resort. Safe, but each append may erase, 0.4 s or more
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_COUNT = 4
_SIZE = 5
_ERASE = 6
_EIO = 5

INSTEAD = "use an SPI NOR chip, FRAM or a raw partition (docs/journal.md, 'Where it can live')"


class UnsafeStorage(Exception):
    """Nothing that is written there may be called stored. The text names what the integrator must do."""


class BlockArea:
    """An extended block device whose `writeblocks` with an offset programs and never erases."""

    def __init__(self, device: "Any", page_size: int = 256) -> None:
        self._device = device
        sector = device.ioctl(_SIZE, 0)
        count = device.ioctl(_COUNT, 0)
        if not sector or not count:
            raise UnsafeStorage("the device does not tell its size: " + INSTEAD)
        if sector < 1024:
            raise UnsafeStorage(
                "blocks of %d bytes: this is an SD card, or an STM32's internal flash, which is cached in RAM and rewritten by whole "
                "sectors; a power cut loses what was written long ago. %s" % (sector, INSTEAD)
            )
        self.sector_size = sector
        self.page_size = page_size
        self.size = sector * count

    def read(self, address: int, buf: "bytearray | memoryview") -> None:
        """See ports.FlashArea."""
        at = 0
        view = memoryview(buf)
        while at < len(buf):
            block, offset = divmod(address + at, self.sector_size)
            n = min(len(buf) - at, self.sector_size - offset)
            self._call(self._device.readblocks(block, view[at : at + n], offset))
            at += n

    def program(self, address: int, data: "bytes | bytearray | memoryview") -> None:
        """See ports.FlashArea."""
        block, offset = divmod(address, self.sector_size)
        self._call(self._device.writeblocks(block, data, offset))

    def erase(self, address: int) -> None:
        """See ports.FlashArea."""
        self._call(self._device.ioctl(_ERASE, address // self.sector_size))

    def _call(self, result: "int | None") -> None:
        if result not in (None, 0, True):
            raise OSError(_EIO)


class PagedArea(BlockArea):
    """A device that programs whole aligned pages only: the rest of the page is filled with 1 bits, which change nothing."""

    def __init__(self, device: "Any", page_size: int = 256) -> None:
        super().__init__(device, page_size)
        self._page = bytearray(page_size)
        self._blank = b"\xff" * page_size

    def program(self, address: int, data: "bytes | bytearray | memoryview") -> None:
        """See ports.FlashArea."""
        offset = address % self.page_size
        self._page[:] = self._blank
        self._page[offset : offset + len(data)] = data
        super().program(address - offset, self._page)


class FramArea:
    """Memory with `read(address, buf)` and `write(address, data)` that needs no erase."""

    def __init__(self, memory: "Any", size: int, sector_size: int = 1024) -> None:
        self._memory = memory
        self.size = size
        self.sector_size = sector_size
        self.page_size = 256
        self._buffer = bytearray(64)

    def read(self, address: int, buf: "bytearray | memoryview") -> None:
        """See ports.FlashArea."""
        self._memory.read(address, buf)

    def program(self, address: int, data: "bytes | bytearray | memoryview") -> None:
        """See ports.FlashArea. Bits are only ever cleared, as on flash: a mark of 0 stays one."""
        view = memoryview(self._buffer)
        at = 0
        while at < len(data):
            n = min(64, len(data) - at)
            self._memory.read(address + at, view[0:n])
            for i in range(n):
                self._buffer[i] &= data[at + i]
            self._memory.write(address + at, view[0:n])
            at += n

    def erase(self, address: int) -> None:
        """See ports.FlashArea."""
        for i in range(64):
            self._buffer[i] = 0xFF
        for at in range(address, address + self.sector_size, 64):
            self._memory.write(at, self._buffer)


class LittlefsArea:
    """One file a sector in a directory of a littlefs. Every operation is on flash when it returns; many of them erase."""

    def __init__(self, folder: str, size: int, sector_size: int = 4096) -> None:
        if not _is_littlefs(folder):
            raise UnsafeStorage("%s is not on littlefs: FAT loses what was written long ago when the power goes. %s" % (folder, INSTEAD))
        self.size = size
        self.sector_size = sector_size
        self.page_size = 256
        self._folder = folder
        self._blank = b"\xff" * 256
        present = os.listdir(folder)
        for sector in range(size // sector_size):
            name = "s%d" % sector
            if name not in present or os.stat(folder + "/" + name)[6] != sector_size:
                self.erase(sector * sector_size)

    def _path(self, address: int) -> str:
        return "%s/s%d" % (self._folder, address // self.sector_size)

    def read(self, address: int, buf: "bytearray | memoryview") -> None:
        """See ports.FlashArea."""
        with open(self._path(address), "rb") as file:
            file.seek(address % self.sector_size)
            if file.readinto(buf) != len(buf):
                raise OSError(_EIO)

    def program(self, address: int, data: "bytes | bytearray | memoryview") -> None:
        """See ports.FlashArea."""
        with open(self._path(address), "r+b") as file:
            offset = address % self.sector_size
            file.seek(offset)
            old = bytearray(file.read(len(data)))
            for i in range(len(old)):
                old[i] &= data[i]
            file.seek(offset)
            file.write(old)

    def erase(self, address: int) -> None:
        """See ports.FlashArea. The new file takes the place of the old one in one step."""
        temporary = self._folder + "/new"
        with open(temporary, "wb") as file:
            for _ in range(self.sector_size // 256):
                file.write(self._blank)
        os.rename(temporary, self._path(address))


def _is_littlefs(folder: str) -> bool:
    """Whether a folder lies in a mounted littlefs; only MicroPython's `vfs.mount()` without arguments shows it."""
    try:
        import vfs

        mounts = vfs.mount()
    except (ImportError, TypeError):
        return False
    best = ""
    kind = ""
    for entry in mounts:
        path = entry[1]
        if (folder == path or folder.startswith(path.rstrip("/") + "/")) and len(path) > len(best):
            best = path
            kind = type(entry[0]).__name__
    return kind.startswith("VfsLfs")
