"""The uplink alone, under MicroPython, with a journal in memory: `micropython uplink_alone.py '{"host": ..., "port": ..., ...}'`.

Drains `events` events, measures a ticker beside it, and prints one JSON line at the end. Keys: host, port, events, seconds (a
limit), window, batch, fresh and fresh_ms (so many new events, one each so often), memory (into how many parts of `seconds` the largest
kept heap is divided, measured once a second), refusals (end after so many different ones), tls, and any other option of the uplink.
"""

import array
import asyncio
import gc
import json
import os
import sys
import time

from ram_journal import EndlessJournal
from unix_clock import UnixClock

from cabinet.core import events
from cabinet.uplink.dial import dial
from cabinet.uplink.resolver import Resolver
from cabinet.uplink.uplink import Uplink, UplinkOptions

_NOTED = 2000


class Net:
    """ports.Network."""

    def __init__(self, clock, nameserver):
        self.resolver = Resolver(nameserver[0], nameserver[1], clock, os.urandom) if nameserver else None

    def is_up(self):
        return True

    async def connect(self, host, port, tls):
        return await dial(host, port, tls, self.resolver)


class Ticker:
    """Wants to run every 10 ms and notes how late it was, with and without the time that the kernel gave to other processes."""

    def __init__(self):
        self.gaps = Largest()
        self.own_gaps = Largest()
        self.count = 0
        self.running = True
        try:
            self.schedstat = open("/proc/self/schedstat", "rb")  # noqa: SIM115
        except OSError:
            self.schedstat = None
        self.buf = bytearray(64)

    def waited_us(self):
        """Microseconds in which this process could have run and was not let; 0 where the kernel does not tell."""
        if self.schedstat is None:
            return 0
        self.schedstat.seek(0)
        count = self.schedstat.readinto(self.buf)
        return int(bytes(self.buf[:count]).split()[1]) // 1000

    async def run(self):
        before = time.ticks_us()
        waited_before = self.waited_us()
        while self.running:
            await asyncio.sleep_ms(10)
            now = time.ticks_us()
            waited = self.waited_us()
            gap = time.ticks_diff(now, before)
            self.count += 1
            self.gaps.add(gap)
            self.own_gaps.add(max(0, gap - (waited - waited_before)))
            before = now
            waited_before = waited


class Turn:
    """Places of a TLS handshake's slices of work: none in particular; notes the longest, without what other processes took."""

    def __init__(self, ticker):
        self.ticker = ticker
        self.count = self.longest_us = self.sum_us = 0

    async def wait(self):
        await asyncio.sleep_ms(0)
        self.waited = self.ticker.waited_us()
        self.begin = time.ticks_us()

    def done(self):
        spent = time.ticks_diff(time.ticks_us(), self.begin) - (self.ticker.waited_us() - self.waited)
        self.count += 1
        self.sum_us += spent
        self.longest_us = max(self.longest_us, spent)


class Largest:
    """The largest figures of a long series."""

    def __init__(self):
        self.kept = []

    def add(self, figure):
        self.kept.append(figure)
        if len(self.kept) > 300:
            self.kept.sort()
            del self.kept[:200]

    def largest(self, rank=1):
        self.kept.sort()
        return self.kept[-min(rank, len(self.kept))] if self.kept else 0


async def nothing():
    """What runs beside the ticker when the machine itself is measured."""


def steady(moments, sequences, count, window):
    """Events a second over a whole number of windows, the first one left out: start and end do not count. 0 if it was too short."""
    first = window - 1
    last = first + (count - 1 - first) // window * window
    if last <= first:
        return 0
    return (sequences[last] - sequences[first]) * 1000000 / max(1, moments[last] - moments[first])


async def main(argument):
    want = dict(argument)
    count = want.pop("events", 0)
    seconds = want.pop("seconds", 30)
    fresh_ms = want.pop("fresh_ms", 0)
    fresh = want.pop("fresh", 0)
    quiet = want.pop("run_whole_time", False)
    idle = want.pop("idle", False)
    heap_samples = want.pop("memory", 0)
    refusals = want.pop("refusals", 50)
    clock = UnixClock()
    journal = EndlessJournal(count)
    commands = []

    def on_command(command):
        commands.append(command["id"])
        return True, ""

    nameserver = want.pop("nameserver", None)
    ticker = Ticker()
    turn = Turn(ticker)
    if want.get("tls"):
        want["tls"]["turn"] = turn
    want.setdefault("backoff_first_ms", 200)
    want.setdefault("backoff_max_ms", 2000)
    options = UplinkOptions(want.pop("cabinet", "cab-1"), want.pop("host"), **want)
    reasons = []
    uplink = Uplink(Net(clock, nameserver), clock, journal, options, lambda: {"firmware": "test"}, os.urandom, on_command)
    times = []
    moments = array.array("q", bytes(8 * _NOTED))  # allocated once: the measurement must not burden the heap
    sequences = array.array("i", bytes(4 * _NOTED))
    noted = [0]

    def arrived(ring, sequence, events_arrived, before=uplink.drain.arrived):
        if not ring:
            times[1:] = [time.ticks_us()]
            if noted[0] < _NOTED:
                moments[noted[0]] = times[1]
                sequences[noted[0]] = sequence
                noted[0] += 1
        before(ring, sequence, events_arrived)

    def sent(ring, message, before=uplink.drain.sent):
        if not times:
            times.append(time.ticks_us())
        return before(ring, message)

    uplink.drain.arrived = arrived
    uplink.drain.sent = sent
    for slot in range(1, 4):
        uplink.publish_state(slot, {"state": "empty"})
    gc.collect()
    tick = asyncio.create_task(ticker.run())
    begin = time.ticks_ms()
    task = asyncio.create_task(nothing() if idle else uplink.run())
    connected_ms = None
    peak = made = 0
    heap = []  # the largest that was kept in each part of the time
    next_heap = time.ticks_add(begin, 1000)
    next_fresh = begin
    while time.ticks_diff(time.ticks_ms(), begin) < seconds * 1000:
        await asyncio.sleep_ms(10 if fresh_ms else 20)
        now = time.ticks_ms()
        if connected_ms is None and uplink.connected:
            connected_ms = time.ticks_diff(now, begin)
        if made < fresh and time.ticks_diff(now, next_fresh) >= 0:
            journal.append(events.make("door.opened", made % 12 + 1))
            made += 1
            next_fresh = time.ticks_add(next_fresh, fresh_ms)
            uplink.notify()
        if uplink.state_text[:4] in ("down", "fail") and (not reasons or reasons[-1] != uplink.state_text) and len(reasons) < 50:
            reasons.append(uplink.state_text)
        if len(reasons) >= refusals:
            break
        peak = max(peak, gc.mem_alloc())
        if heap_samples and time.ticks_diff(now, next_heap) >= 0:
            next_heap = time.ticks_add(now, min(1000, seconds * 10))
            gc.collect()
            if time.ticks_diff(now, begin) * heap_samples >= seconds * 1000 * len(heap):
                heap.append(0)
            heap[-1] = max(heap[-1], gc.mem_alloc())
        if not quiet and uplink.connected and made >= fresh and uplink.backlog() == 0 and len(commands) >= want.get("commands", 0):
            break
    spent = time.ticks_diff(time.ticks_ms(), begin)
    ticker.running = False
    tick.cancel()
    task.cancel()
    begin_us = time.ticks_us()
    gc.collect()
    collect_us = time.ticks_diff(time.ticks_us(), begin_us)
    row = uplink.stats()
    row.update(
        {
            "spent_ms": spent,
            "collect_us": collect_us,
            "steady": steady(moments, sequences, noted[0], options.window),
            "drain_us": time.ticks_diff(times[1], times[0]) if len(times) > 1 else 0,
            "connected_ms": connected_ms,
            "backlog": uplink.backlog(),
            "head_a": journal.head(0),
            "acked_a": journal.acked(0),
            "gap_us_max": ticker.gaps.largest(),
            "gap_us_p99": ticker.gaps.largest(1 + ticker.count // 100),
            "own_gap_us_max": ticker.own_gaps.largest(),
            "own_gap_us_p99": ticker.own_gaps.largest(1 + ticker.count // 100),
            "ticks": ticker.count,
            "tls_slices": turn.count,
            "tls_slice_us_max": turn.longest_us,
            "tls_us": turn.sum_us,
            "mem_peak": peak,
            "mem_kept": max(heap) if heap else 0,
            "heap": heap,
            "state": uplink.state_text,
            "reasons": reasons,
            "commands": commands,
        }
    )
    print(json.dumps(row))


asyncio.run(main(json.loads("".join(sys.argv[1:]))))
