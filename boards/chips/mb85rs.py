"""MB85RS-type SPI FRAM with 3-byte addresses (128 KiB to 1 MiB) as `FlashArea`. From the MB85RS2MTA and MB85RS4MT data sheets.

FRAM writes at bus speed, wears out never in a cabinet's life and needs no erase. To the journal it is NOR flash all
the same: `program` only clears bits and `erase` writes ones, so that the same recovery holds on both.
"""

import errno

from micropython import const

from chips.chip_area import PAGE_SIZE, SECTOR_SIZE, ChipArea

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_READ = const(0x03)
_WRITE = const(0x02)
_WRITE_ENABLE = b"\x06"
_READ_STATUS = b"\x05"
_READ_ID = b"\x9f"
_LATCH = const(0x02)
_PROTECTED = const(0x8C)  # WPEN, BP1, BP0
_DENSITY = const(0x1F)


class MB85RS:
    """The chip. `select` is called with 0 to select it. Raises OSError if it is missing, another one, or write-protected."""

    def __init__(self, spi: "Any", select: "Any") -> None:
        self._spi = spi
        self._select = select
        self._command = bytearray(4)
        self._byte = bytearray(1)
        self._page = bytearray(PAGE_SIZE)
        select(1)
        self.identity = self._identify()
        self.size = 1024 << (self.identity[2] & _DENSITY)
        status = self._status()
        if status & _PROTECTED:
            raise OSError(errno.EACCES, "FRAM: write-protected (status 0x%02x)" % status)

    def read(self, address: int, buf: "bytearray | memoryview") -> None:
        """Fill `buf` from `address`."""
        self._check_range(address, len(buf))
        self._address(_READ, address)
        self._select(0)
        self._spi.write(self._command)
        self._spi.readinto(buf)
        self._select(1)

    def write(self, address: int, data: "bytes | bytearray | memoryview") -> None:
        """Overwrite. A power cut leaves a first part of it written."""
        if not data:
            return
        self._check_range(address, len(data))
        self._select(0)
        self._spi.write(_WRITE_ENABLE)
        self._select(1)
        if not self._status() & _LATCH:
            raise OSError(errno.EIO, "FRAM: write enable was not taken")
        self._address(_WRITE, address)
        self._select(0)
        self._spi.write(self._command)
        self._spi.write(data)
        self._select(1)
        if self._status() & _LATCH:
            raise OSError(errno.EIO, "FRAM: the chip did not carry out the command")

    def clear_bits(self, address: int, data: "bytes | bytearray | memoryview") -> None:
        """What programming NOR flash does, for at most a page."""
        length = len(data)
        if length > PAGE_SIZE:
            raise ValueError("more than a page")
        kept = memoryview(self._page)[:length]
        self.read(address, kept)
        for i in range(length):
            kept[i] &= data[i]
        self.write(address, kept)

    def fill(self, address: int, length: int) -> None:
        """Write ones, page by page."""
        page = self._page
        for i in range(PAGE_SIZE):
            page[i] = 0xFF
        for at in range(address, address + length, PAGE_SIZE):
            self.write(at, page)

    def area(self, base: int, size: int) -> "FramArea":
        """A part of the chip, in whole sectors."""
        return FramArea(self, base, size)

    def _identify(self) -> bytes:
        identity = bytearray(4)
        self._select(0)
        self._spi.write(_READ_ID)
        self._spi.readinto(identity)
        self._select(1)
        if identity in (b"\x00\x00\x00\x00", b"\xff\xff\xff\xff"):
            raise OSError(errno.ENODEV, "FRAM: no chip answers: check supply, wiring and chip select")
        if identity[:2] != b"\x04\x7f" or not 7 <= identity[2] & _DENSITY <= 10:
            raise OSError(
                errno.ENODEV,
                "FRAM: id %02x %02x %02x %02x is not an MB85RS of 128 KiB to 1 MiB" % (identity[0], identity[1], identity[2], identity[3]),
            )
        return bytes(identity)

    def _status(self) -> int:
        self._select(0)
        self._spi.write(_READ_STATUS)
        self._spi.readinto(self._byte)
        self._select(1)
        return self._byte[0]

    def _address(self, code: int, address: int) -> None:
        command = self._command
        command[0] = code
        command[1] = address >> 16
        command[2] = (address >> 8) & 0xFF
        command[3] = address & 0xFF

    def _check_range(self, address: int, length: int) -> None:
        if address < 0 or address + length > self.size:
            raise ValueError("address outside the chip")


class FramArea(ChipArea):
    """A contiguous part of a chip: what `cabinet.ports.FlashArea` asks for."""

    def program(self, address: int, data: "bytes | bytearray | memoryview") -> None:
        """Clear bits inside one page. Raises OSError if the hardware fails."""
        self._check(address, len(data))
        if data and address // PAGE_SIZE != (address + len(data) - 1) // PAGE_SIZE:
            raise ValueError("program operation crosses a page")
        self._chip.clear_bits(self._base + address, data)

    def erase(self, address: int) -> None:
        """Set the sector that begins at `address` to ones: two milliseconds at 20 MHz."""
        if address % SECTOR_SIZE:
            raise ValueError("an erase covers a whole sector")
        self._check(address, SECTOR_SIZE)
        self._chip.fill(self._base + address, SECTOR_SIZE)
