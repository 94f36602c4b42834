"""From readings to faults and permits: each kind of trouble, as it arrives on the wire, against the whole core."""


from core_cabinet import Cabinet, Pack, cabinet_with_full_packs

from cabinet.core import quantities, rule_words, rules, slot_state


def charging_cabinet(**options):
    """Three packs, the one in slot 2 at 50 % and charging; slot 4 empty."""
    cabinet = Cabinet(4, {1: Pack("A", 99), 2: Pack("B", 50), 3: Pack("C", 99)}, **options)
    assert cabinet.run(lambda: cabinet.state(2) == "charging", 8000)
    cabinet.run(limit_ms=2000)
    return cabinet, cabinet.control.slots[1], cabinet.packs[2].values


def faults(cabinet, number=2):
    return cabinet.control.slots[number - 1].faults.names()


def raised(cabinet, name, ms):
    """Whether a fault comes to stand in slot 2 within a time."""
    return cabinet.run(lambda: name in faults(cabinet), ms)


def test_a_clean_cabinet_has_no_faults_for_an_hour():
    cabinet, slot, values = charging_cabinet()
    for _ in range(60):
        cabinet.run(limit_ms=2000)
        cabinet.now_ms += 58000
        for s in cabinet.control.slots:
            s.pack.counter += 1
        cabinet.tick()
    assert [row for row in cabinet.log if row[0] == "fault.raised" and row[2]["severity"] != "stop"] == []


def test_readings_that_forbid_charging_stop_it_and_name_their_rule():
    for name, values in (
        ("cell_ov", {"cell_max_mv": 3650}),
        ("cell_ov_hard", {"cell_max_mv": 3800}),
        ("cell_deep", {"cell_min_mv": 2000}),
        ("class_high", {"pack_mv": 60001}),
        ("class_low", {"pack_mv": 20000}),
        ("cell_sum", {"pack_mv": 56000}),
        ("temp_high", {"temp_max_ddegc": 450}),
        ("temp_hot", {"temp_max_ddegc": 600}),
        ("temp_runaway", {"temp_max_ddegc": 700}),
        ("temp_low", {"temp_min_ddegc": 0}),
        ("temp_spread", {"temp_max_ddegc": 440, "temp_min_ddegc": 240}),
        ("soh_end", {"soh_pct": 70}),
        ("alarm_stop", {"alarm_bits": 1 << 4}),
        ("alarm_fault", {"alarm_bits": 1 << 11}),
        ("implausible", {"soc_pct": 101}),
        ("chemistry", {"chemistry": 7}),
    ):
        cabinet, slot, pack = charging_cabinet()
        pack.update(values)
        assert raised(cabinet, name, 7000), (name, faults(cabinet))
        cabinet.tick()
        assert slot.charge_ma == 0, name
        assert slot.why_code in rules.IDS, (name, slot.why_code)
        assert rule_words.explain(slot.why_code, slot.number).endswith("."), name


def test_values_that_cannot_be_true_stop_charging_at_once():
    for values in (
        {"pack_mv": 1000001}, {"pack_mv": 2000000000}, {"pack_mv": -1},
        {"cell_min_mv": 3400, "cell_max_mv": 3300},
        {"cell_max_mv": 5501}, {"cell_min_mv": -1}, {"soc_pct": -1}, {"soc_pct": 101}, {"soh_pct": 151}, {"soh_pct": -1},
        {"temp_min_ddegc": -401},
        {"temp_min_ddegc": 300, "temp_max_ddegc": 299}, {"cell_count": 0}, {"cell_count": 33}, {"charge_limit_ma": -1},
        {"nominal_mv": 1 << 31},
    ):  # fmt: skip
        cabinet, slot, pack = charging_cabinet()
        pack.update(values)
        cabinet.tick()
        assert slot.charge_ma == 0 and slot.why_code == "pack_stale", values
        assert raised(cabinet, "implausible", 2000) and cabinet.state(2) == "refused", values
        pack.update(Pack("B", 50).values)
        assert cabinet.run(lambda s=slot: s.charge_ma > 0, 20000), (values, faults(cabinet))


def test_faults_that_are_only_noted_leave_charging_alone():
    for name, values in (("soh_low", {"soh_pct": 80}), ("cycles_high", {"cycles": 3000}), ("alarm_note", {"alarm_bits": 1 << 12})):
        cabinet, slot, pack = charging_cabinet()
        pack.update(values)
        assert raised(cabinet, name, 3000), name
        assert slot.charge_ma > 0, name


def test_warm_cool_and_empty_packs_are_charged_with_less():
    for name, values, most in (
        ("temp_warm", {"temp_max_ddegc": 400, "temp_min_ddegc": 390}, 7500),
        ("temp_cool", {"temp_min_ddegc": 40, "temp_max_ddegc": 50}, 3000),
        ("cell_precharge", {"cell_min_mv": 2500, "cell_max_mv": 3300, "pack_mv": 50000}, 3000),
    ):
        cabinet, slot, pack = charging_cabinet()
        assert slot.charge_ma == 15000
        pack.update(values)
        assert raised(cabinet, name, 3000), (name, faults(cabinet))
        cabinet.run(limit_ms=2000)
        assert 0 < slot.charge_ma <= most, (name, slot.charge_ma)


def test_a_pack_that_allows_less_gets_less_at_once_and_nothing_if_it_allows_nothing():
    cabinet, slot, pack = charging_cabinet()
    pack["charge_limit_ma"] = 4000
    cabinet.tick()
    assert slot.charge_ma == 4000
    pack["charge_limit_mv"] = 55000
    cabinet.tick()
    assert slot.charge_mv == 55000
    pack["charge_limit_ma"] = 0
    cabinet.tick()
    assert slot.charge_ma == 0 and slot.why_code == "pack_refuses"


def test_more_current_than_the_pack_allows_is_a_fault():
    cabinet, slot, pack = charging_cabinet()
    for _ in range(80):
        cabinet.tick()
        cabinet.current[2] = slot.charge_ma + 6000 if slot.charge_ma else 0
        pack["charge_limit_ma"] = 15000
    assert "over_own" in faults(cabinet) or cabinet.last("fault.raised")[2]["rule"] == "over_own"


def test_silence_stops_charging_at_once_and_becomes_a_fault():
    cabinet, slot, _ = charging_cabinet()
    cabinet.packs[2].answers = False
    cabinet.run(limit_ms=3200)
    assert slot.charge_ma == 0 and slot.why_code == "pack_stale"
    assert raised(cabinet, "pack_silent", 6000)
    assert cabinet.state(2) == "refused" and cabinet.doors[2]
    cabinet.packs[2].answers = True
    assert cabinet.run(lambda: cabinet.state(2) == "charging", 8000)
    assert cabinet.names().count("pack.proven") >= 4, "it had to prove itself again"


def test_data_that_are_young_enough_for_a_pack_at_rest_do_not_start_a_charge():
    cabinet, slot, _ = charging_cabinet()
    for ms in (1500, 3000, 4000, 12000):
        assert cabinet.control.command("disable", 2, cabinet.now_ms)[0]
        cabinet.run(limit_ms=200)
        cabinet.packs[2].answers = False
        cabinet.run(limit_ms=ms)
        assert slot.pack_fresh and slot.why_code == "disabled"
        cabinet.control.command("enable", 2, cabinet.now_ms)
        began = cabinet.names().count("charge.started")
        cabinet.run(limit_ms=1200)  # the plan is made once a second
        assert cabinet.names().count("charge.started") == began + (ms == 1500), ms
        cabinet.packs[2].answers = True
        assert cabinet.run(lambda: cabinet.state(2) == "charging" and slot.pack_fresh, 8000)


def test_a_silent_charger_stops_its_slot_only():
    cabinet, slot, _ = charging_cabinet()
    cabinet.charger_dead.add(2)
    cabinet.run(limit_ms=3700)
    assert slot.charge_ma == 0 and slot.why_code == "charger_stale"
    assert raised(cabinet, "charger_silent", 3000)
    assert cabinet.control.slots[0].ready
    cabinet.charger_dead.clear()
    assert cabinet.run(lambda: slot.charge_ma > 0, 5000)


def test_a_frozen_measurement_counter_stops_charging():
    cabinet, slot, _ = charging_cabinet()
    frozen = slot.pack.counter
    for _ in range(330):
        slot.pack.counter = frozen - 1  # the model adds one
        cabinet.tick()
    assert "frozen" in faults(cabinet) and slot.charge_ma == 0


def test_a_counter_that_moves_once_in_a_poll_clears_the_fault():
    cabinet, slot, _ = charging_cabinet()
    counter = slot.pack.counter - 1
    for _ in range(330):
        slot.pack.counter = counter
        cabinet.tick()
    assert "frozen" in faults(cabinet)
    for tick in range(150):
        if tick % 30 == 0:  # a pack at rest is asked every one and a half seconds
            counter += 1
        slot.pack.counter = counter
        cabinet.tick()
    assert "frozen" not in faults(cabinet)


def test_current_with_the_charger_off_is_a_fault_of_its_own():
    cabinet, slot, _ = charging_cabinet()
    cabinet.control.command("disable", 2, cabinet.now_ms)
    for _ in range(240):
        cabinet.tick()
        cabinet.current[2] = 5000
    assert "off_current" in faults(cabinet) and "charger_runs_on" in faults(cabinet)


def test_no_current_with_the_charger_on_is_a_fault_after_a_minute():
    cabinet, slot, _ = charging_cabinet()
    for _ in range(1250):
        cabinet.tick()
        cabinet.current[2] = 0
    assert "no_current" in faults(cabinet) and slot.charge_ma == 0


def test_a_bad_contact_first_takes_current_away_and_then_stops_charging():
    for extra_mv, name in ((1300, "contact_warn"), (2500, "contact_bad")):
        cabinet, slot, pack = charging_cabinet()
        for _ in range(260):
            cabinet.sense()
            cabinet.tick()
            pack["pack_mv"] = 52700
            slot.charger.output_mv = 0
        assert "contact_warn" not in faults(cabinet)
        real = cabinet.sense

        def worse(real=real, slot=slot, extra_mv=extra_mv, cabinet=cabinet):
            real()
            if cabinet.current[2]:
                slot.charger.output_mv = 52700 + extra_mv

        cabinet.sense = worse
        assert raised(cabinet, name, 15000), (name, faults(cabinet))


def wired_wrongly(change):
    """A cabinet that charges, in which `change(cabinet, slot)` is true of whatever is sensed from now on."""
    cabinet, slot, _ = charging_cabinet()
    real = cabinet.sense

    def sense():
        real()
        if slot.charge_ma:
            slot.charger.output_ma = slot.charge_ma
            slot.charger.output_mv = slot.pack.pack_mv + 100
            change(cabinet, slot)

    cabinet.sense = sense
    return cabinet, slot


def test_a_charger_that_is_wired_to_another_pack_is_found_by_its_voltage():
    for offset in (4100, -4100):

        def change(cabinet, slot, offset=offset):
            slot.charger.output_mv = slot.pack.pack_mv + offset
            slot.pack.current_ma = min(slot.charge_ma, 2900)  # so little that it says nothing of the contact

        cabinet, slot = wired_wrongly(change)
        assert raised(cabinet, "volt_differs", 6000), faults(cabinet)
        assert slot.charge_ma == 0


def test_a_pack_whose_current_differs_from_that_of_its_charger_is_found():
    def change(cabinet, slot):
        slot.pack.current_ma = slot.charge_ma // 2

    cabinet, slot = wired_wrongly(change)
    assert raised(cabinet, "current_differs", 15000), faults(cabinet)


def test_the_silence_of_a_pack_is_not_held_against_what_it_told_before_and_after():
    late = [True]

    def change(cabinet, slot):
        if late[0]:
            slot.pack.current_ma = 0  # the charger has begun to give, the pack still tells of before

    cabinet, slot = wired_wrongly(change)
    rule = rules.index_of("current_differs")
    for _ in range(3):
        cabinet.run(limit_ms=2000)
        assert slot.measures.values[rules.quantity(rule)] >= 3000
        cabinet.packs[2].answers = False
        assert cabinet.run(lambda: not slot.charge_ma, 4000)
        assert slot.measures.values[rules.quantity(rule)] == rules.UNKNOWN
        cabinet.run(limit_ms=4500)
        cabinet.packs[2].answers = True
        assert cabinet.run(lambda: slot.charge_ma > 0, 2000)
        cabinet.run(limit_ms=1000)
        assert slot.charge_ma > 0 and not faults(cabinet)
        late[0] = False
        cabinet.run(limit_ms=1000)
        late[0] = True
    assert raised(cabinet, "current_differs", 11000)  # as ever, if the pack answers all the time


def test_a_current_of_the_wrong_sign_is_found():
    def change(cabinet, slot):
        slot.pack.current_ma = -slot.charge_ma

    cabinet, slot = wired_wrongly(change)
    assert raised(cabinet, "current_sign", 9000), faults(cabinet)


def test_charger_and_pack_that_agree_raise_nothing():
    def change(cabinet, slot):
        slot.pack.current_ma = slot.charge_ma - 400

    cabinet, slot = wired_wrongly(change)
    for _ in range(600):
        cabinet.tick()
    assert slot.charge_ma and not faults(cabinet)


def test_a_connector_that_becomes_worse_over_many_packs_is_noted_and_goes_on():
    drop = [20]

    def change(cabinet, slot):
        slot.pack.current_ma = slot.charge_ma
        slot.charger.output_mv = slot.pack.pack_mv + slot.charge_ma * drop[0] // 1000

    cabinet, slot = wired_wrongly(change)
    measures = slot.measures
    assert cabinet.run(lambda: measures.contact_16 > 0, 130_000)
    assert measures.contact_16 >> 4 in (19, 20)
    for _ in range(20):
        quantities._follow_contact(measures, 20)
    assert measures.contact_first_16 >> 4 in (19, 20) and "contact_worse" not in faults(cabinet)
    for _ in range(60):
        quantities._follow_contact(measures, 66)
    cabinet.tick()
    assert "contact_worse" in faults(cabinet) and slot.charge_ma
    for _ in range(60):
        quantities._follow_contact(measures, 30)
    cabinet.tick()
    assert "contact_worse" not in faults(cabinet)


def test_smoke_gas_water_tilt_and_ground_fault_stop_the_cabinet_until_service_clears():
    for bit, name in ((0, "smoke"), (1, "water"), (2, "emergency_stop"), (3, "tilt"), (4, "gas"), (5, "ground_fault")):
        cabinet, slot, _ = charging_cabinet()
        cabinet.danger_bits = 1 << bit
        assert cabinet.run(lambda c=cabinet, n=name: n in c.control.faults.names(), 2000), name
        cabinet.tick()
        assert slot.charge_ma == 0 and slot.why_code == name
        cabinet.danger_bits = 0
        cabinet.run(limit_ms=15000)
        assert slot.charge_ma == 0, name
        cabinet.control.command("clear", 0, cabinet.now_ms)
        assert cabinet.run(lambda s=slot: s.charge_ma > 0, 15000), name


def test_a_fan_fault_derates_and_lost_mains_stop_charging_while_they_last():
    cabinet, slot, _ = charging_cabinet()
    cabinet.danger_bits = 1 << 6
    cabinet.run(limit_ms=4000)
    assert slot.charge_ma == 7500
    cabinet.danger_bits = 1 << 7
    cabinet.run(limit_ms=500)
    assert slot.charge_ma == 0 and slot.why_code == "mains_lost"
    cabinet.danger_bits = 0
    assert cabinet.run(lambda: slot.charge_ma == 15000, 15000)


def test_cabinet_data_that_are_missing_stop_charging():
    cabinet, slot, _ = charging_cabinet()
    cabinet.control.cabinet.taken_ms = None
    cabinet.control.step(cabinet.now_ms + 50)
    assert slot.charge_ma == 0 and slot.why_code == "cabinet_silent"


def test_a_compartment_whose_sensor_is_lost_is_not_charged_in_and_a_cabinet_gets_less():
    """A sensor that was never there is none that is lost; what the board does not tell at all counts for nothing."""
    cabinet, slot, _ = charging_cabinet()
    full_ma = slot.charge_ma
    slot.io.temp_ddegc = 300
    cabinet.run(limit_ms=1000)
    slot.io.temp_ddegc, slot.io.temp_lost = None, True
    cabinet.run(limit_ms=9500)
    assert slot.charge_ma == full_ma, "a sensor may miss a look"
    cabinet.run(limit_ms=1000)
    assert faults(cabinet) == ["compartment_blind"] and slot.charge_ma == 0 and slot.why_code == "compartment_blind"
    assert cabinet.control.slots[0].ready, "the others go on"
    cabinet.io_dead = True
    cabinet.run(limit_ms=3000)
    assert "io_silent" in faults(cabinet) and "compartment_blind" in faults(cabinet)
    cabinet.io_dead = False
    slot.io.temp_ddegc, slot.io.temp_lost = 300, False
    cabinet.run(limit_ms=9000)
    assert "compartment_blind" in faults(cabinet)
    assert cabinet.run(lambda: slot.charge_ma == full_ma, 5000)
    inputs = cabinet.control.cabinet
    inputs.temp_lost = True
    cabinet.run(limit_ms=11000)
    assert cabinet.control.faults.names() == ["cabinet_blind"] and slot.charge_ma == full_ma // 2
    inputs.temp_lost = False
    assert cabinet.run(lambda: slot.charge_ma == full_ma, 12000)


def test_a_hot_pack_stops_its_neighbours():
    cabinet = Cabinet(5, {n: Pack("P%d" % n, 50) for n in (1, 2, 3, 4)})
    assert cabinet.run(lambda: cabinet.state(1) == cabinet.state(4) == "charging", 8000)
    cabinet.packs[2].values["temp_max_ddegc"] = 620
    cabinet.packs[2].values["temp_min_ddegc"] = 600
    assert cabinet.run(lambda: cabinet.state(2) == "quarantined", 3000)
    cabinet.run(limit_ms=200)
    assert faults(cabinet, 1) == ["neighbour_hot"] and faults(cabinet, 3) == ["neighbour_hot"]
    assert faults(cabinet, 4) == [] and cabinet.state(4) == "charging"


def test_a_pack_that_heats_up_quickly_is_quarantined_and_runaway_stops_the_cabinet():
    cabinet, slot, pack = charging_cabinet()
    cabinet.run(limit_ms=65000)
    for _ in range(40):
        pack["temp_max_ddegc"] += 2
        pack["temp_min_ddegc"] += 2
        cabinet.run(limit_ms=1000)
    assert "rise_high" in faults(cabinet) and cabinet.state(2) == "quarantined"
    pack["temp_max_ddegc"] = pack["temp_min_ddegc"] = 600
    for _ in range(8):
        cabinet.run(limit_ms=1000)
        pack["temp_max_ddegc"] += 11
        pack["temp_min_ddegc"] += 11
    assert "rise_fast" in faults(cabinet)
    assert cabinet.control.order("anna", "rider", cabinet.now_ms) == (False, "cabinet_stopped")


def test_cell_spread_counts_at_rest_only():
    cabinet, slot, pack = charging_cabinet()
    pack["cell_min_mv"] = 3100
    pack["pack_mv"] = 51000
    cabinet.run(limit_ms=5000)
    assert "spread_mid" not in faults(cabinet) and slot.charge_ma > 0
    cabinet.control.command("disable", 2, cabinet.now_ms)
    assert raised(cabinet, "spread_mid", 5000)


def test_a_cell_that_loses_charge_at_rest_is_a_soft_short():
    cabinet, slot, pack = charging_cabinet()
    resting = cabinet.control.slots[0].measures
    values = cabinet.packs[1].values

    def pass_time(minutes):
        for _ in range(minutes * 6):
            cabinet.now_ms += 9950
            cabinet.tick()

    cabinet.control.slots[1].enabled = False
    pass_time(32)
    spread = rules.quantity_names().index("spread_hour_mv")
    assert resting.values[spread] == 0
    values["cell_min_mv"] -= 19
    values["pack_mv"] -= 150
    cabinet.run(limit_ms=500)
    assert resting.values[spread] == 19 and cabinet.state(1) != "quarantined"
    values["cell_min_mv"] -= 1
    cabinet.run(limit_ms=500)
    assert "soft_short" in faults(cabinet, 1) and cabinet.state(1) == "quarantined"


def test_door_and_lock_that_disagree_and_a_forced_door_are_faults():
    cabinet, slot, _ = charging_cabinet()
    cabinet.latched[2] = False
    cabinet.tick()
    assert slot.charge_ma == 0 and slot.why_code == "not_locked"
    assert raised(cabinet, "lock_disagrees", 3000)
    cabinet.latched[2] = True
    assert cabinet.run(lambda: slot.charge_ma > 0, 3000)
    cabinet.doors[2] = False
    cabinet.tick()
    assert slot.charge_ma == 0 and slot.why_code == "door_open"
    assert raised(cabinet, "door_forced", 1000)
    assert raised(cabinet, "door_left_open", 125000)


def test_a_bms_that_answers_from_an_empty_slot_is_a_ghost():
    cabinet = cabinet_with_full_packs()
    slot = cabinet.control.slots[0]
    for _ in range(80):
        slot.pack.taken_ms = cabinet.now_ms
        cabinet.now_ms += 50
        keep = slot.pack.taken_ms
        cabinet.sense()
        slot.pack.taken_ms = keep
        cabinet.control.step(cabinet.now_ms)
    assert slot.faults.names() == ["ghost"] and slot.state_name == "fault"
    assert cabinet.control.order("anna", "rider", cabinet.now_ms) == (False, "no_empty_slot")


def test_a_serial_number_that_changes_or_appears_twice_is_refused():
    cabinet, slot, _ = charging_cabinet()
    cabinet.packs[2].serial = "X"
    cabinet.tick()
    assert slot.charge_ma == 0
    cabinet.run(limit_ms=200)
    assert cabinet.state(2) == "refused" and faults(cabinet) == ["serial_changed"]
    twins = Cabinet(3, {1: Pack("SAME", 50), 2: Pack("SAME", 50)})
    twins.settle()
    assert "duplicate" in faults(twins, 1) + faults(twins, 2)
    assert not (twins.control.slots[0].accepted and twins.control.slots[1].accepted)


def test_the_budget_feeds_the_fullest_pack_first():
    cabinet = Cabinet(5, {n: Pack("P%d" % n, 10 * n) for n in (1, 2, 3, 4)}, budget_w=2000)
    cabinet.settle()
    cabinet.run(limit_ms=3000)
    slots = cabinet.control.slots
    assert slots[3].charge_ma == slots[2].charge_ma == 15000
    assert slots[1].charge_ma < 15000 and slots[0].charge_ma == 0
    assert slots[0].why_code == "budget" and slot_state.charge_winner("budget") == "plan"
    assert cabinet.control.plan.power_w <= 2000


def test_the_view_tells_people_what_is_going_on():
    cabinet, slot, _ = charging_cabinet()
    view = slot.view()
    assert view["state"] == "charging" and view["why"] == "charging" and view["faults"] == []
    assert view["soc_pct"] == 50 and view["pack"] == "B" and view["door_closed"] is True
    assert cabinet.control.slots[3].view()["pack"] is None
    assert cabinet.control.view()["full"] == 2 and cabinet.control.swap_view()["state"] == "none"
    cabinet.control.command("disable", 4, cabinet.now_ms)
    assert cabinet.control.slots[3].state_name == "disabled"


def test_too_much_current_from_the_mains_stops_charging_and_far_too_much_the_cabinet():
    cabinet, slot, _ = charging_cabinet()
    cabinet.control.cabinet.mains_ma = 59999
    cabinet.run(limit_ms=3000)
    assert slot.charge_ma > 0
    cabinet.control.cabinet.mains_ma = 60000
    assert cabinet.run(lambda: slot.why_code == "mains_current", 3000) and slot.charge_ma == 0
    cabinet.control.cabinet.mains_ma = 50000
    assert cabinet.run(lambda: slot.charge_ma > 0, 15000)
    cabinet.control.cabinet.mains_ma = 80000
    assert cabinet.run(lambda: slot.why_code == "mains_short", 1000)
    assert cabinet.control.order("anna", "rider", cabinet.now_ms) == (False, "cabinet_stopped")
