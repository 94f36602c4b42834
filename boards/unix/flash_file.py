"""NOR flash in a file: programming can only clear bits, erasing sets a whole sector to 0xFF."""

SECTOR = 4096
PAGE = 256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# name: (offset in the image, size)
AREAS = {
    "journal-a": (0, 512 * 1024),
    "journal-b": (512 * 1024, 128 * 1024),
    "state": (640 * 1024, 32 * 1024),
}
IMAGE_SIZE = 672 * 1024
_BLANK = b"\xff" * PAGE


def open_image(path: str) -> "Any":
    """The image file; one that is missing or too short is filled up with erased flash."""
    try:
        image = open(path, "r+b")
    except OSError:
        image = open(path, "w+b")
    size = image.seek(0, 2)
    while size < IMAGE_SIZE:
        size += image.write(_BLANK[: min(PAGE, IMAGE_SIZE - size)])
    image.flush()
    return image


class FlashFile:
    """One area of the image; see ports.FlashArea.

    What is written outlives the end of the process at any instant (each program is one write to the file, an erase one for
    each page of the sector, so that a kill may leave it torn as a power cut does), not that of the machine: flushing to the
    disk after every event would hold the loop for as long as the disk takes.
    """

    def __init__(self, image: "Any", base: int, size: int) -> None:
        self.size = size
        self.sector_size = SECTOR
        self.page_size = PAGE
        self.programs = 0
        self.erases = 0
        self._image = image
        self._base = base
        self._page = bytearray(PAGE)

    def _check(self, address: int, size: int) -> None:
        if address < 0 or size < 0 or address + size > self.size:
            raise ValueError("flash address {} + {} is outside of the area of {} bytes".format(address, size, self.size))

    def read(self, address: int, buf: "bytearray | memoryview") -> None:
        """Fill `buf`."""
        self._check(address, len(buf))
        self._image.seek(self._base + address)
        if self._image.readinto(buf) != len(buf):
            raise OSError(5)

    def program(self, address: int, data: "bytes | bytearray | memoryview") -> None:
        """Clear bits inside one page."""
        size = len(data)
        self._check(address, size)
        if not size:
            return
        if address // PAGE != (address + size - 1) // PAGE:
            raise ValueError("flash program at {} of {} bytes crosses a page".format(address, size))
        view = memoryview(self._page)[:size]
        self.read(address, view)
        for i in range(size):
            view[i] &= data[i]
        self._image.seek(self._base + address)
        if self._image.write(view) != size:
            raise OSError(5)
        self.programs += 1

    def erase(self, address: int) -> None:
        """Erase one sector."""
        self._check(address, SECTOR)
        if address % SECTOR:
            raise ValueError("flash erase at {}: not the beginning of a sector".format(address))
        self._image.seek(self._base + address)
        for _ in range(SECTOR // PAGE):
            if self._image.write(_BLANK) != PAGE:
                raise OSError(5)
        self.erases += 1
