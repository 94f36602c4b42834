"""Properties of the interlock and the tables, for whatever hypothesis can think of.

The conditions are written down a second time here, independent of the code that decides.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cabinet.core import charging, interlock, rules, slot, slot_state
from cabinet.core.control import CabinetControl
from cabinet.core.limits import LimitSet
from cabinet.core.option_table import FIELDS
from cabinet.core.options import Options
from swapcab.docs import safety as gen_safety
from swapcab.paths import MICROPYPATH, ROOT

NOW = 1_000_000
LIMITS = LimitSet()
ages = st.one_of(st.none(), st.integers(-2000, 20_000))
states = st.integers(slot.UNSEEN, slot.FAULT)


@st.composite
def slot_states(draw):
    """Everything that bears on whether a slot may be charged or opened."""
    return {
        "io": draw(ages),
        "pack": draw(ages),
        "charger": draw(ages),
        "door": draw(st.booleans()),
        "lock": draw(st.booleans()),
        "there": draw(st.booleans()),
        "proof": draw(st.integers(0, 3)),
        "proven": draw(st.sampled_from(("A", "B", ""))),
        "serial": draw(st.sampled_from(("A", "A", "B", ""))),
        "told": draw(st.sampled_from(("A", "A", "B", ""))),
        "state": draw(states),
        "enabled": draw(st.booleans()),
        "readings_seen": draw(st.integers(0, 4)),
        "storage": draw(st.booleans()),
        "reserved": draw(st.booleans()),
        "full": draw(st.booleans()),
        "plan": draw(st.sampled_from((0, 5000, 20000))),
        "allowed_ma": draw(st.sampled_from((0, 3000, 15000))),
        "allowed_mv": draw(st.sampled_from((0, 56000, 60000))),
        "fault": draw(st.one_of(st.none(), st.none(), st.integers(0, rules.COUNT - 1))),
        "stop": draw(st.booleans()),
        "current": draw(st.sampled_from((0, 0, 499, 500, 900, 5000, -3000))),
        "other_open": draw(st.booleans()),
        "claim": draw(st.integers(0, 4)),
    }


def likely():
    """A state where most conditions hold, so that permits are really given now and then."""
    good = {
        "io": 0, "pack": 0, "charger": 0, "door": True, "lock": True, "there": True, "proof": 2, "proven": "A", "serial": "A", "told": "A",
        "state": slot.IDLE, "enabled": True, "readings_seen": 3, "storage": True,
        "reserved": False, "full": False, "plan": 5000, "allowed_ma": 15000,
        "allowed_mv": 56000, "fault": None, "stop": False, "current": 0, "other_open": False, "claim": 2,
    }  # fmt: skip
    return st.tuples(slot_states(), st.sets(st.sampled_from(sorted(good)), max_size=3)).map(
        lambda drawn: {name: drawn[0][name] if name in drawn[1] else good[name] for name in good}
    )


def build(case):
    """A two-slot cabinet in the state that is asked for."""
    control = CabinetControl(2, LIMITS, Options())
    s = control.slots[0]
    for name, reading in (("io", s.io), ("pack", s.pack), ("charger", s.charger)):
        reading.taken_ms = None if case[name] is None else NOW - case[name]
    s.io.door_closed, s.io.lock_locked, s.io.pack_present = case["door"], case["lock"], case["there"]
    s.observe(control.options, NOW, [])
    s.state = case["state"]
    s._occupied_since_ms = None
    s.serial = case["serial"]
    s.identified = True
    s.pack.serial = case["told"]
    s.pack.soc_pct = 95
    s.pack.current_ma = case["current"]
    s.plan_ma = case["plan"]
    s.observe(control.options, NOW, [])
    s.proof, s.proven_serial = case["proof"], case["proven"]
    s.readings_seen = case["readings_seen"]
    s.enabled, s.reserved, s.is_full = case["enabled"], case["reserved"], case["full"]
    s.pack.charge_limit_ma, s.pack.charge_limit_mv = case["allowed_ma"], case["allowed_mv"]
    if case["fault"] is not None:
        s.faults.restore(case["fault"])
        s.thermal = case["fault"] in rules.THERMAL
    control.interlock.storage_ok = case["storage"]
    control.interlock.stop_rule = 1 if case["stop"] else -1
    other = control.slots[1]
    other.io.taken_ms = NOW
    other.io.door_closed = other.shut = not case["other_open"]
    other.io_fresh = True
    other.state = slot.OPEN if case["other_open"] else slot.EMPTY
    return control, s


def is_new(age, limit):
    """The oracle's own idea of freshness."""
    return age is not None and 0 <= age <= limit


def may_charge(case):
    """The conditions of charging, written down a second time."""
    options = Options()
    resting = case["state"] != slot.CHARGING and not case["plan"]
    return (
        is_new(case["io"], options.stale_io_ms)
        and case["door"]
        and case["lock"]
        and case["there"]
        and is_new(case["pack"], options.stale_rest_ms if resting else options.stale_pack_ms)
        and is_new(case["charger"], options.stale_charger_ms)
        and case["proof"] == slot.PROVEN
        and case["serial"] != ""
        and case["proven"] == case["serial"] == case["told"]
        and case["state"] in (slot.IDLE, slot.CHARGING, slot.FULL)
        and case["enabled"]
        and case["storage"]
        and not case["reserved"]
        and not case["full"]
        and not case["stop"]
        and (case["fault"] is None or rules.reaction(case["fault"]) < rules.STOP)
        and case["plan"] > 0
        and case["allowed_ma"] > 0
        and case["allowed_mv"] > 0
    )


@settings(max_examples=600, deadline=None)
@given(st.one_of(slot_states(), likely()))
def test_a_slot_is_charged_exactly_if_every_condition_holds(case):
    control, s = build(case)
    out = []
    control.interlock.permit_charge(s, 56000, 1000, out)
    assert (s.charge_ma > 0) == may_charge(case), (case, s.why_code)
    assert (s.charge_mv > 0) == (s.charge_ma > 0)
    assert s.charge_ma <= min(case["plan"], case["allowed_ma"])
    assert s.why_code == "charging" if s.charge_ma else s.why_code not in ("", "charging")
    assert [event.name for event in out] == (["charge.started"] if s.charge_ma else [])
    assert slot_state.charge_winner(s.why_code) in interlock.CHARGE_CLAIMS


def may_open(case, claim):
    """The conditions of opening a door, written down a second time."""
    options = Options()
    if claim == interlock.NOBODY or not is_new(case["io"], options.stale_io_ms) or not case["door"] or case["other_open"]:
        return False
    if case["fault"] in rules.THERMAL:
        return False
    stays = slot.IDENTIFYING <= case["state"] <= slot.QUARANTINED
    limit_ms = options.stale_pack_ms if case["state"] == slot.CHARGING or case["plan"] else options.stale_rest_ms
    fresh = stays and is_new(case["pack"], limit_ms)
    if fresh and abs(case["current"]) >= 500:
        return False
    if claim == interlock.SERVICE:
        return True
    worst = -1 if case["fault"] is None else rules.reaction(case["fault"])
    if case["stop"] or worst >= rules.QUARANTINE or case["state"] == slot.QUARANTINED:
        return False
    if claim == interlock.GIVE_BACK:
        return not fresh or case["readings_seen"] >= 3  # refused for one reason, it may still turn out to be dangerous for another
    if claim == interlock.RIDER_IN:
        return case["enabled"] and case["state"] == slot.EMPTY and not case["there"]
    return case["enabled"] and case["state"] in (slot.IDLE, slot.CHARGING, slot.FULL) and fresh and worst < rules.GIVE_BACK


@settings(max_examples=600, deadline=None)
@given(st.one_of(slot_states(), likely()))
def test_a_door_is_pulsed_exactly_if_every_condition_holds(case):
    control, s = build(case)
    s.door_claim = case["claim"]
    out = []
    control.interlock.permit_doors(NOW, out)
    assert s.pulse == may_open(case, case["claim"]), (case, s.door_why)
    assert (s.door_why == "") == s.pulse
    assert [event.name for event in out] == (["lock.pulsed"] if s.pulse else [])
    assert s.door_claim == interlock.NOBODY


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=4, max_size=4), st.integers(1, 60))
def test_of_all_claims_one_wins_and_a_lock_gets_three_pulses_a_minute(claims, rounds):
    control = CabinetControl(4, LIMITS, Options())
    pulses = {s.number: [] for s in control.slots}
    for step in range(rounds):
        now = NOW + step * 3100
        for s, claim in zip(control.slots, claims, strict=True):
            s.io.taken_ms = now
            s.io.door_closed = s.io.lock_locked = True
            s.observe(control.options, now, [])
            s.state = slot.EMPTY
            s.door_claim = claim
        control.interlock.permit_doors(now, [])
        winners = [s for s in control.slots if s.pulse]
        assert len(winners) <= 1
        for s in winners:
            pulses[s.number].append(now)
            recent = [at for at in pulses[s.number] if now - at < 60000]
            assert len(recent) <= 3


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 100), st.integers(1000, 60000), st.integers(0, 30000), st.integers(-20, 50)), min_size=1, max_size=12
    ),
    st.integers(0, 20000),
    st.integers(1, 100),
)
def test_the_plan_keeps_the_budget_and_every_limit(packs, budget_w, derate_pct):
    options = Options(budget_w=budget_w)
    control = CabinetControl(len(packs), LIMITS, options)
    for s, (soc, capacity, allowed, temp) in zip(control.slots, packs, strict=True):
        s.state = slot.IDLE
        s.identified = True
        s.last_soc_pct = soc
        pack = s.pack
        pack.chemistry, pack.cell_count, pack.capacity_mah, pack.charge_limit_ma, pack.charge_limit_mv = 1, 16, capacity, allowed, 58000
        pack.temp_min_ddegc = temp * 10
    control.plan.step(NOW, derate_pct)
    drawn = 0
    for s, (_, capacity, allowed, temp) in zip(control.slots, packs, strict=True):
        assert 0 <= s.plan_ma <= min(allowed, options.charge_ma, capacity // 2)
        assert s.plan_ma * 100 <= capacity * 50 * derate_pct / 100 * 1.01 + 100
        assert temp >= 0 or s.plan_ma == 0
        assert charging.target_mv(s) == 16 * 3550
        drawn += s.plan_ma * charging.target_mv(s) / 1e6
    assert drawn <= budget_w * options.charger_efficiency_pct / 100
    assert control.plan.power_w <= budget_w


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(rules.IDS), st.sampled_from(("LFP", "NMC")), st.integers(-100_000, 300_000))
def test_no_setting_loosens_a_limit(name, chemistry, value):
    rule = rules.index_of(name)
    column = 0 if chemistry == "LFP" else 1
    cap = rules.level(rule, column)
    looser = (value - cap) * rules.side(rule) > 0
    try:
        tight = LimitSet({name: {chemistry: value}})
    except ValueError:
        assert looser
        return
    assert not looser
    assert (tight.limit(rule, column + 1) - cap) * rules.side(rule) <= 0
    assert (tight.limit(rule, column + 1) - tight.clear(rule, column + 1)) * rules.side(rule) > 0


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_a_snapshot_of_any_bytes_does_no_harm(data):
    control = CabinetControl(3, LIMITS, Options())
    for name in ("swap", "latched", "cabinet", "marked0"):
        control.restore({name: data}, NOW)
    control.step(NOW)
    assert all(s.charge_ma == 0 and not s.pulse for s in control.slots)


def test_every_setting_is_checked_against_its_range():
    for name, (default, least, most, _) in FIELDS.items():
        assert getattr(Options(), name) == default, name
        assert least <= default <= most
        lowest: dict[str, Any] = {name: least}
        assert getattr(Options(**lowest), name) == least
        for value in (least - 1, most + 1, True, 1.5, "1"):
            wrong: dict[str, Any] = {name: value}
            with pytest.raises(ValueError, match=name):
                Options(**wrong)
    with pytest.raises(ValueError, match="unknown"):
        Options(nonsense=1)


def test_the_page_on_safety_is_current():
    assert gen_safety.wanted() == []
    assert gen_safety.TARGET.read_text() == gen_safety.render(), "run python -m swapcab.docs.safety"
    assert set(gen_safety.QUANTITIES) == set(rules.quantity_names())


STORY = """
import sys
from binascii import crc32
import random_walk
for seed in (21, 22, 23):
    walk = random_walk.Walk(seed)
    crc = 0
    decisions = 0
    tick = walk.cabinet.tick

    def counted():
        global crc, decisions
        tick()
        for s in walk.cabinet.control.slots:
            crc = crc32(("%s %d %d %s %s" % (s.state_name, s.charge_mv, s.charge_ma, s.pulse, s.why_code)).encode(), crc)
            decisions += 1

    walk.cabinet.tick = counted
    walk.run()
    print(seed, decisions, crc)
"""


def test_both_interpreters_decide_the_same_on_100000_states_of_random_walks():
    binary = str(Path(sys.executable).with_name("micropython"))
    env = {**os.environ, "MICROPYPATH": MICROPYPATH}
    reported = [
        subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout
        for command in ([binary, "-X", "heapsize=4m", "-c", STORY], [sys.executable, "-c", STORY])
    ]
    assert reported[0] == reported[1]
    assert sum(int(line.split()[1]) for line in reported[0].splitlines()) > 100_000
