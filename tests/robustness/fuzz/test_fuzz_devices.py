"""A sample of fuzz_devices.py; FUZZ_COUNT and FUZZ_SEED in the environment ask for more, or for other chances."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any


def fuzz() -> Any:
    """The script beside this file."""
    spec = importlib.util.spec_from_file_location("fuzz_devices", Path(__file__).with_name("fuzz_devices.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_hostile_bytes_neither_escape_nor_become_readings() -> None:
    count = int(os.environ.get("FUZZ_COUNT", "60000"))
    done = fuzz().run(count, int(os.environ.get("FUZZ_SEED", "1")))
    assert sum(done.values()) >= count and min(done.values()) > 0
