"""The composition root: the only file that knows every part of the cabinet and wires it."""

import asyncio
import gc

from cabinet.bus.cell_view import CellView
from cabinet.core import events
from cabinet.core.control import CabinetControl
from cabinet.core.options import Options
from cabinet.runtime import console
from cabinet.runtime.bookkeeping import Bookkeeping
from cabinet.runtime.connector_wear import Contacts
from cabinet.runtime.control_loop import REPORT_LIMIT_MS, ControlLoop
from cabinet.runtime.loop_profiler import NAMES, Gauge
from cabinet.runtime.supervisor import Supervisor
from cabinet.runtime.upkeep import DeviceWatch, Telemetry, keep_journal, serve_kiosk
from cabinet.runtime.version import VERSION
from cabinet.store.journal import Journal
from cabinet.store.ledger import Ledger
from cabinet.store.state import StateStore
from cabinet.trust.proof import PackProof
from cabinet.trust.tokens import KnownTokens
from cabinet.uplink.uplink import Uplink

WATCHDOG_MS = 5000
FLASH_PAUSE_MS = 3000  # before the next try, if the flash does not answer at start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import Board
    from cabinet.startup.settings import Secrets, Settings


class App:
    """One cabinet on one board."""

    def __init__(self, board: "Board", settings: "Settings", secrets: "Secrets", settings_hash: str) -> None:
        self.board = board
        self.clock = board.clock
        self.settings_hash = settings_hash
        self.limits_version = settings.limits.version
        self.telemetry = settings.telemetry
        self.time = settings.time
        self.gauge = Gauge(self.clock)
        self.journal = Journal(board.flash("journal-a"), board.flash("journal-b"), secrets.device_key, self.clock)
        self.state = StateStore(board.flash("state"), secrets.device_key)
        from cabinet.startup import wiring

        wired = wiring.Wiring(board, settings)
        settings.slots.clear()  # what follows needs the room
        self.buses = wired.buses
        self.kiosk = wired.kiosk
        self.devices = wired.devices
        self.parts = parts = wired.parts
        options = Options(known_tokens=KnownTokens(settings.tokens), blind_ms=wired.blind_ms, **settings.control.values())
        settings.tokens.clear()
        self.control = CabinetControl(len(parts), settings.limits, options, wired.readings)
        self.control.cabinet = wired.cabinet_reading
        self.contacts = Contacts(self.state, self.control.slots)
        proof = PackProof(secrets.fleet_master, board.random_bytes)
        self.loop = ControlLoop(self.clock, self.control, parts, self.journal, self.state, proof, self.gauge, settings.control.pulse_ms)
        self.books = Bookkeeping(self.clock, Ledger(self.state))
        self.loop.on_stored = self.books.on_stored
        if self.kiosk:
            self.loop.on_message = self.kiosk.say
        self.cells = CellView()
        for bus in self.buses.values():
            bus.cells = self.cells
        self._told = -1  # devices, packs and buses take turns in the statistics
        self.uplink = Uplink(
            wiring.network(board, settings.uplink), self.clock, self.journal, wiring.uplink_options(settings, secrets), self._birth,
            board.random_bytes, self._command, self.state,
        )
        self.supervisor = Supervisor(self.clock, board.watchdog(WATCHDOG_MS), board.heartbeat(), self.loop.note)
        self._mains_guard = None
        self._guard_mains(wired.guarded)
        self.supervisor.mains_wanted = self._mains_wanted
        if self.uplink.options.tls is not None:
            from cabinet.runtime.slices import Slices

            self.uplink.options.tls["turn"] = Slices(self.loop, self.supervisor, self.gauge)

    def _guard_mains(self, chargers: list) -> None:
        """Watch the chargers that never stop by themselves: if one gets out of hand, the relay before their mains falls."""
        if chargers:
            from cabinet.runtime.mains import MainsGuard

            self._mains_guard = MainsGuard(chargers, self.loop.note)

    def _mains_wanted(self, now_ms: int) -> bool:
        """Whether the relay before the chargers' mains may be held: not while nothing can be recorded, or a charger is out of hand."""
        return not self.control.storage_lost and (self._mains_guard is None or self._mains_guard.wanted(now_ms))

    def _birth(self) -> dict:
        return {
            "firmware": VERSION, "board": self.board.name, "settings": self.settings_hash, "limits": self.limits_version,
            "slots": len(self.parts), "boot": self.journal.boot,
        }

    def _command(self, command: dict) -> "tuple[bool, str]":
        """A command from the broker. Core alone decides; the answer and whatever follows are journaled before anything is acted on."""
        now_ms = self.clock.ticks_ms()
        kind = command["kind"]
        if kind == "swap":
            accepted, reason = self.control.order(command.get("token") or "", "command", now_ms)
        else:
            accepted, reason = self.control.command(kind, command.get("slot") or 0, now_ms)
        if accepted:
            event = events.make("command.accepted", command.get("slot") or 0, "", command["id"], kind)
        else:
            event = events.make("command.refused", command.get("slot") or 0, "", command["id"], kind, reason)
        self.loop.note(event)
        return accepted, reason

    def _sntp(self) -> "Any":
        from cabinet.uplink.sntp import Sntp
        from cabinet.uplink.timekeeper import Timekeeper

        servers = self.time.servers.split()
        keeper = Timekeeper(self.clock, self.state, self.loop.note, len(servers))
        return Sntp(servers, self.clock, self.board.random_bytes, keeper.offer, self.uplink.network, self.time.period_s, self.time.port)

    def _slot_view(self, number: int) -> dict:
        return self.control.slots[number - 1].view()

    def _cabinet_view(self) -> dict:
        return {
            "t": "cabinet", "link": self.uplink.state_text, "connected": self.uplink.connected, "backlog": self.uplink.backlog(),
            "boot": self.journal.boot, "head": self.journal.head(events.RING_A), "level_pct": self.journal.level_pct(events.RING_A),
            "swap": self.control.swap_view(),
            "failed": self.supervisor.failed,
            "storage": "" if self.control.storage_ok else self.loop.storage_error or "the journal is full",
        }

    def _stats_view(self) -> dict:
        polls = {str(part.number): part.pack.stats.period_ms_max for part in self.parts}
        return {
            "t": "stats", "loop_gap_ms_max": self.gauge.gap_us // 1000, "heap_peak_bytes": self.gauge.heap_peak,
            "heap_live_bytes": self.gauge.heap_live, "heap_free": gc.mem_free(),
            "slice_us": dict(zip(NAMES, self.gauge.slice_us)), "poll": polls,
            "uplink": self.uplink.stats(), "dropped_events": self.loop.dropped_events,
            "contact_mohm": self.contacts.view(), "device": self._next_device(), "bus": self._next_bus(), "cells": self._next_cells(),
            "about": dict(self._birth(), cabinet=self.uplink.options.cabinet, reset_cause=self.board.reset_cause()),
            "clock": [self.clock.ticks_ms(), self.clock.wall_s(), self.clock.quality()],
        }

    def _next_device(self) -> dict:
        """The counters of one device after the other: all at once would take too much memory."""
        self._told += 1
        device = self.devices[self._told % len(self.devices)]
        if device.bus is device:
            return {"name": device.name, "fault": device.fault}
        told = device.stats.as_dict()
        told.update(name=device.name, bus=device.bus.name, fault=device.fault)
        return told

    def _next_bus(self) -> dict:
        buses = list(self.buses.values())
        return buses[self._told % len(buses)].totals()

    def _next_cells(self) -> "dict | None":
        told = self.cells.told() if self.cells.owner is not None else None
        self.cells.show(self.parts[self._told % len(self.parts)].pack)
        return told

    def flash_silent(self) -> bool:
        """Whether the flash did not answer when the cabinet started."""
        return self.journal.broken or self.state.broken

    async def run(self) -> str:
        """Until a critical task fails; returns what failed. The watchdog does the rest."""
        if self.flash_silent():
            # who is in quarantine and which swap is under way is not known: serve nobody, and start again
            console.log("the flash does not answer: starting again in %d ms" % FLASH_PAUSE_MS)
            await asyncio.sleep_ms(FLASH_PAUSE_MS)
            return "the flash does not answer"
        cause = self.board.reset_cause()
        self.loop.restore()
        from cabinet.store import cross_check

        if not cross_check.check(self.journal, self.state):
            self.loop.put_out_of_service([""])
        self.contacts.restore()
        self.loop.note(events.make("boot.started", 0, "", VERSION, cause, self.limits_version, self.settings_hash))
        supervisor = self.supervisor
        for name in sorted(self.buses):
            bus = self.buses[name]
            supervisor.restartable("bus " + bus.name, bus.run)
        supervisor.critical("control", lambda task: self.loop.run(task, supervisor), REPORT_LIMIT_MS)
        supervisor.restartable("journal", lambda: keep_journal(self.journal, self.state, self.books, self.gauge))
        supervisor.restartable("uplink", self.uplink.run)
        supervisor.restartable("contacts", self.contacts.run)
        if self.kiosk:
            supervisor.restartable("kiosk", lambda: serve_kiosk(self.kiosk, self.control, self.clock))
        watch = DeviceWatch(self.devices, self.loop.note)
        supervisor.restartable("devices", watch.run)
        telemetry = Telemetry(self.telemetry, self.clock, self.control, self.gauge, self.loop.note)
        supervisor.restartable("telemetry", telemetry.run)
        if self.uplink.options.interfaces:
            supervisor.restartable("interfaces", lambda: self.uplink.network.run(self.uplink))
        if self.time.servers:
            supervisor.restartable("time", self._sntp().run)
        said = console.Console(
            self.gauge, len(self.parts), self._slot_view, self._cabinet_view, self._stats_view, self.uplink.publish_state,
        )
        supervisor.restartable("console", said.run)
        supervisor.restartable("gauge", self.gauge.run)
        return await supervisor.run()
