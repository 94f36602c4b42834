"""The world: a cabinet's slots, the packs in and around the cabinet, the riders, the air, the mains, and the auditor.

Portable and without a clock: `step(dt)` lets time pass. Wire ends (or a simulator in the same process) read and drive the models.
"""

from plant import proof
from plant.auditor import Auditor
from plant.charger import Charger
from plant.collector import Collector
from plant.fleet import BAD_KINDS, Fleet
from plant.npb import NpbCharger
from plant.pack import Pack
from plant.rider import COMPLETED, GONE, REFUSED, Rider
from plant.rng import Rng
from plant.slot import Slot

DANGERS = ("smoke", "water", "emergency_stop", "tilt", "gas", "ground_fault", "fan", "mains_lost")
_SEVERE = ("smoke", "water", "emergency_stop", "gas", "ground_fault")
RIDER_KINDS = ("normal", "bad_pack", "dawdle", "walk_away", "service") + BAD_KINDS
FAULTS = (
    "dead", "crc", "babble", "lie", "foreign", "late", "frozen", "hot", "unbalanced", "sensor_stuck", "charger_silent", "charger_stuck",
    "charger_fault", "door_stuck", "lock_jammed", "presence_on", "presence_off", "sensor_lost", "none",
)  # fmt: skip
CHARGER_BASE = 0xA0


class World:
    """Everything outside the controller."""

    PASSER_BY = 30.0  # s until a passer-by shuts a door that stands open and unattended

    def __init__(
        self, slots: int = 12, seed: int = 1, speed: float = 60.0, fleet_master: bytes = proof.FLEET_MASTER, npb: int = 0
    ) -> None:
        """Slots 1 to `npb` have Mean Well NPB chargers, the others Elcon chargers."""
        self.now = 0.0
        self.speed = speed
        self.rng = Rng(seed)
        self.fleet = Fleet(Rng(seed + 7919), fleet_master)
        self.slots = [Slot(n + 1, NpbCharger(n, True) if n < npb else Charger(CHARGER_BASE + n + 1)) for n in range(slots)]
        self.modbus_slots = slots * 2 // 3  # slots 1 to this one have packs on RS485, the others on CAN
        self.ambient_c = 24.0
        self.mains = True
        self.out_in = False  # the cabinet gives a pack first and takes one afterwards
        self.dangers = {}  # name -> True
        self.faults = {}  # slot number -> kind
        self.sick = {}  # slot number -> pack to which a fault of the slot was given, wherever it is now
        self.mute_slots = {}  # slot number -> True: no frame of the BMS reaches the controller
        self.can_off = False  # no frame of a pack on CAN reaches the controller
        self.field = []  # packs on the road, with riders
        self.taken_away = []  # bad packs that left with their owners
        self.rider: "Rider | Collector | None" = None
        self.queue = []  # riders yet to come
        self.jig_pack: "Pack | None" = None  # the pack that a test jig has taken out and not put back
        self.kiosk_out = []  # tokens shown and not yet sent
        self.counts = {"completed": 0, "refused": 0, "abandoned": 0}
        self.visits = 0
        self.auto_target = 0
        self.auto_bad_every = 0
        self.auto_came = 0
        self._open_for = 0.0
        self._fill()
        self.auditor = Auditor(self)

    def _fill(self) -> None:
        """Fill the slots: one slot of the last third stays empty, or two in a larger cabinet."""
        rng = self.rng
        first = self.modbus_slots
        count = len(self.slots) - first
        empty = [first + rng.below(count)]
        if count > 1 and len(self.slots) > 5:
            empty.append(first + (empty[0] - first + 1 + rng.below(count - 1)) % count)
        for index, slot in enumerate(self.slots):
            if index in empty:
                continue
            soc = rng.between(0.95, 1.0) if rng.below(4) else rng.between(0.6, 0.9)
            slot.pack = self.fleet.make("genuine", soc, self.ambient_c + rng.between(0.0, 3.0))
            slot.seated_for = 10.0
        for _ in range(4):
            self.field.append(self.fleet.make("genuine", 0.2, self.ambient_c))

    # ---- time

    def step(self, dt: float) -> None:
        """Let `dt` seconds pass (0.02 to 0.2)."""
        self.now += dt
        mains = self.mains and not self.dangers.get("mains_lost")
        for slot in self.slots:
            slot.step(dt, self.ambient_c, mains, self.speed)
        self._riders(dt)
        self._passer_by(dt)
        self.auditor.step(dt)

    def _riders(self, dt: float) -> None:
        rider = self.rider
        if rider is None:
            if not self.queue and self.auto_target and self.counts["completed"] < self.auto_target:
                self._auto()
            if self.queue:
                self.rider = self.queue.pop(0)
            return
        rider.step(dt)
        if rider.state == GONE:
            self.rider = None
            self.visits += 1
            if isinstance(rider, Rider):
                self.counts[rider.ending] += 1
                self.auditor.visit_ended(rider.ending == COMPLETED, rider.own)
            for p in rider.hands:
                (self.field if p.kind == "genuine" else self.taken_away).append(p)

    def _auto(self) -> None:
        self.auto_came += 1
        if self.auto_bad_every and self.auto_came % self.auto_bad_every == 0:
            self.bring("bad_pack")
        else:
            self.bring("normal")

    def _passer_by(self, dt: float) -> None:
        opened = self.open_doors()
        if not opened or (self.rider is not None and self.rider.at_cabinet):
            self._open_for = 0.0
            return
        self._open_for += dt
        if self._open_for >= self.PASSER_BY:
            self._open_for = 0.0
            opened[0].shut()

    # ---- riders

    def bring(self, kind: str) -> "Rider | Collector":
        """Let another rider come. Raises ValueError for a kind that does not exist."""
        if kind not in RIDER_KINDS:
            raise ValueError("no such rider: " + kind)
        rng = self.rng
        if kind == "service":
            collector = Collector(self, rng.between(0.5, 2.0))
            self.queue.append(collector)
            return collector
        if kind == "bad_pack":
            vices = BAD_KINDS
            if sum(s.pack is None for s in self.slots) < 2:  # a hot pack never leaves: the last empty slot must remain
                vices = [k for k in BAD_KINDS if k != "hot"]
            pack = self.fleet.make(rng.choice(vices), rng.between(0.1, 0.6), self.ambient_c + 4.0)
        elif kind in BAD_KINDS:
            pack = self.fleet.make(kind, rng.between(0.1, 0.6), self.ambient_c + 4.0)
        else:
            pack = self._from_the_road()
        manner = kind if kind in ("dawdle", "walk_away") else "normal"
        token = "T-%04d" % (rng.below(100) + 1)
        rider = Rider(self, token, pack, manner, rng.between(0.5, 2.0))
        self.queue.append(rider)
        return rider

    def _from_the_road(self) -> Pack:
        rng = self.rng
        pack = self.field.pop(rng.below(len(self.field))) if self.field else self.fleet.make()
        pack.soc = rng.between(0.05, 0.30)
        pack.temp_c = self.ambient_c + rng.between(1.0, 9.0)
        pack.cycles += 1
        pack.nonce = None
        pack.mac = None
        pack.answered = False
        pack.step(0.0, 0.0, self.ambient_c)
        return pack

    def hand(self, number: int, what: str) -> int:
        """A test jig acts at a slot: `door open`, `door shut`, `pack in`, `pack out` or `look`. Returns the last lock pulse in ms."""
        slot = self.slots[number - 1]
        if what == "door open":
            slot.door_closed, slot.locked = slot.door_stuck, slot.lock_jammed
        elif what == "door shut":
            slot.shut()
        elif what == "pack in" and slot.pack is None:
            slot.insert(self.jig_pack or self._from_the_road())
            self.jig_pack = None
        elif what == "pack out" and slot.pack is not None:
            self.jig_pack = slot.take()
        elif what not in ("pack in", "pack out", "look"):
            raise ValueError("hand: no such thing to do: " + what)
        return int(slot.pulse_on * 1000 + 0.5)

    def show_token(self, token: str) -> None:
        """The rider at the kiosk holds a card to the reader."""
        self.kiosk_out.append(token)

    def hear(self, slot: int, code: str, sentence: str) -> None:
        """The kiosk shows a sentence of the controller; a rider at the cabinet reads it."""
        if self.rider is not None and self.rider.at_cabinet:
            self.rider.hear(slot, code, sentence)

    def open_doors(self) -> list:
        """Slots whose door stands open."""
        return [s for s in self.slots if not s.door_closed]

    def handed_out(self, rider: Rider, slot: Slot, pack: Pack) -> None:
        """A rider took a pack that is not their own."""
        self.auditor.handed_out(slot, pack)

    # ---- dangers and faults

    def severe_danger(self) -> bool:
        """True while a danger stands that forbids all charging."""
        return any(self.dangers.get(d) for d in _SEVERE)

    def set_danger(self, danger: str, on: bool) -> None:
        """Raise or clear a cabinet input. Raises ValueError for a name that does not exist."""
        if danger not in DANGERS:
            raise ValueError("no such danger: " + danger)
        self.dangers[danger] = on

    def set_fault(self, number: int, kind: str) -> None:
        """Give slot `number` a fault in place of its present one. Raises ValueError for a kind or slot that does not exist."""
        if kind not in FAULTS:
            raise ValueError("no such fault: " + kind)
        if not 1 <= number <= len(self.slots):
            raise ValueError("no such slot: %d" % number)
        slot = self.slots[number - 1]
        charger = slot.charger
        if charger.stuck or charger.silent:
            self.auditor.forgive(number)  # the charger obeys only from now on
        charger.silent = kind == "charger_silent"
        charger.stuck = kind == "charger_stuck"
        charger.broken = kind == "charger_fault"
        slot.door_stuck = kind == "door_stuck"
        slot.sensor_lost = kind == "sensor_lost"
        slot.lock_jammed = kind == "lock_jammed"
        slot.presence_stuck = True if kind == "presence_on" else False if kind == "presence_off" else None
        sick = self.sick.pop(number, None)
        if sick is not None:
            sick.cure()
        if slot.pack is not None and kind != "none":
            slot.pack.afflict(kind)
            self.sick[number] = slot.pack
        self.mute_slots.pop(number, None)
        if kind in ("dead", "crc"):
            self.mute_slots[number] = True
        if kind == "none":
            self.faults.pop(number, None)
        else:
            self.faults[number] = kind

    # ---- accounts

    def places(self) -> list:
        """Every pack that is somewhere: in slots, in hands, on the road, away."""
        found = [s.pack for s in self.slots if s.pack is not None]
        for rider in ([self.rider] if self.rider is not None else []) + self.queue:
            found.extend(rider.hands)
        return found + self.field + self.taken_away

    def snapshot(self) -> dict:
        """The state of everything, for tests and the panel."""
        return {
            "t": round(self.now, 2),
            "slots": [self._slot_view(s) for s in self.slots],
            "riders": {
                "present": self.rider.view() if self.rider is not None else None,
                "waiting": len(self.queue),
                "visits": self.visits,
                "auto_target": self.auto_target,
            },
            "audit": self.auditor.report(),
            "swaps": dict(self.counts),
            "dangers": [d for d in DANGERS if self.dangers.get(d)],
        }

    def _slot_view(self, slot: Slot) -> dict:
        pack = slot.pack
        return {
            "slot": slot.number,
            "pack": pack.serial if pack is not None else None,
            "kind": pack.kind if pack is not None else None,
            "soc_pct": round(pack.soc * 100, 1) if pack is not None else None,
            "temp": round(pack.temp_c, 1) if pack is not None else None,
            "current_ma": int(slot.charger.out_a * 1000),
            "door_closed": slot.door_closed,
            "locked": slot.locked,
            "bus": "rs485-packs" if slot.number <= self.modbus_slots else "can-1",
            "charger_mv": int(slot.charger.set_v * 1000) if slot.charger.started else 0,
            "charger_ma": int(slot.charger.set_a * 1000) if slot.charger.started else 0,
            "pulses": slot.pulses,
            "fault": self.faults.get(slot.number, "none"),
        }


__all__ = ("BAD_KINDS", "COMPLETED", "DANGERS", "FAULTS", "REFUSED", "RIDER_KINDS", "World")
