"""The journal on blocks that are pinned in a littlefs, with the file system in use beside it; and every refusal."""

import os

import vfs
from nor_flash import NorFlash, PowerCut

from cabinet.core import events
from cabinet.store import pinned
from cabinet.store.area import split
from cabinet.store.block_area import UnsafeStorage
from cabinet.store.journal import Journal

BLOCK = 4096
FOLDER = "/chip/journal"


class Clock:
    """A fixed instant."""

    def ticks_ms(self):
        return 1

    def wall_s(self):
        return 0

    def quality(self):
        return 0


class Chip:
    """A block device over NOR flash."""

    def __init__(self, blocks=48, whole_pages=False):
        self.flash = NorFlash(blocks * BLOCK)
        self.whole_pages = whole_pages
        self.dead = False

    def readblocks(self, n, buf, offset=0):
        self.flash.read(n * BLOCK + offset, buf)

    def writeblocks(self, n, buf, offset=None):
        at = n * BLOCK + (offset or 0)
        if self.whole_pages and (at % 256 or len(buf) % 256):
            return -22
        if offset is None:
            self.flash.erase(n * BLOCK)
        view = memoryview(buf)
        done = 0
        while done < len(view):
            size = min(256 - at % 256, len(view) - done)
            if not self.powered(self.flash.program, at, view[done : done + size]):
                return -5
            at += size
            done += size

    def ioctl(self, op, arg):
        if op == 4:
            return self.flash.size // BLOCK
        if op == 5:
            return BLOCK
        if op == 6 and not self.powered(self.flash.erase, arg * BLOCK):
            return -5
        return 0

    def powered(self, call, *args):
        """Do it, unless the power is gone."""
        try:
            if not self.dead:
                call(*args)
        except PowerCut:
            self.dead = True
        return not self.dead


class Mounted:
    """A formatted chip at /chip for the length of a test."""

    def __init__(self, **options):
        self.chip = Chip(**options)
        self.lfs = {"progsize": 256} if self.chip.whole_pages else {}

    def __enter__(self):
        self.format()
        return self

    def format(self):
        """A new, empty file system."""
        vfs.VfsLfs2.mkfs(self.chip, **self.lfs)
        vfs.mount(vfs.VfsLfs2(self.chip, **self.lfs), "/chip")

    def restart(self):
        """Mount again."""
        vfs.umount("/chip")
        vfs.mount(vfs.VfsLfs2(self.chip, **self.lfs), "/chip")

    def create(self, sectors=10):
        """Pin blocks."""
        pinned.create(self.chip, FOLDER, sectors, self.chip.whole_pages, self.lfs)

    def area(self):
        """Prove them and take them up."""
        return pinned.PinnedArea(self.chip, FOLDER, self.chip.whole_pages, self.lfs)

    def refusal(self):
        """The words with which the area is refused; nothing is written on the way."""
        operations = self.chip.flash.operations
        words = refusal(self.area)
        assert self.chip.flash.operations == operations
        return words

    def __exit__(self, *_):
        vfs.umount("/chip")


def refusal(call, *args):
    """The words of a refusal."""
    try:
        call(*args)
    except UnsafeStorage as error:
        return str(error)
    return ""


def write(path, data):
    """A file."""
    with open(path, "wb") as file:
        file.write(data)


def content(path):
    """What is in a file."""
    with open(path, "rb") as file:
        return file.read()


def lives_on(disk, count):
    """Events go in while files beside them come and go; all are there after each restart, and so are the files."""
    disk.create()
    journal = Journal(*split(disk.area()), b"k" * 32, Clock())
    stored = []
    files = {}
    for n in range(count):
        stored.append(journal.append(events.make("swap.step", 1 + n % 12, "S%d" % n, n, "checking")))
        if n % 10 == 9:
            journal.ack(0, stored[-5])
        journal.idle()
        if n % 3 == 0:
            name = "/chip/f%d" % (n % 7)
            files[name] = bytes([n % 256]) * (n * 37 % 9000)
            write(name, files[name])
        if n % 31 == 30:
            name = sorted(files)[0]
            os.remove(name)
            del files[name]
        if n % 97 == 96 or n == count - 1:
            disk.restart()
            journal = Journal(*split(disk.area()), b"k" * 32, Clock())
            first = max(0, n - 60)
            for i in range(first, n + 1):
                record = journal.read(0, stored[i] - 1)
                assert record.sequence == stored[i]
                assert record.event.values[0] == i
            for name in files:
                assert content(name) == files[name]


def test_nothing_is_lost_with_a_busy_file_system_beside_it():
    with Mounted() as disk:
        lives_on(disk, 800)


def test_nothing_is_lost_on_a_chip_that_programs_whole_pages():
    with Mounted(whole_pages=True) as disk:
        lives_on(disk, 200)


def test_an_append_touches_no_block_of_the_file_system_and_erases_nothing():
    with Mounted() as disk:
        disk.create()
        area = disk.area()
        journal = Journal(*split(area), b"k" * 32, Clock())
        while journal.idle():
            pass
        erases = disk.chip.flash.erases
        before = bytes(disk.chip.flash.cells)
        for n in range(20):
            journal.append(events.make("swap.step", 1, "", n, "checking"))
        assert disk.chip.flash.erases == erases
        for block in range(48):
            same = before[block * BLOCK : (block + 1) * BLOCK] == disk.chip.flash.cells[block * BLOCK : (block + 1) * BLOCK]
            assert same or block in area._blocks


def test_a_file_system_that_was_formatted_is_refused_and_can_be_set_up_anew():
    with Mounted() as disk:
        disk.create()
        Journal(*split(disk.area()), b"k" * 32, Clock())
        vfs.umount("/chip")
        disk.format()
        assert "no map" in disk.refusal()
        assert "pinned.create" in disk.refusal()
        disk.create()
        assert disk.area().size == 10 * BLOCK


def test_a_map_that_was_brought_back_after_formatting_proves_nothing():
    with Mounted() as disk:
        disk.create()
        saved = content(FOLDER + "/map")
        vfs.umount("/chip")
        disk.format()
        os.mkdir(FOLDER)
        write(FOLDER + "/map", saved)
        assert "p0 is not the file" in disk.refusal()
        write("/chip/other", bytes(BLOCK))
        for n in range(10):
            write(FOLDER + "/p%d" % n, bytes(BLOCK))
        assert "is not the file" in disk.refusal()


def test_a_file_that_was_written_removed_or_exchanged_is_refused():
    with Mounted(blocks=24) as disk:
        disk.create(4)
        path = FOLDER + "/p2"
        os.rename(path, FOLDER + "/away")
        assert "p2" in disk.refusal()
        os.rename(FOLDER + "/p3", path)
        os.rename(FOLDER + "/away", FOLDER + "/p3")
        assert "p2" in disk.refusal()
        os.rename(path, FOLDER + "/away")
        os.rename(FOLDER + "/p3", path)
        os.rename(FOLDER + "/away", FOLDER + "/p3")
        assert disk.refusal() == ""
        write(path, content(path))
        assert "p2" in disk.refusal()


def test_a_file_of_another_size_is_refused():
    with Mounted(blocks=24) as disk:
        disk.create(4)
        for size in (0, 40, BLOCK - 1, BLOCK + 1):
            write(FOLDER + "/p2", bytes(size))
            assert "p2" in disk.refusal()


def test_a_damaged_map_is_refused():
    with Mounted() as disk:
        disk.create(4)
        good = content(FOLDER + "/map")
        for bad in (b"", good[:-1], good[:12], good[:20] + b"\x01" + good[21:], good + good):
            write(FOLDER + "/map", bad)
            assert "no map" in disk.refusal()


def test_blocks_that_hold_events_are_not_pinned_again():
    with Mounted() as disk:
        disk.create(4)
        assert "already" in refusal(disk.create)
        assert disk.refusal() == ""


def test_a_create_that_was_cut_off_can_be_repeated():
    with Mounted() as disk:
        disk.create(4)
        os.remove(FOLDER + "/map")
        disk.restart()
        assert "no map" in disk.refusal()
        disk.create(4)
        assert disk.refusal() == ""


def test_a_power_cut_in_any_part_of_a_create_leaves_all_or_nothing():
    cut = 0
    complete = False
    while not complete:
        with Mounted(blocks=20) as disk:
            flash = disk.chip.flash
            cut += 1
            flash.tear = ("none", "whole", "front", "back")[cut % 4]
            flash.cut_at = flash.operations + cut
            try:
                disk.create(4)
                complete = True
            except (OSError, UnsafeStorage):
                pass
            disk.chip.dead = False
            flash.cut_at = 0
            disk.restart()
            if disk.refusal():
                assert not complete
                disk.create(4)
            buf = bytearray(1024)
            area = disk.area()
            for at in range(0, area.size, 1024):
                area.read(at, buf)
                assert buf == b"\xff" * 1024
    assert cut > 50


def test_a_device_that_is_not_the_one_that_is_mounted_is_refused():
    other = Chip()
    vfs.VfsLfs2.mkfs(other)
    with Mounted() as disk:
        assert "is it the one" in refusal(pinned.create, other, FOLDER, 4)
        assert "no littlefs" in refusal(pinned.PinnedArea, Chip(), FOLDER)
        disk.restart()


def test_fat_and_folders_outside_are_refused():
    with Mounted() as disk:
        assert "not a folder in a littlefs" in refusal(pinned.create, disk.chip, "/elsewhere/journal", 4)
        assert "not a folder in a littlefs" in refusal(pinned.PinnedArea, disk.chip, "/elsewhere/journal")


def test_nothing_outside_the_area_can_be_reached():
    with Mounted() as disk:
        disk.create(4)
        area = disk.area()
        for call in (lambda: area.erase(4 * BLOCK), lambda: area.program(-1, b"a"), lambda: area.read(4 * BLOCK - 1, bytearray(2))):
            try:
                call()
                raised = False
            except ValueError:
                raised = True
            assert raised
