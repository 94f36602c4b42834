"""`make soak SEEDS=8 HOURS=1`: seeded cabinet-hours on virtual time, with troubles of every kind, judged at every control round.

Prints one table over all seeds and writes build/soak.json; ends with 1 if an invariant broke, and then tells the last events
of the story and the command that replays exactly that seed. Each seed that is done is a line of build/soak.jsonl; `--resume`
leaves out the seeds that stand there, from runs of the same firmware and simulation, and adds theirs to the table; what ran with earlier
versions is told below it.
docs/simulation.md explains all of it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import virtual_build
import virtual_run
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from swapcab.paths import OUT
from swapcab.rows import Row, publish

STORY = 60  # events of the story that are told
GOAL_SPEED = 300
LIMIT_S = 36000.0  # of real time for an hour: others may be busy on this machine
LINES = OUT.parent / "soak.jsonl"
KEPT = ("story", "types", "reactions", "profile", "heap")  # not kept of a seed that passed


def replay(seed: int, options: argparse.Namespace) -> str:
    """The command that does the same again, event by event."""
    extra = f" --faults {options.faults}" if options.faults else ""
    extra += f" --python {options.python}" if options.python else ""
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


def kept_lines(lines: Path = LINES) -> list[dict[str, Any]]:
    """Results of earlier runs, of whatever version. A line that was cut short by the end of a run does not count."""
    found = []
    for line in lines.read_text().splitlines() if lines.is_file() else []:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        found.append(row)
    return found


def of_other_versions(rows: list[dict[str, Any]]) -> list[Row]:
    """What runs of earlier firmware and simulations add: time spent, and what was found and mended since."""
    hours = total(rows, "virtual_s") / 3600
    swaps, faults = merged(rows, "swaps"), merged(rows, "faults")
    return [
        Row("earlier versions: cabinet-hours", round(hours, 1), "h"),
        Row("earlier versions: swaps completed", swaps.get("completed", 0)),
        Row("earlier versions: troubles injected", sum(faults.values())),
        Row("earlier versions: seeds that broke an invariant", sum(not row["ok"] for row in rows)),
    ]


def keep(result: dict[str, Any], version: str, options: argparse.Namespace) -> dict[str, Any]:
    """One more line of build/soak.jsonl."""
    how = {"version": version, "hours": options.hours, "every_s": options.every, "kinds": options.faults, "python": options.python}
    row = {**how, **result}
    if result["ok"]:
        row = {name: value for name, value in row.items() if name not in KEPT}
    with open(LINES, "a") as file:
        file.write(json.dumps(row) + "\n")
    return row


def by(result: dict[str, Any]) -> str:
    """The interpreter that ran a seed."""
    return Path(result.get("python") or "micropython").name


def rows_of(results: list[dict[str, Any]], wall_speed: float) -> list[Row]:
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
        Row("virtual time over processor time", round(hours * 3600 / cpu_s, 1), "times", f"{GOAL_SPEED}"),
        Row("virtual time over wall time, this run, all processes", round(wall_speed, 1), "times"),
        *(Row(f"cabinet-hours under {name}", round(sum(r.get("virtual_s", 0) for r in results if by(r) == name) / 3600, 1), "h")
          for name in sorted({by(r) for r in results})),
    ]
    return rows + [Row(f"trouble: {kind}", count) for kind, count in faults.items()]


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=8, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("--hours", type=float, default=1.0, help="virtual hours of each seed")
    parser.add_argument("--every", type=int, default=25, help="a trouble so often, seconds on average; 0: none")
    parser.add_argument("--faults", default="", help="only these kinds, separated by commas (kinds: virtual/troubles.py)")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--python", default="", help="run under another Python, such as pypy3: the same story, event by event")
    parser.add_argument("--resume", action="store_true", help="leave out the seeds of build/soak.jsonl, and add them to the table")
    options = parser.parse_args()
    if options.seeds < 0 or options.hours <= 0 or options.every < 0 or options.processes < 1:
        parser.error("--seeds: 0 or more; --processes: at least 1; --hours: more than 0; --every: 0 or more")
    if "/" in options.python:
        options.python = str(Path(options.python).absolute())
    virtual_build.prepare()
    version = virtual_build.version()
    kept = kept_lines() if options.resume else []
    results = [row for row in kept if row.get("version") == version]
    others = [row for row in kept if row.get("version") != version]
    done = {row["seed"] for row in results}
    seeds = [seed for seed in range(options.seed, options.seed + options.seeds) if seed not in done]
    began = time.monotonic()
    fresh = run_all(seeds, version, options)
    wall_s = time.monotonic() - began
    results += fresh
    title = f"soak, {len(results)} seeds, version {version}"
    rows = rows_of(results, total(fresh, "virtual_s") / wall_s)
    if others:
        rows += of_other_versions(others)
    return 0 if publish(rows, title, "soak") else 1


def run_all(seeds: list[int], version: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Run these seeds, several at a time."""
    faults = [kind for kind in options.faults.split(",") if kind]
    results: list[dict[str, Any]] = []
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())

    def one(seed: int) -> dict[str, Any] | None:
        if virtual_build.version() != version:
            return None  # somebody works on the sources: what follows would be another firmware's
        words = {"seed": seed, "hours": options.hours, "every_s": options.every, "faults": faults}
        return virtual_run.run(words, LIMIT_S * max(1.0, options.hours), other=options.python)

    with Progress(*columns, transient=True) as progress, ThreadPoolExecutor(max_workers=options.processes) as pool:
        bar = progress.add_task("soak", total=len(seeds))
        for done in as_completed([pool.submit(one, seed) for seed in seeds]):
            found = done.result()
            if found is None:
                progress.console.print("the sources have changed: no more seeds", style="red", highlight=False)
                pool.shutdown(wait=False, cancel_futures=True)
                break
            result = keep(found, version, options)
            results.append(result)
            if not result["ok"]:
                tell(result, options, progress)
            progress.update(bar, advance=1, description=f"{len(results)} of {len(seeds)} seeds")
    return results


if __name__ == "__main__":
    sys.exit(main())
