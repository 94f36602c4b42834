"""What the orchestrator makes of the firmware's console, and which figures break a run."""

import json
import subprocess

from rich.console import Console

from swapcab.paths import ROOT
from swapcab.rows import Row, table
from swapcab.sim.panel import PanelView, SlotView, draw
from swapcab.sim.state import FirmwareState
from swapcab.sim.view import event_lines


def test_the_worst_figures_survive_a_restart_and_the_views_do_not():
    state = FirmwareState(3)
    state.feed(json.dumps({"t": "stats", "loop_gap_ms_max": 12, "heap_peak_bytes": 400, "slice_us": {"control": 2500}, "poll": {"1": 250}}))
    state.feed(json.dumps({"t": "slot", "slot": 2, "state": "charging"}))
    state.forget()
    state.feed(json.dumps({"t": "stats", "loop_gap_ms_max": 7, "heap_peak_bytes": 300, "slice_us": {"control": 900}, "poll": {"1": 90}}))
    assert state.stats.loop_gap_ms_max == 12 and state.stats.heap_peak_bytes == 400
    assert state.stats.slice_ms_max == {"control": 2.5} and state.stats.poll_ms_max == {"1": 250.0}
    assert state.slot(2) == {}


def test_a_line_that_is_not_json_is_kept_as_a_log_line():
    state = FirmwareState(3)
    for line in ("Traceback (most recent call last):", '{"t": "slot", "slot": 99}', "[]", '{"t": "log", "text": "hello"}', ""):
        state.feed(line)
    assert "hello" in state.logs and "Traceback (most recent call last):" in state.logs


def test_a_figure_without_goal_is_neither_met_nor_unmet():
    drawn = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    drawn.print(table([Row("a", 1), Row("b", 2, "ms", "< 3", True), Row("c", 1234567, "", "0", False)], "t"))
    text = drawn.export_text()
    assert "yes" in text and "NO" in text and "1,234,567" in text


def test_the_panel_shows_each_slot_and_why_it_is_not_charging():
    charging = SlotView(1, "RS485", "charging", "P1", 55, 25.0, 9000, True, True)
    slots = [charging, SlotView(2, "CAN", why="The door is open.", door_closed=False)]
    console = Console(width=132, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(draw(PanelView("cab", "00:00:01", slots, [("link", "up", "green")], [("12:00:00", "door.opened", "2", "")], "hello")))
    text = console.export_text()
    assert "P1" in text and "55 %" in text and "9.0" in text and "The door is open." in text and "OPEN" in text and "door.opened" in text


def test_fewer_events_are_shown_on_a_low_terminal():
    assert event_lines(12, 100) > event_lines(12, 26) >= 3


def test_make_help_names_every_target():
    text = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True).stdout
    named = ["help", "setup", "sim", "test", "lint", "types", "size", "soak", "powercut", "fuzz", "benchmark", "lock", "sbom", "clean"]
    for target in named:
        assert f"make {target} " in text
