"""`make benchfaults`: `swapcab bench` at the emulated board with each of its hardware faults, put in one at a time.

Each bench is a process of its own, as an engineer starts it, with the checks that the fault concerns (`--whole`: with all of them).
A row is met if it ends with exit code 1 and the sheet names the faulty part and no other.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emulator.cabinet import EmulatedCabinet
from emulator.faults import FAULTS, Chosen, faulty
from emulator.jig import Jig
from swapcab.flash.firmware import Flash, Request
from swapcab.flash.provisioning import provision, read
from swapcab.maintenance import Maintenance
from swapcab.rows import Row, publish

SWAPCAB = [sys.executable, "-m", "swapcab"]
LIMIT_S = 600
LISTEN_S = 30
RUNNING = {  # fault -> the part that a bench of the running cabinet names
    "io-no-termination": "slot board 1 on io",
    "pack-dead": "pack 1 on packs",
    "charger-silent": "charger 2 on can",
    "can-open": "CAN line can",
    "rtc-empty": "RTC (chip, cell, crystal)",
    "broker-away": "way to the broker",
}
SLOTS, NPB = 3, 1  # the charger of slot 1 is an NPB, the others are Elcon


@contextmanager
def flashed_cabinet(folder: Path, slots: int, npb: int = 0) -> Iterator[EmulatedCabinet]:
    """An emulated cabinet whose controller has firmware, settings and secrets."""
    with EmulatedCabinet(folder, slots, npb=npb) as cabinet:
        board = cabinet.board
        board.wait(lambda: board.up)
        port = str(board.port)
        work = Flash(Request("emulated", port, folder / "settings.json", start=False), lambda said: None)
        with Maintenance(port, lambda said: None, work.check) as stopped:
            work.run(stopped)
            list(provision(stopped, read(folder / "secrets.json"), False))
        yield cabinet


def bench(cabinet: EmulatedCabinet, jig: Jig, folder: Path, only: tuple[str, ...]) -> tuple[int, dict]:
    """`swapcab bench` as a process: its exit code, its record ({}: there is none)."""
    words = [*SWAPCAB, "bench", "--port", str(cabinet.board.port), "--jig", jig.port, "--folder", str(folder), "--json"]
    done = subprocess.run(
        words + [word for name in only for word in ("--only", name)], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return done.returncode, json.loads(lines[-1]) if lines else {"faulty": [], "said": done.stderr[-300:]}


def listen(cabinet: EmulatedCabinet, folder: Path) -> tuple[int, dict]:
    """`swapcab bench --running` at a cabinet that has run for a while: its exit code, its record."""
    board = cabinet.board
    fed = board.feeds
    board.wait(lambda: board.feeds > fed + 40)
    words = [*SWAPCAB, "bench", "--port", str(board.port), "--running", str(LISTEN_S), "--folder", str(folder), "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return done.returncode, json.loads(lines[-1]) if lines else {"faulty": [], "said": done.stderr[-300:]}


def while_it_runs(cabinet: EmulatedCabinet, jig: Jig, folder: Path) -> list[Row]:
    """The faults that a running cabinet shows, looked at without a byte sent to it."""
    rows = []
    for name, part in RUNNING.items():
        with faulty([Chosen(name, slot_of(name))], cabinet.board, cabinet, jig):
            before = cabinet.board.received, len(cabinet.board.resets)
            code, kept = listen(cabinet, folder / f"running-{name}")
            untouched = (cabinet.board.received, len(cabinet.board.resets)) == before
        met = code == 1 and part in kept["faulty"] and untouched
        figure = "; ".join(kept["faulty"][:3]) or f"exit code {code}: {kept.get('said', '')}"
        rows.append(Row(f"running, {name}", figure, "", f"{part}; no byte sent", met))
        print(f"{'found' if met else 'MISSED'}  running, {name}: {figure}", flush=True)
    return rows


def names_it(chosen: Chosen, code: int, kept: dict) -> bool:
    """Whether a bench found that fault and nothing else."""
    return code == 1 and bool(kept["faulty"]) and all(part.startswith(chosen.part) for part in kept["faulty"])


def slot_of(name: str) -> int:
    """Where a fault is put: packs of the first slots are on RS485; another slot than the first where it may be."""
    return 1 if name.startswith("pack-") or not FAULTS[name].of_slot else 2


def main(argv: list[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(FAULTS)} [default: all]")
    parser.add_argument("--whole", action="store_true", help="all checks each time")
    arguments = parser.parse_args(argv)
    unknown = sorted(set(arguments.names) - set(FAULTS))
    if unknown:
        parser.error(f"no such fault: {', '.join(unknown)}; there are {', '.join(FAULTS)}")
    rows: list[Row] = []
    title = "A bench with hardware faults on the emulated board"
    with (
        tempfile.TemporaryDirectory(prefix="benchfaults") as folder,
        flashed_cabinet(Path(folder), SLOTS, NPB) as cabinet,
        Jig(cabinet) as jig,
    ):
        began = time.monotonic()
        code, kept = bench(cabinet, jig, Path(folder) / "good", ())
        rows.append(Row("no fault", kept.get("verdict", kept), "", "accepted", code == 0 and not kept["faulty"]))
        found = 0
        trials = [Chosen(name, slot_of(name)) for name in arguments.names or FAULTS]
        trials += [Chosen("charger-silent", NPB)] if not arguments.names else []
        for chosen in trials:
            name = f"{chosen.name}:{chosen.slot}" if chosen.fault.of_slot else chosen.name
            with faulty([chosen], cabinet.board, cabinet, jig):
                checks = () if arguments.whole else chosen.fault.checks
                code, kept = bench(cabinet, jig, Path(folder) / name, checks)
            met = names_it(chosen, code, kept)
            found += met
            figure = "; ".join(kept["faulty"][:3]) or f"exit code {code}: {kept.get('said', '')}"
            rows.append(Row(name, figure, "", f"{chosen.part}...", met))
            print(f"{'found' if met else 'MISSED'}  {name}: {figure}", flush=True)
        if not arguments.names and not arguments.whole:
            rows += while_it_runs(cabinet, jig, Path(folder))
        rows.append(Row("faults found", found, f"of {len(trials)}", "all", found == len(trials)))
        rows.append(Row("time", round(time.monotonic() - began), "s"))
    return 0 if publish(rows, title, "benchfaults") else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
