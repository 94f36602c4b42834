"""A technician of the operator, who collects packs that the cabinet does not give to riders. Portable."""

from plant.rider import COMING, GONE, HANDLING, LEAVING, SHUTTING, WAITING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plant.cabinet_world import World
    from plant.pack import Pack
    from plant.slot import Slot


class Collector:
    """Comes, waits until the operator opens a door by command, takes the pack, shuts the door, and leaves when no door has opened
    for a while. A pack that is still dangerously hot is left in its slot."""

    PATIENCE = 60.0
    HOT_C = 60.0

    def __init__(self, world: "World", delay: float) -> None:
        self.world = world
        self.hands: "list[Pack]" = []
        self.state = COMING
        self.timer = delay
        self.waited = 0.0
        self.slot: "Slot | None" = None
        self.ending = ""  # such a visit is neither completed nor refused

    @property
    def at_cabinet(self) -> bool:
        """True from arrival to departure."""
        return self.state not in (COMING, GONE)

    def hear(self, slot: int, code: str, sentence: str) -> None:
        """The kiosk's sentences are for riders."""

    def view(self) -> dict:
        """For the snapshot."""
        return {
            "token": "",
            "manner": "service",
            "pack": "",
            "kind": "",
            "state": self.state,
            "slot": self.slot.number if self.slot else None,
            "inserted": False,
            "holds": [p.serial for p in self.hands],
            "shown": 0,
        }

    def step(self, dt: float) -> None:
        """Let `dt` seconds pass."""
        self.timer -= dt
        if self.state == WAITING:
            self.waited += dt
            opened = self.world.open_doors()
            if opened:
                self.slot = opened[0]
                self._go(HANDLING, 1.0)
            elif self.waited > self.PATIENCE:
                self._go(LEAVING, 0.3)
        elif self.timer <= 0.0:
            self._act()

    def _go(self, state: str, pause: float) -> None:
        self.state = state
        self.timer = pause
        self.waited = 0.0

    def _act(self) -> None:
        slot = self.slot
        if self.state == HANDLING:
            if slot is not None and not slot.door_closed and slot.pack is not None and slot.pack.temp_c < self.HOT_C:
                self.hands.append(slot.take())
            self._go(SHUTTING, 0.5)
        elif self.state == LEAVING:
            self.state = GONE
        else:
            if slot is not None:
                slot.shut()
                self.slot = None
            self._go(WAITING, 0.0)
