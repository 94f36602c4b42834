"""The journal on the W25Q driver on the model of the chip: what an MCU runs, down to the chip's commands."""

import sys

ROOT = __file__.replace("\\", "/")[: -len("tests/unit/test_chips_w25q_journal.py")] or "./"
sys.path[:0] = [ROOT + "boards", ROOT + "tests/models"]

from chips.w25q import W25Q  # noqa: E402
from spi_bus import Clock, Select, Spi  # noqa: E402
from w25q_model import PowerCut, W25QModel  # noqa: E402

from cabinet.core import events  # noqa: E402
from cabinet.store.journal import Journal  # noqa: E402

KEY = bytes(range(32))
SIZE_A, SIZE_B = 48 * 1024, 32 * 1024


class BoardClock(Clock):
    """As the journal wants it."""

    def quality(self):
        """Unknown."""
        return 0

    def wall_s(self):
        """Unknown."""
        return 0


def open_journal(model, clock):
    """What the controller does at start."""
    spi = Spi(clock)
    chip = W25Q(spi, Select(spi, model), clock)
    return Journal(chip.area(0, SIZE_A), chip.area(SIZE_A, SIZE_B), KEY, clock)


def stored(journal):
    """The numbers of the swaps in ring A."""
    found = []
    at = 0
    while True:
        record = journal.read(0, at)
        if record is None:
            return found
        at = record.sequence
        if record.event.code == 43:
            found.append(record.event.values[0])


def run_until_cut(model, clock, number, upto):
    """Store swaps until `upto` or until the supply goes; the numbers that the journal reported as stored."""
    told = []
    try:
        journal = open_journal(model, clock)
        while number < upto:
            number += 1
            journal.append(events.make("swap.refused", 1, "P1", number, "test"))
            told.append(number)
            if number % 3 == 0:
                journal.idle()
    except PowerCut:
        pass
    return told


def test_events_come_back_after_a_restart():
    clock = BoardClock()
    model = W25QModel(clock)
    told = run_until_cut(model, clock, 0, 60)
    assert told == list(range(1, 61))
    assert stored(open_journal(model, clock)) == told


def test_no_event_that_was_reported_as_stored_is_lost_in_a_power_cut():
    clock = BoardClock()
    model = W25QModel(clock, program_us=50, sector_erase_us=200)
    told, number = [], 0
    for cut in range(1, 31):
        model.cut_in = 1 + (cut * 7) % 23
        model.cut_share_pct = (cut * 37) % 101
        new = run_until_cut(model, clock, number, number + 6)
        told += new
        number = max([number] + new) + 1  # the one in flight may or may not be there
    model.cut_in = 0
    journal = open_journal(model, clock)
    there = stored(journal)
    assert told and set(told) <= set(there), sorted(set(told) - set(there))
    assert there == sorted(there)


def test_appending_never_waits_for_an_erase():
    clock = BoardClock()
    model = W25QModel(clock)
    journal = open_journal(model, clock)
    for _ in range(12):
        journal.idle()
    erases, worst_us = model.erases, 0
    for number in range(60):
        began = clock.now_us
        journal.append(events.make("swap.refused", 1, "P1", number, "test"))
        worst_us = max(worst_us, clock.now_us - began)
    assert model.erases == erases
    assert worst_us < 10 * model.program_us
