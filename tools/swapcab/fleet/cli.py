"""`swapcab fleet`: the options of many cabinets on one broker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from swapcab.exits import USAGE, example, leave
from swapcab.sim.options import OptionError, Outage


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=example("swapcab fleet --cabinets 200 --outage 20@5 --every 0.4 --plot fleet.svg"))(fleet)


def fleet(
    cabinets: Annotated[int, typer.Option(help="Number of cabinets, 1 to 20000. Each runs the uplink of the firmware.")] = 50,
    broker: Annotated[str, typer.Option(help="mosquitto, amqtt or mqtt://HOST:PORT. \\[default: mosquitto if installed, else amqtt]")] = "",
    outage: Annotated[list[str] | None, typer.Option(help="LENGTH@START in seconds, from when all are connected. Repeatable.")] = None,
    every: Annotated[float, typer.Option(help="Seconds between two events of a cabinet.")] = 1.0,
    seconds: Annotated[float, typer.Option(help="Length of the run without --outage, in seconds.")] = 10.0,
    plot: Annotated[Path | None, typer.Option(help="Draw connects per second and waiting events into this SVG file.")] = None,
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the JSON line to this file too.")] = None,
) -> None:
    """Connect many cabinets' uplinks to one broker: what the broker takes, and how a mass reconnect spreads (docs/fleet.md)."""
    from swapcab.fleet.run import Options, run

    try:
        outages = [Outage.parse(text) for text in outage or []]
    except OptionError as error:
        raise leave("fleet", error, USAGE) from None
    raise typer.Exit(run(Options(cabinets, broker, outages, every, seconds, plot, json_path)))
