"""`swapcab settings`: check a settings file, print a template."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Annotated

import typer

from swapcab.exits import BAD, USAGE, example
from swapcab.paths import use_firmware
from swapcab.profile import files as profile_files
from swapcab.settings import template

group = typer.Typer(no_args_is_help=True, help="Check a settings file, print a template.", epilog=example("swapcab settings template"))


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="settings")


@group.command("check", epilog=example("swapcab settings check settings.json"))
def check(file: Annotated[Path, typer.Argument(help="settings.json")]) -> None:
    """Name what is wrong with a settings file, or report that nothing is."""
    use_firmware()
    config = importlib.import_module("cabinet.startup.settings")
    try:
        checked = config.parse(file.read_bytes())
        if checked.profiles:
            profile_files.files(file)
    except OSError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(USAGE) from None
    except ValueError as error:  # a SettingsError, or a mistake in a profile
        typer.echo(str(error), err=True)
        raise typer.Exit(BAD) from None
    typer.echo(f"{file}: right; cabinet {checked.cabinet.id}, {checked.cabinet.slots} slots, {len(checked.tokens)} tokens")


@group.command("template", epilog=example("swapcab settings template --slots 24"))
def print_template(slots: Annotated[int, typer.Option(min=3, max=48, help="Slots of the cabinet.")] = 12) -> None:
    """Print the settings of a simulated cabinet, to start from."""
    typer.echo(json.dumps(template.settings(slots), indent=2))
