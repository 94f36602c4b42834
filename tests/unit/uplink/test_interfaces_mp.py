"""Which interface carries the uplink: by what came through it, not by its link light."""

import asyncio
import os

from unix_interface import UnixInterface

from cabinet.uplink.interfaces import Interfaces


class Clock:
    now_ms = 0

    def ticks_ms(self):
        return self.now_ms & 0x3FFFFFFF


class Stream:
    """Connected, and nobody says anything; or refused."""

    def __init__(self, refused):
        self.refused = refused
        self.closed = False

    async def readinto(self, buf):
        if self.refused:
            raise OSError(111)
        raise asyncio.TimeoutError  # as after a second of silence

    def close(self):
        """As MicroPython's: the socket stays open."""

    async def wait_closed(self):
        self.closed = True


class Net:
    def __init__(self, name):
        self.name = name
        self.up = True
        self.refused = False
        self.tried = 0
        self.streams = []

    def is_up(self):
        if self.up is None:
            raise OSError(2)  # it is gone altogether
        return self.up

    async def connect(self, host, port, tls):
        self.tried += 1
        self.streams.append(Stream(self.refused))
        return self.streams[-1], self.streams[-1]


class Uplink:
    connected = True

    class options:
        host = "broker"
        port = 1883

    def __init__(self):
        self.left = []

    def leave(self, reason):
        self.left.append(reason)
        self.connected = False


def three():
    clock = Clock()
    nets = [Net("eth"), Net("wifi"), Net("ppp")]
    return Interfaces(clock, nets, 30), nets, clock


def session(chosen, received):
    """One session; the interface it went by, and whether another is to be tried at once."""
    asyncio.run(chosen.connect("broker", 1883, None))
    return chosen.name, chosen.ended(received)


def test_the_first_that_is_up_is_preferred():
    chosen, nets, _ = three()
    assert session(chosen, True) == ("eth", False)
    nets[0].up = False
    assert session(chosen, True) == ("wifi", False)
    nets[1].up = False
    assert chosen.is_up() and session(chosen, True)[0] == "ppp"
    nets[2].up = False
    assert not chosen.is_up()
    nets[0].up = True
    assert session(chosen, True)[0] == "eth"


def test_one_that_is_up_but_mute_gives_way_to_the_next_at_once():
    chosen, nets, _ = three()
    assert session(chosen, False) == ("eth", True)
    assert session(chosen, False) == ("wifi", True)
    assert session(chosen, False) == ("ppp", False)  # all have failed: wait as usual
    assert session(chosen, False)[0] == "eth"  # whose failure lies back longest


def test_one_that_works_is_kept_although_a_better_one_has_been_left_alone_long_enough():
    chosen, nets, clock = three()
    session(chosen, False)
    assert session(chosen, True) == ("wifi", False)
    assert session(chosen, True) == ("wifi", False)
    clock.now_ms += 31_000
    assert session(chosen, True)[0] == "eth"


def test_who_fails_again_and_again_is_left_alone_for_longer():
    chosen, nets, clock = three()
    rests = []
    for _ in range(8):
        session(chosen, False)
        rests.append(chosen._rest_ms(0))
        clock.now_ms += chosen._rest_ms(0)
        for index in (1, 2):
            nets[index].up = False
    assert rests == [30000, 60000, 120000, 240000, 480000, 900000, 900000, 900000]


def test_the_uplink_goes_back_when_the_better_one_has_answered_three_times():
    chosen, nets, _ = three()
    session(chosen, False)
    asyncio.run(chosen.connect("broker", 1883, None))
    assert chosen.name == "wifi"
    uplink = Uplink()
    nets[0].refused = True

    async def story():
        task = asyncio.create_task(chosen.run(uplink))
        while nets[0].tried < 4:
            await asyncio.sleep_ms(5)
        nets[0].refused = False
        refused = nets[0].tried
        while not uplink.left:
            await asyncio.sleep_ms(5)
        task.cancel()
        return refused

    refused = asyncio.run(asyncio.wait_for(story(), 1800))
    assert uplink.left == ["back to eth"] and nets[0].tried >= refused + 2
    assert all([stream.closed for stream in nets[0].streams[1:]])
    assert session(chosen, True) == ("eth", False)


WEEK_MS = 7 * 86400000


def test_a_failure_is_forgotten_after_a_week():
    chosen, nets, clock = three()
    session(chosen, False)
    nets[0].up = False
    asyncio.run(chosen.connect("broker", 1883, None))  # wifi carries for a week, without eth
    clock.now_ms += WEEK_MS
    nets[0].up = True
    assert chosen._rest_ms(0) == 0
    assert chosen.ended(False) is True and session(chosen, True) == ("eth", False)


def test_one_that_carried_for_a_week_is_left_alone_as_after_a_first_failure():
    chosen, nets, clock = three()
    nets[1].up = nets[2].up = False
    session(chosen, False)
    asyncio.run(chosen.connect("broker", 1883, None))
    clock.now_ms += WEEK_MS
    chosen.ended(False)
    assert chosen._rest_ms(0) == 30000


def test_an_interface_that_is_gone_takes_no_other_with_it():
    chosen, nets, _ = three()
    nets[0].up = None
    assert chosen.is_up() and session(chosen, True) == ("wifi", False)
    uplink = Uplink()

    async def story():
        task = asyncio.create_task(chosen.run(uplink))
        await asyncio.sleep_ms(50)
        assert not uplink.left
        nets[0].up = True  # it is there again
        while not uplink.left:
            await asyncio.sleep_ms(5)
        task.cancel()

    asyncio.run(asyncio.wait_for(story(), 1800))
    for net in nets:
        net.up = None
    assert not chosen.is_up()


def test_a_modem_that_hung_up_is_down():
    modem = UnixInterface(Clock(), os.urandom, "127.0.0.1")
    assert modem.is_up()
    modem._is_address = False
    modem.name = "ppp-that-is-gone"
    assert modem.is_up() is False
