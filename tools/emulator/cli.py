"""`swapcab emulate`: its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emulator.fault_table import FAULTS
from swapcab.exits import example

EPILOG = example(
    "swapcab emulate --slots 4",
    more="Faults of the hardware: " + "; ".join(f"{name}: {row.words}" for name, row in FAULTS.items()) + ".",
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(emulate)


def emulate(
    slots: Annotated[int, typer.Option(help="Slots of a cabinet around the board, with plant and broker; 0: the board alone.")] = 0,
    folder: Annotated[Path | None, typer.Option(help="Folder of its flash and logs. \\[default: build/emulated]")] = None,
    flash: Annotated[int, typer.Option(help="Size of its file system in KiB.")] = 1024,
    swaps: Annotated[int, typer.Option(help="With --slots: end after this many completed swaps; 0: no riders, no end.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print where everything is as one JSON line.")] = False,
    npb: Annotated[int, typer.Option(help="Slots 1 to NPB have Mean Well NPB chargers (0 to 4), the others Elcon chargers.")] = 0,
    fault: Annotated[list[str] | None, typer.Option(help="NAME or NAME:SLOT: a part of the hardware is broken. Repeatable.")] = None,
) -> None:
    """Run an emulated board behind a pseudo-terminal that mpremote, flash and bench take for a controller, until Ctrl-C."""
    from emulator.command import run

    raise typer.Exit(run(folder, slots, flash * 1024, swaps, as_json, fault, npb))
