"""Counters and the ledger of packs, read back by the format that docs/journal.md tells."""

import struct

from nor_flash import NorFlash

from cabinet.store.ledger import MAX_PACKS, Ledger
from cabinet.store.state import StateStore


def packs(store):
    """Serial: (first seen, last seen, visits, refusals, cycles, [SoH, newest first])."""
    found = {}
    for name in store.names():
        if name.startswith("packs"):
            raw = store.get(name)
            for at in range(0, len(raw), 46):
                row = struct.unpack_from("<24sIIIHHHBBBB", raw, at)
                if row[1]:
                    assert row[0] not in found
                    found[row[0].rstrip(b"\0").decode()] = row[2:7] + (list(row[7:]),)
    return found


def restarted(flash):
    """The store after a restart."""
    return StateStore(NorFlash(flash.size, image=flash.cells))


def test_counters_outlive_a_restart_once_they_are_flushed():
    flash = NorFlash(32768)
    ledger = Ledger(StateStore(flash))
    ledger.counts[0] += 8
    ledger.counts[6] += 70000
    ledger.flush()
    ledger.counts[0] += 1
    assert Ledger(restarted(flash)).counts == [8, 0, 0, 0, 0, 0, 70000]


def test_flushing_without_a_change_writes_nothing():
    flash = NorFlash(32768)
    ledger = Ledger(StateStore(flash))
    ledger.counts[0] += 1
    ledger.flush()
    programs = flash.programs
    ledger.flush()
    assert flash.programs == programs


def test_a_pack_is_remembered_with_its_first_and_last_visit_and_its_health():
    flash = NorFlash(32768)
    ledger = Ledger(StateStore(flash))
    ledger.saw_pack("S1", 1000, 10, 98)
    ledger.saw_pack("S10", 1500, 5, 80)
    ledger.saw_pack("S1", 2000, 11, 98)
    ledger.saw_pack("S1", 3000, 12, 97)
    ledger.saw_pack("S1", 3001, 0, 0, refused=True)
    assert packs(restarted(flash)) == {"S1": (1000, 3001, 3, 1, 12, [97, 98, 0, 0]), "S10": (1500, 1500, 1, 0, 5, [80, 0, 0, 0])}


def test_values_that_are_too_large_for_a_row_stay_at_the_top():
    store = StateStore(NorFlash(32768))
    Ledger(store).saw_pack("x" * 24, 1, 1 << 20, 999)
    assert packs(store) == {"x" * 24: (1, 1, 1, 0, 65535, [255, 0, 0, 0])}


def test_the_pack_that_was_away_longest_gives_way_even_if_the_time_was_never_known():
    for wall_s in (1000, 0):
        flash = NorFlash(32768)
        store = StateStore(flash)
        ledger = Ledger(store)
        for n in range(MAX_PACKS * 3):
            ledger.saw_pack("S%d" % n, wall_s and wall_s + n, n, 90)
            ledger.saw_pack("regular", wall_s, n, 90)
            for _ in range(3):
                store.idle()
            if n == MAX_PACKS:
                ledger = Ledger(store)  # the order outlives a restart
        kept = ["S%d" % n for n in range(MAX_PACKS * 2 + 1, MAX_PACKS * 3)]
        found = packs(restarted(flash))
        assert sorted(found) == sorted(kept + ["regular"])
        assert found["regular"][2] == MAX_PACKS * 3
        assert found["S%d" % (MAX_PACKS * 3 - 1)][4] == MAX_PACKS * 3 - 1


def test_ram_does_not_grow_with_the_packs():
    store = StateStore(NorFlash(32768))
    ledger = Ledger(store)
    for n in range(MAX_PACKS):
        ledger.saw_pack("SERIAL-NUMBER-OF-24-%d" % (1000 + n), 1, 1, 90)
        store.idle()
    assert len(packs(store)) == MAX_PACKS
    assert len(store.names()) == MAX_PACKS // 10
