"""`swapcab bench`: the live checklist, the two files of the record, the exit code."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from swapcab.bench import checks, passive, sheet
from swapcab.bench.common import FAIL, PASS, Bench, Result
from swapcab.bench.controller import StoppedController
from swapcab.bench.operators import Jig, JigError, NoOperator, Operator, PersonOperator
from swapcab.board_link import LinkError
from swapcab.exits import BAD, GOOD, INTERRUPTED, TROUBLE
from swapcab.maintenance import Maintenance
from swapcab.paths import ROOT

FOLDER = ROOT / "build" / "bench"
WARNING = "{}: a running cabinet is out of service during the bench"
PERSON_LIMIT_S = 1800  # for a person who is asked a question
COLOURS = {"pass": "green", "fail": "red bold", "skip": "yellow"}


@dataclass
class Wish:
    """What was asked for on the command line."""

    port: str
    operator: str = "nobody"  # person, nobody, or the port of a jig
    only: tuple[str, ...] = ()
    reset: bool = True
    broker: bool = True
    thorough: bool = False
    folder: Path = FOLDER
    as_json: bool = False
    running_s: float = 0.0


class Checklist:
    """The table on the screen while the bench runs: one line a check, then its results."""

    def __init__(self, wanted: set[str]) -> None:
        self._titles = {name: title for name, title, _check in checks.CHECKS if not wanted or name in wanted or name == "identity"}
        self._done: dict[str, list[Result]] = {}
        self._at = ""
        self.note = ""

    def report(self, name: str, found: list[Result] | None) -> None:
        """A check begins (None) or is done."""
        self._at = name if found is None else ""
        if found is not None:
            self._done[name] = found

    def __rich__(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for name, title in self._titles.items():
            found = self._done.get(name)
            if found is None:
                table.add_row("..." if name == self._at else "", title, "")
                continue
            for i, result in enumerate(found):
                words = result.figure + (f"\n[bold]{result.part}[/]: {result.step}" if result.part else "")
                shown = title if i == 0 else ""
                table.add_row(f"[{COLOURS[result.status]}]{result.status}[/]", shown, f"{result.what}: {words}")
        if self.note:
            table.add_row("[cyan]you[/]", "", f"[cyan]{self.note}[/]")
        return table


def _operator(wish: Wish, console: Console, live: Live, shown: Checklist, stopped: Maintenance) -> Operator:
    if wish.operator == "nobody":
        return NoOperator()
    if wish.operator != "person":
        return Jig(wish.operator)

    def tell(text: str) -> None:
        shown.note = text
        live.refresh()

    def confirm(question: str) -> bool:
        if stopped.link.usable:
            stopped.leave_idle(PERSON_LIMIT_S)
        live.stop()
        try:
            return console.input(f"[cyan]{question} \\[y/n] [/]").strip().lower().startswith("y")
        except EOFError:
            raise JigError("nobody answers at this keyboard: run with a terminal, or with --jig PORT") from None
        finally:
            live.start()

    return PersonOperator(tell, confirm)


def run(wish: Wish) -> int:
    """GOOD: accepted; BAD: something is faulty; TROUBLE: the controller or the jig cannot be reached; INTERRUPTED."""
    console = Console(stderr=wish.as_json, highlight=False)
    taken = datetime.now().strftime("%Y-%m-%d %H:%M:%S")
    try:
        if wish.running_s:
            return _listen(wish, console, taken)
        kept = _stopped(wish, console, taken)
    except (LinkError, JigError) as error:
        console.print(f"swapcab bench: {error}", style="red", markup=False, soft_wrap=True)
        return TROUBLE
    except KeyboardInterrupt:
        console.print("swapcab bench: interrupted; no sheet was written", style="red")
        return INTERRUPTED
    return finish(wish, kept, console)


def _stopped(wish: Wish, console: Console, taken: str) -> dict:
    """All checks on a controller that is out of service; the record."""

    def say(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    wanted = set(wish.only)
    shown = Checklist(wanted)
    with (
        Maintenance(wish.port, say, warning=WARNING.format(wish.port)) as stopped,
        Live(shown, console=console, refresh_per_second=4) as live,
    ):
        operator = _operator(wish, console, live, shown, stopped)
        bench = Bench(StoppedController(stopped), operator, time.time, wish.thorough, wish.reset, wish.broker)
        results = checks.run(bench, wanted, shown.report)
        shown.note = ""
    return sheet.record(bench.identity, results, taken, bench.operator.name)


def _listen(wish: Wish, console: Console, taken: str) -> int:
    """A running cabinet. Raises LinkError."""
    console.print(f"listening to {wish.port} for {wish.running_s:g} s, sending nothing")
    about, results = passive.listen_to(wish.port, wish.running_s)
    table = Table(title="Observation of a running cabinet", title_justify="left")
    for column in ("what", "result", "figure", "faulty part, next step"):
        table.add_column(column)
    for result in results:
        words = f"{escape(result.part)}\n{escape(result.step)}" if result.part else escape(result.step)
        table.add_row(escape(result.what), f"[{COLOURS[result.status]}]{result.status}[/]", escape(result.figure), words)
    console.print(table)
    return finish(wish, sheet.record(about, results, taken, "nobody; the cabinet went on running", running=True), console)


def finish(wish: Wish, kept: dict, console: Console) -> int:
    """Say the verdict, write the files."""
    try:
        paths = sheet.write(wish.folder, kept)
        console.print(f"sheet: {paths[1]}\nrecord: {paths[0]}", markup=False, soft_wrap=True)
    except OSError as error:
        console.print(f"swapcab bench: the record cannot be written: {error}", style="red", markup=False)
        return TROUBLE
    good = sum(row["status"] == PASS for row in kept["results"])
    bad = [row for row in kept["results"] if row["status"] == FAIL]
    console.print(f"{kept['verdict']}: {good} passed, {len(bad)} failed, {len(kept['results']) - good - len(bad)} not tried")
    for row in bad:
        console.print(f"  {row['part']} — {row['step']}", style="red", markup=False, soft_wrap=True)
    if wish.as_json:
        print(json.dumps(kept))
    return BAD if bad else GOOD
