"""`swapcab replay`: its options."""

from __future__ import annotations

from typing import Annotated

import typer

from swapcab.exits import example


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=example("swapcab replay build/sim/1/flash.bin --key build/sim/1/secrets.json"))(replay)


def replay(
    file: Annotated[str, typer.Argument(help="Flash image, export or capture (.jsonl, .log), or one event (.json).")],
    key: Annotated[str, typer.Option(help="Device key: hex, or a file that holds it (also a secrets.json).")] = "",
    rule: Annotated[str, typer.Option(help="Only the evidence of this rule.")] = "",
    sector_size: Annotated[int, typer.Option(help="Bytes that one erase of the flash covers.")] = 4096,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdicts as JSON.")] = False,
) -> None:
    """Replay the evidence of trips and rejections in the firmware's core: is each verdict reached again? (docs/evidence.md)"""
    from swapcab.replay.command import run

    raise typer.Exit(run(file, key, rule, sector_size, as_json))
