"""A contiguous part of a memory chip: what the areas of all chips have in common."""

PAGE_SIZE = 256
SECTOR_SIZE = 4096

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ChipArea:
    """Keeps to its part of the chip; how that is programmed and erased is the chip's affair."""

    sector_size = SECTOR_SIZE
    page_size = PAGE_SIZE

    def __init__(self, chip: "Any", base: int, size: int) -> None:
        if base % SECTOR_SIZE or size % SECTOR_SIZE or size <= 0 or base < 0:
            raise ValueError("a flash area is made of whole sectors")
        if base + size > chip.size:
            raise ValueError("flash area ends at %d, the chip at %d" % (base + size, chip.size))
        self._chip = chip
        self._base = base
        self.size = size

    def read(self, address: int, buf: "bytearray | memoryview") -> None:
        """Fill `buf`. Raises OSError if the hardware fails."""
        self._check(address, len(buf))
        self._chip.read(self._base + address, buf)

    def _check(self, address: int, length: int) -> None:
        if address < 0 or address + length > self.size:
            raise ValueError("address outside the flash area")
