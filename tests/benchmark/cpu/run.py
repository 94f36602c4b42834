"""`make benchmark PART=cpu`: what the core's step, an event and a proof cost, as shares of a control period and as ratios in one run."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.progress import track

from swapcab.compile.firmware import build
from swapcab.paths import MICROPYPATH, OUT
from swapcab.rows import Row, publish

PERIOD_US = 50_000  # of the control loop
SLOTS = (6, 12, 24, 48)


def measured(slots: int, rounds: int) -> dict[str, Any]:
    """Medians in microseconds of one cabinet size."""
    micropython = Path(sys.executable).with_name("micropython")
    command = [str(micropython), "-X", "heapsize=8m", str(Path(__file__).with_name("cpu_alone.py")), str(slots), str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env={"MICROPYPATH": f"{OUT}:{MICROPYPATH}"})
    if done.returncode:
        raise RuntimeError(done.stderr or done.stdout)
    return json.loads(done.stdout.splitlines()[-1])


def rows(figures: dict[int, dict[str, Any]]) -> list[Row]:
    """What is shown: no row fails on a slow machine, only one that allocates where nothing may be allocated."""
    found = []
    for slots, figure in figures.items():
        found.append(Row(f"step, {slots} slots", figure["step"], "us"))
        found.append(Row(f"step, {slots} slots, of 50 ms", round(100 * figure["step"] / PERIOD_US, 2), "%"))
        found.append(Row(f"step, {slots} slots, allocates", figure["step_bytes"], "B", "0", figure["step_bytes"] == 0))
    found.append(Row("step, 48 slots / 12", round(figures[48]["step"] / figures[12]["step"], 2), "times", "about 4: linear"))
    twelve = figures[12]
    for name, words in (
        ("step", "step, 12 slots"), ("encode", "event to flash bytes"), ("envelope", "event to JSON"),
        ("mac", "HMAC of 120 B"), ("proof", "pack proof with key"),
    ):  # fmt: skip
        found.append(Row(f"{words} / loop", round(twelve[name] / twelve["loop"], 2), "times", "loop: 1,000 plain rounds"))
    return found


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=400, help="calls of each, of which the median counts")
    args = parser.parse_args()
    build()
    figures = {slots: measured(slots, args.rounds) for slots in track(SLOTS, description="cpu")}
    return 0 if publish(rows(figures), "cpu", "benchmark-cpu") else 1


if __name__ == "__main__":
    sys.exit(main())
