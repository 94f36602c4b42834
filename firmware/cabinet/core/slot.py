"""One slot: the table of its states, and the transitions.

A row of STATES shows a state whole: name, polling need, whether a pack is there, exits, what is done on entry. The first exit
whose condition holds wins. Conditions look only at the present; time limits are rules of the safety table (unidentified,
unproven, pack_silent, door_left_open). The data stand in slot_state.py.
"""

from micropython import const

from cabinet.core import events, evidence, quantities, reading, rules, ticks
from cabinet.core.slot_state import (
    CHARGING,
    CHECKING,
    EMPTY,
    FAILED,
    FAULT,
    FULL,
    IDENTIFYING,
    IDLE,
    OPEN,
    PENDING,
    PROVEN,
    QUARANTINED,
    REFUSED,
    UNPROVEN,
    UNSEEN,
    SlotState,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.core.options import Options

# columns of STATES that are read here
_HAS_PACK = const(2)
_EXITS = const(3)
_ON_ENTRY = const(4)

# SlotState._io_watch
_NEVER_SEEN = const(0)
_WATCHED = const(1)
_SILENT_IO = const(2)
_SEEN_AGAIN = const(3)

_SILENT = rules.quantity(rules.index_of("pack_silent"))
_WAKE_AFTER_MS = const(1500)  # a pack that has not answered for so long may be asleep
_WAKES = const(2)  # requests to wake a pack; if it has not answered yet in this occupancy, its time to answer counts from the last one
_WAKE_CHALLENGES = const(128)  # a pack that answers no challenge is woken at each step after so many, then left alone for as many
_OCCUPANCY_MS = const(1 << 28)  # three days: far from where the tick counter wraps
_PROBE_MS = const(6000)  # after its door was shut, an empty slot is asked for so long whether a BMS answers all the same
_PULSE_OPENS_MS = const(15000)  # a door that opens so soon after a pulse was not forced
_FULL_AFTER_MS = const(60000)  # a pack that takes next to no current for so long is full


def _is_open(s: SlotState) -> bool:
    return not s.shut


def _is_gone(s: SlotState) -> bool:
    return not s.present


def _is_shut_with_pack(s: SlotState) -> bool:
    return s.shut and s.present


def _is_shut_empty(s: SlotState) -> bool:
    return s.shut and not s.present


def _has_stop(s: SlotState) -> bool:
    return s.faults.stop_rule >= 0


def _has_no_stop(s: SlotState) -> bool:
    return s.faults.stop_rule < 0


def _is_dangerous(s: SlotState) -> bool:
    return s.faults.worst >= rules.QUARANTINE


def _is_not_dangerous(s: SlotState) -> bool:
    return s.faults.worst < rules.QUARANTINE


def _is_unacceptable(s: SlotState) -> bool:
    return s.faults.keep_rule >= 0


def _is_acceptable(s: SlotState) -> bool:
    return s.faults.keep_rule < 0


def _is_identified(s: SlotState) -> bool:
    return s.identified


def _is_judged(s: SlotState) -> bool:
    known = s.pack_fresh and s.pack.is_whole() and s.readings_seen >= 3
    return s.proof == PROVEN and s.proven_serial == s.serial and known and s.faults.pending == 0


def _is_charged(s: SlotState) -> bool:
    return s.charge_ma > 0


def _is_not_charged(s: SlotState) -> bool:
    return s.charge_ma == 0


def _is_full(s: SlotState) -> bool:
    return s.is_full


def _is_not_full(s: SlotState) -> bool:
    return not s.is_full


class SlotControl(SlotState):
    """The transitions of one slot. `pack`, `charger` and `io` are the devices' own readings, assigned by the shell."""

    # --- what others ask for

    def set_neighbours(self, left: "SlotState | None", right: "SlotState | None") -> None:
        """The slots on both sides, None at the end of the row."""
        self.left = left
        self.right = right

    def set_enabled(self, enabled: bool) -> None:
        """Take the slot out of service, or back into it."""
        self.enabled = enabled

    def set_pulsed(self, at_ms: "int | None") -> None:
        """The lock has had a pulse at this instant; None: the last pulse does not matter any more."""
        self.pulsed_ms = at_ms

    def mark_stuck(self) -> None:
        """The door did not open in spite of its pulses."""
        self.stuck = True

    def leave_open(self) -> None:
        """Nobody is expected at this open door any more."""
        self.left_open = True

    def watch_open_door(self, options: "Options", now_ms: int) -> None:
        """A door that stands open for too long no longer holds up the other slots."""
        if self.state == OPEN and not self.left_open and not 0 <= self.age(now_ms) < options.left_open_ms:
            self.left_open = True

    def report_switch_fault(self) -> None:
        """A pack stands here that the presence switch does not see."""
        self.switch_bad = True

    def compare_serial(self, quarantined: bool, duplicate: bool) -> None:
        """Whether the serial number was quarantined earlier, and whether another slot has the same one."""
        if quarantined != self.serial_quarantined:
            self.serial_quarantined = quarantined
        if duplicate != self.duplicate:
            self.duplicate = duplicate

    def take_proof(self, serial: str, ok: "bool | None", options: "Options", out: list) -> None:
        """The result of a challenge; None if the pack did not answer. It counts only if the pack that was asked still stands here."""
        if self.state != CHECKING or self.serial != serial or self.proof > PENDING:
            return
        if ok is None:
            self.challenges_unanswered += 1
            if self.challenges_unanswered % _WAKE_CHALLENGES == 0:
                self.wants_wake = not self.wants_wake
            if self.challenges_unanswered >= options.proof_tries and not self.present_at_boot:
                self.challenges_exhausted = True  # the rule "unproven" decides, without waiting any longer
        elif ok:
            self.proof = PROVEN
            self.proven_serial = serial
            out.append(events.make("pack.proven", self.number, serial, "hmac-sha256"))
        else:
            self.proof = FAILED

    def check_charging_age(self, options: "Options", now_ms: int) -> None:
        """A pack that begins to charge needs fresher data than a pack at rest."""
        if self.plan_ma and self.pack_fresh and not reading.is_fresh(self.pack.taken_ms, now_ms, options.stale_pack_ms):
            self.pack_fresh = False

    def clear_by_service(self, out: list) -> None:
        """A technician has looked: lift the latches, and judge the pack afresh. What is still dangerous stays."""
        if self.stuck:
            self.stuck = False
        if self.switch_bad:
            self.switch_bad = False
        if self.serial_quarantined:
            self.serial_quarantined = False
        if self.state in (REFUSED, QUARANTINED):
            self._occupied_since_ms = None
            self._invalidate_identity()
        quantities.restart_charge_time(self.measures)  # or a charge that took too long would trip again at once
        self.faults.service_clear(self.measures.values, out, self.serial, not self.has_pack and not self.vanished)

    # --- one step

    def observe(self, options: "Options", now_ms: int, out: list) -> None:
        """Look at the readings: how fresh they are, and where door and presence switch stand."""
        io = self.io
        self.io_fresh = reading.is_fresh(io.taken_ms, now_ms, options.stale_io_ms)
        self.charger_fresh = reading.is_fresh(self.charger.taken_ms, now_ms, options.stale_charger_ms)
        if self.io_fresh:
            self._watch_io(now_ms, out)
            self._debounce(options.debounce_ms, now_ms)
        elif self._io_watch != _NEVER_SEEN:
            self._io_watch = _SILENT_IO
        self.pack_fresh = self._observe_pack(options, now_ms, out)

    def _watch_io(self, now_ms: int, out: list) -> None:
        """The I/O board answers: for the first time, again, or still."""
        if self._io_watch == _NEVER_SEEN:
            self._io_watch = _WATCHED
            self.shut = self.io.door_closed
            self.present = self.io.pack_present
        elif self._io_watch == _SEEN_AGAIN:
            if self._present_changed_ms is None:
                self._io_watch = _WATCHED  # nothing changed meanwhile, or what changed has been taken over
        elif self._io_watch == _SILENT_IO:
            self._io_watch = _SEEN_AGAIN
            if CHECKING <= self.state <= FULL:  # the door may have been opened meanwhile: the pack has to prove itself afresh
                self._enter(IDENTIFYING, now_ms, out)
                self.present_at_boot = True

    def _debounce(self, debounce_ms: int, now_ms: int) -> None:
        """Take over what door and presence switch have shown for long enough."""
        io = self.io
        if io.door_closed == self.shut:
            self._shut_changed_ms = None
        elif self._shut_changed_ms is None:
            self._shut_changed_ms = now_ms
        if self._shut_changed_ms is not None and ticks.diff(now_ms, self._shut_changed_ms) >= debounce_ms:
            self._shut_changed_ms = None
            self.shut = io.door_closed
        if io.pack_present == self.present:
            self._present_changed_ms = None
        elif self._present_changed_ms is None:
            self._present_changed_ms = now_ms
        if self._present_changed_ms is not None and ticks.diff(now_ms, self._present_changed_ms) >= debounce_ms:
            self._present_changed_ms = None
            self.present = io.pack_present

    def _observe_pack(self, options: "Options", now_ms: int, out: list) -> bool:
        """Whether the pack's reading is fresh and of this occupancy; takes its identity from it."""
        taken = self.pack.taken_ms
        since = self._occupied_since_ms
        if since is not None and not 0 <= ticks.diff(now_ms, since) < _OCCUPANCY_MS:
            self._occupied_since_ms = since = None  # no device keeps a reading for so long; the tick counter must not wrap
        if taken is None or not self.has_pack or not self.io.door_closed:
            return False
        fresh = False
        if self._last_taken_ms is not None or since is None or ticks.diff(taken, since) > 0:
            resting = self.state != CHARGING and not self.plan_ma
            fresh = reading.is_fresh(taken, now_ms, options.stale_rest_ms if resting else options.stale_pack_ms)
            if taken != self._last_taken_ms:
                self._last_taken_ms = taken
                self.readings_seen += 1
        identity_ms = self.pack.identity_taken_ms
        is_new = identity_ms is not None and (since is None or ticks.diff(identity_ms, since) > 0)
        if fresh and is_new and not self.identified and self.pack.serial != "":
            self._identify(out)
        return fresh

    def _identify(self, out: list) -> None:
        pack = self.pack
        if self.serial and self.serial != pack.serial:  # exchanged while the door was open, too fast for the presence switch
            out.append(events.make("pack.removed", self.number, self.serial, self.last_soc_pct))
            out.append(events.make("pack.inserted", self.number, pack.serial))
            self.faults.pack_gone(out, self.serial)
        self.identified = True
        self.serial = pack.serial
        self.faults.set_chemistry(pack.chemistry)

    def judge(self, options: "Options", now_ms: int, out: list) -> None:
        """Quantities, faults, state."""
        if not quantities.fill(self, options, now_ms):
            self.pack_fresh = False
        faults = self.faults
        first = len(out)
        faults.evaluate(self.measures.values, now_ms, out, self.serial)
        if faults.changes != self._fault_changes:
            self._fault_changes = faults.changes
            evidence.of_slot_trips(self, options, now_ms, out, first)
            thermal = False
            for rule in rules.THERMAL:
                if faults.active(rule):
                    thermal = True
            if thermal != self.thermal:
                self.thermal = thermal
        if self.accepted and self.pack_fresh:
            self._judge_full(options, now_ms)
        if self.state == UNSEEN and self._io_watch == _NEVER_SEEN:
            return
        for condition, state in STATES[self.state][_EXITS]:
            if condition(self):
                self._enter(state, now_ms, out)
                if state == REFUSED:
                    evidence.of_rejection(self, faults.keep_rule, options, now_ms, out, first)
                elif state == QUARANTINED:
                    evidence.of_rejection(self, faults.worst_rule, options, now_ms, out, first)
                break
        if self.state == OPEN and self._occupied and not self.present:
            self._removed(out)
        if self.state == IDENTIFYING or self.accepted:
            self._wake(now_ms)
        elif self.probing and not (self.state == EMPTY and 0 <= self.age(now_ms) < _PROBE_MS):
            self.probing = False
        self.ready = self.releasable(options)

    def _wake(self, now_ms: int) -> None:
        """A pack that does not answer may be asleep."""
        if self.pack_fresh:
            self._forget_wakes()
        elif self.wake_requests < _WAKES and self.measures.values[_SILENT] >= _WAKE_AFTER_MS:
            self.wake_requests += 1
            self.wants_wake = True
            if self._last_taken_ms is None:
                quantities.wait_from(self.measures, now_ms)
        elif self.wants_wake:
            self.wants_wake = False

    def _judge_full(self, options: "Options", now_ms: int) -> None:
        pack = self.pack
        self.last_soc_pct = pack.soc_pct
        if self.is_full:
            if pack.soc_pct <= min(options.charge_stop_soc_pct, self.full_soc_pct) - options.charge_resume_pct:
                self._forget_full()
            return
        if pack.soc_pct >= options.charge_stop_soc_pct:
            self.is_full = True
        elif self.charge_ma > 0 and pack.cell_max_mv >= self.cell_target_mv - 30 and pack.current_ma < pack.capacity_mah // 25:
            if self._full_since_ms is None:
                self._full_since_ms = now_ms
            elif ticks.diff(now_ms, self._full_since_ms) >= _FULL_AFTER_MS:
                self.is_full = True
                self.full_soc_pct = pack.soc_pct  # a gauge that has drifted must not begin the charge, and its time, over and over
        else:
            self._full_since_ms = None

    # --- transitions

    def _enter(self, state: int, now_ms: int, out: list) -> None:
        left = self.state
        self.state = state
        self.since_ms = now_ms
        if left == OPEN:
            out.append(events.make("door.closed", self.number, self.serial))
            self.pulsed_ms = None
            if self.forced:
                self.forced = False
            if self.left_open:
                self.left_open = False
        on_entry = STATES[state][_ON_ENTRY]
        if on_entry is not None:
            on_entry(self, left, now_ms, out)
        if self.vanished and state not in (EMPTY, FAULT):
            self.vanished = False

    def _entered_open(self, left: int, now_ms: int, out: list) -> None:
        if left != UNSEEN:
            out.append(events.make("door.opened", self.number, self.serial))
            forced = self.pulsed_ms is None or not 0 <= ticks.diff(now_ms, self.pulsed_ms) < _PULSE_OPENS_MS
            if forced != self.forced:
                self.forced = forced
        if self.stuck:
            self.stuck = False
        quantities.forget_pack(self.measures)
        self._invalidate_identity()

    def _entered_empty(self, left: int, now_ms: int, out: list) -> None:
        self.empty_ms = now_ms
        if STATES[left][_HAS_PACK] and self._io_watch <= _WATCHED:
            self.vanished = True  # through a shut door: it stays on the books
            self._invalidate_identity()
            quantities.forget_pack(self.measures)
        elif self._occupied and not self.vanished:
            self._removed(out)
        self.readings_seen = 0
        self.probing = True

    def _entered_identifying(self, left: int, now_ms: int, out: list) -> None:
        """A pack stands behind a shut door: nothing that was known of an earlier pack counts. A pack that came back through the
        shut door need not report its identity again, which may take half a minute, but has to prove it afresh."""
        if left in (OPEN, EMPTY, FAULT) and not self.vanished:
            self.present_at_boot = False
            # what the pack reported to an empty slot that asked, it reported from inside this slot
            self._occupied_since_ms = self.empty_ms if self.probing else now_ms
            if not self._occupied:
                out.append(events.make("pack.inserted", self.number))
        elif left == UNSEEN:
            self.present_at_boot = True
        self._occupied = True
        self._invalidate_identity()
        quantities.begin_occupancy(self.measures, now_ms)

    def _entered_checking(self, _left: int, _now_ms: int, out: list) -> None:
        self.challenges_unanswered = 0
        self._forget_wakes()
        pack = self.pack
        kind = (pack.maker, pack.chemistry, pack.cell_count)
        out.append(events.make("pack.identified", self.number, self.serial, *kind, pack.soc_pct, pack.soh_pct, pack.cycles))

    def _entered_idle(self, left: int, _now_ms: int, out: list) -> None:
        if left == CHECKING:
            pack = self.pack
            out.append(events.make("pack.accepted", self.number, self.serial, pack.pack_mv, pack.temp_max_ddegc, pack.soc_pct))

    def _entered_verdict(self, _left: int, _now_ms: int, out: list) -> None:
        rule = self.faults.worst_rule
        value = self.measures.values[rules.quantity(rule)]
        value = None if value == rules.UNKNOWN else value * rules.side(rule)
        limit = self.faults.limit(rule)
        if self.state == REFUSED:
            out.append(events.make("pack.refused", self.number, self.serial, rules.IDS[rule], rules.reason(rule), value, limit))
        else:
            out.append(events.make("pack.quarantined", self.number, self.serial, rules.IDS[rule], value, limit))

    def _invalidate_identity(self) -> None:
        """Whatever stands in the slot has to identify and prove itself afresh."""
        self.proof = UNPROVEN
        self.proven_serial = ""
        self.challenges_unanswered = 0
        self._forget_wakes()
        if self.challenges_exhausted:
            self.challenges_exhausted = False
        self.identified = False
        self.compare_serial(False, False)
        self._forget_full()
        self.readings_seen = 0
        self.probing = False
        self._last_taken_ms = None

    def _forget_wakes(self) -> None:
        if self.wake_requests:
            self.wake_requests = 0
        if self.wants_wake:
            self.wants_wake = False

    def _forget_full(self) -> None:
        self.is_full = False
        self._full_since_ms = None
        if self.full_soc_pct != 100:
            self.full_soc_pct = 100

    def _removed(self, out: list) -> None:
        out.append(events.make("pack.removed", self.number, self.serial, self.last_soc_pct))
        self.faults.pack_gone(out, self.serial)
        self.faults.set_chemistry(reading.CHEMISTRY_UNKNOWN)
        self._invalidate_identity()
        quantities.forget_pack(self.measures)
        self._occupied = False
        self.serial = ""
        self.last_soc_pct = 0


_LEAVING = ((_is_open, OPEN), (_is_gone, EMPTY), (_is_dangerous, QUARANTINED), (_is_unacceptable, REFUSED))

# A row a state; its number is its position. Numbers stand in evidence on flash: a new state goes to the end.
# name, polling need, whether a pack stands behind a shut door, exits, what is done on entry
STATES: tuple = (
    # only judged once the I/O board has answered
    ("unseen", "checking", False, ((_is_open, OPEN), (_is_shut_with_pack, IDENTIFYING), (_is_shut_empty, EMPTY)), None),
    ("empty", "absent", False, ((_is_open, OPEN), (_is_shut_with_pack, IDENTIFYING), (_has_stop, FAULT)), SlotControl._entered_empty),
    ("open", "absent", False, ((_is_shut_with_pack, IDENTIFYING), (_is_shut_empty, EMPTY)), SlotControl._entered_open),
    ("identifying", "checking", True, _LEAVING + ((_is_identified, CHECKING),), SlotControl._entered_identifying),
    ("checking", "checking", True, _LEAVING + ((_is_judged, IDLE),), SlotControl._entered_checking),
    ("idle", "resting", True, _LEAVING + ((_is_full, FULL), (_is_charged, CHARGING)), SlotControl._entered_idle),
    ("charging", "charging", True, _LEAVING + ((_is_full, FULL), (_is_not_charged, IDLE)), None),
    ("full", "resting", True, _LEAVING + ((_is_not_full, IDLE),), None),
    ("refused", "resting", True, _LEAVING[:3] + ((_is_acceptable, IDENTIFYING),), SlotControl._entered_verdict),
    ("quarantined", "charging", True, _LEAVING[:2] + ((_is_not_dangerous, IDENTIFYING),), SlotControl._entered_verdict),
    ("fault", "absent", False, ((_is_open, OPEN), (_is_shut_with_pack, IDENTIFYING), (_has_no_stop, EMPTY)), None),
)
SlotControl.rows = STATES
