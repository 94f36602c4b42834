"""`swapcab sim`: the options of a simulated cabinet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from swapcab.exits import USAGE, example, leave
from swapcab.sim.options import FAULT_KINDS, Fault, OptionError, Options, Outage

EPILOG = example(
    "swapcab sim --slots 12",
    "swapcab sim --headless --swaps 20 --outage 60@10 --fault dead:3@20",
    more=f"Kinds of --fault: {', '.join(FAULT_KINDS)}. docs/plant.md says what each does.",
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(sim)


def sim(
    slots: Annotated[int, typer.Option(help="Slots of the cabinet, 3 to 48. Two thirds of the packs are on RS485, the rest on CAN.")] = 12,
    swaps: Annotated[int | None, typer.Option(help="End after this many completed swaps. \\[default: 20 headless, else no end]")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random choices of the simulated world.")] = 1,
    headless: Annotated[bool, typer.Option("--headless", help="No panel: a progress bar, a table and one JSON line.")] = False,
    outage: Annotated[list[str] | None, typer.Option(help="LENGTH@START in seconds: cut the network. Repeatable.")] = None,
    kill: Annotated[float, typer.Option(help="Cut the controller's power every KILL seconds; 0: never.")] = 0.0,
    kills: Annotated[int, typer.Option(help="With --kill: the run lasts until this many power cuts have happened.")] = 5,
    speed: Annotated[float, typer.Option(help="How much faster than real packs the simulated ones charge.")] = 60.0,
    fault: Annotated[list[str] | None, typer.Option(help="KIND:SLOT or KIND:SLOT@SECONDS, as in dead:3@20. Repeatable.")] = None,
    bad_every: Annotated[int, typer.Option(help="One rider in BAD_EVERY brings a bad pack; 0: none does.")] = 7,
    broker: Annotated[str, typer.Option(help="mqtt://HOST:PORT of a broker that runs already. \\[default: an embedded one]")] = "",
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the JSON line to this file too.")] = None,
    picture: Annotated[Path | None, typer.Option(help="With --headless: draw the panel into this SVG file.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Folder of the run. \\[default: build/sim/NUMBER; the last ten are kept]")] = None,
    heap: Annotated[str, typer.Option(help="Heap of the firmware. \\[default: 512k, 8k more for each slot above 12]")] = "",
    npb: Annotated[int, typer.Option(help="Slots 1 to NPB have Mean Well NPB chargers (0 to 4), the others Elcon chargers.")] = 0,
    profile: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Profile (.json) of the packs on CAN, not the pack link; needs --dbc.")
    ] = None,
    dbc: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="DBC file of these packs; needs --profile.")] = None,
) -> None:
    """Run a simulated cabinet with a live panel; with --headless, run it to a verdict."""
    try:
        options = Options(
            slots=slots,
            swaps=swaps if swaps is not None else 20 if headless else 0,
            seed=seed,
            speed=speed,
            headless=headless,
            broker=broker,
            outages=[Outage.parse(text) for text in outage or []],
            kill_every_s=kill,
            min_kills=kills,
            faults=[Fault.parse(text) for text in fault or []],
            bad_every=bad_every,
            json_path=json_path,
            picture=picture,
            folder=folder,
            heap=heap,
            npb=npb,
            profile=profile,
            dbc=dbc,
        )
        options.check()
        if not headless and not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise OptionError("the panel needs a terminal; add --headless")
    except OptionError as error:
        raise leave("sim", error, USAGE) from None
    from swapcab.sim.run import run

    raise typer.Exit(run(options))
