"""From a running simulation to what the panel draws: the firmware's own view first, the plant's where the firmware reports nothing."""

from __future__ import annotations

import importlib
import time
from typing import Any

from swapcab.paths import use_firmware
from swapcab.settings.template import modbus_slots
from swapcab.sim.panel import PanelView, SlotView, describe
from swapcab.sim.simulation import Simulation

EVENT_LINES = 9


def slot_view(number: int, border: int, reported: dict[str, Any], real: dict[str, Any]) -> SlotView:
    """One slot. `reported` is the line that the firmware reports, `real` the plant's snapshot."""
    temp = reported.get("temp_ddegc", reported.get("temp_max_ddegc"))
    soc = reported.get("soc_pct")
    return SlotView(
        number=number,
        bus="RS485" if number <= border else "CAN",
        state=str(reported.get("state", "no power")),
        pack=reported.get("pack") or "",
        soc_pct=int(soc) if soc is not None and reported.get("pack") else None,
        temp_c=temp / 10 if temp is not None and reported.get("pack") else None,
        current_ma=reported.get("current_ma") if reported.get("pack") else None,
        door_closed=reported.get("door_closed", real.get("door_closed")),
        locked=reported.get("locked", real.get("locked")),
        why="" if reported.get("charge_ma") else _why(str(reported.get("why") or ""), number),
    )


def _why(code: str, number: int) -> str:
    """The sentence for a reason code that the firmware reports."""
    use_firmware()
    return str(importlib.import_module("cabinet.core.rule_words").explain(code, number)) if code else ""


def panel_view(simulation: Simulation, message: str = "", events: int = EVENT_LINES) -> PanelView:
    """Everything that the panel may draw, as it is now; `events`: how many of the newest."""
    options = simulation.options
    border = modbus_slots(options.slots)
    real = {slot["slot"]: slot for slot in simulation.view.get("slots") or []}
    return PanelView(
        cabinet=f"{simulation.net.cabinet}, {options.slots} slots",
        clock=time.strftime("%H:%M:%S", time.gmtime(simulation.elapsed_s())),
        slots=[slot_view(n, border, simulation.state.slot(n), real.get(n, {})) for n in range(1, options.slots + 1)],
        facts=_facts(simulation),
        events=[_event(envelope) for envelope in simulation.net.latest(events)],
        message=message,
        broker=simulation.net.subscribe_line,
    )


def _facts(simulation: Simulation) -> list[tuple[str, str, str]]:
    state = simulation.state
    swaps = simulation.swaps
    audit = simulation.view.get("audit") or {}
    link = str(state.value("link", "?"))
    if simulation.net.is_cut:
        link = "network cut"
    up = state.value("connected") or link.startswith(("up", "connected", "online"))
    rider = (simulation.view.get("riders") or {}).get("present")
    violations = audit.get("violation_count", 0)
    heap = f"{state.stats.heap_live_bytes // 1024}/{simulation.options.heap_bytes // 1024} KiB"
    return [
        ("link", link, "green" if up and not simulation.net.is_cut else "red"),
        ("backlog", str(max(0, simulation.backlog())), ""),
        ("violations", str(violations), "bold red" if violations else "green"),
        ("swaps", str(swaps.get("completed", 0)), "bold"),
        ("refused", str(swaps.get("refused", 0)), ""),
        ("rider", str(rider.get("state")) if rider else "none", "cyan" if rider else "dim"),
        ("heap", heap, ""),
        ("loop gap", f"{state.stats.loop_gap_ms_max:.0f} ms", ""),
    ]


def _event(envelope: dict[str, Any]) -> tuple[str, str, str, str]:
    seconds = envelope.get("time")
    clock = time.strftime("%H:%M:%S", time.localtime(seconds)) if seconds else f"#{envelope.get('seq', '')}"
    slot = envelope.get("slot")
    what = describe(envelope.get("data") or {})
    pack = envelope.get("pack")
    return clock, str(envelope.get("type", "")), str(slot) if slot else "", f"{pack}  {what}" if pack else what
