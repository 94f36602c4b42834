"""The journal on every kind of storage that a port offers, and the refusal of those that cannot keep the promise."""


import vfs
from nor_flash import NorFlash

from cabinet.core import events
from cabinet.store.area import split
from cabinet.store.block_area import BlockArea, FramArea, LittlefsArea, PagedArea, UnsafeStorage
from cabinet.store.journal import Journal


class Clock:
    """A fixed instant."""

    def ticks_ms(self):
        """Ticks."""
        return 1

    def wall_s(self):
        """Unknown."""
        return 0

    def quality(self):
        """Unknown."""
        return 0


class Device:
    """A block device over NOR flash; `whole_pages` as on an RP2."""

    def __init__(self, flash, block=4096, whole_pages=False):
        self.flash = flash
        self.block = block
        self.whole_pages = whole_pages

    def readblocks(self, n, buf, offset=0):
        """Read."""
        self.flash.read(n * self.block + offset, buf)

    def writeblocks(self, n, buf, offset=None):
        """Program; without an offset erase first."""
        at = n * self.block + (offset or 0)
        if self.whole_pages and (at % 256 or len(buf) % 256):
            return -22
        if offset is None:
            self.flash.erase(n * self.block)
        view = memoryview(buf)
        done = 0
        while done < len(view):
            size = min(256 - at % 256, len(view) - done)
            self.flash.program(at, view[done : done + size])
            at += size
            done += size

    def ioctl(self, op, arg):
        """Size, erase."""
        if op == 4:
            return self.flash.size // self.block
        if op == 5:
            return self.block
        if op == 6:
            self.flash.erase(arg * self.block)
        return 0


class Memory:
    """An FRAM."""

    def __init__(self, size):
        self.cells = bytearray(size)

    def read(self, address, buf):
        """Read."""
        buf[:] = self.cells[address : address + len(buf)]

    def write(self, address, data):
        """Write."""
        self.cells[address : address + len(data)] = data


def lives_on(area, count=300):
    """Store, acknowledge, restart; everything comes back."""
    journal = Journal(*split(area), b"k" * 32, Clock())
    stored = []
    for n in range(count):
        event = events.make("swap.step", 1 + n % 12, "S%d" % n, n, "checking")
        stored.append((journal.append(event), n))
        if n % 10 == 9:
            journal.ack(0, stored[-5][0])
        journal.idle()
        if n % 97 == 96:
            journal = Journal(*split(area), b"k" * 32, Clock())
    journal = Journal(*split(area), b"k" * 32, Clock())
    for sequence, n in stored[-20:]:
        record = journal.read(0, sequence - 1)
        assert record.sequence == sequence
        assert record.event.values[0] == n
    return journal


def refusal(call, *args):
    """The words of a refusal."""
    try:
        call(*args)
    except UnsafeStorage as error:
        return str(error)
    return ""


def test_on_a_raw_partition_or_spi_nor_chip():
    lives_on(BlockArea(Device(NorFlash(16 * 4096))))


def test_on_flash_that_programs_whole_pages_only():
    device = Device(NorFlash(16 * 4096), whole_pages=True)
    lives_on(PagedArea(device))


def test_on_fram():
    lives_on(FramArea(Memory(16 * 1024), 16 * 1024))


def test_on_littlefs_as_the_last_resort():
    disk = Device(NorFlash(64 * 4096))
    vfs.VfsLfs2.mkfs(disk, progsize=256)
    vfs.mount(vfs.VfsLfs2(disk, progsize=256), "/journal")
    try:
        lives_on(LittlefsArea("/journal", 10 * 2048, 2048), 60)
    finally:
        vfs.umount("/journal")


def test_fat_is_refused_with_the_way_out():
    disk = Device(NorFlash(256 * 512, 512), 512)
    vfs.VfsFat.mkfs(disk)
    vfs.mount(vfs.VfsFat(disk), "/fat")
    try:
        words = refusal(LittlefsArea, "/fat", 40960)
    finally:
        vfs.umount("/fat")
    assert "not on littlefs" in words
    assert "SPI NOR" in words


def test_small_blocks_are_refused_with_the_way_out():
    words = refusal(BlockArea, Device(NorFlash(64 * 512, 512), 512))
    assert "512 bytes" in words
    assert "SPI NOR" in words


def test_a_device_error_is_an_error():
    area = BlockArea(Device(NorFlash(16 * 4096), whole_pages=True))
    try:
        area.program(5, b"abc")
        raised = False
    except OSError:
        raised = True
    assert raised
