"""The register-level model of the SPI NOR flash with its memory in a file, and with real time."""

import time

from w25q_model import SECTOR, W25QModel

_BLANK = b"\xff" * SECTOR


class RunningClock:
    """Real time in microseconds; what a transfer adds is its own duration."""

    def __init__(self) -> None:
        self._last = time.ticks_us()
        self._sum = 0

    @property
    def now_us(self) -> int:
        """Since the start."""
        now = time.ticks_us()
        self._sum += time.ticks_diff(now, self._last)
        self._last = now
        return self._sum

    @now_us.setter
    def now_us(self, value: int) -> None:
        pass


class NorFile(W25QModel):
    """What is programmed or erased is in the file when the operation has ended; one cut off leaves a part of it there."""

    def __init__(self, clock: RunningClock, posix, path: str, jedec: bytes = b"\xef\x40\x16") -> None:
        super().__init__(clock, jedec)
        try:
            self._file = posix.open(path, "r+b")
        except OSError:
            self._file = posix.open(path, "w+b")
        size = self._file.seek(0, 2)
        while size < self.size:
            size += self._file.write(_BLANK)
        self._held = -1
        self._buffer = bytearray(SECTOR)

    def _load(self, number: int) -> bytearray:
        if number != self._held:
            self._file.seek(number * SECTOR)
            self._file.readinto(self._buffer)
            self._held = number
        return self._buffer

    def peek(self, address: int) -> int:
        """A byte of the memory."""
        return self._load(address // SECTOR)[address % SECTOR]

    def _sector(self, number: int) -> bytearray:
        return self._load(number)

    def _clear_bits(self, address: int, data: bytes) -> None:
        super()._clear_bits(address, data)
        page = address & ~0xFF
        self._file.seek(page)
        self._file.write(memoryview(self._buffer)[page % SECTOR : page % SECTOR + 256])

    def _settle(self) -> None:
        pending = self._pending
        super()._settle()
        if pending is not None and self._pending is None and pending[0] == "erase":
            kind, address, size = pending
            self._held = -1
            for sector in range(address // SECTOR, (address + size) // SECTOR):
                self._file.seek(sector * SECTOR)
                self._file.write(_BLANK)
