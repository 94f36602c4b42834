"""What must outlive a power cut fits the state store whatever happens to the largest cabinet, and is written only where it has changed."""


from core_cabinet import Cabinet, Pack
from nor_flash import NorFlash

from cabinet.core import rules
from cabinet.core.snapshot import SERIALS_MAX
from cabinet.store.state import StateStore

SLOTS = 48
SERVICE = [r for r in range(rules.COUNT) if rules.latch(r) == rules.SERVICE and rules.IDS[r] != "marked"]


def worst():
    """Everything is latched everywhere, every slot is out of service, the list of quarantined packs is full, a swap is under way."""
    cabinet = Cabinet(SLOTS, {})
    control = cabinet.control
    for rule in SERVICE:
        if rules.scope(rule) == rules.CABINET:
            control.faults.restore(rule)
        else:
            for s in control.slots:
                s.faults.restore(rule)
    for s in control.slots:
        s.enabled = False
    control.quarantined_serials.extend('"QUARANTINE"%04d' % n for n in range(SERIALS_MAX))
    saved = [999999999, 5, "T" * 48, "operator", 48, 47, '"' * 16, 100, '"' * 16, 100, "no_empty_slot", 1, 2, (1 << 49) - 1, 48, 1, 8]
    control.swap.saved = lambda: saved
    return control, saved


def kept(area):
    store = StateStore(area, b"k" * 32)
    while store.idle():
        pass
    return store


def facts(control):
    """All that must come back."""
    of_slots = [(s.number, rule) for s in control.slots for rule in s.faults.latched()]
    return sorted(control.quarantined_serials), of_slots, list(control.faults.latched()), [s.number for s in control.slots if not s.enabled]


def test_the_worst_that_can_happen_to_the_largest_cabinet_is_stored_and_comes_back():
    control, saved = worst()
    area = NorFlash(32768)
    store = kept(area)
    for name, data in control.snapshot():
        store.put(name, data)
        store.idle()
    again = Cabinet(SLOTS, {}).control
    assert again.restore(kept(NorFlash(32768, image=area.cells)), 1000)
    assert facts(again) == facts(control) and len(again.quarantined_serials) == SERIALS_MAX
    assert again.swap.active and again.swap.saved() == saved


def test_only_what_has_changed_is_told_and_nothing_after_a_restart():
    control, saved = worst()
    records = dict(control.snapshot())
    assert control.snapshot() == []
    control._dirty = True
    assert control.snapshot() == []
    control.slots[6].enabled = True
    control.quarantined_serials.append("NEW")
    del control.quarantined_serials[-2]
    control._dirty = True
    assert [name for name, _ in control.snapshot()] == ["cabinet", "marked7"]
    again = Cabinet(SLOTS, {}).control
    assert again.restore(records, 1000)
    again.swap.saved = lambda: saved
    assert again.snapshot() == []


def test_a_cut_between_two_records_costs_nothing_that_was_known_before():
    cabinet = Cabinet(3, {n: Pack("P%d" % n, 50) for n in (1, 2, 3)})
    control = cabinet.control
    control.quarantined_serials.extend("AWAY-%d" % n for n in range(20))
    control.slots[2].enabled = False
    before = dict(control.snapshot())
    control.quarantined_serials.remove("AWAY-3")
    control.slots[0].faults.restore(rules.index_of("temp_hot"))
    control.swap.number = 7
    control._dirty = control.swap.dirty = True
    changes = control.snapshot()
    assert [name for name, _ in changes] == ["latched", "marked0", "marked1", "marked2", "swap"]
    for count in range(len(changes) + 1):
        records = dict(before)
        records.update(changes[:count])
        again = Cabinet(3, {}).control
        assert again.restore(records, 1000)
        serials = again.quarantined_serials
        assert set(serials) >= {"AWAY-%d" % n for n in range(20) if n != 3} and len(set(serials)) == len(serials)
        assert not again.slots[2].enabled and again.slots[1].enabled
        assert bool(again.slots[0].faults.latched()) == (count > 0)


def test_a_record_of_the_first_version_is_taken_up():
    swap = b'[5,2,"t","rider",1,0,"",0,"",0,"",0,0,0,1,0,0]'
    control = Cabinet(3, {}).control
    data = b"[1," + swap + b',["OLD"],{"temp_hot":[2],"smoke":[0]},[3]]'
    assert control.restore({"swap": data}, 1000)
    assert control.quarantined_serials == ["OLD"] and control.swap.active and not control.slots[2].enabled
    assert [rules.IDS[r] for r in control.slots[1].faults.latched()] == ["temp_hot"]
    assert [rules.IDS[r] for r in control.faults.latched()] == ["smoke"]
    assert [name for name, _ in control.snapshot()] == ["latched", "cabinet", "marked0", "swap"]
