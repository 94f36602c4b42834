# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
"""The buses' sleep: looks at a line on which nothing can have happened are passed over.

A bus looks again every few milliseconds whether there is anything to do. Here it sleeps through all looks at which there cannot
be, on the same grid of instants, and is woken at the one that finds something: a byte, a frame to be sent, an urgent request, the
next poll or tick. Where a bus would turn and turn for less than a millisecond, that time passes at once. Half of all turns of the
event loop were such looks. `"looks": 1` in the words of a run leaves them in.
"""

import asyncio
from asyncio import core

from cabinet.bus.can_bus import TICK_MS, CanBus
from cabinet.bus.polled_bus import PolledBus
from cabinet.bus.polled_client import SILENT_AFTER
from cabinet.core import ticks
from cabinet.runtime import console, loop_profiler
from virtual.timebase import EPOCH_MS, TURN_US

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CAN_MS = 5
MODBUS_MS = 10
LONGEST_MS = 500
CONSOLE_MS = 2000  # until every slot has been told, and with it the uplink's view of it
GAUGE_MS = 50  # the gauge's ticker: how long the loop was held is measured as well


class Nap:
    """One bus's sleep."""

    def __init__(self, time: "Any", grid_ms: int) -> None:
        self._time = time
        self._grid_ms = grid_ms
        self._task = None
        self._since_ms = 0
        self._until_ms = 0

    async def sleep(self, looks: int) -> None:
        """Pass over so many looks but the last."""
        ms = looks * self._grid_ms
        self._task = core.cur_task
        self._since_ms = self._time.now_us // 1000
        self._until_ms = self._since_ms + ms
        await asyncio.sleep_ms(ms)
        self._task = None

    def wake(self, instant_us: int) -> None:
        """There is something to be found from an instant on: wake at the first look that does."""
        task = self._task
        if task is None:
            return
        grid_ms = self._grid_ms
        looks = ((instant_us + 999) // 1000 - self._since_ms + grid_ms - 1) // grid_ms
        until_ms = self._since_ms + (looks if looks > 0 else 1) * grid_ms
        if until_ms < self._until_ms:
            self._until_ms = until_ms
            core._task_queue.remove(task)
            core._task_queue.push(task, EPOCH_MS + until_ms)
            self._time.woken = True


def attach(sim: "Any") -> None:
    """After a new app has been built."""
    time = sim.time
    app = sim.app
    naps = {}
    for bus in app.buses.values():
        nap = Nap(time, CAN_MS if isinstance(bus, CanBus) else MODBUS_MS)
        naps[id(bus)] = nap
        if isinstance(bus, CanBus):
            bus.run = _can_run(bus, nap)
            bus.port.on_news = nap.wake
            _waking(time, bus, "send", nap)
        elif isinstance(bus, PolledBus):
            bus.run = _modbus_run(bus, nap)
            bus.line.on_news = nap.wake
    for part in app.parts:
        for device, method in ((part.pack, "set_need"), (part.pack, "prove"), (part.board, "pulse")):
            bus = getattr(device, "bus", None)
            if id(bus) in naps and isinstance(bus, PolledBus):
                _waking(time, device, method, naps[id(bus)])


def _waking(time: "Any", owner: "Any", method: str, nap: Nap) -> None:
    inner = getattr(owner, method)

    def calling(*arguments: "Any", **named: "Any") -> "Any":
        nap.wake(time.now_us)
        return inner(*arguments, **named)

    setattr(owner, method, calling)


def _can_run(bus: "Any", nap: Nap) -> "Any":
    port = bus.port
    clock = bus.clock

    async def run() -> None:
        while True:
            pause_ms = bus.step()
            if pause_ms != CAN_MS:
                await asyncio.sleep_ms(pause_ms)
                continue
            left_ms = TICK_MS - ticks.diff(clock.ticks_ms(), bus._tick_ms)
            first_us = port.first_us()
            if first_us:
                left_ms = min(left_ms, first_us // 1000 - port._time.now_us // 1000)
            looks = (left_ms + CAN_MS - 1) // CAN_MS
            await nap.sleep(looks if looks > 1 else 1)

    return run


def _modbus_run(bus: "Any", nap: Nap) -> "Any":
    time = nap._time
    schedule = bus._schedule

    async def run() -> None:
        while True:
            wait = bus.step()
            if wait == 10_000 and bus._client is None:
                await nap.sleep(_looks(schedule))
            elif wait >= 1000:
                await asyncio.sleep_ms(wait // 1000)
            elif bus._busy:
                time.now_us += wait // TURN_US * TURN_US  # less than a millisecond, in which the bus would turn and turn
                await asyncio.sleep_ms(0)
            else:
                await asyncio.sleep_ms(1)

    return run


def _looks(schedule: "Any") -> int:
    """How many looks may be passed over until the next client is due."""
    for client in schedule.clients:
        if client.fails >= SILENT_AFTER:
            return 1  # it is probed as soon as the account allows
    ms = schedule.next_ms
    return max(1, min(ms, LONGEST_MS) // MODBUS_MS)


def calm_watchers() -> None:
    """The ticker that measures for how long the loop was held ticks less often, and so does the console, which nobody reads."""
    loop_profiler.TICK_MS = GAUGE_MS
    console.ROUND_MS = CONSOLE_MS
