"""NOR flash that reads wrongly on demand: the n-th reading from now on, and so many after it. The cells do not change."""

import random

from nor_flash import NorFlash


class GlitchFlash(NorFlash):
    """A FlashArea over cells that other areas may share."""

    wrong_at = 0  # number of the first reading that is wrong; 0: none
    wrong_to = 0  # and of the last
    kind = ""  # a number: that bit of what is read; noise, ff, 00, bit: a random one

    def arm(self, first: int, length: int, kind: str) -> None:
        """Read wrongly from the `first` reading from now on, `length` times."""
        self.wrong_at = self.reads + first
        self.wrong_to = self.wrong_at + length - 1
        self.kind = kind

    def read(self, address: int, buf: "bytearray | memoryview") -> None:
        """See ports.FlashArea."""
        NorFlash.read(self, address, buf)
        if self.wrong_at and self.wrong_at <= self.reads <= self.wrong_to:
            spoil(buf, self.kind)

    def read_rightly(self) -> None:
        """Read rightly from now on."""
        self.wrong_at = 0


def spoil(buf: "bytearray | memoryview", kind: str) -> None:
    """What a disturbed reading returns."""
    n = len(buf)
    if kind == "ff":
        buf[:] = b"\xff" * n
    elif kind == "00":
        buf[:] = bytes(n)
    elif kind == "noise":
        for i in range(n):
            buf[i] = random.getrandbits(8)
    else:
        bit = random.getrandbits(16) % (8 * n) if kind == "bit" else int(kind) % (8 * n)
        buf[bit // 8] ^= 1 << bit % 8
