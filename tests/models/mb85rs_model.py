"""Register-level model of an MB85RS SPI FRAM, written from the MB85RS2MTA data sheet.

Commands 9F, 06, 04, 05, 03, 02. Each byte is stored as it is clocked in; addresses wrap at the end of the chip; a write
without the latch, or into a protected chip, is ignored.
"""


class PowerCut(Exception):
    """The supply went in the middle of a write."""


class Mb85rsModel:
    """The chip."""

    def __init__(self, identity: bytes = b"\x04\x7f\x48\x03") -> None:
        self.identity = identity
        self.size = 1024 << (identity[2] & 0x1F)
        self.status = 0  # WPEN, BP1, BP0
        self.latch_broken = False
        self.cut_after = 0  # bytes written until the supply goes; 0 = never
        self.writes = 0
        self._latch = False
        self._cells = {}
        self._in = bytearray()
        self._position = 0

    def select(self) -> None:
        """Chip select falls."""
        self._in = bytearray()
        self._position = 0

    def exchange(self, byte: int) -> int:
        """One byte in, one byte out."""
        position = self._position
        self._position += 1
        if position < 4:
            self._in.append(byte)
        command = self._in[0]
        if position == 0:
            return 0xFF
        if command == 0x9F:
            return self.identity[(position - 1) % 4]
        if command == 0x05:
            return self.status | (2 if self._latch else 0)
        if position < 4:
            return 0xFF
        address = ((self._in[1] << 16 | self._in[2] << 8 | self._in[3]) + position - 4) % self.size
        if command == 0x03:
            return self.peek(address)
        if command == 0x02 and self._latch and not self.status & 0x0C:
            self._page(address)[address % 4096] = byte
            self.writes += 1
            if self.cut_after:
                self.cut_after -= 1
                if not self.cut_after:
                    self._latch = False
                    raise PowerCut
        return 0xFF

    def deselect(self) -> None:
        """Chip select rises: the latch follows."""
        if not self._in:
            return
        command = self._in[0]
        if command == 0x06:
            self._latch = not self.latch_broken
        elif command == 0x04 or (command == 0x02 and not self.status & 0x0C):
            self._latch = False
        self._in = bytearray()

    def peek(self, address: int) -> int:
        """A byte of the memory."""
        page = self._cells.get(address // 4096)
        return 0xFF if page is None else page[address % 4096]

    def _page(self, address: int) -> bytearray:
        page = self._cells.get(address // 4096)
        if page is None:
            page = self._cells[address // 4096] = bytearray(b"\xff" * 4096)
        return page
