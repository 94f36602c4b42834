"""Presence switch against BMS against door: what happens where they contradict each other."""


from core_cabinet import Cabinet, Pack, bring, cabinet_with_full_packs, take


def switch(cabinet, number, value):
    """The presence switch of a slot says this, whatever stands there; None: it works."""
    if not hasattr(cabinet, "switches"):
        cabinet.switches = {}
        sense = cabinet.sense

        def sensing():
            sense()
            if not cabinet.io_dead:
                for n, stuck in cabinet.switches.items():
                    if stuck is not None:
                        cabinet.control.slots[n - 1].io.pack_present = stuck

        cabinet.sense = sensing
    cabinet.switches[number] = value


def ended(cabinet):
    return not cabinet.control.swap.active


def test_a_pack_that_the_switch_does_not_see_is_given_back_and_the_slot_serves_nobody_else():
    cabinet = cabinet_with_full_packs()
    switch(cabinet, 1, False)
    bring(cabinet, Pack("MINE", 15))
    number, pack = take(cabinet)
    assert (number, pack.serial) == (1, "MINE")
    assert cabinet.run(lambda: ended(cabinet), 10000)
    assert cabinet.last("swap.cancelled")[2]["reason"] == "switch_fault"
    assert any(code == "switch_fault" for _, code in cabinet.said)
    assert cabinet.run(lambda: cabinet.state(1) == "fault", 5000)
    assert cabinet.last("fault.raised")[2]["rule"] == "ghost"
    assert cabinet.control.order("ben", "rider", cabinet.now_ms) == (False, "no_empty_slot")
    switch(cabinet, 1, None)
    cabinet.run(limit_ms=10000)
    assert cabinet.state(1) == "fault", "only service may say that the switch works again"
    cabinet.control.command("clear", 1, cabinet.now_ms)
    assert cabinet.run(lambda: cabinet.state(1) == "empty", 5000)
    assert cabinet.control.order("ben", "rider", cabinet.now_ms)[0]


def test_a_pack_that_vanishes_behind_a_shut_door_is_not_charged_not_handed_out_and_stays_on_the_books():
    cabinet = Cabinet(4, {1: Pack("A", 99), 2: Pack("B", 50)})
    assert cabinet.run(lambda: cabinet.state(2) == "charging", 8000)
    switch(cabinet, 2, False)
    cabinet.tick()
    assert cabinet.control.slots[1].charge_ma == 0
    switch(cabinet, 1, False)
    assert cabinet.run(lambda: cabinet.state(1) == cabinet.state(2) == "fault", 5000)
    assert "pack.removed" not in cabinet.names()
    assert cabinet.control.slots[1].faults.names() == ["ghost"]
    assert cabinet.control.order("anna", "rider", cabinet.now_ms) == (False, "no_full_pack")
    switch(cabinet, 2, None)  # a loose contact
    assert cabinet.run(lambda: cabinet.state(2) == "charging", 15000)
    assert "pack.removed" not in cabinet.names() and cabinet.names().count("pack.inserted") == 0
    cabinet.doors[1] = False
    cabinet.run(limit_ms=500)
    cabinet.packs.pop(1)
    cabinet.run(limit_ms=500)
    cabinet.doors[1] = True
    assert cabinet.last("pack.removed")[1] == 1
    assert cabinet.run(lambda: cabinet.state(1) == "empty", 20000)


def test_a_pack_that_was_taken_while_the_board_was_silent_has_not_vanished():
    cabinet = Cabinet(4, {1: Pack("A", 99), 2: Pack("B", 99)})
    cabinet.settle()
    cabinet.io_dead = True
    cabinet.run(limit_ms=5000)
    cabinet.packs.pop(2)
    cabinet.io_dead = False
    cabinet.run(limit_ms=2000)
    assert cabinet.state(2) == "empty" and cabinet.last("pack.removed")[1] == 2
    cabinet.run(limit_ms=8000)
    assert cabinet.state(2) == "empty" and not cabinet.control.slots[1].faults.names()


def test_a_pack_that_the_switch_loses_in_mid_check_is_given_back():
    cabinet = cabinet_with_full_packs()
    number = bring(cabinet, Pack("MINE", 15, genuine=None))
    assert cabinet.run(lambda: cabinet.state(number) == "checking", 5000)
    switch(cabinet, number, False)
    assert take(cabinet)[1].serial == "MINE"
    assert cabinet.run(lambda: ended(cabinet), 10000)
    assert cabinet.last("swap.cancelled")[2]["reason"] == "switch_fault"


def test_a_switch_that_still_sees_the_pack_that_was_taken_does_not_hand_out_a_second_one():
    cabinet = cabinet_with_full_packs()
    bring(cabinet, Pack("EMPTY", 15))
    assert cabinet.run(lambda: 4 in cabinet.open_doors(), 30000)
    switch(cabinet, 4, True)
    number, pack = take(cabinet)
    assert (number, pack.serial) == (4, "FULL-4")
    assert cabinet.run(lambda: ended(cabinet), 40000)
    assert cabinet.names().count("swap.completed") == 1 and not cabinet.open_doors()
    assert [n for n, _ in cabinet.pulses] == [1, 4]


def test_an_empty_slot_is_asked_for_a_while_and_then_left_alone():
    cabinet = cabinet_with_full_packs()
    slot = cabinet.control.slots[0]
    assert slot.poll_need == "checking"  # after the start
    cabinet.run(limit_ms=7000)
    assert slot.poll_need == "absent" and cabinet.state(1) == "empty"
