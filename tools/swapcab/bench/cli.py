"""The words of `swapcab bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from swapcab.bench import checks
from swapcab.exits import USAGE, example

EXAMPLES = example(
    "swapcab bench --port /dev/ttyACM0 --operator",
    "swapcab bench --port build/emulated/port --jig build/emulated/jig",
    "swapcab bench --port /dev/ttyACM0 --running 60",
)
NAMES = [name for name, _title, _check in checks.CHECKS]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EXAMPLES)(bench)


def bench(
    port: Annotated[str, typer.Option(help="serial port, as /dev/ttyACM0 or build/emulated/port")],
    operator: Annotated[bool, typer.Option("--operator", help="ask the person at this keyboard to work doors and packs")] = False,
    jig: Annotated[str, typer.Option(help="serial port of a test jig that does it instead (docs/bench.md)")] = "",
    only: Annotated[list[str] | None, typer.Option(help="one of " + ", ".join(NAMES) + "; repeatable")] = None,
    no_reset: Annotated[bool, typer.Option("--no-reset", help="leave the watchdog alone")] = False,
    no_broker: Annotated[bool, typer.Option("--no-broker", help="do not log in at the broker")] = False,
    thorough: Annotated[bool, typer.Option("--thorough", help="try every sector of the flash that holds nothing")] = False,
    folder: Annotated[Path | None, typer.Option(help="where sheet and record go \\[default: build/bench]")] = None,
    running: Annotated[
        float, typer.Option(min=0.0, max=86400.0, help="listen to a running cabinet for RUNNING seconds instead, and send it nothing")
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="the record as one JSON line on standard output")] = False,
) -> None:
    """The acceptance test of a controller: what is faulty, and what to do next."""
    from swapcab.bench import command

    unknown = [name for name in only or [] if name not in NAMES]
    if unknown or (operator and jig):
        text = f"--only {unknown[0]!r}: one of {', '.join(NAMES)}" if unknown else "--operator and --jig: give one of them"
        typer.echo(f"swapcab bench: {text}", err=True)
        raise typer.Exit(USAGE)
    wish = command.Wish(
        port, jig or ("person" if operator else "nobody"), tuple(only or ()), not no_reset, not no_broker, thorough,
        folder or command.FOLDER, as_json, running,
    )  # fmt: skip
    raise typer.Exit(command.run(wish))
