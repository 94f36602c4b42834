"""Every row of the safety table: trips at the limit, not one step below, and clears only as stated."""

import sys

from cabinet.core import limits, quantities, reading, reason_codes, rule_words, rules, slot_state
from cabinet.core.faults import CompiledLimits, FaultSet
from cabinet.core.rules import UNKNOWN

SCOPES = (rules.PACK, rules.SLOT, rules.CABINET)
LIMITS = limits.LimitSet()
COMPILED = CompiledLimits(LIMITS, SCOPES)


class Bench:
    """One fault set and the quantity of one rule; values are given with their real sign."""

    def __init__(self, rule, chemistry):
        self.rule = rule
        self.faults = FaultSet(COMPILED, 3)
        self.faults.set_chemistry(chemistry)
        self.values = [UNKNOWN] * rules.QUANTITIES
        self.now_ms = 5000
        self.events = []
        self.limit = LIMITS.limit(rule, chemistry)
        self.clear = LIMITS.clear(rule, chemistry)
        self.side = rules.side(rule)

    def hold(self, value, ms):
        """Keep the quantity at a value for a time, evaluated every 50 ms; True if the fault stands at the end."""
        self.values[rules.quantity(self.rule)] = UNKNOWN if value is None else value * self.side
        end = self.now_ms + ms
        while True:
            self.faults.evaluate(self.values, self.now_ms, self.events, "PACK")
            if self.now_ms >= end:
                break
            self.now_ms = min(end, self.now_ms + 50)
        self.now_ms += 1
        return self.faults.active(self.rule)

    def trip(self):
        """Bring the fault about."""
        assert self.hold(self.limit, rules.debounce_ms(self.rule)), rules.IDS[self.rule]


def for_each_rule(check):
    for rule in range(rules.COUNT):
        for chemistry in limits.CHEMISTRIES:
            check(rule, chemistry)


def test_a_rule_trips_at_its_limit_after_its_debounce_time():
    def check(rule, chemistry):
        bench = Bench(rule, chemistry)
        debounce_ms = rules.debounce_ms(rule)
        if debounce_ms:
            assert not bench.hold(bench.limit, debounce_ms - 2), rules.IDS[rule]
            bench.now_ms += 1
        assert bench.hold(bench.limit, 0), rules.IDS[rule]
        raised = [event for event in bench.events if event.data()["rule"] == rules.IDS[rule]]
        assert len(raised) == 1 and raised[0].name == "fault.raised" and raised[0].slot == 3
        assert raised[0].data()["value"] == raised[0].data()["limit"] == bench.limit
        assert raised[0].data()["severity"] == rules.REACTIONS[rules.reaction(rule)]

    for_each_rule(check)


def test_a_rule_does_not_trip_one_step_before_its_limit():
    def check(rule, chemistry):
        bench = Bench(rule, chemistry)
        assert not bench.hold(bench.limit - bench.side, rules.debounce_ms(rule) + 1000), rules.IDS[rule]

    for_each_rule(check)


def test_one_step_back_ends_the_debounce():
    def check(rule, chemistry):
        bench = Bench(rule, chemistry)
        debounce_ms = rules.debounce_ms(rule)
        if debounce_ms > 100:
            bench.hold(bench.limit, debounce_ms - 10)
            bench.hold(bench.limit - bench.side, 0)
            assert not bench.hold(bench.limit, debounce_ms - 10), rules.IDS[rule]
            assert bench.faults.pending <= 3

    for_each_rule(check)


def test_an_unknown_quantity_trips_nothing_and_clears_nothing():
    def check(rule, chemistry):
        bench = Bench(rule, chemistry)
        assert not bench.hold(None, rules.debounce_ms(rule) + 100)
        bench.trip()
        assert bench.hold(None, rules.clear_ms(rule) + 1000), rules.IDS[rule]

    for_each_rule(check)


def test_a_rule_that_does_not_latch_clears_at_its_clear_level_after_its_clear_time():
    def check(rule, chemistry):
        if rules.latch(rule) != rules.FREE:
            return
        bench = Bench(rule, chemistry)
        bench.trip()
        above = bench.clear + bench.side
        if above != bench.limit:
            assert bench.hold(above, rules.clear_ms(rule) + 1000), rules.IDS[rule]
        clear_ms = rules.clear_ms(rule)
        if clear_ms:
            assert bench.hold(bench.clear, clear_ms - 10), rules.IDS[rule]
            assert bench.hold(bench.limit, 0), rules.IDS[rule]
            assert bench.hold(bench.clear, clear_ms - 2), rules.IDS[rule]
            bench.now_ms += 1
        assert not bench.hold(bench.clear, 0), rules.IDS[rule]
        assert "fault.cleared" in [event.name for event in bench.events]

    for_each_rule(check)


def test_a_rule_that_latches_does_not_clear_by_itself():
    def check(rule, chemistry):
        if rules.latch(rule) == rules.FREE:
            return
        bench = Bench(rule, chemistry)
        bench.trip()
        assert bench.hold(bench.clear, rules.clear_ms(rule) + 5000), rules.IDS[rule]
        bench.faults.pack_gone(bench.events, "PACK")
        goes = rules.latch(rule) == rules.STAY and rules.scope(rule) == rules.PACK
        assert bench.faults.active(rule) != goes, rules.IDS[rule]

    for_each_rule(check)


def test_service_lifts_a_latch_but_not_the_danger():
    def check(rule, chemistry):
        if rules.latch(rule) == rules.FREE:
            return
        bench = Bench(rule, chemistry)
        bench.trip()
        bench.faults.service_clear(bench.values, bench.events, "PACK", False)
        assert bench.hold(bench.limit, rules.clear_ms(rule) + 1000), rules.IDS[rule]
        assert bench.hold(bench.clear, rules.clear_ms(rule) + 1000), "latched again as the danger stood: " + rules.IDS[rule]
        bench.faults.service_clear(bench.values, bench.events, "PACK", False)
        assert not bench.hold(bench.clear, rules.clear_ms(rule)), rules.IDS[rule]

    for_each_rule(check)


def test_a_pack_takes_its_fault_along_once_service_has_lifted_it():
    def check(rule, chemistry):
        if rules.latch(rule) != rules.SERVICE or rules.scope(rule) != rules.PACK:
            return
        for clearing in (False, True):
            bench = Bench(rule, chemistry)
            bench.trip()
            bench.faults.service_clear([rules.UNKNOWN] * rules.QUANTITIES, bench.events, "PACK", False)
            if clearing and rules.clear_ms(rule):
                assert bench.hold(bench.clear, 0), rules.IDS[rule]
            bench.faults.pack_gone(bench.events, "PACK")
            assert not bench.faults.active(rule), rules.IDS[rule]
            assert bench.events[-1].name == "fault.cleared"

    for_each_rule(check)


def test_the_severest_fault_decides():
    bench = Bench(rules.index_of("temp_high"), 1)
    at = rules.index_of("temp_hot")
    bench.hold(600, 1000)
    faults = bench.faults
    assert faults.worst == rules.QUARANTINE and faults.worst_rule == at and faults.stop_rule == at and faults.keep_rule == at
    assert faults.derate_pct == 50
    assert set(faults.names()) == {"temp_warm", "temp_high", "temp_hot"}
    bench.hold(300, 60000)
    faults.service_clear(bench.values, bench.events, "PACK", False)
    bench.hold(300, 60000)
    assert faults.worst == -1 and faults.stop_rule == -1 and faults.keep_rule == -1 and faults.derate_pct == 100


def test_an_unknown_chemistry_gets_the_stricter_limit():
    assert LIMITS.limit(rules.index_of("cell_ov"), 0) == 3650
    assert LIMITS.limit(rules.index_of("cell_precharge"), 0) == 3000
    assert LIMITS.limit(rules.index_of("cell_ov"), 1) == 3650
    assert LIMITS.limit(rules.index_of("cell_ov"), 2) == 4230


def error_of(tighten):
    try:
        limits.LimitSet(tighten)
    except ValueError as error:
        return str(error)
    return ""


def test_a_setting_may_tighten_a_limit_and_never_loosen_it():
    tight = limits.LimitSet({"cell_ov": {"LFP": 3600}, "soh_end": {"LFP": 75, "NMC": 80}})
    assert tight.limit(rules.index_of("cell_ov"), 1) == 3600 and tight.clear(rules.index_of("cell_ov"), 1) == 3550
    assert tight.limit(rules.index_of("cell_ov"), 2) == 4230
    assert tight.limit(rules.index_of("soh_end"), 2) == 80
    assert tight.version == limits.VERSION + "+3"
    assert "limits.cell_ov.LFP = 3651" in error_of({"cell_ov": {"LFP": 3651}}) and "3650" in error_of({"cell_ov": {"LFP": 3651}})
    assert "limits.soh_end.NMC = 69" in error_of({"soh_end": {"NMC": 69}})
    for wrong in (3000, {"LCO": 1}, {"LFP": "low"}, {"LFP": True}):
        assert error_of({"cell_ov": wrong}) != "", wrong
    for wrong in ({"cell_ovv": {"LFP": 1}},):
        assert error_of(wrong) != "", wrong


def test_an_error_in_a_setting_names_its_place_its_value_and_what_is_allowed():
    for tighten, reported in (
        ({"cell_ovv": {"LFP": 1}}, "limits.cell_ovv: there is no such rule"),
        ({"cell_ov": 3000}, 'limits.cell_ov: write {"LFP": limit, "NMC": limit}'),
        ({"cell_ov": {"LCO": 1}}, "limits.cell_ov.LCO: allowed are LFP and NMC"),
        ({"cell_ov": {"LFP": "low"}}, "limits.cell_ov.LFP = 'low': allowed are whole numbers up to 3650"),
        ({"cell_ov": {"NMC": 4231}}, "limits.cell_ov.NMC = 4231: allowed are whole numbers up to 4230"),
        ({"cell_ov": {"NMC": True}}, "limits.cell_ov.NMC = True: allowed are whole numbers up to 4230"),
        ({"soh_end": {"LFP": 69}}, "limits.soh_end.LFP = 69: allowed are whole numbers from 70"),
    ):
        assert error_of(tighten) == reported
    same = limits.LimitSet({"cell_ov": {"NMC": 4230}, "soh_end": {"LFP": 70}})  # the cap itself
    assert same.tightened == 2 and same.version == limits.VERSION + "+2"
    assert limits.LimitSet().version == limits.LimitSet({}).version == limits.VERSION and limits.LimitSet().tightened == 0


def test_a_tightened_limit_takes_its_clear_level_along_and_leaves_all_others():
    rule = rules.index_of("cell_ov")
    assert LIMITS.levels(rule) == (3650, 4230, 3600, 4200)
    assert [LIMITS.clear(rule, chemistry) for chemistry in limits.CHEMISTRIES] == [3600, 3600, 4200]
    tight = limits.LimitSet({"cell_ov": {"LFP": 3640, "NMC": 4210}, "soh_end": {"NMC": 75}})
    assert tight.levels(rule) == (3640, 4210, 3590, 4180)
    assert [tight.limit(rule, chemistry) for chemistry in limits.CHEMISTRIES] == [3640, 3640, 4210]
    assert [tight.clear(rule, chemistry) for chemistry in limits.CHEMISTRIES] == [3590, 3590, 4180]
    end = rules.index_of("soh_end")
    assert tight.levels(end) == (70, 75, 71, 76) and tight.limit(end, 0) == 75 and tight.clear(end, 0) == 76
    for other in range(rules.COUNT):
        if other not in (rule, end):
            assert tight.levels(other) == LIMITS.levels(other), rules.IDS[other]


def test_rows_that_are_the_same_are_shared():
    scopes = (rules.PACK, rules.CABINET)
    first = LIMITS.compile(scopes, 1)
    second = LIMITS.compile(scopes, 2, first)
    assert second == LIMITS.compile(scopes, 2) and isinstance(second, tuple)
    shared = [row for row, like in zip(second, first) if row is like]
    assert len(shared) == len([row for row, like in zip(second, first) if row == like]) and 0 < len(shared) < len(first)


def test_a_pack_takes_its_quantities_along_and_leaves_those_of_the_slot():
    measures = slot_state.SlotMeasures()
    for index in range(rules.QUANTITIES):
        measures.values[index] = 1
    quantities.forget_pack(measures)
    for rule in range(rules.COUNT):
        kept = measures.values[rules.quantity(rule)] == 1
        assert kept == (rules.scope(rule) != rules.PACK), "%s: in rule_table.QUANTITIES packs come first" % rules.IDS[rule]


def test_each_danger_bit_trips_the_rule_of_its_name():
    names = ("smoke", "gas", "water", "emergency_stop", "tilt", "ground_fault", "fan", "mains_lost")
    for name in names:
        cabinet = reading.CabinetReading()
        cabinet.danger_bits = getattr(reading, "CABINET_" + name.upper())
        measures = quantities.CabinetMeasures()
        measures.fill(cabinet, True, 0)
        assert [other for other in names if measures.values[rules.quantity(rules.index_of(other))] == 1] == [name]


def test_a_quantity_that_nobody_has_worked_out_is_unknown():
    assert list(slot_state.SlotMeasures().values) == [UNKNOWN] * rules.QUANTITIES == list(quantities.CabinetMeasures().values)


def test_hysteresis_lies_on_the_safe_side_and_every_reason_has_words():
    codes = reason_codes.codes()
    for rule in range(rules.COUNT):
        for chemistry in limits.CHEMISTRIES:
            assert (LIMITS.limit(rule, chemistry) - LIMITS.clear(rule, chemistry)) * rules.side(rule) > 0, rules.IDS[rule]
        assert rules.reason(rule) in codes, rules.IDS[rule]
        assert rule_words.of_rule(rule)[-1] == ".", rules.IDS[rule]
        assert (rules.derate_pct(rule) > 0) == (rules.reaction(rule) == rules.DERATE), rules.IDS[rule]
    assert len(set(rules.IDS)) == rules.COUNT
    for code in codes:
        assert len(code) <= 20, code
        assert reason_codes.sentence(code, 3)
    assert reason_codes.ocpp("no_full_pack") == "NoBatteryAvailable" and reason_codes.ocpp("busy") == ""
    assert reason_codes.sentence("put_pack_in", 7).find("slot 7") > 0
    assert reason_codes.sentence("nonsense") == "nonsense" and reason_codes.sentence("ok") == "All is well."


def test_the_reactions_of_the_ladder_are_all_in_use():
    used = {rules.reaction(rule) for rule in range(rules.COUNT)}
    assert used == {rules.NOTE, rules.DERATE, rules.STOP, rules.GIVE_BACK, rules.QUARANTINE, rules.STOP_CABINET}


def test_the_text_of_the_table_can_be_let_go_and_comes_back():
    before = rules.rows()
    assert "cabinet.core.rule_table" in sys.modules
    rules.let_go(sys.modules)
    assert "cabinet.core.rule_table" not in sys.modules
    assert rules.level(rules.index_of("temp_hot"), 0) == 600 and rule_words.of_rule(0) and rule_words.of_rule(rules.COUNT - 1)
    assert rules.rows() == before
