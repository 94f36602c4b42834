"""One slot alone, from readings to states: freshness and debounce to the millisecond, each exit of each state, every word of its events."""


from core_bench import Bench

from cabinet.core import rules, slot
from cabinet.core.faults import CompiledLimits
from cabinet.core.limits import LimitSet
from cabinet.core.slot import SlotControl


class Worst:
    """Faults of which the severest asks for this reaction."""

    def __init__(self, reaction):
        self.worst = reaction


def test_a_new_slot_knows_nothing_and_permits_nothing():
    s = SlotControl(3, CompiledLimits(LimitSet(), (rules.PACK, rules.SLOT)))
    for names, value in (
        ("enabled present_at_boot", True),
        ("challenges_exhausted wants_proof wants_wake pulse reserved shut present io_fresh pack_fresh charger_fresh", False),
        ("identified is_full ready probing vanished switch_bad", False),
        ("serial_quarantined duplicate forced stuck left_open thermal _occupied", False),
        ("proof challenges_unanswered wake_requests charge_mv charge_ma plan_ma door_claim state since_ms readings_seen", 0),
        ("cell_target_mv last_soc_pct _fault_changes _io_watch empty_ms", 0),
        ("proven_serial door_winner serial", ""),
        ("pulsed_ms left right _shut_changed_ms _present_changed_ms _last_taken_ms _occupied_since_ms _full_since_ms", None),
        ("full_soc_pct", 100),
        ("number pulses_left", 3),
        ("why_code", "starting"),
        ("door_why", "no_claim"),
        ("plan_why", "planning"),
    ):
        for name in names.split():
            assert getattr(s, name) == value and type(getattr(s, name)) is type(value), name
    assert s.proof == slot.UNPROVEN and s.state == slot.UNSEEN and s.faults.slot == 3 and s.state_name == "unseen"
    given = (object(), object(), object())
    s = SlotControl(1, CompiledLimits(LimitSet(), (rules.PACK,)), given)
    assert (s.pack, s.charger, s.io) == given


def test_data_are_fresh_up_to_their_age_limit():
    b = Bench()
    b.accepted()
    for received, answer, limit in (("io", "io_fresh", 1500), ("charger", "charger_fresh", 3500), ("pack", "pack_fresh", 15000)):
        for _ in range(2):
            b.s.io.taken_ms = b.s.charger.taken_ms = b.s.pack.taken_ms = 20000
            if received == "pack":
                b.s.io.taken_ms = 20000 + limit
            b.s.observe(b.options, 20000 + limit, b.out)
            assert getattr(b.s, answer) is True, received
            if received == "pack":
                b.s.io.taken_ms = 20001 + limit
            b.s.observe(b.options, 20001 + limit, b.out)
            assert getattr(b.s, answer) is False, received
    b.s.plan_ma = 1  # a pack that is, or is about to be, charged must be heard more often
    b.s.io.taken_ms = b.s.pack.taken_ms = 90000
    for age, fresh in ((3000, True), (3001, False)):
        b.s.io.taken_ms = 90000 + age
        b.s.observe(b.options, 90000 + age, b.out)
        assert b.s.pack_fresh is fresh
    b.s.plan_ma = 0
    b.s.state = slot.CHARGING
    b.s.observe(b.options, 93001, b.out)
    assert b.s.pack_fresh is False
    b.s.state = slot.IDLE
    b.s.observe(b.options, 93001, b.out)
    assert b.s.pack_fresh is True


def test_the_first_look_counts_at_once_and_later_changes_after_their_time():
    b = Bench(debounce_ms=150).put(False)
    assert b.s.state == slot.UNSEEN and b.look(900) == [] and b.s.state == slot.UNSEEN
    assert b.at(1000) == [] and b.s.state == slot.EMPTY and b.s.shut is True and b.s.present is False
    b.door(False)
    for now in (2000, 2100, 2149):
        assert b.at(now) == [] and b.s.shut is True
    assert b.at(2150) == [("door.opened", 2, "", ())] and b.s.shut is False and b.s.state == slot.OPEN
    b.put()
    b.at(3000)
    b.put(False)
    b.at(3100)  # bounced: from the beginning
    b.put()
    b.at(3140)
    assert b.at(3289) == [] and b.s.present is False
    b.at(3290)
    assert b.s.present is True
    b.put(False)
    b.at(3300)
    assert b.at(3449) == [] and b.s.present is True
    b.at(3450)
    assert b.s.present is False
    b.put()
    b.at(3500)
    b.at(3650)
    assert b.s.present is True
    b.door(True)
    b.at(4000)
    b.door(False)
    b.at(4100)
    b.door(True)
    assert b.at(4149) == [] and b.at(4298) == [] and b.s.shut is False
    rows = b.at(4299)
    assert rows[:2] == [("door.closed", 2, "", ()), ("pack.inserted", 2, "", ())] and b.s.shut is True and b.s.state == slot.IDENTIFYING


def test_a_stay_from_the_open_door_to_acceptance_in_every_word():
    b = Bench().put(False)
    b.at(1000)
    b.s.pulsed_ms = 1500
    b.door(False)
    b.until(slot.OPEN, 2000)
    assert b.s.forced is False
    b.put()
    b.door(True)
    b.s.left_open = b.s.stuck = True
    now, rows = b.until(slot.IDENTIFYING, 3000)
    assert rows == [("door.closed", 2, "", ()), ("pack.inserted", 2, "", ())]
    assert b.s.left_open is False and b.s.pulsed_ms is None
    assert b.s.present_at_boot is False and b.s.identified is False and b.s.since_ms == now
    assert b.look(now + 10) == [] and not b.s.pack_fresh  # heard, but not after the door was shut
    now, rows = b.until(slot.CHECKING, now + 50)
    assert rows == [("pack.identified", 2, "P", ("M", 1, 16, 50, 95, 100))]
    assert b.s.serial == "P" and b.s.identified is True and b.s.cell_target_mv == 3550 and b.s.faults.chemistry == 1
    assert b.s.wants_proof is True and b.s.state == slot.CHECKING
    b.s.proof = slot.PENDING
    b.at(now + 50)
    assert b.s.wants_proof is False
    b.prove()
    now, rows = b.until(slot.IDLE, now + 100)
    assert rows == [("pack.accepted", 2, "P", (52700, 250, 50))] and b.s.accepted and b.s.last_soc_pct == 0
    b.at(now + 50)
    assert b.s.last_soc_pct == 50


def test_a_pack_is_judged_only_if_everything_is_known_of_it():
    for change in ({"proof": slot.UNPROVEN}, {"proof": slot.FAILED}, {"proven_serial": "X"}, {"pack_fresh": False}, {"readings_seen": 2}):
        b = Bench().put()
        b.until(slot.CHECKING, 1000)
        b.prove()
        b.s.pack_fresh = True
        b.s.readings_seen = 3
        assert slot._is_judged(b.s) is True
        for name, value in change.items():
            setattr(b.s, name, value)
        assert slot._is_judged(b.s) is False, change
    b.prove().s.pack_fresh = True
    b.s.readings_seen = 3
    b.s.proof = slot.PROVEN
    b.s.faults.pending = 1
    assert slot._is_judged(b.s) is False


def test_each_condition_of_an_exit_asks_one_thing():
    b = Bench()
    s = b.s
    for shut in (False, True):
        for present in (False, True):
            s.shut, s.present = shut, present
            assert slot._is_open(s) is not shut and slot._is_gone(s) is not present
            assert slot._is_shut_with_pack(s) is (shut and present) and slot._is_shut_empty(s) is (shut and not present)
    for rule in (-1, 0, 1):
        s.faults.stop_rule = rule
        s.faults.keep_rule = -1
        assert slot._has_stop(s) is (rule >= 0) and slot._has_no_stop(s) is (rule < 0)
        s.faults.keep_rule = rule
        assert slot._is_unacceptable(s) is (rule >= 0) and slot._is_acceptable(s) is (rule < 0)
    for worst in (-1, rules.NOTE, rules.GIVE_BACK, rules.QUARANTINE, rules.STOP_CABINET):
        s.faults = Worst(worst)
        assert slot._is_dangerous(s) is (worst >= rules.QUARANTINE) and slot._is_not_dangerous(s) is (worst < rules.QUARANTINE)
    for ma in (0, 1):
        s.charge_ma = ma
        assert slot._is_charged(s) is (ma > 0) and slot._is_not_charged(s) is (ma == 0)
    for yes in (False, True):
        s.is_full = s.identified = yes
        assert slot._is_full(s) is yes and slot._is_not_full(s) is not yes and slot._is_identified(s) is yes


def test_age_and_the_questions_about_the_state():
    s = Bench().s
    s.since_ms = 1000
    assert s.age(1500) == 500
    for state in range(len(slot.STATES)):
        s.state = state
        name = slot.STATES[state][0]
        assert s.state_name == name
        assert s.accepted is (name in ("idle", "charging", "full"))
        assert s.has_pack is (name in ("identifying", "checking", "idle", "charging", "full", "refused", "quarantined"))
        s.enabled = False
        assert s.state_name == ("disabled" if name in ("empty", "idle", "full", "fault") else name)
        s.enabled = True


def test_how_urgently_a_pack_is_polled():
    s = Bench().s
    expected = {
        "unseen": "checking", "empty": "absent", "open": "absent", "identifying": "checking", "checking": "checking", "idle": "resting",
        "charging": "charging", "full": "resting", "refused": "resting", "quarantined": "charging", "fault": "absent",
    }  # fmt: skip
    for state, (name, *_) in enumerate(slot.STATES):
        s.state = state
        assert s.poll_need == expected[name], name
        s.plan_ma = 1
        assert s.poll_need == ("charging" if name == "idle" else expected[name]), name
        s.plan_ma = 0
        s.reserved = True
        assert s.poll_need == ("checking" if s.has_pack else expected[name]), name
        s.reserved = False
    s.faults.restore(rules.index_of("ghost"))
    for state, (name, *_) in enumerate(slot.STATES):
        s.state = state
        assert s.poll_need == ("charging" if name == "fault" else expected[name]), name
    s.state = slot.EMPTY
    s.probing = True
    assert s.poll_need == "checking"


def test_the_view_tells_what_is_known_and_nothing_else():
    b = Bench()
    b.accepted()
    b.s.charge_mv, b.s.charge_ma, b.s.why_code = 56000, 7000, "charging"
    b.s.pack.current_ma = 6900
    b.s.pack_fresh = True
    view = b.s.view()
    assert view == {
        "slot": 2, "state": "idle", "pack": "P", "soc_pct": 50, "soh_pct": 95, "pack_mv": 52700, "current_ma": 6900, "temp_max_ddegc": 250,
        "charge_mv": 56000, "charge_ma": 7000, "door_closed": True, "locked": True, "why": "charging", "winner": "plan", "faults": [],
    }  # fmt: skip
    unknown = {"soc_pct": None, "soh_pct": None, "pack_mv": None, "current_ma": None, "temp_max_ddegc": None}
    b.s.pack_fresh = False
    assert {name: value for name, value in b.s.view().items() if name in unknown} == unknown
    b.s.pack_fresh = True
    b.s.state = slot.EMPTY
    assert {name: value for name, value in b.s.view().items() if name in unknown} == unknown
    b.s.io_fresh = False
    b.s.serial = ""
    b.s.why_code = "temp_hot"
    view = b.s.view()
    assert view["door_closed"] is None and view["locked"] is None and view["pack"] is None
    assert view["why"] == "temp_hot"
    b.s.io_fresh = True
    b.s.io.lock_locked = b.s.shut = False
    assert b.s.view()["locked"] is False and b.s.view()["door_closed"] is False


def test_a_pack_may_be_handed_out_only_if_everything_is_right():
    b = Bench(full_soc_pct=90).put(soc_pct=90)
    b.accepted()
    s = b.s
    assert s.releasable(b.options) is True and s.ready is True
    s.pack.soc_pct = 89
    assert s.releasable(b.options) is False
    s.pack.soc_pct = 90
    for name, value in (
        ("state", slot.REFUSED), ("state", slot.CHECKING), ("enabled", False), ("shut", False), ("io_fresh", False), ("pack_fresh", False),
        ("stuck", True),
    ):  # fmt: skip
        was = getattr(s, name)
        setattr(s, name, value)
        assert s.releasable(b.options) is False, name
        setattr(s, name, was)
    assert s.releasable(b.options) is True
    s.faults.keep_rule = 0
    assert s.releasable(b.options) is False


def test_a_slot_takes_a_pack_only_if_everything_is_right():
    b = Bench().put(False)
    b.at(1000)
    s = b.s
    assert s.receptive() is True
    for name, value in (
        ("state", slot.FAULT), ("enabled", False), ("io_fresh", False), ("stuck", True), ("vanished", True), ("switch_bad", True),
    ):  # fmt: skip
        was = getattr(s, name)
        setattr(s, name, value)
        assert s.receptive() is False, name
        setattr(s, name, was)
    for name in ("door_closed", "lock_locked"):
        setattr(s.io, name, False)
        assert s.receptive() is False, name
        setattr(s.io, name, True)
    assert s.receptive() is True


def test_a_pack_is_full_at_its_charge_and_wanting_again_below():
    b = Bench(charge_stop_soc_pct=98, charge_resume_pct=4)
    now = b.accepted()
    for soc, full in ((97, False), (98, True), (97, True), (95, True), (94, False), (97, False)):
        b.put(soc_pct=soc)
        now += 50
        b.at(now)
        assert b.s.is_full is full, soc
        assert b.s.last_soc_pct == soc
    b.put(soc_pct=98)
    b.at(now + 50)
    assert b.s.state == slot.FULL
    b.s.pack_fresh = False
    b.put(soc_pct=94)
    b.at(now + 100)
    assert b.s.state == slot.IDLE


def test_a_pack_is_full_after_a_minute_of_little_current_at_its_voltage():
    target = 3550

    def minute(**values):
        """Whether a pack that is charged like this is full after a minute, and not a moment before."""
        b = Bench()
        now = b.accepted()
        b.s.charge_ma = 1
        b.s.state = slot.CHARGING
        b.put(cell_max_mv=target - 30, cell_min_mv=target - 40, pack_mv=56400, current_ma=1199)
        b.put(**values)
        for at in (now + 100, now + 30000, now + 60099):
            b.at(at)
            assert b.s.is_full is False
        b.at(now + 60100)
        return b.s.is_full

    assert minute() is True
    assert minute(cell_max_mv=target - 31) is False
    assert minute(current_ma=1200) is False
    assert minute(current_ma=1200, capacity_mah=30024) is False and minute(current_ma=1200, capacity_mah=30025) is True
    b = Bench()
    now = b.accepted()
    b.s.charge_ma = 10000
    b.put(cell_max_mv=target - 30, cell_min_mv=target - 40, pack_mv=56400, current_ma=1199)
    b.at(now + 100)
    b.put(current_ma=1200)
    b.at(now + 30000)  # from the beginning
    b.put(current_ma=1199)
    b.at(now + 30100)
    b.at(now + 90099)
    assert b.s.is_full is False
    b.at(now + 90100)
    assert b.s.is_full is True
    b = Bench()
    now = b.accepted()
    b.put(cell_max_mv=target - 30, cell_min_mv=target - 40, pack_mv=56400, current_ma=0)
    for at in (now + 100, now + 60200):
        b.at(at)
        assert b.s.is_full is False  # not charged


def test_a_refused_pack_is_told_with_rule_reason_value_and_limit_and_may_become_good_again():
    rule = rules.index_of("soh_end")
    b = Bench().put(soh_pct=40)
    now, rows = b.until(slot.REFUSED, 1000, 20000)
    reported = [row for row in rows if row[0] == "pack.refused"]
    assert reported == [("pack.refused", 2, "P", ("soh_end", rules.reason(rule), 40, rules.level(rule, 0)))]
    assert type(reported[0][3][2]) is int
    b.at(now + 50)
    assert b.s.state == slot.REFUSED and b.s.serial == "P"
    b.s._occupied_since_ms = 900
    b.s.proof = slot.PROVEN
    b.s.challenges_exhausted = True
    b.s.clear_by_service(b.out)
    assert b.s._occupied_since_ms is None and b.s.proof == slot.UNPROVEN and b.s.identified is False and b.s.challenges_exhausted is False
    assert b.s.wants_proof is False
    for state in (slot.IDLE, slot.CHECKING, slot.EMPTY):
        b.s.state = state
        b.s._occupied_since_ms = 900
        b.s.identified = True
        b.s.clear_by_service(b.out)
        assert b.s._occupied_since_ms == 900 and b.s.identified is True
    b.s.state = slot.QUARANTINED
    b.s.clear_by_service(b.out)
    assert b.s._occupied_since_ms is None


def test_a_dangerous_pack_is_told_with_rule_value_and_limit():
    rule = rules.index_of("temp_hot")
    b = Bench()
    now = b.accepted()
    b.put(temp_max_ddegc=650, temp_min_ddegc=640)
    now, rows = b.until(slot.QUARANTINED, now + 50, 20000)
    reported = [row for row in rows if row[0] == "pack.quarantined"]
    assert reported == [("pack.quarantined", 2, "P", ("temp_hot", 650, rules.level(rule, 0)))]
    assert b.s.thermal is True


def test_of_a_verdict_evidence_is_taken_once_and_at_its_instant():
    for values, state, rule in (({"soh_pct": 40}, slot.REFUSED, "soh_end"), ({"temp_max_ddegc": 650}, slot.QUARANTINED, "temp_hot")):
        b = Bench().put(**values)
        taken = []
        for now in range(1000, 21000, 50):
            b.s.io.taken_ms = b.s.charger.taken_ms = b.s.pack.taken_ms = b.s.pack.identity_taken_ms = now
            b.s.pack.counter += 1
            b.s.observe(b.options, now, b.out)
            b.s.judge(b.options, now, b.out)
            taken += [event for event in b.out if event.name == "evidence.taken" and rule in event.values]
            b.out.clear()
            if b.s.state == state:
                break
        assert b.s.state == state and taken, rule
        assert all(event.slot == 2 for event in taken)


def test_a_door_that_opens_without_its_pulse_was_forced():
    for expected, opened, forced in (
        (None, 2000, True), (2000, 2000 + 14849, False), (2000, 2000 + 14850, True), (2150, 2000, False), (2151, 2000, True),
    ):  # fmt: skip
        b = Bench(debounce_ms=150).put(False)
        b.at(1000)
        b.s.stuck = True
        b.s.pulsed_ms = expected
        b.door(False)
        b.at(opened)
        assert b.at(opened + 150) == [("door.opened", 2, "", ())]
        assert b.s.forced is forced and b.s.stuck is False, (expected, opened)
        b.door(True)
        b.at(opened + 500)
        assert [row[:3] for row in b.at(opened + 650)] == [("door.closed", 2, "")] and b.s.forced is False


def test_a_pack_that_is_taken_out_is_forgotten():
    b = Bench().put(soc_pct=77)
    now = b.accepted()
    b.at(now + 50)
    b.door(False)
    now, rows = b.until(slot.OPEN, now + 100)
    assert rows == [("door.opened", 2, "P", ())] and b.s.identified is False and b.s.proof == slot.UNPROVEN and b.s.readings_seen == 0
    assert b.s.serial == "P"
    b.put(False)
    rows = []
    for step in range(5):
        rows += b.at(now + 50 + 50 * step)
    assert rows == [("pack.removed", 2, "P", (77,))]
    assert b.s.serial == "" and b.s.last_soc_pct == 0 and b.s.faults.chemistry == 0 and b.s._occupied is False
    b.door(True)
    now, rows = b.until(slot.EMPTY, now + 500)
    assert rows == [("door.closed", 2, "", ())]


def test_a_pack_that_was_exchanged_behind_the_open_door_is_another_one():
    b = Bench().put(soc_pct=77)
    now = b.accepted()
    b.at(now + 50)
    b.door(False)
    now, _ = b.until(slot.OPEN, now + 100)
    b.put(serial="Q", soc_pct=20, chemistry=2, cell_count=14, nominal_mv=50400)
    b.door(True)
    now, rows = b.until(slot.CHECKING, now + 50)
    assert rows == [
        ("door.closed", 2, "P", ()), ("pack.removed", 2, "P", (77,)), ("pack.inserted", 2, "Q", ()),
        ("pack.identified", 2, "Q", ("M", 2, 14, 20, 95, 100)),
    ]  # fmt: skip
    assert b.s.cell_target_mv == 4200 and b.s.faults.chemistry == 2
    b = Bench().put(chemistry=7)
    b.until(slot.REFUSED, 1000, 20000)
    assert b.s.cell_target_mv == 0


def test_after_a_silence_of_the_board_a_pack_has_to_prove_itself_afresh():
    b = Bench()
    now = b.accepted()
    b.hears_io = False
    b.at(now + 1600)
    assert b.s.io_fresh is False and b.s.state == slot.IDLE
    b.hears_io = True
    b.at(now + 1650)
    assert b.s.state == slot.CHECKING and b.s.present_at_boot is True and b.s.proof == slot.UNPROVEN
    b = Bench().put(soh_pct=40)
    now, _ = b.until(slot.REFUSED, 1000, 20000)
    b.hears_io = False
    b.at(now + 1600)
    b.hears_io = True
    b.at(now + 1650)
    assert b.s.state == slot.REFUSED


def test_an_identity_counts_only_if_it_was_heard_in_this_stay():
    b = Bench().put(False)
    b.at(1000)
    b.door(False)
    b.until(slot.OPEN, 2000)
    b.put()
    b.door(True)
    b.hears_name = False
    now, _ = b.until(slot.IDENTIFYING, 3000)
    b.s.pack.identity_taken_ms = now
    b.at(now + 50)
    assert b.s.state == slot.IDENTIFYING and b.s.pack_fresh and not b.s.identified
    b.s.pack.identity_taken_ms = now + 1
    b.s.pack.serial = ""
    b.at(now + 100)
    assert not b.s.identified
    b.s.pack.serial = "P"
    b.at(now + 150)
    assert b.s.identified and b.s.state == slot.CHECKING


def test_each_reading_counts_once():
    b = Bench().put()
    b.until(slot.CHECKING, 1000)
    seen = b.s.readings_seen
    b.look(1100)
    b.look(1150)
    assert b.s.readings_seen == seen
    b.at(1200)
    b.at(1250)
    assert b.s.readings_seen == seen + 2
