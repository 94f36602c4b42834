"""A rider at the cabinet: a person with a token and an empty pack, who sees doors and reads the kiosk, and nothing else.

Stepped by `dt`. The rider's rules are a person's: an open empty compartment is for my pack, a pack in an open compartment is for me, a
door that I have used gets shut. If nothing happens I show my card again; if I get my own pack back I try again; sooner or later I give up.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plant.cabinet_world import World
    from plant.pack import Pack
    from plant.slot import Slot

COMING = "coming"
TIDYING = "tidying"  # shuts doors that others left open
WAITING = "waiting"  # for a door to open
HANDLING = "handling"  # moves a pack in or out
SHUTTING = "shutting"
LEAVING = "leaving"
GONE = "gone"

# how a visit ends
COMPLETED = "completed"
REFUSED = "refused"
ABANDONED = "abandoned"

FAREWELLS = ("pack_dangerous", "pack_kept", "kept")  # after these riders go home without a pack
FULL_SOC = 0.85  # what the display of a pack shows as full


class Rider:
    """One visit of one rider. `manner` is "normal", "dawdle" or "walk_away"."""

    PATIENCE = 60.0  # s until riders who still hold their own pack give up
    AGAIN_AFTER_WORDS = 5.0  # s from showing the card to showing it again, if the kiosk has shown a sentence and no door opened
    AGAIN_WITHOUT_WORDS = 12.0  # the same if the kiosk has shown nothing
    AGAIN_INSIDE = 60.0  # the same with their own pack inside
    AGAIN_INSIDE_BAD = 15.0  # the same with a bad pack inside, of which the rider knows
    SHOWS_INSIDE = 6  # times the card is shown with their own pack inside

    def __init__(self, world: "World", token: str, pack: "Pack", manner: str = "normal", delay: float = 0.0) -> None:
        self.world = world
        self.rng = world.rng
        self.token = token
        self.own = pack
        self.manner = manner
        self.hands = [pack]
        self.state = COMING
        self.timer = delay
        self.slot: "Slot | None" = None  # the slot whose door is in use
        self.shown = 0  # times the card was shown
        self.shown_inside = 0
        self.since_shown = 0.0
        self.since_event = 0.0
        self.waited = 0.0
        self.tries = 0  # times their own pack came back
        self.answered = False  # the kiosk has shown a sentence since the card was shown
        self.said: "tuple[int, str, str] | None" = None
        self.said_of = 0  # the slot that the kiosk named last
        self.used_slots = []
        self.inserted = False
        self.sent_away = False  # the kiosk has shown that the pack stays inside
        self.ending = ""
        self.honest_tries = 3 if pack.kind == "genuine" else 1
        self.leaves_at = self.rng.below(3) if manner == "walk_away" else -1

    @property
    def at_cabinet(self) -> bool:
        """True from arrival to departure."""
        return self.state not in (COMING, GONE)

    def hear(self, slot: int, code: str, sentence: str) -> None:
        """A sentence appears on the kiosk. One that names a slot means that something is going on: no need to show the card again."""
        self.said = (slot, code, sentence)
        self.said_of = slot or self.said_of
        if slot == 0:
            self.answered = True
        elif not self.inserted:
            self.since_shown = 0.0
        if code in FAREWELLS and self.inserted:
            self.sent_away = True

    def send_away(self) -> None:
        """A technician asks the rider to come another time. Before an open door the rider is left alone."""
        if self.state == WAITING:
            self._leave(ABANDONED)

    def view(self) -> dict:
        """For the snapshot."""
        return {
            "token": self.token,
            "manner": self.manner,
            "pack": self.own.serial,
            "kind": self.own.kind,
            "state": self.state,
            "slot": self.slot.number if self.slot else None,
            "inserted": self.inserted,
            "holds": [p.serial for p in self.hands],
            "shown": self.shown,
        }

    def step(self, dt: float) -> None:
        """Let `dt` seconds pass."""
        self.timer -= dt
        if self.state == WAITING:
            self._wait(dt)
        elif self.timer <= 0.0:
            if self.state == COMING or self.state == TIDYING:
                self._arrive()
            elif self.state == HANDLING:
                self._handle()
            elif self.state == SHUTTING:
                self._shut()
            elif self.state == LEAVING:
                self.state = GONE

    # ---- what a person does

    def _pause(self, low: float, high: float) -> float:
        if self.manner == "dawdle":
            return self.rng.between(6.0, 20.0)
        return self.rng.between(low, high)

    def _arrive(self) -> None:
        opened = self.world.open_doors()
        if opened:  # an honest person shuts them and takes nothing
            opened[0].shut()
            self.state = TIDYING
            self.timer = 0.7
            return
        self._show()
        self.state = WAITING

    def _show(self) -> None:
        self.world.show_token(self.token)
        self.shown += 1
        self.since_shown = 0.0
        self.answered = False

    def _wait(self, dt: float) -> None:
        self.since_shown += dt
        self.since_event += dt
        opened = self.world.open_doors()
        if opened:
            self.slot = opened[0]
            self.state = HANDLING
            self.timer = self._pause(0.4, 1.0)
            return
        if self.inserted:
            if self.sent_away and self.since_event >= 3.0:
                self._leave(REFUSED)
                return
            bad = self.own.kind != "genuine"
            if self.since_shown >= (self.AGAIN_INSIDE_BAD if bad else self.AGAIN_INSIDE) and self.since_event >= 15.0:
                self.shown_inside += 1
                if self.shown_inside > (2 if bad else self.SHOWS_INSIDE):
                    self._leave(REFUSED if bad else ABANDONED)
                else:
                    self._show()
            return
        self.waited += dt
        if self.waited > self.PATIENCE:
            self._leave(ABANDONED if self.tries == 0 else REFUSED)
        elif self.since_shown >= (self.AGAIN_AFTER_WORDS if self.answered else self.AGAIN_WITHOUT_WORDS):
            self._show()

    def _handle(self) -> None:
        """At an open compartment: put their own pack into an empty one; take the pack of another one after giving their own."""
        slot = self.slot
        if slot is None or slot.door_closed:
            self.state = WAITING
            return
        self.since_event = 0.0
        holds_own = self.own in self.hands
        holds_other = len(self.hands) > (1 if holds_own else 0)
        if slot.pack is None:
            if holds_own and self.leaves_at == 0:
                self._leave(ABANDONED)  # before their own pack is put in
                return
            if holds_own:
                self.hands.remove(self.own)
                slot.insert(self.own)
                self.inserted = True
                self.used_slots.append(slot.number)
                if self.leaves_at == 1:
                    self._leave(ABANDONED)  # without shutting the door
                    return
        elif not holds_other and (not holds_own or self.world.out_in):
            if slot.pack is not self.own and self.own.kind != "genuine" and self.said_of in self.used_slots:
                self._go_shutting()  # the kiosk named their own pack last: what the operator opens meanwhile is not for this rider
                return
            if slot.pack is not self.own and self.leaves_at == 2:
                self._leave(ABANDONED)  # before the full pack is taken
                return
            taken = slot.take()
            self.hands.append(taken)
            if taken is self.own:
                self.inserted = False
                self.sent_away = False
            else:
                self.world.handed_out(self, slot, taken)
        self._go_shutting()

    def _go_shutting(self) -> None:
        self.state = SHUTTING
        self.timer = self._pause(0.25, 0.35)

    def _shut(self) -> None:
        slot = self.slot
        if slot is not None:
            slot.shut()
        self.slot = None
        self.since_event = 0.0
        asked = slot is not None and slot.pack is None and self.said is not None and self.said[:2] == (slot.number, "put_pack_in")
        if asked and not self.hands:
            self._leave(ABANDONED)  # the cabinet has no record of the pack that was given: it went in through a technician's door
            return
        holds_own = self.own in self.hands
        if not holds_own and self.hands:
            self._leave(COMPLETED if self.hands[0].soc >= FULL_SOC else ABANDONED)
            return
        if holds_own and self.used_slots and len(self.hands) == 1:  # given back
            self.used_slots = []
            self.tries += 1
            if self.tries >= self.honest_tries:
                self._leave(REFUSED)
                return
            self.waited = 0.0
            self.since_shown = self.AGAIN_AFTER_WORDS - 1.0
            self.answered = True
        self.state = WAITING

    def _leave(self, ending: str) -> None:
        self.ending = ending
        self.slot = None
        self.state = LEAVING
        self.timer = 0.3
