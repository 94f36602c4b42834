"""What the firmware has reported, as the panel and the summary need it."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Stats:
    """Worst figures over all starts of the firmware."""

    loop_gap_ms_max: float = 0.0
    slice_ms_max: dict[str, float] = field(default_factory=dict)
    heap_peak_bytes: int = 0
    heap_live_bytes: int = 0
    heap_free: int = 0
    dropped_events: int = 0
    poll_ms_max: dict[str, float] = field(default_factory=dict)
    latest: dict[str, Any] = field(default_factory=dict)
    devices: dict[str, dict[str, Any]] = field(default_factory=dict)  # the latest counters by name
    buses: dict[str, dict[str, Any]] = field(default_factory=dict)
    cells: dict[str, dict[str, Any]] = field(default_factory=dict)


class FirmwareState:
    """Fed with the firmware's output lines from its reader thread; read by the main thread."""

    def __init__(self, slots: int) -> None:
        self._lock = threading.Lock()
        self.slots: dict[int, dict[str, Any]] = {number: {} for number in range(1, slots + 1)}
        self.cabinet: dict[str, Any] = {}
        self.stats = Stats()
        self.logs: deque[str] = deque(maxlen=200)
        self.lines = 0
        self.last_line_s = time.monotonic()

    def feed(self, line: str) -> None:
        """Take one line of the firmware's standard output; a line that is not JSON is a log line."""
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        with self._lock:
            self.lines += 1
            self.last_line_s = time.monotonic()
            if not isinstance(record, dict):
                self.logs.append(line)
                return
            kind = record.get("t")
            if kind == "slot" and record.get("slot") in self.slots:
                self.slots[record["slot"]].update(record)
            elif kind == "cabinet":
                self.cabinet.update(record)
            elif kind == "stats":
                self._stats(record)
            else:
                self.logs.append(str(record.get("text", record.get("message", line))))

    def _stats(self, record: dict[str, Any]) -> None:
        stats = self.stats
        stats.latest = record
        for kind, found in (("device", stats.devices), ("bus", stats.buses)):
            row = record.get(kind) or {}
            if "name" in row:
                found[str(row["name"])] = row
        cells = record.get("cells") or {}
        if "pack" in cells:
            stats.cells[str(cells["pack"])] = cells
        stats.loop_gap_ms_max = max(stats.loop_gap_ms_max, float(record.get("loop_gap_ms_max", 0)))
        stats.heap_peak_bytes = max(stats.heap_peak_bytes, int(record.get("heap_peak_bytes", 0)))
        stats.heap_live_bytes = max(stats.heap_live_bytes, int(record.get("heap_live_bytes", 0)))
        stats.heap_free = int(record.get("heap_free", 0))
        for name, value in (record.get("slice_us") or {}).items():
            stats.slice_ms_max[name] = max(stats.slice_ms_max.get(name, 0.0), value / 1000)
        stats.dropped_events = max(stats.dropped_events, int(record.get("dropped_events", 0)))
        for name, value in (record.get("poll") or {}).items():
            period = value.get("period_ms_max", 0) if isinstance(value, dict) else value
            stats.poll_ms_max[str(name)] = max(stats.poll_ms_max.get(str(name), 0.0), float(period or 0))

    def forget(self) -> None:
        """The power was cut: forget what the firmware reported of slots and cabinet."""
        with self._lock:
            for number in self.slots:
                self.slots[number] = {}
            self.cabinet = {}
            self.lines = 0

    def value(self, name: str, default: Any = None) -> Any:
        """The latest value of a name, from the cabinet's line or the statistics."""
        with self._lock:
            return self.cabinet.get(name, self.stats.latest.get(name, default))

    def slot(self, number: int) -> dict[str, Any]:
        """A copy of what was reported of a slot."""
        with self._lock:
            return dict(self.slots[number])
