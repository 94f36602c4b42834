"""One set of faults alone: what is pending, what service lifts, which rule decides, and every word of its events."""

from array import array

from cabinet.core import rules
from cabinet.core.faults import CompiledLimits, FaultSet
from cabinet.core.limits import LimitSet
from cabinet.core.rules import UNKNOWN


class Table:
    """The faults of slot 3 and quantities that a test sets, with their real sign."""

    def __init__(self):
        self.faults = FaultSet(CompiledLimits(LimitSet(), (rules.PACK, rules.SLOT)), 3)
        self.faults.set_chemistry(1)
        self.values = array("i", [UNKNOWN] * rules.QUANTITIES)
        self.out = []

    def set(self, rule, value):
        """The quantity of a rule."""
        index = rules.index_of(rule)
        self.values[rules.quantity(index)] = UNKNOWN if value is None else value * rules.side(index)
        return self

    def reported(self):
        """The events since the last look."""
        rows = [(event.name, event.slot, event.pack) + tuple(event.values) for event in self.out]
        self.out.clear()
        return rows

    def at(self, now_ms):
        """One evaluation; its events."""
        self.faults.evaluate(self.values, now_ms, self.out, "P")
        return self.reported()

    def stands(self, rule, value, now_ms):
        """Bring a fault about; it stands two seconds later."""
        self.set(rule, value).at(now_ms)
        self.at(now_ms + 2000)
        assert self.faults.active(rules.index_of(rule)), rule
        return self


def cleared(rule):
    return ("fault.cleared", 3, "P", rule)


def test_a_rule_is_pending_while_its_debounce_runs_if_it_forbids_handing_out():
    t = Table().set("soh_end", 70).set("class_low", 1).set("cell_sum", 1500)
    assert t.at(1000) == [] and t.faults.pending == 2  # a rule that only stops charging does not count
    t.set("class_low", None)
    assert t.at(1050) == [] and t.faults.pending == 1  # not known: nobody waits for it
    t.set("class_low", 0)
    assert t.at(1100) == [] and t.faults.pending == 1
    t.set("class_low", 1).set("cell_sum", 0)
    assert t.at(1200) == [] and t.faults.pending == 2
    assert [row[3] for row in t.at(1700)] == ["class_low"] and t.faults.pending == 1
    t.set("soh_end", 71)
    t.at(1800)
    assert t.faults.pending == 0
    t.set("soh_end", 70).at(1900)
    assert t.faults.pending == 1
    t.at(2900)
    assert t.faults.active(rules.index_of("soh_end")) and t.faults.pending == 0
    t.set("cell_deep", 2000).at(3000)
    assert t.faults.pending == 1
    t.faults.pack_gone(t.out, "P")
    assert t.faults.pending == 0 and t.reported() == [cleared("class_low"), cleared("soh_low"), cleared("soh_end")]


def test_a_fault_is_told_with_its_limit_and_knows_how_long_it_was_held():
    t = Table().set("cell_sum", 1501)
    assert t.at(1000) == [] and t.at(2999) == []
    rows = t.at(3010)
    assert rows == [("fault.raised", 3, "P", "cell_sum", "stop", 1501, 1500)] and type(rows[0][5]) is type(rows[0][6]) is int
    assert t.faults.held_ms(rules.index_of("cell_sum"), 3010) == 2010
    t.set("pack_silent", 5000)
    assert t.at(3050) == [("fault.raised", 3, "P", "pack_silent", "give_back", 5000, 5000)]
    assert t.faults.held_ms(rules.index_of("pack_silent"), 3060) == 0  # it is not debounced
    t.set("soh_low", 80).at(4000)
    assert t.at(5000) == [("fault.raised", 3, "P", "soh_low", "note", 80, 80)]  # small values are the dangerous ones


def test_a_fault_whose_limit_depends_on_the_chemistry_says_which_one_applied():
    rule = rules.index_of("cell_ov")
    t = Table()
    assert t.faults.limit(rule) == 3650
    t.faults.set_chemistry(2)
    assert t.faults.limit(rule) == 4230
    t.set("cell_ov", 4230).at(1000)
    assert [row[4:] for row in t.at(2000)] == [("stop", 4230, 4230)]
    t.set("cell_ov", 4201)
    t.at(3000)
    t.at(9000)
    assert t.faults.active(rule)
    t.set("cell_ov", 4200)
    assert t.at(10000) == [] and t.at(14999) == []
    assert t.at(15000) == [cleared("cell_ov")] and not t.faults.active(rule)


def test_what_was_clearing_and_comes_back_is_not_told_again_and_begins_anew():
    t = Table().stands("cell_sum", 1500, 1000).set("cell_sum", 1000)
    assert t.at(4000) == [] and t.at(8999) == []
    t.set("cell_sum", 1500)
    assert t.at(9000) == []
    t.set("cell_sum", 1000)
    assert t.at(9050) == [] and t.at(14049) == []
    t.set("cell_sum", 1001)  # above its clear level, below its limit
    assert t.at(14050) == []
    t.set("cell_sum", 1000)
    assert t.at(14100) == [] and t.at(19099) == []
    assert t.at(19100) == [cleared("cell_sum")]


def test_time_in_which_nothing_is_known_counts_neither_against_a_slot_nor_for_it():
    t = Table().set("current_differs", 3000)
    assert t.at(1000) == [] and t.at(5000) == []
    t.set("current_differs", None)
    assert t.at(5050) == [] and t.at(20000) == [] and t.at(90000) == []
    t.set("current_differs", 3000)
    assert t.at(90050) == [] and t.at(95999) == []  # four seconds before, 5999 ms since it is known again
    assert [row[3] for row in t.at(96000)] == ["current_differs"]
    assert t.faults.held_ms(rules.index_of("current_differs"), 96000) == 10000
    t = Table().stands("cell_sum", 1500, 1000).set("cell_sum", 1000)
    assert t.at(4000) == [] and t.at(6000) == []
    t.set("cell_sum", None)
    assert t.at(6050) == [] and t.at(60000) == []
    t.set("cell_sum", 1000)
    assert t.at(60050) == [] and t.at(65049) == []  # what had been good before says nothing of now
    assert t.at(65050) == [cleared("cell_sum")]


def test_a_latch_that_service_has_lifted_clears_as_if_there_were_none():
    rule = rules.index_of("soft_short")
    t = Table().stands("soft_short", 20, 1000).set("soft_short", 5)
    assert t.at(4000) == [] and t.at(90000) == [] and t.faults.latched() == [rule]
    assert t.faults.service_clear(t.values, t.out, "P", False) == 1 and t.reported() == [] and t.faults.latched() == []
    assert t.at(100000) == []
    t.set("soft_short", 6)
    assert t.at(120000) == []
    t.set("soft_short", 5)
    assert t.at(130000) == [] and t.at(189999) == [] and t.faults.names() == ["soft_short"]
    assert t.at(190000) == [cleared("soft_short")] and t.faults.names() == []
    t.stands("soft_short", 20, 200000)
    t.faults.service_clear(t.values, t.out, "P", False)
    again = ("fault.raised", 3, "P", "soft_short", "quarantine", 20, 20)
    assert t.at(203000) == [again] and t.faults.held_ms(rule, 203000) == 0  # the danger stands: it latches again, and says so
    t.set("soft_short", 0)
    assert t.at(204000) == [] and t.at(300000) == [] and t.faults.latched() == [rule]


def test_service_lifts_each_latch_once_and_ends_what_is_clearing():
    t = Table().stands("soft_short", 20, 1000).stands("soh_end", 60, 4000).stands("cell_sum", 1500, 7000).stands("pack_silent", 5000, 10000)
    t.set("cell_sum", 1000)
    t.at(13000)
    names = t.faults.names()
    assert t.faults.service_clear(t.values, t.out, "P", False) == 2
    assert t.reported() == [cleared("cell_sum")]  # it was clearing; the pack is still silent
    assert t.faults.names() == [name for name in names if name != "cell_sum"] and "pack_silent" in names
    assert t.faults.service_clear(t.values, t.out, "P", False) == 0


def test_service_clears_at_once_what_was_about_a_pack_that_is_no_longer_there():
    rule = rules.index_of("soft_short")
    for pack, value, goes in (("", UNKNOWN, True), ("P", UNKNOWN, False), ("", 10, False)):
        t = Table()
        t.faults.restore(rule)
        assert t.faults.active(rule) and t.faults.stop_rule == rule
        t.values[rules.quantity(rule)] = value
        assert t.faults.service_clear(t.values, t.out, pack, pack == "") == 1
        assert t.reported() == ([("fault.cleared", 3, "", "soft_short")] if goes else []) and t.faults.active(rule) is not goes
    t = Table()
    t.faults.restore(rules.index_of("charger_runs_on"))  # a rule of the slot stays until it is known to be over
    t.faults.service_clear(t.values, t.out, "", True)
    assert t.reported() == [] and t.faults.names() == ["charger_runs_on"]


def test_a_pack_takes_its_own_faults_along_and_no_others():
    t = Table().stands("soft_short", 20, 1000).stands("soh_end", 60, 4000).stands("door_stuck", 1, 7000)
    assert t.faults.names() == ["soft_short", "soh_low", "soh_end", "door_stuck"]
    t.faults.pack_gone(t.out, "P")
    assert t.reported() == [cleared("soh_low"), cleared("soh_end")]
    assert t.faults.names() == ["soft_short", "door_stuck"]


def test_of_equally_severe_faults_the_first_of_the_table_is_named_and_each_change_counts():
    faults = Table().faults
    assert (faults.worst_rule, faults.worst, faults.stop_rule, faults.keep_rule) == (-1, -1, -1, -1)
    assert (faults.derate_pct, faults.changes, faults.pending) == (100, 0, 0)
    note, derate, warm = rules.index_of("soh_low"), rules.index_of("rise_note"), rules.index_of("cell_precharge")
    high, low = rules.index_of("cell_ov"), rules.index_of("temp_low")
    deep, end = rules.index_of("cell_deep"), rules.index_of("soh_end")
    for rule, expected in (
        (note, (note, rules.NOTE, -1, -1, 100, 1)),
        (derate, (derate, rules.DERATE, -1, -1, 50, 2)),
        (warm, (warm, rules.DERATE, -1, -1, 20, 3)),
        (low, (low, rules.STOP, low, -1, 20, 4)),
        (high, (high, rules.STOP, high, -1, 20, 5)),
        (end, (end, rules.GIVE_BACK, end, end, 20, 6)),
        (deep, (deep, rules.GIVE_BACK, deep, deep, 20, 7)),
    ):
        faults.restore(rule)
        found = (faults.worst_rule, faults.worst, faults.stop_rule, faults.keep_rule, faults.derate_pct, faults.changes)
        assert found == expected, rules.IDS[rule]


def test_a_round_that_is_passed_over_would_have_changed_nothing():
    compiled = CompiledLimits(LimitSet(), (rules.PACK, rules.SLOT))
    lazy, eager = FaultSet(compiled, 3), FaultSet(compiled, 3)
    values = array("i", [UNKNOWN] * rules.QUANTITIES)
    dice = 12345
    now_ms = 1000
    reported, wanted, passed, events = [], [], 0, 0
    for _ in range(6000):
        dice = (dice * 1103515245 + 12345) & 0x7FFFFFFF
        kind, rule = dice >> 8 & 15, (dice >> 12) % rules.COUNT
        limit, clear = lazy.limit(rule) * rules.side(rule), compiled.limits.clear(rule, lazy.chemistry) * rules.side(rule)
        if kind < 3:
            values[rules.quantity(rule)] = (limit, clear, limit - 1)[kind]
        elif kind == 3:
            values[rules.quantity(rule)] = UNKNOWN
        elif kind == 4 and dice & 64:
            lazy.set_chemistry(dice & 3)
            eager.set_chemistry(dice & 3)
        elif kind == 5 and dice & 64:
            lazy.pack_gone(reported, "P")
            eager.pack_gone(wanted, "P")
        elif kind == 6 and dice & 64:
            assert lazy.service_clear(values, reported, "P", bool(dice & 256)) == eager.service_clear(values, wanted, "P", bool(dice & 256))
        elif kind == 7 and dice & 192 == 192:
            lazy.restore(rule)
            eager.restore(rule)
        eager._settled = False
        passed += lazy._settled and values == lazy._judged
        lazy.evaluate(values, now_ms, reported, "P")
        eager.evaluate(values, now_ms, wanted, "P")
        assert bytes(lazy.state) == bytes(eager.state) and lazy.pending == eager.pending
        assert [(event.name, event.values) for event in reported] == [(event.name, event.values) for event in wanted]
        events += len(reported)
        reported.clear()
        wanted.clear()
        now_ms += 20 << (dice >> 20 & 7)
    assert events > 500 and passed > 500, (events, passed)


def test_what_is_done_from_outside_counts_in_the_next_round_though_nothing_else_has_changed():
    t = Table().set("cell_ov", 3700)
    t.faults.set_chemistry(2)
    assert t.at(1000) == t.at(1050) == [] and t.faults._settled is True
    t.faults.set_chemistry(1)
    assert t.at(1100) == [] and [row[3] for row in t.at(2100)] == ["cell_ov"]
    t = Table().stands("soh_end", 60, 1000)
    t.at(3050)
    t.faults.pack_gone(t.out, "P")
    t.reported()
    assert t.at(3100) == [] and t.faults.pending == 1 and [row[3] for row in t.at(4100)] == ["soh_low", "soh_end"]
    t = Table().set("cell_sum", 1000)
    t.at(1000)
    t.faults.restore(rules.index_of("cell_sum"))
    assert t.at(1050) == [] and t.at(6050) == [cleared("cell_sum")]


def test_the_very_first_round_is_judged_whatever_it_tells():
    t = Table()
    t.faults = FaultSet(CompiledLimits(LimitSet(), (rules.PACK, rules.SLOT)), 3)
    assert t.faults.chemistry == 0 and t.faults._settled is False
    t.values = array("i", [0] * rules.QUANTITIES)
    t.at(1000)
    assert t.faults.pending > 0


def test_the_first_rule_of_the_table_counts_like_all_others():
    t = Table()
    t.faults.restore(0)
    assert t.faults.worst_rule == t.faults.stop_rule == t.faults.keep_rule == 0 and t.faults.worst == rules.reaction(0)


def test_an_unknown_chemistry_is_judged_by_the_stricter_limit_and_equal_rows_are_shared():
    t = Table()
    for chemistry in (0, 3, 4, 255):
        t.faults.set_chemistry(1)
        t.faults.set_chemistry(chemistry)
        assert t.faults.chemistry == 0, chemistry
    t.set("cell_precharge", 3000).at(1000)
    t.at(2000)
    assert t.faults.names() == ["cell_precharge"]  # the limit of NMC
    t.set("cell_precharge", None).set("cell_ov", 3650).at(3000)
    t.at(4000)
    assert t.faults.names() == ["cell_ov", "cell_precharge"]  # the limit of LFP
    rows = CompiledLimits(LimitSet(), (rules.PACK, rules.SLOT)).rows
    for other in rows[1:]:
        assert len(other) == len(rows[0])
        assert len([row for row, first in zip(other, rows[0]) if row is first]) > len(rows[0]) - 12


def test_what_outlives_a_restart_is_what_service_has_not_ended_lifted_or_not():
    hot, low = rules.index_of("temp_hot"), rules.index_of("soh_low")
    t = Table().set("temp_hot", 600).set("soh_low", 80)
    t.at(1000)
    assert t.faults.lasting() == []
    t.at(2000)
    assert t.faults.active(low) and t.faults.lasting() == [hot] == t.faults.latched()
    t.set("temp_hot", 590)
    assert t.faults.service_clear(t.values, t.out, "P", False) == 1
    t.at(3000)
    assert t.faults.lasting() == [hot] and t.faults.latched() == []
    t.set("temp_hot", 600)
    assert [row[3] for row in t.at(4000)][:1] == ["temp_hot"] and t.faults.latched() == [hot]
    assert t.faults.held_ms(hot, 4000) == 1000  # as if it had been there for its debounce
    t.set("temp_hot", 450)
    t.faults.service_clear(t.values, t.out, "P", False)
    t.at(5000)
    assert t.faults.lasting() == [hot]
    t.at(65000)
    assert t.faults.lasting() == []
