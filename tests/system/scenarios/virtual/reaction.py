# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
"""Reaction times: from the last byte of the frame that carries a fault to the first bit of the charger's stop frame.

A cabinet with a pack in each slot is started and charges. Then one kind of trouble is written into the frames on the wire, whatever
the plant itself thinks (reaction_table.py). Each slot whose charger was on counts as one trial. Where the system can copy a process,
each trouble gets a copy of the cabinet as it charges; MicroPython starts a fresh one for each, with the same result.
"""

import gc
import json
import os

from cabinet.core import rules, ticks
from cabinet.core.events import EVENTS
from cabinet.runtime import control_loop
from plant.rng import Rng
from virtual import reaction_table
from virtual import sim as sims
from virtual.reaction_wires import Wires

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

WARM_US = 16_000_000  # until the packs are proven and charged
SPREAD_US = 1_000_000
SETTLE_US = 2_500_000
OFF_US = 5_000_000
MARGIN_US = 3_500_000  # watched for so long beyond the delay that is asked for
REST_MS, RESTED_US = 1_801_000, 200_000  # half an hour, and two control rounds that take notice
NPB = 4
RAISED = [code for code in EVENTS if EVENTS[code][0] == "fault.raised"][0]
LONG_MS, LONG_EVERY = 8000, 4  # what takes longer is tried in one round of so many
AT_REST, AT_CHARGE_STEP = 6, 9  # instants in quantities.py; a test holds them against it
CHARGE_LONG_MS = 1000 * rules.level(rules.index_of("charge_long"), 0)


def table(npb: bool) -> tuple:
    """The rows for a cabinet of this kind."""
    return reaction_table.NPB_ROWS if npb else reaction_table.ROWS


class Round:
    """A fresh cabinet."""

    def __init__(self, words: dict, seed: int) -> None:
        self.npb = bool(words.get("npb"))
        settings = json.loads(read(words["settings"]))
        settings["control"]["budget_w"] = 20000
        if self.npb:
            sims.World = _with_npb
        self.sim = sims.Sim(seed, json.dumps(settings).encode(), read(words["secrets"]), 1.0)
        self.sim.patch = self._attach
        self.wires = Wires(self.sim, self._show, self._told)
        self.seed = seed
        self.on = set()  # slots whose charger is told to give
        self.seen = {}  # slot: instant of the frame
        self.done = {}
        self.acted = {}
        self.watching = set()
        self.carrier = {}  # slot: whose frame it is that counts for it
        self.stands = -1
        self.died = []
        self.copy = 0  # where a copy of the process writes what came of its trial
        world = self.sim.world
        rng = Rng(seed + 99)
        for slot in world.slots:
            if slot.pack is None:
                slot.pack = world.fleet.make("genuine", 0.5, 25.0)
                slot.seated_for = 10.0
            slot.pack.soc = 0.3 + 0.2 * rng.unit()
            slot.pack.temp_c = 25.0
            slot.pack.step(0.0, 0.0, 25.0)

    @property
    def app(self) -> "Any":
        """The firmware that runs."""
        return self.sim.app

    def run(self, ready: "Any") -> None:
        """Until the packs are charged; then `ready(self)`, which calls `strike` or raises Finished."""
        sim = self.sim
        sim.time.at(WARM_US, lambda _: ready(self))
        sim.judge.violate = lambda name, slot, detail: None  # a cabinet that is hurt on purpose; only times count here
        sim.judge.gave_up = self.died.append
        sim.run(1.0)

    def strike(self, row: tuple, number: int) -> None:
        """One trial of this row begins."""
        self.name, self.delay_ms, self.wires.where, self.wires.what = row
        sim, what = self.sim, row[3]
        self.rng = Rng(self.seed * 7919 + number)
        sim.wire_rng.__init__(self.seed * 104729 + number)
        if "stands" in what:
            self.stands = rules.index_of(what["stands"])
        before_us = OFF_US if "off" in what else 0
        if before_us:
            for slot in range(1, len(sim.world.slots) + 1):
                self.app.control.command("disable", slot, self.app.clock.ticks_ms())
        sim.time.after(before_us + self.rng.below(SPREAD_US), self._strike)
        over_us = (self.delay_ms + what.get("wait", 0)) * 1000 + MARGIN_US
        sim.time.after(before_us + 2 * SPREAD_US + SETTLE_US + over_us, self._end)

    def rows(self) -> list:
        """[bus, us or None, what acted] of each slot that was watched."""
        rows = []
        for slot in sorted(self.watching):
            first, last = self.seen.get(slot), self.done.get(slot)
            taken = None if first is None or last is None or last < first else last - first
            rows.append([self._bus(self.carrier.get(slot, slot)), taken, self.acted.get(slot, "")])
        return rows

    def _bus(self, slot: int) -> str:
        where = self.wires.where
        if where[:3] == "npb":
            return "NPB charger on CAN"
        if where[:7] == "charger":
            return "charger on CAN"
        if where == "time charged":
            return "the controller's clock"
        if where == "mains":
            return "slot board's answer"
        if where[:4] == "pack" or where in ("identity", "judged anew"):
            return "pack on RS485" if slot <= self.sim.world.modbus_slots else "pack on CAN"
        if self.npb:
            return "slot board on RS485, NPB"
        return "slot board on RS485"

    # ---- what is done

    def _strike(self, _: "Any") -> None:
        what, where = self.wires.what, self.wires.where
        count = len(self.sim.world.slots)
        usable = range(1, count + 1) if "off" in what else sorted(self.on)
        if self.npb:
            usable = [slot for slot in usable if slot <= NPB]
        every = what.get("every", 1)
        struck = [slot for slot in usable if slot % every == every - 1]
        if "one" in what:
            struck = [usable[self.rng.below(len(usable))]]
        if "all" in what:
            self.carrier = {slot: struck[0] for slot in usable}
        together = where in ("danger", "cabinet", "mains") or "together" in what or "one" in what
        if where == "board silent":
            first = (what["board"] - 1) * 8
            self.watching = {slot for slot in usable if what["board"] == 1 or first < slot <= first + 8}
            struck = [what["board"]]
        elif where in ("danger", "cabinet", "mains") or "all" in what:
            self.watching = set(usable)
        elif "near" in what or "far" in what:
            self._choose_others(usable, struck, "near" in what)
        else:
            self.watching = set(struck)
        if self.stands >= 0 and rules.scope(self.stands) == rules.CABINET:
            self.watching = {0}
        for number in struck:
            self.sim.time.after(0 if together else self.rng.below(SPREAD_US), self._prepare, number)

    def _choose_others(self, usable: "Any", struck: list, near: bool) -> None:
        for slot in usable:
            beside = [other for other in struck if abs(other - slot) == 1]
            if slot not in struck and bool(beside) == near:
                self.watching.add(slot)
                self.carrier[slot] = (beside or struck)[0]

    def _prepare(self, number: int) -> None:
        self.wires.prepared.add(number)
        if self.wires.where == "judged anew":
            self.wires.opened.add(number)
            self.sim.time.after(reaction_table.OPEN_MS * 1000, self._apply, number)
        elif "before" in self.wires.what:
            self.sim.time.after(SETTLE_US, self._rest, number)
        else:
            self._apply(number)

    def _rest(self, number: int) -> None:
        measures = self.app.control.slots[number - 1].measures
        measures.instants[AT_REST] = ticks.add(self.app.clock.ticks_ms(), -REST_MS)
        self.sim.time.after(RESTED_US, self._apply, number)

    def _apply(self, number: int) -> None:
        sim, where, what = self.sim, self.wires.where, self.wires.what
        self.wires.struck.add(number)
        if where == "board silent":
            for other in self.watching:
                self.seen[other] = self.wires.last["board", number]
            return
        slot: "Any" = sim.world.slots[number - 1]
        measures = self.app.control.slots[number - 1].measures
        if where == "pack silent":
            slot.pack.bms_dead = True
            self.seen[number] = self.wires.last["pack", number]
        elif where in ("charger silent", "npb silent"):
            slot.charger.silent = True
            self.seen[number] = self.wires.last["charger", number]
        elif where == "time charged":
            now_ms = self.app.clock.ticks_ms()
            due_ms = 1000 + self.rng.below(1000)
            measures.charged_ms = CHARGE_LONG_MS - due_ms - ticks.diff(now_ms, measures.instants[AT_CHARGE_STEP])
            self.seen[number] = sim.time.now_us + (due_ms - 1) * 1000  # its clock counts whole milliseconds
        elif where == "judged anew":
            self.wires.opened.discard(number)
        if "mark" in what:
            self.app.control.quarantined_serials.append(slot.pack.serial)
        if "pack" in what:
            what["pack"](slot, sim.world)

    def _end(self, _: "Any") -> None:
        raise sims.Finished()

    # ---- what is seen

    def _attach(self, app: "Any") -> None:
        self.wires.attach(app)
        control = app.control
        inner = control.step

        def stepping(now_ms: int) -> None:
            inner(now_ms)
            if self.stands >= 0:
                self._look_for(control)

        control.step = stepping

    def _look_for(self, control: "Any") -> None:
        name = rules.IDS[self.stands]
        if self.wires.what.get("frame") == "":
            for slot in self.wires.struck:
                if control.slots[slot - 1].state_name == "checking":
                    self._show(slot, self.sim.time.now_us, False)
        for event in control.events:
            if event.code == RAISED and event.values[0] == name:
                self._finish(event.slot, self.sim.time.now_us, name)

    def _show(self, slot: int, instant_us: int, again: bool) -> None:
        watched = [other for other in self.watching if self.carrier.get(other) == slot] if self.carrier else [slot]
        for number in watched:
            if number not in self.watching or number in self.done or (number in self.seen and not again):
                continue
            if self.stands >= 0 or number in self.on:
                self.seen[number] = instant_us
            elif not again:
                self.watching.remove(number)  # something else of the same trouble was faster

    def _told(self, slot: int, on: "Any", start_us: int) -> None:
        if on:
            self.on.add(slot)
            return
        self.on.discard(slot)
        if self.stands < 0 and self.seen.get(slot, start_us + 1) <= start_us:
            why = self.app.control.slots[slot - 1].why_code
            self._finish(slot, start_us, "driver" if why == "charging" else why)

    def _finish(self, slot: int, instant_us: int, why: str) -> None:
        if slot in self.watching and slot in self.seen and slot not in self.done:
            self.done[slot] = instant_us
            self.acted[slot] = why
            if len(self.done) >= len(self.watching):
                self.sim.time.after(0, self._end)


def _with_npb(slots: int, seed: int, speed: float) -> "Any":
    from plant.cabinet_world import World

    return World(slots, seed, speed, npb=NPB)


class Share:
    """What one process tries."""

    def __init__(self, words: dict) -> None:
        self.words = words
        only = words.get("only")
        self.wanted = [row for row in table(bool(words.get("npb"))) if not only or row[0] in only]
        self.rows = {}
        self.died = []

    def run(self) -> dict:
        """{name|bus|whether until it stands: [delay ms, missed, {what acted: how often}, {ms: how often}, largest us, sum us]}"""
        words = self.words
        if getattr(os, "fork", None) and not words.get("fresh"):
            round_ = Round(words, words["seed"])
            round_.run(self._copies)
            if round_.copy:
                os.write(round_.copy, json.dumps({"died": round_.died, "rows": round_.rows()}).encode())
                os._exit(0)
        else:
            for number, row in enumerate(self._turns()):
                self._fresh(row, number)
        return self.rows

    def _turns(self) -> list:
        """The rows in the order in which they are tried."""
        turns = []
        for number in range(self.words["rounds"]):
            turns += [row for row in self.wanted if number % LONG_EVERY == 0 or row[1] + row[3].get("wait", 0) < LONG_MS]
        return turns

    def _fresh(self, row: tuple, number: int) -> None:
        gc.collect()  # the cabinet before
        round_ = Round(self.words, self.words["seed"])
        round_.run(lambda r: r.strike(row, number))
        self.died += round_.died
        self.count(row, round_.rows())

    def _copies(self, round_: Round) -> None:
        """Called while the cabinet charges: each trial in a copy of this process."""
        for number, row in enumerate(self._turns()):
            out_of, into = os.pipe()
            child = os.fork()
            if not child:
                os.close(out_of)
                round_.copy = into
                round_.strike(row, number)
                return
            os.close(into)
            with os.fdopen(out_of) as text:
                reported = json.loads(text.read() or '{"died": ["a copy ended early"], "rows": []}')
            os.waitpid(child, 0)
            self.died += reported["died"]
            self.count(row, reported["rows"])
        raise sims.Finished()

    def count(self, row: tuple, rows: list) -> None:
        """The slots of one trial."""
        name, delay_ms = row[:2]
        for bus, taken_us, acted in rows:
            kept = self.rows.setdefault("%s|%s|%d" % (name, bus, "stands" in row[3]), [delay_ms, 0, {}, {}, 0, 0])
            if taken_us is None:
                kept[1] += 1
                continue
            kept[2][acted] = kept[2].get(acted, 0) + 1
            ms = str((taken_us + 500) // 1000)
            kept[3][ms] = kept[3].get(ms, 0) + 1
            kept[4] = max(kept[4], taken_us)
            kept[5] += taken_us


def read(path: str) -> bytes:
    """A file's bytes."""
    with open(path, "rb") as file:
        return file.read()


def main(words: dict) -> dict:
    """`{"seed": 1, "rounds": 3, ...}`; "npb": 1 for a cabinet with NPB chargers, "only": names, "fresh": 1 for no copies,
    "period_ms": for a control loop that is too slow."""
    sims.prepare()
    if words.get("period_ms"):
        control_loop.PERIOD_MS = words["period_ms"]
    share = Share(words)
    rows = share.run()
    return {"ok": not share.died, "rows": rows, "violation": {"detail": "the firmware died: %s" % share.died[:3]}}
