"""The MB85RS driver on a register-level model of the chip, and the journal on it."""

import errno

from chips.mb85rs import MB85RS
from mb85rs_model import Mb85rsModel, PowerCut
from spi_bus import Clock, Select, Spi

from cabinet.core import events
from cabinet.store.journal import Journal


def bench(model=None):
    """A driver and its chip."""
    model = model or Mb85rsModel()
    spi = Spi(Clock())
    return MB85RS(spi, Select(spi, model)), model


def refusal(call, *args):
    """The exception that a call ends with."""
    try:
        call(*args)
    except (OSError, ValueError) as error:
        return error
    return None


def read(part, address, length):
    """Bytes from the chip or an area."""
    buf = bytearray(length)
    part.read(address, buf)
    return bytes(buf)


def test_the_size_follows_from_the_identity():
    for third, size in ((0x27, 128), (0x28, 256), (0x48, 256), (0x49, 512)):
        assert bench(Mb85rsModel(bytes((4, 0x7F, third, 3))))[0].size == size * 1024


def test_another_chip_and_an_empty_socket_are_refused():
    assert "c2 20 16 03" in str(refusal(bench, Mb85rsModel(b"\xc2\x20\x16\x03")))
    assert refusal(bench, Mb85rsModel(b"\x04\x7f\x03\x02")).args[0] == errno.ENODEV
    spi = Spi(Clock())
    assert "no chip answers" in str(refusal(MB85RS, spi, Select(spi, None)))


def test_what_is_written_reads_back():
    chip, _model = bench()
    chip.write(0x1FFFC, b"swap")
    assert read(chip, 0x1FFFB, 6) == b"\xffswap\xff"
    chip.write(0x1FFFD, b"top")
    assert read(chip, 0x1FFFC, 4) == b"stop"


def test_to_the_journal_it_behaves_as_flash():
    chip, _model = bench()
    area = chip.area(4096, 8192)
    area.program(10, b"\xf0\x55")
    area.program(10, b"\x3c\x0f")
    assert read(area, 10, 2) == b"\x30\x05" and read(chip, 4106, 2) == b"\x30\x05"
    area.program(4096, b"next")
    area.erase(0)
    assert read(area, 8, 6) == b"\xff" * 6 and read(area, 4096, 4) == b"next"


def test_what_flash_could_not_do_is_refused():
    chip, model = bench()
    area = chip.area(4096, 4096)
    before = model.writes
    for call, args in ((area.program, (250, b"1234567")), (area.erase, (256,)), (area.erase, (4096,)), (area.read, (4095, bytearray(2)))):
        assert isinstance(refusal(call, *args), ValueError)
    for base, size in ((1, 4096), (0, 100), (chip.size, 4096)):
        assert isinstance(refusal(chip.area, base, size), ValueError)
    assert model.writes == before


def test_a_chip_that_does_not_take_writes_is_an_error():
    chip, model = bench()
    model.latch_broken = True
    assert refusal(chip.write, 0, b"a").args[0] == errno.EIO
    model.latch_broken = False
    model.status = 0x0C
    assert refusal(chip.write, 0, b"a").args[0] == errno.EIO
    assert refusal(bench, model).args[0] == errno.EACCES


class BoardClock(Clock):
    """As the journal wants it."""

    def quality(self):
        """Unknown."""
        return 0

    def wall_s(self):
        """Unknown."""
        return 0


def test_the_journal_loses_nothing_that_it_reported_as_stored_in_power_cuts():
    model, reported, number = Mb85rsModel(), [], 0
    for cut in range(1, 31):
        model.cut_after = 40 + (cut * 613) % 9000
        try:
            journal = open_journal(model)
            for _ in range(6):
                number += 1
                journal.append(events.make("swap.refused", 1, "P1", number, "test"))
                reported.append(number)
                journal.idle()
        except PowerCut:
            number += 1
    model.cut_after = 0
    journal = open_journal(model)
    there, at = [], 0
    while True:
        record = journal.read(0, at)
        if record is None:
            break
        at = record.sequence
        if record.event.code == 43:
            there.append(record.event.values[0])
    assert len(reported) > 30 and set(reported) <= set(there), sorted(set(reported) - set(there))


def open_journal(model):
    """What the controller does at start."""
    chip = bench(model)[0]
    return Journal(chip.area(0, 48 * 1024), chip.area(48 * 1024, 32 * 1024), bytes(32), BoardClock())
