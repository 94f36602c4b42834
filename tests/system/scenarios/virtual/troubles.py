# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportMissingImports=false
"""Seeded troubles of every kind: each is put in, stands for a while and is taken away again."""

from nor_flash import PowerCut

from virtual.broker import MODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FLASH_EIO = 5
TEARS = ("none", "whole", "front", "back", "bits")
SLOT_KINDS = (
    "dead", "crc", "babble", "lie", "foreign", "late", "frozen", "hot", "charger_silent", "charger_stuck", "charger_fault", "door_stuck",
    "lock_jammed", "presence_on", "presence_off", "sensor_lost",
)  # fmt: skip
DANGERS = ("smoke", "water", "emergency_stop", "tilt", "gas", "ground_fault", "fan")
BOARD_KINDS = ("dead", "crc", "foreign", "late", "babble")
TASKS = ("bus packs", "bus io", "bus can", "kiosk", "journal", "devices", "uplink")
# kind: (weight, shortest and longest time that it stands, s)
KINDS = {
    "slot": (40, 4, 90), "board": (4, 1, 15), "noise": (5, 5, 60), "can_noise": (3, 5, 60), "line_cut": (3, 1, 20), "bus_off": (2, 1, 10),
    "danger": (3, 1, 20), "mains": (3, 1, 20), "broker": (10, 3, 120), "clock": (3, 5, 60), "power": (8, 0, 0), "power_flash": (8, 0, 0),
    "flash_error": (4, 1, 10), "crash": (5, 0, 0), "control_crash": (1, 0, 0), "wedge": (1, 0, 0), "hold": (2, 0, 0),
    "no_random": (2, 2, 20),
    "unbalanced": (3, 20, 90), "command": (6, 0, 0), "forced": (2, 0, 0),
}  # fmt: skip
# drawn only where they are asked for by name: all other runs are as before, seed by seed
ON_REQUEST = {"flash_lies": (12, 5, 60)}


class Troubles:
    """Draws one trouble after the other; several stand at the same time."""

    def __init__(self, sim: "Any", kinds: "tuple | list", every_s: int) -> None:
        self.sim = sim
        self.rng = sim.rng
        self.slot_kinds = [kind for kind in SLOT_KINDS if kind in kinds] or SLOT_KINDS
        some_slot_kinds = len(self.slot_kinds) < len(SLOT_KINDS)
        self.kinds = [kind for kind in sorted(KINDS) if not kinds or kind in kinds or (kind == "slot" and some_slot_kinds)]
        self.kinds += [kind for kind in sorted(ON_REQUEST) if kind in kinds]
        self.table = dict(KINDS, **ON_REQUEST)
        self.total = sum(self.table[kind][0] for kind in self.kinds)
        self.every_us = every_s * 1_000_000
        self.counts = {}
        self.running = False
        self.standing = []  # how to end each
        self._cut_in = 0  # flash operations until the power goes
        self._errors = 0  # flash fails
        sim.before_flash = self._before_flash
        if every_s:
            self.start()

    def start(self) -> None:
        """From now on."""
        if self.every_us:
            self.running = True
            self._next()

    def stop(self) -> None:
        """No more, and those that stand end."""
        self.running = False
        for end in self.standing:
            end()
        self.standing = []
        self._cut_in = 0
        self._errors = 0

    def _next(self) -> None:
        self.sim.time.after(self.every_us // 4 + self.rng.below(self.every_us * 3 // 2), self._strike)

    def _strike(self, _: "Any") -> None:
        if not self.running:
            return
        self._next()  # before the trouble: it may end this life of the controller
        dice = self.rng.below(self.total)
        for kind in self.kinds:
            dice -= self.table[kind][0]
            if dice < 0:
                break
        _, shortest, longest = self.table[kind]
        lasts_us = (shortest * 1000 + self.rng.below((longest - shortest) * 1000 + 1)) * 1000
        getattr(self, "_" + kind)(lasts_us)

    def _note(self, name: str, lasts_us: int = 0) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1
        self.sim.tell("** trouble: %s%s" % (name, " for %d ms" % (lasts_us // 1000) if lasts_us else ""))

    def _for(self, lasts_us: int, name: str, end: "Any") -> None:
        self._note(name, lasts_us)
        self.standing.append(end)

        def over(_: "Any") -> None:
            if end in self.standing:
                self.standing.remove(end)
                self.sim.tell("** over: " + name)
                end()

        self.sim.time.after(lasts_us, over)

    # ---- the plant ----

    def _slot(self, lasts_us: int) -> None:
        world = self.sim.world
        number = 1 + self.rng.below(len(world.slots))
        kind = self.rng.choice(self.slot_kinds)
        if kind == "hot":
            lasts_us = min(lasts_us, 25_000_000)
        pack = world.slots[number - 1].pack
        world.set_fault(number, kind)

        def end() -> None:
            world.set_fault(number, "none")
            if pack is not None:
                pack.frozen = pack.lying = False
                pack.heater_w = 0.0

        self._for(lasts_us, kind, end)
        self.sim.tell("   slot %d" % number)

    def _unbalanced(self, lasts_us: int) -> None:
        world = self.sim.world
        slot = self.rng.choice(world.slots)
        pack = slot.pack
        if pack is None:
            return
        was = pack.offsets_mv[0]
        pack.offsets_mv[0] = was - 150 - self.rng.below(250)

        def end() -> None:
            pack.offsets_mv[0] = was

        self._for(lasts_us, "unbalanced", end)

    def _forced(self, lasts_us: int) -> None:
        """Somebody breaks a door open; a passer-by shuts it later."""
        world = self.sim.world
        if world.open_doors() or (world.rider is not None and world.rider.at_cabinet):
            return
        slot = self.rng.choice(world.slots)
        slot.since_pulse = 0.0  # the auditor shall not take it for the firmware's doing
        slot.locked = slot.door_closed = False
        self._note("forced_door")

    def _danger(self, lasts_us: int) -> None:
        world = self.sim.world
        name = self.rng.choice(DANGERS)
        world.set_danger(name, True)
        self._for(lasts_us, name, lambda: self._safe_again(name))

    def _safe_again(self, name: str) -> None:
        self.sim.world.set_danger(name, False)
        self.sim.time.after(15_000_000, self._clear)  # somebody comes and looks

    def _clear(self, _: "Any") -> None:
        self.sim.broker.command({"id": "c%d" % self.sim.time.now_us, "kind": "clear"})

    def _mains(self, lasts_us: int) -> None:
        sim = self.sim
        sim.mains = False

        def end() -> None:
            sim.mains = True

        self._for(lasts_us, "mains_dip", end)

    # ---- wires ----

    def _board(self, lasts_us: int) -> None:
        faults = self.sim.board_units.board_faults
        board = self.rng.choice(self.sim.board_units.units())
        kind = self.rng.choice(BOARD_KINDS)
        faults[board] = kind
        self._for(lasts_us, "board_" + kind, lambda: faults.pop(board, None))

    def _noise(self, lasts_us: int) -> None:
        sim = self.sim
        if sim.app is None:
            return
        line = self.rng.choice((sim.packs_line, sim.io_line))
        line.noise = 3 + self.rng.below(40)

        def end() -> None:
            line.noise = 0

        self._for(lasts_us, "noise", end)

    def _can_noise(self, lasts_us: int) -> None:
        can = self.sim.can
        if can is None:
            return
        can.noise = 3 + self.rng.below(40)

        def end() -> None:
            can.noise = 0

        self._for(lasts_us, "can_noise", end)

    def _line_cut(self, lasts_us: int) -> None:
        sim = self.sim
        if sim.app is None:
            return
        line = self.rng.choice((sim.packs_line, sim.io_line))
        line.cut = True

        def end() -> None:
            line.cut = False

        self._for(lasts_us, "line_cut", end)

    def _bus_off(self, lasts_us: int) -> None:
        can = self.sim.can
        if can is None:
            return
        can.bus_off = True

        def end() -> None:
            can.bus_off = False

        self._for(lasts_us, "bus_off", end)

    # ---- network, clock ----

    def _broker(self, lasts_us: int) -> None:
        broker = self.sim.broker
        mode = self.rng.choice(MODES)
        broker.set_mode(mode)

        def end() -> None:
            broker.set_mode("reset")

        self._for(lasts_us, "broker_" + mode, end)

    def _clock(self, lasts_us: int) -> None:
        board = self.sim.board
        if board is None:
            return
        clock = board.clock
        clock.known = self.rng.below(3)
        clock.wall_offset_s += self.rng.below(400_000) - 200_000

        def end() -> None:
            clock.known = 2
            clock.wall_offset_s = 1_760_000_000

        self._for(lasts_us, "clock", end)

    def _command(self, lasts_us: int) -> None:
        """Somebody in the back office does what he likes."""
        sim = self.sim
        kind = self.rng.choice(("swap", "unlock", "disable", "enable", "clear", "nonsense"))
        slot = 1 + self.rng.below(len(sim.world.slots))
        command = {"id": "x%d" % sim.time.now_us, "kind": kind, "slot": slot}
        if kind == "unlock":
            sim.judge.unlocks[slot] = sim.time.now_us
        if kind == "disable":
            sim.time.after(30_000_000, self._enable, slot)
        if sim.broker.command(command):
            self._note("command_" + kind)

    def _enable(self, slot: int) -> None:
        if not self.sim.broker.command({"id": "e%d" % self.sim.time.now_us, "kind": "enable", "slot": slot}):
            self.sim.time.after(5_000_000, self._enable, slot)

    # ---- power and flash ----

    def _power(self, lasts_us: int) -> None:
        if self.sim.board is None:
            return  # it has none
        self._note("power_cut")
        self.sim.cut_power(50_000 + self.rng.below(200) * self.rng.below(200) * 500)

    def _power_flash(self, lasts_us: int) -> None:
        self._cut_in = 1 + self.rng.below(20)

    def _flash_error(self, lasts_us: int) -> None:
        self._errors = 1 + self.rng.below(4)  # one operation in so many fails

        def end() -> None:
            self._errors = 0

        self._for(lasts_us, "flash_error", end)

    def _flash_lies(self, lasts_us: int) -> None:
        """One reading in so many is wrong, and up to ten after it: also across a start, if the power goes meanwhile."""
        areas = list(self.sim.flash.values())
        for area in areas:
            area.lies = 20 + self.rng.below(300)

        def end() -> None:
            for area in areas:
                area.lies = area.burst = 0

        self._for(lasts_us, "flash_lies", end)

    def _before_flash(self, flash: "Any") -> None:
        if self._cut_in:
            self._cut_in -= 1
            if not self._cut_in:
                sim = self.sim
                self._note("power_cut_at_flash")
                flash.tear = self.rng.choice(TEARS)
                sim.power_cuts += 1
                sim.off_for_us = 50_000 + self.rng.below(2000) * 1000
                sim.cause = "power_on"
                raise PowerCut()
        if self._errors and not self.rng.below(self._errors):
            raise OSError(FLASH_EIO)

    # ---- the firmware itself ----

    def _crash(self, lasts_us: int) -> None:
        app = self.sim.app
        if app is None:
            return
        task = self.rng.choice(TASKS)
        error = self.rng.choice((ValueError, MemoryError, OSError, RuntimeError))("injected")
        if task[:3] == "bus":
            owner, method = app.buses[task[4:]], "step"
        elif task == "kiosk":
            owner, method = app.kiosk, "take"
        elif task == "journal":
            owner, method = app.journal, "idle"
        elif task == "devices":
            owner, method = app.journal, "level_pct"  # somewhere in the middle of something
            owner, method = app.parts[self.rng.below(len(app.parts))].charger, "tick"
        else:
            owner, method = app.uplink.network, "is_up"
        self._once(owner, method, error)
        if task != "uplink":
            self.sim.judge.expected_errors += 1
        self._note("crash_" + task.replace(" ", "_"))

    def _once(self, owner: "Any", method: str, error: BaseException) -> None:
        """The next call of a method of this object raises."""
        inner = getattr(owner, method)

        def failing(*arguments: "Any") -> "Any":
            setattr(owner, method, inner)
            raise error

        setattr(owner, method, failing)

    def _control_crash(self, lasts_us: int) -> None:
        app = self.sim.app
        if app is None:
            return
        self.sim.judge.expected_deaths += 1
        self._note("control_crash")
        self._once(app.control, "step", self.rng.choice((ValueError, MemoryError))("injected"))

    def _hold(self, lasts_us: int) -> None:
        self._held(100_000 + self.rng.below(600) * 1000, "hold")

    def _wedge(self, lasts_us: int) -> None:
        self._held(30_000_000, "wedge")

    def _held(self, for_us: int, name: str) -> None:
        """The firmware does nothing for so long: the watchdog may bite."""
        sim = self.sim
        app = sim.app
        if app is None:
            return
        self._note(name, for_us)
        inner = app.control.step
        judge = sim.judge

        def holding(now_ms: int) -> None:
            app.control.step = inner
            judge.expected_deaths += 1
            sim.time.pass_until(sim.time.now_us + for_us)
            judge.expected_deaths -= 1
            inner(now_ms)

        app.control.step = holding

    def _no_random(self, lasts_us: int) -> None:
        sim = self.sim
        sim.no_random = True

        def end() -> None:
            sim.no_random = False
            sim.random_again_us = sim.time.now_us

        self._for(lasts_us, "no_random", end)
