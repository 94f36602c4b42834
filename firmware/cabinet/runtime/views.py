"""What the cabinet shows of itself: to its console, the bench, the simulator's panel, and the uplink's retained messages."""


from cabinet.bus.cell_view import CellView
from cabinet.core import events
from cabinet.runtime.loop_profiler import NAMES
from cabinet.runtime.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import Board
    from cabinet.runtime.connector_wear import ConnectorWear
    from cabinet.runtime.control_loop import ControlLoop
    from cabinet.runtime.loop_profiler import LoopProfiler


class Views:
    """Reads from the parts and changes nothing of them, but for whose cells are shown next."""

    def __init__(
        self, board: "Board", control: "Any", journal: "Any", loop: "ControlLoop", profiler: "LoopProfiler",
        wear: "ConnectorWear", parts: list, devices: list, buses: list, settings_hash: str,
    ) -> None:
        """`devices`: those that may be lost, CAN controllers among them."""
        self.uplink: "Any" = None  # these two are given later
        self.supervisor: "Any" = None
        self._board = board
        self._control = control
        self._journal = journal
        self._loop = loop
        self._profiler = profiler
        self._wear = wear
        self._parts = parts
        self._devices = devices
        self._buses = buses
        self._settings_hash = settings_hash
        self._turn = -1  # devices, packs and buses take turns in the statistics
        self._cells = CellView()
        for bus in buses:
            bus.cells = self._cells

    def birth(self) -> dict:
        """What the cabinet is, for its retained birth message."""
        return {
            "firmware": VERSION, "board": self._board.name, "settings": self._settings_hash, "limits": self._control.limits.version,
            "slots": len(self._parts), "boot": self._journal.boot,
        }

    def slot(self, number: int) -> dict:
        """One slot."""
        return self._control.slots[number - 1].view()

    def cabinet(self) -> dict:
        """The cabinet as a whole."""
        control, journal, uplink = self._control, self._journal, self.uplink
        return {
            "t": "cabinet", "link": uplink.state_text, "connected": uplink.connected, "backlog": uplink.backlog(),
            "boot": journal.boot, "head": journal.head(events.RING_A), "level_pct": journal.level_pct(events.RING_A),
            "swap": control.swap_view(),
            "failed": self.supervisor.failed,
            "storage": "" if control.storage_ok else self._loop.storage_error or "the journal is full",
        }

    def stats(self) -> dict:
        """Counters, and those of the next device, bus and pack: all at once would take too much memory."""
        self._turn += 1
        profiler, board = self._profiler, self._board
        polls = {str(part.number): part.pack.stats.period_ms_max for part in self._parts}
        return {
            "t": "stats", "loop_gap_ms_max": profiler.gap_us // 1000, "heap_peak_bytes": profiler.heap_peak,
            "heap_live_bytes": profiler.heap_live, "heap_free": profiler.heap_free,
            "slice_us": dict(zip(NAMES, profiler.slice_us)), "poll": polls,
            "uplink": self.uplink.stats(), "dropped_events": self._loop.dropped_events,
            "contact_mohm": self._wear.view(), "device": self._device(), "bus": self._buses[self._turn % len(self._buses)].totals(),
            "cells": self._next_cells(),
            "about": dict(self.birth(), cabinet=self.uplink.options.cabinet, reset_cause=board.reset_cause()),
            "clock": [board.clock.ticks_ms(), board.clock.wall_s(), board.clock.quality()],
        }

    def _device(self) -> dict:
        device = self._devices[self._turn % len(self._devices)]
        if device.bus is device:  # a CAN controller
            return {"name": device.name, "fault": device.fault}
        counts = device.stats.as_dict()
        counts.update(name=device.name, bus=device.bus.name, fault=device.fault)
        return counts

    def _next_cells(self) -> "dict | None":
        """The cells of the pack whose turn it was, and the next pack's turn."""
        cells = self._cells
        found = cells.reported() if cells.owner is not None else None
        cells.show(self._parts[self._turn % len(self._parts)].pack)
        return found
