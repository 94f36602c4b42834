"""A sample of power cuts through the chip drivers; `python tests/powercut/through_drivers.py --cuts 20000` runs the whole."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import through_drivers  # noqa: E402


def test_nothing_that_was_reported_as_stored_is_lost_in_power_cuts_of_the_flash_chip():
    life = through_drivers.run(through_drivers.Flash, 60, 7)
    assert (life.lost, life.disorder, life.state_lost) == (0, 0, 0) and life.stored > 100


def test_nothing_that_was_reported_as_stored_is_lost_in_power_cuts_of_the_fram():
    life = through_drivers.run(through_drivers.Fram, 60, 7)
    assert (life.lost, life.disorder, life.state_lost) == (0, 0, 0) and life.stored > 100
