"""An independent judge of what the controller does to the physical world. It reads the models alone, never the wire.

Each invariant is a row: a name, a grace (seconds that the condition may stand) and a condition of a slot, evaluated ten times a second.
A breach is recorded once, until its condition has ended.
"""

from plant import pack as packs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plant.cabinet_world import World
    from plant.pack import Pack
    from plant.slot import Slot

CURRENT_A = 0.3  # less than this is leakage
HOT_C = 60.0
TAKING_S = 0.1  # from the last byte of a reading until the controller has judged it
HARD_CELL_V = {packs.LFP: 3.80, packs.NMC: 4.25}

REACTION = 3.5  # s from a physical event to the last of the current: pack data may be 3 s old, then come a round, a frame and the ramp
DANGER_REACTION = 5.0


def _bad_pack(world: "World", slot: "Slot", pack: "Pack") -> bool:
    return pack.kind != "genuine" and pack.kind != "hot"


def _unproven_pack(world: "World", slot: "Slot", pack: "Pack") -> bool:
    return not pack.answered


def _hot_pack(world: "World", slot: "Slot", pack: "Pack") -> bool:
    return pack.temp_c >= HOT_C


def _too_much_current(world: "World", slot: "Slot", pack: "Pack") -> bool:
    if world.faults.get(slot.number) == "late":
        return False  # a limit that keeps falling has fallen again before the controller can read it
    return slot.charger.out_a * 1000.0 > pack.allowed_charge_ma() * 1.05 + 300.0


def _too_much_voltage(world: "World", slot: "Slot", pack: "Pack") -> bool:
    return pack.volts() / pack.cells > HARD_CELL_V[pack.cell_type]


def _danger(world: "World", slot: "Slot", pack: "Pack") -> bool:
    return world.severe_danger()


def _without_commands(world: "World", slot: "Slot", pack: "Pack") -> bool:
    return slot.charger.age > slot.charger.COMMAND_LIFE + 0.5 and not slot.charger.stuck


def _bms_silent(world: "World", slot: "Slot", pack: "Pack") -> bool:
    return pack.bms_dead or slot.number in world.mute_slots


def _door_not_shut(world: "World", slot: "Slot", pack: "Pack | None") -> bool:
    return not (slot.door_closed and slot.locked)


def _empty_slot(world: "World", slot: "Slot", pack: "Pack | None") -> bool:
    return pack is None


def _set_point_too_high(world: "World", slot: "Slot", pack: "Pack | None") -> bool:
    return pack is not None and slot.charger.set_v * 1000.0 > pack.allowed_charge_mv() + 150


def _bms_says_no(world: "World", slot: "Slot", pack: "Pack | None") -> bool:
    return pack is not None and not pack.bms_dead and not pack.state & packs.CHARGE_SWITCH


# asked while current flows, or while a charger is on: name, grace s, question, meaning
FLOWING = (
    ("charge_bad_pack", 0.0, _bad_pack, "current into a pack that is not genuine or not fit"),
    ("charge_unproven", 0.0, _unproven_pack, "current into a pack that never proved itself"),
    ("charge_hot_pack", REACTION, _hot_pack, "current into a hot pack"),
    ("charge_over_current", REACTION, _too_much_current, "more current than the pack allows"),
    ("charge_over_voltage", 0.5, _too_much_voltage, "cells above the hard limit"),
    ("charge_in_danger", DANGER_REACTION, _danger, "current though smoke, gas, water or emergency stop stands"),
    ("charge_no_command", 0.0, _without_commands, "charger on more than 5 s after the last command"),
    ("charge_blind", 10.0, _bms_silent, "current into a pack whose BMS is silent"),
)
ENERGISED = (
    ("charge_door_open", 1.0, _door_not_shut, "charger on with the door open or unlocked"),
    ("charge_empty_slot", DANGER_REACTION, _empty_slot, "charger on in an empty slot"),
    ("charge_set_point", REACTION, _set_point_too_high, "charger set above the pack's charge voltage"),
    ("charge_against_bms", DANGER_REACTION, _bms_says_no, "charger on though the BMS has opened its switch"),
)
# judged at the event itself
EVENTS = (
    ("two_doors", "two doors open at once"),
    ("pulse_with_door_open", "a lock pulse while another door is open"),
    ("door_without_pulse", "a door opened without a pulse"),
    ("unlocked_under_load", "the bolt was drawn while charge current flowed"),
    ("hot_pack_released", "a lock pulse on a slot with a hot pack that has reported its readings"),
    ("bad_pack_handed_out", "a rider took a bad pack that is not the rider's own"),
    ("bad_pack_accepted", "a rider got a full pack for a bad one"),
    ("unproven_pack_handed_out", "a rider took a pack that never proved itself"),
)


class Auditor:
    """Watches one world."""

    SAMPLES = 0.1  # s between two samples of the currents
    LIMIT = 200  # records that are kept; `count` goes on

    def __init__(self, world: "World") -> None:
        self.world = world
        self.violations = []
        self.count = 0
        self.checks = 0
        self._standing = {}  # (name, slot): s that it has stood, or None once it is recorded
        self._unseen = 0.0
        self._doors = [s.door_closed for s in world.slots]
        self._pulses = [s.pulses for s in world.slots]
        self._breaks = [s.load_breaks for s in world.slots]

    def record(self, name: str, slot: int, detail: str) -> None:
        """Record a violation."""
        self.count += 1
        if len(self.violations) < self.LIMIT:
            self.violations.append({"t": round(self.world.now, 2), "name": name, "slot": slot, "detail": detail})

    def step(self, dt: float) -> None:
        """Judge the world once; `dt` seconds have passed since the last call."""
        world = self.world
        self.checks += 1
        self._unseen += dt
        look = self._unseen >= self.SAMPLES
        passed = self._unseen
        if look:
            self._unseen = 0.0
        opened = 0
        for index, slot in enumerate(world.slots):
            if look and (slot.charger.started or slot.charger.out_a > 0.0 or self._standing):
                self._conditions(slot, passed)
            if slot.pulses != self._pulses[index]:
                self._pulses[index] = slot.pulses
                self._pulse(slot)
            if slot.load_breaks != self._breaks[index]:
                self._breaks[index] = slot.load_breaks
                self.record("unlocked_under_load", slot.number, "the bolt was drawn while charge current flowed")
            closed = slot.door_closed
            if closed != self._doors[index]:
                self._doors[index] = closed
                if not closed and slot.since_pulse > 1.0:
                    self.record("door_without_pulse", slot.number, "the door opened without a pulse")
            if not closed:
                opened += 1
        if opened > 1:
            self._breach("two_doors", 0, 0.0, dt, "%d doors open at once" % opened)
        elif self._standing:
            self._standing.pop(("two_doors", 0), None)

    def _conditions(self, slot: "Slot", dt: float) -> None:
        charger = slot.charger
        pack = slot.pack
        self._ask(FLOWING if charger.out_a > CURRENT_A and pack is not None else (), FLOWING, slot, dt)
        self._ask(ENERGISED if charger.energised else (), ENERGISED, slot, dt)

    def _ask(self, asked: tuple, rows: tuple, slot: "Slot", dt: float) -> None:
        """Evaluate the conditions of `asked`; a condition of `rows` that is not evaluated counts as ended."""
        for name, grace, question, meaning in asked:
            if question(self.world, slot, slot.pack):
                self._breach(name, slot.number, grace, dt, meaning)
            elif self._standing:
                self._standing.pop((name, slot.number), None)
        if not asked and self._standing:
            for row in rows:
                self._standing.pop((row[0], slot.number), None)

    def _breach(self, name: str, slot: int, grace: float, dt: float, detail: str) -> None:
        key = (name, slot)
        stood = self._standing.get(key, 0.0)
        if stood is None:
            return
        if stood >= grace:
            self._standing[key] = None  # recorded
            self.record(name, slot, detail)
        else:
            self._standing[key] = stood + dt

    def forgive(self, number: int) -> None:
        """Restart the grace of everything that stands at a slot."""
        for key in list(self._standing):
            if key[1] == number:
                del self._standing[key]

    def _pulse(self, slot: "Slot") -> None:
        for other in self.world.slots:
            if other is not slot and (not other.door_closed or other.pulse_left > 0.0):
                self.record("pulse_with_door_open", slot.number, "door %d is open" % other.number)
        if slot.pack is not None and slot.pack.temp_c >= HOT_C and slot.reported_for > TAKING_S:
            self.record("hot_pack_released", slot.number, "%.1f degC" % slot.pack.temp_c)

    def handed_out(self, slot: "Slot", pack: "Pack") -> None:
        """A rider took a pack that is not the rider's own."""
        if pack.kind != "genuine":
            self.record("bad_pack_handed_out", slot.number, pack.kind)
        elif not pack.answered:
            self.record("unproven_pack_handed_out", slot.number, pack.serial)

    def visit_ended(self, completed: bool, own: "Pack") -> None:
        """A rider left."""
        if completed and own.kind != "genuine":
            self.record("bad_pack_accepted", 0, own.kind)

    def unaccounted(self) -> int:
        """Packs that are in no place, or in two."""
        places = {}
        for p in self.world.places():
            places[id(p)] = places.get(id(p), 0) + 1
        return sum(1 for p in self.world.fleet.made if places.get(id(p), 0) != 1)

    def report(self) -> dict:
        """For the snapshot."""
        return {
            "violations": self.violations,
            "violation_count": self.count,
            "checks": self.checks,
            "packs_total": len(self.world.fleet.made),
            "packs_unaccounted": self.unaccounted(),
        }
