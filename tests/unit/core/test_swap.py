"""Whole swaps against the core, with riders of all kinds."""


from core_cabinet import Cabinet, Pack, bring, cabinet_with_full_packs, take


def ended(cabinet):
    """Whether no swap is in progress."""
    return not cabinet.control.swap.active


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
    assert ended(cabinet)
    assert cabinet.said[-1][1] == "thank_you"
    for name in ("swap.ordered", "lock.pulsed", "door.opened", "door.closed", "pack.removed", "charge.started"):
        assert name in cabinet.names(), name
    for name in ("pack.inserted", "pack.identified", "pack.proven", "pack.accepted"):
        assert name in cabinet.names(), name
    assert "fault.raised" not in cabinet.names()


def test_packs_that_stand_in_the_slots_at_boot_are_proven_quietly_and_charged():
    cabinet = Cabinet(4, {n: Pack("P%d" % n, 20 * n) for n in (1, 2, 3)})
    assert cabinet.run(lambda: cabinet.state(1) == "charging" and cabinet.state(3) == "charging", 8000)
    assert "pack.inserted" not in cabinet.names()
    assert "fault.raised" not in cabinet.names()
    assert cabinet.control.slots[0].why_code == "charging"
    assert cabinet.control.slots[3].why_code == "empty"


def test_a_pack_that_cannot_prove_its_identity_is_given_back_in_its_slot():
    cabinet = cabinet_with_full_packs()
    pack = Pack("CLONE", 15, genuine=False)
    assert bring(cabinet, pack) == 1
    assert cabinet.run(lambda: "pack.refused" in cabinet.names(), 8000)
    number, back = take(cabinet)
    assert number == 1 and back is pack
    assert ended(cabinet)
    assert cabinet.last("swap.cancelled")[2]["reason"] == "pack_unknown"
    assert cabinet.state(1) == "empty"
    assert "charge.started" not in [row[0] for row in cabinet.log if row[1] == 1]
    assert [code for _, code in cabinet.said][-3:] == ["pack_unknown", "take_back", "pack_unknown"]


def test_a_silent_pack_is_given_back():
    cabinet = cabinet_with_full_packs()
    pack = Pack("DEAD", 15, answers=False)
    assert bring(cabinet, pack) == 1
    number, back = take(cabinet)
    assert number == 1 and back is pack and ended(cabinet)
    assert cabinet.last("pack.refused")[2]["rule"] == "pack_silent"


def test_a_pack_of_another_voltage_class_is_given_back_before_the_charger_is_switched():
    cabinet = cabinet_with_full_packs()
    pack = Pack("V72", 30, nominal_mv=72000, cell_count=20, pack_mv=66000)
    assert bring(cabinet, pack) == 1
    number, back = take(cabinet)
    assert number == 1 and back is pack
    assert cabinet.last("swap.cancelled")[2]["reason"] == "pack_type"


def test_a_dangerous_pack_stays_locked_and_is_never_charged():
    cabinet = cabinet_with_full_packs()
    assert bring(cabinet, Pack("HOT", 15, temp_max_ddegc=620, temp_min_ddegc=600)) == 1
    assert cabinet.run(lambda: cabinet.state(1) == "quarantined", 8000)
    assert cabinet.run(lambda: ended(cabinet), 3000)
    assert cabinet.last("swap.cancelled")[2]["reason"] == "pack_dangerous"
    pulses = len(cabinet.pulses)
    cabinet.run(limit_ms=20000)
    assert len(cabinet.pulses) == pulses and not cabinet.open_doors()
    assert cabinet.control.command("unlock", 1, cabinet.now_ms) == (False, "hot")


def test_a_quarantined_pack_is_known_again_after_a_power_cut_even_if_it_has_cooled_down():
    cabinet = cabinet_with_full_packs()
    pack = Pack("HOT", 15, temp_max_ddegc=620, temp_min_ddegc=600)
    bring(cabinet, pack)
    assert cabinet.run(lambda: cabinet.state(1) == "quarantined", 8000)
    cabinet.cut_power()
    pack.values["temp_max_ddegc"] = pack.values["temp_min_ddegc"] = 200
    cabinet.run(limit_ms=15000)
    assert cabinet.state(1) == "quarantined"
    cabinet.control.command("clear", 1, cabinet.now_ms)
    assert cabinet.run(lambda: cabinet.state(1) in ("idle", "charging"), 80000), cabinet.log[-10:]


def test_a_quarantined_pack_is_recognised_in_another_slot():
    cabinet = cabinet_with_full_packs(5)
    pack = Pack("HOT", 15, temp_max_ddegc=620, temp_min_ddegc=600)
    bring(cabinet, pack)
    assert cabinet.run(lambda: cabinet.state(1) == "quarantined", 8000)
    pack.values["temp_max_ddegc"] = pack.values["temp_min_ddegc"] = 200
    cabinet.packs.pop(1)
    cabinet.doors[1] = False
    cabinet.run(limit_ms=1000)
    cabinet.doors[1] = True
    cabinet.control.command("clear", 1, cabinet.now_ms)
    cabinet.run(limit_ms=8000)
    assert bring(cabinet, pack) == 1
    assert cabinet.run(lambda: cabinet.state(1) == "quarantined", 8000)


def test_a_rider_who_puts_nothing_in_may_start_again():
    cabinet = cabinet_with_full_packs()
    assert cabinet.control.order("anna", "rider", cabinet.now_ms)[0]
    assert cabinet.run(cabinet.open_doors, 5000)
    cabinet.run(limit_ms=2000)
    cabinet.doors[1] = True
    assert cabinet.run(lambda: ended(cabinet), 8000)
    assert cabinet.last("swap.cancelled")[2]["reason"] == "no_pack"
    assert cabinet.control.order("anna", "rider", cabinet.now_ms)[0]


def test_a_rider_who_walks_away_leaves_a_cabinet_that_serves_the_next_one():
    cabinet = cabinet_with_full_packs(5)
    cabinet.empty(2)
    assert cabinet.control.order("anna", "rider", cabinet.now_ms)[0]
    assert cabinet.run(lambda: ended(cabinet), 70000)
    assert cabinet.last("swap.cancelled")[2]["reason"] == "in_timeout"
    assert cabinet.open_doors() == [1]
    assert cabinet.control.order("ben", "rider", cabinet.now_ms) == (True, "ok")
    assert cabinet.run(lambda: 2 in cabinet.open_doors(), 5000)


def test_a_dawdler_gets_more_time_to_shut_the_door_once_the_pack_is_in():
    cabinet = cabinet_with_full_packs()
    cabinet.control.order("anna", "rider", cabinet.now_ms)
    assert cabinet.run(cabinet.open_doors, 5000)
    cabinet.packs[1] = Pack("SLOW", 12)
    cabinet.run(limit_ms=75000)
    cabinet.doors[1] = True
    number, _ = take(cabinet)
    assert number == 4 and cabinet.last("swap.completed") is not None


def test_a_pack_that_is_not_taken_is_offered_once_more_and_then_retained():
    cabinet = cabinet_with_full_packs()
    bring(cabinet, Pack("EMPTY", 15))
    for _ in range(2):
        assert cabinet.run(cabinet.open_doors, 30000), cabinet.log[-8:]
        cabinet.run(limit_ms=1000)
        cabinet.doors[4] = True
        cabinet.run(limit_ms=500)
    assert cabinet.run(lambda: ended(cabinet), 5000)
    assert cabinet.last("swap.cancelled")[2]["reason"] == "out_timeout"
    assert cabinet.run(lambda: cabinet.control.slots[3].accepted, 10000)


def test_a_rider_who_never_takes_the_pack_leaves_the_door_open_and_the_swap_ends():
    cabinet = cabinet_with_full_packs()
    bring(cabinet, Pack("EMPTY", 15))
    assert cabinet.run(lambda: 4 in cabinet.open_doors(), 30000)
    assert cabinet.run(lambda: ended(cabinet), 100000)
    assert cabinet.last("swap.cancelled")[2]["reason"] == "out_timeout"
    assert "shut_door" in [code for _, code in cabinet.said]


def test_a_rider_who_exchanges_the_full_pack_for_another_has_taken_it():
    cabinet = cabinet_with_full_packs()
    bring(cabinet, Pack("EMPTY", 15))
    assert cabinet.run(lambda: 4 in cabinet.open_doors(), 30000)
    cabinet.packs[4] = Pack("FOREIGN", 3, genuine=False)  # too fast for the presence switch
    cabinet.run(limit_ms=500)
    cabinet.doors[4] = True
    assert cabinet.run(lambda: ended(cabinet), 20000)
    assert cabinet.last("swap.completed")[2]["out_pack"] == "FULL-4"
    assert cabinet.run(lambda: cabinet.state(4) == "refused", 20000)
    assert not cabinet.open_doors()


def lift_and(cabinet, back):
    """The rider at door 4 lifts the full pack out, puts `back` in and shuts the door."""
    assert cabinet.run(lambda: 4 in cabinet.open_doors(), 30000), cabinet.log[-8:]
    cabinet.run(limit_ms=500)
    cabinet.packs.pop(4)
    cabinet.run(limit_ms=300)
    cabinet.packs[4] = back
    cabinet.run(limit_ms=500)
    cabinet.doors[4] = True
    cabinet.run(limit_ms=500)


def test_a_full_pack_that_was_lifted_out_and_put_back_is_offered_again():
    cabinet = cabinet_with_full_packs()
    bring(cabinet, Pack("EMPTY", 15))
    full = cabinet.packs[4]
    lift_and(cabinet, full)
    assert not ended(cabinet)
    assert cabinet.run(lambda: 4 in cabinet.open_doors(), 30000)
    cabinet.run(limit_ms=500)
    cabinet.packs.pop(4)
    cabinet.run(limit_ms=500)
    cabinet.doors[4] = True
    assert cabinet.run(lambda: ended(cabinet), 2000) and cabinet.last("swap.completed")[2]["out_pack"] == "FULL-4"
    cabinet = cabinet_with_full_packs()
    bring(cabinet, Pack("EMPTY", 15))
    full = cabinet.packs[4]
    lift_and(cabinet, full)
    assert cabinet.run(lambda: 4 in cabinet.open_doors(), 30000)
    cabinet.run(limit_ms=500)
    cabinet.doors[4] = True
    cabinet.run(limit_ms=1000)
    assert cabinet.last("swap.cancelled")[2]["reason"] == "out_timeout" and cabinet.packs[4] is full


def test_who_lifts_a_full_pack_out_and_leaves_something_else_has_taken_it():
    for other in (Pack("FOREIGN", 3, genuine=False), Pack("", 0, answers=False), Pack("FULL-4", 3, genuine=False)):
        cabinet = cabinet_with_full_packs()
        bring(cabinet, Pack("EMPTY", 15))
        lift_and(cabinet, other)
        assert cabinet.run(lambda c=cabinet: ended(c), 60000), other.serial
        assert cabinet.last("swap.completed")[2]["out_pack"] == "FULL-4" and not cabinet.open_doors(), other.serial


def test_a_rider_who_lifts_the_full_pack_again_and_again_is_not_offered_it_for_ever():
    cabinet = cabinet_with_full_packs()
    bring(cabinet, Pack("EMPTY", 15))
    full = cabinet.packs[4]
    for _ in range(3):
        assert not ended(cabinet)
        lift_and(cabinet, full)
    assert cabinet.run(lambda: ended(cabinet), 2000)


def test_a_door_that_does_not_open_gets_three_pulses_and_another_slot_is_chosen():
    cabinet = cabinet_with_full_packs(5)
    cabinet.empty(2)
    cabinet.jammed.add(1)
    cabinet.control.order("anna", "rider", cabinet.now_ms)
    assert cabinet.run(cabinet.open_doors, 20000)
    assert cabinet.open_doors() == [2]
    assert [slot for slot, _ in cabinet.pulses] == [1, 1, 1, 2]
    assert cabinet.last("door.stuck")[1:] == (1, {"tries": 3})


def test_a_full_pack_behind_a_stuck_door_is_replaced_by_the_next_best():
    cabinet = cabinet_with_full_packs()
    cabinet.jammed.add(4)
    bring(cabinet, Pack("EMPTY", 15))
    number, pack = take(cabinet)
    assert number == 3 and pack.serial == "FULL-3"


def test_if_no_full_pack_comes_out_the_rider_gets_his_own_back():
    cabinet = cabinet_with_full_packs(3)
    cabinet.jammed.update((2, 3))
    pack = Pack("EMPTY", 15)
    bring(cabinet, pack)
    assert cabinet.run(cabinet.open_doors, 40000)
    number, back = take(cabinet)
    assert number == 1 and back is pack
    assert cabinet.last("swap.cancelled")[2]["reason"] == "no_full_pack"


def test_a_stuck_door_with_no_other_empty_slot_ends_the_swap():
    cabinet = cabinet_with_full_packs()
    cabinet.jammed.add(1)
    cabinet.control.order("anna", "rider", cabinet.now_ms)
    assert cabinet.run(lambda: ended(cabinet), 20000)
    assert cabinet.last("swap.cancelled")[2]["reason"] == "door_stuck"
    assert len(cabinet.pulses) == 3


def test_orders_are_refused_with_the_reason():
    cabinet = cabinet_with_full_packs(3, full_soc_pct=95)
    control = cabinet.control
    assert control.order("mallory", "rider", cabinet.now_ms) == (False, "unknown_token")
    cabinet.packs[3].values["soc_pct"] = 94
    cabinet.run(limit_ms=500)
    assert control.order("anna", "rider", cabinet.now_ms) == (False, "no_full_pack")
    cabinet.packs[3].values["soc_pct"] = 95
    cabinet.run(limit_ms=500)
    control.storage_ok = False
    assert control.order("anna", "rider", cabinet.now_ms) == (False, "storage_fault")
    control.storage_ok = True
    assert control.order("somebody", "command", cabinet.now_ms) == (True, "ok")
    assert control.order("anna", "rider", cabinet.now_ms) == (False, "busy")
    full = Cabinet(2, {1: Pack("A", 99), 2: Pack("B", 99)})
    assert full.control.order("anna", "rider", full.now_ms) == (False, "starting")
    full.settle()
    assert full.control.order("anna", "rider", full.now_ms) == (False, "no_empty_slot")


def test_an_emergency_stop_ends_the_swap_and_all_charging():
    cabinet = Cabinet(4, {n: Pack("P%d" % n, 95) for n in (2, 3, 4)})
    cabinet.settle()
    assert cabinet.run(lambda: cabinet.state(3) == "charging", 3000)
    cabinet.control.order("anna", "rider", cabinet.now_ms)
    cabinet.danger_bits = 4
    cabinet.tick()
    assert all(s.charge_ma == 0 for s in cabinet.control.slots)
    assert cabinet.run(lambda: ended(cabinet), 200)
    assert cabinet.last("swap.cancelled")[2]["reason"] == "cabinet_stopped"
    cabinet.danger_bits = 0
    cabinet.run(limit_ms=5000)
    assert cabinet.control.order("anna", "rider", cabinet.now_ms) == (False, "cabinet_stopped")
    cabinet.control.command("clear", 0, cabinet.now_ms)
    assert cabinet.run(lambda: cabinet.state(3) == "charging", 8000)


def test_service_opens_a_door_by_a_claim_of_its_own():
    cabinet = cabinet_with_full_packs()
    assert cabinet.control.command("unlock", 2, cabinet.now_ms) == (True, "ok")
    assert cabinet.run(lambda: cabinet.open_doors() == [2], 5000)
    assert cabinet.last("lock.pulsed")[2]["claim"] == "service"
    assert cabinet.control.order("anna", "rider", cabinet.now_ms) == (False, "other_door_open")
    assert cabinet.control.command("unlock", 9, cabinet.now_ms) == (False, "no_such_slot")
    assert cabinet.control.command("dance", 2, cabinet.now_ms) == (False, "unknown_command")


def test_a_disabled_slot_is_neither_charged_nor_used_nor_emptied():
    cabinet = cabinet_with_full_packs(3)
    cabinet.control.command("disable", 3, cabinet.now_ms)
    cabinet.control.command("disable", 1, cabinet.now_ms)
    assert cabinet.control.order("anna", "rider", cabinet.now_ms) == (False, "no_empty_slot")
    cabinet.control.command("enable", 1, cabinet.now_ms)
    bring(cabinet, Pack("EMPTY", 15))
    assert take(cabinet)[0] == 2
    cabinet.cut_power()
    cabinet.settle()
    assert not cabinet.control.slots[2].enabled


def test_after_the_doors_were_out_of_sight_every_pack_has_to_prove_itself_afresh():
    cabinet = cabinet_with_full_packs()
    cabinet.io_dead = True
    cabinet.run(limit_ms=2000)
    assert cabinet.control.slots[2].why_code in ("io_stale", "io_silent")
    cabinet.packs[3] = Pack("OTHER", 97, genuine=False)
    cabinet.io_dead = False
    cabinet.tick()
    assert cabinet.state(2) in ("identifying", "checking") and not cabinet.control.slots[2].ready
    cabinet.settle()
    assert cabinet.state(3) == "refused" and cabinet.control.slots[1].accepted


def test_an_order_while_the_doors_are_out_of_sight_is_refused():
    cabinet = cabinet_with_full_packs()
    cabinet.io_dead = True
    cabinet.run(limit_ms=2000)
    assert not cabinet.control.order("anna", "rider", cabinet.now_ms)[0]


def test_a_lock_that_has_used_up_its_pulses_is_left_to_cool_and_another_slot_serves():
    cabinet = Cabinet(4, {1: Pack("FULL-1", 98), 2: Pack("FULL-2", 97)})
    assert cabinet.run(lambda: cabinet.control.slots[0].ready and cabinet.control.slots[1].ready, 8000)
    for _ in range(2):  # a clone goes in and comes back: two pulses for the same slot each time
        cabinet.control.swap.last_in = 2
        assert bring(cabinet, Pack("CLONE", 15, genuine=False)) in (3, 4)
        assert cabinet.run(lambda: cabinet.control.swap.active and bool(cabinet.open_doors()), 8000)
        take(cabinet)
        assert ended(cabinet)
    opened = [row[1] for row in cabinet.log if row[0] == "lock.pulsed"]
    assert opened == [3, 3, 4, 4], opened
    assert cabinet.control.slots[2].pulses_left == 1


def test_a_dead_io_board_does_not_hold_up_the_other_slots():
    cabinet = Cabinet(4, {n: Pack("P%d" % n, 95) for n in (2, 3, 4)})
    real = cabinet.sense

    def half_blind():
        real()
        cabinet.control.slots[3].io.taken_ms = None

    cabinet.sense = half_blind
    cabinet.run(limit_ms=5000)
    assert cabinet.control.order("anna", "rider", cabinet.now_ms) == (False, "starting")
    cabinet.run(limit_ms=12000)
    assert bring(cabinet, Pack("EMPTY", 15)) == 1
    assert take(cabinet)[0] in (2, 3)


def test_orders_in_the_first_seconds_are_told_to_wait():
    cabinet = Cabinet(3, {2: Pack("A", 95), 3: Pack("B", 97)})
    cabinet.run(limit_ms=300)
    assert cabinet.control.order("anna", "rider", cabinet.now_ms) == (False, "starting")
    cabinet.settle()
    assert cabinet.control.order("anna", "rider", cabinet.now_ms) == (True, "ok")


def test_while_nothing_can_be_recorded_nothing_new_begins_but_charging_goes_on():
    cabinet = Cabinet(4, {1: Pack("A", 50), 2: Pack("B", 50)})
    assert cabinet.run(lambda: cabinet.state(1) == "charging" == cabinet.state(2), 8000)
    cabinet.charger_dead.add(2)
    cabinet.run(limit_ms=4000)
    cabinet.control.storage_ok = False
    cabinet.charger_dead.clear()
    cabinet.run(limit_ms=4000)
    assert cabinet.control.slots[0].charge_ma > 0
    assert cabinet.control.slots[1].charge_ma == 0 and cabinet.control.slots[1].why_code == "storage_fault"


def test_a_swap_that_has_ended_is_not_resumed_after_a_power_cut():
    cabinet = cabinet_with_full_packs()
    bring(cabinet, Pack("EMPTY", 15))
    take(cabinet)
    assert ended(cabinet) and cabinet.last("swap.completed") is not None
    cabinet.cut_power()
    cabinet.run(limit_ms=3000)
    assert "swap.resumed" not in cabinet.names() and ended(cabinet)
    assert cabinet.control.swap.number == 1
    cabinet.settle()
    cabinet.control.order("anna", "rider", cabinet.now_ms)
    assert cabinet.run(cabinet.open_doors, 5000)
    cabinet.run(limit_ms=500)
    cabinet.doors[cabinet.open_doors()[0]] = True
    assert cabinet.run(lambda: ended(cabinet), 9000)
    cabinet.cut_power()
    cabinet.run(limit_ms=3000)
    assert "swap.resumed" not in cabinet.names() and ended(cabinet)


def test_a_taken_pack_behind_a_door_left_open_completes_the_swap_and_the_next_rider_is_served():
    cabinet = cabinet_with_full_packs(5)
    cabinet.empty(2)
    bring(cabinet, Pack("EMPTY", 15))
    assert cabinet.run(lambda: 5 in cabinet.open_doors(), 30000)
    cabinet.packs.pop(5)
    assert cabinet.run(lambda: ended(cabinet), 95000)
    assert cabinet.last("swap.completed")[2]["out_pack"] == "FULL-5" and cabinet.open_doors() == [5]
    assert cabinet.control.order("ben", "rider", cabinet.now_ms) == (True, "ok")
    assert cabinet.run(lambda: 2 in cabinet.open_doors(), 5000)


def test_a_pack_that_leaves_every_challenge_unanswered_is_given_back_without_waiting_for_the_limit():
    cabinet = cabinet_with_full_packs()
    pack = Pack("MUTE", 15)
    bring(cabinet, pack)
    assert cabinet.run(lambda: cabinet.state(1) == "checking", 5000)
    cabinet.pending = {1: ("", 10**9)}  # the model's shell never answers
    began = cabinet.now_ms
    for _ in range(3):
        assert cabinet.control.slots[0].wants_proof
        cabinet.control.proof_result(1, "MUTE", None, cabinet.now_ms)
        cabinet.run(limit_ms=500)
    assert cabinet.now_ms - began < 3000
    assert cabinet.last("pack.refused")[2]["rule"] == "unproven"
    number, back = take(cabinet)
    assert number == 1 and back is pack


def test_a_proof_of_another_pack_or_at_another_time_counts_for_nothing():
    cabinet = cabinet_with_full_packs()
    control = cabinet.control
    control.proof_result(1, "", True, cabinet.now_ms)
    assert control.slots[0].proof == 0
    bring(cabinet, Pack("CLONE", 15, genuine=False))
    assert cabinet.run(lambda: cabinet.state(1) == "checking", 5000)
    control.proof_result(1, "FULL-4", True, cabinet.now_ms)
    assert control.slots[0].proof == 0
    assert cabinet.run(lambda: cabinet.state(1) == "refused", 8000)
    control.proof_result(1, "CLONE", True, cabinet.now_ms)
    assert control.slots[0].proof == 3


def test_a_reading_from_before_the_door_was_shut_counts_for_nothing():
    cabinet = cabinet_with_full_packs()
    cabinet.control.order("anna", "rider", cabinet.now_ms)
    assert cabinet.run(cabinet.open_doors, 5000)
    cabinet.packs[1] = Pack("DEAD", 15, answers=False)
    old = cabinet.packs[2].values
    reading = cabinet.control.slots[0].pack
    cabinet.run(limit_ms=500)
    cabinet.doors[1] = True
    stale = cabinet.now_ms
    for _ in range(60):
        reading.taken_ms = reading.identity_taken_ms = stale  # what a device had read before, and keeps
        reading.serial = "GHOST"
        for name, value in old.items():
            setattr(reading, name, value)
        cabinet.tick()
    assert not cabinet.control.slots[0].identified and not cabinet.control.slots[0].accepted
