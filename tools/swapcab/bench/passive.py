"""A running cabinet by what its console reports. A line feed asks for it and is all that is sent, so nothing of its safety is touched."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from swapcab.bench.common import FAIL, PASS, SKIP, Result
from swapcab.bench.controller_checks import DRIFT_PPM, GAP_LIMIT_MS, HEAP_LEAST, WALL_WRONG_S
from swapcab.board_link import PULLED, LinkError, open_line

POLL_LIMIT_MS = 2000
ERRORS_LEAST, ERRORS_PERMILLE = 5, 20  # of a device's requests; a good line has none, a start may have some
TICKS_MASK = 0x3FFFFFFF
JITTER_S = 1.0  # that a line may be late by: the program prints when it has time, the host reads when it has
NEEDED = ("loop_gap_ms_max", "heap_free", "heap_peak_bytes")
ASK_EVERY_S = 30  # the console shows its lines for a minute after it was asked
CAN_STATES = ("active", "warning", "passive", "off")


class Seen:
    """The newest of each kind of line, the first of some, and what was said in words."""

    def __init__(self) -> None:
        self.slots: dict[int, dict[str, Any]] = {}
        self.cabinet: dict[str, Any] = {}
        self.stats: dict[str, Any] = {}
        self.devices: dict[str, dict[str, Any]] = {}
        self.buses: dict[str, dict[str, Any]] = {}
        self.first_counts: dict[str, dict[str, Any]] = {}
        self.clocks: list[tuple[float, list[int]]] = []  # host's seconds, the cabinet's clocks: the first and the last
        self.said: list[str] = []

    def take(self, line: bytes, now_s: float = 0.0) -> None:
        """One line of the console; what is no line of the cabinet is passed over."""
        try:
            view = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not isinstance(view, dict):
            return
        kind = view.get("t")
        if kind == "slot" and isinstance(view.get("slot"), int):
            self.slots[view["slot"]] = view
        elif kind == "cabinet":
            self.cabinet = view
        elif kind == "stats" and all(isinstance(view.get(name), int) for name in NEEDED):
            self._take_stats(view, now_s)
        elif kind == "log":
            self.said.append(str(view.get("text", "")))

    def _take_stats(self, view: dict[str, Any], now_s: float) -> None:
        self.stats = view
        for device in (view.get("device"), view.get("bus")):
            if isinstance(device, dict) and "name" in device:
                name = f"{device['name']} on {device['bus']}" if "bus" in device else str(device["name"])
                self.first_counts.setdefault(name, device)
                (self.buses if "kind" in device else self.devices)[name] = device
        if "clock" in view:
            self.clocks = [*self.clocks[:1], (now_s, view["clock"])]

    def round_is_whole(self) -> bool:
        """Whether cabinet, counters and every slot have spoken, each device and bus once."""
        slots = self.stats.get("about", {}).get("slots", 0)
        turns = len(self.devices) + len(self.buses)
        return bool(self.cabinet and self.stats and len(self.slots) >= slots and turns > 1 and len(self.clocks) > 1)


def _row(check: str, what: str, good: bool, figure: str, part: str, step: str) -> Result:
    return Result(check, what, PASS, figure) if good else Result(check, what, FAIL, figure, part, step)


def judge(seen: Seen, unix_s: float = 0.0) -> list[Result]:
    """What the console says of the parts, with the faulty one named. `unix_s`: the host's time when the last line came; 0: not known."""
    if not seen.cabinet or not seen.stats:
        step = "is this the console of a cabinet that runs? swapcab bench without --running tests one that does not"
        return [Result("console", "console", FAIL, "no cabinet and no stats line came", "cabinet: not running, or another port", step)]
    return [*_of_itself(seen), *_clocks(seen, unix_s), *_lines(seen), *_slots(seen), *_outside(seen), *_untried()]


def _of_itself(seen: Seen) -> list[Result]:
    cabinet, stats, about = seen.cabinet, seen.stats, seen.stats.get("about", {})
    known = [f"{name} {about[name]}" for name in ("cabinet", "board", "firmware", "settings", "reset_cause") if name in about]
    return [
        Result("identity", "controller", PASS, ", ".join(known) or "not reported"),
        _row("supervisor", "supervisor", not cabinet.get("failed"), cabinet.get("failed") or "all critical tasks report",
             "firmware: " + str(cabinet.get("failed", "")), "the watchdog resets it; keep the console's text, tell the makers"),
        _row("flash", "storage", not cabinet.get("storage"), cabinet.get("storage") or f"journal {cabinet.get('level_pct')} % unsent",
             "flash chip, or a journal that cannot be sent", "run the bench on the stopped cabinet: it names the area"),
        _row("loop", "loop gap", stats["loop_gap_ms_max"] <= GAP_LIMIT_MS, f"{stats['loop_gap_ms_max']} ms at most",
             "controller: something holds its loop", "the slices in the stats line say what; bytecode in flash, erases beside the loop"),
        _row("memory", "heap", stats["heap_free"] >= HEAP_LEAST,
             f"{stats['heap_free'] // 1024} KiB free, peak {stats['heap_peak_bytes'] // 1024} KiB",
             "RAM of the controller", "fewer slots, or bytecode in flash"),
        _row("flash", "events", not stats.get("dropped_events"), f"{stats.get('dropped_events', 0)} dropped",
             "journal: events were dropped", "the journal is full: the way to the broker, then the bench on the flash"),
    ]  # fmt: skip


def _clocks(seen: Seen, unix_s: float) -> list[Result]:
    if len(seen.clocks) < 2:
        return []
    (first_s, first), (last_s, last) = seen.clocks[0], seen.clocks[-1]
    took_s, ran_s = last_s - first_s, ((last[0] - first[0]) & TICKS_MASK) / 1000
    doubt_s = JITTER_S + took_s * DRIFT_PPM / 1000000
    results = [
        _row("clock", "ticks", abs(ran_s - took_s) <= doubt_s,
             f"{ran_s - took_s:+.2f} s in {took_s:.0f} s, of which {doubt_s:.1f} s are in doubt",
             "crystal of the controller", "look at the crystal of the controller and its two capacitors; exchange the controller"),
    ]  # fmt: skip
    step = "SNTP servers in the settings; RTC chip, cell and crystal (swapcab bench --only clock on the stopped cabinet)"
    if not last[2]:
        results.append(Result("clock", "wall clock", FAIL, "unknown", "RTC (chip, cell, crystal)", step))
    elif unix_s:
        off_s, source = last[1] - unix_s, "RTC" if last[2] == 1 else "synchronised"
        good = abs(off_s) <= WALL_WRONG_S
        results.append(_row("clock", "wall clock", good, f"{off_s:+.0f} s off, {source}", "RTC (chip, cell, crystal)", step))
    return results


def _lines(seen: Seen) -> list[Result]:
    results = []
    polls = seen.stats.get("poll", {})
    late = [slot for slot, period_ms in polls.items() if period_ms > POLL_LIMIT_MS]
    results.append(
        _row("packs", "packs' lines", not late, f"{len(polls)} slots asked", "line or pack of slot " + ", ".join(late),
             "termination, plugs; then the bench on the stopped cabinet")
    )  # fmt: skip
    lost = {name for name, bus in seen.buses.items() if bus.get("fault")}  # what hangs on them is silent for that reason
    devices = {name: device for name, device in seen.devices.items() if name not in seen.buses and device.get("bus") not in lost}
    wrong = {name: found for name, device in devices.items() if (found := _device(name, device, seen.first_counts.get(name, {})))}
    for bus in sorted({device["bus"] for device in devices.values() if "bus" in device}):
        on_it = [name for name, device in devices.items() if device.get("bus") == bus]
        if len(on_it) > 1 and all(name in wrong for name in on_it):
            step = "supply of the devices, both wires, termination; then the bench on the stopped cabinet: it finds which of them it is"
            results.append(Result("rs485", f"line {bus}", FAIL, f"all {len(on_it)} devices are at fault", f"line {bus}", step))
            wrong = {name: found for name, found in wrong.items() if name not in on_it}
    results += wrong.values()
    if not wrong and devices:
        results.append(Result("rs485", "devices", PASS, f"{len(devices)} answer, no fault of a single one"))
    if seen.devices and all(device is seen.first_counts[name] for name, device in seen.devices.items()):
        step = "listen for longer: the devices take turns, one a second"
        results.append(Result("rs485", "all devices", SKIP, f"only {len(seen.devices)} were seen", "", step))
    for name, bus in seen.buses.items():
        if bus["kind"] == "can":
            figure = f"{CAN_STATES[bus['state']]}, {bus['bus_off']} times off, {bus['dropped']} frames dropped"
            step = "termination at both ends, stubs short, one bit rate; then the bench on the stopped cabinet"
            results.append(_row("can", f"line {name}", not (bus["state"] or bus["fault"]), figure, f"CAN line {name}", step))
        elif bus["kind"] == "modbus":
            results.append(Result("rs485", f"line {name}", PASS, f"{bus['transactions']} transactions, {bus['line_errors']} line errors"))
    return results


def _device(name: str, device: dict[str, Any], before: dict[str, Any]) -> Result | None:
    step = "its supply, its plug, termination of the line; then the bench on the stopped cabinet"
    if device.get("fault"):
        page = f" ({device['page']})" if device.get("page") else ""
        return Result("rs485", name, FAIL, f"{device['fault']}{page}", name, step)
    base = before if before is not device else {}
    asked = device.get("requests", 0) - base.get("requests", 0)
    errors = sum(device.get(kind, 0) - base.get(kind, 0) for kind in ("crc_errors", "timeouts", "foreign"))
    if errors >= ERRORS_LEAST and errors * 1000 > ERRORS_PERMILLE * asked:
        return Result("rs485", name, FAIL, f"{errors} errors in {asked} requests", name, step)
    return None


def _slots(seen: Seen) -> list[Result]:
    results = []
    step = "docs/safety.md has what each fault means and how it clears"
    for number, slot in sorted(seen.slots.items()):
        if slot.get("faults"):
            names = ", ".join(slot["faults"])
            results.append(Result("slots", f"slot {number}", FAIL, names, f"slot {number}: {names}", step))
    unknown = [str(number) for number, slot in sorted(seen.slots.items()) if slot.get("door_closed", True) is None]
    if unknown:
        step = "the board of these inputs: its supply, its plug"
        where = "switches of slot " + ", ".join(unknown)
        results.append(Result("inputs", "doors", FAIL, "not known", where, step))
    if seen.slots and not results:
        shut = sum(bool(slot.get("door_closed")) for slot in seen.slots.values())
        results.append(Result("slots", "slots", PASS, f"{len(seen.slots)} without a fault, {shut} doors shut"))
    return results


def _outside(seen: Seen) -> list[Result]:
    cabinet = seen.cabinet
    if cabinet.get("connected"):
        return [Result("network", "broker", PASS, f"connected, {cabinet.get('backlog')} events to send")]
    figure = f"{cabinet.get('link')}, {cabinet.get('backlog')} events wait"
    step = "cable, address, name server, broker; no event is lost meanwhile"
    return [Result("network", "broker", FAIL, figure, "way to the broker", step)]


def _untried() -> list[Result]:
    step = "stop the cabinet: swapcab bench"
    return [Result("inputs", "locks, relay, watchdog, empty sectors", SKIP, "not tried while riders may come", "", step)]


def listen(read: Callable[[], bytes], seconds: float, enough: Callable[[Seen], bool]) -> Seen:
    """Lines from `read` (one each; b"" for none yet) for so long, or until it is enough."""
    seen = Seen()
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and not enough(seen):
        line = read()
        if line:
            seen.take(line, time.monotonic())
    return seen


def asking(line: Any) -> Callable[[], bytes]:
    """Lines of a console that is silent unless it is asked."""
    asked_s = -ASK_EVERY_S

    def read() -> bytes:
        nonlocal asked_s
        if time.monotonic() - asked_s >= ASK_EVERY_S:
            asked_s = time.monotonic()
            line.write(b"\n")
        return line.readline()

    return read


def listen_to(port: str, seconds: float) -> tuple[dict[str, Any], list[Result]]:
    """What it reports of itself, and the results. Raises LinkError where the port cannot be opened, or no cabinet runs at it."""
    try:
        with open_line(port, 1, exclusive=False) as line:
            seen = listen(asking(line), seconds, lambda so_far: False)
    except OSError as error:
        raise LinkError(f"{port} answers no more: {PULLED}") from error
    if not seen.cabinet or not seen.stats:
        last = f" Its last log line: {seen.said[-1][:200]!r}." if seen.said else ""
        raise LinkError(f"no cabinet reported at {port} in {seconds:g} s.{last} Listen for longer, or run the bench without --running")
    about = {"serial": "", **seen.stats.get("about", {})}
    return about, judge(seen, time.time())
