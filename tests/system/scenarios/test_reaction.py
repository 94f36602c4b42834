"""Reaction times, in short: the same under MicroPython and in copies of a process, within what wires and cycle explain; and a loop that is
too slow shows."""

import re
import sys
from typing import Any

import reaction
import virtual_build
import virtual_run

from swapcab.docs import reaction as gen_reaction
from swapcab.paths import ROOT

ONLY = ["alarm_stop", "charge_long", "emergency_stop"]


def tried(other: str = sys.executable, **more: Any) -> dict[str, Any]:
    """One cabinet, each of the faults once."""
    words = {"module": "reaction", "seed": 3, "rounds": 1, "only": ONLY, **more}
    result = virtual_run.run(words, out=virtual_build.prepare(), start=reaction.START, heap="32m", other=other)
    assert result["ok"], result["violation"]
    return result["rows"]


def test_copies_of_a_cabinet_react_as_fresh_ones_under_micropython_do():
    copies = tried()
    assert copies == tried("")
    rows = reaction.rows_of(copies)
    assert {row["name"] for row in rows} == set(ONLY)
    for row in rows:
        assert not row["missed"] and row["trials"] >= 4, row
        assert row["max_ms"] <= gen_reaction.at_most_ms(row), row  # of virtual time: no machine is too slow for it


def test_a_control_loop_that_is_too_slow_shows():
    rows = reaction.rows_of(tried(period_ms=300))
    assert all(row["max_ms"] > gen_reaction.at_most_ms(row) for row in rows if row["name"] == "emergency_stop")


def test_the_instants_of_core_stand_where_the_trials_look_for_them():
    measure = (ROOT / "firmware" / "cabinet" / "core" / "quantities.py").read_text()
    places = dict(re.findall(r"^_(AT_\w+) = const\((\d+)\)", measure, re.MULTILINE))
    trials = (ROOT / "tests" / "system" / "scenarios" / "virtual" / "reaction.py").read_text()
    used = re.search(r"^AT_REST, AT_CHARGE_STEP = (\d+), (\d+)", trials, re.MULTILINE)
    assert used is not None
    assert used.groups() == (places["AT_REST"], places["AT_CHARGE_STEP"])
