"""The interlock alone, with slots whose every answer is set: each condition by itself, the order of conditions, pulses and claims."""


from core_stubs import StubSlot, empty, reported

from cabinet.core import interlock, rules, slot, slot_state
from cabinet.core.interlock import GIVE_BACK, NOBODY, RIDER_IN, RIDER_OUT, SERVICE, Interlock
from cabinet.core.options import Options

HOT = rules.index_of("temp_hot")
SMOKE = rules.index_of("smoke")
FIRST = rules.IDS[0]

# (what is changed, the answer, which claim is said to hold the charger off)
CHARGE = (
    ({"io_fresh": False}, "io_stale", "safety"),
    ({"io_pack_present": False}, "empty", "safety"),
    ({"present": False}, "empty", "safety"),
    ({"io_door_closed": False}, "door_open", "safety"),
    ({"shut": False}, "door_open", "safety"),
    ({"faults_stop_rule": HOT}, "temp_hot", "safety"),
    ({"faults_stop_rule": 0}, FIRST, "safety"),
    ({"io_lock_locked": False}, "not_locked", "safety"),
    ({"pack_fresh": False}, "pack_stale", "safety"),
    ({"identified": False}, "unidentified", "safety"),
    ({"pack_serial": "X"}, "unidentified", "safety"),
    ({"pack_serial": "", "serial": "", "proven_serial": ""}, "unidentified", "safety"),
    ({"proof": slot.UNPROVEN}, "unproven", "safety"),
    ({"proof": slot.PENDING}, "unproven", "safety"),
    ({"proof": slot.FAILED}, "unproven", "safety"),
    ({"proven_serial": "X"}, "unproven", "safety"),
    ({"state": slot.CHECKING}, "not_accepted", "safety"),
    ({"state": slot.REFUSED}, "not_accepted", "safety"),
    ({"pack_cell_min_mv": -1, "pack_cell_max_mv": -1}, "pack_blind", "safety"),
    ({"pack_temp_min_ddegc": -9999, "pack_temp_max_ddegc": -9999}, "pack_blind", "safety"),
    ({"charger_fresh": False}, "charger_stale", "safety"),
    ({"enabled": False}, "disabled", "operator"),
    ({"reserved": True}, "reserved", "swap"),
    ({"door_claim": RIDER_IN}, "reserved", "swap"),
    ({"is_full": True}, "full", "plan"),
    ({"pack_charge_limit_ma": 0}, "pack_refuses", "plan"),
    ({"pack_charge_limit_mv": 0}, "pack_refuses", "plan"),
    ({"plan_ma": 0}, "planning", "plan"),
    ({"plan_ma": 0, "plan_why": "budget"}, "budget", "plan"),
    ({"plan_ma": 0, "plan_why": "temperature"}, "temperature", "plan"),
)


def gate(*slots, **options):
    """An interlock over these slots."""
    return Interlock(list(slots), Options(**options))


def test_a_new_interlock_stops_nothing_and_each_condition_of_charging_forbids_it_by_itself():
    s = StubSlot(1)
    g = gate(s)
    assert g.charge_why(s) == "" and g.storage_ok is True and g.storage_lost is False
    for change, answer, holder in CHARGE:
        s = StubSlot(1, **change)
        g = gate(s)
        assert g.charge_why(s) == answer, change
        out = []
        g.permit_charge(s, 55000, 1000, out)
        assert (s.charge_ma, s.charge_mv, s.why_code, slot_state.charge_winner(s.why_code)) == (0, 0, answer, holder), change
        assert out == []


def test_values_next_to_a_limit_of_charging_allow_it():
    for change in ({"pack_charge_limit_ma": 1}, {"pack_charge_limit_mv": 1}, {"plan_ma": 1}):
        s = StubSlot(1, **change)
        assert gate(s).charge_why(s) == "", change


def test_of_several_conditions_the_first_is_told():
    for index in range(len(CHARGE) - 1):
        change, answer, _ = CHARGE[index]
        later, after, _ = CHARGE[index + 1]
        if set(change) & set(later) or after == answer or "serial" in change:
            continue
        s = StubSlot(1, **dict(change, **later))
        assert gate(s).charge_why(s) == answer, (change, later)


def test_a_rule_that_stops_the_cabinet_goes_first_then_the_cabinets_own():
    for number in (0, SMOKE):
        s = StubSlot(1, io_fresh=False)
        g = gate(s)
        g.cabinet_stop_rule = number
        assert g.charge_why(s) == rules.IDS[number]
        g.stop_rule = HOT
        assert g.charge_why(s) == "temp_hot"
        g.stop_rule = 0
        assert g.charge_why(s) == FIRST


def test_without_storage_nothing_begins_but_what_runs_goes_on():
    s = StubSlot(1)
    g = gate(s)
    g.storage_ok = False
    assert g.charge_why(s) == "storage_fault"
    s.charge_ma = 1
    assert g.charge_why(s) == ""


def test_a_permit_is_the_least_of_plan_and_pack_and_begins_and_ends_with_an_event():
    s = StubSlot(1, plan_ma=10000, pack_charge_limit_ma=15000)
    g = gate(s)
    out = []
    g.permit_charge(s, 55000, 1000, out)
    assert (s.charge_ma, s.charge_mv, s.why_code, slot_state.charge_winner(s.why_code)) == (10000, 55000, "charging", "plan")
    assert reported(out) == [("charge.started", 1, "P1", (55000, 10000, 50))]
    s.pack.charge_limit_ma = 9000
    g.permit_charge(s, 54000, 1000, out)
    assert (s.charge_ma, s.charge_mv) == (9000, 54000) and reported(out) == []
    s.set(io_lock_locked=False)
    g.permit_charge(s, 54000, 1000, out)
    assert reported(out) == [("charge.stopped", 1, "P1", ("not_locked", 49))] and s.charge_ma == s.charge_mv == 0
    g.permit_charge(s, 54000, 1000, out)
    assert reported(out) == []


# (claim, what is changed, the answer)
DOORS = (
    (NOBODY, {}, "no_claim"),
    (SERVICE, {"io_fresh": False}, "io_stale"),
    (SERVICE, {"shut": False}, "already_open"),
    (SERVICE, {"io_door_closed": False}, "already_open"),
    (SERVICE, {"thermal": True}, "hot"),
    (RIDER_OUT, {"faults_worst": rules.QUARANTINE}, "quarantined"),
    (RIDER_OUT, {"faults_worst": rules.STOP_CABINET}, "quarantined"),
    (GIVE_BACK, {"state": slot.QUARANTINED}, "quarantined"),
    (GIVE_BACK, {"serial_quarantined": True}, "quarantined"),
    (GIVE_BACK, {"readings_seen": 2}, "checking"),
    (GIVE_BACK, {"faults_pending": 1}, "checking"),
    (RIDER_OUT, {"faults_pending": 1}, "checking"),
    (GIVE_BACK, {"readings_seen": 2, "pack_fresh": False}, ""),
    (GIVE_BACK, {"readings_seen": 3}, ""),
    (RIDER_OUT, {"readings_seen": 2}, ""),
    (RIDER_OUT, {"enabled": False}, "disabled"),
    (GIVE_BACK, {"enabled": False}, ""),
    (SERVICE, {"enabled": False}, ""),
    (RIDER_IN, {}, "not_empty"),
    (RIDER_OUT, {"ready": False}, "not_ready"),
    (GIVE_BACK, {"ready": False}, ""),
    (RIDER_OUT, {"charge_ma": 1}, "current_flows"),
    (SERVICE, {"charge_ma": 1}, "current_flows"),
    (SERVICE, {"pack_current_ma": 500}, "current_flows"),
    (SERVICE, {"pack_current_ma": 499}, ""),
    (SERVICE, {"pack_current_ma": -500}, "current_flows"),
    (SERVICE, {"pack_current_ma": -499}, ""),
    (SERVICE, {"pack_current_ma": 9000, "pack_fresh": False}, ""),
    (SERVICE, {"charger_output_ma": 500}, "current_flows"),
    (SERVICE, {"charger_output_ma": 499}, ""),
    (SERVICE, {"charger_output_ma": 5000, "charger_fresh": False}, ""),
    (SERVICE, {"faults_worst": rules.QUARANTINE, "serial_quarantined": True, "state": slot.QUARANTINED}, ""),
    (RIDER_OUT, {"faults_worst": rules.GIVE_BACK}, ""),
    (RIDER_OUT, {}, ""),
)


def test_each_condition_of_opening_a_door_forbids_it_by_itself():
    for claim, change, answer in DOORS:
        s = StubSlot(1, **change)
        assert gate(s).door_why(s, claim, 5000) == answer, (claim, change)
    for change, answer in (
        ({}, ""), ({"state": slot.FAULT}, "not_empty"), ({"present": True}, "not_empty"), ({"io_pack_present": True}, "not_empty"),
    ):  # fmt: skip
        s = empty(1, **change)
        assert gate(s).door_why(s, RIDER_IN, 5000) == answer, change


def test_a_stopped_cabinet_opens_for_service_only():
    s = StubSlot(1)
    g = gate(s)
    for rule in (0, SMOKE):
        g.stop_rule = rule
        for claim in (RIDER_IN, RIDER_OUT, GIVE_BACK):
            assert g.door_why(s, claim, 5000) == "cabinet_stopped"
        assert g.door_why(s, SERVICE, 5000) == ""


def test_a_door_is_released_while_it_stands_open_or_may_open():
    g = gate(StubSlot(1), door_open_ms=3000)
    for change, now, answer in (
        ({}, 5000, False),
        ({"state": slot.OPEN}, 5000, True),
        ({"state": slot.OPEN, "left_open": True}, 5000, False),
        ({"shut": False}, 5000, True),
        ({"shut": False, "state": slot.UNSEEN}, 5000, False),
        ({"io_door_closed": False}, 5000, True),
        ({"io_door_closed": False, "io_fresh": False}, 5000, False),
        ({"pulsed_ms": 5000}, 5000, True),
        ({"pulsed_ms": 5000}, 7999, True),
        ({"pulsed_ms": 5000}, 8000, False),
        ({"pulsed_ms": 5000}, 4999, False),
    ):
        assert g.released(StubSlot(1, **change), now) is answer, (change, now)


def test_a_released_door_keeps_all_others_shut_and_not_itself():
    first, second = StubSlot(1), StubSlot(2)
    g = gate(first, second)
    second.pulsed_ms = 4000
    assert g.door_why(first, RIDER_OUT, 5000) == "other_door_open"
    assert g.door_why(first, SERVICE, 5000) == "other_door_open"
    assert g.door_why(second, RIDER_OUT, 5000) == ""


def pulse(g, s, now_ms, claim=SERVICE):
    """Claim and permit; the events."""
    out = []
    s.set(door_claim=claim, pulse=False)
    g.permit_doors(now_ms, out)
    return reported(out)


def test_a_permit_is_one_pulse_told_with_its_claim():
    s = StubSlot(1)
    other = StubSlot(2)
    g = gate(s, other, pulse_ms=250)
    assert pulse(g, s, 5000, RIDER_OUT) == [("lock.pulsed", 1, "P1", ("rider_out", 250))]
    assert s.pulse is True and s.pulsed_ms == 5000 and s.door_winner == "rider_out" and s.door_why == "" and s.pulses_left == 2
    assert s.door_claim == NOBODY and other.door_why == "no_claim" and other.pulse is False and other.pulsed_ms is None


def test_a_pulse_that_was_taken_back_leaves_nothing_behind():
    first, s, last = StubSlot(1), StubSlot(2), StubSlot(3)
    g = gate(first, s, last)
    pulse(g, first, 500)
    g.take_back_pulse(first)
    assert first.pulsed_ms is None and first.pulses_left == 3
    for at, of in ((1000, s), (2000, s), (20000, first), (30000, last), (40000, s)):
        assert len(pulse(g, of, at)) == 1
    g.take_back_pulse(s)
    assert s.pulse is False and s.pulsed_ms == 2000 and s.pulses_left == 1 and first.pulsed_ms == 20000  # that before was given
    assert [len(pulse(g, s, 50000 + at)) for at in (0, 4000)] == [1, 0]  # three in a minute: those of the first two seconds count
    assert [len(pulse(g, first, 60000 + at)) for at in (0, 4000, 8000)] == [1, 1, 0]  # the counts of the others are as they were
    assert [len(pulse(g, last, 70000 + at)) for at in (0, 4000, 8000)] == [1, 1, 0]


def test_no_door_opens_while_flash_has_not_taken_what_happened():
    s = StubSlot(1)
    g = gate(s)
    assert g.stored is True
    g.stored = False
    for claim in (RIDER_IN, RIDER_OUT, GIVE_BACK, SERVICE):
        assert g.door_why(s, claim, 5000) == "storage_fault"
    assert g.door_why(s, NOBODY, 5000) == "no_claim"


def test_a_charge_waits_for_a_pulse_that_may_still_be_on_its_way():
    s = StubSlot(1, plan_ma=10000, pulsed_ms=5000)
    g = gate(s, door_open_ms=3000)
    out = []
    g.permit_charge(s, 55000, 7999, out)
    assert (s.charge_ma, s.why_code, slot_state.charge_winner(s.why_code)) == (0, "reserved", "swap") and out == []
    g.permit_charge(s, 55000, 8000, out)
    assert s.charge_ma == 10000
    s = StubSlot(1, plan_ma=10000, pulsed_ms=5000, enabled=False)
    gate(s).permit_charge(s, 55000, 6000, out)
    assert s.why_code == "disabled"  # the first reason is told


def test_the_strongest_claim_wins_and_of_equal_ones_the_first():
    for first, second, winner in ((RIDER_IN, SERVICE, 2), (SERVICE, GIVE_BACK, 1), (RIDER_OUT, RIDER_OUT, 1), (RIDER_OUT, GIVE_BACK, 2)):
        a = empty(1) if first == RIDER_IN else StubSlot(1)
        b = StubSlot(2)
        g = gate(a, b)
        a.door_claim = first
        b.door_claim = second
        out = []
        g.permit_doors(5000, out)
        assert [(row[1], row[3][0]) for row in reported(out)] == [(winner, interlock.DOOR_CLAIMS[max(first, second)])]
        loser = b if winner == 1 else a
        assert loser.door_why == "outranked" and not loser.pulse and loser.pulsed_ms is None
        assert a.door_claim == b.door_claim == NOBODY


def test_a_claim_that_may_not_open_outranks_nobody():
    a, b, c = StubSlot(1), StubSlot(2, ready=False), StubSlot(3)
    g = gate(a, b, c)
    a.door_claim, b.door_claim, c.door_claim = RIDER_OUT, RIDER_OUT, SERVICE
    c.thermal = True
    out = []
    g.permit_doors(5000, out)
    assert [row[1] for row in reported(out)] == [1]
    assert (a.door_why, b.door_why, c.door_why) == ("", "not_ready", "hot")


def test_a_claim_that_was_outranked_does_not_hide_a_stronger_one_behind_it():
    a, b, c = StubSlot(1), StubSlot(2), StubSlot(3)
    g = gate(a, b, c)
    a.door_claim, b.door_claim, c.door_claim = RIDER_OUT, RIDER_OUT, SERVICE
    out = []
    g.permit_doors(5000, out)
    assert [row[1] for row in reported(out)] == [3]
    assert (a.door_why, b.door_why, c.door_why) == ("outranked", "outranked", "")


def test_a_lock_gets_three_pulses_a_minute():
    s = StubSlot(1)
    other = StubSlot(2)
    g = gate(other, s)
    s.number, other.number = 2, 1
    for count, now in enumerate((1000, 21000, 41000)):
        assert pulse(g, s, now), now
        assert s.pulses_left == 2 - count
    assert pulse(g, s, 60999) == [] and s.door_why == "pulses" and s.pulses_left == 0
    assert pulse(g, other, 50000) and other.pulses_left == 2  # each lock by itself
    other.pulsed_ms = None
    assert pulse(g, s, 61000) and s.pulses_left == 0  # the first is a minute old
    assert pulse(g, s, 80999) == [] and s.door_why == "pulses"
    assert pulse(g, s, 81000) and s.pulses_left == 0
    g.drop_old_pulses(121001)
    assert s.pulses_left == 2  # of 61 s, 81 s one is left
    g.drop_old_pulses(141000)
    assert s.pulses_left == 3
    assert pulse(g, s, 141000) and s.pulses_left == 2


def test_a_pulse_counts_from_its_own_instant_on():
    s = StubSlot(1)
    g = gate(s)
    for left in (2, 1, 0):
        assert pulse(g, s, 1000) and s.pulses_left == left
    assert pulse(g, s, 1000) == [] and s.door_why == "pulses"


def test_instants_are_forgotten_before_the_counter_wraps():
    s = StubSlot(1)
    g = gate(s)
    assert pulse(g, s, 1000)
    g.drop_old_pulses(61000)
    assert s.pulsed_ms == 1000 and s.pulses_left == 3
    g.drop_old_pulses(61001)
    assert s.pulsed_ms is None
    half = 1 << 29
    assert pulse(g, s, 70000)
    g.drop_old_pulses(131000)
    assert g._pulse_counts[0] == 0 and s.pulses_left == 3
    g.drop_old_pulses(70000 + half)
    assert s.pulses_left == 3


def test_a_pulse_is_for_one_step():
    s, other = StubSlot(1), StubSlot(2)
    g = gate(s, other)
    s.pulse = True
    g.permit_doors(1000, [])
    assert s.pulse is False and other.pulse is False


def test_what_was_permitted_of_late_may_flow_still_while_neither_pack_nor_charger_tells():
    slots = [StubSlot(1), StubSlot(2), StubSlot(3)]
    g, out = gate(*slots, blind_ms=6000), []
    blind = {"pack_fresh": False, "charger_fresh": False}
    for s in slots:
        s.set(**blind)
        assert g.door_why(s, SERVICE, 1000) == ""  # nothing was permitted yet
        s.set(pack_fresh=True, charger_fresh=True)
    g.permit_charge(slots[1], 55000, 5000, out)
    slots[1].set(charge_ma=0)
    for s in slots:
        s.set(**blind)
    for now_ms in (5000, 5001, 10999):
        assert [g.door_why(s, SERVICE, now_ms) for s in slots] == ["", "current_flows", ""]
    assert g.door_why(slots[1], SERVICE, 11000) == ""
    for who, other in (("pack", "charger"), ("charger", "pack")):
        for taken_ms, why in ((None, "current_flows"), (5000, "current_flows"), (5001, "")):  # since then, or what was before says nothing
            slots[1].set(**{who + "_fresh": True, who + "_taken_ms": taken_ms, other + "_fresh": False, other + "_taken_ms": 9000})
            assert g.door_why(slots[1], SERVICE, 5002) == why, (who, taken_ms)


def test_the_blind_time_is_what_the_chargers_of_the_cabinet_need_and_long_if_nobody_says():
    for options, blind_ms in (({"blind_ms": 2500}, 2500), ({"blind_ms": 20000}, 20000), ({}, 60000)):
        s = StubSlot(1)
        g, out = gate(s, **options), []
        g.permit_charge(s, 55000, 5000, out)
        s.set(charge_ma=0, pack_fresh=False, charger_fresh=False)
        assert g.door_why(s, SERVICE, 5000 + blind_ms - 1) == "current_flows"
        assert g.door_why(s, SERVICE, 5000 + blind_ms) == ""
