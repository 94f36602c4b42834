"""A slot as interlock and swap see it, all of whose answers a test may set."""

from cabinet.core import slot


class Readings:
    """Whatever a test puts in."""

    def __init__(self, **values):
        for name, value in values.items():
            setattr(self, name, value)


class Faults:
    """No fault."""

    stop_rule = keep_rule = worst = worst_rule = -1
    pending = 0
    derate_pct = 100


class StubSlot:
    """By default: a proven pack stands behind a shut and locked door, all data are fresh, and nothing is wrong."""

    def __init__(self, number, **other):
        self.number = number
        self.io = Readings(door_closed=True, lock_locked=True, pack_present=True)
        self.pack = Readings(
            taken_ms=None,
            serial=f"P{number}", current_ma=0, charge_limit_ma=15000, charge_limit_mv=57000, soc_pct=50, chemistry=1, pack_mv=52000
        )
        self.charger = Readings(taken_ms=None, output_ma=0)
        self.faults = Faults()
        self.measures = Readings(is_implausible=False)
        self.state = slot.IDLE
        self.serial = self.proven_serial = f"P{number}"
        self.proof = slot.PROVEN
        self.enabled = self.shut = self.present = self.io_fresh = self.pack_fresh = self.charger_fresh = self.identified = True
        self.is_full = self.reserved = self.stuck = self.left_open = self.marked = self.thermal = self.pulse = False
        self.vanished = self.switch_bad = self.probes = self.wants_wake = False
        self.door_claim = self.charge_ma = self.charge_mv = 0
        self.looks = 3
        self.plan_ma = 10000
        self.plan_why = "planning"
        self.last_soc_pct = 49
        self.pulses_left = 3
        self.expected_ms = None
        self.why_code = self.door_why = self.charge_winner = self.door_winner = ""
        self.ready = True  # for `releasable`
        self.set(**other)

    def set(self, **values):
        """Change some of it; `io_x`, `pack_x`, `charger_x`, `faults_x` go into those."""
        for name, value in values.items():
            for part in ("io", "pack", "charger", "faults"):
                if name.startswith(part + "_") and not hasattr(self, name):
                    setattr(getattr(self, part), name[len(part) + 1 :], value)
                    break
            else:
                setattr(self, name, value)
        return self

    @property
    def stays(self):
        """A pack behind a shut door."""
        return slot.IDENTIFYING <= self.state <= slot.QUARANTINED

    @property
    def accepted(self):
        """Proven and accepted."""
        return slot.IDLE <= self.state <= slot.FULL

    def releasable(self, options):
        """May be handed out."""
        return options.full_soc_pct > 0 and self.ready and self.accepted

    def receptive(self):
        """May take a pack."""
        return self.state == slot.EMPTY and not self.stuck

    def ghost(self, now_ms):
        """No BMS answers from an empty slot."""
        return False


def empty(number, **other):
    """A slot that waits for a pack."""
    s = StubSlot(number, state=slot.EMPTY, present=False, serial="", identified=False, pack_fresh=False, io_pack_present=False)
    return s.set(**other)


def told(events):
    """The events as (name, slot, pack, values), and forget them."""
    rows = [(event.name, event.slot, event.pack, event.values) for event in events]
    events.clear()
    return rows
