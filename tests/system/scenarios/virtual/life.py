# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
"""What happens around the cabinet: riders come, a technician comes, and at the end everything is put right."""

from plant.rider import GONE
from virtual.sim import Finished

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KINDS = (("normal", 30), ("bad_pack", 4), ("dawdle", 2), ("walk_away", 3))
FIRST_RIDER_US = 15_000_000
REFUSED = ("refused", "quarantined")
SERVICE_EVERY_US = 5_000_000


class Life:
    """Riders and service of one run."""

    def __init__(self, sim: "Any", pause_s: int = 12) -> None:
        self.sim = sim
        self.rng = sim.rng
        self.pause_s = pause_s
        self.service = False  # a technician is here
        self.open_for = 0  # slot that the technician has asked for
        self.refused = False  # what stands in it had been refused
        self.asked = 0  # slot that the technician asked for last: the next time another one's turn comes
        self.number = 0
        self.kinds = KINDS
        sim.time.at(FIRST_RIDER_US, self._riders)
        sim.time.at(SERVICE_EVERY_US, self._technician)

    def _riders(self, _: "Any") -> None:
        sim = self.sim
        world = sim.world
        if world.rider is None and not world.queue and not self.open_for:
            total = sum(weight for _, weight in self.kinds)
            dice = self.rng.below(total)
            kind = "normal"
            for name, weight in self.kinds:
                if 0 <= dice < weight:
                    kind = name
                dice -= weight
            if self.service:
                kind = "normal"  # whoever comes now must be served
            world.bring(kind)
            sim.tell("a rider comes: %s" % kind)
        sim.time.after(1_000_000 + self.rng.below(2 * self.pause_s) * 1_000_000, self._riders)

    # ---- the technician ----

    def command(self, kind: str, slot: int = 0) -> bool:
        """By way of the broker."""
        self.number += 1
        command: "dict[str, Any]" = {"id": "s%d" % self.number, "kind": kind}
        if slot:
            command["slot"] = slot
        if kind == "unlock":
            self.sim.judge.unlocks[slot] = self.sim.time.now_us
        return self.sim.broker.command(command)

    def _technician(self, _: "Any") -> None:
        """Takes out what cannot stay, clears what is latched, shuts what is open."""
        sim = self.sim
        world = sim.world
        sim.time.after(SERVICE_EVERY_US, self._technician)
        rider = world.rider
        if rider is not None and rider.state != GONE and rider.at_cabinet:
            if self.service and rider.shown >= 2 and sim.app is not None and not sim.app.control.swap.active and self._no_service():
                rider.send_away()  # nobody can be served before somebody has made room, or looked at what stopped the cabinet
            return
        opened = world.open_doors()
        if opened:
            slot = opened[0]
            if self.open_for == slot.number and slot.pack is not None and (self.refused or self._must_go(slot)):
                pack = slot.take()
                (world.field if pack.kind == "genuine" else world.taken_away).append(pack)
                sim.tell("technician takes %s (%s) out of slot %d" % (pack.serial, pack.kind, slot.number))
            if self.service or self.open_for == slot.number:
                slot.shut()
                self.open_for = 0
            return
        self.open_for = 0
        if not self.service or sim.app is None:
            return
        control = sim.app.control
        if control.faults.latched() or control.interlock.stop_rule >= 0:
            self.command("clear")
        for s in control.slots:
            if s.faults.latched() or s.stuck or s.serial_quarantined or s.switch_bad:
                self.command("clear", s.number)
            if not s.enabled:
                self.command("enable", s.number)
        if control.swap.active:
            return
        for slot in world.slots[self.asked :] + world.slots[: self.asked]:
            # an empty slot at fault has to be looked into: only an open door tells that nothing stands in it
            faulty = slot.pack is None and control.slots[slot.number - 1].state_name == "fault"
            if faulty or (slot.pack is not None and self._must_go(slot)):
                self.command("unlock", slot.number)
                self.open_for = self.asked = slot.number
                self.refused = control.slots[slot.number - 1].state_name in REFUSED
                return

    def _must_go(self, slot: "Any") -> bool:
        if slot.pack.kind != "genuine":
            return True
        if self.sim.app is not None:
            state = self.sim.app.control.slots[slot.number - 1].state_name
            if state in REFUSED:
                return True
        return self._full()

    def _no_service(self) -> bool:
        """Whether the firmware is stopped, or has no slot that may take a pack."""
        control = self.sim.app.control
        return control.interlock.stop_rule >= 0 or not any(s.receptive() for s in control.slots)

    def _full(self) -> bool:
        return all(slot.pack is not None for slot in self.sim.world.slots)

    # ---- the end ----

    def settle(self) -> None:
        """Nothing is wrong any more, and a technician comes."""
        sim = self.sim
        world = sim.world
        sim.tell("all faults end, a technician comes")
        self.service = True
        for slot in world.slots:
            world.set_fault(slot.number, "none")
        for pack in world.fleet.made:
            pack.frozen = pack.lying = False
            pack.heater_w = 0.0
            pack.temp_c = min(pack.temp_c, 30.0)
            if pack.kind == "hot":  # it has cooled down, and service may clear it for use
                pack.temp_c = 25.0
                pack.kind = "genuine"
        world.dangers.clear()
        sim.board_units.board_faults.clear()
        sim.mains = True
        sim.no_random = False
        if sim.broker.mode != "up":
            sim.broker.set_mode("reset")
        for line in (sim.packs_line, sim.io_line, sim.can):
            if line is not None:
                line.noise = 0
        if sim.packs_line is not None:
            sim.packs_line.cut = sim.io_line.cut = False
            sim.can.bus_off = False
        if sim.board is not None:
            sim.board.clock.known = 2


def finish(sim: "Any") -> None:
    """For the agenda: the run ends."""
    raise Finished()
