"""`swapcab flash` and `swapcab provision`: words in, words out."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from swapcab.board_link import LinkError
from swapcab.compile import board_files
from swapcab.compile.firmware import BuildError
from swapcab.exits import BAD, INTERRUPTED, TROUBLE, USAGE, example, leave, os_text
from swapcab.flash import provisioning
from swapcab.flash.bundle import BundleError
from swapcab.flash.firmware import Flash, FlashError, Request
from swapcab.maintenance import Maintenance

FLASH_EXAMPLES = example(
    "swapcab flash --board w5500_evb_pico2 --port /dev/ttyACM0 --settings settings.json",
    "swapcab flash --board emulated --port build/emulated/port --settings build/emulated/settings.json",
)
PROVISION_EXAMPLES = example(
    "swapcab provision --port /dev/ttyACM0 --secrets secrets.json",
    "swapcab provision --port build/emulated/port --secrets build/emulated/secrets.json --force",
)
BoardOption = Annotated[str, typer.Option(help="|".join(board_files.names()))]
PortOption = Annotated[str, typer.Option(help="serial port, as /dev/ttyACM0 or build/emulated/port")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog=FLASH_EXAMPLES)(flash)
    app.command(epilog=PROVISION_EXAMPLES)(provision)


def flash(
    board: BoardOption,
    port: PortOption,
    settings: Annotated[Path | None, typer.Option(help="settings.json of this cabinet; without it those on the board stay")] = None,
    romfs: Annotated[bool, typer.Option("--romfs", help="also into the ROMFS partition: bytecode there takes no RAM")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="report what would be sent and write nothing; stops the cabinet, too")] = False,
    start: Annotated[bool, typer.Option(help="start the cabinet afterwards, so that the new copy runs")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="the report as one JSON line on standard output")] = False,
) -> None:
    """Bring the firmware onto a board: only what changed, read back, and at every moment a whole copy is there."""
    console = Console(stderr=as_json, highlight=False)
    columns = (TextColumn("{task.description:40}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    try:
        _check_board(board)
        _check_file(settings)
        console.print(f"compiling for {board}")
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("", total=None)

            def progress(what: str, done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)
                if what:
                    bar.update(task, description=what)

            work = Flash(Request(board, port, settings, dry_run, start, romfs), console.print, progress)
            with Maintenance(port, console.print, work.check) as stopped:
                report = work.run(stopped)
    except KeyboardInterrupt:
        raise leave("flash", "interrupted; the board keeps a whole copy of the firmware", INTERRUPTED) from None
    except FileError as error:
        raise leave("flash", error, USAGE) from None
    except LinkError as error:
        raise leave("flash", error, TROUBLE) from None
    except (FlashError, BuildError, BundleError) as error:
        raise leave("flash", error, BAD) from None
    if as_json:
        typer.echo(json.dumps(asdict(report)))


class FileError(Exception):
    """A file of the command line cannot be read."""


def _check_file(path: Path | None) -> None:
    """Raises FileError, before a board is touched."""
    try:
        if path is not None:
            path.read_bytes()
    except OSError as error:
        raise FileError(os_text(error)) from None


def _check_board(name: str) -> None:
    """Raises FlashError with the names that there are."""
    if name not in board_files.names():
        raise FlashError(f"--board {name!r}: no such board; one of {', '.join(board_files.names())}")


def provision(
    port: PortOption,
    secrets: Annotated[Path, typer.Option(help="secrets.json of this very controller: device key, fleet key, broker login")],
    force: Annotated[bool, typer.Option("--force", help="replace secrets that are there")] = False,
) -> None:
    """Give a board its identity: keys and broker login. They are never part of an image, never shown, and not read back."""
    try:
        _check_file(secrets)
        text = provisioning.read(secrets)
        with Maintenance(port, typer.echo) as stopped:
            for line in provisioning.provision(stopped, text, force):
                typer.echo(line)
    except KeyboardInterrupt:
        raise leave("provision", "interrupted; the board has its old secrets or the new ones, whole", INTERRUPTED) from None
    except FileError as error:
        raise leave("provision", error, USAGE) from None
    except LinkError as error:
        raise leave("provision", error, TROUBLE) from None
    except (provisioning.ProvisionError, BundleError) as error:
        raise leave("provision", error, BAD) from None
