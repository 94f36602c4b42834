"""`swapcab size`, `swapcab fit` and `swapcab benchmark`: what the firmware costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from swapcab.exits import USAGE, example, leave
from swapcab.paths import ROOT

BENCHMARKS = ("bus", "journal", "uplink", "cpu")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog=example("swapcab size --slots 24"))(size)
    app.command(epilog=example("swapcab fit --source ../micropython"))(fit)
    benchmark_settings = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command(context_settings=benchmark_settings, epilog=example("swapcab benchmark --part bus"))(benchmark)


def size(
    slots: Annotated[int, typer.Option(min=3, max=48, help="Slots of the cabinet.")] = 12,
    growth: Annotated[bool, typer.Option("--growth", help="CPU and heap for 6 to 48 slots, and what each slot takes, instead.")] = False,
) -> None:
    """Measure the heap after the start, its peak, and the size of each module; the rows go to build/size.json too."""
    from swapcab.measure import growth as growth_run
    from swapcab.measure import size as size_run

    doing = "running simulated cabinets of 6 to 48 slots" if growth else "importing each module, then running a cabinet"
    with Console(stderr=True).status(doing):
        code = growth_run.run() if growth else size_run.run(slots)
    raise typer.Exit(code)


def fit(
    source: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Source tree of MicroPython 1.25 or later.")],
) -> None:
    """Measure the heap at an MCU's word size: build MicroPython for 32 bits (needs gcc-multilib), run 6 to 48 slots on it."""
    from swapcab.measure.fit import run

    with Console(stderr=True).status("building three interpreters, then running cabinets of 6 to 48 slots on each"):
        code = run(source)
    raise typer.Exit(code)


def benchmark(context: typer.Context, part: Annotated[str, typer.Option(help="|".join(BENCHMARKS) + "|all")] = "all") -> None:
    """Compare with other libraries, side by side in one run: tests/benchmark/PART/run.py. Further options go to that program."""
    if part not in (*BENCHMARKS, "all"):
        raise leave("benchmark", f"--part {part}: one of {', '.join(BENCHMARKS)}, all", USAGE)
    worst = 0
    for name in BENCHMARKS if part == "all" else (part,):
        script = ROOT / "tests" / "benchmark" / name / "run.py"
        code = subprocess.run([sys.executable, str(script), *context.args], cwd=ROOT, check=False).returncode
        worst = worst or code
    raise typer.Exit(worst)
