"""`swapcab settings`: check a settings file, print a template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from swapcab.exits import BAD, USAGE, example
from swapcab.settings import check, template

group = typer.Typer(no_args_is_help=True, help="Check a settings file, print a template.", epilog=example("swapcab settings template"))


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="settings")


@group.command(
    "check",
    epilog=example("swapcab settings check settings.json", "swapcab settings check --board w5500_evb_pico2 settings.json"),
)
def check_file(
    file: Annotated[Path, typer.Argument(help="settings.json")],
    board: Annotated[str, typer.Option(help="Check ports and bauds against this board too, as w5500_evb_pico2; no board is needed.")] = "",
) -> None:
    """Check a settings file: errors end with exit code 1; notes on what is probably not meant end with 0."""
    result = check.check(file, board)
    for text in result.wrong:
        typer.echo(text, err=True)
    for text in result.notes:
        typer.echo(f"note: {text}")
    if result.wrong:
        raise typer.Exit(USAGE if result.unreadable else BAD)
    typer.echo(f"{file}: right; {result.summary}")


@group.command("template", epilog=example("swapcab settings template --slots 24"))
def print_template(slots: Annotated[int, typer.Option(min=3, max=48, help="Slots of the cabinet.")] = 12) -> None:
    """Print the settings of a simulated cabinet, to start from."""
    typer.echo(json.dumps(template.settings(slots), indent=2))
