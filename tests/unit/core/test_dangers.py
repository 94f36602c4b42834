"""What must neither hide a danger nor end it early: odd readings, service, restarts, silence; and what must not last for ever."""


from core_cabinet import Cabinet, Pack

from cabinet.core import reading


def charging_cabinet():
    """Slot 2 charges; slots 1 and 3 are full; slot 4 is empty."""
    cabinet = Cabinet(4, {1: Pack("A", 99), 2: Pack("B", 50), 3: Pack("C", 99)})
    assert cabinet.run(lambda: cabinet.state(2) == "charging", 8000)
    cabinet.run(limit_ms=2000)
    return cabinet, cabinet.control.slots[1], cabinet.packs[2].values


def opened_for_a_rider(cabinet):
    """The slot whose door opens for a pack to be put in."""
    cabinet.settle()
    assert cabinet.control.order("anna", "rider", cabinet.now_ms) == (True, "ok")
    assert cabinet.run(lambda: bool(cabinet.open_doors()), 5000)
    return cabinet.open_doors()[0]


def faults(slot):
    return slot.faults.names()


def test_one_value_that_cannot_be_true_does_not_hide_that_the_pack_burns():
    for odd in ({"soh_pct": 151}, {"soc_pct": 101}, {"cell_max_mv": 5501}, {"temp_min_ddegc": 1600}):
        cabinet, slot, values = charging_cabinet()
        values.update(odd)
        values["temp_max_ddegc"] = 750
        assert cabinet.run(lambda s=slot: s.thermal, 3000), odd
        cabinet.run(limit_ms=100)
        assert {"temp_hot", "temp_runaway", "implausible"} <= set(faults(slot)) and cabinet.state(2) == "quarantined"
        assert cabinet.control.view()["stopped"] == "temp_runaway"
        assert cabinet.control.command("unlock", 2, cabinet.now_ms) == (False, "hot")


def test_of_an_odd_reading_alarms_and_cells_count_as_well_and_heat_beyond_every_sensor_is_heat():
    odds = (("alarm_fault", {"alarm_bits": 1 << 11}), ("cell_ov_hard", {"cell_max_mv": 3800}), ("temp_runaway", {"temp_max_ddegc": 1501}))
    for name, odd in odds:
        cabinet, slot, values = charging_cabinet()
        values.update({"soc_pct": 101}, **odd)
        assert cabinet.run(lambda s=slot, n=name: n in faults(s), 3000), name
    cabinet, slot, values = charging_cabinet()
    values.update(temp_min_ddegc=-450, temp_max_ddegc=-450)  # a sensor that has come off
    assert cabinet.run(lambda: "implausible" in faults(slot), 3000) and faults(slot) == ["implausible"]


def test_a_hot_pack_is_not_given_back_because_something_else_of_it_is_odd():
    cabinet = Cabinet(4, {2: Pack("B", 50), 3: Pack("C", 99)})
    number = opened_for_a_rider(cabinet)
    cabinet.run(limit_ms=800)
    cabinet.packs[number] = Pack("HOT", 101, temp_min_ddegc=640, temp_max_ddegc=650)
    cabinet.doors[number] = True
    assert not cabinet.run(lambda: not cabinet.doors[number], 20000)
    assert cabinet.state(number) == "quarantined"


def test_a_latch_that_falls_back_after_service_lifted_it_is_told_again_and_outlives_a_power_cut():
    cabinet, slot, _ = charging_cabinet()
    cabinet.danger_bits = reading.CABINET_SMOKE
    cabinet.run(limit_ms=3000)
    cabinet.danger_bits = 0
    cabinet.run(limit_ms=1000)
    cabinet.control.command("clear", 0, cabinet.now_ms)
    cabinet.run(limit_ms=5000)  # half of the time in which it has to stay away
    known = cabinet.names().count("fault.raised")
    cabinet.danger_bits = reading.CABINET_SMOKE
    cabinet.run(limit_ms=3000)
    assert cabinet.names().count("fault.raised") == known + 1
    cabinet.danger_bits = 0
    cabinet.cut_power()
    cabinet.run(limit_ms=15000)
    assert cabinet.control.view()["stopped"] == "smoke" and slot.charge_ma == 0


def test_a_latch_that_service_has_lifted_stands_again_after_a_power_cut_if_the_danger_had_not_ended():
    cabinet, slot, values = charging_cabinet()
    values.update(temp_max_ddegc=610, temp_min_ddegc=600)
    assert cabinet.run(lambda: "temp_hot" in faults(slot), 3000)
    values.update(temp_max_ddegc=590, temp_min_ddegc=580)
    cabinet.run(limit_ms=2000)
    cabinet.control.command("clear", 2, cabinet.now_ms)
    cabinet.run(limit_ms=2000)
    cabinet.cut_power()
    cabinet.run(limit_ms=10000)
    slot = cabinet.control.slots[1]
    assert "temp_hot" in faults(slot) and cabinet.state(2) == "quarantined" and not slot.ready


def test_service_cannot_lift_a_danger_because_the_pack_has_not_told_yet_who_it_is():
    cabinet, slot, values = charging_cabinet()
    values.update(temp_max_ddegc=720, temp_min_ddegc=700)
    assert cabinet.run(lambda: "temp_runaway" in faults(slot), 3000)
    cabinet.packs[2].answers = False
    cabinet.cut_power()
    cabinet.run(limit_ms=2000)
    slot = cabinet.control.slots[1]
    assert slot.serial == "" and slot.thermal
    cabinet.control.command("clear", 2, cabinet.now_ms)
    cabinet.run(limit_ms=1000)
    assert slot.thermal and cabinet.control.view()["stopped"] == "temp_runaway"
    assert cabinet.control.command("unlock", 2, cabinet.now_ms) == (False, "hot")


def test_a_pack_is_not_held_up_by_a_debounce_whose_quantity_is_not_known_any_more():
    cabinet, slot, values = charging_cabinet()
    values.update(cell_min_mv=3280, cell_max_mv=3440)  # counts at rest only
    cabinet.control.command("disable", 2, cabinet.now_ms)
    cabinet.run(limit_ms=1000)
    assert slot.faults.pending == 1
    cabinet.control.command("enable", 2, cabinet.now_ms)
    assert cabinet.run(lambda: slot.charge_ma > 0, 3000)
    cabinet.run(limit_ms=100)
    assert slot.faults.pending == 0 and not faults(slot)


def test_charger_over_ends_once_service_has_changed_the_charger():
    cabinet, slot, values = charging_cabinet()
    values.update(pack_mv=55000, cell_min_mv=3430, cell_max_mv=3440)
    bad = [True]
    real = cabinet.sense

    def sense():
        real()
        if bad[0] and slot.charge_ma:
            slot.charger.output_mv = slot.charge_mv + 1600

    cabinet.sense = sense
    assert cabinet.run(lambda: "charger_over" in faults(slot), 10000)
    cabinet.run(limit_ms=30000)
    assert "charger_over" in faults(slot) and not slot.charge_ma  # off it gives nothing too much, and is not trusted for that
    bad[0] = False
    cabinet.control.command("clear", 2, cabinet.now_ms)
    assert cabinet.run(lambda: slot.charge_ma > 0, 20000) and not faults(slot)


def test_service_gives_a_charge_that_took_too_long_another_chance():
    cabinet, slot, _ = charging_cabinet()
    slot.measures.charged_ms = 21600 * 1000
    assert cabinet.run(lambda: "charge_long" in faults(slot), 1000) and slot.charge_ma == 0
    cabinet.control.command("clear", 2, cabinet.now_ms)
    assert cabinet.run(lambda: slot.charge_ma > 0, 5000) and not faults(slot)


def test_the_time_of_a_charge_counts_half_while_cold_allows_no_more_than_half_of_the_current():
    cabinet, slot, values = charging_cabinet()
    before = slot.measures.charged_ms
    cabinet.run(limit_ms=10000)
    assert slot.charge_ma and slot.measures.charged_ms - before == 10000
    values.update(temp_min_ddegc=40, temp_max_ddegc=60)
    assert cabinet.run(lambda: 0 < slot.charge_ma * 10 <= slot.pack.capacity_mah, 5000)
    before = slot.measures.charged_ms
    cabinet.run(limit_ms=10000)
    assert slot.charge_ma and slot.measures.charged_ms - before == 5000


def test_a_pack_that_rose_beyond_its_neighbour_is_charged_again_though_the_neighbour_has_left():
    cabinet = Cabinet(4, {1: Pack("A", 99), 2: Pack("B", 50)})
    assert cabinet.run(lambda: cabinet.state(2) == "charging", 8000)
    cabinet.run(limit_ms=70000)
    slot, values = cabinet.control.slots[1], cabinet.packs[2].values
    for _ in range(35):
        values["temp_max_ddegc"] += 1
        cabinet.run(limit_ms=1000)
    cabinet.run(limit_ms=8000)
    assert "rise_neighbours" in faults(slot) and not slot.charge_ma
    cabinet.doors[1] = False
    cabinet.run(limit_ms=500)
    del cabinet.packs[1]
    cabinet.run(limit_ms=500)
    cabinet.doors[1] = True
    assert cabinet.run(lambda: slot.charge_ma > 0, 200000) and not faults(slot)


def test_no_door_opens_while_nothing_is_known_of_a_current_that_was_permitted_a_moment_ago():
    cabinet, slot, _ = charging_cabinet()
    cabinet.packs[2].answers = False
    cabinet.charger_dead.add(2)
    assert cabinet.run(lambda: not slot.charge_ma, 4000)
    ended_ms = cabinet.now_ms
    while not cabinet.pulses and cabinet.now_ms - ended_ms < 30000:
        assert cabinet.control.command("unlock", 2, cabinet.now_ms) == (True, "ok")  # each waits ten seconds
        cabinet.run(limit_ms=2000)
    assert 6000 <= cabinet.pulses[0][1] - ended_ms < 20000


def test_a_door_left_open_by_a_stop_of_the_cabinet_bars_the_others():
    cabinet = Cabinet(4, {1: Pack("A", 99), 2: Pack("B", 50)})
    number = opened_for_a_rider(cabinet)
    cabinet.run(limit_ms=500)
    cabinet.danger_bits = reading.CABINET_EMERGENCY_STOP
    assert cabinet.run(lambda: not cabinet.control.swap.active, 3000)
    assert cabinet.control.command("unlock", 2, cabinet.now_ms) == (False, "other_door_open")  # somebody may stand there still
    cabinet.doors[number] = True
    cabinet.run(limit_ms=1000)
    assert cabinet.control.command("unlock", 2, cabinet.now_ms) == (True, "ok")


def test_a_pack_whose_gauge_stands_low_is_full_once_it_takes_no_more_and_until_it_has_given_some():
    pack = Pack("DRIFT", 85, cell_min_mv=3545, cell_max_mv=3548, pack_mv=56740)
    cabinet = Cabinet(1, {1: pack})
    slot = cabinet.control.slots[0]
    real = cabinet.sense

    def sense():
        real()
        slot.pack.current_ma = slot.charger.output_ma = 300 if slot.charge_ma else 0

    cabinet.sense = sense
    assert cabinet.run(lambda: slot.is_full, 80000)
    cabinet.run(limit_ms=200000)
    assert cabinet.names().count("charge.started") == 1 and slot.is_full
    pack.values.update(soc_pct=82)
    cabinet.run(limit_ms=3000)
    assert slot.is_full
    pack.values.update(soc_pct=81)
    assert cabinet.run(lambda: slot.charge_ma > 0, 3000)
    assert cabinet.run(lambda: slot.is_full, 80000)
    pack.values.update(soc_pct=78)
    cabinet.run(limit_ms=3000)
    assert slot.is_full  # from where it was full this time


def test_a_reading_from_before_the_charge_does_not_say_that_no_current_flows():
    cabinet = Cabinet(2, {1: Pack("P", 50)})
    slot = cabinet.control.slots[0]
    real = cabinet.sense
    held = []

    def sense():
        was = (slot.pack.taken_ms, slot.pack.current_ma, slot.charger.taken_ms, slot.charger.output_ma)
        real()
        if held:
            slot.pack.taken_ms, slot.pack.current_ma, slot.charger.taken_ms, slot.charger.output_ma = was

    cabinet.sense = sense
    assert cabinet.run(lambda: slot.charge_ma > 0, 8000)
    held.append(True)
    cabinet.run(limit_ms=300)
    assert slot.charge_ma > 0 and cabinet.control.command("unlock", 1, cabinet.now_ms) == (True, "ok")
    cabinet.run(limit_ms=300)
    assert not slot.charge_ma and slot.door_why == "current_flows" and not cabinet.pulses
    held.clear()
    assert cabinet.run(lambda: bool(cabinet.pulses), 2000)


def test_the_list_of_quarantined_packs_is_never_too_full_for_one_that_stands_here():
    cabinet = Cabinet(2, {1: Pack("HOT", 50)})
    cabinet.settle()
    marked = cabinet.control.quarantined_serials
    marked.extend("AWAY-%d" % number for number in range(64))
    cabinet.packs[1].values["temp_max_ddegc"] = 650
    assert cabinet.run(lambda: cabinet.state(1) == "quarantined", 10000)
    assert len(marked) == 64 and marked[-1] == "HOT" and marked[0] == "AWAY-1"


def test_nothing_is_charged_behind_a_lock_whose_pulse_may_still_be_under_way():
    cabinet, slot, _ = charging_cabinet()
    cabinet.jammed.add(2)  # the door does not open at once
    assert cabinet.control.command("unlock", 2, cabinet.now_ms) == (True, "ok")
    assert cabinet.run(lambda: bool(cabinet.pulses), 10000)
    cabinet.run(limit_ms=cabinet.options.door_open_ms - 100)
    assert not slot.charge_ma and slot.why_code == "reserved"
    assert cabinet.run(lambda: slot.charge_ma > 0, 3000)
