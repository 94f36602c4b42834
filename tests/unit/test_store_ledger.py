"""Counters and the ledger of packs."""

import sys

ROOT = __file__.replace("\\", "/")[: -len("tests/unit/test_store_ledger.py")] or "./"
sys.path[:0] = [ROOT + "tests/models"]

from nor_flash import NorFlash  # noqa: E402

from cabinet.store.ledger import COUNTERS, MAX_PACKS, Ledger  # noqa: E402
from cabinet.store.state import StateStore  # noqa: E402


def test_counters_outlive_a_restart_once_they_are_flushed():
    flash = NorFlash(32768)
    ledger = Ledger(StateStore(flash))
    for name in COUNTERS:
        ledger.count(name, 7)
    ledger.count("swaps")
    assert ledger.flush()
    ledger.count("swaps")
    again = Ledger(StateStore(flash))
    assert again.value("swaps") == 8
    assert again.value("lock_pulses") == 7
    assert sorted(again.counters()) == sorted(COUNTERS)


def test_flushing_without_a_change_writes_nothing():
    flash = NorFlash(32768)
    ledger = Ledger(StateStore(flash))
    ledger.count("swaps")
    ledger.flush()
    programs = flash.programs
    ledger.flush()
    assert flash.programs == programs


def test_a_pack_is_remembered_with_its_first_and_last_visit_and_its_health():
    flash = NorFlash(32768)
    ledger = Ledger(StateStore(flash))
    assert ledger.pack("S1") is None
    ledger.saw_pack("S1", 1000, 10, 98)
    ledger.saw_pack("S1", 2000, 11, 98)
    ledger.saw_pack("S1", 3000, 12, 97)
    ledger.saw_pack("S1", 3001, 12, 97, refused=True)
    row = Ledger(StateStore(flash)).pack("S1")
    assert (row.first_s, row.last_s, row.visits, row.refusals, row.cycles) == (1000, 3001, 3, 1, 12)
    assert row.soh_pct == [97, 98, 0, 0]


def test_the_pack_that_was_away_longest_gives_way():
    flash = NorFlash(32768)
    store = StateStore(flash)
    ledger = Ledger(store)
    for n in range(MAX_PACKS * 3):
        assert ledger.saw_pack("S%d" % n, 1000 + n, n, 90)
        for _ in range(3):
            store.idle()
    assert len(ledger.serials()) == MAX_PACKS
    assert ledger.pack("S%d" % (MAX_PACKS * 2 - 1)) is None
    again = Ledger(StateStore(flash))
    assert sorted(again.serials()) == sorted(ledger.serials())
    assert again.pack("S%d" % (MAX_PACKS * 3 - 1)).cycles == MAX_PACKS * 3 - 1


def test_a_serial_number_that_is_none_is_not_stored():
    ledger = Ledger(StateStore(NorFlash(32768)))
    assert not ledger.saw_pack("", 1, 1, 1)
    assert not ledger.saw_pack("x" * 25, 1, 1, 1)
    assert ledger.serials() == []
