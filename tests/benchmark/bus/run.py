"""The Modbus master at the limit of the wire, beside umodbus and pymodbus; what it allocates; what dead units cost.

`python tests/benchmark/bus/run.py [--quick]`; writes build/benchmark-bus.json. Fails on a broken invariant (an allocation on
the poll path, a wrong reading), never because the machine is slow: those rows only tell whether the goal was met.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from swapcab.paths import MICROPYPATH, ROOT
from swapcab.rows import Row, publish

HERE = Path(__file__).resolve().parent
MICROPYTHON = Path(sys.executable).parent / "micropython"
UNITS = 12
GOALS = {9600: 1.01, 19200: 1.02, 115200: 1.05}
SCANS = {9600: 4, 19200: 8, 115200: 30}
MASTERS = ("swapcab", "umodbus", "pymodbus")


def ideal_s(baud: int) -> float:
    """One unit on the wire: request, 5 ms of thinking, answer, and the standard's gap."""
    char = 10 / baud
    return 8 * char + 0.005 + 85 * char + (0.00175 if baud > 19200 else 3.5 * char)


def measure(master: str, baud: int, dead: tuple[int, ...], scans: int, warmup_s: float) -> dict[str, Any]:
    """Run one master against a wire of its own; what both have to tell."""
    wire = subprocess.Popen(
        [sys.executable, str(HERE / "wire.py"), str(baud), *map(str, dead)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert wire.stdin and wire.stdout
    try:
        path = wire.stdout.readline().strip()
        interpreter = [sys.executable] if master == "pymodbus" else [str(MICROPYTHON), "-X", "heapsize=512k"]
        arguments = [str(HERE / f"master_{master}.py"), path, str(baud), str(UNITS), str(scans), str(warmup_s)]
        done = subprocess.run([*interpreter, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
        wire.stdin.close()
        reported = wire.stdout.readline()
    finally:
        wire.kill()
        wire.wait()
    if done.returncode:
        raise RuntimeError(f"{master} failed: {done.stdout}{done.stderr}")
    result = json.loads(done.stdout.splitlines()[-1]) | json.loads(reported)
    result["ratio"] = result["scan_us"] / 1e6 / (ideal_s(baud) * (UNITS - len(dead)))
    return result


def speed_rows(rates: list[int], divide: int) -> list[Row]:
    """All twelve alive."""
    rows = []
    for baud in rates:
        for master in MASTERS:
            result = measure(master, baud, (), max(SCANS[baud] // divide, 2), 1.5)
            ours = master == "swapcab"
            what = f"{baud} baud, {master}"
            ratio = result["ratio"]
            goal = GOALS[baud]
            rows.append(figure(f"{what}: scan of 12 x 40 registers", f"{ratio:.3f}", "x wire time", f"<= {goal}", ratio <= goal, ours))
            typical = result["median_s"] / ideal_s(baud)
            name = f"{what}: half of the transactions take at most"
            rows.append(figure(name, f"{typical:.3f}", "x wire time", f"<= {goal}", typical <= goal, ours))
            short = f"{result['short']} of {result['frames'] - 1}"
            rows.append(figure(f"{what}: gaps shorter than the standard", short, "", "0", result["short"] == 0, ours))
            rows.append(ticker_row(what, result, ours))
    return rows


def dead_rows(baud: int, divide: int) -> list[Row]:
    """Some of twelve dead: what the scan of the living costs against what it costs them alone."""
    rows = []
    for master in MASTERS:
        ours = master == "swapcab"
        alone = 1.0
        for dead in ((), (3, 9), (2, 5, 8, 11), (1, 3, 5, 7, 9, 11)):
            # long enough that the probing of the dead comes round several times
            scans = max((100 if ours else 6) // divide, 3)
            result = measure(master, baud, dead, scans, 4)
            if not dead:
                alone = result["ratio"]
                continue
            cost = result["ratio"] / alone
            name = f"{baud} baud, {master}, {len(dead)} of 12 dead"
            rows.append(figure(f"{name}: scan of the living", f"{cost:.3f}", "x alone", "<= 1.03", cost <= 1.03, ours))
            rows.append(ticker_row(name, result, ours))
    return rows


def figure(name: str, value: str, unit: str, goal: str, reached: bool, ours: bool) -> Row:
    """What depends on the machine's speed is told as met or left open, and breaks nothing; peers have no goal."""
    return Row(name, value, unit, goal if ours else "", True if ours and reached else None)


def ticker_row(name: str, result: dict[str, Any], ours: bool) -> Row:
    """How long the loop stood still."""
    late_us = result["gap_us"]
    return figure(f"{name}: largest gap of a 10 ms ticker", f"{late_us / 1000:.1f}", "ms beyond", "<= 10", late_us <= 10_000, ours)


def polls(packs: int) -> dict[str, Any]:
    """Ten thousand polls of so many packs without a wire."""
    command = [str(MICROPYTHON), "-X", "heapsize=4m", str(HERE / "allocations.py"), str(packs)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    return json.loads(done.stdout)


def allocation_rows() -> list[Row]:
    """Exact figures, and how the cost grows."""
    result = polls(UNITS)
    rows = [
        Row("allocated by 10,000 polls, collection off", result["bytes"], "B", "0", result["bytes"] == 0 and result["good"]),
        Row("heap of one pack: driver, reading, statistics", result["pack_bytes"], "B"),
        Row("heap of one bus", result["bus_bytes"], "B"),
    ]
    for packs in (6, 12, 24, 48):
        result = polls(packs)
        rows.append(Row(f"{packs} packs on one bus: CPU of a poll", round(result["us"], 1), "us"))
        rows.append(Row(f"{packs} packs on one bus: heap", result["bus_bytes"] + packs * result["pack_bytes"], "B"))
    return rows


def can_rows() -> list[Row]:
    """Frames of 24 packs, from the port to the reading. The ratio is of one process and one run."""
    command = [str(MICROPYTHON), "-X", "heapsize=4m", str(HERE / "can_frames.py")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    result = json.loads(done.stdout)
    ratio = result["us"] / result["plain_us"]
    capacity = 1_000_000 // 131
    return [
        Row("CAN frames of 24 packs lost", result["lost"], "", "0", result["lost"] == 0 and result["good"]),
        Row("CAN frames of 24 packs", result["rate"], "frames/s"),
        figure("CPU of a CAN frame, port to reading", f"{ratio:.2f}", "x plain struct.unpack decoder", "<= 1.5", ratio <= 1.5, True),
        Row("CPU at a full bus of 1 Mbit/s", round(result["us"] * capacity / 10_000, 1), "% of a core"),
        Row("allocated by 21,000 CAN frames", result["bytes"], "B", "0", result["bytes"] == 0),
    ]


def main() -> int:
    """All rows."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="115200 baud and few scans only")
    quick = options.parse_args().quick
    os.environ["MICROPYPATH"] = MICROPYPATH
    rows = allocation_rows() + can_rows()
    rows += speed_rows([115200] if quick else list(SCANS), 4 if quick else 1)
    rows += dead_rows(115200, 4 if quick else 1)
    return 0 if publish(rows, "field bus", "benchmark-bus") else 1


if __name__ == "__main__":
    sys.exit(main())
