"""The host command line: `swapcab sim`, `swapcab size`, `swapcab settings`, `swapcab journal`, ..."""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from emulator.fault_table import FAULTS
from swapcab import VERSION
from swapcab.bench import cli as bench_cli
from swapcab.flash import cli as flash_cli
from swapcab.paths import ROOT, use_firmware
from swapcab.profile import cli as profile_cli
from swapcab.profile import files as profile_files
from swapcab.settings import template as settings_template
from swapcab.sim.options import Fault, OptionError, Options, Outage

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Host tools of Swapcab.")
settings_app = typer.Typer(no_args_is_help=True, help="Settings files: check one, print a template.")
app.add_typer(settings_app, name="settings")
app.add_typer(profile_cli.app, name="profile")
if importlib.util.find_spec("swapcab.journal.cli"):
    app.add_typer(importlib.import_module("swapcab.journal.cli").app, name="journal")



def show_version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        typer.echo(f"swapcab {VERSION}")
        raise typer.Exit


@app.callback()
def main_options(
    version: Annotated[bool, typer.Option("--version", callback=show_version, is_eager=True, help="print the version and end")] = False,
) -> None:
    """Options that stand before a command."""


BENCHMARKS = ("bus", "journal", "uplink", "cpu")


@app.command()
def sim(
    slots: Annotated[int, typer.Option(help="slots of the cabinet; two of three on RS485, the others on CAN")] = 12,
    swaps: Annotated[int | None, typer.Option(help="end after so many swaps [default: 20 headless, else none]")] = None,
    seed: Annotated[int, typer.Option(help="of the plant's random choices")] = 1,
    headless: Annotated[bool, typer.Option("--headless", help="no panel: progress, a summary table, one JSON line")] = False,
    outage: Annotated[list[str] | None, typer.Option(help="SECONDS@SECONDS: network gone for so long, from then; repeatable")] = None,
    kill: Annotated[float, typer.Option(help="SIGKILL the firmware every so many seconds")] = 0.0,
    kills: Annotated[int, typer.Option(help="with --kill: go on until so many have happened")] = 5,
    speed: Annotated[float, typer.Option(help="packs charge so many times faster than real ones")] = 60.0,
    fault: Annotated[list[str] | None, typer.Option(help="KIND:SLOT or KIND:SLOT@SECONDS, as dead:3@20; repeatable")] = None,
    bad_every: Annotated[int, typer.Option(help="each so-many-th rider brings a bad pack; 0 for none")] = 7,
    broker: Annotated[str, typer.Option(help="mqtt://HOST:PORT of another broker than the embedded one")] = "",
    json_path: Annotated[Path | None, typer.Option("--json", help="write the JSON line to this file too")] = None,
    picture: Annotated[Path | None, typer.Option(help="headless: draw the panel into this SVG")] = None,
    folder: Annotated[Path | None, typer.Option(help="run folder [default: build/sim/<n>]")] = None,
    heap: Annotated[str, typer.Option(help="heap cap of the firmware \\[default: 512k, 8k more for each slot beyond 12]")] = "",
    npb: Annotated[int, typer.Option(help="so many of the first slots have Mean Well NPB chargers (0 to 4), the others Elcon ones")] = 0,
    profile: Annotated[Path | None, typer.Option(help="profile (.json) of the packs on CAN in place of the pack link; needs --dbc")] = None,
    dbc: Annotated[Path | None, typer.Option(help="the DBC file by which those packs speak")] = None,
) -> None:
    """Run a simulated cabinet: a person sees a live panel; --headless ends with a verdict and exit code."""
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
        if not headless and not sys.stdin.isatty():
            raise OptionError("the panel needs a terminal; add --headless")
    except OptionError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    from swapcab.sim.run import run

    raise typer.Exit(run(options))


app.command()(flash_cli.flash)
app.command()(flash_cli.provision)
app.command()(bench_cli.bench)


@app.command(epilog="Faults of the hardware: " + "; ".join(f"{name}: {row.words}" for name, row in FAULTS.items()) + ".")
def emulate(
    slots: Annotated[int, typer.Option(help="a cabinet around it: plant and broker; 0 for the board alone")] = 0,
    folder: Annotated[Path | None, typer.Option(help="its flash and logs \\[default: build/emulated]")] = None,
    flash: Annotated[int, typer.Option(help="its file system, KiB")] = 1024,
    swaps: Annotated[int, typer.Option(help="with --slots: riders come once the cabinet runs; end after so many swaps")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="say where it is as one JSON line on standard output")] = False,
    npb: Annotated[int, typer.Option(help="so many of the first slots have Mean Well NPB chargers, the others Elcon ones")] = 0,
    fault: Annotated[list[str] | None, typer.Option(help="NAME or NAME:SLOT: something of the hardware is broken; repeatable")] = None,
) -> None:
    """A board behind a pseudo-terminal, to which mpremote connects: MicroPython, its own flash, chip models, a cabinet's buses."""
    from emulator.command import run

    raise typer.Exit(run(folder, slots, flash * 1024, swaps, as_json, fault, npb))


@app.command()
def fleet(
    cabinets: Annotated[int, typer.Option(help="how many; 25 share a MicroPython process, each with the uplink of the firmware")] = 50,
    broker: Annotated[str, typer.Option(help="mosquitto, amqtt or mqtt://HOST:PORT [default: mosquitto if installed, else amqtt]")] = "",
    outage: Annotated[list[str] | None, typer.Option(help="SECONDS@SECONDS: for so long, so long after all have connected")] = None,
    every: Annotated[float, typer.Option(help="seconds between two events of a cabinet")] = 1.0,
    seconds: Annotated[float, typer.Option(help="without --outage: how long they work")] = 10.0,
    plot: Annotated[Path | None, typer.Option(help="draw connects per second and what waits into this SVG")] = None,
    json_path: Annotated[Path | None, typer.Option("--json", help="write the JSON line to this file too")] = None,
) -> None:
    """Many cabinets' uplinks on one broker: what it takes, and how a mass reconnect spreads; see docs/fleet.md."""
    from swapcab.fleet.run import Options as FleetOptions
    from swapcab.fleet.run import run

    try:
        outages = [Outage.parse(text) for text in outage or []]
    except OptionError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    raise typer.Exit(run(FleetOptions(cabinets, broker, outages, every, seconds, plot, json_path)))


@app.command()
def size(
    slots: Annotated[int, typer.Option(help="slots of the cabinet")] = 12,
    growth: Annotated[bool, typer.Option("--growth", help="instead: CPU and heap for 6 to 48 slots, and what each slot takes")] = False,
) -> None:
    """Heap after start, at its peak, and the size of each module; written to build/size.json."""
    from swapcab.measure import growth as as_it_grows
    from swapcab.measure import size as as_it_is

    raise typer.Exit(as_it_grows.run() if growth else as_it_is.run(slots))


@app.command()
def fit(source: Annotated[Path, typer.Option(help="source tree of MicroPython 1.25 or later")]) -> None:
    """Heap at an MCU's word size: builds MicroPython for 32 bits (needs gcc-multilib) and runs cabinets of 6 to 48 slots on it."""
    from swapcab.measure.fit import run

    raise typer.Exit(run(source))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def benchmark(context: typer.Context, part: Annotated[str, typer.Option(help="|".join(BENCHMARKS) + "|all")] = "all") -> None:
    """Side by side with other libraries, in one run on one machine: tests/benchmark/<part>/run.py."""
    if part not in (*BENCHMARKS, "all"):
        typer.echo(f"--part {part}: one of {', '.join(BENCHMARKS)}, all", err=True)
        raise typer.Exit(2)
    failed = 0
    for name in BENCHMARKS if part == "all" else (part,):
        script = ROOT / "tests" / "benchmark" / name / "run.py"
        if not script.is_file():
            typer.echo(f"benchmark {name}: {script.relative_to(ROOT)} does not exist", err=True)
            failed = 2
            continue
        code = subprocess.run([sys.executable, str(script), *context.args], cwd=ROOT, check=False).returncode
        failed = failed or code
    raise typer.Exit(failed)


@app.command()
def replay(
    file: Annotated[str, typer.Argument(help="journal image, export or capture (.jsonl, .log), or one event (.json)")],
    key: Annotated[str, typer.Option(help="device key: hex, or a file with it (also a secrets.json)")] = "",
    rule: Annotated[str, typer.Option(help="only evidence of this rule")] = "",
    sector_size: Annotated[int, typer.Option(help="bytes that one erase covers")] = 4096,
    as_json: Annotated[bool, typer.Option("--json", help="the verdicts as JSON")] = False,
) -> None:
    """Put evidence of trips and rejections back into the firmware's core: is the verdict the same? Exit code 1 if not; docs/evidence.md."""
    from swapcab.replay.command import run

    raise typer.Exit(run(file, key, rule, sector_size, as_json))


@settings_app.command("check")
def settings_check(file: Annotated[Path, typer.Argument(help="settings.json")]) -> None:
    """Say what is wrong with a settings file, or that nothing is."""
    use_firmware()
    config = importlib.import_module("cabinet.startup.settings")
    try:
        checked = config.parse(file.read_bytes())
        if checked.profiles:
            profile_files.files(file)
    except (OSError, ValueError) as error:  # a SettingsError, or a mistake in a profile
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{file}: right; cabinet {checked.cabinet.id}, {checked.cabinet.slots} slots, {len(checked.tokens)} tokens")


@settings_app.command("template")
def settings_template_command(slots: Annotated[int, typer.Option(help="slots of the cabinet")] = 12) -> None:
    """Print the settings of a simulated cabinet, to start one's own from."""
    typer.echo(json.dumps(settings_template.settings(slots), indent=2))


def main() -> None:
    """Entry point of the console script."""
    app()
