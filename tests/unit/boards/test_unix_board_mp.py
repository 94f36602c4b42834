"""The board of a Linux or macOS machine, under its own interpreter."""

import os

from flash_file import FlashFile

from board import Board

DIR = "/tmp/swapcab-board-{}".format(int.from_bytes(os.urandom(4), "big"))


def board():
    try:
        os.mkdir(DIR)
    except OSError:
        pass
    try:
        os.remove(DIR + "/flash.bin")
    except OSError:
        pass
    return Board(DIR)


def test_new_flash_is_erased_and_areas_do_not_overlap():
    unit = board()
    areas = [unit.flash(name) for name in ("journal-a", "journal-b", "state")]
    assert [area.size for area in areas] == [524288, 131072, 32768]
    buf = bytearray(256)
    for k, area in enumerate(areas):
        area.read(area.size - 256, buf)
        assert buf == b"\xff" * 256
        area.program(area.size - 256, bytes([k] * 256))
    for k, area in enumerate(areas):
        area.read(area.size - 256, buf)
        assert buf == bytes([k] * 256)
        area.read(0, buf)
        assert buf == b"\xff" * 256


def test_programming_only_clears_bits_and_erasing_sets_them():
    area = board().flash("state")
    area.program(4096, b"\xf0\x0f")
    area.program(4096, b"\x3c\xff")
    buf = bytearray(3)
    area.read(4096, buf)
    assert buf == b"\x30\x0f\xff"
    area.erase(4096)
    area.read(4096, buf)
    assert buf == b"\xff\xff\xff"


def refused(action, *arguments):
    try:
        action(*arguments)
    except ValueError:
        return True
    return False


def test_what_real_flash_cannot_do_is_refused():
    unit = board()
    area = unit.flash("state")
    assert refused(area.program, 250, bytes(10)), "crosses a page"
    assert refused(area.program, area.size - 1, bytes(2)), "beyond the end"
    assert refused(area.erase, 100), "not a sector"
    assert refused(area.read, -1, bytearray(1))
    assert refused(unit.flash, "attic")
    assert refused(unit.serial, "no-such-port", 9600)
    assert refused(unit.can, "no-such-port", 250_000)


def test_flash_is_still_there_for_the_next_process():
    unit = board()
    unit.flash("state").program(0, b"kept")
    buf = bytearray(4)
    again = Board(DIR).flash("state")
    assert isinstance(again, FlashFile)
    again.read(0, buf)
    assert buf == b"kept"


def test_a_watchdog_that_is_fed_too_late_ends_the_process_and_is_remembered():
    unit = board()
    dog = unit.watchdog(1000)
    dog.feed()
    dog._fed_ms = (dog._fed_ms - 2000) & 0x3FFFFFFF
    try:
        dog.feed()
    except SystemExit as error:
        assert error.args[0] == 70
    else:
        raise AssertionError("still alive")
    assert Board(DIR).reset_cause() == "watchdog"
    assert Board(DIR).reset_cause() == "power_on"


def test_random_bytes_are_random():
    unit = board()
    assert unit.random_bytes(32) != unit.random_bytes(32)


def test_the_heartbeat_stays_dropped():
    beat = board().heartbeat()
    beat.toggle()
    beat.drop()
    beat.toggle()
    assert beat.toggles == 1
