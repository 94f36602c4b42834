"""The one gate: claims in, permits out. Nothing energises a charger or pulses a lock but through here.

Permits are recomputed from the present state at each step and remembered by nobody. Conditions stand in tables, in
the order in which they are named: the first that fails is the answer to "why not?". Whatever is old, unknown or was
never seen fails.
"""

from micropython import const

from cabinet.core import events, rules, slot_state, ticks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.core.options import Options
    from cabinet.core.slot import SlotControl
    from cabinet.core.slot_state import SlotState

# claims on a door; the larger number goes first
NOBODY = const(0)
RIDER_IN = const(1)  # open an empty slot to take a pack
RIDER_OUT = const(2)  # hand out an accepted pack
GIVE_BACK = const(3)  # give a refused pack back
SERVICE = const(4)  # an authorised person; allowed where a rider is not
DOOR_CLAIMS = ("nobody", "rider_in", "rider_out", "give_back", "service")

# claims on a charger, strongest first
CHARGE_CLAIMS = ("safety", "operator", "swap", "plan")

_PULSE_WINDOW_MS = const(60000)
_PULSES = const(3)  # a minute: solenoids are made for short use
_STILL_MA = const(500)  # no door is opened while so much flows; less is what the sensors of packs at rest may tell


def claim_door(s: "SlotState", claim: int) -> None:
    """Ask for this door at this step. Claims are made anew at each step."""
    s.door_claim = claim


class Interlock:
    """Gives permits to the chargers and lock pulses of all slots."""

    def __init__(self, slots: list, options: "Options") -> None:
        self._slots = slots
        self._options = options
        self.storage_ok = True
        self.storage_lost = False
        self.stored = True
        self.stop_rule = -1  # rule that has stopped the whole cabinet
        self.cabinet_stop_rule = -1  # rule of the cabinet that forbids charging
        self._before_ms: "int | None" = None  # when the lock that has just had a pulse had the one before
        self._pulses = [0] * (_PULSES * len(slots))  # instants of the last pulses of each slot
        self._pulse_counts = bytearray(len(slots))
        self._fed_ms: list[int | None] = [None] * len(slots)  # when each charger last had a permit

    # --- chargers

    def charge_why(self, s: "SlotControl") -> str:
        """The first condition of charging that does not hold, "" if all hold. A rule's id where a fault is the reason."""
        if self.stop_rule >= 0:
            return rules.IDS[self.stop_rule]
        if self.cabinet_stop_rule >= 0:
            return rules.IDS[self.cabinet_stop_rule]
        if not s.io_fresh:
            return "io_stale"
        io = s.io
        if not io.pack_present or not s.present:
            return "empty"
        if not io.door_closed or not s.shut:
            return "door_open"
        if s.faults.stop_rule >= 0:
            return rules.IDS[s.faults.stop_rule]
        if not io.lock_locked:
            return "not_locked"
        if not s.pack_fresh:
            return "pack_stale"
        if not s.identified or s.pack.serial != s.serial or not s.serial:
            return "unidentified"
        if s.proof != slot_state.PROVEN or s.proven_serial != s.serial:
            return "unproven"
        if not s.accepted:
            return "not_accepted"
        if not s.pack.is_whole():
            return "pack_blind"
        if not s.charger_fresh:
            return "charger_stale"
        if self.storage_lost or (not self.storage_ok and not s.charge_ma):
            return "storage_fault"  # what runs may go on for a while; nothing new begins that could not be recorded
        if not s.enabled:
            return "disabled"
        if s.reserved or s.door_claim:
            return "reserved"
        if s.is_full:
            return "full"
        if s.pack.charge_limit_ma <= 0 or s.pack.charge_limit_mv <= 0:
            return "pack_refuses"
        if s.plan_ma <= 0:
            return s.plan_why
        return ""

    def permit_charge(self, s: "SlotControl", target_mv: int, now_ms: int, out: list) -> None:
        """Recompute the permit of one slot, and tell when charging begins or ends."""
        why = self.charge_why(s)
        if not why and self._may_open(s, now_ms):
            why = "reserved"  # the pulse may be late on the wire, and the bolt is not drawn under load
        was_ma = s.charge_ma
        if why:
            s.charge_mv = 0
            s.charge_ma = 0
            s.why_code = why
            if was_ma:
                out.append(events.make("charge.stopped", s.number, s.serial, why, s.last_soc_pct))
            return
        limit_ma = s.pack.charge_limit_ma
        ma = s.plan_ma
        s.charge_mv = target_mv
        s.charge_ma = ma if ma < limit_ma else limit_ma
        self._fed_ms[s.number - 1] = now_ms
        s.why_code = "charging"
        if not was_ma:
            out.append(events.make("charge.started", s.number, s.serial, s.charge_mv, s.charge_ma, s.pack.soc_pct))

    # --- doors

    def door_why(self, s: "SlotControl", claim: int, now_ms: int) -> str:
        """The first condition of opening this door for this claim that does not hold, "" if all hold."""
        if claim == NOBODY:
            return "no_claim"
        if not self.stored:
            return "storage_fault"  # a pulse that cannot be recorded is not given: nor must it be counted as given
        if not s.io_fresh:
            return "io_stale"
        if not s.shut or not s.io.door_closed:
            return "already_open"
        if s.thermal:
            return "hot"
        if claim != SERVICE:
            if self.stop_rule >= 0:
                return "cabinet_stopped"
            if s.faults.worst >= rules.QUARANTINE or s.state == slot_state.QUARANTINED or s.serial_quarantined:
                return "quarantined"
            if claim == GIVE_BACK and (s.pack_fresh or s.measures.is_implausible) and (s.readings_seen < 3 or s.faults.pending):
                return "checking"  # refused for one reason, but it may be dangerous for another: a moment's patience
            if not s.enabled and claim != GIVE_BACK:
                return "disabled"
            if claim == RIDER_IN and (s.state != slot_state.EMPTY or s.present or s.io.pack_present):
                return "not_empty"
            if claim == RIDER_OUT and not s.releasable(self._options):
                return "not_ready"
            if claim == RIDER_OUT and s.faults.pending:
                return "checking"  # in a moment it may be refused
        if s.charge_ma > 0 or self._current_flows(s, now_ms):
            return "current_flows"
        for other in self._slots:
            if other is not s and self.released(other, now_ms):
                return "other_door_open"
        if self._recent_pulses(s, now_ms) >= _PULSES:
            return "pulses"
        return ""

    def released(self, s: "SlotControl", now_ms: int) -> bool:
        """Whether this door stands open, or may open at any moment after its pulse, and somebody is expected at it."""
        if s.left_open:
            return False
        if s.state == slot_state.OPEN or not s.shut or (s.io_fresh and not s.io.door_closed):
            return s.state != slot_state.UNSEEN
        return self._may_open(s, now_ms)

    def _may_open(self, s: "SlotControl", now_ms: int) -> bool:
        """Whether its lock has had a pulse so lately that the door may open at any moment."""
        return s.pulsed_ms is not None and 0 <= ticks.diff(now_ms, s.pulsed_ms) < self._options.door_open_ms

    def _current_flows(self, s: "SlotControl", now_ms: int) -> bool:
        if s.pack_fresh and not -_STILL_MA < s.pack.current_ma < _STILL_MA:
            return True
        if s.charger_fresh and s.charger.output_ma >= _STILL_MA:
            return True
        fed_ms = self._fed_ms[s.number - 1]
        if fed_ms is None or not 0 <= ticks.diff(now_ms, fed_ms) < self._options.blind_ms:
            return False
        # current may still flow, unless a reading newer than the last permit shows none
        return not (_since(s.pack_fresh, s.pack.taken_ms, fed_ms) or _since(s.charger_fresh, s.charger.taken_ms, fed_ms))

    def _recent_pulses(self, s: "SlotControl", now_ms: int) -> int:
        at = (s.number - 1) * _PULSES
        count = self._pulse_counts[s.number - 1]
        recent = 0
        for index in range(count):
            if 0 <= ticks.diff(now_ms, self._pulses[at + index]) < _PULSE_WINDOW_MS:
                recent += 1
        if not recent:
            self._pulse_counts[s.number - 1] = 0
        s.pulses_left = _PULSES - recent
        return recent

    def _note_pulse(self, s: "SlotControl", now_ms: int) -> None:
        at = (s.number - 1) * _PULSES
        count = self._pulse_counts[s.number - 1]
        if count == _PULSES:
            for index in range(_PULSES - 1):
                self._pulses[at + index] = self._pulses[at + index + 1]
            count -= 1
        self._pulses[at + count] = now_ms
        self._pulse_counts[s.number - 1] = count + 1
        s.pulses_left -= 1

    def permit_doors(self, now_ms: int, out: list) -> None:
        """At most one pulse in a step: the strongest claim whose conditions all hold."""
        winner = None
        claim = NOBODY
        for s in self._slots:
            s.pulse = False
            if not s.door_claim:
                s.door_why = "no_claim"
                continue
            s.door_why = self.door_why(s, s.door_claim, now_ms)
            if s.door_why:
                continue
            if winner is not None:
                if s.door_claim <= claim:
                    s.door_why = "outranked"
                    continue
                winner.door_why = "outranked"
            winner = s
            claim = s.door_claim
        for s in self._slots:
            s.door_claim = NOBODY  # claims are made anew at each step
        if winner is None:
            return
        winner.pulse = True
        self._before_ms = winner.pulsed_ms
        winner.set_pulsed(now_ms)
        winner.door_winner = DOOR_CLAIMS[claim]
        self._note_pulse(winner, now_ms)
        out.append(events.make("lock.pulsed", winner.number, winner.serial, winner.door_winner, self._options.pulse_ms))

    def take_back_pulse(self, s: "SlotControl") -> None:
        """Undo the pulse that was permitted at this step."""
        s.pulse = False
        s.set_pulsed(self._before_ms)  # the door may still open after the pulse before
        s.pulses_left += 1
        self._pulse_counts[s.number - 1] -= 1

    def drop_old_pulses(self, now_ms: int) -> None:
        """Forget instants that no longer matter, before the counter wraps."""
        for s in self._slots:
            if self._pulse_counts[s.number - 1]:
                self._recent_pulses(s, now_ms)
            if s.pulsed_ms is not None and ticks.diff(now_ms, s.pulsed_ms) > _PULSE_WINDOW_MS:
                s.set_pulsed(None)


def _since(fresh: bool, taken_ms: "int | None", instant_ms: int) -> bool:
    """Whether a fresh reading was taken after this instant."""
    return fresh and taken_ms is not None and ticks.diff(taken_ms, instant_ms) > 0
