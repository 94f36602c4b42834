"""Random riders, random faults and power cuts against the core; tests/fixtures/core_cabinet.py checks the invariants at every step.

A tiny generator keeps the walk the same under both interpreters; a failing seed stands in the message and replays.
"""


from core_cabinet import Cabinet, Pack

SLOTS = 5
STEPS = 1800
SEEDS = 3


class Dice:
    """A small generator (xorshift32), the same everywhere."""

    def __init__(self, seed):
        self.state = seed * 2654435761 & 0xFFFFFFFF or 1

    def below(self, count):
        """0 to count - 1."""
        x = self.state
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self.state = x
        return x % count

    def one_in(self, count):
        """True once in `count` times on average."""
        return self.below(count) == 0


class Walk:
    """One cabinet, one rider at a time, and bad luck."""

    def __init__(self, seed):
        self.dice = Dice(seed)
        self.made = 0
        packs = {}
        for number in range(1, SLOTS + 1 - self.dice.below(2) - 1):
            packs[number] = self.make_pack(40 + self.dice.below(60))
        self.cabinet = Cabinet(SLOTS, packs, start_ms=(1 << 30) - 40000)  # the counter wraps on the way
        self.hands = None  # what the rider holds
        self.street = []  # packs that were carried away
        self.broken_ms = None

    def make_pack(self, soc_pct):
        """A pack, and now and then a bad one."""
        self.made += 1
        pack = Pack("W%d" % self.made, soc_pct)
        kind = self.dice.below(14)
        if kind == 0:
            pack.genuine = False
        elif kind == 1:
            pack.answers = False
        elif kind == 2:
            pack.values["nominal_mv"] = 72000
        elif kind == 3:
            pack.values["soh_pct"] = 60
        elif kind == 4:
            pack.values["temp_max_ddegc"] = 470
        return pack

    def bad_luck(self):
        """Something breaks, or is mended."""
        cabinet = self.cabinet
        dice = self.dice
        number = 1 + dice.below(SLOTS)
        kind = dice.below(9)
        if kind == 0:
            cabinet.jammed = {number}
        elif kind == 1:
            cabinet.jammed = set()
        elif kind == 2:
            cabinet.charger_dead = {number}
        elif kind == 3:
            cabinet.charger_dead = set()
        elif kind == 4 and number in cabinet.packs:
            cabinet.packs[number].answers = not cabinet.packs[number].answers
        elif kind == 5 and number in cabinet.packs and cabinet.doors[number]:
            cabinet.packs[number].values["temp_max_ddegc"] = (250, 460, 300, 250, 300, 610)[dice.below(6)]
        elif kind == 6:
            cabinet.io_dead = dice.one_in(2)
        elif kind == 7:
            cabinet.danger_bits = (0, 0, 0, 0, 0, 4, 128)[dice.below(7)]
        else:
            cabinet.cut_power()
            return
        self.broken_ms = cabinet.now_ms

    def rider(self):
        """What the rider does now, if anything."""
        cabinet = self.cabinet
        dice = self.dice
        if self.hands is None and dice.one_in(40) and not cabinet.open_doors():
            self.hands = self.make_pack(5 + dice.below(40))
            cabinet.control.order(("anna", "ben", "anna", "ben", "mallory")[dice.below(5)], "rider", cabinet.now_ms)
        offered = cabinet.control.swap_view()["state"] in ("taking_out", "taking_back")
        for number in cabinet.open_doors():
            if not dice.one_in(25):
                continue
            there = number in cabinet.packs
            sensible = not dice.one_in(6)
            if there and offered == sensible:
                self.street.append(cabinet.packs.pop(number))
            elif not there and self.hands is not None and sensible:
                cabinet.packs[number] = self.hands
                self.hands = None
            elif sensible or dice.one_in(4):
                cabinet.doors[number] = True
        if self.hands is not None and dice.one_in(400):
            self.street.append(self.hands)  # walks away
            self.hands = None

    def mend(self, ms):
        """Everything works again, service has cleared what it may, all doors are shut."""
        cabinet = self.cabinet
        cabinet.jammed = set()
        cabinet.charger_dead = set()
        cabinet.io_dead = False
        cabinet.danger_bits = 0
        for number in cabinet.open_doors():
            cabinet.doors[number] = True
        for pack in cabinet.packs.values():
            pack.answers = True
            pack.values["temp_max_ddegc"] = 250
        cabinet.run(limit_ms=ms)
        for number in range(SLOTS + 1):
            cabinet.control.command("clear", number, cabinet.now_ms)
        for number in cabinet.open_doors():
            cabinet.doors[number] = True
        cabinet.run(limit_ms=ms)

    def run(self):
        """The whole walk; ends with a cabinet that can serve."""
        cabinet = self.cabinet
        for _ in range(STEPS):
            if self.dice.one_in(250):
                self.bad_luck()
            if self.dice.one_in(400):
                self.mend(5000)  # service comes by
            self.rider()
            cabinet.tick()
            for number in sorted(cabinet.packs):
                pack = cabinet.packs[number]
                if cabinet.current[number] and self.dice.one_in(10) and pack.values["soc_pct"] < 100:
                    pack.values["soc_pct"] += 1
            everywhere = len(cabinet.packs) + len(self.street) + (1 if self.hands is not None else 0)
            assert everywhere == self.made, "a pack was lost"
        self.mend(140000)
        assert not cabinet.control.swap.active, cabinet.control.swap_view()
        for s in cabinet.control.slots:
            pack = cabinet.packs.get(s.number)
            if pack is None:
                assert s.state_name == "empty", (s.view(), cabinet.log[-10:])
            elif not pack.genuine or pack.values["nominal_mv"] == 72000 or pack.values["soh_pct"] == 60:
                assert s.state_name == "refused", (s.view(), cabinet.log[-10:])
            else:
                assert s.accepted, (s.view(), cabinet.log[-10:])
        return cabinet


def test_whatever_riders_and_luck_do_the_invariants_hold_and_the_cabinet_serves_in_the_end():
    completed = 0
    for seed in range(1, SEEDS + 1):
        try:
            cabinet = Walk(seed).run()
        except AssertionError as error:
            raise AssertionError("seed %d: %s" % (seed, error)) from None
        completed += cabinet.names().count("swap.completed")
    assert completed >= 3, completed


def test_events_tell_a_story_without_gaps():
    for seed in range(11, 13):
        cabinet = Walk(seed).run()
        ordered = ended = 0
        for name, _, data in cabinet.log:
            if name == "swap.ordered":
                assert ordered == ended, "a swap began before the last one ended"
                ordered += 1
                assert data["swap"] == ordered
            elif name in ("swap.completed", "swap.cancelled"):
                ended += 1
                assert data["swap"] == ended
        assert ordered == ended
