"""Samples of fuzz_mqtt.py and fuzz_both.py; FUZZ_COUNT and FUZZ_SEED in the environment ask for more, or for other chances."""

from __future__ import annotations

import os

import fuzz_both
import fuzz_mqtt

SEED = int(os.environ.get("FUZZ_SEED", "1"))
COUNT = int(os.environ.get("FUZZ_COUNT", "20000"))


def test_no_input_gets_out_of_the_uplinks_parsers():
    fuzz = fuzz_mqtt.Fuzz(SEED)
    fuzz.run(COUNT)
    assert fuzz.packets > 100 and fuzz.refused > 100 and fuzz.carried_out > 10


def test_micropython_and_cpython_make_the_same_of_every_input():
    assert fuzz_both.differences(SEED, COUNT) == []
