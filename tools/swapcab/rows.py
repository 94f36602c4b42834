"""Rows of a measured claim: name, figure, unit, goal, met. Printed as a table and written to build/<target>.json."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from swapcab.paths import ROOT

FILE_WIDTH = 140  # columns of a table that goes to a file or a log


@dataclass(frozen=True)
class Row:
    """One figure. `met` is None where there is no goal or where the machine's speed decides; False fails the run."""

    name: str
    figure: Any
    unit: str = ""
    goal: str = ""
    met: bool | None = None


def table(rows: list[Row], title: str) -> Table:
    """The rows as a table for a person."""
    drawn = Table(title=title, title_justify="left", header_style="bold")
    for column in ("name", "figure", "unit", "goal", "met"):
        drawn.add_column(column, justify="right" if column == "figure" else "left", no_wrap=column == "name")
    for row in rows:
        met = "" if row.met is None else "[green]yes[/]" if row.met else "[red bold]NO[/]"
        drawn.add_row(row.name, _figure(row.figure), row.unit, row.goal, met)
    return drawn


def _figure(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"


def publish(rows: list[Row], title: str, target: str, console: Console | None = None) -> bool:
    """Print the table, write build/<target>.json; True if no row is unmet."""
    (console or Console(width=None if sys.stdout.isatty() else FILE_WIDTH)).print(table(rows, title))
    path = ROOT / "build" / f"{target}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return all(row.met is not False for row in rows)
