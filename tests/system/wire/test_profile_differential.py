"""A sample of profile_differential.py: profiles decode as cantools decodes, and read back what pymodbus serves."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import pytest

COUNT = int(os.environ.get("PROFILE_COUNT", "1500"))


def differential() -> Any:
    """The script beside this file."""
    name = "profile_differential"
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(name + ".py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["daly-can", "jbd-can", "pylontech-can", "swap-80"])
def test_random_frames_of_each_can_profile_decode_as_cantools_decodes_them(name: str) -> None:
    done = differential().can_frames(name, COUNT, 1)
    assert done["plausible"] > COUNT // 10 and done["refused"] > COUNT // 20


def test_random_register_images_are_read_back_as_pymodbus_serves_them() -> None:
    done = differential().modbus_images(COUNT // 10, 1)
    assert done["plausible"] > 20 and done["refused"] > 20
