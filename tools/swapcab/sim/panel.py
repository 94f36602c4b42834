"""The live panel: what a person sees of the cabinet, drawn for the size of the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
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
MORE_SLOTS = ("s", "more slots")

LEAST_WIDTH, LEAST_HEIGHT = 80, 24
WIDE = 110  # columns from which bus, bar and lock have room of their own
FRAME = 2  # lines or columns that the frame of a part takes
LEAST_EVENTS = 1
# heading, width, alignment; the reason takes the rest of the line
NARROW_COLUMNS = (
    ("slot", 4, "right"), ("state", 11, "left"), ("pack", 14, "left"), ("%", 3, "right"), ("°C", 5, "right"), ("A", 4, "right"),
    ("door", 4, "left"),
)  # fmt: skip
WIDE_COLUMNS = (
    ("slot", 4, "right"), ("bus", 5, "left"), ("state", 11, "left"), ("pack", 14, "left"), ("charge", 16, "left"), ("°C", 5, "right"),
    ("A", 4, "right"), ("door", 4, "left"), ("lock", 8, "left"),
)  # fmt: skip


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
    """Everything that may be drawn."""

    cabinet: str = ""
    clock: str = ""
    slots: list[SlotView] = field(default_factory=list)
    facts: list[tuple[str, str, str]] = field(default_factory=list)  # name, text, style; the most important first
    events: list[tuple[str, str, str, str]] = field(default_factory=list)  # time, type, slot, what
    message: str = ""  # what the last key did
    broker: str = ""  # a command that subscribes at the broker


def draw(view: PanelView, width: int, height: int, page: int = 0) -> RenderableType:
    """The whole screen of `width` columns and `height` lines. Slots that do not fit are on further pages."""
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        return Text(
            f"This terminal has {width} columns and {height} lines. The panel needs {LEAST_WIDTH} x {LEAST_HEIGHT}: "
            "enlarge the window, or press q to quit.",
            style="bold yellow",
        )
    # the lines of facts (3), slots (frame and heading), events (frame) and keys (1)
    room = height - (FRAME + 1) - (FRAME + 1) - FRAME - 1
    pages = _pages(view.slots, width, room - LEAST_EVENTS)
    shown = pages[page % len(pages)] if pages else []
    events = room - sum(slot_lines(slot, width) for slot in shown)
    title = "slots"
    if len(pages) > 1:
        title = f"slots {shown[0].number} to {shown[-1].number} of {len(view.slots)}"
    return Group(
        _framed(_facts(view.facts, width - FRAME - 2), f"[bold]Swapcab[/] {view.cabinet}  {view.clock}", view.message, padding=(0, 1)),
        _framed(slots_table(shown, width), title),
        _framed(events_table(view.events[-events:]), "latest events at the broker", view.broker),
        _keys(len(pages) > 1),
    )


def _framed(part: RenderableType, title: str, below: str = "", padding: tuple[int, int] = (0, 0)) -> Panel:
    subtitle = Text(below, style="bold") if below else None
    return Panel(part, title=title, title_align="left", subtitle=subtitle, subtitle_align="left", padding=padding)


def _pages(slots: Sequence[SlotView], width: int, room: int) -> list[list[SlotView]]:
    """The slots in portions of at most `room` lines."""
    pages: list[list[SlotView]] = []
    left = 0
    for slot in slots:
        lines = slot_lines(slot, width)
        if lines > left:
            pages.append([])
            left = room
        pages[-1].append(slot)
        left -= lines
    return pages


def _columns(width: int) -> tuple[tuple[str, int, str], ...]:
    return WIDE_COLUMNS if width >= WIDE else NARROW_COLUMNS


def reason_width(width: int) -> int:
    """Columns of the reason on a terminal of `width` columns."""
    columns = _columns(width)
    return width - FRAME - sum(wide for _, wide, _ in columns) - len(columns) - 1  # one column between two, one after the last


def slot_lines(slot: SlotView, width: int) -> int:
    """Lines that a slot takes: a long reason goes on in further lines, so that none is cut."""
    return max(1, len(wrapped(slot.why, reason_width(width))))


def wrapped(text: str, width: int) -> list[str]:
    """A text in lines of at most `width` characters, broken between words."""
    return textwrap.wrap(text, width)


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


def slots_table(slots: Sequence[SlotView], width: int) -> Table:
    """The rows of some slots, for a terminal of `width` columns."""
    drawn = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=True)
    for heading, wide, align in _columns(width):
        drawn.add_column(heading, justify=align, width=wide, no_wrap=True)  # type: ignore[arg-type]
    drawn.add_column("why not charging", width=reason_width(width))
    for slot in slots:
        state = Text(slot.state, style=STATE_STYLES.get(slot.state.split(" ")[0].split("_")[0].lower(), ""))
        celsius = "" if slot.temp_c is None else f"{slot.temp_c:.1f}"
        ampere = "" if slot.current_ma is None else f"{slot.current_ma / 1000:.1f}"
        why = Text("\n".join(wrapped(slot.why, reason_width(width))), style="dim")
        if width >= WIDE:
            drawn.add_row(
                str(slot.number), slot.bus, state, slot.pack, bar(slot.soc_pct), celsius, ampere,
                _door(slot.door_closed), _lock(slot.locked), why,
            )  # fmt: skip
        else:
            percent = "" if slot.soc_pct is None else str(slot.soc_pct)
            drawn.add_row(str(slot.number), state, slot.pack, percent, celsius, ampere, _door_and_lock(slot), why)
    return drawn


def _door(closed: bool | None) -> Text:
    if closed is None:
        return Text("")
    return Text("shut", style="dim") if closed else Text("OPEN", style="bold yellow")


def _lock(locked: bool | None) -> Text:
    if locked is None:
        return Text("")
    return Text("locked", style="dim") if locked else Text("unlocked", style="yellow")


def _door_and_lock(slot: SlotView) -> Text:
    """Both in one word: shut means shut and locked."""
    if slot.door_closed and slot.locked is False:
        return Text("free", style="yellow")
    return _door(slot.door_closed)


def events_table(events: Sequence[tuple[str, str, str, str]]) -> Table:
    """The latest events that arrived at the broker."""
    drawn = Table(expand=True, box=None, show_header=False, padding=(0, 1))
    drawn.add_column(width=9, no_wrap=True, style="dim")
    drawn.add_column(width=20, no_wrap=True)
    drawn.add_column(width=2, no_wrap=True, justify="right")
    drawn.add_column(ratio=1, no_wrap=True, overflow="ellipsis", style="dim")
    for clock, kind, slot, what in events:
        style = "yellow" if any(word in kind for word in ALARM_WORDS) else "cyan" if kind.startswith("swap") else ""
        drawn.add_row(clock, Text(kind, style=style), slot, what)
    return drawn


def _facts(facts: Sequence[tuple[str, str, str]], width: int) -> Text:
    """Whole facts, as many as one line has room for."""
    line = Text()
    for name, text, style in facts:
        if len(line) + len(name) + len(text) + 3 > width:
            break
        line.append("  " if len(line) else "")
        line.append(f"{name} ", style="dim")
        line.append(text, style=style)
    return line


def _keys(paged: bool) -> Text:
    line = Text(no_wrap=True)
    for key, what in (*KEYS[:-1], MORE_SLOTS, KEYS[-1]) if paged else KEYS:
        line.append(f" {key} ", style="reverse")
        line.append(f" {what} ")
    return line


def describe(data: dict[str, Any]) -> str:
    """An event's data in a line."""
    return "  ".join(f"{name} {value}" for name, value in data.items())
