"""A running cabinet by what its console says: nothing is sent to it, so nothing of its safety is touched."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import serial
from rich.console import Console
from rich.table import Table

from swapcab.bench.common import FAIL, PASS, SKIP, Result
from swapcab.bench.of_itself import GAP_LIMIT_MS, HEAP_LEAST

POLL_LIMIT_MS = 2000


class Seen:
    """The newest of each kind of line, and what was said in words."""

    def __init__(self) -> None:
        self.slots: dict[int, dict[str, Any]] = {}
        self.cabinet: dict[str, Any] = {}
        self.stats: dict[str, Any] = {}
        self.said: list[str] = []

    def take(self, line: bytes) -> None:
        """One line of the console; what is no line of the cabinet is passed over."""
        try:
            view = json.loads(line)
        except ValueError:
            return
        if not isinstance(view, dict):
            return
        kind = view.get("t")
        if kind == "slot":
            self.slots[int(view.get("slot", view.get("number", len(self.slots) + 1)))] = view
        elif kind == "cabinet":
            self.cabinet = view
        elif kind == "stats":
            self.stats = view
        elif kind == "log":
            self.said.append(str(view.get("text", "")))


def judge(seen: Seen) -> list[Result]:
    """What the console says of the parts, with the faulty one named."""
    if not seen.cabinet or not seen.stats:
        step = "is this the console of a cabinet that runs? swapcab bench without --running tests one that does not"
        return [Result("console", "console", FAIL, "no cabinet and no stats line came", "cabinet: not running, or another port", step)]
    cabinet, stats = seen.cabinet, seen.stats

    def row(what: str, good: bool, figure: str, part: str, step: str) -> Result:
        return Result("running", what, PASS, figure) if good else Result("running", what, FAIL, figure, part, step)

    results = [
        row("supervisor", not cabinet.get("failed"), cabinet.get("failed") or "all critical tasks report",
            "firmware: " + str(cabinet.get("failed", "")), "the watchdog resets it; keep the console's text, tell the makers"),
        row("storage", not cabinet.get("storage"), cabinet.get("storage") or f"journal {cabinet.get('level_pct')} % unsent",
            "flash chip, or a journal that cannot be sent", "run the bench on the stopped cabinet: it names the area"),
        row("loop gap", stats["loop_gap_ms_max"] <= GAP_LIMIT_MS, f"{stats['loop_gap_ms_max']} ms at most",
            "controller: something holds its loop", "the slices in the stats line say what; bytecode in flash, erases beside the loop"),
        row("heap", stats["heap_free"] >= HEAP_LEAST, f"{stats['heap_free'] // 1024} KiB free, peak {stats['heap_peak_bytes'] // 1024} KiB",
            "RAM of the controller", "fewer slots, or bytecode in flash"),
    ]  # fmt: skip
    late = [slot for slot, period_ms in stats.get("poll", {}).items() if period_ms > POLL_LIMIT_MS]
    results.append(
        row("packs' lines", not late, f"{len(stats.get('poll', {}))} slots asked", "line or pack of slot " + ", ".join(late),
            "termination, plugs; then the bench on the stopped cabinet")
    )  # fmt: skip
    results.append(
        row("events", not stats.get("dropped_events"), f"{stats.get('dropped_events', 0)} dropped", "journal: events were dropped",
            "the journal is full: the way to the broker, then the bench on the flash")
    )  # fmt: skip
    if cabinet.get("connected"):
        results.append(Result("running", "broker", PASS, f"connected, {cabinet.get('backlog')} events to send"))
    else:
        figure = f"{cabinet.get('link')}, {cabinet.get('backlog')} events wait"
        step = "cable, address, name server, broker; no event is lost meanwhile"
        results.append(Result("running", "broker", FAIL, figure, "way to the broker", step))
    step = "stop the cabinet: swapcab bench"
    results.append(Result("running", "inputs, locks, relay", SKIP, "not tried while riders may come", "", step))
    return results


def listen(read: Callable[[], bytes], seconds: float, enough: Callable[[Seen], bool]) -> Seen:
    """Lines from `read` (one each; b"" for none yet) for so long, or until it is enough."""
    seen = Seen()
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and not enough(seen):
        line = read()
        if line:
            seen.take(line)
    return seen


def run(port: str, seconds: float, console: Console, as_json: bool) -> int:
    """Listen and judge; the exit code."""
    try:
        with serial.serial_for_url(port, 115200, timeout=1, exclusive=False) as line:
            seen = listen(line.readline, seconds, lambda so_far: False)
    except (serial.SerialException, OSError, ValueError) as error:
        console.print(f"swapcab bench: {port}: {error}", style="red", markup=False)
        return 2
    results = judge(seen)
    table = Table(title="A running cabinet, listened to", title_justify="left")
    for column in ("what", "result", "figure", "faulty part, next step"):
        table.add_column(column)
    for result in results:
        table.add_row(result.what, result.status, result.figure, f"{result.part}\n{result.step}" if result.part else result.step)
    console.print(table)
    if as_json:
        print(json.dumps([result.__dict__ for result in results]))
    return 1 if any(result.status == FAIL for result in results) else 0
