"""The two ways to run a simulation: headless with a progress bar and a verdict, or with the live panel and keys."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from swapcab.rows import publish
from swapcab.sim import result as sim_result
from swapcab.sim.account import settled_account
from swapcab.sim.keyboard import Keyboard
from swapcab.sim.options import Options
from swapcab.sim.panel import draw
from swapcab.sim.plant_client import PlantError
from swapcab.sim.simulation import SimError, Simulation, reap_on_signal
from swapcab.sim.view import panel_view

TICK_S = 0.05
PICTURE_WIDTH = 118
EXIT_BROKEN = 1
EXIT_TROUBLE = 2


def run(options: Options) -> int:
    """A whole run; returns the exit code: 0, 1 for a broken invariant, 2 if something could not be started or died."""
    reap_on_signal()
    console = Console(stderr=options.headless)
    simulation = Simulation(options)
    try:
        with console.status("starting broker, plant and firmware"):
            simulation.start()
        if not options.headless:
            _live(simulation, console)
            return 0
        picture = _headless(simulation, console)
        simulation.stop_firmware()
        result = sim_result.figures(simulation, settled_account(simulation.folder, simulation.net))
    except (SimError, PlantError) as error:
        console.print(f"[red]{error}[/]\nlogs: {simulation.folder}", highlight=False)
        return EXIT_TROUBLE
    except KeyboardInterrupt:
        console.print(f"stopped; logs: {simulation.folder}")
        return 130
    finally:
        simulation.close()
    return _verdict(options, result, picture, simulation.folder)


def _verdict(options: Options, result: dict[str, Any], picture: str, folder: Path) -> int:
    publish(sim_result.rows(result), f"swapcab sim, {options.slots} slots, seed {options.seed}", "sim", Console(stderr=True))
    if result["trouble"]:
        Console(stderr=True).print(result["trouble"], style="red", highlight=False)
    for violation in result["violations"]:
        Console(stderr=True).print(f"violation: {violation}", style="red", highlight=False)
    for example in result["examples"]:
        Console(stderr=True).print(example, style="yellow", highlight=False)
    line = sim_result.json_line(result)
    for path in filter(None, (options.json_path, folder / "result.json")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(line + "\n")
    if options.picture and picture:
        options.picture.parent.mkdir(parents=True, exist_ok=True)
        options.picture.write_text(picture)
    print(line, flush=True)
    return 0 if sim_result.held(result) else EXIT_BROKEN


def _headless(simulation: Simulation, console: Console) -> str:
    """Until it is done; returns the panel as SVG if a picture is wanted."""
    picture = ""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("swaps", total=simulation.options.swaps or None)
        while simulation.phase != "done":
            simulation.tick()
            swaps = simulation.swaps
            if simulation.options.picture and _photogenic(simulation):
                picture = photograph(simulation)
            words = f"{simulation.phase}, {swaps.get('refused', 0)} refused, backlog {max(0, simulation.backlog())}"
            words += f", {simulation.kills} power cuts" if simulation.kills else ""
            words += ", network cut" if simulation.net.is_cut else ""
            progress.update(task, completed=swaps.get("completed", 0), description=words)
            time.sleep(TICK_S)
    return picture


def _photogenic(simulation: Simulation) -> bool:
    """A moment at which there is something to see: a few swaps done, a rider at an open door, packs charging."""
    slots = simulation.view.get("slots") or []
    charging = sum(1 for slot in slots if (slot.get("current_ma") or 0) > 500)
    opened = any(slot.get("door_closed") is False for slot in slots)
    return opened and charging >= 2 and simulation.swaps.get("completed", 0) * 2 >= simulation.options.swaps


def photograph(simulation: Simulation) -> str:
    """The panel as it is now, as SVG."""
    with open("/dev/null", "w") as nowhere:
        console = Console(record=True, width=PICTURE_WIDTH, file=nowhere, force_terminal=True, color_system="truecolor")
        console.print(draw(panel_view(simulation)))
        drawn = console.export_svg(title="make sim")
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)  # a picture fetches nothing


def _live(simulation: Simulation, console: Console) -> None:
    """The panel until `q` is pressed, or until all swaps are done if a number was asked for."""
    message = ""
    actions: dict[str, Callable[[], str]] = {
        "r": lambda: _bring(simulation, "normal"),
        "b": lambda: _bring(simulation, "bad_pack"),
        "n": lambda: _network(simulation),
        "k": lambda: _power(simulation),
    }
    with Keyboard() as keyboard, Live(console=console, screen=True, auto_refresh=False) as live:
        drawn_at = 0.0
        while simulation.phase != "done":
            key = keyboard.key(TICK_S)
            if key == "q":
                return
            if key in actions:
                message = actions[key]()
            simulation.tick()
            now = time.monotonic()
            if now - drawn_at >= 0.2 or key:
                drawn_at = now
                live.update(draw(panel_view(simulation, message, console.size.height)), refresh=True)


def _bring(simulation: Simulation, kind: str) -> str:
    simulation.ask(cmd="rider", kind=kind)
    return "a rider comes" if kind == "normal" else "a rider with a bad pack comes"


def _network(simulation: Simulation) -> str:
    simulation.toggle_network()
    return "the network is cut" if simulation.net.is_cut else "the network is back"


def _power(simulation: Simulation) -> str:
    simulation.cut_power()
    return "the power was cut; the firmware starts again"


