"""`swapcab flash` and `swapcab provision`: words in, words out."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from swapcab.board_link import Link, LinkError
from swapcab.compile import board_files
from swapcab.compile.firmware import BuildError
from swapcab.exits import BAD, TROUBLE, example, leave
from swapcab.flash import provisioning
from swapcab.flash.bundle import BundleError
from swapcab.flash.firmware import Flash, FlashError, Request

BoardOption = Annotated[str, typer.Option(help="|".join(board_files.names()))]
PortOption = Annotated[str, typer.Option(help="serial port, as /dev/ttyACM0, or what swapcab emulate prints")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog=example("swapcab flash --board w5500_evb_pico2 --port /dev/ttyACM0 --settings settings.json"))(flash)
    app.command(epilog=example("swapcab provision --port /dev/ttyACM0 --secrets secrets.json"))(provision)


def flash(
    board: BoardOption,
    port: PortOption,
    settings: Annotated[Path | None, typer.Option(help="settings.json for this cabinet; without it those on the board stay")] = None,
    romfs: Annotated[bool, typer.Option("--romfs", help="into the ROMFS partition, too: bytecode there takes no RAM")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="look and say, write nothing")] = False,
    start: Annotated[bool, typer.Option(help="reset the board afterwards, so that the new copy runs")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="the report as one JSON line on standard output")] = False,
) -> None:
    """Bring the firmware onto a board: only what changed, read back, and at every moment a whole copy is there."""
    console = Console(stderr=as_json, highlight=False)
    columns = (TextColumn("{task.description:40}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    try:
        console.print(f"compiling for {board}")
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("", total=None)

            def progress(what: str, done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)
                if what:
                    bar.update(task, description=what)

            work = Flash(Request(board, port, settings, dry_run, start, romfs), console.print, progress)
            with Link(port) as link:
                report = work.run(link)
    except (LinkError, OSError) as error:
        raise leave("flash", error, TROUBLE) from None
    except (FlashError, BuildError, BundleError) as error:
        raise leave("flash", error, BAD) from None
    if as_json:
        typer.echo(json.dumps(asdict(report)))


def provision(
    port: PortOption,
    secrets: Annotated[Path, typer.Option(help="secrets.json of this very controller: device key, fleet key, broker login")],
    force: Annotated[bool, typer.Option("--force", help="replace secrets that are there")] = False,
) -> None:
    """Give a board its identity: keys and broker login. They are never part of an image, never shown, and not read back."""
    try:
        with Link(port) as link:
            for line in provisioning.provision(link, secrets, force):
                typer.echo(line)
    except (LinkError, OSError) as error:
        raise leave("provision", error, TROUBLE) from None
    except provisioning.ProvisionError as error:
        raise leave("provision", error, BAD) from None
