"""`make size ARGS=--growth`: what a cabinet costs as it grows, CPU and heap for 6, 12, 24 and 48 slots, and where a slot's bytes go."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from swapcab.paths import OUT, ROOT
from swapcab.rows import Row, publish

COUNTS = (6, 12, 24, 48)
SETTLE_S = 8.0
WATCH_S = 15.0
GOAL_SLOT_BYTES = 5120
GOAL_ROOM_BYTES = 32768

# What the objects of one slot take, right after they were made, on this machine's word size.
PROBE = """
import gc
from cabinet.bus.can_bus import CanBus
from cabinet.bus.modbus_bus import ModbusBus
from cabinet.core.faults import CompiledLimits, FaultSet
from cabinet.core.limits import LimitSet
from cabinet.core.slot import SlotControl
from cabinet.core.slot_state import SlotMeasures
from cabinet.devices.bms.pack_link_can import PackLinkCan
from cabinet.devices.bms.pack_link_modbus import PackLinkModbus
from cabinet.devices.chargers.elcon import ElconCharger
from cabinet.devices.chargers.npb import NpbCharger
from cabinet.devices.io.slot_board import SlotBoard
from cabinet.runtime.control_loop import SlotParts

class Clock:
    def ticks_ms(self):
        return 1
    ticks_us = ticks_ms

class Line:
    baud = 115200
    bitrate = 250000
    stream = None

clock = Clock()
packs, boards, can = ModbusBus("a", Line(), clock), ModbusBus("b", Line(), clock), CanBus("c", Line(), clock)
compiled = CompiledLimits(LimitSet(), (0, 1))
kept = []

def cost(name, make, count=16, share=1):
    made = [None] * count
    gc.collect()
    before = gc.mem_alloc()
    for i in range(count):
        made[i] = make(i)
    gc.collect()
    print(name + ":", (gc.mem_alloc() - before) // count // share)
    kept.append(made)

cost("pack on Modbus", lambda i: PackLinkModbus(packs, i + 1, clock))
cost("pack on CAN", lambda i: PackLinkCan(can, i + 1, clock))
cost("charger, Elcon", lambda i: ElconCharger(can, 160 + i, clock))
cost("charger, NPB", lambda i: NpbCharger(can, i, clock), 4)
cost("an eighth of a slot board", lambda i: SlotBoard(boards, i + 1, clock, 8 * i + 1), 16, 8)
cost("core: quantities", lambda i: SlotMeasures())
cost("core: faults", lambda i: FaultSet(compiled, 1))
cost("core: state, quantities and faults", lambda i: SlotControl(i + 1, compiled, (None, None, None)))
cost("control loop", lambda i: SlotParts(1, None, None, None, 0))
"""


def objects() -> dict[str, int]:
    """Bytes of each object of a slot."""
    script = ROOT / "build" / "growth_probe.py"
    script.write_text(PROBE)
    command = [str(Path(sys.executable).with_name("micropython")), "-X", "heapsize=2m", str(script)]
    env = {"MICROPYPATH": f"{OUT}:.frozen", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=True)
    return {name: int(value) for name, _, value in (line.rpartition(": ") for line in done.stdout.splitlines())}


def running(slots: int) -> dict[str, float]:
    """A cabinet at rest and charging, without swaps: live heap, its cap, CPU share of one core of this machine."""
    from swapcab.sim.options import Options
    from swapcab.sim.simulation import Simulation

    options = Options(slots=slots, swaps=0, headless=True)
    simulation = Simulation(options)
    try:
        simulation.start()

        def watch(seconds: float) -> None:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                simulation.tick()
                time.sleep(0.05)

        watch(SETTLE_S)
        before_s, began_s = simulation.firmware.cpu_s(), time.monotonic()
        watch(WATCH_S)
        share = 100.0 * (simulation.firmware.cpu_s() - before_s) / (time.monotonic() - began_s)
        return {"live": simulation.state.stats.heap_live_bytes, "cap": options.heap_bytes, "cpu_pct": round(share, 1)}
    finally:
        simulation.close()


def run() -> int:
    """Print the table; 0 if a slot takes no more than its goal and every cabinet fits its cap with room."""
    rows = [Row("one slot: " + name, value, "B") for name, value in objects().items()]
    found = {slots: running(slots) for slots in COUNTS}
    for slots, figures in found.items():
        room = int(figures["cap"] - figures["live"])
        rows.append(Row(f"{slots} slots: CPU of one core here", figures["cpu_pct"], "%"))
        rows.append(Row(f"{slots} slots: CPU each", round(figures["cpu_pct"] / slots, 2), "%"))
        rows.append(Row(f"{slots} slots: heap live", int(figures["live"]), "B"))
        free = f"{slots} slots: free of a cap of {int(figures['cap']):,}"
        rows.append(Row(free, room, "B", f">= {GOAL_ROOM_BYTES:,}", room >= GOAL_ROOM_BYTES))
    least, most = COUNTS[0], COUNTS[-1]
    each = (found[most]["live"] - found[least]["live"]) / (most - least)
    rows.append(Row(f"heap of each slot, between {least} and {most}", round(each), "B", f"<= {GOAL_SLOT_BYTES:,}", each <= GOAL_SLOT_BYTES))
    return 0 if publish(rows, "what a cabinet costs as it grows (64-bit words; an MCU takes about half)", "growth") else 1
