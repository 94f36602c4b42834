"""One slot: what stands in it, how far it has been judged, and its state table.

The table (EXITS) lists for each state the conditions that end it, in order; the first that holds wins. Conditions
look only at the present; time limits are rules of the safety table (unidentified, unproven, pack_silent,
door_left_open).
"""

from micropython import const

from cabinet.core import events, evidence, reading, rules, ticks
from cabinet.core.faults import CompiledLimits, FaultSet
from cabinet.core.limits import TARGETS
from cabinet.core.quantities import SlotMeasures

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.core.options import Options

# proof of identity
UNPROVEN = const(0)
PENDING = const(1)
PROVEN = const(2)
FAILED = const(3)

# states
UNSEEN = const(0)  # the I/O board has not told yet
EMPTY = const(1)
OPEN = const(2)
IDENTIFYING = const(3)
CHECKING = const(4)
IDLE = const(5)  # accepted
CHARGING = const(6)
FULL = const(7)
REFUSED = const(8)  # neither charged nor handed out; given back if a rider has just brought it
QUARANTINED = const(9)
FAULT = const(10)  # empty, and not usable
STATES = ("unseen", "empty", "open", "identifying", "checking", "idle", "charging", "full", "refused", "quarantined", "fault")

_SILENT_IO = const(1)
_SEEN_AGAIN = const(2)
_WAKE_AFTER_MS = const(1500)  # a pack that has said nothing for so long may be asleep
_WAKE_NOW = const(0x80)  # in proof_tries, which counts wake requests where no proof is under way: at this step
_WAKES = const(2)  # it is woken so often; in a stay in which it was not heard yet, its time to answer counts from the last one
_SILENT = rules.quantity(rules.index_of("pack_silent"))
_STAY_MS = const(1 << 28)  # three days: far from where the tick counter wraps
_PROBE_MS = const(6000)  # an empty slot is asked for so long after its door was shut whether a BMS answers all the same
_GHOST = rules.index_of("ghost")

# how urgently the pack is to be polled in each state
_NEEDS = ("checking", "absent", "absent", "checking", "checking", "resting", "charging", "resting", "resting", "charging", "absent")
_WITH_PACK = (False, False, False, True, True, True, True, True, True, True, False)


def _open(s: "SlotControl") -> bool:
    return not s.shut


def _gone(s: "SlotControl") -> bool:
    return not s.present


def _shut_with_pack(s: "SlotControl") -> bool:
    return s.shut and s.present


def _shut_empty(s: "SlotControl") -> bool:
    return s.shut and not s.present


def _bad(s: "SlotControl") -> bool:
    return s.faults.stop_rule >= 0


def _good(s: "SlotControl") -> bool:
    return s.faults.stop_rule < 0


def _dangerous(s: "SlotControl") -> bool:
    return s.faults.worst >= rules.QUARANTINE


def _not_dangerous(s: "SlotControl") -> bool:
    return s.faults.worst < rules.QUARANTINE


def _unacceptable(s: "SlotControl") -> bool:
    return s.faults.keep_rule >= 0


def _acceptable_again(s: "SlotControl") -> bool:
    return s.faults.keep_rule < 0


def _identified(s: "SlotControl") -> bool:
    return s.identified


def _judged(s: "SlotControl") -> bool:
    return s.proof == PROVEN and s.proven_serial == s.serial and s.pack_fresh and s.looks >= 3 and s.faults.pending == 0


def _charged(s: "SlotControl") -> bool:
    return s.charge_ma > 0


def _not_charged(s: "SlotControl") -> bool:
    return s.charge_ma == 0


def _full(s: "SlotControl") -> bool:
    return s.is_full


def _not_full(s: "SlotControl") -> bool:
    return not s.is_full


_LEAVING = ((_open, OPEN), (_gone, EMPTY), (_dangerous, QUARANTINED), (_unacceptable, REFUSED))
EXITS = (
    ((_open, OPEN), (_shut_with_pack, IDENTIFYING), (_shut_empty, EMPTY)),  # unseen: only asked once the I/O board has answered
    ((_open, OPEN), (_shut_with_pack, IDENTIFYING), (_bad, FAULT)),  # empty
    ((_shut_with_pack, IDENTIFYING), (_shut_empty, EMPTY)),  # open
    _LEAVING + ((_identified, CHECKING),),  # identifying
    _LEAVING + ((_judged, IDLE),),  # checking
    _LEAVING + ((_full, FULL), (_charged, CHARGING)),  # idle
    _LEAVING + ((_full, FULL), (_not_charged, IDLE)),  # charging
    _LEAVING + ((_not_full, IDLE),),  # full
    ((_open, OPEN), (_gone, EMPTY), (_dangerous, QUARANTINED), (_acceptable_again, IDENTIFYING)),  # refused
    ((_open, OPEN), (_gone, EMPTY), (_not_dangerous, IDENTIFYING)),  # quarantined
    ((_open, OPEN), (_shut_with_pack, IDENTIFYING), (_good, EMPTY)),  # fault
)


class SlotControl:
    """The state of one slot. `pack`, `charger` and `io` are the devices' own readings, assigned by the shell."""

    # in the object itself only where they were set, for the sake of memory
    vanished = False  # the switch says that the pack has gone, and no door was opened
    switch_bad = False  # a pack answered though the switch said empty; until service clears it
    # these too: the table of an object's attributes grows in steps, and two more would cost 224 bytes a slot
    enabled = True  # False: taken out of service by a command
    stuck = False
    left_open = False  # nobody waits for this door any more
    full_soc_pct = 100  # what the pack told of its charge when it would take no more, if that was less than full

    def __init__(self, number: int, compiled: CompiledLimits, readings: "tuple | None" = None) -> None:
        """`readings`: the devices' (pack, charger, io); without them the slot has some of its own."""
        self.number = number
        if readings is None:
            readings = (reading.PackReading(), reading.ChargerReading(), reading.SlotReading())
        self.pack, self.charger, self.io = readings
        self.left: "SlotControl | None" = None  # neighbours
        self.right: "SlotControl | None" = None
        # proof of identity, written through CabinetControl.proof_result
        self.proof = UNPROVEN
        self.proven_serial = ""
        self.proof_tries = 0
        self.tired = False  # has left all its challenges unanswered
        self.wants_proof = False
        # permits, recomputed at each step
        self.charge_mv = 0
        self.charge_ma = 0
        self.pulse = False
        self.why_code = "starting"
        self.door_why = "no_claim"
        self.charge_winner = ""
        self.door_winner = ""
        # claims
        self.plan_ma = 0  # charging.py: what the slot may get
        self.plan_why = "planning"
        self.reserved = False  # swap.py: the pack is being handed out
        self.door_claim = 0  # interlock.py: who wants the door open
        self.pulses_left = 3  # interlock.py: what the lock's duty still allows in this minute
        # what is seen
        self.state = UNSEEN
        self.since_ms = 0
        self.shut = False
        self.present = False
        self.io_fresh = False
        self.pack_fresh = False
        self.charger_fresh = False
        self.identified = False
        self.serial = ""
        self.quiet = True  # the pack was here when the controller started
        self.looks = 0  # readings of the pack since its stay began
        self.is_full = False
        self.is_ready = False
        self.marked = False  # its serial number was put into quarantine earlier
        self.duplicate = False
        self.forced = False
        self.expected_ms: "int | None" = None  # when the last pulse was given
        self.thermal = False
        self.cell_target_mv = 0
        self.last_soc_pct = 0
        self.faults = FaultSet(compiled, number)
        self.measures = SlotMeasures()
        self._seen_io = False
        self._unwatched = 0  # the I/O board is silent, or was until a moment ago
        self._occupied = False  # a pack came, and has not been seen to leave
        self._shut_ms = None  # since when the raw signal has differed
        self._present_ms = None
        self._stay_ms = 0
        self._heard = False  # data of this stay have come
        self._any_age = True  # what was read before the stay began counts (only after a restart)
        self._last_taken = None
        self._fault_changes = 0
        self._full_at_ms = None
        self.empty_ms = 0  # since when it has been empty

    # --- what the shell and the other rooms ask

    @property
    def state_name(self) -> str:
        """The state as a word."""
        return "disabled" if not self.enabled and self.state in (EMPTY, IDLE, FULL, FAULT) else STATES[self.state]

    @property
    def poll_need(self) -> str:
        """How urgently the pack must be polled: absent, checking, charging or resting."""
        if self.state == IDLE and self.plan_ma:
            return "charging"
        if self.probes:
            return "checking"
        if self.state == FAULT and self.faults.active(_GHOST):
            return "charging"
        if self.reserved and _WITH_PACK[self.state]:
            return "checking"
        return _NEEDS[self.state]

    @property
    def stays(self) -> bool:
        """Whether a pack stands behind a shut door."""
        return _WITH_PACK[self.state]

    @property
    def is_unseen(self) -> bool:
        """Whether the I/O board has not told anything yet."""
        return self.state == UNSEEN

    @property
    def is_identifying(self) -> bool:
        """Whether the pack has yet to tell who it is."""
        return self.state == IDENTIFYING

    @property
    def is_checking(self) -> bool:
        """Whether the pack is being judged."""
        return self.state == CHECKING

    @property
    def accepted(self) -> bool:
        """Whether the pack was proven and accepted."""
        return IDLE <= self.state <= FULL

    def age(self, now_ms: int) -> int:
        """Milliseconds in this state; only of use for short times."""
        return ticks.diff(now_ms, self.since_ms)

    @property
    def probes(self) -> bool:
        """Whether an empty slot is being asked if a BMS answers all the same."""
        return self.state == EMPTY and self.looks < 0

    @property
    def wants_wake(self) -> bool:
        """Whether the shell is to wake the pack now."""
        return self.proof_tries & _WAKE_NOW != 0

    def ghost(self, now_ms: int) -> bool:
        """Whether a pack is there, as its BMS or the door tells, though the switch says empty."""
        if self.vanished or self.switch_bad:
            return True
        taken = self.pack.taken_ms
        if taken is None or self.state not in (EMPTY, FAULT):
            return False
        return reading.is_fresh(taken, now_ms, 1000) and ticks.diff(taken, self.empty_ms) > 500

    @property
    def ready(self) -> bool:
        """Whether the pack was full enough to be handed out at the last step."""
        return self.is_ready

    def releasable(self, options: "Options") -> bool:
        """Whether this pack may be handed out."""
        return (
            self.accepted
            and self.enabled
            and self.shut
            and self.io_fresh
            and self.pack_fresh
            and not self.stuck
            and self.pack.soc_pct >= options.full_soc_pct
            and self.faults.keep_rule < 0
        )

    def receptive(self) -> bool:
        """Whether this slot may take a pack."""
        if self.state != EMPTY or not self.enabled or not self.io_fresh or self.stuck or self.vanished or self.switch_bad:
            return False
        return self.io.door_closed and self.io.lock_locked

    def view(self) -> dict:
        """For panel, telemetry and kiosk."""
        pack = self.pack
        known = self.stays and self.pack_fresh
        return {
            "slot": self.number,
            "state": self.state_name,
            "pack": self.serial or None,
            "soc_pct": pack.soc_pct if known else None,
            "soh_pct": pack.soh_pct if known else None,
            "pack_mv": pack.pack_mv if known else None,
            "current_ma": pack.current_ma if known else None,
            "temp_max_ddegc": pack.temp_max_ddegc if known else None,
            "charge_mv": self.charge_mv,
            "charge_ma": self.charge_ma,
            "door_closed": self.shut if self.io_fresh else None,
            "locked": self.io.lock_locked if self.io_fresh else None,
            "why": self.why_code,
            "winner": self.charge_winner,
            "faults": self.faults.names(),
        }

    # --- one step

    def observe(self, options: "Options", now_ms: int, out: list) -> None:
        """Look at the readings: how fresh they are, and where door and presence switch stand."""
        self.pulse = False
        io = self.io
        self.io_fresh = reading.is_fresh(io.taken_ms, now_ms, options.stale_io_ms)
        self.charger_fresh = reading.is_fresh(self.charger.taken_ms, now_ms, options.stale_charger_ms)
        if self.io_fresh:
            if not self._seen_io:
                self._seen_io = True
                self.shut = io.door_closed
                self.present = io.pack_present
            if self._unwatched == _SEEN_AGAIN:
                if self._present_ms is None:
                    self._unwatched = 0  # nothing changed meanwhile, or what changed has been taken over
            elif self._unwatched:
                self._unwatched = _SEEN_AGAIN
                if CHECKING <= self.state <= FULL:  # the door may have been opened meanwhile: it has to prove itself afresh
                    self._enter(IDENTIFYING, now_ms, out)
                    self.quiet = True
            if io.door_closed == self.shut:
                self._shut_ms = None
            elif self._shut_ms is None:
                self._shut_ms = now_ms
            if self._shut_ms is not None and ticks.diff(now_ms, self._shut_ms) >= options.debounce_ms:
                self._shut_ms = None
                self.shut = io.door_closed
            if io.pack_present == self.present:
                self._present_ms = None
            elif self._present_ms is None:
                self._present_ms = now_ms
            if self._present_ms is not None and ticks.diff(now_ms, self._present_ms) >= options.debounce_ms:
                self._present_ms = None
                self.present = io.pack_present
        elif self._seen_io:
            self._unwatched = _SILENT_IO
        pack = self.pack
        taken = pack.taken_ms
        fresh = False
        if not self._any_age and not 0 <= ticks.diff(now_ms, self._stay_ms) < _STAY_MS:
            self._any_age = True  # no device keeps a reading for so long, and the tick counter is to wrap round over no stay
        if taken is not None and _WITH_PACK[self.state] and io.door_closed:
            if self._any_age or self._heard or ticks.diff(taken, self._stay_ms) > 0:
                self._heard = True
                resting = self.state != CHARGING and not self.plan_ma
                fresh = reading.is_fresh(taken, now_ms, options.stale_rest_ms if resting else options.stale_pack_ms)
                if taken != self._last_taken:
                    self._last_taken = taken
                    self.looks += 1
            if fresh and not self.identified and self._identity_is_new():
                self._identify(out)
        self.pack_fresh = fresh

    def _identify(self, out: list) -> None:
        pack = self.pack
        if self.serial and self.serial != pack.serial:  # exchanged while the door was open, too fast for the presence switch
            out.append(events.make("pack.removed", self.number, self.serial, self.last_soc_pct))
            out.append(events.make("pack.inserted", self.number, pack.serial))
            self.faults.pack_gone(out, self.serial)
        self.identified = True
        self.serial = pack.serial
        self.faults.set_chemistry(pack.chemistry)
        self.cell_target_mv = TARGETS[pack.chemistry][0] if pack.chemistry in TARGETS else 0

    def _identity_is_new(self) -> bool:
        taken = self.pack.identity_taken_ms
        return taken is not None and self.pack.serial != "" and (self._any_age or ticks.diff(taken, self._stay_ms) > 0)

    def judge(self, options: "Options", now_ms: int, out: list) -> None:
        """Quantities, faults, state."""
        self.measures.fill(self, options, now_ms)
        faults = self.faults
        told = len(out)
        faults.evaluate(self.measures.values, now_ms, out, self.serial)
        if faults.changes != self._fault_changes:
            self._fault_changes = faults.changes
            evidence.of_slot_trips(self, options, now_ms, out, told)
            self.thermal = False
            for rule in rules.THERMAL:
                if faults.active(rule):
                    self.thermal = True
        if self.accepted and self.pack_fresh:
            self._judge_full(options, now_ms)
        if self.state == UNSEEN and not self._seen_io:
            return
        for condition, state in EXITS[self.state]:
            if condition(self):
                self._enter(state, now_ms, out)
                if state == REFUSED:
                    evidence.of_rejection(self, faults.keep_rule, options, now_ms, out, told)
                elif state == QUARANTINED:
                    evidence.of_rejection(self, faults.worst_rule, options, now_ms, out, told)
                break
        if self.state == OPEN and self._occupied and not self.present:
            self._removed(out)
        if self.state == IDENTIFYING or self.accepted:
            self._wake(now_ms)
        elif self.looks < 0 and not (self.state == EMPTY and 0 <= self.age(now_ms) < _PROBE_MS):
            self.looks = 0
        self.is_ready = self.releasable(options)
        self.wants_proof = self.state == CHECKING and self.proof == UNPROVEN

    def _wake(self, now_ms: int) -> None:
        """A pack that says nothing may be asleep."""
        if self.pack_fresh:
            if self.proof_tries:
                self.proof_tries = 0
            return
        tries = self.proof_tries & ~_WAKE_NOW
        if tries < _WAKES and self.measures.values[_SILENT] >= _WAKE_AFTER_MS:
            self.proof_tries = tries + 1 | _WAKE_NOW
            if not self._heard:
                self.measures.wait_from(now_ms)
        elif tries != self.proof_tries:
            self.proof_tries = tries

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
            if self._full_at_ms is None:
                self._full_at_ms = now_ms
            elif ticks.diff(now_ms, self._full_at_ms) >= 60000:
                self.is_full = True
                self.full_soc_pct = pack.soc_pct  # a gauge that has drifted must not begin the charge, and its time, over and over
        else:
            self._full_at_ms = None

    def _enter(self, state: int, now_ms: int, out: list) -> None:
        left = self.state
        self.state = state
        self.since_ms = now_ms
        came_back = self.vanished
        if came_back and state not in (EMPTY, FAULT):
            self.vanished = False
        if state == OPEN:
            if left != UNSEEN:
                out.append(events.make("door.opened", self.number, self.serial))
                expected = self.expected_ms is not None and 0 <= ticks.diff(now_ms, self.expected_ms) < 15000
                self.forced = not expected
            if self.stuck:
                self.stuck = False
            self.measures.forget_pack()
            self._doubt()
        elif left == OPEN:
            out.append(events.make("door.closed", self.number, self.serial))
            self.forced = False
            if self.left_open:
                self.left_open = False
            self.expected_ms = None
        if state == IDENTIFYING:
            self._begin_stay(left, came_back, now_ms, out)
        elif state == EMPTY:
            self.empty_ms = now_ms
            if _WITH_PACK[left] and not self._unwatched:
                self.vanished = True  # through a shut door: it stays on the books
                self._doubt()
                self.measures.forget_pack()
            elif self._occupied and not self.vanished:
                self._removed(out)
            self.looks = -1
        elif state == IDLE and left == CHECKING:
            pack = self.pack
            out.append(events.make("pack.accepted", self.number, self.serial, pack.pack_mv, pack.temp_max_ddegc, pack.soc_pct))
        elif state == CHECKING:
            self.proof_tries = 0
            pack = self.pack
            kind = (pack.maker, pack.chemistry, pack.cell_count)
            out.append(events.make("pack.identified", self.number, self.serial, *kind, pack.soc_pct, pack.soh_pct, pack.cycles))
        elif state in (REFUSED, QUARANTINED):
            self._tell_verdict(state, out)

    def _tell_verdict(self, state: int, out: list) -> None:
        rule = self.faults.worst_rule
        value = self.measures.values[rules.quantity(rule)]
        value = None if value == rules.UNKNOWN else value * rules.side(rule)
        limit = self.faults.limit(rule)
        if state == REFUSED:
            out.append(events.make("pack.refused", self.number, self.serial, rules.IDS[rule], rules.reason(rule), value, limit))
        else:
            out.append(events.make("pack.quarantined", self.number, self.serial, rules.IDS[rule], value, limit))

    def _begin_stay(self, left: int, came_back: bool, now_ms: int, out: list) -> None:
        """A pack stands behind a shut door: nothing that was known of one before counts. One that `came_back` through the shut
        door need not tell who it is again, which may take half a minute, but has to prove it afresh."""
        if left in (OPEN, EMPTY, FAULT) and not came_back:
            self._any_age = False
            self.quiet = False
            self._stay_ms = self.empty_ms if self.looks < 0 else now_ms  # what it told an empty slot that asks, it told from in there
            if not self._occupied:
                out.append(events.make("pack.inserted", self.number))
        elif left == UNSEEN:
            self.quiet = True
        self._occupied = True
        self._doubt()
        self.measures.begin_stay(now_ms)

    def reexamine(self) -> None:
        """Service has looked: whatever stands here may tell afresh who it is."""
        if self.state in (REFUSED, QUARANTINED):
            self._any_age = True
            self._doubt()

    def _doubt(self) -> None:
        """Whatever stands in the slot has to identify and prove itself afresh."""
        self.proof = UNPROVEN
        self.proven_serial = ""
        self.proof_tries = 0
        self.tired = False
        self.wants_proof = False
        self.identified = False
        self.marked = False
        self.duplicate = False
        self._forget_full()
        self.looks = 0
        self._heard = False
        self._last_taken = None

    def _forget_full(self) -> None:
        self.is_full = False
        self._full_at_ms = None
        if self.full_soc_pct != 100:
            self.full_soc_pct = 100

    def _removed(self, out: list) -> None:
        out.append(events.make("pack.removed", self.number, self.serial, self.last_soc_pct))
        self.faults.pack_gone(out, self.serial)
        self.faults.set_chemistry(reading.CHEMISTRY_UNKNOWN)
        self._doubt()
        self.measures.forget_pack()
        self._occupied = False
        self.serial = ""
        self.last_soc_pct = 0
