"""Many uplinks in one MicroPython process: `micropython fleet_alone.py '{"host": ..., "port": ..., "first": 1, ...}'`; see fleet.py.

Waits for the broker, drains what each cabinet has, and prints when each was connected and drained. The same uplink code as on a cabinet.
"""

import asyncio
import json
import os
import sys
import time

sys.path.insert(0, __file__.rsplit("/", 1)[0])

from ram_journal import EndlessJournal  # noqa: E402

from cabinet.uplink.dial import dial  # noqa: E402
from cabinet.uplink.uplink import Uplink, UplinkOptions  # noqa: E402


class Clock:
    """ports.Clock on the unix port."""

    def ticks_ms(self):
        return time.ticks_ms() & 0x3FFFFFFF

    def ticks_us(self):
        return time.ticks_us() & 0x3FFFFFFF

    def wall_s(self):
        return int(time.time())

    def quality(self):
        return 2


class Net:
    """ports.Network."""

    def is_up(self):
        return True

    async def connect(self, host, port, tls):
        return await dial(host, port, tls)


async def main(want):
    clock, uplinks = Clock(), []
    for number in range(want["first"], want["first"] + want["cabinets"]):
        options = UplinkOptions(f"fleet-{number}", want["host"], want["port"], window=8, inbound_bytes=256)
        uplinks.append(Uplink(Net(), clock, EndlessJournal(0), options, lambda: {"firmware": "test"}, os.urandom))
    tasks = [asyncio.create_task(uplink.run()) for uplink in uplinks]
    while not all(uplink.connected for uplink in uplinks):
        await asyncio.sleep_ms(50)
    print(json.dumps({"ready": True}))
    while any(uplink.connected for uplink in uplinks):
        await asyncio.sleep_ms(20)
    for uplink in uplinks:
        uplink.journal.heads[0] += want["events"]  # what happened during the outage
    print(json.dumps({"down": True}))
    left = list(range(len(uplinks)))
    drained = {}
    while left:
        await asyncio.sleep_ms(20)
        for index in list(left):
            if uplinks[index].connected and uplinks[index].journal.backlog(0) == 0:
                left.remove(index)
                drained[want["first"] + index] = time.time()
    print(json.dumps({"drained": drained, "failures": sum(uplink.failures for uplink in uplinks)}))
    for task in tasks:
        task.cancel()


asyncio.run(main(json.loads(sys.argv[1])))
