"""Swapcab's master on the paced wire, under MicroPython: `micropython master_swapcab.py PTY BAUD UNITS SCANS WARMUP_S`."""

# pyright: basic, reportAttributeAccessIssue=false, reportArgumentType=false
# (runs under MicroPython: time, gc and asyncio have more to them there)

import asyncio
import json
import sys
import time

from serial_pty import SerialPty
from unix_clock import UnixClock

from cabinet.bus.modbus_bus import ModbusBus
from cabinet.bus.modbus_frame import READ_HOLDING
from cabinet.bus.polled_client import PolledClient


class Unit(PolledClient):
    """Wants its 40 registers as often as it can have them."""

    def compose(self, now_ms):
        return self.bus.read(READ_HOLDING, 0, 40)


async def ticker(gap):
    last = time.ticks_us()
    while True:
        await asyncio.sleep_ms(10)
        now = time.ticks_us()
        late = time.ticks_diff(now, last) - 10_000
        if late > gap[0]:
            gap[0] = late
        last = now


async def main(path, baud, units, scans, warmup_s):
    clock = UnixClock()
    bus = ModbusBus("bench", SerialPty(path, baud), clock)
    devices = [Unit(bus, k + 1, "unit") for k in range(units)]
    for device in devices:
        device.period_ms = 1
        device.due_ms = clock.ticks_ms()
    asyncio.create_task(bus.run())
    gap = [0]
    asyncio.create_task(ticker(gap))
    living = 0
    await asyncio.sleep(warmup_s)  # the dead are found out, the thinking times learned
    gap[0] = 0
    before = [device.stats.answers for device in devices]
    living = sum(1 for count in before if count)
    wanted = sum(before) + scans * living
    began = time.ticks_us()
    while sum(device.stats.answers for device in devices) < wanted:
        await asyncio.sleep_ms(1)
    took = time.ticks_diff(time.ticks_us(), began)
    asked = [devices[k].stats.answers - before[k] for k in range(units) if before[k]]
    print(json.dumps({"scan_us": took / scans, "gap_us": gap[0], "least": min(asked), "most": max(asked), "living": living}))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])))
