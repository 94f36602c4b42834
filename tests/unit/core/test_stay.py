"""One slot alone: silence and waking, packs that the switch does not see, verdicts, and what a stay leaves behind. To the millisecond."""


from core_bench import Bench

from cabinet.core import rules, slot, ticks
from cabinet.core.faults import CompiledLimits
from cabinet.core.limits import LimitSet
from cabinet.core.slot import SlotControl

HOT = rules.index_of("temp_hot")
WORN = rules.index_of("soh_end")


def wakes(b, instants):
    """At which of these instants the pack is to be woken."""
    found = []
    for now in instants:
        b.at(now)
        if b.s.wants_wake:
            found.append(now)
    return found


def test_a_pack_that_was_never_heard_is_woken_twice_and_each_request_starts_its_time_anew():
    b = Bench().put()
    b.hears_pack = False
    b.at(1000)
    assert b.s.state == slot.IDENTIFYING and b.s.wake_requests == 0
    assert wakes(b, (2499, 2500, 2501, 2550, 3999, 4000, 4001, 6000, 8000)) == [2500, 4000]
    assert b.s.wake_requests == 2
    b.hears_pack = True
    b.at(8050)
    assert b.s.pack_fresh and b.s.wake_requests == 0
    b.hears_pack = False
    b.at(8050 + 15000)
    assert b.s.wake_requests == 0 and not b.s.wants_wake


def test_a_pack_that_fell_silent_in_its_stay_is_woken_twice_at_once():
    b = Bench()
    now = b.accepted()
    for _ in range(2):
        b.hears_pack = False
        last = now + 15000  # what it told is believed so long
        assert wakes(b, (last, last + 1, last + 1499, last + 1500, last + 1501, last + 1502, last + 4000)) == [last + 1500, last + 1501]
        assert b.s.wake_requests == 2
        b.hears_pack = True
        now = last + 4050
        b.at(now)
        assert b.s.pack_fresh and b.s.state == slot.IDLE and b.s.wake_requests == 0


def test_a_pack_answers_from_an_empty_slot_half_a_second_after_it_became_empty_and_for_a_second():
    b = Bench().put(False)
    b.at(1000)
    assert b.s.state == slot.EMPTY and b.s.empty_ms == 1000
    for taken, now, answer in (
        (None, 1600, False), (1500, 1500, False), (1501, 1501, True), (1501, 2501, True), (1501, 2502, False), (1000, 2600, False),
    ):  # fmt: skip
        b.s.pack.taken_ms = taken
        b.s.state = slot.EMPTY
        assert b.s.unexpected_pack(now) is answer, (taken, now)
        b.s.state = slot.FAULT
        assert b.s.unexpected_pack(now) is answer, (taken, now)
        for state in (slot.UNSEEN, slot.OPEN, slot.IDENTIFYING, slot.FULL):
            b.s.state = state
            assert b.s.unexpected_pack(now) is False


def test_an_empty_slot_is_asked_for_six_seconds():
    b = Bench().put(False)
    b.at(1000)
    assert b.s.probing is True and b.s.readings_seen == 0 and b.s.pack_fresh is False
    b.at(6999)
    assert b.s.probing is True
    b.at(7000)
    assert b.s.probing is False and b.s.readings_seen == 0


def test_a_pack_that_vanishes_behind_a_shut_door_is_missed_until_it_is_seen_again():
    b = Bench()
    now = b.accepted()
    assert b.s.vanished is False
    b.put(False)
    now, rows = b.until(slot.EMPTY, now + 50)
    assert b.s.vanished is True and rows == [] and b.s.serial == "P" and b.s.identified is False
    now, rows = b.until(slot.FAULT, now + 50)
    assert b.s.vanished is True and rows == [] and b.s.faults.names() == ["ghost"]
    b.at(now + 5000)
    assert b.s.vanished is True and b.s.state == slot.FAULT and b.s.faults.names() == ["ghost"]
    b.put()
    now, rows = b.until(slot.IDENTIFYING, now + 5050)
    assert b.s.vanished is False and rows == []


def test_after_a_silence_of_the_board_whatever_was_proven_has_to_be_proven_afresh():
    for state in (slot.CHECKING, slot.IDLE, slot.CHARGING, slot.FULL):
        b = Bench()
        now = b.accepted()
        b.s.present_at_boot = False
        b.s.observe(b.options, now + 1600, b.out)
        assert b.s.io_fresh is False
        b.s.state = state
        b.at(now + 1650)
        assert b.s.state == slot.CHECKING and b.s.proof == slot.UNPROVEN and b.s.proven_serial == "" and b.s.present_at_boot is True, state
    b = Bench()
    now = b.accepted()
    b.s.present_at_boot = False
    b.s.observe(b.options, now + 1600, b.out)
    b.s.state = slot.IDENTIFYING
    b.at(now + 1650)
    assert b.s.proof == slot.PROVEN and b.s.present_at_boot is False


def test_after_a_restart_readings_count_wherever_the_counter_stands():
    b = Bench().put()
    now, _ = b.until(slot.CHECKING, (1 << 29) + 1000)
    assert b.s.pack_fresh and b.s._occupied_since_ms is None and now <= (1 << 29) + 1100


def test_of_a_stay_readings_count_from_the_first_millisecond_after_its_beginning():
    b = Bench().put(False)
    b.at(1000)
    b.door(False)
    b.until(slot.OPEN, 2000)
    b.put()
    b.door(True)
    now, _ = b.until(slot.IDENTIFYING, 3000)
    assert b.s._occupied_since_ms == now
    for taken, fresh in ((now - 1, False), (now, False), (now + 1, True)):
        b.s.pack.taken_ms = taken
        b.look(now + 1)
        assert b.s.pack_fresh is fresh, taken


def test_after_three_days_of_a_stay_every_reading_counts_whatever_the_counter_says():
    for age_ms, counts in ((0, False), (1, False), ((1 << 28) - 1, False), (1 << 28, True), ((1 << 29) + 5000, True)):
        b = Bench().put()
        b.until(slot.CHECKING, 1000)
        b.s._occupied_since_ms = 2000
        b.look(ticks.add(2000, age_ms))
        assert (b.s._occupied_since_ms is None) is counts, age_ms
    b = Bench().put()
    b.until(slot.CHECKING, 1000)
    b.look(2500)
    assert b.s._occupied_since_ms is None  # after a restart all count from the start


def test_a_pack_found_in_the_place_of_another_is_told_with_the_faults_that_left():
    b = Bench().put()
    now = b.accepted()
    b.s.faults.restore(WORN)
    b.s.identified = False
    b.put(serial="Q")
    rows = b.at(now + 50)
    assert [row[:3] for row in rows if row[0][:5] == "pack."][:2] == [("pack.removed", 2, "P"), ("pack.inserted", 2, "Q")]
    assert [row[:3] for row in b.aside] == [("fault.cleared", 2, "P")]


def test_a_pack_that_left_while_the_board_was_silent_has_not_vanished():
    b = Bench()
    now = b.accepted() + 1600
    b.look(now)
    b.put(False)
    now, rows = b.until(slot.EMPTY, now + 50)
    assert b.s.vanished is False and [row[:3] for row in rows if row[0] != "pack.identified"] == [("pack.removed", 2, "P")]


def test_a_pack_that_came_back_through_the_shut_door_may_have_told_who_it_is_before():
    b = Bench()
    now = b.accepted()
    b.put(False)
    now, _ = b.until(slot.EMPTY, now + 50)
    b.hears_name = False
    b.s._occupied_since_ms = 900
    b.put()
    now, rows = b.until(slot.CHECKING, now + 50)
    assert b.s.proof == slot.UNPROVEN and b.s._occupied_since_ms == 900 and [row[0] for row in rows] == ["pack.identified"]


def test_where_a_pack_was_full_is_forgotten_with_that_it_was():
    b = Bench().put(soc_pct=85, cell_max_mv=3545, current_ma=300)
    now = b.accepted()
    b.s.is_full = False
    b.s.charge_ma = 1000
    for later in (0, 60000):
        b.s._judge_full(b.options, now + later)
    assert b.s.is_full and b.s.full_soc_pct == 85
    b.s._judge_full(b.options, now + 60050)
    assert b.s.is_full
    b.s._forget_full()
    assert not b.s.is_full and b.s.full_soc_pct == 100
    b = Bench()
    b.s._forget_full()
    assert "full_soc_pct" not in b.s.__dict__  # the table of a slot's attributes has no room to spare


def test_a_pack_that_is_judged_again_is_no_quieter_than_before():
    for state in (slot.REFUSED, slot.QUARANTINED):
        b = Bench()
        now = b.accepted()
        b.s.present_at_boot = False
        b.s.state = state
        b.at(now + 50)
        assert b.s.state == slot.IDENTIFYING and b.s.present_at_boot is False


def test_a_verdict_on_a_fault_that_had_stood_before_brings_evidence_of_its_own():
    for rule, state, kind, values in (
        (WORN, slot.REFUSED, "refused", ("soh_end", rules.reason(WORN), 95, 70)),
        (HOT, slot.QUARANTINED, "quarantined", ("temp_hot", 250, 600)),
    ):
        b = Bench().put()
        now, _ = b.until(slot.CHECKING, 1000)
        assert b.aside == []
        b.s.faults.restore(rule)
        assert b.at(now + 50) == [("pack." + kind, 2, "P", values)] and b.s.state == state
        assert [(row[0], row[1], row[2], row[3][:5]) for row in b.aside] == [
            ("evidence.taken", 2, "P", (rules.IDS[rule], kind, values[-2], values[-1], None))
        ]
        b.at(now + 100)
        assert b.aside == []  # once


def test_a_verdict_on_a_pack_that_has_told_nothing_names_no_value():
    for rule, state in ((WORN, slot.REFUSED), (HOT, slot.QUARANTINED)):
        b = Bench().put()
        b.hears_pack = False
        b.at(1000)
        b.s.faults.restore(rule)
        rows = b.at(1050)
        assert b.s.state == state and [row[3][-2:] for row in rows] == [(None, rules.level(rule, 0))]


def test_no_other_change_of_state_brings_evidence():
    b = Bench().put(False)
    b.at(1000)
    b.s.pulsed_ms = 1000
    b.door(False)
    for now in range(1050, 2000, 50):
        b.at(now)
        assert "evidence.taken" not in [row[0] for row in b.aside]
    b.put()
    b.door(True)
    for now in range(2000, 9000, 50):
        b.at(now)
        b.prove()
        assert "evidence.taken" not in [row[0] for row in b.aside]
    assert b.s.state == slot.IDLE


def test_faults_are_told_with_the_pack_that_stands_there_even_as_it_leaves():
    b = Bench().put(soh_pct=60)
    reported = []
    for now in range(1000, 9000, 50):
        b.at(now)
        reported += b.aside
    assert b.s.state == slot.REFUSED and b.s.thermal is False
    assert [row[:3] for row in reported if row[3][0] == "soh_end"] == [("fault.raised", 2, "P"), ("evidence.taken", 2, "P")]
    b.door(False)
    b.until(slot.OPEN, 9000)
    b.put(False)
    reported = []
    for now in range(9500, 10000, 50):
        b.at(now)
        reported += b.aside
    assert ("fault.cleared", 2, "P", ("soh_end",)) in reported


def test_a_pack_that_was_removed_leaves_nothing_behind():
    b = Bench().put(soc_pct=77)
    b.accepted()
    s = b.s
    s.serial_quarantined = s.duplicate = s.challenges_exhausted = s.is_full = s.wants_wake = True
    s.challenges_unanswered = s.wake_requests = 2
    s._full_since_ms = 1
    b.door(False)
    b.until(slot.OPEN, 5000)
    b.put(False)
    b.until(slot.OPEN, 5500)
    for now in range(5500, 6000, 50):
        b.at(now)
    new = SlotControl(2, CompiledLimits(LimitSet(), (rules.PACK, rules.SLOT)))
    names = "proof proven_serial challenges_unanswered challenges_exhausted wake_requests wants_wake wants_proof identified"
    names += " serial_quarantined duplicate is_full readings_seen _last_taken_ms _full_since_ms"
    for name in (names + " _occupied serial last_soc_pct pack_fresh").split():
        value = getattr(s, name)
        assert value == getattr(new, name) and type(value) is type(getattr(new, name)), (name, value)


def test_a_pack_that_leaves_128_challenges_unanswered_is_woken_during_the_next_128():
    b = Bench().put()
    now, _ = b.until(slot.CHECKING, 1000)
    assert b.s.present_at_boot and not b.s.wants_wake
    woken = []
    for count in range(1, 300):
        b.s.take_proof("P", None, b.options, b.out)
        b.at(now + count)
        if b.s.wants_wake:
            woken.append(count)
    assert woken == list(range(128, 256)) and b.s.challenges_unanswered == 299 and not b.s.challenges_exhausted
