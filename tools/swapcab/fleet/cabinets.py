# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""Many uplinks in one MicroPython process, for `swapcab fleet`: the uplink of the firmware, with a journal that only counts.

The arguments are JSON: {"host", "port", "first", "cabinets", "every_ms"}. Standard input takes the commands "cut", "restore", "hold"
and "stop", one a line. One JSON line four times a second reports how many cabinets are connected, events made and acknowledged, and
when connections were opened, accepted and drained since the previous line.
"""

import asyncio
import json
import os
import select
import sys
import time

from unix_clock import UnixClock

from cabinet.core import events
from cabinet.uplink.dial import dial
from cabinet.uplink.uplink import Uplink, UplinkOptions

REPORT_MS = 250
TURN_MS = 50


class Record:
    """A record as the journal returns it."""

    boot = 1
    ticks_ms = 123456
    quality = 2

    def __init__(self, sequence):
        self.sequence = sequence
        self.time_s = int(time.time())
        self.event = events.make("pack.accepted", sequence % 12 + 1, "SC12345678", 54321, 253, 41)


class Journal:
    """Ring A: events that are made when they are read. Ring B: nothing."""

    boot = 1

    def __init__(self):
        self.made = self.done = 0
        self.urgent = []

    def append(self, event):
        return 0

    def read(self, ring, after):
        return None if ring or after >= self.made else Record(after + 1)

    def head(self, ring):
        return 0 if ring else self.made

    def acked(self, ring):
        return 0 if ring else self.done

    def ack(self, ring, sequence):
        self.done = sequence

    def backlog(self, ring):
        return self.head(ring) - self.acked(ring)


class Line:
    """ports.Network of all cabinets here: it can be cut, and notes when connections were opened."""

    def __init__(self):
        self.up = True
        self.opened = []

    def is_up(self):
        return True

    async def connect(self, host, port, tls):
        self.opened.append(time.time())
        if not self.up:
            raise OSError("the line is cut")
        return await dial(host, port, tls)


class Fleet:
    """All cabinets of this process."""

    def __init__(self, want):
        self.line = Line()
        self.cabinets = []
        clock = UnixClock()
        for number in range(want["first"], want["first"] + want["cabinets"]):
            options = UplinkOptions(f"fleet-{number}", want["host"], want["port"], window=8, inbound_bytes=256)
            self.cabinets.append(Uplink(self.line, clock, Journal(), options, lambda: {"firmware": "fleet"}, os.urandom))
        self.up = [False] * len(self.cabinets)
        self.behind = [False] * len(self.cabinets)
        self.accepted = []
        self.drained = []
        self.every_ms = want["every_ms"]
        self.due = [os.urandom(1)[0] * self.every_ms >> 8 for _ in self.cabinets]  # ms of this process's life

    def look(self, now_ms):
        """Make the events that are due; note which cabinets were accepted, and which have drained their backlog."""
        for index, cabinet in enumerate(self.cabinets):
            if self.every_ms and now_ms >= self.due[index]:
                self.due[index] += self.every_ms
                cabinet.journal.made += 1
                cabinet.notify()
            if cabinet.connected != self.up[index]:
                self.up[index] = cabinet.connected
                if cabinet.connected:
                    self.accepted.append(time.time())
                else:
                    self.behind[index] = True
            if self.behind[index] and self.up[index] and cabinet.journal.backlog(0) <= 1:
                self.behind[index] = False
                self.drained.append(time.time())

    def report(self):
        """Print what has happened since the previous report."""
        cabinets = self.cabinets
        line = {
            "connected": sum(self.up),
            "behind": sum(self.behind),
            "held": int(not self.every_ms),  # no more events are made
            "made": sum([cabinet.journal.made for cabinet in cabinets]),
            "done": sum([cabinet.journal.done for cabinet in cabinets]),
            "resent": sum([cabinet.drain.events_resent for cabinet in cabinets]),
            "failures": sum([cabinet.failures for cabinet in cabinets]),
            "opened": self.line.opened,
            "accepted": self.accepted,
            "drained": self.drained,
            "t": time.time(),
        }
        print(json.dumps(line))
        self.line.opened, self.accepted, self.drained = [], [], []

    def obey(self, word):
        """Carry out a command; False: stop."""
        if word == "cut":
            self.line.up = False
            for cabinet in self.cabinets:
                if cabinet._session is not None:
                    cabinet._session.end("line: cut")
        elif word == "restore":
            self.line.up = True
        elif word == "hold":
            self.every_ms = 0
        return word not in ("stop", "")

    async def run(self):
        """Run until the command stop."""
        for cabinet in self.cabinets:
            asyncio.create_task(cabinet.run())
        poll = select.poll()
        poll.register(sys.stdin, select.POLLIN)
        begin = time.ticks_ms()
        next_report = 0
        going = True
        while going:
            await asyncio.sleep_ms(TURN_MS)
            now_ms = time.ticks_diff(time.ticks_ms(), begin)
            self.look(now_ms)
            if now_ms >= next_report:
                next_report = now_ms + REPORT_MS
                self.report()
            if poll.poll(0):
                going = self.obey(sys.stdin.readline().strip())
        self.report()


if __name__ == "__main__":
    asyncio.run(Fleet(json.loads("".join(sys.argv[1:]))).run())
