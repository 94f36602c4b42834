# ruff: noqa: UP031, UP037 (runs under MicroPython)
"""The firmware's own bus code on this very controller."""

import gc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from swapcab.bench.board.unit import Unit


MASK = 0x3FFFFFFF


def loop(unit: "Unit", buses: list, seconds: int) -> dict:
    """The firmware's own bus code on the slot boards: period of each, and the longest that a 10 ms ticker had to wait."""
    import asyncio

    return asyncio.run(_loop(unit, buses, seconds))


async def _loop(unit: "Unit", buses: list, seconds: int) -> dict:
    import asyncio

    from cabinet.bus.modbus_bus import ModbusBus
    from cabinet.devices.io.slot_board import SlotBoard

    clock = unit.board.clock
    boards, tasks = [], []
    for name, port, baud, units in buses:
        bus = ModbusBus(name, unit.line(port, baud), clock)
        boards += [SlotBoard(bus, address, clock, 1 + 8 * i) for i, address in enumerate(units)]
        tasks.append(asyncio.create_task(bus.run()))
    gap_us, late = 0, clock.ticks_us()
    began = clock.ticks_ms()
    given: "Any" = asyncio
    gc.collect()
    while unit.passed_ms(began) < seconds * 1000:
        await given.sleep_ms(10)
        now = clock.ticks_us()
        gap_us, late = max(gap_us, (now - late) & MASK), now
    for task in tasks:
        task.cancel()
    collected = clock.ticks_us()
    gc.collect()
    return {"gap_us": gap_us, "collect_us": (clock.ticks_us() - collected) & MASK,
            "scan_ms": max([board.stats.period_ms_max for board in boards]) if boards else 0}
