"""A cabinet of a few lines for tests of the core: packs, doors, chargers and riders, and the invariants that must hold at every step."""

from cabinet.core import slot as slot_states
from cabinet.core import ticks
from cabinet.core.control import CabinetControl
from cabinet.core.limits import LimitSet
from cabinet.core.options import Options

STEP_MS = 50


class Pack:
    """A pack and what it would tell."""

    def __init__(self, serial, soc_pct=50, **other):
        self.serial = serial
        self.genuine = True
        self.answers = True
        self.values = {
            "maker": "TEST",
            "chemistry": 1,
            "cell_count": 16,
            "nominal_mv": 51200,
            "capacity_mah": 30000,
            "soc_pct": soc_pct,
            "soh_pct": 95,
            "cell_min_mv": 3290,
            "cell_max_mv": 3300,
            "pack_mv": 52700,
            "temp_min_ddegc": 240,
            "temp_max_ddegc": 250,
            "charge_limit_ma": 20000,
            "charge_limit_mv": 57600,
            "alarm_bits": 0,
            "cycles": 100,
        }
        for name, value in other.items():
            if name in self.values:
                self.values[name] = value
            else:
                setattr(self, name, value)


class Cabinet:
    """Slots, doors and packs around the core, in steps of 50 ms."""

    def __init__(self, count=4, packs=None, start_ms=1000, **options):
        self.options = Options(known_tokens={"anna", "ben"}, **options)
        self.limits = LimitSet()
        self.count = count
        self.now_ms = start_ms
        self.packs = dict(packs or {})  # slot -> Pack
        self.doors = {n: True for n in range(1, count + 1)}  # shut?
        self.latched = {n: True for n in range(1, count + 1)}
        self.jammed = set()
        self.io_dead = False
        self.charger_dead = set()
        self.pulses = []  # (slot, now)
        self.current = {n: 0 for n in range(1, count + 1)}
        self.log = []
        self.said = []
        self.stored = {}
        self.danger_bits = 0
        self.boot({})

    def boot(self, stored):
        """A fresh controller, with what the old one had stored."""
        self.control = CabinetControl(self.count, self.limits, self.options)
        self.pending = {}
        self.answered = {}
        assert self.control.restore(stored, self.now_ms)

    def cut_power(self):
        """The controller forgets everything but its snapshot; the world stays as it is."""
        for number in self.current:
            self.current[number] = 0
        self.boot(self.stored)

    def sense(self):
        """Write the readings, as devices would."""
        for s in self.control.slots:
            n = s.number
            if not self.io_dead:
                s.io.taken_ms = self.now_ms
                s.io.door_closed = self.doors[n]
                s.io.lock_locked = self.doors[n] and self.latched[n]
                s.io.pack_present = n in self.packs
            if n not in self.charger_dead:
                s.charger.taken_ms = self.now_ms
                s.charger.output_ma = self.current[n]
                s.charger.output_mv = self.packs[n].values["pack_mv"] + self.current[n] // 50 if self.current[n] and n in self.packs else 0
            pack = self.packs.get(n)
            if s.poll_need == "absent":
                s.pack.clear()
                self.answered[n] = 0
            elif pack is not None and pack.answers:
                self.answered[n] = self.answered.get(n, 0) + 1
                reading = s.pack
                reading.taken_ms = self.now_ms
                if self.answered[n] > 1:
                    reading.identity_taken_ms = self.now_ms
                    reading.serial = pack.serial
                reading.counter = (reading.counter + 1) & 0xFFFF
                for name, value in pack.values.items():
                    setattr(reading, name, value)
                reading.current_ma = self.current[n]
        self.control.cabinet.taken_ms = self.now_ms
        self.control.cabinet.danger_bits = self.danger_bits

    def tick(self):
        """One step of the world and of the core."""
        self.now_ms = ticks.add(self.now_ms, STEP_MS)
        self.sense()
        control = self.control
        control.step(self.now_ms)
        self.stored.update(control.snapshot())
        for event in control.events:
            self.log.append((event.name, event.slot, event.data()))
        control.events.clear()
        self.said.extend(control.messages)
        control.messages.clear()
        self.check()
        for s in control.slots:
            n = s.number
            self.current[n] = s.charge_ma if n in self.packs and self.packs[n].answers else 0
            if s.pulse:
                self.pulses.append((n, self.now_ms))
                if n not in self.jammed:
                    self.doors[n] = False
            if s.wants_proof and n not in self.pending:
                self.pending[n] = (s.serial, 6)
            if n in self.pending:
                serial, left = self.pending[n]
                if left:
                    self.pending[n] = (serial, left - 1)
                else:
                    del self.pending[n]
                    pack = self.packs.get(n)
                    ok = None if pack is None or not pack.answers else pack.genuine
                    control.proof_result(n, serial, ok, self.now_ms)

    def check(self):
        """What must never happen."""
        pulses = 0
        for s in self.control.slots:
            n = s.number
            pulses += s.pulse
            if s.charge_ma or s.charge_mv:
                pack = self.packs.get(n)
                assert pack is not None, "charging an empty slot"
                assert self.doors[n], "charging behind an open door"
                assert pack.genuine, "charging a pack that is not genuine"
                assert s.proof == slot_states.PROVEN, "charging an unproven pack"
                assert s.faults.stop_rule < 0, "charging in spite of a fault"
                assert s.enabled and s.charger_fresh and s.io_fresh and s.pack_fresh, "charging on old data"
                assert 0 <= ticks.diff(self.now_ms, s.pack.taken_ms) <= self.options.stale_pack_ms, "charging on data of a pack at rest"
                assert s.charge_ma <= pack.values["charge_limit_ma"] and s.charge_mv <= pack.values["charge_limit_mv"], "charging too much"
            if s.pulse:
                others = [m for m in self.doors if m != n and not self.doors[m] and not self.control.slots[m - 1].left_open]
                assert not others, "a door is opened while another stands open"
                assert self.current[n] == 0, "a door is opened while current flows"
                assert s.state != slot_states.QUARANTINED or s.door_winner == "service", "a dangerous pack is handed out"
        assert pulses <= 1, "two doors at once"
        drawn = sum(s.charge_mv // 100 * s.charge_ma // 10000 for s in self.control.slots)
        assert drawn <= self.options.budget_w, "more power than the budget"

    def run(self, until=None, limit_ms=30000):
        """Step until `until()` holds; True if it came to hold within the limit, or if nothing was to be awaited."""
        for _ in range(limit_ms // STEP_MS):
            if until is not None and until():
                return True
            self.tick()
        return until is None or until()

    def names(self):
        """The types of the events so far."""
        return [row[0] for row in self.log]

    def last(self, name):
        """Data of the last event of this type, with its slot; None if there was none."""
        for row in reversed(self.log):
            if row[0] == name:
                return row
        return None

    def state(self, number):
        """Name of the state of a slot."""
        return self.control.slots[number - 1].state_name

    def open_doors(self):
        """Numbers of the slots whose doors stand open."""
        return sorted(n for n in self.doors if not self.doors[n])

    def empty(self, number):
        """Somebody breaks the door open, takes the pack and shuts the door; all is calm again after that."""
        self.doors[number] = False
        self.run(limit_ms=500)
        self.packs.pop(number)
        self.run(limit_ms=500)
        self.doors[number] = True
        assert self.run(lambda: self.state(number) == "empty" and not self.control.slots[number - 1].faults.names(), 20000)
        self.run(limit_ms=7000)

    def settle(self):
        """Let the packs that are in the slots be judged."""
        busy = ("unseen", "identifying", "checking")
        assert self.run(lambda: all(s.state_name not in busy for s in self.control.slots), 15000)


def cabinet_with_full_packs(count=4, **options):
    """Slots 2.. hold packs of rising charge, the last one full; slot 1 is empty."""
    packs = {n: Pack(f"FULL-{n}", 92 + n) for n in range(2, count + 1)}
    cabinet = Cabinet(count, packs, **options)
    cabinet.settle()
    return cabinet


def bring(cabinet, pack, token="anna"):
    """A rider orders, puts the pack in and shuts the door. Returns the slot."""
    accepted, reason = cabinet.control.order(token, "rider", cabinet.now_ms)
    assert accepted, reason
    assert cabinet.run(cabinet.open_doors, 5000)
    number = cabinet.open_doors()[0]
    cabinet.run(limit_ms=1000)
    cabinet.packs[number] = pack
    cabinet.run(limit_ms=500)
    cabinet.doors[number] = True
    return number


def take(cabinet):
    """The rider takes what the open door offers and shuts it. Returns (slot, pack)."""
    assert cabinet.run(cabinet.open_doors, 30000), cabinet.log[-8:]
    number = cabinet.open_doors()[0]
    cabinet.run(limit_ms=800)
    pack = cabinet.packs.pop(number, None)
    cabinet.run(limit_ms=500)
    cabinet.doors[number] = True
    cabinet.run(limit_ms=500)
    return number, pack
