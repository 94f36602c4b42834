"""The host command line: each folder's cli.py registers its commands here."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from emulator import cli as emulator_cli
from swapcab import VERSION
from swapcab.bench import cli as bench_cli
from swapcab.exits import Commands
from swapcab.flash import cli as flash_cli
from swapcab.fleet import cli as fleet_cli
from swapcab.journal import cli as journal_cli
from swapcab.measure import cli as measure_cli
from swapcab.profile import cli as profile_cli
from swapcab.replay import cli as replay_cli
from swapcab.settings import cli as settings_cli
from swapcab.sim import cli as sim_cli

PARTS = (sim_cli, settings_cli, profile_cli, flash_cli, bench_cli, emulator_cli, journal_cli, replay_cli, fleet_cli, measure_cli)

app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"swapcab {VERSION}")
        raise typer.Exit


@app.callback()
def host_tools(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")] = False,
) -> None:
    """Host tools of Swapcab. docs/commands.md lists every command with an example and the exit codes."""


for part in PARTS:
    part.register(app)


def main() -> None:
    """Entry point of the console script. A terminal or pipe that is gone does not change the exit code."""
    try:
        app()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:  # what is left in the buffer has no reader; Python would exit with 120
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
