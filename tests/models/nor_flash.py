"""NOR flash in a bytearray: programming clears bits, erasing sets a sector to 0xFF. Runs under both interpreters.

`cut_at` makes the n-th operation (program or erase) the one during which the power goes: it is left torn in one of
several ways, and `PowerCut` is raised. Weak cells then read differently at each `boot`.
"""

import random


class PowerCut(Exception):
    """The supply went in the middle of an operation."""


class NorFlash:
    """A FlashArea with counters, checks of the rules of NOR flash, and power cuts."""

    def __init__(self, size: int = 65536, sector_size: int = 4096, page_size: int = 256, image: "bytes | bytearray | None" = None) -> None:
        self.size = size
        self.sector_size = sector_size
        self.page_size = page_size
        self.cells = bytearray(image) if image is not None else bytearray(b"\xff" * size)
        self.operations = 0
        self.programs = 0
        self.programmed = 0
        self.erases = 0
        self.reads = 0
        self.read_bytes = 0
        self.sector_erases = [0] * (size // sector_size)
        self.cut_at = 0
        self.tear = "none"
        self.weak = {}  # address -> mask of bits that read at random at each boot
        self.dice = random

    def read(self, address: int, buf: "bytearray | memoryview") -> None:
        """See ports.FlashArea."""
        n = len(buf)
        if address < 0 or address + n > self.size:
            raise ValueError("read outside")
        self.reads += 1
        self.read_bytes += n
        buf[:] = self.cells[address : address + n]

    def program(self, address: int, data: "bytes | bytearray | memoryview") -> None:
        """See ports.FlashArea."""
        n = len(data)
        if n == 0 or address < 0 or address + n > self.size or address // self.page_size != (address + n - 1) // self.page_size:
            raise ValueError(f"program outside one page: {address}+{n}")
        self.operations += 1
        if self.operations == self.cut_at:
            tear_program(self, address, data)
            raise PowerCut()
        self.programs += 1
        self.programmed += n
        merge(self.cells, address, data)
        if self.weak:
            for i in range(n):
                mask = self.weak.get(address + i)
                if mask:
                    self.weak[address + i] = mask & data[i]  # bits programmed again are firm

    def erase(self, address: int) -> None:
        """See ports.FlashArea."""
        if address % self.sector_size or not 0 <= address < self.size:
            raise ValueError("erase outside")
        self.operations += 1
        if self.operations == self.cut_at:
            tear_erase(self, address)
            raise PowerCut()
        self.erases += 1
        self.sector_erases[address // self.sector_size] += 1
        self.cells[address : address + self.sector_size] = b"\xff" * self.sector_size
        if self.weak:
            for at in list(self.weak):
                if address <= at < address + self.sector_size:
                    del self.weak[at]

    def boot(self) -> None:
        """Power comes back: weak cells settle on some value until the next boot."""
        self.cut_at = 0
        for at, mask in self.weak.items():
            self.cells[at] = self.cells[at] & ~mask & 0xFF | self.dice.getrandbits(8) & mask


def merge(cells: bytearray, address: int, data: "bytes | bytearray | memoryview") -> None:
    """AND `data` into the cells, as programming does."""
    n = len(data)
    old = int.from_bytes(cells[address : address + n], "little")
    cells[address : address + n] = (old & int.from_bytes(bytes(data), "little")).to_bytes(n, "little")


def tear_program(flash: NorFlash, address: int, data: "bytes | bytearray | memoryview") -> None:
    """Leave a program operation half done."""
    n = len(data)
    tear = flash.tear
    dice = flash.dice
    if tear == "none":
        return
    if tear == "whole":
        merge(flash.cells, address, data)
    elif tear == "front":
        merge(flash.cells, address, data[: 1 + dice.getrandbits(16) % n])
    elif tear == "back":
        k = dice.getrandbits(16) % n
        merge(flash.cells, address + k, data[k:])
    elif tear == "bits":
        for i in range(n):
            flash.cells[address + i] &= data[i] | dice.getrandbits(8)
    elif tear == "weak":
        for i in range(n):
            changing = flash.cells[address + i] & ~data[i] & 0xFF
            if changing:
                done = dice.getrandbits(8)
                flash.cells[address + i] &= ~(changing & done) & 0xFF
                weak = changing & dice.getrandbits(8)
                if weak:
                    flash.weak[address + i] = flash.weak.get(address + i, 0) | weak
    elif tear == "faint":  # reads as if nothing had happened, or as if all had, but is not firm
        whole = dice.getrandbits(1)
        for i in range(n):
            changing = flash.cells[address + i] & ~data[i] & 0xFF
            if changing:
                if whole:
                    flash.cells[address + i] &= data[i]
                flash.weak[address + i] = flash.weak.get(address + i, 0) | changing


def tear_erase(flash: NorFlash, address: int) -> None:
    """Leave an erase half done."""
    size = flash.sector_size
    tear = flash.tear
    dice = flash.dice
    blank = b"\xff" * size
    if tear == "none":
        return
    if tear == "whole":
        flash.cells[address : address + size] = blank
    elif tear == "front":
        k = dice.getrandbits(16) % size
        flash.cells[address : address + k] = blank[:k]
    elif tear == "back":
        k = dice.getrandbits(16) % size
        flash.cells[address + k : address + size] = blank[k:]
    elif tear == "faint":  # cut just before the end: reads as erased, but from some place on what was 0 is not firm
        for i in range(dice.getrandbits(16) % size, size, 97):
            if flash.cells[address + i] != 0xFF:
                flash.weak[address + i] = ~flash.cells[address + i] & 0xFF
        flash.cells[address : address + size] = blank
    else:
        for i in range(0, size, 1 if tear == "bits" else 7):
            old = flash.cells[address + i]
            flash.cells[address + i] = old | dice.getrandbits(8)
            if tear != "bits" and old != 0xFF:
                flash.weak[address + i] = ~old & 0xFF
