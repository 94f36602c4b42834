"""A few seconds of `make powercut`: the journal stands the cuts, and journals broken on purpose do not."""

import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("powercut_run", Path(__file__).with_name("run.py"))
assert _SPEC is not None and _SPEC.loader is not None
run = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(run)


@pytest.mark.parametrize("part", list(run.PARTS))
def test_no_cut_loses_an_event_that_was_reported_as_stored(part: str) -> None:
    """A few dozen events with all cuts, every 25th operation of each recovery cut as well."""
    figures = run.run_engine({**run.PARTS[part], "seed": 5, "events": 30, "second": 25, "adopt": 60})
    assert figures["failed"] == ""
    assert figures["cuts"] > 400
    assert figures["second_cuts"] > 50
    assert figures["duplicates_max"] <= 10


@pytest.mark.parametrize("mutant", ["no CRC", "reported before programmed", "no hardening", "erases what is not acknowledged"])
def test_a_journal_broken_on_purpose_is_caught(mutant: str) -> None:
    """Those that are caught within a second."""
    assert run.catch(mutant)["failed"] != ""
