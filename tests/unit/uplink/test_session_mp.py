"""Whole sessions against a broker in the same process: commands beside events, what fails, and weeks without a line."""

import asyncio
import json
import os
import time

from cabinet.core import events
from cabinet.uplink.dial import dial
from cabinet.uplink.uplink import Uplink, UplinkOptions

DAY_MS = 86400000
COMMANDS = b"swapcab/v1/cab-1/commands"


class Clock:
    offset_ms = 0

    def ticks_ms(self):
        return (time.ticks_ms() + self.offset_ms) & 0x3FFFFFFF

    def ticks_us(self):
        return time.ticks_us()

    def wall_s(self):
        return 0

    def quality(self):
        return 0


class Record:
    boot = 1
    ticks_ms = time_s = quality = 0

    def __init__(self, sequence, event):
        self.sequence = sequence
        self.event = event


class Journal:
    """Ring A; what the uplink itself notes stands in `notes`."""

    boot = 1

    def __init__(self, count):
        self.count = count
        self.cursor = 0
        self.urgent = []
        self.notes = []

    def head(self, ring):
        return 0 if ring else self.count

    def acked(self, ring):
        return 0 if ring else self.cursor

    def backlog(self, ring):
        return self.head(ring) - self.acked(ring)

    def read(self, ring, after):
        return Record(after + 1, events.make("door.opened", 1)) if after < self.head(ring) else None

    def ack(self, ring, sequence):
        self.cursor = sequence

    def append(self, event):
        self.notes.append(event)


class Broker:
    """ports.Network and the stream that it opens. `greeting` follows the SUBACK; PUBACKs for topics that end with `mute` are left out."""

    name = "eth"

    def __init__(self, greeting=b"", mute="nothing", granted=(1,), up=True):
        self.greeting = greeting
        self.mute = mute
        self.granted = list(granted)
        self.up = up
        self.connections = 0
        self.topics = []
        self.acknowledged = []
        self.inbound = self.out = b""

    def is_up(self):
        return self.up() if callable(self.up) else self.up

    async def connect(self, host, port, tls):
        self.connections += 1
        self.inbound = self.out = b""
        return self, self

    async def readinto(self, buf):
        while not self.inbound:
            await asyncio.sleep_ms(1)
        count = min(len(buf), len(self.inbound))
        buf[:count] = self.inbound[:count]
        self.inbound = self.inbound[count:]
        return count

    def write(self, data):
        self.out += bytes(data)

    async def drain(self):
        while self.out:
            length = shift = 0
            at = 1
            while not shift or self.out[at - 1] & 0x80:
                length |= (self.out[at] & 0x7F) << shift
                shift += 7
                at += 1
            self._meet(self.out[0], self.out[at : at + length])
            self.out = self.out[at + length :]
        await asyncio.sleep_ms(0)

    def _meet(self, first, body):
        kind = first & 0xF0
        if kind == 0x10:
            self.inbound += b"\x20\x02\x00\x00"
        elif kind == 0x80:
            code = self.granted.pop(0) if len(self.granted) > 1 else self.granted[0]
            self.inbound += b"\x90\x03" + body[:2] + bytes((code,)) + self.greeting
        elif kind == 0x30:
            end = 2 + (body[0] << 8 | body[1])
            self.topics.append(body[2:end].decode())
            if not self.topics[-1].endswith(self.mute):
                self.inbound += b"\x40\x02" + body[end : end + 2]
        elif kind == 0x40:
            self.acknowledged.append(body[0] << 8 | body[1])

    def close(self):
        """As MicroPython's."""

    async def wait_closed(self):
        """Nothing was opened."""


def command(number, more=b"", flags=2):
    """A PUBLISH on the topic of the commands."""
    text = json.dumps({"id": "c%d" % number, "kind": "clear"}).encode() + more
    body = bytes((0, len(COMMANDS))) + COMMANDS + bytes((number >> 8, number & 255)) + text
    return bytes((0x30 | flags, len(body) & 0x7F | 0x80, len(body) >> 7)) + body


def uplink_to(network, count=0, **options):
    """An uplink with so many events to tell, and what it was commanded to do."""
    done = []

    def carry_out(given):
        done.append(given["id"])
        return True, ""

    options = dict({"backoff_first_ms": 100, "backoff_max_ms": 100}, **options)
    return Uplink(network, Clock(), Journal(count), UplinkOptions("cab-1", "broker", **options), dict, os.urandom, carry_out), done


def running(uplink, until, limit_ms=1_800_000):
    """Run it until `until()`; False if that does not come."""

    async def story():
        task = asyncio.create_task(uplink.run())
        begin = time.ticks_ms()
        while not until() and time.ticks_diff(time.ticks_ms(), begin) < limit_ms:
            await asyncio.sleep_ms(5)
        reached = until()
        task.cancel()
        await asyncio.sleep_ms(10)  # for the session's tasks to end
        return reached

    return asyncio.run(story())


def test_a_retained_message_that_is_too_large_ends_no_session():
    broker = Broker(greeting=command(7, b" " * 5000, flags=3) + command(8))
    uplink, done = uplink_to(broker, 50)
    assert running(uplink, lambda: not uplink.backlog() and done and 8 in broker.acknowledged)
    assert (uplink.commands_dropped, uplink.failures, uplink.sessions, done) == (1, 0, 1, ["c8"])
    assert broker.acknowledged[0] == 7
    assert uplink.stats()["today"]["commands"] > 5000


def test_answers_that_nobody_acknowledges_do_not_hold_up_the_events():
    broker = Broker(greeting=b"".join([command(number) for number in range(1, 5)]), mute="/results")
    uplink, done = uplink_to(broker, window=1, batch=1)

    def all_told():
        if len([topic for topic in broker.topics if topic.endswith("/results")]) == 4:
            uplink.journal.count = 5  # they come when four answers are in flight
        return uplink.journal.cursor == 5

    assert running(uplink, all_told) and len(done) == 4


def test_however_many_commands_there_are_twenty_a_second_are_carried_out():
    broker = Broker()
    uplink, done = uplink_to(broker)

    async def story():
        task = asyncio.create_task(uplink.run())
        while not uplink.connected:
            await asyncio.sleep_ms(5)
        begin = time.ticks_ms()
        number = 0
        while len(done) < 60:
            number += 1
            broker.inbound += command(number)
            await asyncio.sleep_ms(5)
        task.cancel()
        return time.ticks_diff(time.ticks_ms(), begin)

    passed_ms = asyncio.run(story())
    assert len(done) <= 24 + 20 * passed_ms // 1000, (len(done), passed_ms)  # twenty at once, and four more in a message


def test_a_session_that_fails_in_an_unforeseen_way_counts_and_is_followed_by_a_pause():
    broker = Broker()
    uplink, _ = uplink_to(broker, interfaces=True)
    received = []

    async def no_memory(host, port, tls):
        broker.connections += 1
        if broker.connections == 1:
            uplink.leave("back to eth")
            raise OSError(111)
        if broker.connections > 100:
            raise SystemExit  # nobody else would come to run
        uplink.drain.arrived(0, 3, 1)  # as if an event had been acknowledged last
        raise MemoryError

    def ended(was_heard):
        received.append(was_heard)
        return False

    broker.connect = no_memory
    broker.ended = ended
    assert running(uplink, lambda: broker.connections >= 4)
    assert uplink.failures >= 3 and uplink.state_text == "down: failed: MemoryError()"
    assert received[:2] == [False, False] and uplink.journal.cursor == 3


def test_weeks_without_a_network_are_counted_and_days_go_on():
    moments = []

    def up():
        if len(moments) < 14:
            moments.append(uplink.meter.report())
            uplink.clock.offset_ms += DAY_MS // 2
        return len(moments) >= 14

    broker = Broker(up=up)
    uplink, _ = uplink_to(broker)
    uplink.meter.count(0, 1000)
    assert running(uplink, lambda: uplink.connected)
    assert (moments[0]["events"], moments[-1]["events"], moments[-1]["yesterday"]) == (1000, 0, 0)
    note = uplink.journal.notes[0]
    assert 7 * DAY_MS <= note.values[0] * 1000 < 7 * DAY_MS + DAY_MS // 2, note.values


def test_the_state_tells_what_the_broker_says_now():
    broker = Broker(granted=(0x80, 1))
    uplink, _ = uplink_to(broker)
    assert running(uplink, lambda: uplink.connected and "refused" in uplink.state_text)
    assert running(uplink, lambda: broker.connections == 2 and uplink.state_text == "connected")
    uplink.subscribed(False)
    assert uplink.state_text == "connected"  # nobody is: what stands there is left alone


def test_a_slice_of_work_that_fails_ends():
    class Turn:
        began = ended = 0

        async def wait(self):
            self.began += 1

        def done(self):
            self.ended += 1

    turn = Turn()
    try:
        asyncio.run(dial("127.0.0.1", 1, {"ca": b"0\x03garbage", "turn": turn}))
        raise AssertionError("a certificate came of it")
    except ValueError:
        assert (turn.began, turn.ended) == (1, 1)
