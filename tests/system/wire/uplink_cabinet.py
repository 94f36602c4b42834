"""The uplink under MicroPython with a journal in memory, for the wire tests: `micropython uplink_cabinet.py '{"host": ..., "port": ...}'`.

Keys: events (backlog), alarm_after (an alarm is journaled once so many are acknowledged), sources (addresses of this machine that
stand for interfaces, the preferred one first), return_ms, until (states of the link to be told in this order before the end), fresh_ms
(one new event each so often), seconds (a limit), and the options of the uplink.
Prints {"told": ...} for each state of the link, and one JSON line with the counters at the end; with TLS also how long each slice of the
handshakes took, in microseconds.
"""

import asyncio
import json
import os
import sys

from ram_journal import RamJournal
from unix_clock import UnixClock
from unix_interface import UnixInterface
from unix_network import UnixNetwork

from cabinet.core import events, ticks
from cabinet.uplink.interfaces import Interfaces
from cabinet.uplink.uplink import Uplink, UplinkOptions


def accept(command):
    """Every command is carried out."""
    return True, ""


def birth():
    """What stands on /birth."""
    return {"firmware": "test"}


class Turn:
    """Notes how long each slice takes, as runtime/slices.py does."""

    def __init__(self, clock):
        self._clock = clock
        self._began = 0
        self.slices_us = []

    async def wait(self):
        """Before a slice."""
        await asyncio.sleep_ms(0)
        self._began = self._clock.ticks_us()

    def done(self):
        """After it."""
        self.slices_us.append(ticks.diff(self._clock.ticks_us(), self._began))


async def main(want):
    """Until the backlog is gone or the time is up."""
    count = want.pop("events", 0)
    alarm_after = want.pop("alarm_after", 0)
    limit_ms = want.pop("seconds", 1800) * 1000
    refusals = want.pop("refusals", 0)
    clock = UnixClock()
    journal = RamJournal()
    for number in range(count):
        journal.append(events.make("pack.accepted", number % 12 + 1, "SC12345678", 54321, 253, 41))
    turn = Turn(clock)
    if want.get("tls"):
        want["tls"]["turn"] = turn
    sources = want.pop("sources", ())
    return_ms = want.pop("return_ms", 3000)
    until = want.pop("until", [])
    fresh_ms = want.pop("fresh_ms", 0)
    network = UnixNetwork(clock, os.urandom)
    if sources:
        network = Interfaces(clock, [UnixInterface(clock, os.urandom, source) for source in sources], return_ms)
    want.update({"backoff_first_ms": 200, "backoff_max_ms": 2000, "interfaces": bool(sources)})
    options = UplinkOptions("cab-1", want.pop("host"), want.pop("port"), **want)
    uplink = Uplink(network, clock, journal, options, birth, os.urandom, accept)
    tasks = [asyncio.create_task(uplink.run())]
    if sources:
        tasks.append(asyncio.create_task(network.run(uplink)))
    begin = clock.ticks_ms()
    reported = ""
    fresh = begin
    while ticks.diff(clock.ticks_ms(), begin) < limit_ms:
        await asyncio.sleep_ms(10)
        state = uplink.state_text + (" by " + network.name if sources and uplink.connected else "")
        if state != reported:
            reported = state
            print(json.dumps({"told": reported}))
            if until and reported == until[0]:
                until.pop(0)
        if refusals and uplink.stats()["failures"] >= refusals:
            break
        if fresh_ms and ticks.diff(clock.ticks_ms(), fresh) >= fresh_ms:
            fresh = ticks.add(fresh, fresh_ms)
            journal.append(events.make("door.opened", 1))
        if alarm_after and journal.acked(0) >= alarm_after:
            alarm_after = 0
            journal.append(events.make("fault.raised", 3, "", "pack.hot", "stop", 612, 600))
        if uplink.connected and not alarm_after and not until:
            fresh_ms = 0
            if not uplink.backlog():
                break
    for task in tasks:
        task.cancel()
    row = uplink.stats()
    row.update({"backlog": uplink.backlog(), "acked_a": journal.acked(0), "head_a": journal.head(0), "slices_us": turn.slices_us})
    print(json.dumps(row))


asyncio.run(main(json.loads(sys.argv[1])))
