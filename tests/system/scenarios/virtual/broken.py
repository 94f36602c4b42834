# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
"""Deliberately broken builds: each takes one protection out of the firmware (or breaks the plant), and the judge must notice.

`BUILDS`: name -> (what is taken out, the invariants of which one must catch it, words of the run that bring it to light).
"""

from cabinet.bus.isotp import IsoTp
from cabinet.core import charging, control, interlock, reading, slot, swap
from cabinet.core.events import EVENTS
from cabinet.core.faults import FaultSet
from cabinet.devices.bms.pack_link_can import PackLinkCan
from cabinet.devices.bms.pack_link_modbus import PackLinkModbus
from cabinet.devices.chargers.elcon import ElconCharger
from cabinet.runtime import control_loop
from cabinet.store.ring import Ring
from cabinet.trust.proof import PackProof
from cabinet.uplink import drain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _any_proof(sim: "Any") -> None:
    PackProof.check = lambda self, serial, nonce, mac: True


def _skip_proof(sim: "Any") -> None:
    def skip(self: "Any", index: int, part: "Any") -> "Any":
        self._control.proof_result(index + 1, part.pack.reading.serial, True, self._clock.ticks_ms())
        part.proving = False
        yield

    control_loop.ControlLoop._prove = skip


def _never_off(sim: "Any") -> None:
    reported = ElconCharger.set

    def on_only(self: "Any", mv: int, ma: int) -> None:
        if ma or sim.world.slots[self.address - 0xA1].door_closed:
            reported(self, mv, ma)
        else:
            self._set_ms = self.bus.clock.ticks_ms()

    ElconCharger.set = on_only


def _late_off(sim: "Any") -> None:
    reported = ElconCharger.set
    waiting = {}

    def late(self: "Any", mv: int, ma: int) -> None:
        if ma:
            waiting.pop(self.address, None)
            reported(self, mv, ma)
        elif self.set_ma:
            since = waiting.setdefault(self.address, sim.time.now_us)
            if sim.time.now_us - since > 400_000:
                reported(self, 0, 0)

    ElconCharger.set = late


def _charge_refused(sim: "Any") -> None:
    wishes = charging.ChargePlan.wishes
    charge_why = interlock.Interlock.charge_why

    def any_pack(self: "Any", s: "Any") -> str:
        return "" if s.state == slot.REFUSED and s.pack_fresh and s.shut and s.charger_fresh and s.plan_ma else charge_why(self, s)

    charging.ChargePlan.wishes = lambda self, s: wishes(self, s) or (s.state == slot.REFUSED and s.identified)
    interlock.Interlock.charge_why = any_pack


def _hand_out_refused(sim: "Any") -> None:
    def weak(self: "Any", options: "Any") -> bool:
        known = slot.IDENTIFYING <= self.state <= slot.REFUSED and self.shut and self.io_fresh and self.pack_fresh
        return known and self.proof == slot.PROVEN and self.pack.soc_pct >= options.full_soc_pct

    def any_full(self: "Any") -> "Any":
        for s in self._slots:
            if s.state == slot.REFUSED and s.releasable(self._options):
                return s
        return full_slot(self)

    full_slot = swap.Swap.full_slot
    slot.SlotControl.releasable = weak
    swap.Swap.full_slot = any_full


def _forget(name: str) -> "Any":
    """A control loop that does not journal events of this name."""

    def apply(sim: "Any") -> None:
        store = control_loop.ControlLoop._store

        def forgetful(self: "Any") -> bool:
            events = self._control.events
            for event in list(events):
                if EVENTS[event.code][0] == name:
                    events.remove(event)
            return store(self)

        control_loop.ControlLoop._store = forgetful

    return apply


def _spurious_pulse(sim: "Any") -> None:
    from cabinet.core import events

    def pulse(_: "Any") -> None:
        app = sim.app
        if app is not None and not app.control.swap.active and not sim.world.open_doors():
            app.journal.append(events.make("lock.pulsed", 3, "", "rider_in", 300))
            app.parts[2].board.pulse(2, 300)
        sim.time.after(7_000_000, pulse)

    sim.time.at(20_000_000, pulse)


def _skip_events(sim: "Any") -> None:
    take = drain.Drain.take
    count = [0]

    def skipping(self: "Any", ring: int, message: "Any") -> bool:
        count[0] += 1
        if count[0] % 40 == 0:
            self._journal.read(ring, self._read[ring])
            self._read[ring] += 1
        return take(self, ring, message)

    drain.Drain.take = skipping


def _reorder_events(sim: "Any") -> None:
    def backwards(self: "Any") -> bytes:
        self.parts.reverse()
        return ("[" + ",".join(self.parts) + "]").encode()

    drain.Message.payload = backwards


def _ack_early(sim: "Any") -> None:
    sent = drain.Drain.sent

    def early(self: "Any", ring: int, message: "Any") -> bool:
        self._journal.ack(ring, message.last)
        return sent(self, ring, message)

    drain.Drain.sent = early


def _ram_journal(sim: "Any") -> None:
    Ring.program = lambda self, *arguments: None
    Ring.same = lambda self, *arguments: True


def _double_budget(sim: "Any") -> None:
    power_w = charging.power_w
    charging.power_w = lambda mv, ma: power_w(mv, ma) // 2


def _many_doors(sim: "Any") -> None:
    interlock.Interlock.released = lambda self, s, now_ms: False


def _open_anything(sim: "Any") -> None:
    door_why = interlock.Interlock.door_why

    def weak(self: "Any", s: "Any", claim: int, now_ms: int) -> str:
        why = door_why(self, s, claim, now_ms)
        return "" if why in ("hot", "quarantined") else why

    interlock.Interlock.door_why = weak


def _always_fresh(sim: "Any") -> None:
    for module in (reading, slot, control):
        if hasattr(module, "is_fresh"):
            module.is_fresh = lambda taken_ms, now_ms, limit_ms: taken_ms is not None
    PackLinkModbus.lost = lambda self, reason, now_ms: None
    PackLinkCan.tick = lambda self, now_ms: self.tp and self.tp.tick(now_ms)


def _no_faults(sim: "Any") -> None:
    FaultSet.evaluate = lambda self, quantities, now_ms, out, pack: None


def _high_set_point(sim: "Any") -> None:
    target_mv = charging.target_mv
    charging.target_mv = lambda s: target_mv(s) + 1500


def _full_current(sim: "Any") -> None:
    permit = interlock.Interlock.permit_charge

    def generous(self: "Any", s: "Any", target: int, now_ms: int, out: list) -> None:
        permit(self, s, target, now_ms, out)
        if s.charge_ma:
            s.charge_ma = 20000

    interlock.Interlock.permit_charge = generous


def _slow_loop(sim: "Any") -> None:
    step = control_loop.ControlLoop.step

    def slow(self: "Any") -> None:
        step(self)
        sim.time.pass_until(sim.time.now_us + 600_000)

    control_loop.ControlLoop.step = slow


def _dies(sim: "Any") -> None:
    def dying(self: "Any") -> None:
        raise ValueError("the swap cannot be completed")

    swap.Swap._complete = dying


def _proof_crashes(sim: "Any") -> None:
    IsoTp.start = lambda self, request, now_ms: request[40]


def _no_full_pack(sim: "Any") -> None:
    swap.Swap.full_slot = lambda self: None


def _pack_vanishes(sim: "Any") -> None:
    def vanish(_: "Any") -> None:
        for place in sim.world.slots:
            if place.pack is not None and place.charger.out_a == 0.0:
                place.pack = None
                return

    sim.time.at(40_000_000, vanish)


BUILDS = {
    "any_proof": (_any_proof, ("charge_bad_pack", "charge_conditions"), {"riders": {"clone": 1}}),
    "skip_proof": (_skip_proof, ("charge_unproven", "charge_conditions", "unproven_pack_handed_out"), {}),
    "never_off": (_never_off, ("charge_conditions", "charge_door_open", "late_stop"), {"faults": ["forced"], "every_s": 8}),
    "late_off": (_late_off, ("late_stop",), {"faults": ["mains", "danger"], "every_s": 12}),
    "charge_refused": (_charge_refused, ("charge_refused",), {"faults": ["unbalanced"], "every_s": 5}),
    "hand_out_refused": (_hand_out_refused, ("refused_handed_out",), {"faults": ["unbalanced"], "every_s": 20}),
    "unjournaled_charge": (_forget("charge.started"), ("charge_unjournaled",), {}),
    "unjournaled_pulse": (_forget("lock.pulsed"), ("pulse_unjournaled",), {}),
    "spurious_pulse": (_spurious_pulse, ("pulse_unclaimed",), {}),
    "skip_events": (_skip_events, ("event_lost",), {}),
    "reorder_events": (_reorder_events, ("event_lost",), {"faults": ["broker"], "every_s": 25}),
    "ack_early": (_ack_early, ("event_lost",), {"faults": ["broker"], "every_s": 5}),
    "ram_journal": (_ram_journal, ("event_lost",), {"faults": ["power"], "every_s": 25}),
    "double_budget": (_double_budget, ("budget",), {}),
    "many_doors": (_many_doors, ("two_doors", "pulse_with_door_open"), {"faults": ["command"], "every_s": 6, "riders": {"dawdle": 1}}),
    "open_anything": (_open_anything, ("hot_pack_released",), {"riders": {"hot": 1}, "faults": ["command"], "every_s": 4}),
    "always_fresh": (_always_fresh, ("charge_blind", "charge_conditions"), {"faults": ["dead"], "every_s": 6}),
    "no_faults": (_no_faults, ("charge_hot_pack", "charge_in_danger", "charge_against_bms", "late_stop", "charge_conditions"),
                  {"faults": ["danger", "slot"], "every_s": 8}),
    "high_set_point": (_high_set_point, ("charge_set_point", "charge_over_voltage"), {}),
    "full_current": (_full_current, ("charge_over_current", "budget"), {}),
    "slow_loop": (_slow_loop, ("loop_held",), {}),
    "dies": (_dies, ("died",), {}),
    "proof_crashes": (_proof_crashes, ("crashed",), {}),
    "no_full_pack": (_no_full_pack, ("not_serving",), {"serve_s": 60, "calm_s": 60, "hours": 0.045}),
    "pack_vanishes": (_pack_vanishes, ("packs_lost",), {}),
}  # fmt: skip


def apply(sim: "Any", name: str) -> None:
    """Break this build."""
    BUILDS[name][0](sim)
