"""A part of a flash area, so that two rings share one chip or partition."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import FlashArea


class AreaPart:
    """`size` bytes of an area from `start` on; both are multiples of its sector size."""

    def __init__(self, area: "FlashArea", start: int, size: int) -> None:
        if start % area.sector_size or size % area.sector_size or start < 0 or size <= 0 or start + size > area.size:
            raise ValueError("flash part %d+%d does not fit an area of %d bytes" % (start, size, area.size))
        self._area = area
        self._start = start
        self.size = size
        self.sector_size = area.sector_size
        self.page_size = area.page_size
        if hasattr(area, "begin_erase"):  # only then is erasing beside the loop offered
            below: "Any" = area
            self.begin_erase = lambda address: below.begin_erase(start + address)
            self.busy = below.busy

    def read(self, address: int, buf: "bytearray | memoryview") -> None:
        """See ports.FlashArea."""
        self._area.read(self._start + address, buf)

    def program(self, address: int, data: "bytes | bytearray | memoryview") -> None:
        """See ports.FlashArea."""
        self._area.program(self._start + address, data)

    def erase(self, address: int) -> None:
        """See ports.FlashArea."""
        self._area.erase(self._start + address)


def split(area: "FlashArea", share_b: int = 8) -> "tuple[AreaPart, AreaPart]":
    """The journal area as (ring A, ring B); B gets one part in `share_b`, at least 4 sectors."""
    sectors = area.size // area.sector_size
    b = max(4, sectors // share_b)
    if sectors - b < 4:
        raise ValueError("a journal needs at least 8 sectors, this area has %d" % sectors)
    size_a = (sectors - b) * area.sector_size
    return AreaPart(area, 0, size_a), AreaPart(area, size_a, b * area.sector_size)
