"""The simulation on virtual time, in short: it runs, it replays, and every invariant bites."""

import re
import sys
from pathlib import Path

import pytest
import virtual_build
import virtual_run

HERE = Path(__file__).resolve().parent
BROKEN = re.findall(r'^    "(\w+)": \(_', (HERE / "virtual" / "broken.py").read_text(), re.MULTILINE)


@pytest.fixture(scope="session", autouse=True)
def built() -> Path:
    """Everything compiled."""
    return virtual_build.prepare()


def expected_of(name: str) -> set[str]:
    """The invariants of which one must catch this build, as broken.py has them."""
    text = (HERE / "virtual" / "broken.py").read_text()
    row = re.search(rf'^    "{name}": \([^(]*(?:\("[^"]*"\))?, \(([^)]*)\)', text, re.MULTILINE)
    assert row is not None
    return set(re.findall(r'"(\w+)"', row.group(1)))


def test_a_cabinet_full_of_troubles_keeps_every_invariant_and_serves_again():
    result = virtual_run.run({"seed": 4, "hours": 0.1, "every_s": 12, "calm_s": 100, "story": 1})
    assert result["ok"], f"{result['violation']}\n" + "\n".join(result["story"])
    assert result["swaps"]["completed"] >= 3
    assert sum(result["faults"].values()) >= 5
    assert result["checks"] > 5000 and result["events"] > 100


def test_a_seed_replays_exactly():
    words = {"seed": 7, "hours": 0.025, "every_s": 8, "calm_s": 5, "story": 1}
    first = virtual_run.run(words)
    second = virtual_run.run(words)
    assert first["story"] == second["story"] and first["story"]
    for name in ("ok", "violation", "turns", "events", "checks", "swaps", "faults", "digest"):
        assert first[name] == second[name], name


def test_another_python_tells_the_same_story():
    words = {"seed": 7, "hours": 0.025, "every_s": 8, "calm_s": 5, "story": 1}
    here = virtual_run.run(words)
    there = virtual_run.run(words, other=sys.executable)
    assert here["story"] == there["story"] and here["story"]
    for name in ("ok", "violation", "turns", "events", "checks", "swaps", "faults", "digest"):
        assert here[name] == there[name], name


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_build_is_caught(name):
    result = virtual_run.run({"seed": 5, "hours": 0.14, "calm_s": 10, "broken": name})
    assert not result["ok"], f"{name} went unnoticed"
    assert result["violation"]["name"] in expected_of(name), result["violation"]
