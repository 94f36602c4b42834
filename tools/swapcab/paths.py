"""Where things are in the tree, and where each interpreter finds the tree's modules."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIB = ROOT / "build" / "lib"  # third-party MicroPython modules, as fetched
OUT = ROOT / "build" / "mpy"  # the compiled image

# Folders whose modules the tests and tools import. pyproject.toml names the same ones for pytest.
FOLDERS = ("firmware", "tools", "boards/unix", "boards/switch", "boards", "build/lib", "tests/fixtures")
SHIMS = "tests/shims"  # stand-ins for MicroPython's own modules, for CPython only
# MicroPython's search path for programs that run the firmware from its sources
MICROPYPATH = ":".join((".frozen", *(str(ROOT / folder) for folder in FOLDERS)))


def use_firmware() -> None:
    """Make `cabinet` importable under CPython; `micropython` is a stand-in whose const() returns its argument."""
    for path in (ROOT / SHIMS, ROOT / "firmware"):
        if str(path) not in sys.path:
            sys.path.append(str(path))


def main() -> int:
    """`python -m swapcab.paths`: let every program of this environment import the tree's modules (a .pth file in site-packages)."""
    target = Path(sysconfig.get_paths()["purelib"]) / "swapcab-tree.pth"
    target.write_text("".join(f"{ROOT / folder}\n" for folder in (*FOLDERS, SHIMS)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
