"""Whole swaps against the core, with riders of all kinds."""

import sys

ROOT = __file__.replace("\\", "/")[: -len("tests/unit/test_core_swap.py")] or "./"
sys.path[:0] = [ROOT + "tests/models"]

from core_cabinet import Cabinet, Pack, bring, cabinet_with_full_packs, take  # noqa: E402


def test_a_rider_swaps_an_empty_pack_for_the_fullest_one():
    cabinet = cabinet_with_full_packs()
    slot = bring(cabinet, Pack("EMPTY", 15))
    assert slot == 1
    assert cabinet.run(lambda: cabinet.open_doors() and cabinet.doors[1], 8000), cabinet.log
    number, pack = take(cabinet)
    assert pack.serial == "FULL-4"
    done = cabinet.last("swap.completed")
    assert done is not None, cabinet.log
    assert done[2]["in_pack"] == "EMPTY" and done[2]["in_soc_pct"] == 15 and done[2]["in_slot"] == 1
    assert done[2]["out_pack"] == "FULL-4" and done[2]["out_slot"] == number == 4
    assert cabinet.run(lambda: cabinet.state(1) == "charging", 5000)
    assert cabinet.state(4) == "empty"
    assert not cabinet.control.swap.active
    assert cabinet.said[-1][1] == "thank_you"
    for name in ("swap.ordered", "lock.pulsed", "door.opened", "door.closed", "pack.removed", "charge.started"):
        assert name in cabinet.names(), name
    for name in ("pack.inserted", "pack.identified", "pack.proven", "pack.accepted"):
        assert name in cabinet.names(), name


def test_packs_that_stand_in_the_slots_at_boot_are_proven_quietly_and_charged():
    cabinet = Cabinet(4, {n: Pack("P%d" % n, 20 * n) for n in (1, 2, 3)})
    assert cabinet.run(lambda: cabinet.state(1) == "charging" and cabinet.state(3) == "charging", 8000)
    assert "pack.inserted" not in cabinet.names()
    assert "fault.raised" not in cabinet.names()
    assert cabinet.control.slots[0].why_code == "charging"
    assert cabinet.control.slots[3].why_code == "empty"
