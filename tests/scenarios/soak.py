"""`make soak SEEDS=8 HOURS=1`: seeded cabinet-hours on virtual time, with troubles of every kind, judged at every control round.

Prints one table over all seeds and writes build/soak.json; ends with 1 if an invariant broke, and then tells the last events
of the story and the command that replays exactly that seed. docs/simulation.md explains all of it.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import virtual_build
import virtual_run
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from swapcab.rows import Row, publish

STORY = 60  # events of the story that are told
CALM_SPEED = 300


def replay(seed: int, options: argparse.Namespace) -> str:
    """The command that does the same again, event by event."""
    extra = f" --faults {options.faults}" if options.faults else ""
    return f"make soak SEEDS=1 HOURS={options.hours:g} ARGS='--seed {seed} --every {options.every}{extra}'"


def tell(result: dict[str, Any], options: argparse.Namespace, progress: Progress) -> None:
    """A seed that failed: what broke, how it came to that, and how to see it again."""
    say = progress.console.print
    broken = result["violation"]
    say(f"\nseed {result['seed']}: {broken['name']}, slot {broken['slot']}, at {broken['t']:.3f} s", style="red bold", highlight=False)
    say(str(broken["detail"]), style="red", markup=False, highlight=False)
    for line in result.get("story", [])[-STORY:]:
        say(line, markup=False, highlight=False)
    say(f"replay: {replay(result['seed'], options)}\n", style="bold", highlight=False)


def total(results: list[dict[str, Any]], name: str) -> Any:
    """The sum over all runs."""
    return sum(result.get(name, 0) for result in results)


def merged(results: list[dict[str, Any]], name: str) -> dict[str, int]:
    """The sums of counters by kind."""
    found: dict[str, int] = {}
    for result in results:
        for kind, count in result.get(name, {}).items():
            found[kind] = found.get(kind, 0) + count
    return dict(sorted(found.items()))


def rows_of(results: list[dict[str, Any]], wall_s: float) -> list[Row]:
    """What the runs show."""
    hours = total(results, "virtual_s") / 3600
    swaps = merged(results, "swaps")
    faults = merged(results, "faults")
    broken = [result for result in results if not result["ok"]]
    cpu_s = total(results, "real_s") or 1.0
    rows = [
        Row("seeds", len(results)),
        Row("invariant violations", len(broken), "", "0", not broken),
        Row("cabinet-hours", round(hours, 2), "h"),
        Row("swaps completed", swaps.get("completed", 0)),
        Row("riders refused", swaps.get("refused", 0)),
        Row("riders who gave up or ran away", swaps.get("abandoned", 0)),
        Row("troubles injected", sum(faults.values())),
        Row("power cuts", total(results, "power_cuts")),
        Row("starts of the firmware", total(results, "boots")),
        Row("control rounds judged", total(results, "checks")),
        Row("looks of the plant's auditor", total(results, "audits")),
        Row("events stored", total(results, "events")),
        Row("events received twice", total(results, "repeats")),
        Row("events given up by ring B", total(results, "dropped")),
        Row("lock pulses", total(results, "pulses")),
        Row("chargers switched on", total(results, "charge_starts")),
        Row("times service was proven again", total(results, "settled")),
        Row("virtual time over processor time", round(hours * 3600 / cpu_s, 1), "times", f"{CALM_SPEED}"),
        Row("virtual time over wall time, all processes", round(hours * 3600 / wall_s, 1), "times"),
    ]
    return rows + [Row(f"trouble: {kind}", count) for kind, count in faults.items()]


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=8, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("--hours", type=float, default=1.0, help="virtual hours of each seed")
    parser.add_argument("--every", type=int, default=25, help="a trouble so often, seconds on average; 0: none")
    parser.add_argument("--faults", default="", help="only these kinds, separated by commas (see tests/scenarios/virtual/troubles.py)")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    if options.seeds < 1 or options.hours <= 0 or options.every < 0 or options.processes < 1:
        parser.error("--seeds and --processes: at least 1; --hours: more than 0; --every: 0 or more")
    virtual_build.prepare()
    faults = [kind for kind in options.faults.split(",") if kind]
    results: list[dict[str, Any]] = []
    began = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as progress, ThreadPoolExecutor(max_workers=options.processes) as pool:
        bar = progress.add_task("soak", total=options.seeds)
        words = [
            {"seed": seed, "hours": options.hours, "every_s": options.every, "faults": faults}
            for seed in range(options.seed, options.seed + options.seeds)
        ]
        for done in as_completed([pool.submit(virtual_run.run, word, 3600.0 * max(1.0, options.hours)) for word in words]):
            result = done.result()
            results.append(result)
            if not result["ok"]:
                tell(result, options, progress)
            progress.update(bar, advance=1, description=f"{len(results)} of {options.seeds} seeds")
    wall_s = time.monotonic() - began
    title = f"soak, seeds {options.seed} to {options.seed + options.seeds - 1}, {options.hours:g} h each, a trouble every {options.every} s"
    return 0 if publish(rows_of(results, wall_s), title, "soak") else 1


if __name__ == "__main__":
    sys.exit(main())
