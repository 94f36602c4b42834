"""One slot of the core, with devices that tell what a test wants, looked at whenever it wants."""

from cabinet.core import rules, slot
from cabinet.core.faults import CompiledLimits
from cabinet.core.limits import LimitSet
from cabinet.core.options import Options
from cabinet.core.slot import SlotControl

PACK = {
    "serial": "P", "maker": "M", "chemistry": 1, "cell_count": 16, "nominal_mv": 51200, "capacity_mah": 30000, "pack_mv": 52700,
    "soc_pct": 50, "soh_pct": 95, "cell_min_mv": 3290, "cell_max_mv": 3300, "temp_min_ddegc": 240, "temp_max_ddegc": 250,
    "charge_limit_ma": 20000, "charge_limit_mv": 57600, "cycles": 100,
}  # fmt: skip


class Bench:
    """Slot 2 with devices that tell what a test wants, looked at whenever it wants."""

    def __init__(self, **options):
        self.options = Options(**options)
        self.s = SlotControl(2, CompiledLimits(LimitSet(), (rules.PACK, rules.SLOT)))
        self.out = []
        self.aside = []  # events of faults and evidence at the last look
        self.hears_io = self.hears_charger = self.hears_pack = self.hears_name = True
        self.s.io.door_closed = self.s.io.lock_locked = True
        for name, value in PACK.items():
            setattr(self.s.pack, name, value)

    def put(self, present=True, **values):
        """A pack stands there, or none; some of what it tells."""
        self.s.io.pack_present = present
        for name, value in values.items():
            assert hasattr(self.s.pack, name), name
            setattr(self.s.pack, name, value)
        return self

    def door(self, closed):
        """The door and its lock."""
        self.s.io.door_closed = self.s.io.lock_locked = closed
        return self

    def at(self, now_ms):
        """Everything that can be heard is heard now, and the slot is judged. The events."""
        s = self.s
        if self.hears_io:
            s.io.taken_ms = now_ms
        if self.hears_charger:
            s.charger.taken_ms = now_ms
        if self.hears_pack and s.io.pack_present:
            s.pack.taken_ms = now_ms
            s.pack.counter = (s.pack.counter + 1) & 0xFFFF
            if self.hears_name:
                s.pack.identity_taken_ms = now_ms
        return self.look(now_ms)

    def look(self, now_ms):
        """The slot is judged, and nothing new was heard. The events but those of faults and evidence, which are put aside."""
        self.s.observe(self.options, now_ms, self.out)
        self.s.judge(self.options, now_ms, self.out)
        rows = [(event.name, event.slot, event.pack, event.values) for event in self.out]
        self.out.clear()
        self.aside = [row for row in rows if row[0][:5] in ("evide", "fault")]
        return [row for row in rows if row not in self.aside]

    def until(self, state, now_ms, limit_ms=5000):
        """Step every 50 ms until the slot is in this state; the instant and all events."""
        rows = []
        for now in range(now_ms, now_ms + limit_ms, 50):
            rows += self.at(now)
            if self.s.state == state:
                return now, rows
        raise AssertionError(f"{slot.STATES[self.s.state]} after {limit_ms} ms: {rows}")

    def prove(self):
        """Its answer to the challenge was right."""
        self.s.proof = slot.PROVEN
        self.s.proven_serial = self.s.serial
        return self

    def accepted(self):
        """An accepted pack; returns the instant."""
        self.put()
        now, _ = self.until(slot.CHECKING, 1000)
        self.prove()
        now, _ = self.until(slot.IDLE, now + 50)
        return now
