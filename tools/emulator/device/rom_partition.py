"""A ROMFS partition of the emulated board, with the requests of `vfs.rom_ioctl` that mpremote makes."""

SECTOR = 4096


class RomPartition:
    """A file whose contents are memory-mapped on a board; here they are read into the heap."""

    def __init__(self, posix, path: str, size: int, blocks) -> None:
        self._blocks = blocks
        self.memory = bytearray(b"\xff" * size)
        try:
            self._file = posix.open(path, "r+b")
            self._file.readinto(self.memory)
        except OSError:
            self._file = posix.open(path, "w+b")
            self._file.write(self.memory)

    def ioctl(self, request: int, number: int = 0, offset: int = 0, what=None):
        """1 how many, 2 the memory, 3 erase, 4 write, 5 complete, 6 sector size."""
        if request == 1:
            return 1
        if request == 2:
            return self.memory
        if request == 3:
            size = offset if what is None else what
            begin = 0 if what is None else offset
            self._put(begin, b"\xff" * size)
            return 4
        if request == 4:
            self._put(offset, what)
            return 0
        return SECTOR if request == 6 else 0

    def _put(self, offset: int, data) -> None:
        for at in range(0, len(data), SECTOR):
            part = memoryview(data)[at : at + SECTOR]
            part = part[: self._blocks.share(len(part))]
            self.memory[offset + at : offset + at + len(part)] = part
            self._file.seek(offset + at)
            self._file.write(part)
            self._blocks.end()
