"""Reaction times on virtual time: from the last byte of the frame that carries a fault to the first bit of the charger's stop frame.

Each boot starts a cabinet, waits until it charges, and tries every trouble `--rounds` times, under CPython each in a copy of the process.
The trials are added to build/reaction_trials.json as long as firmware and simulation stay the same; with --keep what they come to
is written to tools/swapcab/docs/reaction.json, which docs/safety.md shows: one row a fault and bus with {name, bus, stands, trials, missed,
asked_ms, max_ms, median_ms, acted}. `asked_ms` is the delay that the safety table itself asks for, `acted` what switched the charger off
and how often; `stands` is 1 where the time is that until the rule stands, while the charger is off.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import virtual_build
import virtual_run
from rich.console import Console
from rich.table import Table

from swapcab.paths import ROOT
from swapcab.settings import template as settings_template

TRIALS = ROOT / "build" / "reaction_trials.json"
KEPT = ROOT / "tools" / "swapcab" / "docs" / "reaction.json"
START = "import sys, json; from virtual import reaction; print(json.dumps(reaction.main(json.loads(sys.argv[1]))))"
NPB_CHARGERS = 4
NPB_EVERY = 4  # boots, of which one has NPB chargers


def merge(sums: dict[str, list[Any]], more: dict[str, list[Any]]) -> None:
    """By fault and bus: [asked ms, missed, {what acted: how often}, {ms: how often}, largest us, sum us]."""
    for key, (asked, missed, acted, times, most, total) in more.items():
        row = sums.setdefault(key, [asked, 0, {}, {}, 0, 0])
        row[0] = asked
        row[1] += missed
        for mine, theirs in ((row[2], acted), (row[3], times)):
            for name, count in theirs.items():
                mine[name] = mine.get(name, 0) + count
        row[4] = max(row[4], most)
        row[5] += total


def median_ms(times: dict[str, int]) -> int:
    """Of a histogram by milliseconds."""
    half = (sum(times.values()) + 1) // 2
    for ms in sorted(times, key=int):
        half -= times[ms]
        if half <= 0:
            return int(ms)
    return 0


def rows_of(sums: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """One row a fault and bus."""
    rows = []
    for key, (asked, missed, acted, times, most, _) in sums.items():
        name, bus, stands = key.split("|")
        row = {"name": name, "bus": bus, "stands": int(stands), "trials": sum(times.values()), "missed": missed, "asked_ms": asked}
        rows.append({**row, "max_ms": round(most / 1000, 1), "median_ms": median_ms(times), "acted": acted})
    return rows


def publish(version: str, rows: list[dict[str, Any]]) -> None:
    """For the page: a line a row."""
    lines = ",\n".join(json.dumps(row) for row in rows)
    KEPT.write_text(f'{{"version": "{version}", "rows": [\n{lines}\n]}}\n')


def show(rows: list[dict[str, Any]]) -> None:
    """For people."""
    table = Table(title="from the frame to the stop frame, ms", title_justify="left")
    columns = ("name", "bus", "trials", "missed", "asked_ms", "median_ms", "max_ms")
    for column in columns:
        table.add_column(column, justify="left" if column in ("name", "bus") else "right")
    table.add_column("beyond", justify="right")
    table.add_column("acted")
    for row in rows:
        acted = ", ".join(sorted(row["acted"], key=lambda name: -row["acted"][name])[:3])
        table.add_row(*(str(row[column]) for column in columns), f"{row['max_ms'] - row['asked_ms']:.1f}", acted)
    Console(width=160).print(table)
    missed = sum(row["missed"] for row in rows)
    print(f"{sum(row['trials'] for row in rows)} trials in {len(rows)} rows, {missed} without a stop")


def settings_with_npb(out: Path) -> str:
    """A file with the settings of a cabinet with NPB chargers, in the folder of virtual_build."""
    name = "settings_npb.json"
    (out / name).write_text(json.dumps(settings_template.settings(virtual_build.SLOTS, npb=NPB_CHARGERS)))
    return name


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boots", type=int, default=4, help="cabinets started; one in four has NPB chargers")
    parser.add_argument("--rounds", type=int, default=1, help="times that each fault is tried in a cabinet, in all its slots")
    parser.add_argument("--seed", type=int, default=1, help="of the first boot: take another one each time")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=1e6, help="no boot begins later")
    parser.add_argument("--only", default="", help="faults, separated by semicolons")
    parser.add_argument("--python", default=sys.executable, help="pypy3, or micropython: the same, but every trial starts a cabinet")
    parser.add_argument("--keep", action="store_true", help="write the table for docs/safety.md")
    parser.add_argument("--built", type=Path, default=None, help="folder of virtual_build to run from [default: build/virtual, made anew]")
    options = parser.parse_args()
    out = options.built or virtual_build.prepare()
    version = virtual_build.version()
    known = json.loads(TRIALS.read_text()) if TRIALS.exists() else {}
    sums: dict[str, list[Any]] = known["sums"] if known.get("version") == version else {}
    npb = settings_with_npb(out)
    other = "" if options.python == "micropython" else options.python
    ends = time.monotonic() + options.minutes * 60
    failed = []

    def boot(number: int) -> dict[str, Any] | None:
        if time.monotonic() > ends:
            return None
        words: dict[str, Any] = {"module": "reaction", "seed": options.seed + number, "rounds": options.rounds}
        if number % NPB_EVERY == NPB_EVERY - 1:
            words |= {"npb": 1, "settings": npb}
        if options.only:
            words["only"] = options.only.split(";")
        return virtual_run.run(words, limit_s=36000, out=out, start=START, heap="32m", other=other)

    def done(future: Future[dict[str, Any] | None]) -> None:
        share = future.result()
        if share is None:
            return
        if not share["ok"]:
            failed.append(share["violation"]["detail"])
            return
        merge(sums, share["rows"])
        TRIALS.write_text(json.dumps({"version": version, "sums": sums}))

    with ThreadPoolExecutor(max_workers=options.processes) as pool:
        for number in range(options.boots):
            pool.submit(boot, number).add_done_callback(done)
    rows = rows_of(dict(sorted(sums.items())))
    show(rows)
    for text in failed:
        print(text, file=sys.stderr)
    if options.keep and not failed:
        publish(version, rows)
    return 1 if failed or sum(row["missed"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
