"""The emulated board's internal flash: a file as a block device for littlefs, whose supply can go in the middle of an operation."""

BLOCK = 4096
_BLANK = b"\xff" * BLOCK


class Blocks:
    """Block device of MicroPython's extended interface. `config["cut_at"]`: the supply goes in that operation (1 = the first).

    A board's block device is no Python and cannot be interrupted by Ctrl-C: an exception in the middle of littlefs would leave it
    in disorder. So an operation that is hit is done again, and the keeper is asked to send the interrupt once more.
    """

    def __init__(self, posix, config: dict, control) -> None:
        self._count = config["flash_bytes"] // BLOCK
        self._control = control
        self._cut_at = config.get("cut_at", 0)
        self._cut_share_pct = config.get("cut_share_pct", 50)
        self.operations = 0
        path = config["flash"]
        try:
            self._file = posix.open(path, "r+b")
        except OSError:
            self._file = posix.open(path, "w+b")
            for _ in range(self._count):
                self._file.write(b"\xff" * BLOCK)

    def readblocks(self, block: int, buf, offset: int = 0) -> None:
        """Fill `buf`."""
        while True:
            try:
                return self._read(block * BLOCK + offset, buf)
            except KeyboardInterrupt:
                self._control.tell("again")

    def writeblocks(self, block: int, buf, offset: int = 0) -> None:
        """Program; littlefs has erased before."""
        while True:
            try:
                return self._write(block * BLOCK + offset, buf)
            except KeyboardInterrupt:
                self._control.tell("again")

    def ioctl(self, request: int, argument: int):
        """4: how many blocks, 5: their size, 6: erase one."""
        if request == 4:
            return self._count
        if request == 5:
            return BLOCK
        if request == 6:
            while True:
                try:
                    return self._write(argument * BLOCK, _BLANK)
                except KeyboardInterrupt:
                    self._control.tell("again")
        return None

    def _read(self, at: int, buf) -> None:
        self._file.seek(at)
        self._file.readinto(buf)

    def _write(self, at: int, data) -> int:
        share = self.share(len(data))
        self._file.seek(at)
        self._file.write(memoryview(data)[:share])
        self.end()
        return 0

    def share(self, size: int) -> int:
        """How much of the operation that begins is done: all of it, unless the supply goes in it."""
        self.operations += 1
        return size * self._cut_share_pct // 100 if self.operations == self._cut_at else size

    def end(self) -> None:
        """The operation is over; where the supply goes, nothing follows."""
        self._control.tell("op")
        if self.operations == self._cut_at:
            self._control.tell("cut")
            self._control.stop()
