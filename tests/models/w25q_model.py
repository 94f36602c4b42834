"""Register-level model of a W25Q SPI NOR flash, written from the W25Q32JV data sheet.

Commands 9F, 06, 04, 05, 35, 15, 03, 0B, 02, 20, D8, 75, 7A, AB, B9. A program wraps inside its page, only clears bits, and is
ignored without the write-enable latch or in a protected area. An operation takes its time, during which everything
but reading the status is ignored; a power cut in that time leaves a part of it.
"""

from spi_bus import Clock

SECTOR = 4096


class PowerCut(Exception):
    """The supply went in the middle of an operation."""


class W25QModel:
    """The chip. The memory is kept by sectors, so that a large chip fits in a small heap."""

    def __init__(self, clock: Clock, jedec: bytes = b"\xef\x40\x16", program_us: int = 700, sector_erase_us: int = 45000) -> None:
        self.clock = clock
        self.jedec = jedec
        self.size = 1 << jedec[2]
        self.program_us = program_us
        self.sector_erase_us = sector_erase_us
        self.block_erase_us = 150000
        self.status_2 = 0x02  # QE is set in the factory on the -IQ parts
        self.status_3 = 0x60
        self.protect = 0  # BP, TB and SEC bits of status register 1; any of them protects the whole chip here
        self.asleep = False
        self.stuck_busy = False  # a fault: the busy bit never falls
        self.latch_broken = False  # a fault: write enable is not taken
        self.programs = 0
        self.erases = 0
        self.cut_in = 0  # the supply goes in the n-th operation from now; 0 = never
        self.cut_share_pct = 50
        self._latch = False
        self._busy_until = -1
        self._pending = None  # (kind, address, data)
        self._suspended = None  # (pending erase, microseconds it still needs)
        self.suspensions = 0
        self._sectors = {}
        self._in = bytearray()
        self._ignore = False

    # The pins

    def select(self) -> None:
        """Chip select falls."""
        self._settle()
        self._in = bytearray()
        self._ignore = False

    def exchange(self, byte: int) -> int:
        """One byte in, one byte out."""
        if self._ignore:
            return 0xFF
        position = len(self._in)
        self._in.append(byte)
        if position == 0:
            busy = self._is_busy() and byte not in (0x05, 0x35, 0x15, 0x75)
            self._settle()  # after the look at the clock: it may be a real one, and what is over then has been done
            self._ignore = busy or (self.asleep and byte != 0xAB)
            return 0xFF
        command = self._in[0]
        if command == 0x9F:
            return self.jedec[position - 1] if position <= 3 else 0xFF
        if command == 0x05:
            return self._status_1()
        if command == 0x35:
            return self.status_2 | (0x80 if self._suspended else 0)
        if command == 0x15:
            return self.status_3
        first = 4 if command == 0x03 else 5
        if command in (0x03, 0x0B) and position >= first:
            address = (self._address() + position - first) % self.size
            return 0xA5 if self._in_suspended(address) else self.peek(address)
        return 0xFF

    def deselect(self) -> None:
        """Chip select rises: what writes begins now."""
        if self._ignore or not self._in:
            return
        command, length = self._in[0], len(self._in)
        if command == 0xAB:
            self.asleep = False
        elif command == 0xB9 and length == 1:
            self.asleep = True
        elif command == 0x06 and length == 1:
            self._latch = not self.latch_broken
        elif command == 0x04 and length == 1:
            self._latch = False
        elif command == 0x02 and length > 4:
            self._start("program", self._address(), bytes(self._in[4:]), self.program_us)
        elif command == 0x75:
            self._suspend()
        elif command == 0x7A and self._suspended:
            self._pending, rest_us = self._suspended
            self._suspended = None
            self._busy_until = self.clock.now_us + rest_us
        elif command == 0x20 and length == 4:
            self._start("erase", self._address() & ~0xFFF, SECTOR, self.sector_erase_us)
        elif command == 0xD8 and length == 4:
            self._start("erase", self._address() & ~0xFFFF, 65536, self.block_erase_us)

    # The test's side

    def peek(self, address: int) -> int:
        """A byte of the memory."""
        sector = self._sectors.get(address // SECTOR)
        return 0xFF if sector is None else sector[address % SECTOR]

    def poke(self, address: int, data: bytes) -> None:
        """Set the memory, as if it had come so from the factory."""
        for i in range(len(data)):
            self._sector((address + i) // SECTOR)[(address + i) % SECTOR] = data[i]

    def power_cut(self, share_pct: int = 50) -> None:
        """The supply goes: an operation under way is done in part, latch and power-down are forgotten."""
        torn = [self._suspended[0]] if self._suspended else []
        self._suspended = None
        if self._pending is not None and self.clock.now_us < self._busy_until:
            torn.append(self._pending)
            self._pending = None
        for kind, address, data in torn:
            if kind == "program":
                self._clear_bits(address, data[: len(data) * share_pct // 100])
            else:
                for at in range(address, address + data * share_pct // 100):
                    self._sector(at // SECTOR)[at % SECTOR] = 0xFF
        self._settle()
        self._busy_until = -1
        self._latch = self.asleep = False

    # Inside

    def _address(self) -> int:
        return (self._in[1] << 16 | self._in[2] << 8 | self._in[3]) % self.size

    def _is_busy(self) -> bool:
        return self.stuck_busy or self.clock.now_us < self._busy_until

    def _status_1(self) -> int:
        busy = self._is_busy()
        self._settle()
        return (1 if busy else 0) | (2 if self._latch else 0) | self.protect

    def _start(self, kind: str, address: int, data, duration_us: int) -> None:
        if not self._latch or self.protect or (self._suspended and (kind == "erase" or self._in_suspended(address))):
            return
        self._pending = (kind, address, data)
        self._busy_until = self.clock.now_us + duration_us
        if self.cut_in:
            self.cut_in -= 1
            if not self.cut_in:
                self.power_cut(self.cut_share_pct)
                raise PowerCut

    def _suspend(self) -> None:
        self._settle()
        if self._pending is None or self._pending[0] != "erase" or self.stuck_busy:
            return
        self._suspended = (self._pending, self._busy_until - self.clock.now_us)
        self._pending = None
        self._busy_until = self.clock.now_us + 20
        self._latch = False
        self.suspensions += 1

    def _in_suspended(self, address: int) -> bool:
        return bool(self._suspended) and 0 <= address - self._suspended[0][1] < self._suspended[0][2]

    def _settle(self) -> None:
        if self._pending is None or self.clock.now_us < self._busy_until:
            return
        kind, address, data = self._pending
        self._pending = None
        self._latch = False
        if kind == "program":
            self.programs += 1
            self._clear_bits(address, data)
        else:
            self.erases += 1
            for sector in range(address // SECTOR, (address + data) // SECTOR):
                self._sectors.pop(sector, None)

    def _clear_bits(self, address: int, data: bytes) -> None:
        page = address & ~0xFF
        offset = address & 0xFF
        sector = self._sector(page // SECTOR)
        buffer = {}
        for i in range(len(data)):  # the page buffer wraps: of more than 256 bytes the last 256 count
            buffer[(offset + i) & 0xFF] = data[i]
        for at in buffer:
            sector[page % SECTOR + at] &= buffer[at]

    def _sector(self, number: int) -> bytearray:
        sector = self._sectors.get(number)
        if sector is None:
            sector = self._sectors[number] = bytearray(b"\xff" * SECTOR)
        return sector
