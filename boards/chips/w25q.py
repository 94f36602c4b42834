"""W25Q-type SPI NOR flash as `FlashArea`: 256-byte pages, 4 KiB sectors, 3-byte addresses (1 to 16 MiB).

Written from the W25Q32JV and W25Q64JV data sheets. Each wait has an end. What the chip can tell is checked: its
identity, that nothing is write-protected, that the write-enable latch was set before an operation and fell after it.
The chip has no flag for a failed program or erase, so the store reads back what it wrote.

A page program takes 0.4 to 3 ms. An erase takes 45 to 400 ms: `NorArea.erase` waits for it; `begin_erase` starts it and
`busy` shows when it is over, while the loop goes on. Reading and programming elsewhere suspend such an erase and resume it
afterwards, so that nobody waits for it; reading what is just being erased does wait.
"""

import errno

from micropython import const

from chips.chip_area import PAGE_SIZE, SECTOR_SIZE, ChipArea

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import Clock


_READ = const(0x03)
_PAGE_PROGRAM = const(0x02)
_SECTOR_ERASE = const(0x20)
_BLOCK_ERASE = const(0xD8)
_BLOCK_SIZE = const(65536)

_WRITE_ENABLE = b"\x06"
_WRITE_DISABLE = b"\x04"
_READ_STATUS_1 = b"\x05"
_READ_STATUS_2 = b"\x35"
_READ_STATUS_3 = b"\x15"
_READ_JEDEC = b"\x9f"
_WAKE = b"\xab"
_SLEEP = b"\xb9"
_SUSPEND = b"\x75"
_RESUME = b"\x7a"

_BUSY = const(0x01)  # status register 1
_LATCH = const(0x02)
_PROTECT_BITS = const(0x7C)  # BP0..2, TB, SEC
_COMPLEMENT = const(0x40)  # status register 2: CMP turns the protected range round
_SUSPENDED = const(0x80)  # status register 2
_WPS = const(0x04)  # status register 3: each block has a lock of its own, locked at power-up

# Data sheet maxima (3 ms, 400 ms, 2 s) with room for a worn chip in the cold.
_PROGRAM_MS = const(20)
_SECTOR_ERASE_MS = const(800)
_BLOCK_ERASE_MS = const(4000)
_SUSPEND_MS = const(2)  # 20 us
_TICKS_MASK = const((1 << 30) - 1)

_FAMILIES = (0x40, 0x60, 0x70, 0x80)  # second JEDEC byte of Winbond's 3 V and 1.8 V lines
_WINBOND = const(0xEF)


class W25Q:
    """The chip. `select` is called with 0 to select it and with 1 to let it go; the SPI mode is 0 or 3.

    Raises OSError if no chip answers, if it is another chip, or if it is write-protected.
    """

    def __init__(self, spi: "Any", select: "Any", clock: "Clock") -> None:
        self._spi = spi
        self._select = select
        self._clock = clock
        self._command = bytearray(4)
        self._byte = bytearray(1)
        self._limit_ms = 0  # how long the operation under way may take; 0 = none is
        self._started_ms = 0
        self._erase_at = -1  # what is being erased; -1 = nothing that could be suspended
        self._erase_size = 0
        self._erase_limit_ms = 0
        self._paused = False
        select(1)
        self._send(_WAKE)  # ignored by a chip that is awake or still busy with what a reset interrupted
        self._begin(_BLOCK_ERASE_MS)
        try:
            self.wait()
        except OSError:
            if self._byte[0] != 0xFF:  # an open line reads as ones, which the identity below reports better
                raise
        self.jedec = self._read_jedec()
        self.size = self._size_of(self.jedec)
        self._refuse_protection()

    def read(self, address: int, buf: "bytearray | memoryview") -> None:
        """Fill `buf` from `address`."""
        self._check_range(address, len(buf))
        suspended = self._make_way(address, len(buf))
        self._address(_READ, address)
        self._select(0)
        self._spi.write(self._command)
        self._spi.readinto(buf)
        self._select(1)
        if suspended:
            self._resume()

    def program(self, address: int, data: "bytes | bytearray | memoryview") -> None:
        """Clear bits inside one page and wait until that is done."""
        if not data:
            return
        self._check_range(address, len(data))
        if address // PAGE_SIZE != (address + len(data) - 1) // PAGE_SIZE:
            raise ValueError("program operation crosses a page")
        suspended = self._make_way(address, len(data))
        try:
            self._enable()
            self._address(_PAGE_PROGRAM, address)
            self._select(0)
            self._spi.write(self._command)
            self._spi.write(data)
            self._select(1)
            self._begin(_PROGRAM_MS)
            self.wait()
        finally:
            if suspended:
                self._resume()

    def begin_erase(self, address: int, size: int = SECTOR_SIZE) -> None:
        """Start to erase the sector (4096) or block (65536) that begins at `address`."""
        if size not in (SECTOR_SIZE, _BLOCK_SIZE) or address % size:
            raise ValueError("an erase covers a whole sector of 4096 or block of 65536 bytes")
        self._check_range(address, size)
        self._enable()
        self._address(_SECTOR_ERASE if size == SECTOR_SIZE else _BLOCK_ERASE, address)
        self._select(0)
        self._spi.write(self._command)
        self._select(1)
        self._erase_limit_ms = _SECTOR_ERASE_MS if size == SECTOR_SIZE else _BLOCK_ERASE_MS
        self._begin(self._erase_limit_ms)
        self._erase_at, self._erase_size = address, size

    def busy(self) -> bool:
        """Whether an operation is still under way. Raises OSError if it takes longer than it ever may or was not taken."""
        if not self._limit_ms:
            return False
        # The clock first: what holds the program up between the two, as a garbage collection, must not count against the chip.
        late = (self._clock.ticks_ms() - self._started_ms) & _TICKS_MASK > self._limit_ms
        status = self._status(_READ_STATUS_1)
        if status & _BUSY:
            if late:
                self._ended()
                raise OSError(errno.ETIMEDOUT, "SPI flash: busy for longer than any operation takes")
            return True
        self._ended()
        if status & _LATCH:  # falls with the end of a program or erase; still set, the chip has refused the command
            self._send(_WRITE_DISABLE)
            raise OSError(errno.EIO, "SPI flash: the chip did not carry out the command")
        return False

    def wait(self) -> None:
        """Wait for the operation under way, within its limit."""
        while self.busy():
            pass

    def sleep(self) -> None:
        """Deep power-down: the chip ignores everything but being woken."""
        self.wait()
        self._send(_SLEEP)

    def wake(self) -> None:
        """Leave deep power-down. It takes 3 us, less than the next Python call."""
        self._send(_WAKE)

    def area(self, base: int, size: int) -> "NorArea":
        """A part of the chip, in whole sectors."""
        return NorArea(self, base, size)

    def _begin(self, limit_ms: int) -> None:
        self._limit_ms = limit_ms
        self._started_ms = self._clock.ticks_ms()

    def _ended(self) -> None:
        self._limit_ms = 0
        if not self._paused:
            self._erase_at = -1

    def _make_way(self, address: int, length: int) -> bool:
        """Nothing is under way afterwards; whether an erase was suspended for that."""
        at = self._erase_at
        if at < 0 or (address < at + self._erase_size and at < address + length) or not self.busy():
            self.wait()
            return False
        self._send(_SUSPEND)
        began = self._clock.ticks_ms()
        while True:
            late = (self._clock.ticks_ms() - began) & _TICKS_MASK > _SUSPEND_MS
            if not self._status(_READ_STATUS_1) & _BUSY:
                break
            if late:
                self.wait()  # a chip that knows no suspension
                return False
        if not self._status(_READ_STATUS_2) & _SUSPENDED:
            self.wait()  # it had just ended
            return False
        self._limit_ms = 0
        self._paused = True
        return True

    def _resume(self) -> None:
        self._paused = False
        self._send(_RESUME)
        self._begin(self._erase_limit_ms)

    def _enable(self) -> None:
        self.wait()
        self._send(_WRITE_ENABLE)
        status = self._status(_READ_STATUS_1)
        if status & (_LATCH | _BUSY) != _LATCH:
            raise OSError(errno.EIO, "SPI flash: write enable was not taken (status 0x%02x)" % status)

    def _send(self, command: bytes) -> None:
        self._select(0)
        self._spi.write(command)
        self._select(1)

    def _status(self, command: bytes) -> int:
        self._select(0)
        self._spi.write(command)
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

    def _read_jedec(self) -> bytes:
        jedec = bytearray(3)
        self._select(0)
        self._spi.write(_READ_JEDEC)
        self._spi.readinto(jedec)
        self._select(1)
        return bytes(jedec)

    def _size_of(self, jedec: bytes) -> int:
        if jedec in (b"\x00\x00\x00", b"\xff\xff\xff"):
            raise OSError(errno.ENODEV, "SPI flash: no chip answers: check supply, wiring and chip select")
        if jedec[0] != _WINBOND or jedec[1] not in _FAMILIES or not 0x14 <= jedec[2] <= 0x18:
            raise OSError(
                errno.ENODEV,
                "SPI flash: JEDEC id %02x %02x %02x is not a W25Q of 1 to 16 MiB (ef 40 14 .. ef 40 18)" % (jedec[0], jedec[1], jedec[2]),
            )
        return 1 << jedec[2]

    def _refuse_protection(self) -> None:
        if self._status(_READ_STATUS_2) & _SUSPENDED:  # the controller was reset in between
            self._send(_RESUME)
            self._begin(_BLOCK_ERASE_MS)
            self.wait()
        one, two, three = self._status(_READ_STATUS_1), self._status(_READ_STATUS_2), self._status(_READ_STATUS_3)
        if one & _PROTECT_BITS or two & _COMPLEMENT or three & _WPS:
            raise OSError(errno.EACCES, "SPI flash: write-protected (status 0x%02x 0x%02x 0x%02x)" % (one, two, three))


class NorArea(ChipArea):
    """A contiguous part of a chip: what `cabinet.ports.FlashArea` asks for."""

    def program(self, address: int, data: "bytes | bytearray | memoryview") -> None:
        """Clear bits inside one page. Raises OSError if the hardware fails."""
        self._check(address, len(data))
        self._chip.program(self._base + address, data)

    def erase(self, address: int) -> None:
        """Erase the sector that begins at `address` and wait for it: 45 to 400 ms."""
        self.begin_erase(address)
        self._chip.wait()

    def begin_erase(self, address: int) -> None:
        """Start to erase a sector; `busy` turns False when it is done."""
        self._check(address, SECTOR_SIZE)
        self._chip.begin_erase(self._base + address)

    def busy(self) -> bool:
        """Whether the chip is still at it."""
        return self._chip.busy()
