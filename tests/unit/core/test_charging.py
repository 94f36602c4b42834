"""Who is charged and how fast: each bound of voltage and current by itself, and how a budget is shared. To the milliampere."""


from core_stubs import StubSlot

from cabinet.core import charging, slot
from cabinet.core.options import Options


def full_of(number=1, **other):
    """A slot with a pack that would take much: 16 cells of LFP, 30 Ah, 24 degC."""
    s = StubSlot(number, pack_charge_limit_ma=50000, pack_charge_limit_mv=60000, plan_ma=0, plan_why="")
    s.pack.cell_count = 16
    s.pack.capacity_mah = 30000
    s.pack.temp_min_ddegc = 240
    return s.set(**other)


def test_the_charge_voltage_is_the_lower_of_what_chemistry_and_pack_allow():
    for change, expected in (
        ({}, 3550 * 16), ({"pack_chemistry": 2, "pack_cell_count": 13}, 4200 * 13), ({"pack_charge_limit_mv": 56799}, 56799),
        ({"pack_charge_limit_mv": 56800}, 56800), ({"pack_charge_limit_mv": 0}, 0), ({"pack_chemistry": 0}, 0), ({"pack_chemistry": 3}, 0),
    ):  # fmt: skip
        assert charging.target_mv(full_of(**change)) == expected, change


def test_the_charge_current_is_the_least_of_all_that_bound_it():
    for change, derate_pct, expected in (
        ({}, 100, 15000),  # half its capacity
        ({"pack_chemistry": 2}, 100, 15000),
        ({"pack_chemistry": 0}, 100, 0),
        ({"pack_capacity_mah": 30001}, 100, 15000),  # rounded down
        ({"pack_temp_min_ddegc": 100}, 100, 15000),
        ({"pack_temp_min_ddegc": 99}, 100, 6000),
        ({"pack_temp_min_ddegc": 50}, 100, 6000),
        ({"pack_temp_min_ddegc": 49}, 100, 3000),
        ({"pack_temp_min_ddegc": 0}, 100, 3000),
        ({"pack_temp_min_ddegc": -1}, 100, 0),
        ({"faults_derate_pct": 20}, 100, 3000),
        ({"faults_derate_pct": 99}, 100, 14850),
        ({"pack_temp_min_ddegc": 49, "faults_derate_pct": 20}, 100, 3000),  # `temp_cool` and the tier: the same cold, once
        ({"pack_temp_min_ddegc": 99, "faults_derate_pct": 20}, 100, 3000),
        ({"pack_temp_min_ddegc": 99}, 50, 6000),
        ({}, 50, 7500),
        ({"faults_derate_pct": 20}, 50, 3000),
        ({"faults_derate_pct": 50}, 20, 3000),
        ({"pack_charge_limit_ma": 14999}, 100, 14999),
        ({"pack_charge_limit_ma": 15001}, 100, 15000),
        ({"pack_charge_limit_ma": 0}, 100, 0),
        ({"pack_capacity_mah": 60000}, 100, 20000),  # what the cabinet allows
        ({"pack_capacity_mah": 40001}, 100, 20000),
        ({"pack_capacity_mah": 39998}, 100, 19999),
    ):
        found = charging.largest_ma(full_of(**change), Options(charge_ma=20000), derate_pct)
        assert found == expected and type(found) is int, (change, derate_pct, found)


def test_power_is_rounded_up():
    for mv, ma, watts in (
        (0, 0, 0), (100, 100, 1), (10000, 100, 1), (10000, 101, 2), (10001, 100, 2), (50000, 10000, 500), (50001, 10000, 501),
    ):  # fmt: skip
        assert charging.power_w(mv, ma) == watts and type(charging.power_w(mv, ma)) is int, (mv, ma)
    for mv in range(40000, 58000, 777):
        for ma in range(0, 20000, 777):
            assert mv * ma <= charging.power_w(mv, ma) * 1000000 <= (mv + 99) * (ma + 99) + 1000000


def test_a_slot_wishes_to_charge_only_if_everything_is_right():
    s = full_of()
    plan = charging.ChargePlan([s], Options())
    assert plan.wishes(s) is True and plan.power_w == 0
    for change in (
        {"state": slot.CHECKING}, {"state": slot.REFUSED}, {"enabled": False}, {"is_full": True}, {"reserved": True},
        {"faults_stop_rule": 0}, {"identified": False},
    ):  # fmt: skip
        assert plan.wishes(full_of(**change)) is False, change
    assert plan.wishes(full_of(faults_stop_rule=-1, state=slot.FULL)) is True


def plan_of(*slots, **options):
    """A plan, made at 5000 ms."""
    plan = charging.ChargePlan(list(slots), Options(**options))
    plan.step(5000, 100)
    return plan


def test_a_plan_is_made_once_a_second_and_a_lost_wish_counts_at_once():
    s = full_of()
    plan = plan_of(s)
    assert s.plan_ma == 15000 and s.plan_why == "temperature"
    s.pack.charge_limit_ma = 9000
    plan.step(5000, 100)
    assert s.plan_ma == 15000
    plan.step(5999, 100)
    assert s.plan_ma == 15000
    plan.step(6000, 100)
    assert s.plan_ma == 9000
    s.pack.charge_limit_ma = 8000
    plan.step(5990, 100)  # a clock that has jumped back: at once
    assert s.plan_ma == 8000
    s.is_full = True
    plan.step(6000, 100)
    assert s.plan_ma == 0 and s.plan_why == "temperature"
    plan.step(7000, 100)
    assert s.plan_ma == 0 and s.plan_why == "planning" and plan.power_w == 0
    s.is_full = False
    plan.step(7500, 100)
    assert s.plan_ma == 0
    plan.step(8000, 50)
    assert s.plan_ma == 7500


def test_a_charge_voltage_that_a_pack_raises_counts_from_the_next_plan_on():
    """Two packs that tell under one address raised and lowered it twice a second: beside full shares it was over the budget."""
    a, b = full_of(1, last_soc_pct=80, pack_charge_limit_mv=54600), full_of(2)
    assert charging.ChargePlan([a, b], Options()).mv(a) == 0
    plan = plan_of(a, b, budget_w=1000, charger_efficiency_pct=100)
    assert plan.mv(a) == 54600 and plan.mv(b) == 56800
    drawn = charging.power_w(54600, a.plan_ma) + charging.power_w(56800, b.plan_ma)
    assert 990 < drawn <= 1000
    a.pack.charge_limit_mv = 60000
    plan.step(5999, 100)
    assert plan.mv(a) == 54600
    a.pack.charge_limit_mv = 54500
    plan.step(5999, 100)
    assert plan.mv(a) == 54500  # less counts at once
    a.pack.charge_limit_mv = 60000
    plan.step(6000, 100)
    assert plan.mv(a) == 56800
    assert charging.power_w(56800, a.plan_ma) + charging.power_w(56800, b.plan_ma) <= 1000


def test_the_fullest_pack_goes_first_and_what_is_left_goes_to_the_next():
    a, b, c, d = full_of(1, last_soc_pct=20), full_of(2, last_soc_pct=80), full_of(3, last_soc_pct=50), full_of(4, last_soc_pct=50)
    plan = plan_of(a, b, c, d, budget_w=2000, charger_efficiency_pct=100)
    assert [s.plan_ma for s in (a, b, c, d)] == [0, 15000, 15000, 5100]
    assert [s.plan_why for s in (a, b, c, d)] == ["budget", "temperature", "temperature", "budget"]
    assert plan.power_w == 852 + 852 + 290
    a.last_soc_pct = 81
    b.enabled = False
    plan.step(6000, 100)
    assert [s.plan_ma for s in (a, b, c, d)] == [15000, 0, 15000, 5100]
    assert b.plan_why == "planning"


def test_a_share_below_the_least_current_is_none_and_the_next_may_have_it():
    for least, expected, power in ((5100, 5100, 995), (5101, 0, 705)):
        a, b = full_of(1, last_soc_pct=80, pack_charge_limit_ma=12345), full_of(2)
        plan = plan_of(a, b, budget_w=1000, charger_efficiency_pct=100, charge_min_ma=least)
        assert a.plan_ma == 12345 and charging.power_w(56800, 12345) == 705
        assert b.plan_ma == expected and b.plan_why == "budget" and plan.power_w == power, least
    cold, warm = full_of(1, last_soc_pct=80, pack_temp_min_ddegc=-10, plan_ma=7), full_of(2)
    plan = plan_of(cold, warm)
    assert cold.plan_ma == 0 and cold.plan_why == "temperature" and warm.plan_ma == 15000
    unknown = full_of(1, last_soc_pct=80, pack_charge_limit_mv=0, plan_ma=7)
    plan_of(unknown, warm)
    assert unknown.plan_ma == 0 and unknown.plan_why == "temperature" and warm.plan_ma == 15000


def test_the_budget_is_that_of_the_mains():
    s = full_of()
    plan = plan_of(s, budget_w=1000, charger_efficiency_pct=90)
    assert s.plan_ma == 15000 and plan.power_w == 852 * 100 // 90
    plan = plan_of(s, budget_w=900, charger_efficiency_pct=90)
    assert s.plan_ma == 14200 and s.plan_why == "budget" and plan.power_w == 807 * 100 // 90
    for change, budget_w, expected in (
        ({"pack_charge_limit_mv": 56001}, 500, 8700),  # of 8771 at 57 V: volts are rounded up
        ({}, 564, 9800),  # of 9894
        ({"pack_cell_count": 17, "pack_charge_limit_mv": 57000}, 564, 9800),
        ({}, 852, 15000),  # just enough
        ({}, 851, 14900),
    ):
        s = full_of(**change)
        plan = plan_of(s, budget_w=budget_w, charger_efficiency_pct=100)
        assert s.plan_ma == expected and type(s.plan_ma) is int and type(plan.power_w) is int, (change, budget_w)
        assert s.plan_why == ("temperature" if budget_w == 852 else "budget")


def test_a_pack_that_takes_next_to_nothing_gets_it():
    for change, expected in (({"pack_charge_limit_ma": 1}, 1), ({"pack_charge_limit_mv": 1}, 15000)):
        s = full_of(**change)
        plan_of(s)
        assert s.plan_ma == expected, change


def test_a_share_that_is_too_small_for_one_is_offered_to_the_next():
    a, b, c = full_of(1, last_soc_pct=80, pack_charge_limit_ma=12345), full_of(2, last_soc_pct=60), full_of(3, pack_charge_limit_ma=1000)
    plan_of(a, b, c, budget_w=1000, charger_efficiency_pct=100, charge_min_ma=5101)
    assert [s.plan_ma for s in (a, b, c)] == [12345, 0, 1000]
