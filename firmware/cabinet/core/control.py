"""The core as the shell sees it: readings in, permits, events and sentences out.

At each step: look at the readings, judge each slot, judge the cabinet, move the swap on, share the power, and let the
interlock give permits. A permit holds until the next step. The shell applies charge stops at once, stores the
snapshot if it changed, journals `events`, and only then acts on `pulse` and on a charger that is to start.
"""

import hashlib
from binascii import hexlify

from cabinet.core import charging, events, evidence, interlock, rules, slot_state, snapshot, ticks
from cabinet.core.faults import CompiledLimits, FaultSet
from cabinet.core.interlock import Interlock
from cabinet.core.quantities import CabinetMeasures
from cabinet.core.reading import CabinetReading, is_fresh
from cabinet.core.slot import SlotControl
from cabinet.core.swap import IN_OUT, Swap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.core.limits import LimitSet
    from cabinet.core.options import Options

_CABINET_SILENT = rules.index_of("cabinet_silent")
_SERVICE_MS = 10000
_STARTING_MS = 15000
_REPEAT_LIMIT_MS = 5000  # the same refusal is journaled once in this time


class CabinetControl:
    """Decides for the whole cabinet."""

    def __init__(self, slot_count: int, limits: "LimitSet", options: "Options", readings: "list | None" = None) -> None:
        """`readings`: for each slot the devices' (pack, charger, io)."""
        self.limits = limits
        self.options = options
        compiled = CompiledLimits(limits, (rules.PACK, rules.SLOT))
        self.slots = [SlotControl(number, compiled, readings[number - 1] if readings else None) for number in range(1, slot_count + 1)]
        for index, s in enumerate(self.slots):
            s.set_neighbours(self.slots[index - 1] if index else None, self.slots[index + 1] if index + 1 < slot_count else None)
        self.cabinet = CabinetReading()
        self.storage_ok = True
        self.stored = True  # flash has taken all events of the last step
        self.storage_lost = False  # flash has not taken what happened for so long that nothing may go on
        self.events = []
        self.messages = []
        self.faults = FaultSet(CompiledLimits(limits, (rules.CABINET,)), 0)
        self.interlock = Interlock(self.slots, options)
        self.plan = charging.ChargePlan(self.slots, options)
        self.swap = Swap(self.slots, options, self.events, self.messages)
        self._measures = CabinetMeasures()
        self.quarantined_serials = []  # serial numbers in quarantine
        self._service_slot = 0
        self._service_ms = 0
        self._snapshot = snapshot.Snapshot(self.slots, self.faults, self.swap, self.quarantined_serials)
        self._dirty = True
        self._changes = -1
        self._refusal = ""
        self._refusal_ms = 0
        self._began_ms = None
        self._started = False

    # --- orders, commands, proofs

    def order(self, token: str, origin: str, now_ms: int) -> "tuple[bool, str]":
        """A rider (origin "rider") or the operator (origin "command") asks for a swap. Tells whether it begins, and why not."""
        reason = self._why_no_swap(token, origin, now_ms)
        short = hexlify(hashlib.sha256(token.encode()).digest()[:4]).decode()
        if reason == "":
            self.swap.begin(short, origin, now_ms, self.options.swap_packs)
            return True, "ok"
        if reason != self._refusal or not 0 <= ticks.diff(now_ms, self._refusal_ms) < _REPEAT_LIMIT_MS:
            self._refusal = reason
            self._refusal_ms = now_ms
            self.events.append(events.make("swap.refused", 0, "", 0, reason))
        self.swap.say(0, reason)
        return False, reason

    def _why_no_swap(self, token: str, origin: str, now_ms: int) -> str:
        if self.swap.active:
            return "busy"
        if origin == "rider" and token not in self.options.known_tokens:
            return "unknown_token"
        if not self.storage_ok:
            return "storage_fault"
        if self.interlock.stop_rule >= 0:
            return "cabinet_stopped"
        if self._starting(now_ms):
            return "starting"
        for s in self.slots:
            if self.interlock.released(s, now_ms):
                return "other_door_open"
        if self.options.swap_order == IN_OUT and self.swap.empty_slot() is None:
            return "no_empty_slot"
        if self.swap.full_count() < self.options.swap_packs:
            for s in self.slots:
                if s.present_at_boot and s.state in (slot_state.IDENTIFYING, slot_state.CHECKING):
                    return "starting"  # packs that were here before the restart are still being proven
            return "no_full_pack"
        return ""

    def _starting(self, now_ms: int) -> bool:
        """Whether there are slots that have not been seen yet. One dead I/O board must not hold up the other slots for ever."""
        if self._began_ms is None:
            return True
        if not 0 <= ticks.diff(now_ms, self._began_ms) < _STARTING_MS:
            self._started = True
        if not self._started:
            for s in self.slots:
                if s.state == slot_state.UNSEEN:
                    return True
        return False

    def command(self, kind: str, number: int, now_ms: int) -> "tuple[bool, str]":
        """An authorised command: unlock, enable, disable or clear. `number` 0 means the cabinet, for clear only."""
        if not (0 <= number <= len(self.slots)) or (number == 0 and kind != "clear"):
            return False, "no_such_slot"
        s = self.slots[number - 1] if number else None
        if kind == "clear":
            self._clear(s)
            return True, "ok"
        if s is None:
            return False, "no_such_slot"
        if kind in ("enable", "disable"):
            s.set_enabled(kind == "enable")
            self._dirty = True
            return True, "ok"
        if kind == "unlock":
            why = self.interlock.door_why(s, interlock.SERVICE, now_ms)
            if why not in ("", "current_flows"):
                return False, why
            self._service_slot = number
            self._service_ms = now_ms
            return True, "ok"
        return False, "unknown_command"

    def _clear(self, s: "SlotControl | None") -> None:
        """Lift latches after somebody has looked. What is still dangerous stays."""
        self._dirty = True
        if s is None:
            self.faults.service_clear(self._measures.values, self.events, "", False)
            return
        if s.serial in self.quarantined_serials:
            self.quarantined_serials.remove(s.serial)
        s.clear_by_service(self.events)

    def take_back_pulse(self, number: int) -> None:
        """The pulse of this step could not be recorded, so it was not given."""
        self.interlock.take_back_pulse(self.slots[number - 1])

    def proof_result(self, number: int, serial: str, ok: "bool | None", now_ms: int) -> None:
        """What came of a challenge; None if the pack did not answer. Counts only if the pack that was asked still stands there."""
        self.slots[number - 1].take_proof(serial, ok, self.options, self.events)

    # --- one step

    def step(self, now_ms: int) -> None:
        """Decide anew from the present readings."""
        if self._began_ms is None:
            self._began_ms = now_ms
        options = self.options
        out = self.events
        gate = self.interlock
        changes = 0
        for s in self.slots:
            s.observe(options, now_ms, out)
            if s.identified and not s.accepted:
                self._compare_serial(s)
            s.judge(options, now_ms, out)
            changes += s.faults.changes
            if s.faults.worst >= rules.QUARANTINE:
                self._quarantine(s)
        self._judge_cabinet(now_ms, out)
        changes += self.faults.changes
        if changes != self._changes:
            self._changes = changes
            self._faults_changed()
        gate.storage_ok = self.storage_ok
        gate.storage_lost = self.storage_lost
        gate.stored = self.swap.stored = self.stored
        self.swap.stopped = gate.stop_rule >= 0
        self.swap.step(now_ms)
        if self._service_slot:
            self._claim_service(now_ms)
        self.plan.step(now_ms, self.faults.derate_pct)
        for s in self.slots:
            s.check_charging_age(options, now_ms)
            gate.permit_charge(s, self.plan.mv(s), now_ms, out)
        gate.permit_doors(now_ms, out)
        gate.drop_old_pulses(now_ms)
        for s in self.slots:
            s.watch_open_door(options, now_ms)

    def _compare_serial(self, s: SlotControl) -> None:
        duplicate = False
        for other in self.slots:
            if other is not s and other.has_pack and other.identified and other.serial == s.serial:
                duplicate = True
        s.compare_serial(s.serial in self.quarantined_serials, duplicate)

    def _judge_cabinet(self, now_ms: int, out: list) -> None:
        fresh = is_fresh(self.cabinet.taken_ms, now_ms, self.options.stale_io_ms)
        self._measures.fill(self.cabinet, fresh, now_ms)
        reported = len(out)
        self.faults.evaluate(self._measures.values, now_ms, out, "")
        if len(out) > reported:
            state = evidence.of_cabinet(self.cabinet, fresh, self._measures.heard_ms, now_ms)
            evidence.of_trips(self.faults, state, now_ms, out, reported)
        gate = self.interlock
        gate.cabinet_stop_rule = self.faults.stop_rule
        if gate.cabinet_stop_rule < 0 and not fresh:
            gate.cabinet_stop_rule = _CABINET_SILENT  # not known is as good as a fault, before the rule trips

    def _faults_changed(self) -> None:
        self._dirty = True
        stop = self.faults.worst_rule if self.faults.worst == rules.STOP_CABINET else -1
        for s in self.slots:
            if s.faults.worst == rules.STOP_CABINET:
                stop = s.faults.worst_rule
        self.interlock.stop_rule = stop

    def _quarantine(self, s: SlotControl) -> None:
        """Put a dangerous pack into quarantine. It may tell its serial number only after the fault: so this is asked at each step."""
        if not s.has_pack or not s.serial or s.serial in self.quarantined_serials:
            return
        for rule in s.faults.latched():  # what service has released does not count again
            if rules.scope(rule) == rules.PACK and rules.reaction(rule) >= rules.QUARANTINE:
                if len(self.quarantined_serials) >= snapshot.SERIALS_MAX:
                    del self.quarantined_serials[0]  # the pack that is longest away: this one stands here
                self.quarantined_serials.append(s.serial)
                self._dirty = True
                return

    def _claim_service(self, now_ms: int) -> None:
        s = self.slots[self._service_slot - 1]
        given = s.pulsed_ms is not None and ticks.diff(s.pulsed_ms, self._service_ms) >= 0
        if given or s.state == slot_state.OPEN or not 0 <= ticks.diff(now_ms, self._service_ms) < _SERVICE_MS:
            self._service_slot = 0
            return
        interlock.claim_door(s, interlock.SERVICE)

    # --- snapshot

    def snapshot(self) -> "list[tuple[str, bytes]]":
        """What must outlive a power cut: names and values of the records that have changed since the last call."""
        if not (self._dirty or self.swap.dirty):
            return []
        self._dirty = self.swap.dirty = False
        return self._snapshot.changed()

    def restore(self, records: "Any", now_ms: int) -> bool:
        """Take up what such records (`get` by name) tell, before the first step. False if one of them cannot be understood."""
        return self._snapshot.restore(records, now_ms)

    def swap_view(self) -> dict:
        """The swap in progress for panel and telemetry; "none" if there is none."""
        swap = self.swap
        return {
            "number": swap.number,
            "state": swap.state_name,
            "in_slot": swap.in_slot,
            "out_slot": swap.out_slot,
            "reason": swap.reason,
        }

    def view(self) -> dict:
        """The cabinet for panel and telemetry."""
        full = 0
        power_w = 0
        for s in self.slots:
            if s.releasable(self.options):
                full += 1
            if s.charge_ma and s.pack_fresh:
                power_w += charging.power_w(s.pack.pack_mv, s.pack.current_ma if s.pack.current_ma > 0 else 0)
        return {
            "full": full,
            "power_w": power_w,
            "swap": self.swap.number if self.swap.active else None,
            "step": self.swap.state_name,
            "faults": self.faults.names(),
            "stopped": rules.IDS[self.interlock.stop_rule] if self.interlock.stop_rule >= 0 else None,
        }
