"""A sample of fuzz_mqtt.py; FUZZ_COUNT and FUZZ_SEED in the environment ask for more, or for other chances."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path


def test_no_input_gets_out_of_the_uplinks_parsers():
    spec = importlib.util.spec_from_file_location("fuzz_mqtt", Path(__file__).with_name("fuzz_mqtt.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    fuzz = module.Fuzz(int(os.environ.get("FUZZ_SEED", "1")))
    fuzz.run(int(os.environ.get("FUZZ_COUNT", "20000")))
    assert fuzz.packets > 100 and fuzz.refused > 100 and fuzz.carried_out > 10
