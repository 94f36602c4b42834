"""A few seconds of `make glitch`: no wrong reading costs an event or a stored value."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

_SPEC = importlib.util.spec_from_file_location("glitch_run", Path(__file__).with_name("run.py"))
assert _SPEC is not None and _SPEC.loader is not None
run = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(run)


def figures(options: dict[str, Any], least: str, count: int) -> None:
    """Run one part and hold its figures against what must be 0."""
    result = run.run_engine(options)
    assert result["done"], result["bad"]
    assert {name: result["rows"][name] for name in run.ZEROS if result["rows"].get(name)} == {}, result["bad"]
    assert result["rows"][least] >= count


@pytest.mark.parametrize("part", [part for part in run.PARTS if part.startswith("start, 8")])
def test_a_wrong_reading_at_a_start_costs_no_event(part: str) -> None:
    """Every reading of the headers, some of the others; single ones and bursts of 2, 4 and 10."""
    figures({**run.PARTS[part], "bits": 1, "every": 11}, "readings tried", 500)


def test_a_wrong_reading_of_the_state_store_forgets_nothing() -> None:
    """Its start, and each fetch after it."""
    figures({**run.PARTS["state store"], "bits": 1, "every": 11}, "readings tried", 400)


def test_one_flipped_bit_is_put_right_or_reported() -> None:
    """Anywhere in both rings and the state store."""
    figures({**run.PARTS["flipped for good"], "count": 30}, "flips in ring A", 10)


def test_a_burst_while_a_backlog_drains_costs_a_pause() -> None:
    """Up to 500 wrong readings in a row."""
    figures({**run.PARTS["draining"], "step": 211}, "runs", 80)
