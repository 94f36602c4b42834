"""The live panel: what a person sees of the cabinet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

STATE_STYLES = {
    "empty": "dim",
    "absent": "dim",
    "checking": "yellow",
    "charging": "green",
    "full": "bold green",
    "ready": "bold green",
    "refused": "bold yellow",
    "quarantine": "bold red",
    "quarantined": "bold red",
    "fault": "red",
    "disabled": "dim red",
}
ALARM_WORDS = ("fault", "quarantin", "stuck", "lost", "refused", "cancelled")
KEYS = (("r", "rider"), ("b", "bad pack"), ("n", "network"), ("k", "power cut"), ("q", "quit"))


@dataclass
class SlotView:
    """One row of the table."""

    number: int
    bus: str = ""
    state: str = "?"
    pack: str = ""
    soc_pct: int | None = None
    temp_c: float | None = None
    current_ma: int | None = None
    door_closed: bool | None = None
    locked: bool | None = None
    why: str = ""


@dataclass
class PanelView:
    """All that is drawn."""

    cabinet: str = ""
    clock: str = ""
    slots: list[SlotView] = field(default_factory=list)
    facts: list[tuple[str, str, str]] = field(default_factory=list)  # name, text, style
    events: list[tuple[str, str, str, str]] = field(default_factory=list)  # time, type, slot, what
    message: str = ""


def bar(soc_pct: int | None, width: int = 10) -> Text:
    """State of charge as a bar with its number."""
    if soc_pct is None:
        return Text("")
    filled = max(0, min(width, round(soc_pct * width / 100)))
    style = "green" if soc_pct >= 80 else "yellow" if soc_pct >= 30 else "red"
    text = Text("█" * filled, style=style)
    text.append("░" * (width - filled), style="dim")
    text.append(f" {soc_pct:3d} %")
    return text


def slots_table(slots: Iterable[SlotView]) -> Table:
    """One row a slot."""
    drawn = Table(expand=True, box=None, header_style="bold", padding=(0, 1))
    for name, justify, width in (
        ("slot", "right", 4),
        ("bus", "left", 6),
        ("state", "left", 12),
        ("pack", "left", 16),
        ("charge", "left", 16),
        ("°C", "right", 5),
        ("A", "right", 5),
        ("door", "left", 6),
        ("lock", "left", 8),
    ):
        drawn.add_column(name, justify=justify, width=width, no_wrap=True)  # type: ignore[arg-type]
    drawn.add_column("why not charging", ratio=1, no_wrap=True, overflow="ellipsis")
    for slot in slots:
        drawn.add_row(
            str(slot.number),
            slot.bus,
            Text(slot.state, style=STATE_STYLES.get(slot.state.split(" ")[0].split("_")[0].lower(), "")),
            slot.pack,
            bar(slot.soc_pct),
            "" if slot.temp_c is None else f"{slot.temp_c:.1f}",
            "" if slot.current_ma is None else f"{slot.current_ma / 1000:.1f}",
            _door(slot.door_closed),
            _lock(slot.locked),
            Text(slot.why, style="dim"),
        )
    return drawn


def _door(closed: bool | None) -> Text:
    if closed is None:
        return Text("")
    return Text("shut", style="dim") if closed else Text("OPEN", style="bold yellow")


def _lock(locked: bool | None) -> Text:
    if locked is None:
        return Text("")
    return Text("locked", style="dim") if locked else Text("unlocked", style="yellow")


def events_table(events: Iterable[tuple[str, str, str, str]]) -> Table:
    """The latest events, as the broker's receiver has them."""
    drawn = Table(expand=True, box=None, show_header=False, padding=(0, 1))
    drawn.add_column(width=9, no_wrap=True, style="dim")
    drawn.add_column(width=18, no_wrap=True)
    drawn.add_column(width=4, no_wrap=True, justify="right")
    drawn.add_column(ratio=1, no_wrap=True, overflow="ellipsis", style="dim")
    for clock, kind, slot, what in events:
        style = "yellow" if any(word in kind for word in ALARM_WORDS) else "cyan" if kind.startswith("swap") else ""
        drawn.add_row(clock, Text(kind, style=style), slot, what)
    return drawn


def draw(view: PanelView) -> RenderableType:
    """The whole screen."""
    facts = Text()
    for index, (name, text, style) in enumerate(view.facts):
        facts.append("  " if index else "")
        facts.append(f"{name} ", style="dim")
        facts.append(text, style=style)
    keys = Text()
    for key, what in KEYS:
        keys.append(f" {key} ", style="reverse")
        keys.append(f" {what}   ")
    keys.append(view.message, style="bold yellow")
    return Group(
        Panel(facts, title=f"[bold]Swapcab[/] {view.cabinet}", subtitle=view.clock, title_align="left", subtitle_align="right"),
        Panel(slots_table(view.slots), title="slots", title_align="left", padding=(0, 0)),
        Panel(events_table(view.events), title="latest events at the broker", title_align="left", padding=(0, 0)),
        keys,
    )


def describe(data: dict[str, Any]) -> str:
    """An event's data in a line."""
    return "  ".join(f"{name} {value}" for name, value in data.items())
