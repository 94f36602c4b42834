"""One run on virtual time as a MicroPython process, started from the host."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import virtual_build

ROOT = Path(__file__).resolve().parents[2]
HEAP = "16m"
START = "import sys, json; from virtual import run; print(json.dumps(run.main(json.loads(sys.argv[1]))))"


def interpreter() -> Path:
    """The MicroPython of this environment."""
    return Path(sys.executable).parent / "micropython"


def command(words: dict[str, Any], start: str = START, heap: str = HEAP) -> list[str]:
    """What is started, with build/virtual as its working directory."""
    everything = {"settings": "settings.json", "secrets": "secrets.json", **words}
    return [str(interpreter()), "-X", f"heapsize={heap}", "-c", start, json.dumps(everything)]


def run(
    words: dict[str, Any], limit_s: float = 3600.0, out: Path = virtual_build.OUT, start: str = START, heap: str = HEAP
) -> dict[str, Any]:
    """What the run counted; "ok" is False if an invariant broke or the run did not come to its end."""
    seed = words.get("seed")
    environment = {"MICROPYPATH": f"{out}:.frozen", "PATH": "/usr/bin:/bin"}
    try:
        done = subprocess.run(
            command(words, start, heap), cwd=out, env=environment, capture_output=True, text=True, timeout=limit_s, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return {"seed": seed, "ok": False, "violation": {"name": "hung", "slot": 0, "t": 0, "detail": f"no end after {limit_s:.0f} s"}}
    try:
        return json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        text = (done.stdout + done.stderr)[-3000:]
        return {"seed": seed, "ok": False, "violation": {"name": "broke off", "slot": 0, "t": 0, "detail": text}}
