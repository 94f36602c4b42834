"""`swapcab bench`: a live checklist, the two files of the record, an exit code."""

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
from swapcab.bench.hands import Hands, Jig, JigError, Nobody, Operator
from swapcab.bench.link import LinkError, RawLink
from swapcab.exits import BAD, GOOD, TROUBLE
from swapcab.paths import ROOT

FOLDER = ROOT / "build" / "bench"
COLOURS = {"pass": "green", "fail": "red bold", "skip": "yellow"}


@dataclass
class Wish:
    """What was asked for on the command line."""

    port: str
    hands: str = "nobody"  # operator, nobody, or the port of a jig
    only: tuple[str, ...] = ()
    reset: bool = True
    broker: bool = True
    thorough: bool = False
    folder: Path = FOLDER
    as_json: bool = False
    running_s: float = 0.0


class Checklist:
    """What is drawn while the bench runs: one line a check, then its results."""

    def __init__(self, wanted: set[str]) -> None:
        self._titles = {name: title for name, title, _check in checks.CHECKS if not wanted or name in wanted or name == "identity"}
        self._done: dict[str, list[Result]] = {}
        self._at = ""
        self.note = ""

    def told(self, name: str, found: list[Result] | None) -> None:
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


def _hands(wish: Wish, console: Console, live: Live, shown: Checklist) -> Hands:
    if wish.hands == "nobody":
        return Nobody()
    if wish.hands != "operator":
        return Jig(wish.hands)

    def tell(text: str) -> None:
        shown.note = text
        live.refresh()

    def confirm(question: str) -> bool:
        live.stop()
        try:
            return console.input(f"[cyan]{question} [y/n] [/]").strip().lower().startswith("y")
        finally:
            live.start()

    return Operator(tell, confirm)


def run(wish: Wish) -> int:
    """GOOD: accepted; BAD: something is faulty; TROUBLE: the controller or the jig cannot be reached."""
    console = Console(stderr=wish.as_json, highlight=False)
    taken = datetime.now().strftime("%Y-%m-%d %H:%M:%S")
    if wish.running_s:
        return _listen(wish, console, taken)
    wanted = set(wish.only)
    shown = Checklist(wanted)
    link = RawLink(wish.port)
    results: list[Result] = []
    bench = None
    try:
        console.print(f"connecting to {wish.port}")
        link.open()
        with Live(shown, console=console, refresh_per_second=4) as live:
            hands = _hands(wish, console, live, shown)
            bench = Bench(link, hands, time.time, wish.thorough, wish.reset, wish.broker)
            results = checks.run(bench, wanted, shown.told)
            shown.note = ""
    except (LinkError, JigError) as error:
        console.print(f"swapcab bench: {error}", style="red", markup=False)
        return TROUBLE
    finally:
        link.close()
    kept = sheet.record(bench.identity, results, taken, bench.hands.name)
    return finish(wish, kept, console)


def _listen(wish: Wish, console: Console, taken: str) -> int:
    """A running cabinet."""
    console.print(f"listening to {wish.port} for {wish.running_s:g} s, sending nothing")
    try:
        about, results = passive.listen_to(wish.port, wish.running_s)
    except OSError as error:
        console.print(f"swapcab bench: {error}", style="red", markup=False)
        return TROUBLE
    table = Table(title="A running cabinet, listened to", title_justify="left")
    for column in ("what", "result", "figure", "faulty part, next step"):
        table.add_column(column)
    for result in results:
        words = f"{escape(result.part)}\n{escape(result.step)}" if result.part else escape(result.step)
        table.add_row(escape(result.what), f"[{COLOURS[result.status]}]{result.status}[/]", escape(result.figure), words)
    console.print(table)
    return finish(wish, sheet.record(about, results, taken, "nobody; it went on running"), console)


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
