"""Reaction times on virtual time: from the last byte of the frame that carries a fault to the first bit of the charger's stop frame.

Writes build/reaction.json: one row a fault and bus with {name, bus, trials, missed, max_ms, mean_ms, rule_ms, floor_ms,
beyond_rule_ms, acted}. `rule_ms` is the delay that the safety table itself asks for, `floor_ms` the least that is physically
possible with it, `acted` what switched the charger off and how often. With --keep the trials are added to those of a
file; docs/safety.md shows tools/swapcab/reaction.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import virtual_build
import virtual_run
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
CAN_FRAME_MS = 0.54  # the stop frame may have to wait for one that is under way
START = "import sys, json; from virtual import reaction; print(json.dumps(reaction.main(json.loads(sys.argv[1]))))"


def merge(shares: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Sums by fault and bus: [trials, largest us, sum us, missed, delay ms, {what acted: how often}]."""
    found: dict[str, list[Any]] = {}
    for rows in shares:
        for key, (trials, most, total, missed, delay, acted) in rows.items():
            row = found.setdefault(key, [0, 0, 0, 0, delay, {}])
            row[0] += trials
            row[1] = max(row[1], most)
            row[2] += total
            row[3] += missed
            row[4] = delay
            for name, count in acted.items():
                row[5][name] = row[5].get(name, 0) + count
    return dict(sorted(found.items()))


def rows_of(sums: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """One row a fault and bus, for people."""
    rows = []
    for key, (trials, most, total, missed, delay, acted) in sums.items():
        name, _, bus = key.partition("|")
        rows.append(
            {
                "name": name, "bus": bus, "trials": trials, "missed": missed, "max_ms": round(most / 1000, 1),
                "mean_ms": round(total / 1000 / max(1, trials), 1), "rule_ms": delay, "floor_ms": round(delay + CAN_FRAME_MS, 2),
                "beyond_rule_ms": round(most / 1000 - delay, 1), "acted": acted,
            }
        )  # fmt: skip
    return rows


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1, help="rounds of each of two shares; a round tries every fault in all slots")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", default="", help="faults, separated by semicolons")
    parser.add_argument("--keep", type=Path, help="add the trials to those of this file; take another seed each time")
    parser.add_argument("--built", type=Path, default=None, help="folder of virtual_build to run from [default: build/virtual, made anew]")
    options = parser.parse_args()
    out = options.built or virtual_build.prepare()
    words: list[dict[str, Any]] = [{"seed": options.seed + share, "rounds": options.rounds} for share in range(2)]
    if options.only:
        words = [{**word, "only": options.only.split(";")} for word in words]
    with ThreadPoolExecutor(max_workers=options.processes) as pool:
        shares = list(pool.map(lambda word: virtual_run.run(word, limit_s=36000, out=out, start=START, heap="32m"), words))
    for share in shares:
        if not share["ok"]:
            print(share["violation"]["detail"], file=sys.stderr)
            return 1
    sums = merge([share["rows"] for share in shares])
    rows = rows_of(sums)
    if options.keep:
        before = json.loads(options.keep.read_text()) if options.keep.exists() else {}
        options.keep.write_text(json.dumps(merge([before, sums]), indent=0) + "\n")
    table = Table(title="from the frame to the stop frame, ms", title_justify="left")
    columns = ("name", "bus", "trials", "missed", "max_ms", "mean_ms", "rule_ms", "floor_ms", "beyond_rule_ms", "acted")
    for column in columns:
        table.add_column(column, justify="left" if column in ("name", "bus", "acted") else "right")
    for row in rows:
        acted = ", ".join(sorted(row["acted"], key=lambda name: -row["acted"][name])[:3])
        table.add_row(*(str(row[column]) for column in columns[:-1]), acted)
    Console(width=170).print(table)
    print(f"{sum(row['trials'] for row in rows)} trials")
    (ROOT / "build" / "reaction.json").write_text(json.dumps(rows, indent=1) + "\n")
    return 0 if not sum(row["missed"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
