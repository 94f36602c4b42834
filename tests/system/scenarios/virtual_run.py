"""One run on virtual time as a process of its own, started from the host: a MicroPython one, or another Python's (see pypy/start.py)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import virtual_build

from swapcab.paths import ROOT

HEAP = "16m"
START = "import sys, json; from virtual import run; print(json.dumps(run.main(json.loads(sys.argv[1]))))"


# PyPy compiles this program badly as it is set: long-lived event loops with thousands of branches, each of which must become hot before its
# counter has decayed, and traces that grow far beyond the caches. So: counters that do not decay, short traces, loops not unrolled.
JIT = "decay=0,trace_limit=2000,enable_opts=intbounds:rewrite:virtualize:string:pure:earlyforce:heap"

# where another Python finds the same sources
HERE = ROOT / "tests" / "system" / "scenarios"
PATHS = (HERE / "pypy", "tests/shims", "firmware", "tools", "tests/fixtures", HERE, "build/lib")


def interpreter() -> Path:
    """The MicroPython of this environment."""
    return Path(sys.executable).parent / "micropython"


def command(words: dict[str, Any], start: str = START, heap: str = HEAP, other: str = "") -> list[str]:
    """What is started, with build/virtual as its working directory. `other`: another Python instead of MicroPython."""
    everything = json.dumps({"settings": "settings.json", "secrets": "secrets.json", **words})
    if other:
        tuned = ["--jit", JIT] if "pypy" in Path(other).name else []
        return [other, *tuned, "-B", str(HERE / "pypy" / "start.py"), everything]
    return [str(interpreter()), "-X", f"heapsize={heap}", "-c", start, everything]


def environment(out: Path, other: str = "") -> dict[str, str]:
    """Where modules are found."""
    if other:
        nursery = {"PYPY_GC_NURSERY": "16M"}  # PyPy collects less often: a tenth faster
        return {"PYTHONPATH": ":".join(str(ROOT / path) for path in PATHS), "PATH": "/usr/bin:/bin", **nursery}
    return {"MICROPYPATH": f"{out}:.frozen", "PATH": "/usr/bin:/bin"}


def run(
    words: dict[str, Any],
    limit_s: float | None = None,
    out: Path = virtual_build.OUT,
    start: str = START,
    heap: str = HEAP,
    other: str = "",
) -> dict[str, Any]:
    """What the run counted; "ok" is False if an invariant broke or the run did not come to its end within `limit_s`, if that is given."""
    seed = words.get("seed")
    line, paths = command(words, start, heap, other), environment(out, other)
    try:
        done = subprocess.run(line, cwd=out, env=paths, capture_output=True, text=True, timeout=limit_s, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return {"seed": seed, "ok": False, "violation": {"name": "hung", "slot": 0, "t": 0, "detail": f"no end after {limit_s:.0f} s"}}
    try:
        return json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        text = (done.stdout + done.stderr)[-3000:]
        return {"seed": seed, "ok": False, "violation": {"name": "broke off", "slot": 0, "t": 0, "detail": text}}
