"""The emulated board's internal flash: a file as a block device for littlefs, whose supply can go in the middle of an operation."""

BLOCK = 4096


class Blocks:
    """Block device of MicroPython's extended interface. `config["cut_at"]`: the supply goes in that operation (1 = the first)."""

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
        head = bytearray(64)
        self._file.seek(0)
        self._file.readinto(head)
        self.blank = head == b"\xff" * 64

    def readblocks(self, block: int, buf, offset: int = 0) -> None:
        """Fill `buf`."""
        self._file.seek(block * BLOCK + offset)
        self._file.readinto(buf)

    def writeblocks(self, block: int, buf, offset: int = 0) -> None:
        """Program; littlefs has erased before."""
        self._file.seek(block * BLOCK + offset)
        self._file.write(buf[: self._share(len(buf))])
        self._end()

    def ioctl(self, request: int, argument: int):
        """4: how many blocks, 5: their size, 6: erase one."""
        if request == 4:
            return self._count
        if request == 5:
            return BLOCK
        if request == 6:
            self._file.seek(argument * BLOCK)
            self._file.write((b"\xff" * BLOCK)[: self._share(BLOCK)])
            self._end()
            return 0
        return None

    def _share(self, size: int) -> int:
        self.operations += 1
        return size * self._cut_share_pct // 100 if self.operations == self._cut_at else size

    def _end(self) -> None:
        self._control.tell("op")
        if self.operations == self._cut_at:
            self._control.tell("cut")
            self._control.stop()
