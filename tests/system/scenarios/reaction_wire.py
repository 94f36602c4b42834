"""Reaction times on real wires: the firmware as a process of its own, the plant behind pseudo-terminals, both in real time.

Writes build/reaction_wire.json, and with --keep tools/swapcab/docs/reaction_wire.json, which docs/safety.md shows: one row a kind of fault
and bus with {name, bus, trials, missed, asked_ms, median_ms, p99_ms, max_ms}. The machine's own delays are in it: see wire_trials.py.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from wire_trials import BOARD_FIRST, PATHS

from swapcab.compile import firmware as build
from swapcab.paths import OUT, ROOT
from swapcab.processes import Child
from swapcab.settings import template as settings_template
from swapcab.sim.network import Net
from swapcab.sim.state import FirmwareState

KEPT = ROOT / "tools" / "swapcab" / "docs" / "reaction_wire.json"
SLOTS, MODBUS = 12, 8
BUDGET_W = 20000
HEAP = 512 * 1024
SPEED = 0.2  # packs that do not become full
START_S = 120.0
HERE = Path(__file__).resolve().parent


def groups(count: int, limit_s: float) -> list[list[dict[str, Any]]]:
    """What is tried, in order; what stands together is tried at the same time in different slots."""

    def path(name: str, first: int, last: int, share: float = 1.0) -> dict[str, Any]:
        return {"name": name, "first": first, "last": last, "count": count, "limit_s": limit_s * share}

    packs = [[path(name, 1, MODBUS), path(name, MODBUS + 1, SLOTS)] for name in PATHS if PATHS[name][0] == "pack"]
    others = [[path(name, 1, SLOTS)] for name in PATHS if PATHS[name][0] in ("charger", "inputs", "cabinet")]
    return packs + others + [[path("(slot board silent)", BOARD_FIRST, SLOTS)]]


def run(folder: Path, plan: list[list[dict[str, Any]]], seed: int) -> list[list[Any]]:
    """One cabinet until all is tried; its trials."""
    (folder / "trials.json").write_text(json.dumps(plan))
    net = Net(folder, "", settings_template.CABINET_ID)
    plant = [sys.executable, str(HERE / "wire_trials.py"), "--dir", str(folder), "--slots", str(SLOTS), "--seed", str(seed)]
    plant += ["--speed", str(SPEED)]
    plant_process = Child("plant", plant, folder / "plant.log", env={"PYTHONPATH": str(ROOT / "tools")})
    command = [str(Path(sys.executable).with_name("micropython")), "-X", f"heapsize={HEAP}", "-m", "main", str(folder)]
    state = FirmwareState(SLOTS)
    firmware = Child("firmware", command, folder / "firmware.log", on_line=state.feed, env={"MICROPYPATH": f"{OUT}:.frozen"})
    limit = time.monotonic() + START_S + sum(max(path["limit_s"] for path in group) + START_S for group in plan)
    results: dict[str, Any] = {}
    reported = 0
    try:
        net.start()
        settings = settings_template.settings(SLOTS, "127.0.0.1", net.firmware_port)
        settings["control"]["budget_w"] = BUDGET_W
        (folder / "settings.json").write_text(json.dumps(settings))
        (folder / "secrets.json").write_text(json.dumps(settings_template.secrets()))
        plant_process.start()
        while not (folder / "plant.sock").exists() and plant_process.exit_code() is None and time.monotonic() < limit:
            time.sleep(0.05)
        firmware.start()
        while time.monotonic() < limit and not results.get("done"):
            for child in (plant_process, firmware):
                if child.exit_code() is not None:
                    raise RuntimeError(f"the {child.name} ended:\n" + child.tail())
            net.watch()
            with contextlib.suppress(OSError, ValueError):
                results = json.loads((folder / "results.json").read_text())
            for slot, at_s in results.get("stuck", [])[reported:]:
                view = state.slots[slot]
                words = ", ".join(str(view.get(name)) for name in ("state", "why", "faults"))
                print(f"slot {slot} was not charged again by itself, at {at_s} s: {words}", flush=True)
                reported += 1
            time.sleep(0.5)
    finally:
        firmware.kill()
        plant_process.stop()
        net.close()
    return results.get("trials", [])


def firmware_hash() -> str:
    """What stands for the sources of the firmware that runs."""
    digest = hashlib.sha256()
    for name, path in sorted(build.sources(ROOT).items()):
        digest.update(name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def rows_of(trials: list[list[Any]]) -> list[dict[str, Any]]:
    """One row a kind and bus, in ms."""
    rows = []
    for name in PATHS:
        for bus in sorted({trial[1] for trial in trials if trial[0] == name}):
            mine = [trial[2] for trial in trials if trial[:2] == [name, bus]]
            times = sorted(1000 * taken for taken in mine if taken is not None)
            if not times:
                continue
            row: dict[str, Any] = {"name": name, "bus": bus, "trials": len(times), "missed": len(mine) - len(times)}
            row |= {"asked_ms": round(1000 * PATHS[name][1]), "median_ms": round(statistics.median(times), 1)}
            rows.append({**row, "p99_ms": round(times[-(-len(times) * 99 // 100) - 1], 1), "max_ms": round(times[-1], 1)})
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    """For people."""
    table = Table(title="from the frame to the stop frame on real wires, ms", title_justify="left")
    for column in rows[0] if rows else ():
        table.add_column(column, justify="left" if column in ("name", "bus") else "right")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console(width=140).print(table)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="trials of each kind and bus")
    parser.add_argument("--limit", type=float, default=240.0, help="seconds for each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="kinds, separated by semicolons")
    parser.add_argument("--keep", action="store_true", help="write the table for docs/safety.md")
    options = parser.parse_args()
    plan = groups(options.count, options.limit)
    if options.only:
        plan = [group for group in plan if group[0]["name"] in options.only.split(";")]
    with tempfile.TemporaryDirectory(prefix="wire") as folder:
        trials = run(Path(folder), plan, options.seed)
    rows = rows_of(trials)
    show(rows)
    text = ",\n".join(json.dumps(row) for row in rows)
    for path in (ROOT / "build" / "reaction_wire.json", *([KEPT] if options.keep else [])):
        path.write_text(f'{{"firmware": "{firmware_hash()}", "rows": [\n{text}\n]}}\n')
    return 1 if not rows or sum(row["missed"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
