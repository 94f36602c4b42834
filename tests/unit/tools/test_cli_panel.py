"""The panel on terminals of every size from 80 x 24: the key line, every reason and every number are whole."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from swapcab.paths import use_firmware
from swapcab.sim.panel import KEYS, PanelView, SlotView, draw, reason_width

SERIAL = "SC48L30-000015"
FACTS = [
    ("link", "network cut", ""), ("backlog", "1234", ""), ("violations", "0", ""), ("swaps", "1000", ""), ("refused", "100", ""),
    ("rider", "handling", ""), ("heap", "403/512 KiB", ""), ("loop gap", "189 ms", ""),
]  # fmt: skip
EVENTS = [("12:00:00", f"swap.{number}", "12", f"{SERIAL}  what happened then, in many words") for number in range(9)]
FOLLOW = "mosquitto_sub -h 127.0.0.1 -p 38519 -t 'swapcab/v1/#' -v"
SIZES = [(80, 24), (80, 40), (100, 30), (109, 24), (110, 24), (120, 40), (200, 60)]


def sentences() -> list[str]:
    """Every reason that the firmware may report, the longest first."""
    use_firmware()
    from cabinet.core import reason_codes, rule_words

    codes = [line.split(" ", 1)[0] for line in (rule_words.WORDS + reason_codes.TABLE).splitlines()]
    return sorted({rule_words.explain(code, 12) for code in codes}, key=len, reverse=True)


def screen(view: PanelView, width: int, height: int, page: int = 0) -> list[str]:
    """The lines that a terminal shows."""
    console = Console(width=width, height=height, file=io.StringIO(), record=True)
    console.print(draw(view, width, height, page))
    return console.export_text().splitlines()


def slots(reasons: list[str]) -> list[SlotView]:
    return [SlotView(n + 1, "RS485", "quarantined", SERIAL, 100, -10.5, 29900, False, False, why) for n, why in enumerate(reasons)]


def view_of(reasons: list[str]) -> PanelView:
    return PanelView("cab-0001, 12 slots", "00:00:34", slots(reasons), FACTS, EVENTS, "network cut", FOLLOW)


def reasons_on(lines: list[str], width: int) -> str:
    """The last column, read as a person reads it."""
    return " ".join(line[-reason_width(width) - 2 : -1].strip() for line in lines)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_keys_numbers_and_reasons_are_whole(width: int, height: int):
    lines = screen(view_of(["Full.", "No pack.", *sentences()[:1], *["Its turn comes in a moment."] * 6]), width, height)
    text = "\n".join(lines)
    assert len(lines) <= height and all(len(line) <= width for line in lines)
    assert all(f" {key}  {what}" in lines[-1] for key, what in KEYS)
    for whole in (SERIAL, "quarantined", "100", "-10.5", "29.9", "OPEN", "network cut", "00:00:34", FOLLOW, "backlog 1234", "violations 0"):
        assert whole in text, whole
    assert sentences()[0] in reasons_on(lines, width) and "Its turn comes in a moment." in reasons_on(lines, width)
    assert EVENTS[-1][1] in text


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_slot_is_on_some_page_and_every_reason_is_whole(width: int, height: int):
    reasons = sentences()[:48]
    view = view_of(reasons)
    seen: list[str] = []
    for page in range(48):
        lines = screen(view, width, height, page)
        assert len(lines) <= height and all(f" {key}  {what}" in lines[-1] for key, what in KEYS)
        assert "more slots" in lines[-1] or "of 48" not in "".join(lines)
        found = re.search(r"slots (\d+) to (\d+) of 48", "\n".join(lines))
        first, last = (int(found.group(1)), int(found.group(2))) if found else (1, 48)
        if seen and first == 1:
            break
        seen += reasons[first - 1 : last]
        assert all(reason in reasons_on(lines, width) for reason in reasons[first - 1 : last])
    assert seen == reasons


@pytest.mark.parametrize(("width", "height"), [(79, 24), (80, 23), (20, 5)])
def test_a_smaller_terminal_is_asked_to_grow(width: int, height: int):
    text = " ".join(screen(view_of(["Full."]), width, height))
    assert f"{width} columns and {height} lines" in text and "80 x 24" in text


def test_facts_that_do_not_fit_are_left_out_whole():
    text = "\n".join(screen(view_of(["Full."]), 80, 24))
    assert "rider handling" not in text and "violations 0" in text
    assert "loop gap 189 ms" in "\n".join(screen(view_of(["Full."]), 140, 24))
