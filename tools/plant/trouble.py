"""A seeded story of trouble for long runs: faults come, stand for a while and go. Portable."""

from plant.rng import Rng

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plant.cabinet_world import World

# kind: (weight, shortest and longest time it stands, s)
SLOT_TROUBLE = (
    ("dead", 6, 2.0, 120.0),
    ("crc", 4, 2.0, 60.0),
    ("babble", 3, 2.0, 30.0),
    ("lie", 2, 2.0, 30.0),
    ("foreign", 3, 2.0, 30.0),
    ("late", 4, 2.0, 60.0),
    ("frozen", 3, 5.0, 60.0),
    ("hot", 1, 15.0, 30.0),
    ("unbalanced", 1, 10.0, 60.0),
    ("sensor_stuck", 1, 10.0, 60.0),
    ("charger_silent", 4, 2.0, 60.0),
    ("charger_stuck", 1, 2.0, 10.0),
    ("charger_fault", 2, 5.0, 60.0),
    ("door_stuck", 2, 10.0, 60.0),
    ("lock_jammed", 2, 10.0, 60.0),
    ("presence_on", 1, 5.0, 30.0),
    ("presence_off", 1, 5.0, 30.0),
)
DANGER_TROUBLE = (
    ("mains_lost", 6, 0.2, 60.0),
    ("fan", 3, 10.0, 300.0),
    ("smoke", 1, 0.2, 20.0),
    ("water", 1, 0.2, 20.0),
    ("gas", 1, 0.2, 20.0),
    ("tilt", 1, 0.2, 10.0),
    ("emergency_stop", 1, 1.0, 20.0),
    ("ground_fault", 1, 0.2, 10.0),
)
RIDER_TROUBLE = (("bad_pack", 4, 0.0, 0.0), ("dawdle", 3, 0.0, 0.0), ("walk_away", 2, 0.0, 0.0))
WEATHER_C = (-5.0, 46.0)


def pick(rng: Rng, rows: tuple) -> tuple:
    """A row by its weight."""
    point = rng.below(sum(row[1] for row in rows))
    for row in rows:
        point -= row[1]
        if point < 0:
            return row
    return rows[-1]


class Trouble:
    """Gives a world trouble, `every` seconds on average. `without` names kinds that are left out."""

    def __init__(self, world: "World", seed: int, every: float, without: tuple = ()) -> None:
        self.world = world
        self.rng = Rng(seed)
        self.every = every
        self.slot_rows = tuple([r for r in SLOT_TROUBLE if r[0] not in without])
        self.danger_rows = tuple([r for r in DANGER_TROUBLE if r[0] not in without])
        self.rider_rows = tuple([r for r in RIDER_TROUBLE if r[0] not in without])
        self.weather = "weather" not in without
        self.counts = {}
        self.total = 0
        self._next = self._pause()
        self._ends = []  # (time, function, arguments)

    def _pause(self) -> float:
        return self.world.now + self.every * self.rng.between(0.2, 1.8)

    def _count(self, kind: str) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.total += 1

    def step(self) -> None:
        """Call after every step of the world."""
        now = self.world.now
        if self._ends:
            due = [e for e in self._ends if e[0] <= now]
            if due:
                self._ends = [e for e in self._ends if e[0] > now]
                for _, function, arguments in due:
                    function(*arguments)
        if now >= self._next:
            self._next = self._pause()
            self._give()

    def _give(self) -> None:
        rng = self.rng
        world = self.world
        dice = rng.below(20)
        if dice < 13 and self.slot_rows:
            free = [s.number for s in world.slots if s.number not in world.faults]
            if free:
                number = rng.choice(free)
                kind, _, least, most = pick(rng, self.slot_rows)
                world.set_fault(number, kind)
                self._ends.append((world.now + rng.between(least, most), world.set_fault, (number, "none")))
                self._count(kind)
        elif dice < 16 and self.danger_rows:
            kind, _, least, most = pick(rng, self.danger_rows)
            if not world.dangers.get(kind):
                world.set_danger(kind, True)
                self._ends.append((world.now + rng.between(least, most), world.set_danger, (kind, False)))
                self._count(kind)
        elif dice < 19 and self.rider_rows:
            if len(world.queue) < 3:
                kind = pick(rng, self.rider_rows)[0]
                world.bring(kind)
                self._count(kind)
        elif self.weather:
            world.ambient_c = rng.between(WEATHER_C[0], WEATHER_C[1])
            self._count("weather")

    def settle(self) -> None:
        """End everything that stands, at once: to see whether the system comes back."""
        ends, self._ends = self._ends, []
        for _, function, arguments in ends:
            function(*arguments)
        self.world.ambient_c = 24.0
        self._next = float("inf")
