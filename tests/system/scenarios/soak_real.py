"""Long runs with real processes: cabinets for hours, seed after seed, with outages, power cuts, bad packs and faulty slots.

Prints one table over all runs and writes build/soak-real.json; exits 1 if an invariant broke in any run.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from swapcab.paths import ROOT
from swapcab.rows import Row, publish

FAULTS = ("dead", "crc", "babble", "lie", "hot", "charger_silent")
SUMS = ("swaps_completed", "swaps_refused", "events_stored", "events_received", "events_duplicated", "kills", "kills_mid_swap", "outages")
ZEROS = ("events_lost", "events_invalid", "order_violations", "interlock_violations", "packs_unaccounted", "firmware_crashes")
MAXIMA = (("loop_gap_ms_max", "ms"), ("heap_peak_bytes", "B"), ("poll_period_healthy_ms_max", "ms"))


def arguments_of(seed: int, swaps: int) -> list[str]:
    """A run's troubles, drawn from its seed: the same seed gives the same run."""
    rng = random.Random(seed)
    slots = rng.choice((12, 12, 24))
    drawn = ["--slots", str(slots), "--swaps", str(swaps), "--seed", str(seed), "--bad-every", str(rng.choice((0, 3, 5, 7)))]
    for _ in range(rng.randrange(3)):
        drawn += ["--outage", f"{rng.randrange(5, 60)}@{rng.randrange(5, 120)}"]
    if rng.random() < 0.6:
        drawn += ["--kill", str(rng.randrange(8, 30))]
    for slot in rng.sample(range(1, slots + 1), rng.randrange(4)):
        drawn += ["--fault", f"{rng.choice(FAULTS)}:{slot}@{rng.randrange(60)}"]
    return drawn


def one_run(seed: int, swaps: int, limit_s: float) -> tuple[list[str], dict]:
    """Its arguments and its JSON line, or what went wrong."""
    arguments = arguments_of(seed, swaps)
    command = [sys.executable, "-m", "swapcab", "sim", "--headless", *arguments]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit_s, stdin=subprocess.DEVNULL)
        return arguments, json.loads(done.stdout.strip().splitlines()[-1])
    except subprocess.TimeoutExpired:
        return arguments, {"ok": False, "trouble": f"no end after {limit_s:.0f} s"}
    except (ValueError, IndexError):
        return arguments, {"ok": False, "trouble": done.stderr[-2000:]}


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1000, help="of the first run; each further one counts up")
    parser.add_argument("--swaps", type=int, default=30, help="per run")
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds after which a run counts as hung")
    options = parser.parse_args()
    ends = time.monotonic() + options.hours * 3600
    results: list[dict] = []
    broken: list[str] = []
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task("soak", total=options.hours * 3600)
        while not results or time.monotonic() < ends:
            seed = options.seed + len(results)
            arguments, result = one_run(seed, options.swaps, options.limit)
            results.append(result)
            if not result.get("ok"):
                broken.append(f"swapcab sim --headless {' '.join(arguments)}: {result.get('trouble') or 'an invariant broke'}")
                progress.console.print(broken[-1], style="red", highlight=False)
            progress.update(task, completed=options.hours * 3600 - max(0.0, ends - time.monotonic()), description=f"{len(results)} runs")
    rows = [Row("runs", len(results)), Row("runs broken", len(broken), "", "0", not broken)]
    rows += [Row(name, sum(result.get(name, 0) for result in results)) for name in SUMS]
    rows += [Row(name, total, "", "0", total == 0) for name in ZEROS for total in [sum(result.get(name, 0) for result in results)]]
    rows += [Row(name, max(result.get(name, 0) for result in results), unit) for name, unit in MAXIMA]
    good = publish(rows, f"soak, {options.hours:g} h, seeds {options.seed} to {options.seed + len(results) - 1}", "soak-real")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
