"""The journal on the W25Q driver on the model of the chip: what an MCU runs, down to the chip's commands."""


from chips.w25q import W25Q
from spi_bus import Clock, Select, Spi
from w25q_model import PowerCut, W25QModel

from cabinet.core import events
from cabinet.store.journal import Journal
from cabinet.store.state import StateStore

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
    reported = []
    try:
        journal = open_journal(model, clock)
        while number < upto:
            number += 1
            journal.append(events.make("swap.refused", 1, "P1", number, "test"))
            reported.append(number)
            if number % 3 == 0:
                journal.idle()
    except PowerCut:
        pass
    return reported


def test_events_come_back_after_a_restart():
    clock = BoardClock()
    model = W25QModel(clock)
    reported = run_until_cut(model, clock, 0, 60)
    assert reported == list(range(1, 61))
    assert stored(open_journal(model, clock)) == reported


def test_no_event_that_was_reported_as_stored_is_lost_in_a_power_cut():
    clock = BoardClock()
    model = W25QModel(clock, program_us=50, sector_erase_us=200)
    reported, number = [], 0
    for cut in range(1, 31):
        model.cut_in = 1 + (cut * 7) % 23
        model.cut_share_pct = (cut * 37) % 101
        new = run_until_cut(model, clock, number, number + 6)
        reported += new
        number = max([number] + new) + 1  # the one in flight may or may not be there
    model.cut_in = 0
    journal = open_journal(model, clock)
    there = stored(journal)
    assert reported and set(reported) <= set(there), sorted(set(reported) - set(there))
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


def test_no_erase_holds_the_loop_and_events_are_stored_while_one_is_under_way():
    clock = BoardClock()
    model = W25QModel(clock)
    journal = open_journal(model, clock)
    longest_us, number = 0, 0
    while journal.head(0) < 900:
        if not journal.rings[0].ready or journal.level_pct(0) > 50:
            journal.ack(0, journal.head(0))
        number += 1
        journal.append(events.make("swap.refused", 1, "P1", number, "test"))
        clock.pass_ms(20)
        before = clock.now_us
        journal.idle()
        longest_us = max(longest_us, clock.now_us - before)
    assert model.erases > 10 and model.suspensions > 5
    assert longest_us < 15000, longest_us  # an erase takes 45 ms of the model's time


def test_two_rings_and_the_state_on_one_chip_erase_one_after_the_other():
    clock = BoardClock()
    model = W25QModel(clock)
    spi = Spi(clock)
    chip = W25Q(spi, Select(spi, model), clock)
    state = StateStore(chip.area(SIZE_A + SIZE_B, 16384))
    journal = Journal(chip.area(0, SIZE_A), chip.area(SIZE_A, SIZE_B), KEY, clock)
    longest_us = 0
    for _ in range(400):
        before = clock.now_us
        state.idle() if state.erasing else journal.idle() or state.idle()
        longest_us = max(longest_us, clock.now_us - before)
        clock.pass_ms(10)
    assert [ring.ready for ring in journal.rings] == [ring.target for ring in journal.rings] and not state.erasing
    assert longest_us < 15000, longest_us


def test_a_sector_whose_erase_fails_beside_the_loop_is_left_out_and_the_journal_goes_on():
    clock = BoardClock()
    model = W25QModel(clock)
    journal = open_journal(model, clock)
    journal.idle()
    assert journal.rings[0].erasing is not None
    bad = journal.rings[0].erasing[0]
    clock.pass_ms(100)
    model.poke(bad * 4096 + 100, b"\x00")  # a cell that does not become 1
    model._settle()
    model.poke(bad * 4096 + 100, b"\x00")
    journal.idle()
    assert journal.rings[0].erasing is None
    for _ in range(200):
        journal.idle()
        clock.pass_ms(50)
    journal.append(events.make("swap.refused", 1, "P1", 1, "test"))
    assert stored(journal) == [1] and journal.rings[0].ready >= journal.rings[0].target
