"""The reaction times that docs/safety.md shows: every rule that stops a charger is told of, and none was slower than can be explained."""

import importlib

import pytest

from swapcab.docs import reaction as gen_reaction
from swapcab.paths import use_firmware


def test_every_rule_that_stops_a_charger_has_a_row_or_a_reason():
    use_firmware()
    rules = importlib.import_module("cabinet.core.rules")
    assert gen_reaction.missing(rules) == []
    assert set(gen_reaction.WORDS) <= set(rules.IDS)


@pytest.mark.parametrize("row", gen_reaction.virtual_rows(), ids=lambda row: f"{row['name']} {row['bus']}")
def test_no_reaction_was_slower_than_wires_and_cycle_explain(row):
    assert row["missed"] == 0
    assert row["trials"] == sum(row["acted"].values()) > 0
    assert row["max_ms"] <= gen_reaction.at_most_ms(row)


def test_the_trials_are_many():
    assert sum(row["trials"] for row in gen_reaction.virtual_rows()) >= 10_000


def test_on_real_wires_every_charger_was_stopped_half_of_them_within_the_same_bounds():
    virtual = {(row["name"], row["bus"]) for row in gen_reaction.virtual_rows()}
    rows = gen_reaction.wire_rows()
    assert rows
    for row in rows:
        assert (row["name"], row["bus"]) in virtual
        assert row["missed"] == 0 and row["asked_ms"] <= row["median_ms"] <= gen_reaction.at_most_ms(row), row
