# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
"""Reaction times: from the last byte of the frame that carries a fault to the first bit of the charger's stop frame.

Every round starts a fresh cabinet with packs to charge, waits until they are charged, puts one kind of trouble into the plant and
watches the wires. A round counts one trial for each slot whose charger was on.
"""

import json
import sys

from cabinet.core import rules
from plant.rng import Rng
from virtual.sim import Finished, Sim, prepare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

WARM_US = 16_000_000  # until the packs are proven and charged
WATCH_US = 9_000_000
SPREAD_US = 1_000_000
INTERNAL = 1 << 11


def _temp(celsius: float) -> "Any":
    def apply(world: "Any", slot: "Any") -> None:
        slot.pack.temp_c = celsius
        slot.pack.step(0.0, slot.pack.current_a, world.ambient_c)

    return apply


def _cell(lfp_mv: int, nmc_mv: int) -> "Any":
    def apply(world: "Any", slot: "Any") -> None:
        pack = slot.pack
        pack.offsets_mv[0] += (lfp_mv if pack.cell_type == 1 else nmc_mv) - max(pack.cell_mv())
        pack._cells_at = -1

    return apply


def _internal(world: "Any", slot: "Any") -> None:
    slot.pack.alarms |= INTERNAL


def _lie(world: "Any", slot: "Any") -> None:
    slot.pack.lying = True


def _dead(world: "Any", slot: "Any") -> None:
    slot.pack.bms_dead = True


def _charger(name: str) -> "Any":
    def apply(world: "Any", slot: "Any") -> None:
        setattr(slot.charger, name, True)

    return apply


def _door(world: "Any", slot: "Any") -> None:
    slot.since_pulse = 0.0
    slot.door_closed = slot.locked = False


def _latch(world: "Any", slot: "Any") -> None:
    slot.locked = False


def _switch(world: "Any", slot: "Any") -> None:
    slot.presence_stuck = False


def _danger(name: str) -> "Any":
    def apply(world: "Any", slot: "Any") -> None:
        world.set_danger(name, True)

    return apply


# what a pack's frames say, from either bus: (highest temperature, lowest, highest cell, alarms, cells disagree)
def _above(index: int, limit: int) -> "Any":
    return lambda said: said[index] is not None and said[index] >= limit


def _cell_above(lfp_mv: int, nmc_mv: int) -> "Any":
    return lambda said: said[2] is not None and said[2] >= (lfp_mv if said[4] == 1 else nmc_mv)


# name: (rule or condition, delay that the rule itself has in ms, apply, where it shows, how)
# where: "pack", "io" (byte, mask, wanted when good), "charger" (mask), "silence" (of pack or charger)
def _debounce(rule: str) -> int:
    return rules.debounce_ms(rules.index_of(rule))


TRIALS = (
    ("emergency_stop", _debounce("emergency_stop"), _danger("emergency_stop"), "danger", 2),
    ("smoke", _debounce("smoke"), _danger("smoke"), "danger", 0),
    ("water", _debounce("water"), _danger("water"), "danger", 1),
    ("tilt", _debounce("tilt"), _danger("tilt"), "danger", 3),
    ("gas", _debounce("gas"), _danger("gas"), "danger", 4),
    ("ground_fault", _debounce("ground_fault"), _danger("ground_fault"), "danger", 5),
    ("mains_lost", _debounce("mains_lost"), _danger("mains_lost"), "danger", 7),
    ("door open", 0, _door, "door", 3),
    ("not locked", 0, _latch, "door", 4),
    ("pack switch open", 0, _switch, "door", 5),
    ("temp_high", _debounce("temp_high"), _temp(46.5), "pack", _above(0, 450)),
    ("temp_hot (the pack refuses)", 0, _temp(63.0), "pack", _above(3, 0x10)),
    ("cell_ov", _debounce("cell_ov"), _cell(3720, 4245), "pack", _cell_above(3650, 4230)),
    ("cell_ov_hard", _debounce("cell_ov_hard"), _cell(3990, 4330), "pack", _cell_above(3800, 4250)),
    ("alarm_fault (the pack refuses)", 0, _internal, "pack", _above(3, INTERNAL)),
    ("charger_fault", _debounce("charger_fault"), _charger("broken"), "charger", 1),
    ("pack_stale", 3000, _dead, "pack silent", None),
    ("charger_stale", 3500, _charger("silent"), "charger silent", None),
)


class Reaction:
    """One process's share of the trials."""

    def __init__(self, words: dict) -> None:
        self.words = words
        self.rng = Rng(words["seed"] + 99)
        self.rows = {}
        self.died = []

    def run(self) -> dict:
        """{name: [trials, largest us, sum us, missed, delay ms, bus]}"""
        for round_number in range(self.words["rounds"]):
            for index, trial in enumerate(TRIALS):
                if trial[3] != "pack" or not self.words.get("quick") or round_number == 0:
                    Round(self, trial, self.words["seed"] * 1000 + round_number * 50 + index).run()
        return self.rows

    def count(self, name: str, bus: str, delay_ms: int, taken_us: "int | None") -> None:
        """One trial."""
        row = self.rows.setdefault(name + "|" + bus, [0, 0, 0, 0, delay_ms])
        if taken_us is None:
            row[3] += 1
            return
        row[0] += 1
        row[1] = max(row[1], taken_us)
        row[2] += taken_us


class Round:
    """A fresh cabinet, one trouble."""

    def __init__(self, owner: Reaction, trial: tuple, seed: int) -> None:
        words = owner.words
        self.owner = owner
        self.trial = trial
        settings = json.loads(read(words["settings"]))
        settings["control"]["budget_w"] = 20000
        self.sim = Sim(seed, json.dumps(settings).encode(), read(words["secrets"]))
        self.sim.patch = self._attach
        self.seen = {}  # slot: instant of the frame
        self.done = {}
        self.watching = set()
        self.applied = False
        world = self.sim.world
        for slot in world.slots:
            if slot.pack is None:
                slot.pack = world.fleet.make("genuine", 0.5, 25.0)
                slot.seated_for = 10.0
            slot.pack.soc = 0.3 + 0.2 * owner.rng.unit()
            slot.pack.temp_c = 25.0
            slot.pack.step(0.0, 0.0, 25.0)

    def run(self) -> None:
        """From start to verdict."""
        sim = self.sim
        at = WARM_US + self.owner.rng.below(SPREAD_US)
        sim.time.at(at, self._strike)
        sim.time.at(at + WATCH_US, self._end)
        sim.judge.violate = lambda name, slot, detail: None  # a cabinet that is hurt on purpose; only times count here
        sim.judge.gave_up = self.owner.died.append
        sim.run(1.0)
        name, delay_ms = self.trial[0], self.trial[1]
        for slot in sorted(self.watching):
            bus = self._bus(slot)
            first = self.seen.get(slot)
            last = self.done.get(slot)
            taken = None if first is None or last is None or last < first else last - first
            self.owner.count(name, bus, delay_ms, taken)

    def _bus(self, slot: int) -> str:
        if self.trial[3] in ("danger", "door"):
            return "slot board"
        if self.trial[3][:7] == "charger":
            return "charger"
        return "pack on RS485" if slot <= self.sim.world.modbus_slots else "pack on CAN"

    def _strike(self, _: "Any") -> None:
        sim = self.sim
        self.watching = set(index + 1 for index, on in enumerate(sim.judge.wire_on) if on)
        self.applied = True
        where = self.trial[3]
        for number in self.watching:
            if where == "danger" or where == "door" or where[:7] == "charger":
                self._apply(number)
            else:
                sim.time.after(self.owner.rng.below(SPREAD_US), self._apply, number)

    def _apply(self, number: int) -> None:
        self.trial[2](self.sim.world, self.sim.world.slots[number - 1])

    def _end(self, _: "Any") -> None:
        raise Finished()

    # ---- wires ----

    def _attach(self, app: "Any") -> None:
        sim = self.sim
        judged = sim.io_line.on_answer, sim.packs_line.on_answer, sim.can.on_send

        def io(request: bytes, frame: bytes, last_us: int) -> None:
            judged[0](request, frame, last_us)
            self._io(frame, last_us)

        def packs(request: bytes, frame: bytes, last_us: int) -> None:
            self._pack_frame(frame, last_us)

        def sent(can_id: int, data: bytes, start_us: int) -> None:
            judged[2](can_id, data, start_us)
            if can_id & 0xFFFF00FF == 0x180600F4 and data[4]:
                slot = (can_id >> 8 & 0xFF) - 0xA0
                if self.applied and slot in self.seen and slot not in self.done:
                    self.done[slot] = start_us

        sim.io_line.on_answer = io
        sim.packs_line.on_answer = packs
        sim.can.on_send = sent
        sim.can.on_arrive = self._can_frame

    def _show(self, slot: int, instant_us: int) -> None:
        if self.applied and slot in self.watching and slot not in self.seen:
            if self.sim.judge.wire_on[slot - 1]:
                self.seen[slot] = instant_us
            else:
                self.watching.remove(slot)  # another frame of the same trouble was faster

    def _io(self, frame: bytes, last_us: int) -> None:
        where, byte = self.trial[3], self.trial[4]
        if frame[1] != 2 or len(frame) != 9:
            return
        if where == "danger":
            if frame[0] == 1 and frame[6] >> byte & 1:
                for slot in self.watching:
                    self._show(slot, last_us)
        elif where == "door":
            for bit in range(8):
                if not frame[byte] >> bit & 1:
                    self._show((frame[0] - 1) * 8 + bit + 1, last_us)

    def _pack_said(self, slot: int, said: tuple, last_us: int) -> None:
        if self.trial[3] == "pack":
            pack = self.sim.world.slots[slot - 1].pack
            if pack is not None and self.trial[4](said + (pack.cell_type,)):
                self._show(slot, last_us)
        elif self.trial[3] == "pack silent" and slot not in self.done:
            self.seen[slot] = last_us  # the last one counts

    def _pack_frame(self, frame: bytes, last_us: int) -> None:
        if len(frame) == 47 and frame[1] == 3:
            temps = frame[31] << 8 | frame[32], frame[29] << 8 | frame[30]
            alarms = frame[7] << 24 | frame[8] << 16 | frame[9] << 8 | frame[10]
            self._pack_said(frame[0], (temps[0], temps[1], frame[25] << 8 | frame[26], alarms), last_us)

    def _can_frame(self, can_id: int, data: bytes, last_us: int) -> None:
        if can_id & 0xFFFFFF00 == 0x18FF5000:
            slot = (can_id & 0xFF) - 0xA0
            if self.trial[3] == "charger" and data[4] & self.trial[4]:
                self._show(slot, last_us)
            elif self.trial[3] == "charger silent" and slot not in self.done:
                self.seen[slot] = last_us
            return
        kind = can_id >> 8 & 0xFFFF
        slot = can_id & 0xFF
        if kind == 0xFF10 and self.trial[3] == "pack silent":
            self._pack_said(slot, (), last_us)
        elif self.trial[3] == "pack":
            if kind == 0xFF12:
                self._pack_said(slot, (None, None, data[2] | data[3] << 8, None), last_us)
            elif kind == 0xFF13:
                self._pack_said(slot, (data[2] | data[3] << 8, data[0] | data[1] << 8, None, None), last_us)
            elif kind == 0xFF14:
                alarms = data[0] | data[1] << 8 | data[2] << 16 | data[3] << 24
                self._pack_said(slot, (None, None, None, alarms), last_us)


def read(path: str) -> bytes:
    """A file's bytes."""
    with open(path, "rb") as file:
        return file.read()


def main(words: dict) -> dict:
    """`{"seed": 1, "rounds": 3, ...}`"""
    prepare()
    reaction = Reaction(words)
    rows = reaction.run()
    return {"ok": not reaction.died, "rows": rows, "violation": {"detail": "the firmware died: %s" % reaction.died[:3]}}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
