"""The result of a run: figures, whether each invariant held, the table and the JSON line."""

from __future__ import annotations

import json
import time
from typing import Any

from swapcab.rows import Row
from swapcab.sim.account import Account
from swapcab.sim.simulation import Simulation

LOOP_GAP_GOAL_MS = 20


def figures(sim: Simulation, account: Account) -> dict[str, Any]:
    """Every key of the JSON line."""
    stats = sim.state.stats
    audit = sim.view.get("audit") or {}
    swaps = sim.swaps
    violations = audit.get("violations") or []
    faulty = {fault.slot for fault in sim.options.faults}
    polls = stats.poll_ms_max
    return {
        "swaps_completed": swaps.get("completed", 0),
        "swaps_refused": swaps.get("refused", 0),
        "swaps_abandoned": swaps.get("abandoned", 0),
        "events_stored": account.stored,
        "events_received": account.received,
        "events_pending": account.pending,
        "events_lost": account.lost,
        "events_duplicated": account.duplicated,
        "events_dropped_and_told": account.dropped,
        "events_unstored": account.unstored,
        "events_altered": account.altered,
        "order_violations": account.order_violations,
        "events_invalid": account.invalid,
        "journal_faults": account.journal_faults,
        "examples": account.examples[:10],
        "interlock_violations": audit.get("violation_count", len(violations)),
        "violations": violations[:10],
        "packs_total": audit.get("packs_total", 0),
        "packs_unaccounted": audit.get("packs_unaccounted", 0),
        "loop_gap_ms_max": round(stats.loop_gap_ms_max, 1),
        "slice_ms_max": {name: round(value, 1) for name, value in stats.slice_ms_max.items()},
        "heap_peak_bytes": stats.heap_peak_bytes,
        "heap_live_bytes": stats.heap_live_bytes,
        "heap_cap_bytes": sim.options.heap_bytes,
        "cpu_share_pct": round(sim.cpu_share_pct(), 1),
        "poll_period_ms_max": polls,
        "poll_period_healthy_ms_max": max((v for name, v in polls.items() if not (name.isdigit() and int(name) in faulty)), default=0),
        "kills": sim.kills,
        "kills_mid_swap": sim.kills_mid_swap,
        "outages": sim.net.cuts,
        "firmware_crashes": sim.crashes,
        "events_dropped_by_firmware": stats.dropped_events,
        "slots": sim.options.slots,
        "swaps_wanted": sim.options.swaps,
        "seed": sim.options.seed,
        "wall_s": round(time.monotonic() - sim.began_s, 1),
        "trouble": sim.trouble,
    }


def rows(result: dict[str, Any]) -> list[Row]:
    """The summary table; rows without `met` depend on the machine or have no goal."""

    def zero(name: str, unit: str = "") -> Row:
        return Row(name, result[name], unit, "0", result[name] == 0)

    wanted = result["swaps_wanted"]
    drawn = [
        Row("swaps_completed", result["swaps_completed"], "", f">= {wanted}", result["swaps_completed"] >= wanted),
        Row("swaps_refused", result["swaps_refused"]),
        Row("swaps_abandoned", result["swaps_abandoned"]),
        Row("events_stored", result["events_stored"], "", "> 0", result["events_stored"] > 0),
        Row("events_received", result["events_received"]),
        Row("events_pending", result["events_pending"], "", "on flash, not yet sent"),
        zero("events_lost"),
        Row("events_duplicated", result["events_duplicated"], "", "each seen before"),
        zero("events_dropped_by_firmware"),
        zero("events_invalid"),
        zero("events_unstored"),
        zero("events_altered"),
        zero("journal_faults"),
        zero("order_violations"),
        zero("interlock_violations"),
        zero("packs_unaccounted"),
        zero("firmware_crashes"),
        Row("heap_peak_bytes", result["heap_peak_bytes"], "B", f"<= {result['heap_cap_bytes']:,}", _within_heap(result)),
        Row("heap_live_bytes", result["heap_live_bytes"], "B", "in use after a collection"),
        Row("loop_gap_ms_max", result["loop_gap_ms_max"], "ms", f"< {LOOP_GAP_GOAL_MS} on an idle machine"),
        Row("cpu_share_pct", result["cpu_share_pct"], "%"),
        Row("poll_period_healthy_ms_max", result["poll_period_healthy_ms_max"], "ms", "asked each 1,500 ms at rest"),
        Row("kills", result["kills"]),
        Row("kills_mid_swap", result["kills_mid_swap"]),
        Row("outages", result["outages"]),
        Row("wall_s", result["wall_s"], "s"),
    ]
    for name, value in sorted(result["slice_ms_max"].items()):
        drawn.insert(-5, Row(f"slice_ms_max {name}", value, "ms"))
    return drawn


def _within_heap(result: dict[str, Any]) -> bool:
    return 0 < result["heap_peak_bytes"] <= result["heap_cap_bytes"]


def held(result: dict[str, Any]) -> bool:
    """True if every invariant held; never a matter of speed."""
    return not result["trouble"] and all(row.met is not False for row in rows(result))


def json_line(result: dict[str, Any]) -> str:
    """One line for programs."""
    return json.dumps({**result, "ok": held(result)}, separators=(",", ":"))
