"""Where things are in the tree."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIB = ROOT / "build" / "lib"  # third-party MicroPython modules, as fetched
OUT = ROOT / "build" / "mpy"  # the compiled image


def use_firmware() -> None:
    """Make `cabinet` importable under CPython; `micropython` is a stand-in whose const() returns what it is given."""
    for path in (ROOT / "tests" / "shims", ROOT / "firmware"):
        if str(path) not in sys.path:
            sys.path.append(str(path))
