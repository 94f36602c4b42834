# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
"""When Python itself fails: the loop hangs, the control task crashes, memory runs out, flash is full. What the plant then sees.

One run, one failure, in a cabinet whose packs are being charged; everything but the flash runs on afterwards as it can.
"""

import json

from cabinet.core import events
from cabinet.store.journal import JournalFull
from virtual.sim import Finished, Sim, prepare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STRIKE_US = 16_000_000
LOOK_US = 10_000
WEDGE_US = 60_000_000
TOO_MUCH = 1 << 40  # bytes


class Failure:
    """One run."""

    def __init__(self, words: dict) -> None:
        self.words = words
        settings = json.loads(read(words["settings"]))
        settings["control"]["budget_w"] = 20000
        self.sim = sim = Sim(words["seed"], json.dumps(settings).encode(), read(words["secrets"]), 1.0)
        self.seen: "dict[str, Any]" = dict.fromkeys(("heartbeat_ms", "current_ms", "restart_ms", "charging_again_ms"))
        self.seen["charging_a"], self.seen["cause"] = 0.0, ""
        self.struck = False
        self.ended = ""
        for slot in sim.world.slots[:-1]:
            if slot.pack is None:
                slot.pack = sim.world.fleet.make("genuine", 0.5, 25.0)
                slot.seated_for = 10.0
            slot.pack.soc = 0.4
        sim.judge.expected_deaths = 1
        if words["kind"] == "flash_full":
            sim.broker.set_mode("gone")

    def run(self) -> dict:
        """What was seen, in ms after the failure."""
        sim = self.sim
        sim.time.at(STRIKE_US, self._strike)
        sim.time.at(STRIKE_US + self.words["seconds"] * 1_000_000, self._end)
        gave_up = sim.judge.gave_up

        def giving_up(failed: str) -> None:
            self.ended = failed
            gave_up(failed)

        sim.judge.gave_up = giving_up
        sim.run(1.0)
        with open(self.words["image"], "wb") as image:
            for area in ("journal-a", "journal-b"):
                image.write(sim.flash[area].cells)
        return dict(self.seen, ok=sim.judge.violation is None, violation=sim.judge.violation, boots=sim.boots, ended=self.ended,
                    types=sim.judge.types, story=sim.story[-40:])

    def _end(self, _: "Any") -> None:
        raise Finished()

    def _current_a(self) -> float:
        return sum(slot.charger.out_a for slot in self.sim.world.slots)

    def _look(self, _: "Any") -> None:
        sim = self.sim
        sim.time.after(LOOK_US, self._look)
        seen = self.seen
        ms = (sim.time.now_us - STRIKE_US) // 1000
        if seen["heartbeat_ms"] is None and (sim.board is None or not sim.board.the_heartbeat.holds()):
            seen["heartbeat_ms"] = ms
        if seen["current_ms"] is None and self._current_a() == 0:
            seen["current_ms"] = ms
        if seen["restart_ms"] is None and sim.boots > 1:
            seen["restart_ms"] = ms
            seen["cause"] = sim.board.reset_cause() if sim.board is not None else sim.cause
        if seen["restart_ms"] is not None and seen["charging_again_ms"] is None and self._current_a() > 0:
            seen["charging_again_ms"] = ms

    def _strike(self, _: "Any") -> None:
        sim = self.sim
        self.seen["charging_a"] = self._current_a()
        sim.time.after(LOOK_US, self._look)
        app: "Any" = sim.app
        control = app.control
        kind = self.words["kind"]
        step = control.step

        def wedged(now_ms: int) -> None:
            control.step = step
            sim.time.pass_until(sim.time.now_us + WEDGE_US)

        def crashing(now_ms: int) -> None:
            raise ValueError("injected")

        def hungry(now_ms: int) -> None:
            step(now_ms)
            bytearray(TOO_MUCH)

        if kind == "flash_full":
            self._fill(sim.app)
        elif kind == "hot":  # nothing of Python fails: a pack on each bus becomes too warm
            for slot in (sim.world.slots[0], sim.world.slots[-2]):
                pack: "Any" = slot.pack
                pack.temp_c = 48.0
                pack.step(0.0, pack.current_a, sim.world.ambient_c)
        else:
            control.step = {"wedge": wedged, "crash": crashing, "memory": hungry}[kind]

    def _fill(self, app: "Any") -> None:
        """Nobody acknowledges anything, and ring A is full to the last byte that ordinary events may have."""
        sim = self.sim
        for flash in sim.flash.values():
            flash.on_operation = None  # it takes no time
        journal = app.journal
        ring = journal.rings[0]
        while True:
            try:
                # past the judge, who would remember each; he is told the last one
                type(journal)._store(journal, ring, events.make("door.closed", 1 + ring.sequence % 12, "FILL"), False)
            except JournalFull:
                if not journal.idle():
                    break
        sim.judge.heads[0] = ring.sequence
        for flash in sim.flash.values():
            flash.on_operation = sim.flash_operation
        app.loop.note(events.make("door.closed", 1))  # the first event that finds no room
        sim.time.after(20_000_000, self._cycle)

    def _cycle(self, _: "Any") -> None:
        """Somebody takes the power away and gives it back; later the broker is there again."""
        self.sim.time.after(20_000_000, self._broker)
        self.sim.cut_power(500_000)

    def _broker(self, _: "Any") -> None:
        self.seen["charging_before_room"] = self._current_a()
        self.sim.broker.set_mode("reset")


def read(path: str) -> bytes:
    """A file's bytes."""
    with open(path, "rb") as file:
        return file.read()


def main(words: dict) -> dict:
    """`{"seed": 1, "kind": "wedge", "seconds": 40, "image": "/tmp/x.bin"}`"""
    prepare()
    return Failure(words).run()
