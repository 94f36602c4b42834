"""The views of a fleet: the live table, a histogram in the terminal, and a plot as SVG."""

from __future__ import annotations

from html import escape

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from swapcab.fleet.fleet import Fleet, per_second

BARS = " ▁▂▃▄▅▆▇█"
WIDE = 60


def bar_line(counts: list[int], wide: int = WIDE) -> str:
    """One character a second; with more seconds than characters, each shows the largest second of its part."""
    step = -(-len(counts) // wide) or 1
    parts = [max(counts[at : at + step]) for at in range(0, len(counts), step)]
    top = max(parts, default=0) or 1
    return "".join(BARS[-(-count * (len(BARS) - 1) // top)] for count in parts)


def live(fleet: Fleet, phase: str, since: float, now: float) -> RenderableType:
    """The present state, and connects per second of the last minute."""
    table = Table.grid(padding=(0, 2))
    made, done = fleet.total("made"), fleet.total("done")
    facts = (
        ("phase", phase),
        ("connected", f"{fleet.total('connected'):,} of {fleet.cabinets:,}"),
        ("events made", f"{made:,}"),
        ("acknowledged", f"{done:,}"),
        ("waiting", f"{made - done:,}"),
        ("connections ended", f"{fleet.total('failures'):,}"),
    )
    for name, text in facts:
        table.add_row(Text(name, style="dim"), text)
    begin = max(since, now - WIDE)
    counts = per_second(fleet.moments("accepted", begin))
    counts += [0] * (int(now - begin) - len(counts))
    return Group(table, Text(f"connects/s, largest {max(counts, default=0):,}", style="dim"), Text(bar_line(counts), style="green"))


def histogram(title: str, counts: list[int]) -> Group:
    """One bar a second, for the end of a run."""
    words = f"{title}: {len(counts)} s, largest {max(counts, default=0):,} in one second"
    return Group(Text(words, style="bold"), Text(bar_line(counts), style="green"))


def svg(fleet: Fleet, begin: float, marks: list[tuple[float, str]]) -> str:
    """Connects per second as bars, unacknowledged events as a line; the SVG loads nothing from outside."""
    connects = per_second(fleet.moments("accepted", begin))
    course = [(when - begin, waiting) for when, _, _, waiting in fleet.story.course]
    end = max([len(connects), *(int(when) + 1 for when, _ in course), 1])
    wide, high, left, top = 860.0, 300.0, 60.0, 30.0
    most, deepest = max([*connects, 1]), max([*(waiting for _, waiting in course), 1])

    def across(second: float) -> float:
        return left + (wide - 2 * left) * second / end

    def up(value: float, largest: int) -> float:
        return top + (high - 2 * top) * (1 - value / largest)

    base = high - top
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {high:.0f}" font-family="sans-serif" font-size="12">',
        f'<rect width="{wide:.0f}" height="{high:.0f}" fill="white"/>',
        f'<line x1="{left}" x2="{wide - left}" y1="{base}" y2="{base}" stroke="#888"/>',
        f'<text x="{left}" y="18" fill="#3b7dd8">connects per second, largest {most:,}</text>',
        f'<text x="{wide - left}" y="18" text-anchor="end" fill="#d8663b">events not yet acknowledged, most {deepest:,}</text>',
    ]
    each = max(1.0, (wide - 2 * left) / end - 0.5)
    for second, count in enumerate(connects):
        if count:
            y = up(count, most)
            out.append(f'<rect x="{across(second):.1f}" y="{y:.1f}" width="{each:.1f}" height="{base - y:.1f}" fill="#3b7dd8"/>')
    points = " ".join(f"{across(when):.1f},{up(waiting, deepest):.1f}" for when, waiting in course)
    out.append(f'<polyline points="{points}" fill="none" stroke="#d8663b" stroke-width="1.5"/>')
    for when, words in [(0.0, "0 s"), (float(end), f"{end} s"), *((moment - begin, words) for moment, words in marks)]:
        x = across(when)
        out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{base + 4}" stroke="#888" stroke-dasharray="3"/>')
        out.append(f'<text x="{x:.1f}" y="{base + 18}" text-anchor="middle">{escape(words)}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"
