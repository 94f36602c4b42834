# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
"""Reaction times: from the last byte of the frame that carries a fault to the first bit of the charger's stop frame.

Every round starts a fresh cabinet with packs to charge, waits until they are charged, and then writes one kind of trouble into
the frames on the wire, whatever the plant itself thinks. A round counts one trial for each slot whose charger was on.
"""

import json
import struct

from cabinet.core import rules
from cabinet.core.options import Options
from plant.frames import sealed
from plant.rng import Rng
from virtual.sim import Finished, Sim, prepare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

WARM_US = 16_000_000  # until the packs are proven and charged
SPREAD_US = 1_000_000
FROZEN_MS = 1000  # until a driver believes that a BMS repeats itself
MARGIN_US = 3_500_000  # watched for so long beyond the delay that is asked for

# value of a pack: (first register of the status block, registers, factor; kind of CAN frame, position, format, divisor)
FIELDS = {
    "alarms": (2, 2, 1, 4, 0, "<I", 1),
    "pack_mv": (4, 2, 1, 0, 2, "<H", 10),
    "current_ma": (6, 2, 1, 0, 4, "<h", 10),
    "soh_pct": (9, 1, 10, 0, 7, "<B", 1),
    "cell_min": (10, 1, 1, 2, 0, "<H", 1),
    "cell_max": (11, 1, 1, 2, 2, "<H", 1),
    "temp_min": (13, 1, 1, 3, 0, "<h", 1),
    "temp_max": (14, 1, 1, 3, 2, "<h", 1),
    "charge_ma": (16, 1, 0.1, 1, 0, "<H", 10),
}


def _delay(rule: str) -> int:
    return rules.debounce_ms(rules.index_of(rule))


def _sum_mv(pack: "Any") -> int:
    status = pack.status()
    return pack.cells * status.cell_max + 2500


def _late_rise(pack: "Any") -> int:
    return pack.status().temp_max + 60


def _over_neighbours(pack: "Any") -> int:
    return pack.status().temp_max + 38


_OPTIONS = Options()
# name (a rule, or in brackets a condition of the interlock that needs no rule), delay that is asked for in ms, where, what.
# A pair of values: for LFP and for NMC. "every": only each so-many-th slot has the trouble,
# all of them at once if "together"; "near": its neighbours are watched.
TRIALS = (
    ("cell_ov_hard", _delay("cell_ov_hard"), "pack", {"cell_max": (3850, 4300)}),
    ("cell_ov", _delay("cell_ov"), "pack", {"cell_max": (3660, 4235)}),
    ("cell_deep", _delay("cell_deep"), "pack", {"cell_min": 1990}),
    ("class_high", _delay("class_high"), "pack", {"pack_mv": 60500}),
    ("class_low", _delay("class_low"), "pack", {"pack_mv": 20000}),
    ("cell_sum", _delay("cell_sum"), "pack", {"pack_mv": _sum_mv}),
    ("over_own", _delay("over_own"), "pack", {"charge_ma": 5000, "current_ma": 15000}),
    ("over_current", _delay("over_current"), "pack", {"current_ma": 61000}),
    ("temp_high", _delay("temp_high"), "pack", {"temp_max": 455}),
    ("temp_hot", _delay("temp_hot"), "pack", {"temp_max": 605, "temp_min": 600, "every": 3, "together": 1}),
    ("temp_runaway", _delay("temp_runaway"), "pack", {"temp_max": 705, "temp_min": 700, "every": 3, "together": 1}),
    ("temp_low", _delay("temp_low"), "pack", {"temp_min": -5}),
    ("temp_spread", _delay("temp_spread"), "pack", {"temp_max": 440, "temp_min": 230}),
    ("rise_high", _delay("rise_high"), "pack", {"temp_max": _late_rise, "every": 3, "together": 1}),
    ("rise_neighbours", _delay("rise_neighbours"), "pack", {"temp_max": _over_neighbours, "every": 2}),
    ("soh_end", _delay("soh_end"), "pack", {"soh_pct": 65}),
    ("alarm_stop", _delay("alarm_stop"), "pack", {"alarms": 1 << 4}),
    ("alarm_fault", _delay("alarm_fault"), "pack", {"alarms": 1 << 11}),
    ("(implausible values)", 0, "pack", {"cell_max": 5600}),
    ("(pack allows no charge)", 0, "pack", {"charge_ma": 0}),
    ("no_current", 60000, "pack", {"current_ma": 0}),
    ("(pack silent)", _OPTIONS.stale_pack_ms, "pack silent", {}),
    ("(measurement frozen)", _OPTIONS.stale_pack_ms + FROZEN_MS, "pack frozen", {}),
    ("neighbour_hot", _delay("temp_hot"), "pack", {"temp_max": 605, "temp_min": 600, "every": 3, "together": 1, "near": 1}),
    ("charger_fault", _delay("charger_fault"), "charger", {"bits": 1}),
    ("charger_hot", _delay("charger_hot"), "charger", {"bits": 2}),
    ("charger_input", _delay("charger_input"), "charger", {"bits": 4}),
    ("charger_over", _delay("charger_over"), "charger", {"over_mv": 12000}),
    ("contact_bad", _delay("contact_bad"), "charger", {"over_mv": 2900}),
    ("(charger silent)", _OPTIONS.stale_charger_ms, "charger silent", {}),
    ("(door open), door_forced", 0, "inputs", {"byte": 3}),
    ("(not locked), lock_disagrees", 0, "inputs", {"byte": 4}),
    ("(pack switch open)", 0, "inputs", {"byte": 5}),
    ("io_silent", _OPTIONS.stale_io_ms, "board silent", {"board": 2}),
    ("compartment_warm", _delay("compartment_warm"), "compartment", {"ddegc": 560}),
    ("compartment_hot", _delay("compartment_hot"), "compartment", {"ddegc": 705}),
    ("cabinet_silent", _OPTIONS.stale_io_ms, "board silent", {"board": 1}),
    ("cabinet_hot", _delay("cabinet_hot"), "cabinet", {"ddegc": 560}),
    ("emergency_stop", _delay("emergency_stop"), "danger", {"bit": 2}),
    ("smoke", _delay("smoke"), "danger", {"bit": 0}),
    ("water", _delay("water"), "danger", {"bit": 1}),
    ("tilt", _delay("tilt"), "danger", {"bit": 3}),
    ("gas", _delay("gas"), "danger", {"bit": 4}),
    ("ground_fault", _delay("ground_fault"), "danger", {"bit": 5}),
    ("mains_lost", _delay("mains_lost"), "danger", {"bit": 7}),
)  # fmt: skip
LONG = ("no_current", "rise_high", "rise_neighbours", "contact_bad")  # tried in one round of so many
LONG_EVERY = 4


class Reaction:
    """One process's share of the trials."""

    def __init__(self, words: dict) -> None:
        self.words = words
        self.rng = Rng(words["seed"] + 99)
        self.rows = {}
        self.died = []

    def run(self) -> dict:
        """{name|bus: [trials, largest us, sum us, missed, delay ms, {what acted: how often}]}"""
        only = self.words.get("only")
        for round_number in range(self.words["rounds"]):
            for index, trial in enumerate(TRIALS):
                if (only and trial[0] not in only) or (trial[0] in LONG and round_number % LONG_EVERY):
                    continue
                Round(self, trial, self.words["seed"] * 1000 + round_number * 50 + index).run()
        return self.rows

    def count(self, name: str, bus: str, delay_ms: int, taken_us: "int | None", acted: str) -> None:
        """One trial."""
        row = self.rows.setdefault(name + "|" + bus, [0, 0, 0, 0, delay_ms, {}])
        if taken_us is None:
            row[3] += 1
            return
        row[0] += 1
        row[1] = max(row[1], taken_us)
        row[2] += taken_us
        row[5][acted] = row[5].get(acted, 0) + 1


class Round:
    """A fresh cabinet, one trouble."""

    def __init__(self, owner: Reaction, trial: tuple, seed: int) -> None:
        words = owner.words
        self.owner = owner
        self.name, self.delay_ms, self.where, self.what = trial
        settings = json.loads(read(words["settings"]))
        settings["control"]["budget_w"] = 20000
        self.sim = Sim(seed, json.dumps(settings).encode(), read(words["secrets"]), 1.0)
        self.sim.patch = self._attach
        self.seen = {}  # slot: instant of the frame
        self.done = {}
        self.acted = {}  # slot: reason that the controller gave
        self.watching = set()
        self.struck = set()  # slots whose frames are written anew
        self.counters = {}  # slot: measurement that is repeated for ever
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
        sim.time.at(at + SPREAD_US + self.delay_ms * 1000 + MARGIN_US, self._end)
        sim.judge.violate = lambda name, slot, detail: None  # a cabinet that is hurt on purpose; only times count here
        sim.judge.gave_up = self.owner.died.append
        sim.run(1.0)
        for slot in sorted(self.watching):
            first = self.seen.get(slot)
            last = self.done.get(slot)
            taken = None if first is None or last is None or last < first else last - first
            self.owner.count(self.name, self._bus(slot), self.delay_ms, taken, self.acted.get(slot, "?"))

    def _bus(self, slot: int) -> str:
        if self.where[:7] == "charger":
            return "charger on CAN"
        if self.where[:4] == "pack":
            return "pack on RS485" if slot <= self.sim.world.modbus_slots else "pack on CAN"
        return "slot board on RS485"

    def _strike(self, _: "Any") -> None:
        sim = self.sim
        charged = [index + 1 for index, on in enumerate(sim.judge.wire_on) if on]
        every = self.what.get("every", 1)
        struck = [slot for slot in charged if slot % every == every - 1]
        if self.where == "board silent":
            first = (self.what["board"] - 1) * 8
            self.watching = {slot for slot in charged if self.what["board"] == 1 or first < slot <= first + 8}
            sim.time.after(self.owner.rng.below(SPREAD_US), self._apply, self.what["board"])
            return
        self.watching = {slot for slot in charged if slot not in struck} if self.what.get("near") else set(struck)
        together = self.where in ("danger", "cabinet") or "together" in self.what
        for number in struck:
            sim.time.after(0 if together else self.owner.rng.below(SPREAD_US), self._apply, number)

    def _apply(self, number: int) -> None:
        self.struck.add(number)
        slot = self.sim.world.slots[number - 1]
        pack: "Any" = slot.pack
        if self.where == "pack silent":
            pack.bms_dead = True
        elif self.where == "charger silent":
            slot.charger.silent = True

    def _end(self, _: "Any") -> None:
        raise Finished()

    # ---- wires ----

    def _attach(self, app: "Any") -> None:
        sim = self.sim
        judged = sim.io_line.on_answer, sim.can.on_send
        store = app.journal._store
        units, boards, nodes = sim.pack_units.answer, sim.board_units.answer, sim.can_nodes.poll

        def storing(ring: "Any", event: "Any", urgent: bool) -> int:
            if event.code == 31 and event.slot not in self.acted:
                self.acted[event.slot] = event.values[0]
            return store(ring, event, urgent)

        def pack_unit(request: bytes) -> "Any":
            answer = units(request)
            return None if answer is None else (answer[0], self._rewrite_rtu(answer[1]))

        def board_unit(request: bytes) -> "Any":
            if self.where == "board silent" and request[0] in self.struck:
                return None
            answer = boards(request)
            return None if answer is None else (answer[0], self._rewrite_board(answer[1]))

        def poll(now: float) -> list:
            return [(can_id, extended, self._rewrite_can(can_id, data)) for can_id, extended, data in nodes(now)]

        def io(request: bytes, frame: bytes, last_us: int) -> None:
            judged[0](request, frame, last_us)
            self._board_said(frame, last_us)

        def packs(request: bytes, frame: bytes, last_us: int) -> None:
            if len(frame) == 47 and frame[1] == 3:
                self._pack_said(frame[0], last_us)

        def sent(can_id: int, data: bytes, start_us: int) -> None:
            judged[1](can_id, data, start_us)
            if can_id & 0xFFFF00FF == 0x180600F4 and data[4]:
                slot = (can_id >> 8 & 0xFF) - 0xA0
                if slot in self.watching and slot in self.seen and slot not in self.done:
                    self.done[slot] = start_us
                    if len(self.done) >= len(self.watching):
                        self.sim.time.after(0, self._end)

        app.journal._store = storing
        sim.pack_units.answer, sim.board_units.answer, sim.can_nodes.poll = pack_unit, board_unit, poll
        sim.io_line.on_answer = io
        sim.packs_line.on_answer = packs
        sim.can.on_send = sent
        sim.can.on_arrive = self._can_said

    def _value(self, slot: int, field: str) -> int:
        value = self.what[field]
        pack: "Any" = self.sim.world.slots[slot - 1].pack
        if isinstance(value, tuple):
            return value[0] if pack.cell_type == 1 else value[1]
        return value if isinstance(value, int) else value(pack)

    def _rewrite_rtu(self, frame: bytes) -> bytes:
        slot = frame[0]
        if slot not in self.struck or len(frame) != 47 or frame[1] != 3:
            return frame
        out = bytearray(frame[:-2])
        if self.where == "pack frozen":
            out[3:5] = self.counters.setdefault(slot, bytes(out[3:5]))
        elif self.where == "pack":
            for field in self.what:
                if field in FIELDS:
                    register, words, factor = FIELDS[field][:3]
                    form = ">i" if words == 2 else ">h"
                    value = int(self._value(slot, field) * factor)
                    struct.pack_into(form if value < 0 else form.upper(), out, 3 + 2 * register, value)
        return sealed(bytes(out))

    def _rewrite_can(self, can_id: int, data: bytes) -> bytes:
        slot = can_id & 0xFF
        if can_id & 0xFFFFFF00 == 0x18FF5000 and slot - 0xA0 in self.struck and self.where == "charger":
            return self._rewrite_charger(slot - 0xA0, data)
        kind = (can_id >> 8) - 0x18FF10
        if slot not in self.struck or not 0 <= kind <= 4 or len(data) != 8:
            return data
        out = bytearray(data)
        if self.where == "pack frozen" and kind == 0:
            out[0] = self.counters.setdefault(slot, out[0])
        elif self.where == "pack":
            for field in self.what:
                if field in FIELDS and FIELDS[field][3] == kind:
                    at, form, divisor = FIELDS[field][4:]
                    struct.pack_into(form, out, at, self._value(slot, field) // divisor)
        return bytes(out)

    def _rewrite_charger(self, slot: int, data: bytes) -> bytes:
        out = bytearray(data)
        if "bits" in self.what:
            out[4] |= self.what["bits"]
        else:
            pack: "Any" = self.sim.world.slots[slot - 1].pack
            pack_mv = pack.status().pack_mv
            struct.pack_into(">H", out, 0, (pack_mv + self.what["over_mv"]) // 100)
        return bytes(out)

    def _rewrite_board(self, frame: bytes) -> bytes:
        board = frame[0]
        out = bytearray(frame[:-2])
        if frame[1] == 2 and len(frame) == 9:
            for slot in self.struck:
                if self.where == "inputs" and (slot - 1) // 8 + 1 == board:
                    out[self.what["byte"]] &= ~(1 << (slot - 1) % 8) & 0xFF
            if self.where == "danger" and board == 1 and self.struck:
                out[6] |= 1 << self.what["bit"]
        elif frame[1] == 4 and len(frame) == 23:
            for slot in self.struck:
                if self.where == "compartment" and (slot - 1) // 8 + 1 == board:
                    struct.pack_into(">h", out, 5 + 2 * ((slot - 1) % 8), self.what["ddegc"])
            if self.where == "cabinet" and board == 1 and self.struck:
                struct.pack_into(">h", out, 3, self.what["ddegc"])
        return sealed(bytes(out))

    # ---- when a frame was there ----

    def _show(self, slot: int, instant_us: int, again: bool = False) -> None:
        if again and slot not in self.done and self.sim.judge.wire_on[slot - 1]:
            self.seen[slot] = instant_us
        if again or slot not in self.watching or slot in self.done or slot in self.seen:
            return
        if self.sim.judge.wire_on[slot - 1]:
            self.seen[slot] = instant_us
        else:
            self.watching.remove(slot)  # something else of the same trouble was faster

    def _pack_said(self, slot: int, last_us: int) -> None:
        if self.where == "pack silent" or (self.where == "pack frozen" and slot not in self.counters):
            self._show(slot, last_us, True)  # the last one counts
        elif self.where == "pack" and slot in self.struck:
            self._show(slot, last_us)
            if self.what.get("near"):
                self._show(slot - 1, last_us)
                self._show(slot + 1, last_us)

    def _can_said(self, can_id: int, data: bytes, last_us: int) -> None:
        if can_id & 0xFFFFFF00 == 0x18FF5000:
            slot = (can_id & 0xFF) - 0xA0
            if self.where == "charger silent":
                self._show(slot, last_us, True)
            elif self.where == "charger" and slot in self.struck:
                self._show(slot, last_us)
            return
        kind = (can_id >> 8) - 0x18FF10
        if self.where in ("pack silent", "pack frozen"):
            if kind == 0:
                self._pack_said(can_id & 0xFF, last_us)
        elif self.where == "pack" and kind in [FIELDS[field][3] for field in self.what if field in FIELDS]:
            self._pack_said(can_id & 0xFF, last_us)

    def _board_said(self, frame: bytes, last_us: int) -> None:
        inputs = frame[1] == 2 and len(frame) == 9
        if self.where == "board silent":
            if inputs:
                for slot in range(1, len(self.sim.world.slots) + 1):
                    if frame[0] == self.what["board"] and ((slot - 1) // 8 + 1 == frame[0] or frame[0] == 1):
                        self._show(slot, last_us, True)
            return
        whole = self.where in ("danger", "cabinet")
        if self.where not in ("danger", "cabinet", "inputs", "compartment") or inputs != (self.where in ("danger", "inputs")):
            return
        for slot in list(self.struck):
            if frame[0] == (1 if whole else (slot - 1) // 8 + 1):
                self._show(slot, last_us)


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
