"""Limits of the settings: never looser than the safety table, never so tight that no cabinet could work, with their unit in the message."""

import json

from example_settings import example
from settings_tree import changed, error_of

from cabinet.core import rules
from cabinet.startup import limit_check
from cabinet.startup import settings as config
from cabinet.startup.settings_error import SettingsError


def refusal(name, chemistry, value):
    try:
        limit_check.check({name: {chemistry: value}})
    except SettingsError as error:
        assert error.path == "limits.%s.%s" % (name, chemistry)
        return str(error)
    raise AssertionError("taken")


def test_a_number_in_another_unit_is_named_with_the_unit():
    for value, said in (
        (43, "43 is 4.3 degC, below the least"), (60, "60 is 6.0 degC, below the least"), (451, "45.1 degC, above the most: looser"),
        (-5, "-0.5 degC"), (430000, "43000.0 degC"),
    ):
        reported = refusal("temp_high", "NMC", value)
        assert said in reported and "250 to 450 in 0.1 degC (25.0 degC to 45.0 degC)" in reported, reported
    assert "3 mV, below the least" in refusal("cell_ov", "LFP", 3) and "3400 to 3650 in mV" in refusal("cell_ov", "LFP", 3)
    assert "69 %, below the least: looser" in refusal("soh_end", "LFP", 69)
    assert "99 %, above the most: so tight" in refusal("soh_end", "LFP", 99)
    assert "in mA" in refusal("over_current", "LFP", 15) and "in s" in refusal("charge_long", "LFP", 6)
    assert "in mOhm" in refusal("contact_bad", "NMC", 1) and "in ms" in refusal("pack_silent", "NMC", 5)


def test_what_is_no_whole_number_is_refused():
    for value in ("430", 430.0, True, None, [430]):
        assert "a whole number from 250 to 450" in refusal("temp_high", "LFP", value)


def test_flags_cannot_be_tightened():
    assert "cannot be tightened" in refusal("smoke", "LFP", 0)
    assert limit_check.check({"smoke": {"LFP": 1, "NMC": 1}}).tightened == 2  # as it stands in the table


def test_an_unknown_rule_or_chemistry_is_named():
    for tree, path, said in (
        ({"temp_hihg": {"LFP": 430}}, "limits.temp_hihg", "no such rule"),
        ({"temp_high": {"LCO": 430}}, "limits.temp_high.LCO", "LFP and NMC"),
        ({"temp_high": 430}, "limits.temp_high", '{"LFP": limit'),
    ):
        try:
            limit_check.check(tree)
        except SettingsError as error:
            assert error.path == path and said in str(error), str(error)
        else:
            raise AssertionError("taken")
    assert error_of(changed(("limits",), [])).path == "limits"


def test_both_ends_of_every_limit_are_taken_and_their_neighbours_are_not():
    names = rules.quantity_names()
    for rule, name in enumerate(rules.IDS):
        for column, chemistry in enumerate(("LFP", "NMC")):
            least, most = limit_check.span(rule, column, names)
            assert least <= most and rules.level(rule, column) in (least, most)
            for value in (least, most):
                assert limit_check.check({name: {chemistry: value}}).levels(rule)[column] == value
            refusal(name, chemistry, least - 1)
            refusal(name, chemistry, most + 1)


def test_the_tightest_limits_leave_room_between_too_cold_and_too_hot_and_between_low_and_high_mains():
    names = rules.quantity_names()

    def worst(low, high):
        return [
            (limit_check.span(rules.index_of(low), column, names)[1], limit_check.span(rules.index_of(high), column, names)[0])
            for column in (0, 1)
        ]

    for low, high in (("temp_low", "temp_high"), ("temp_cool", "temp_warm"), ("mains_under", "mains_over"), ("cell_precharge", "cell_ov")):
        assert all(coldest < hottest for coldest, hottest in worst(low, high)), (low, high)


def test_the_charge_current_stays_below_a_tightened_current_limit():
    tree = changed(("limits",), {"over_current": {"LFP": 30000, "NMC": 15000}})
    tree["control"] = {"charge_ma": 15000}
    error = error_of(tree)
    assert error.path == "control.charge_ma" and "limits.over_current.NMC (15000 mA)" in str(error)
    tree["limits"] = {"over_current": {"LFP": 15001, "NMC": 15001}}
    assert config.parse(json.dumps(tree)).control.charge_ma == 15000
    example_tree = example()
    example_tree["control"] = {"charge_ma": 200000}  # "as much as the pack allows": the table's own limit is not held against it
    assert config.parse(json.dumps(example_tree)).control.charge_ma == 200000
