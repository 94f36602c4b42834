"""The console takes no more than its port has room for, and is silent when nobody asks."""

import json

from cabinet.runtime import console
from cabinet.runtime.console import SHOWN_MS, STUCK_TURNS, TURN_MS, Console


class Ended(Exception):
    """The end of the time of a test."""


class Profiler:
    """Its clock is not of interest here."""

    def start(self) -> int:
        return 0

    def stop(self, kind: int, began: int) -> None:
        pass


class World:
    """Clock, sleep, views and port at once. The port takes `room` bytes a turn, or nothing while the host does not read."""

    always = False

    def __init__(self, slots: int = 3, room: int = 22) -> None:
        self.now_ms = 0
        self.until_ms = 0
        self.room = room
        self.reads = True
        self.came = False
        self.got = b""
        self.most = 0
        self.turns_held = 0
        self.published = []
        self.words = "full"
        self.console = Console(self, Profiler(), self, slots, self, self.publish)
        self.task = None

    def ticks_ms(self) -> int:
        return self.now_ms

    async def sleep_ms(self, ms: int) -> None:
        self.now_ms += ms
        if self.now_ms >= self.until_ms:
            raise Ended

    def slot(self, number: int) -> dict:
        return {"slot": number, "why": self.words, "faults": [], "pack_mv": 54117}

    def cabinet(self) -> dict:
        return {"t": "cabinet"}

    def stats(self) -> dict:
        return {"t": "stats", "slice_us": dict.fromkeys(("a", "b", "c"), 1)}

    def publish(self, number: int, view: dict) -> None:
        self.published.append(number)

    def asked(self) -> bool:
        came, self.came = self.came, False
        return came

    def write(self, data: memoryview) -> int:
        if not self.reads:
            self.turns_held += 1
            return 0
        done = min(self.room, len(data))
        self.got += bytes(data[:done])
        self.most = max(self.most, done)
        return done

    def run(self, ms: int) -> "list[dict]":
        """The lines of so many milliseconds; what is under way at their end is cut off."""
        self.got = b""
        self.until_ms = self.now_ms + ms
        kept = console.asyncio
        console.asyncio = self
        try:
            self.console.run().send(None)
        except Ended:
            pass
        finally:
            console.asyncio = kept
        return [json.loads(line) for line in self.got.split(b"\r\n")[:-1]]


def test_every_slot_the_cabinet_and_the_counters_have_their_lines() -> None:
    lines = World().run(5_000)
    assert {line.get("slot") for line in lines} == {1, 2, 3, None}
    assert {line["t"] for line in lines} == {"slot", "cabinet", "stats"}


def test_a_line_is_written_in_as_many_turns_as_the_port_needs() -> None:
    world = World(room=5)
    assert world.run(5_000) and world.most == 5


def test_a_host_that_reads_nothing_holds_nobody_and_the_slots_are_published_all_the_same() -> None:
    world = World()
    world.reads = False
    assert world.run(30_000) == []
    assert world.turns_held <= STUCK_TURNS + 2
    assert len(world.published) > 30


def test_it_is_silent_after_a_minute_and_speaks_again_when_asked() -> None:
    world = World()
    world.run(SHOWN_MS + 5_000)
    assert world.run(10_000) == []
    world.came = True
    assert world.run(10_000)
    world.reads = False
    world.run(STUCK_TURNS * TURN_MS + 5_000)
    world.reads = True
    assert world.run(5_000) == []
    world.came = True
    assert world.run(5_000)


def test_a_line_that_is_too_long_is_named_in_its_place() -> None:
    world = World(room=64)
    world.words = "x" * console.LINE_BYTES
    lines = world.run(5_000)
    assert any("longer than" in line.get("text", "") for line in lines)


def test_text_that_is_not_ascii_arrives_whole() -> None:
    world = World(room=64)
    world.words = "gestört"
    assert any(line.get("why") == "gestört" for line in world.run(5_000))
