"""Packs that stand for a week, come back through a shut door, or tell of themselves where nobody sees one; and who has the full pack."""


from core_cabinet import Cabinet, Pack, bring, cabinet_with_full_packs

from cabinet.core import reading, ticks

HOUR_MS = 3600000


def put_in(cabinet, number, pack):
    """Service puts a pack into a slot of a running cabinet, in the place of whatever stands there."""
    assert cabinet.control.command("unlock", number, cabinet.now_ms) == (True, "ok")
    assert cabinet.run(cabinet.open_doors, 5000)
    cabinet.run(limit_ms=500)
    cabinet.packs[number] = pack
    cabinet.run(limit_ms=500)
    cabinet.doors[number] = True
    cabinet.run(limit_ms=500)


def switched_off(cabinet):
    """Slots whose presence switch says empty, to be added to."""
    off = set()
    real = cabinet.sense

    def sense():
        real()
        for number in off:
            cabinet.control.slots[number - 1].io.pack_present = False

    cabinet.sense = sense
    return off


def test_a_pack_that_stands_for_a_week_is_heard_again_after_a_silence_and_its_heat_is_seen():
    for hours in (70, 100, 160, 300):  # the tick counter wraps round after 149
        cabinet = Cabinet(2, {})
        cabinet.settle()
        put_in(cabinet, 1, Pack("P", 98))
        assert cabinet.run(lambda c=cabinet: c.state(1) == "full", 10000)
        for _ in range(hours):
            cabinet.now_ms = ticks.add(cabinet.now_ms, HOUR_MS - 50)
            cabinet.run(limit_ms=200)
        cabinet.io_dead = True
        cabinet.run(limit_ms=2500)
        cabinet.io_dead = False
        assert cabinet.run(lambda c=cabinet: c.state(1) == "full", 20000), hours
        cabinet.packs[1].values["temp_max_ddegc"] = 720
        assert cabinet.run(lambda c=cabinet: c.state(1) == "quarantined", 5000), hours
        cabinet.run(limit_ms=200)
        assert cabinet.control.interlock.stop_rule >= 0


def test_a_pack_that_nobody_sees_is_heard_when_it_burns():
    cabinet = Cabinet(3, {2: Pack("A", 98), 3: Pack("B", 50)})
    off = switched_off(cabinet)
    cabinet.settle()
    off.add(2)
    assert cabinet.run(lambda: cabinet.state(2) == "fault", 10000)
    assert cabinet.run(lambda: cabinet.control.slots[2].charge_ma > 0, 10000)
    cabinet.packs[2].values["temp_max_ddegc"] = 720
    assert cabinet.run(lambda: "temp_runaway" in cabinet.control.slots[1].faults.names(), 3000)
    cabinet.run(limit_ms=200)
    assert cabinet.control.interlock.stop_rule >= 0 and cabinet.control.slots[2].charge_ma == 0


def test_a_pack_behind_a_board_that_has_told_nothing_yet_is_heard_when_it_burns():
    cabinet = Cabinet(3, {2: Pack("A", 98), 3: Pack("B", 50)})
    real = cabinet.sense

    def sense():
        real()
        cabinet.control.slots[1].io.taken_ms = None

    cabinet.sense = sense
    cabinet.run(limit_ms=20000)
    slot = cabinet.control.slots[1]
    assert cabinet.state(2) == "unseen" and slot.faults.names() == ["io_silent"]
    cabinet.packs[2].values["temp_max_ddegc"] = 720
    assert cabinet.run(lambda: "temp_runaway" in slot.faults.names(), 3000)
    cabinet.packs[2].answers = False
    cabinet.run(limit_ms=10000)
    assert cabinet.control.interlock.stop_rule >= 0


def test_what_a_pack_told_before_it_was_taken_out_says_nothing_of_an_empty_slot():
    cabinet = Cabinet(2, {1: Pack("A", 50)})
    cabinet.settle()
    put_in(cabinet, 2, Pack("B", 50))
    cabinet.packs[2].values["temp_max_ddegc"] = 440
    cabinet.run(limit_ms=3000)
    assert cabinet.control.command("unlock", 2, cabinet.now_ms) == (True, "ok")
    assert cabinet.run(cabinet.open_doors, 5000)
    cabinet.packs.pop(2)
    cabinet.run(limit_ms=500)
    cabinet.doors[2] = True
    cabinet.run(limit_ms=30000)
    assert cabinet.state(2) == "empty" and cabinet.control.slots[1].faults.names() == []


def test_a_pack_that_the_switch_missed_for_a_moment_need_not_tell_again_who_it_is_but_proves_it():
    """Packs on RS485 are asked for their identity every half minute; they were refused for five meanwhile."""
    cabinet = Cabinet(3, {2: Pack("A", 98)})
    off = switched_off(cabinet)
    cabinet.settle()
    slot = cabinet.control.slots[1]
    told_ms = slot.pack.identity_taken_ms
    real = cabinet.sense

    def sense():
        real()
        slot.pack.identity_taken_ms = told_ms

    cabinet.sense = sense
    cabinet.run(limit_ms=3000)
    off.add(2)
    assert cabinet.run(lambda: cabinet.state(2) == "empty", 1000)
    off.clear()
    assert cabinet.run(lambda: cabinet.state(2) == "checking", 3000)
    assert slot.proof != 2 and not slot.proven_serial
    assert cabinet.run(lambda: cabinet.state(2) == "full", 5000)
    assert "pack.refused" not in cabinet.names()


def test_what_was_wrong_with_a_pack_is_not_held_against_the_one_put_in_its_place():
    cabinet = Cabinet(2, {})
    cabinet.settle()
    put_in(cabinet, 1, Pack("WORN", 50, soh_pct=60))
    assert cabinet.run(lambda: cabinet.state(1) == "refused", 10000)
    put_in(cabinet, 1, Pack("GOOD", 98))  # so fast that the switch never let go
    assert cabinet.run(lambda: cabinet.state(1) == "full", 20000)
    assert cabinet.control.slots[0].serial == "GOOD" and cabinet.control.slots[0].faults.names() == []


def lifted_out():
    """A rider has given a pack and holds the full one, before the open door of its slot."""
    cabinet = cabinet_with_full_packs(4)
    bring(cabinet, Pack("MINE", 20))
    assert cabinet.run(lambda: cabinet.control.swap_view()["state"] == "taking_out", 20000)
    number = cabinet.open_doors()[0]
    cabinet.run(limit_ms=800)
    pack = cabinet.packs.pop(number)
    cabinet.run(limit_ms=1000)
    return cabinet, number, pack


def reported(cabinet, name):
    return [row for row in cabinet.log if row[0] == name]


def test_a_full_pack_that_was_put_back_and_stays_is_not_booked_as_handed_out():
    for change in ("charge", "disable"):
        cabinet, number, pack = lifted_out()
        cabinet.packs[number] = pack
        cabinet.run(limit_ms=500)
        if change == "charge":
            pack.values["soc_pct"] = 89
        cabinet.doors[number] = True
        if change == "disable":
            assert cabinet.run(lambda c=cabinet: c.control.swap_view()["state"] == "opening_out", 5000)
            cabinet.control.command("disable", number, cabinet.now_ms)
        assert cabinet.run(lambda c=cabinet, n=number: c.open_doors() not in ([], [n]), 120000), change
        assert reported(cabinet, "swap.completed") == []
        other = cabinet.open_doors()[0]
        cabinet.run(limit_ms=500)
        cabinet.packs.pop(other)
        cabinet.run(limit_ms=500)
        cabinet.doors[other] = True
        assert cabinet.run(lambda c=cabinet: not c.control.swap.active, 10000)
        assert [row[1] for row in reported(cabinet, "swap.completed")] == [other]


def test_a_stop_does_not_cancel_a_swap_whose_full_pack_is_with_the_rider():
    cabinet, number, pack = lifted_out()
    cabinet.danger_bits = reading.CABINET_EMERGENCY_STOP
    assert cabinet.run(lambda: not cabinet.control.swap.active, 3000)
    assert [row[1] for row in reported(cabinet, "swap.completed")] == [number] and reported(cabinet, "swap.cancelled") == []
    assert not cabinet.control.slots[number - 1].left_open  # he stands there still
    cabinet, number, pack = lifted_out()
    cabinet.packs[number] = pack
    cabinet.run(limit_ms=1000)
    cabinet.danger_bits = reading.CABINET_EMERGENCY_STOP
    assert cabinet.run(lambda: not cabinet.control.swap.active, 3000)
    assert reported(cabinet, "swap.completed") == [] and reported(cabinet, "swap.cancelled")[0][2]["reason"] == "cabinet_stopped"


def late_switch(cabinet, identity_every_ms=30000):
    """Presence switches that make only at an instant (slot: ms), and packs that tell who they are only so often, as RS485 packs do."""
    makes, asked = {}, {}
    real = cabinet.sense

    def sense():
        real()
        for s in cabinet.control.slots:
            if s.number in makes and cabinet.now_ms < makes[s.number]:
                s.io.pack_present = False
            if s.poll_need == "absent":
                asked.pop(s.number, None)
            elif s.pack.identity_taken_ms is not None:
                if not 0 <= ticks.diff(cabinet.now_ms, asked.get(s.number, cabinet.now_ms - HOUR_MS)) < identity_every_ms:
                    asked[s.number] = cabinet.now_ms
                s.pack.identity_taken_ms = asked[s.number]

    cabinet.sense = sense
    return makes


def test_a_pack_whose_switch_makes_later_than_the_door_is_accepted_by_what_it_told_behind_the_shut_door():
    for late_ms in (0, 100, 200, 300, 400, 600):
        cabinet = cabinet_with_full_packs(4)
        makes = late_switch(cabinet)
        number = cabinet.control.swap.empty_slot().number
        makes[number] = ticks.add(cabinet.now_ms, HOUR_MS)
        assert bring(cabinet, Pack("MINE", 20)) == number
        makes[number] = ticks.add(cabinet.now_ms, late_ms)
        assert cabinet.run(lambda c=cabinet, n=number: c.last("pack.accepted")[1] == n, 20000), late_ms
        assert cabinet.control.slots[number - 1].serial == "MINE" and "pack.refused" not in cabinet.names()


def test_a_dangerous_pack_that_tells_who_it_is_after_the_fault_is_marked_and_so_is_one_that_was_hot_at_the_start():
    cabinet = cabinet_with_full_packs(4)
    number = cabinet.control.swap.empty_slot().number
    anonymous = Pack("", 20, cell_max_mv=3850)
    assert bring(cabinet, anonymous) == number
    assert cabinet.run(lambda: cabinet.state(number) == "quarantined", 20000)
    cabinet.run(limit_ms=1000)
    assert cabinet.control.quarantined_serials == []
    anonymous.serial = "BAD"
    assert cabinet.run(lambda: cabinet.control.quarantined_serials == ["BAD"], 20000)
    assert b"BAD" in cabinet.stored["marked0"]
    for silent_ms in (0, 1050, 1100, 1200, 1300, 1400, 3000):
        cabinet = cabinet_with_full_packs(4)
        cabinet.packs[3].values.update(temp_max_ddegc=630, temp_min_ddegc=610)
        cabinet.cut_power()
        cabinet.io_dead = True
        cabinet.run(limit_ms=silent_ms)
        cabinet.io_dead = False
        assert cabinet.run(lambda c=cabinet: c.state(3) == "quarantined", 20000), silent_ms
        cabinet.run(limit_ms=500)
        assert cabinet.control.quarantined_serials == ["FULL-3"], silent_ms
