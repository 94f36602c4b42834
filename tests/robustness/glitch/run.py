"""`make glitch`: flash that reads wrongly, at every reading of a start, of a state fetch, and while a backlog drains.

The firmware's own code runs under MicroPython. Prints a table, writes build/glitch.json, and exits with 1 if an event was lost,
renumbered or counted as acknowledged, or a stored state forgotten. `--beside REV` puts the firmware of another commit through
the same trials and prints its figures for comparison.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from swapcab.paths import MICROPYPATH, ROOT
from swapcab.rows import Row, publish

HERE = Path(__file__).resolve().parent
FIRMWARE = ROOT / "firmware"
GOAL_READINGS = 200_000
PARTS: dict[str, dict[str, Any]] = {
    "start, 8 sectors": {"part": "start", "sectors": 8, "fill": 60, "bits": 250, "seed": 1},
    "start, 8 sectors, wrapped": {"part": "start", "sectors": 8, "fill": 200, "wrap": 1, "bits": 150, "seed": 2},
    "start, 32 sectors": {"part": "start", "sectors": 32, "fill": 70, "bits": 20, "seed": 3},
    "start, 128 sectors": {"part": "start", "sectors": 128, "fill": 70, "bits": 2, "seed": 4},
    "state store": {"part": "state", "bits": 100, "seed": 5},
    "flipped for good": {"part": "flips", "count": 3000, "seed": 6},
    "draining": {"part": "drain", "step": 13, "seed": 7},
}
ZEROS = (
    "events lost",
    "events renumbered or changed",
    "starts after which more counts as acknowledged",
    "boot numbers given twice",
    "starts that fail",
    "states forgotten",
    "states older than the newest",
    "states lost for good",
    "silently wrong",
    "state: silently wrong",
    "runs that did not end",
)


def run_engine(
    options: dict[str, Any], firmware: Path = FIRMWARE, reported: Callable[[dict[str, int]], None] = lambda rows: None
) -> dict[str, Any]:
    """One engine process; its last figures: {"done", "rows", "bad"}. `told` gets the rows meanwhile."""
    interpreter = str(Path(sys.executable).with_name("micropython"))
    paths = [str(HERE), *(str(firmware) if p == str(FIRMWARE) else p for p in MICROPYPATH.split(":"))]
    command = [interpreter, "-X", "heapsize=64m", str(HERE / "engine.py"), json.dumps(options)]
    last: dict[str, Any] = {"done": False, "rows": {}, "bad": []}
    noise: list[str] = []
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={"MICROPYPATH": ":".join(paths)}
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{"):
                last = json.loads(line)
                reported(last["rows"])
            else:
                noise.append(line)
    if not last["done"]:
        last["bad"].append("the engine ended early: " + "".join(noise)[-800:])
    return last


def firmware_of(revision: str) -> Path:
    """The firmware of another commit, unpacked into build/."""
    folder = ROOT / "build" / f"firmware-{revision}"
    packed = subprocess.run(["git", "archive", revision, "firmware"], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "firmware"


def total(results: dict[str, dict[str, Any]], name: str, kind: str = "") -> int:
    """The sum of a figure over all parts, or over those of one kind."""
    return sum(r["rows"].get(name, 0) for part, r in results.items() if PARTS[part]["part"] == kind or not kind)


def rows_of(results: dict[str, dict[str, Any]], beside: dict[str, dict[str, Any]], whole: bool) -> list[Row]:
    """What is printed."""
    tried = total(results, "readings tried")
    rows = [Row("wrong readings tried", tried, "starts", f">= {GOAL_READINGS}" if whole else "", tried >= GOAL_READINGS if whole else None)]
    for part, result in results.items():
        if result["rows"].get("readings tried"):
            rows.append(Row(f"  {part}", result["rows"]["readings tried"], "starts"))
    for name in ("events lost", "events renumbered or changed", "starts after which more counts as acknowledged", "starts that fail"):
        figure = total(results, name, "start")
        rows.append(Row(name, figure, "", "0", figure == 0))
    names = ("states forgotten", "states older than the newest", "states lost for good")
    figure = sum(total(results, name) for name in names)
    rows.append(Row("states forgotten, set back or lost", figure, "", "0", figure == 0))
    flips = sum(total(results, f"flips in {where}") for where in ("ring A", "ring B", "the state store"))
    if flips:
        healed = total(results, "healed or unharmed") + total(results, "state: healed or unharmed")
        reported = total(results, "reported") + total(results, "state: reported")
        silent = total(results, "silently wrong") + total(results, "state: silently wrong")
        rows += [
            Row("bits flipped for good, one an image", flips, "images"),
            Row("  healed or unharmed", round(100 * healed / flips, 2), "%"),
            Row("  reported", round(100 * reported / flips, 2), "%"),
            Row("  silently wrong", silent, "images", "0", silent == 0),
        ]
    for result in (r for part, r in results.items() if PARTS[part]["part"] == "drain"):
        lost = result["rows"].get("events lost", 0) + result["rows"].get("runs that did not end", 0)
        rows.append(Row("bursts while a backlog drains", result["rows"].get("runs", 0), "runs"))
        rows.append(Row("  events lost, runs that did not end", lost, "", "0", lost == 0))
        for length in (1, 10, 100, 500):
            rows.append(
                Row(f"  until it goes on after {length} wrong", result["rows"].get(f"ms until it goes on, burst of {length}", 0), "ms")
            )
    for name in ZEROS if beside else ():
        rows.append(Row(f"the firmware beside: {name}", total(beside, name)))
    if beside:
        rows.append(Row("the firmware beside: starts that lose events", total(beside, "starts that lose events")))
        rows.append(Row("  of these without an event that says so", total(beside, "of these without an event that says so")))
    return rows


def main() -> int:
    """All parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--part", choices=list(PARTS), action="append", help="only this part")
    parser.add_argument("--every", type=int, default=1, help="only every n-th trial")
    parser.add_argument("--beside", default="", help="a commit whose firmware is put through every 20th trial for comparison")
    args = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 130)
    parts = args.part or list(PARTS)
    results: dict[str, dict[str, Any]] = {}
    beside: dict[str, dict[str, Any]] = {}
    old = firmware_of(args.beside) if args.beside else None
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[tried]:>9,} tried"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress, ThreadPoolExecutor(args.jobs) as pool:

        def work(part: str) -> None:
            task = progress.add_task(part, total=None, tried=0)

            def reported(rows: dict[str, int]) -> None:
                progress.update(task, tried=rows.get("readings tried", 0))

            results[part] = run_engine(sampled(PARTS[part], args.every), reported=reported)
            if old is not None:
                beside[part] = run_engine(sampled(PARTS[part], 20 * args.every), old)
            progress.update(task, total=1, completed=1)

        for future in [pool.submit(work, part) for part in parts]:
            future.result()
    met = publish(rows_of(results, beside, not args.part and args.every == 1), "Wrong readings", "glitch", console)
    failures = [f"{part}: {text}" for part in parts for text in results[part]["bad"]]
    for line in failures:
        console.print("[red]" + line)
    return 0 if met and all(results[part]["done"] for part in parts) else 1


def sampled(options: dict[str, Any], every: int) -> dict[str, Any]:
    """The same trials, one in so many."""
    return {**options, "every": every, "count": options.get("count", 0) // every, "step": options.get("step", 1) * every}


if __name__ == "__main__":
    sys.exit(main())
