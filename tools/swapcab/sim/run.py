"""The two ways to run a simulation: headless with a progress bar and a verdict, or with the live panel and keys."""

from __future__ import annotations

import contextlib
import errno
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from swapcab.exits import BAD, GOOD, INTERRUPTED, TROUBLE, os_text
from swapcab.rows import publish
from swapcab.sim import result as sim_result
from swapcab.sim.account import settled_account
from swapcab.sim.ending import ended_by_signals, undisturbed
from swapcab.sim.keyboard import Keyboard, TerminalGone
from swapcab.sim.network import NetError
from swapcab.sim.options import Options
from swapcab.sim.panel import draw
from swapcab.sim.plant_client import PlantError
from swapcab.sim.simulation import SimError, Simulation
from swapcab.sim.view import panel_view

TICK_S = 0.05
PICTURE_SIZE = (118, 40)


def run(options: Options) -> int:
    """A whole run. Returns GOOD, BAD (a broken invariant), TROUBLE (a part did not start, or ended), or INTERRUPTED."""
    console = Console(stderr=options.headless)
    simulation = None
    try:
        with ended_by_signals():
            for path in filter(None, (options.json_path, options.picture)):
                _writable(path)
            simulation = Simulation(options)
            try:
                return _run(simulation, console)
            finally:
                with undisturbed():
                    simulation.close()
    except (SimError, PlantError, NetError) as error:
        logs = f"\nlogs: {simulation.folder}" if simulation else ""
        return _ended(console, f"swapcab sim: {error}{logs}", TROUBLE)
    except OSError as error:
        if error.errno == errno.EIO and not options.headless:  # the panel cannot be drawn
            return INTERRUPTED
        return _ended(console, f"swapcab sim: {os_text(error)}", TROUBLE)
    except TerminalGone:
        return _ended(console, "swapcab sim: the terminal was closed", INTERRUPTED)
    except KeyboardInterrupt:
        return _ended(console, "swapcab sim: interrupted", INTERRUPTED)


def _ended(console: Console, text: str, code: int) -> int:
    """Report how the run ended, if the terminal is still there."""
    with contextlib.suppress(OSError):
        console.print(text, style="red" if code == TROUBLE else "", highlight=False, markup=False, soft_wrap=True)
    return code


def _writable(path: Path) -> None:
    """Find out before a long run whether its result can be written. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    was_there = path.exists()
    path.open("ab").close()
    if not was_there:
        path.unlink()


def _run(simulation: Simulation, console: Console) -> int:
    options = simulation.options
    with console.status("starting broker, plant and firmware"):
        simulation.start()
    host, port = simulation.net.address
    follow = f"broker: mqtt://{host}:{port}; follow it with: {simulation.net.subscribe_line}"
    console.print(follow, highlight=False, markup=False, soft_wrap=True)
    if not options.headless:
        _live(simulation, console)
        console.print(f"ended; logs: {simulation.folder}", highlight=False, markup=False, soft_wrap=True)
        return GOOD
    picture = _headless(simulation, console)
    simulation.stop_firmware()
    result = sim_result.figures(simulation, settled_account(simulation.folder, simulation.net))
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
    return GOOD if sim_result.held(result) else BAD


def _headless(simulation: Simulation, console: Console) -> str:
    """Run to the end; returns the panel as SVG, or "" if none is asked for."""
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
    """Whether there is something to see: half of the swaps done, an open door, packs charging."""
    slots = simulation.view.get("slots") or []
    charging = sum(1 for slot in slots if (slot.get("current_ma") or 0) > 500)
    opened = any(slot.get("door_closed") is False for slot in slots)
    return opened and charging >= 2 and simulation.swaps.get("completed", 0) * 2 >= simulation.options.swaps


def photograph(simulation: Simulation) -> str:
    """The panel as it is now, as SVG."""
    with open("/dev/null", "w") as nowhere:
        width, height = PICTURE_SIZE
        console = Console(record=True, width=width, height=height, file=nowhere, force_terminal=True, color_system="truecolor")
        console.print(draw(panel_view(simulation, events=6), width, height))
        drawn = console.export_svg(title="make sim")
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)  # a picture fetches nothing


def _live(simulation: Simulation, console: Console) -> None:
    """Show the panel until `q` is pressed, or until all swaps are done if --swaps was given. Raises TerminalGone."""
    message = ""
    page = 0
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
            page += key == "s"
            if key in actions:
                message = actions[key]()
            simulation.tick()
            now = time.monotonic()
            if now - drawn_at >= 0.2 or key:
                drawn_at = now
                live.update(draw(panel_view(simulation, message), console.size.width, console.size.height, page), refresh=True)


def _bring(simulation: Simulation, kind: str) -> str:
    simulation.ask(cmd="rider", kind=kind)
    return "a rider is coming" if kind == "normal" else "a rider with a bad pack is coming"


def _network(simulation: Simulation) -> str:
    simulation.toggle_network()
    return "network cut" if simulation.net.is_cut else "network restored"


def _power(simulation: Simulation) -> str:
    simulation.cut_power()
    return "power cut; the firmware is restarting"


