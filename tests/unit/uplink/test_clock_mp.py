"""What the uplink does while nobody knows the time, and how the application learns it."""

import asyncio
import os
import socket
import time

import nucleo_app
from ram_journal import RamJournal

from cabinet.uplink.uplink import Uplink, UplinkOptions
from cabinet.uplink.waiting import Readable

NOW = 1_900_000_000


class Clock:
    """Wall time unknown until it is set."""

    known = 0

    def ticks_ms(self):
        return time.ticks_ms() & 0x3FFFFFFF

    def ticks_us(self):
        return time.ticks_us() & 0x3FFFFFFF

    def wall_s(self):
        return NOW if self.known else 0

    def quality(self):
        return self.known


class Network:
    """Notes who wants to connect, and refuses."""

    def __init__(self):
        self.asked = asyncio.Event()

    def is_up(self):
        return True

    async def connect(self, host, port, tls):
        self.asked.set()
        raise OSError(111)


def uplink(tls):
    """An uplink and what it knows."""
    clock, network = Clock(), Network()
    options = UplinkOptions("cab-1", "127.0.0.1", tls=tls)
    return Uplink(network, clock, RamJournal(), options, dict, os.urandom), clock, network


def test_with_tls_nothing_is_connected_before_the_time_is_known():
    async def story():
        up, clock, network = uplink({"ca": b"x"})
        task = asyncio.create_task(up.run())
        while up.state_text != "no certificate can be checked: time unknown":
            await asyncio.sleep_ms(1)
        assert not network.asked.is_set()
        clock.known = 1
        await asyncio.wait_for(network.asked.wait(), 1800)
        task.cancel()

    asyncio.run(asyncio.wait_for(story(), 1800))


def test_without_tls_events_are_not_held_up_by_the_time():
    async def story():
        up, _, network = uplink(None)
        task = asyncio.create_task(up.run())
        await asyncio.wait_for(network.asked.wait(), 1800)
        task.cancel()

    asyncio.run(story())


class Waiting(Exception):
    """Ends the story: the uplink has begun to wait."""


def test_cabinets_that_start_together_connect_one_by_one():
    pauses = []

    async def sleep_ms(ms):
        pauses.append(ms)
        raise Waiting

    for dice, pause in ((b"\x00\x00", 0), (b"\x40\x00", 2500), (b"\xff\xff", 9999)):
        network = Network()
        options = UplinkOptions("cab-1", "127.0.0.1", spread_ms=10000)
        up = Uplink(network, Clock(), RamJournal(), options, dict, lambda count, dice=dice: dice)
        real, asyncio.sleep_ms = asyncio.sleep_ms, sleep_ms
        try:
            asyncio.run(up.run())
            raise AssertionError("connected without a pause")
        except Waiting:
            pass
        finally:
            asyncio.sleep_ms = real
        assert pauses.pop() == pause and not pauses and not network.asked.is_set()


def time_server():
    """A socket and its port; `serve` answers on it."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    while True:
        port = 20000 + int.from_bytes(os.urandom(2), "big") % 40000
        try:
            sock.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
            return sock, port
        except OSError:
            continue


async def serve(sock):
    """Tells NOW to everybody."""
    while True:
        await Readable(sock)
        data, where = sock.recvfrom(64)
        stamp = (NOW + 2208988800).to_bytes(4, "big") + bytes(4)
        sock.sendto(b"\x24\x01" + bytes(22) + data[40:48] + bytes(8) + stamp, where)


def test_the_application_asks_sets_its_clock_and_journals_it():
    sock, port = time_server()
    before = nucleo_app.SETTINGS
    nucleo_app.SETTINGS = dict(before, time={"servers": "127.0.0.1", "port": port})
    try:
        app, world = nucleo_app.start()
    finally:
        nucleo_app.SETTINGS = before
    assert app.clock.quality() == 0
    found = []

    def reported():
        while not found or found[-1].event.name != "time.set":
            record = app.journal.read(0, found[-1].sequence if found else 0)
            if record is None:
                return False
            found.append(record)
        return True

    async def both():
        server = asyncio.create_task(serve(sock))
        task = asyncio.create_task(app.run())
        while not reported() and not task.done():
            await asyncio.sleep_ms(5)
        server.cancel()
        task.cancel()

    asyncio.run(asyncio.wait_for(both(), 1800))
    sock.close()
    assert app.clock.quality() == 2
    assert found[-1].event.data() == {"after": NOW, "server": "127.0.0.1"}
    assert found[-1].quality == 2 and found[0].quality == 0  # the start is dated by it, see docs/events.md
