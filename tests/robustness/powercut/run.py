"""`make powercut`: a power cut at every flash operation of the journal, on the firmware's own code under MicroPython.

Two runs of at least 2,000 events each (small sectors for many wrap-arounds, real ones), a process each. Prints a table,
writes build/powercut.json, and exits with 1 if a single event was lost, a boot failed, or a broken journal went unnoticed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from swapcab.paths import MICROPYPATH, ROOT

HERE = Path(__file__).resolve().parent
GLITCH = HERE.parent / "glitch"
GOAL_CUTS = 500_000
MUTANTS = (
    "no CRC",
    "no read-back",
    "reported before programmed",
    "no hardening",
    "erases what is not acknowledged",
    "no mark after the erase",
    "acknowledges one too many",
)
PARTS: dict[str, dict[str, Any]] = {
    "1 KiB sectors": {"seed": 11, "sector": 1024, "sectors_a": 8, "sectors_b": 6, "adopt": 150, "disturb": 400},
    "4 KiB sectors": {"seed": 12, "sector": 4096, "sectors_a": 6, "sectors_b": 4, "adopt": 150, "disturb": 400},
    "erased beside the loop": {
        "seed": 13, "sector": 1024, "sectors_a": 8, "sectors_b": 6, "adopt": 150, "disturb": 400, "beside": 1,
    },
    "wrong readings at every start": {
        "seed": 14, "sector": 1024, "sectors_a": 8, "sectors_b": 6, "adopt": 150, "disturb": 400, "wrong": 60,
    },
}


def micropython() -> str:
    """The interpreter of the environment, else the one on PATH."""
    beside = Path(sys.executable).with_name("micropython")
    return str(beside) if beside.exists() else "micropython"


def run_engine(options: dict[str, Any], reported: Callable[[dict[str, Any]], None] = lambda figures: None) -> dict[str, Any]:
    """One engine process; returns its last figures. `told` gets each line meanwhile."""
    command = [micropython(), "-X", "heapsize=32m", str(HERE / "engine.py"), json.dumps(options)]
    last: dict[str, Any] = {"failed": "the engine said nothing", "done": True, "cuts": 0, "events": 0}
    env = {"MICROPYPATH": f"{GLITCH}:{MICROPYPATH}"}
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env) as process:
        assert process.stdout is not None
        noise = []
        for line in process.stdout:
            if line.startswith("{"):
                last = json.loads(line)
                reported(last)
            else:
                noise.append(line)
    if not last["done"] or process.returncode not in (0, 1):
        last["failed"] = "the engine ended early: " + "".join(noise)[-800:]
    return last


def catch(mutant: str) -> dict[str, Any]:
    """A journal broken on purpose, in up to three short runs: the last one's figures say after how many cuts it was caught, if it was."""
    options = {"sector": 1024, "sectors_a": 8, "sectors_b": 6, "events": 300, "second": 7, "adopt": 100, "disturb": 20}
    cuts = 0
    figures: dict[str, Any] = {}
    for seed in (4, 3, 5):
        figures = run_engine({**options, "seed": seed, "mutant": mutant})
        cuts = figures["cuts"] = cuts + figures["cuts"]
        if figures["failed"]:
            break
    return figures


def row(name: str, figure: Any, unit: str, goal: Any, met: bool) -> dict[str, Any]:
    """One line of the table."""
    return {"name": name, "figure": figure, "unit": unit, "goal": goal, "met": met}


def main() -> int:
    """Everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=2100, help="events of each run")
    parser.add_argument("--second", type=int, default=2, help="every n-th operation of each recovery is cut as well; 0: none")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--part", choices=list(PARTS), action="append", help="only this run")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "powercut.json")
    args = parser.parse_args()
    console = Console() if sys.stdout.isatty() else Console(width=130)
    started = time.monotonic()
    parts = args.part or list(PARTS)
    results: dict[str, dict[str, Any]] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[cuts]:>9,} cuts"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress, ThreadPoolExecutor(args.jobs) as pool:

        def work(part: str) -> None:
            task = progress.add_task(part, total=args.events, cuts=0)
            said = time.monotonic()

            def reported(figures: dict[str, Any]) -> None:
                nonlocal said
                progress.update(task, completed=min(args.events, figures["events"]), cuts=figures["cuts"])
                if not console.is_terminal and time.monotonic() - said > 30:
                    said = time.monotonic()
                    print(f"{part}: {figures['events']} events, {figures['cuts']:,} cuts", flush=True)

            results[part] = run_engine({**PARTS[part], "events": args.events, "second": args.second}, reported)

        def break_it(mutant: str) -> dict[str, Any]:
            return catch(mutant)

        futures = [pool.submit(work, part) for part in parts]
        task = progress.add_task("broken journals", total=len(MUTANTS), cuts=0)
        caught = {}
        for future in futures:
            future.result()
        cuts = 0
        for mutant, figures in zip(MUTANTS, pool.map(break_it, MUTANTS), strict=True):
            caught[mutant] = figures
            cuts += figures["cuts"]
            progress.update(task, advance=1, cuts=cuts)
    figures = results.values()
    total = sum(f["cuts"] for f in figures)
    failures = [f"{part}: {f['failed']}" for part, f in results.items() if f["failed"]]
    missed = [m for m, f in caught.items() if not f["failed"]]
    full = args.events >= 2000 and not args.part
    second = sum(f["second_cuts"] for f in figures)
    again = max(f["duplicates_max"] for f in figures)
    rows = [
        row("power cuts", total, "cuts", f">= {GOAL_CUTS}" if full else "-", total >= GOAL_CUTS or not full),
        row("of these during a recovery", second, "cuts", "> 0", second > 0 or not args.second),
        row("events of the least run", min(f["events"] for f in figures), "events", ">= 2000" if full else "-", True),
        row("program and erase operations, each one cut", sum(f["operations"] for f in figures), "operations", "-", True),
        row("sectors erased meanwhile", sum(f["erases"] for f in figures), "sectors", "-", True),
        row("boots", sum(f["boots"] for f in figures), "boots", "-", True),
        row("cuts after which the run itself went on", sum(f["adopted"] for f in figures), "cuts", "-", True),
        row("runs with an event lost, a failed boot or a wrong acknowledgement", len(failures), "runs", "0", not failures),
        row("duplicates after a cut, at most", again, "events", "<= 10 (one batch)", again <= 10),
        row("broken journals caught", len(MUTANTS) - len(missed), "of " + str(len(MUTANTS)), str(len(MUTANTS)), not missed),
    ]
    table = Table(title="Power cuts")
    for heading in ("name", "figure", "unit", "goal", "met"):
        table.add_column(heading)
    for r in rows:
        table.add_row(r["name"], f"{r['figure']:,}", r["unit"], r["goal"], "yes" if r["met"] else "NO")
    console.print(table)
    for mutant, f in caught.items():
        console.print(f"  {mutant}: {'caught after ' + format(f['cuts'], ',') + ' cuts' if f['failed'] else 'NOT CAUGHT'}")
    for line in failures:
        console.print("[red]" + line)
    console.print(f"{time.monotonic() - started:,.0f} s")
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps({"target": "powercut", "rows": rows, "failures": failures, "mutants": caught}, indent=1) + "\n")
    return 1 if failures or missed else 0


if __name__ == "__main__":
    sys.exit(main())
