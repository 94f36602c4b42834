"""The swap: a rider's pack in, a full pack out. A transaction that always ends, and that a reset does not lose.

A row of STATES shows a state whole: name, step (what ends it), time limit, and what happens at the limit. What riders hold
decides the way back: before their pack is accepted they get it back; after that they get a full pack, or their own again if
no full pack can be handed out. A dangerous pack stays locked in.
"""

from micropython import const

from cabinet.core import events, interlock, rules, slot_state, ticks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.core.options import Options
    from cabinet.core.slot import SlotControl

NONE = const(0)
OPENING_IN = const(1)
PUTTING_IN = const(2)
CHECKING_IN = const(3)
OPENING_OUT = const(4)
TAKING_OUT = const(5)
OPENING_BACK = const(6)
TAKING_BACK = const(7)
RESUMING = const(8)

# columns of STATES
_NAME = const(0)
_STEP = const(1)
_LIMIT = const(2)
_AT_LIMIT = const(3)

# orders of a swap (OCPP: SwapOrder)
IN_OUT = const(0)
OUT_IN = const(1)

_PACK_SILENT = rules.index_of("pack_silent")
_RESUME_MS = const(60000)  # after a reset all packs are proven afresh, which takes longer
_OPENING_SLACK_MS = const(15000)  # current has to fade, and a lock may have to cool down
_HOLD_MS = const(60000)
_REOPENED_MOST = const(2)  # times that a full pack, lifted out and put back, is offered again


class Swap:
    """The swap in progress, if any."""

    def __init__(self, slots: list, options: "Options", out: list, messages: list) -> None:
        self._slots = slots
        self._options = options
        self._out = out
        self._messages = messages
        self.number = 0
        self.dirty = True
        self.stopped = False  # the cabinet has stopped, written by control
        self.stored = True  # flash takes records, written by control
        self.last_in = 0
        self._opening_ms = options.door_open_ms * options.pulse_tries + _OPENING_SLACK_MS
        self._forget()

    def _forget(self) -> None:
        self.state = NONE
        self.origin = ""
        self.token = ""
        self.in_slot = 0
        self.out_slot = 0
        self.in_serial = ""
        self.in_soc_pct = 0
        self.out_serial = ""
        self.out_soc_pct = 0
        self.reason = ""
        self.taken = False
        self.out_first = False
        self.reopened = 0
        self.extended = False
        self.more = 0  # packs that the rider still has to change after this one
        self.tried = 0  # bits of the slots whose doors did not open
        self._since_ms = 0
        self._extra_ms = 0
        self._pulses = 0
        self._pulse_ms = None
        self._saved_state = NONE
        self._held_ms = None  # since when this swap has met a flash that refuses

    @property
    def active(self) -> bool:
        """Whether a swap is in progress."""
        return self.state != NONE

    @property
    def state_name(self) -> str:
        """The state as a word."""
        return STATES[self.state][_NAME]

    # --- choosing slots

    def empty_slot(self) -> "SlotControl | None":
        """The slot that takes a pack: the next after the last one used. First those with a working charger whose lock may
        be pulsed twice: once to take the pack and once more to give it back."""
        count = len(self._slots)
        fallback = None
        for offset in range(count):
            s = self._slots[(self.last_in + offset) % count]
            if s.receptive() and s.pulses_left and not self.tried >> s.number & 1:
                if s.charger_fresh and s.faults.stop_rule < 0 and s.pulses_left > 1:
                    return s
                if fallback is None:
                    fallback = s
        return fallback

    def full_slot(self) -> "SlotControl | None":
        """The slot with the fullest pack that may be handed out."""
        best = None
        for s in self._slots:
            if s.number == self.in_slot or self.tried >> s.number & 1 or not s.pulses_left or not s.releasable(self._options):
                continue
            if best is None or s.pack.soc_pct > best.pack.soc_pct:
                best = s
        return best

    def full_count(self) -> int:
        """How many packs may be handed out."""
        count = 0
        for s in self._slots:
            count += bool(s.pulses_left) and s.releasable(self._options)
        return count

    # --- from outside

    def begin(self, token: str, origin: str, now_ms: int, packs: int = 1) -> None:
        """Start a swap; the caller has checked that it may begin. A rider with several `packs` changes one after the other."""
        self._forget()
        self.more = packs - 1
        self.number += 1
        self.token = token
        self.origin = origin
        self.out_first = self._options.swap_order == OUT_IN
        self._out.append(events.make("swap.ordered", 0, "", self.number, token, origin))
        if self.out_first:
            self._next_out(now_ms)
        else:
            self._next_in(now_ms)

    def step(self, now_ms: int) -> None:
        """One step of the swap."""
        state = self.state
        if state == NONE:
            return
        if self.stopped and state != RESUMING:
            self._stop(state, now_ms)
            return
        if not self.stored and state in (OPENING_IN, OPENING_OUT, OPENING_BACK):
            self._hold(now_ms)
        row = STATES[state]
        row[_STEP](self, now_ms)
        if self.state == state and ticks.diff(now_ms, self._since_ms) > self._limit_ms(row[_LIMIT]) + self._extra_ms:
            if self.stored or self.taken or state not in (OPENING_IN, OPENING_OUT):
                row[_AT_LIMIT](self, now_ms)
            else:
                self._unrecorded(state, now_ms)

    def _limit_ms(self, name: str) -> int:
        """A time limit by its name in STATES: a setting, or one of those that are worked out."""
        if name == "opening_ms":
            return self._opening_ms
        return _RESUME_MS if name == "resume_ms" else getattr(self._options, name)

    def _unrecorded(self, state: int, now_ms: int) -> None:
        """Flash refuses still: no other slot is tried, whose door would open minutes later to nobody."""
        if state == OPENING_IN or self.out_first:
            self._cancel("storage_fault")
        else:
            self._give_back("storage_fault", now_ms)

    def _hold(self, now_ms: int) -> None:
        """No lock gets a pulse while flash refuses: the time that a door may take begins anew, but no door is to open minutes
        later to nobody."""
        if self._held_ms is None:
            self._held_ms = now_ms
        if 0 <= ticks.diff(now_ms, self._held_ms) < _HOLD_MS:
            self._since_ms = now_ms

    def _stop(self, state: int, now_ms: int) -> None:
        """The cabinet has stopped: that ends the swap. Where the rider has the full pack already, there is nothing left to cancel."""
        self.more = 0
        if self._is_handed_out(state):
            self._complete(now_ms)
        else:
            self._cancel("cabinet_stopped")

    def _is_handed_out(self, state: int) -> bool:
        """Whether the rider, who has given a pack, has lifted the full one out, and it is not back."""
        if self.out_first or not (state == TAKING_OUT or (state == OPENING_OUT and self.taken)):
            return False
        return not self._slots[self.out_slot - 1].present

    # --- common parts

    def _go(self, state: int, now_ms: int) -> None:
        self.state = state
        self._since_ms = now_ms
        self._extra_ms = 0
        self.extended = False
        self._pulses = 0
        self._pulse_ms = None
        self.dirty = True
        at = self.in_slot if state <= CHECKING_IN or state >= OPENING_BACK else self.out_slot
        self._out.append(events.make("swap.step", at, self._slots[at - 1].serial, self.number, STATES[state][_NAME]))

    def say(self, number: int, code: str) -> None:
        """Something for the rider's terminal, which knows the words."""
        self._messages.append((number, code))

    def _in(self) -> "SlotControl":
        return self._slots[self.in_slot - 1]

    def _opened(self, s: "SlotControl", claim: int, now_ms: int) -> bool:
        """Claim the door until it opens. False as long as it has not, and then at last marks it as stuck."""
        if s.state == slot_state.OPEN:
            return True
        if s.pulsed_ms is not None and s.pulsed_ms != self._pulse_ms and ticks.diff(s.pulsed_ms, self._since_ms) >= 0:
            self._pulse_ms = s.pulsed_ms
            self._pulses += 1
        if self._waits_for_door(now_ms):
            return False
        if self._pulses >= self._options.pulse_tries:
            if not s.stuck:
                s.mark_stuck()
                self._out.append(events.make("door.stuck", s.number, s.serial, self._pulses))
            return False
        interlock.claim_door(s, claim)
        return False

    def _waits_for_door(self, now_ms: int) -> bool:
        """Whether a pulse was given so lately that the door may open at any moment."""
        return self._pulse_ms is not None and 0 <= ticks.diff(now_ms, self._pulse_ms) < self._options.door_open_ms

    def _extend(self, s: "SlotControl") -> bool:
        """Give the rider some more time to shut the door, once."""
        if self.extended:
            return False
        self.extended = True
        self._extra_ms += self._options.close_ms
        self.say(s.number, "shut_door")
        return True

    def _release(self) -> None:
        for s in self._slots:
            s.reserved = False

    def _cancel(self, reason: str) -> None:
        step = self.state_name
        at = self.in_slot if self.in_slot else self.out_slot
        if self.state in (OPENING_OUT, TAKING_OUT):
            at = self.out_slot
        for number in (self.in_slot, self.out_slot):
            if number and self._slots[number - 1].state == slot_state.OPEN and not self.stopped:  # at a stop the rider stands there still
                self._slots[number - 1].leave_open()
        self._out.append(events.make("swap.cancelled", at, self.in_serial, self.number, reason, step))
        self.say(at, reason)
        self._release()
        self._forget()
        self.dirty = True

    def _complete(self, now_ms: int) -> None:
        came = (self.in_slot, self.in_serial, self.in_soc_pct)
        went = (self.out_slot, self.out_serial, self.out_soc_pct)
        self._out.append(events.make("swap.completed", self.out_slot, self.out_serial, self.number, *came, *went))
        if self._slots[self.out_slot - 1].state == slot_state.OPEN and not self.stopped:
            self._slots[self.out_slot - 1].leave_open()
        self._release()
        token, origin, more = self.token, self.origin, self.more
        self._forget()
        self.dirty = True
        if not more:
            self.say(0, "thank_you")
        elif self.full_slot() is None or (self._options.swap_order == IN_OUT and self.empty_slot() is None):
            reason = "no_empty_slot" if self.full_slot() is not None else "no_full_pack"
            self._out.append(events.make("swap.refused", 0, "", self.number, reason))
            self.say(0, reason)
        else:
            self.say(0, "next_pack")
            self.begin(token, origin, now_ms, more)

    def _give_back(self, reason: str, now_ms: int) -> None:
        self.reason = reason
        self.reopened = 0
        self._release()
        self.say(self.in_slot, reason)
        self._go(OPENING_BACK, now_ms)

    # --- steps

    def _next_in(self, now_ms: int) -> None:
        """Open the first, or another, empty slot."""
        if self.in_slot:
            self.tried |= 1 << self.in_slot
        s = self.empty_slot()
        if s is None:
            self._cancel("door_stuck" if self.in_slot else "no_empty_slot")
            return
        self.in_slot = self.last_in = s.number
        self.say(s.number, "one_moment")
        self._go(OPENING_IN, now_ms)

    def _step_opening_in(self, now_ms: int) -> None:
        s = self._in()
        if self._opened(s, interlock.RIDER_IN, now_ms):
            self.say(s.number, "put_pack_in")
            self._go(PUTTING_IN, now_ms)
        elif s.stuck:
            self._next_in(now_ms)

    def _step_putting_in(self, now_ms: int) -> None:
        s = self._in()
        if s.has_pack:
            self.say(s.number, "checking")
            self._go(CHECKING_IN, now_ms)
        elif s.state != slot_state.OPEN:
            if s.unexpected_pack(now_ms):
                self._give_back_unseen(s, now_ms)
            elif not s.probing:
                self._cancel("no_pack")

    def _give_back_unseen(self, s: "SlotControl", now_ms: int) -> None:
        """The rider's pack is in there, and the switch does not see it: he gets it back, and the slot serves nobody else."""
        s.report_switch_fault()
        self._give_back("switch_fault", now_ms)

    def _late_putting_in(self, now_ms: int) -> None:
        s = self._in()
        if s.present and self._extend(s):
            return
        self._cancel("in_timeout")

    def _step_checking_in(self, now_ms: int) -> None:
        s = self._in()
        if s.accepted:
            self.in_serial = s.serial
            self.in_soc_pct = s.pack.soc_pct
            if self.out_first:
                self._complete(now_ms)
            else:
                self._next_out(now_ms)
        elif s.state == slot_state.REFUSED:
            self.in_serial = s.serial
            rule = s.faults.keep_rule
            self._give_back(rules.reason(rule) if rule >= 0 else "pack_damaged", now_ms)
        elif s.state == slot_state.QUARANTINED:
            self.in_serial = s.serial
            self._cancel("pack_dangerous")
        elif s.state == slot_state.OPEN:
            self._go(PUTTING_IN, now_ms)
        elif s.vanished:
            self._give_back_unseen(s, now_ms)
        elif s.wants_wake:
            self.say(s.number, "waking")
        elif not s.has_pack:
            self._cancel("no_pack")

    def _late_checking_in(self, now_ms: int) -> None:
        self._give_back("check_timeout", now_ms)

    def _next_out(self, now_ms: int) -> None:
        """Hand out the first, or another, full pack; if there is none, the rider gets his own back."""
        if self.out_slot:
            self.tried |= 1 << self.out_slot
        self._release()
        s = self.full_slot()
        if s is None:
            if self.out_first:
                self._cancel("door_stuck" if self.out_slot else "no_full_pack")
            else:
                self._give_back("no_full_pack", now_ms)
            return
        self.out_slot = s.number
        self.out_serial = s.serial
        self.out_soc_pct = s.pack.soc_pct
        self.taken = False
        self.reopened = 0
        s.reserved = True
        self._go(OPENING_OUT, now_ms)

    def _step_opening_out(self, now_ms: int) -> None:
        s = self._slots[self.out_slot - 1]
        s.reserved = True
        if s.identified and s.serial != self.out_serial:
            self._handed_out(s, now_ms)  # exchanged while the door was open: the full pack is gone
        elif self.reopened and s.faults.keep_rule == _PACK_SILENT:
            self._handed_out(s, now_ms)  # only the switch says that it is still there
        elif self._opened(s, interlock.RIDER_OUT, now_ms):
            self.taken = False  # it has proved itself: whoever had it in his hands has put it back
            self.say(s.number, "take_pack")
            self._go(TAKING_OUT, now_ms)
        elif s.stuck or (not self._waits_for_door(now_ms) and (not s.has_pack or s.faults.keep_rule >= 0)):
            self._late_opening_out(now_ms)

    def _late_opening_out(self, now_ms: int) -> None:
        """This pack is not to be had. There is another one, unless the rider has lifted it out and nothing proves that it came back."""
        s = self._slots[self.out_slot - 1]
        if self.taken and not (s.accepted and s.serial == self.out_serial):
            self._handed_out(s, now_ms)
        else:
            self._next_out(now_ms)

    def _step_taking_out(self, now_ms: int) -> None:
        s = self._slots[self.out_slot - 1]
        if not s.present and not self.taken:
            self.taken = True
            self.dirty = True
        if s.state == slot_state.OPEN:
            return
        if not s.has_pack or (self.taken and self.reopened >= _REOPENED_MOST):
            self._handed_out(s, now_ms)
        elif self.reopened and not self.taken:
            self._cancel("out_timeout")
        else:  # not touched, or put back, or exchanged: who stands there has to prove itself
            self._go(OPENING_OUT, now_ms)
            self.reopened += 1
            self._extra_ms = self._options.check_ms

    def _handed_out(self, s: "SlotControl", now_ms: int) -> None:
        """The full pack is with the rider. That was the end, unless he was served first and now owes a pack."""
        if not self.out_first:
            self._complete(now_ms)
            return
        self._release()
        self.reopened = 0
        if s.state == slot_state.OPEN:
            s.leave_open()
        if s.has_pack:  # he has put his own pack in at once
            self.in_slot = self.last_in = s.number
            self._go(CHECKING_IN, now_ms)
            return
        self.last_in = s.number - 1  # the slot that has just become empty is the first choice
        self._next_in(now_ms)

    def _late_taking_out(self, now_ms: int) -> None:
        s = self._slots[self.out_slot - 1]
        if self._extend(s):
            return
        if self.taken:
            self._handed_out(s, now_ms)
        else:
            self._cancel("out_timeout")

    def _step_opening_back(self, now_ms: int) -> None:
        s = self._in()
        if self._opened(s, interlock.GIVE_BACK, now_ms):
            self.say(s.number, "take_back")
            self._go(TAKING_BACK, now_ms)
        elif s.state == slot_state.QUARANTINED:
            self._cancel("pack_dangerous")
        elif not s.has_pack and not s.switch_bad:
            self._cancel(self.reason)
        elif s.stuck:
            self._late_opening_back(now_ms)

    def _late_opening_back(self, now_ms: int) -> None:
        self.say(self.in_slot, "pack_kept")
        self._cancel(self.reason)

    def _step_taking_back(self, now_ms: int) -> None:
        s = self._in()
        if s.state == slot_state.OPEN:
            return
        if s.has_pack and not self.reopened:
            self._go(OPENING_BACK, now_ms)
            self.reopened = 1
            return
        if s.has_pack:
            self.say(s.number, "pack_kept")
        self._cancel(self.reason)

    def _late_taking_back(self, now_ms: int) -> None:
        s = self._in()
        if not self._extend(s):
            self._cancel(self.reason)

    # --- after a reset

    def saved(self) -> list:
        """What must outlive a reset."""
        state = self._saved_state if self.state == RESUMING else self.state
        return [
            self.number,
            state,
            self.token,
            self.origin,
            self.in_slot,
            self.out_slot,
            self.in_serial,
            self.in_soc_pct,
            self.out_serial,
            self.out_soc_pct,
            self.reason,
            1 if self.taken else 0,
            self.reopened,
            self.tried,
            self.last_in,
            1 if self.out_first else 0,
            self.more,
        ]

    def restore(self, saved: list, now_ms: int) -> None:
        """Take up a swap. What becomes of it is decided once the doors have been seen. Raises ValueError if it makes no sense."""
        self._forget()
        (self.number, state, self.token, self.origin, self.in_slot, self.out_slot) = saved[:6]
        (self.in_serial, self.in_soc_pct, self.out_serial, self.out_soc_pct) = saved[6:10]
        (self.reason, taken, self.reopened, self.tried, self.last_in, out_first) = saved[10:16]
        self.more = saved[16] if len(saved) > 16 else 0
        self.taken = taken == 1
        self.out_first = out_first == 1
        count = len(self._slots)
        if not 0 <= state < RESUMING or not 0 <= self.in_slot <= count or not 0 <= self.out_slot <= count or not 0 <= self.last_in <= count:
            self._forget()
            raise ValueError("a saved swap that makes no sense")
        if state == NONE:
            self._forget()
            return
        if (not self.in_slot and not self.out_first) or (state in (OPENING_OUT, TAKING_OUT) and not self.out_slot):
            self._forget()
            raise ValueError("a saved swap without its slots")
        self._saved_state = state
        self.state = RESUMING
        self._since_ms = now_ms
        if state in (OPENING_OUT, TAKING_OUT):
            self._slots[self.out_slot - 1].reserved = True

    def _step_resuming(self, now_ms: int) -> None:
        state = self._saved_state
        at = self.out_slot if state in (OPENING_OUT, TAKING_OUT) else self.in_slot
        s = self._slots[at - 1]
        if s.state == slot_state.UNSEEN or not s.io_fresh:
            return
        if self.stopped:
            self._resumed(state, "finish" if self._is_handed_out(state) else "undo")
            self._stop(state, now_ms)
        elif state <= CHECKING_IN:
            self._resume_in(s, state, now_ms)
        elif state <= TAKING_OUT:
            self._resume_out(s, state, now_ms)
        else:
            self._resume_back(s, state, now_ms)

    def _resumed(self, state: int, verdict: str) -> None:
        at = self.out_slot if state in (OPENING_OUT, TAKING_OUT) else self.in_slot
        self._out.append(events.make("swap.resumed", at, "", self.number, STATES[state][_NAME], verdict))
        self.dirty = True

    def _resume_in(self, s: "SlotControl", state: int, now_ms: int) -> None:
        if s.state == slot_state.OPEN:
            self._resumed(state, "continue")
            self.say(s.number, "put_pack_in")
            self._go(PUTTING_IN, now_ms)
        elif s.has_pack:
            self._resumed(state, "continue")
            self.say(s.number, "checking")
            self._go(CHECKING_IN, now_ms)
            self._extra_ms = _RESUME_MS
        else:
            self._resumed(state, "undo")
            self._cancel("power_cut")

    def _resume_out(self, s: "SlotControl", state: int, now_ms: int) -> None:
        if s.state == slot_state.OPEN:
            self._resumed(state, "continue")
            self.say(s.number, "take_pack")
            self._go(TAKING_OUT, now_ms)
        elif s.has_pack:
            self._resumed(state, "continue")
            self.say(s.number, "one_moment")
            if self.taken:
                self.reopened += 1  # put back, or exchanged: who stands there has to prove itself
            self._go(OPENING_OUT, now_ms)
            self._extra_ms = _RESUME_MS
        else:
            self._resumed(state, "continue" if self.out_first else "finish")
            self._handed_out(s, now_ms)

    def _resume_back(self, s: "SlotControl", state: int, now_ms: int) -> None:
        if s.state == slot_state.OPEN:
            self._resumed(state, "continue")
            self.say(s.number, "take_back")
            self._go(TAKING_BACK, now_ms)
        elif s.has_pack:
            self._resumed(state, "continue")
            self._go(OPENING_BACK, now_ms)
            self._extra_ms = _RESUME_MS
        else:
            self._resumed(state, "undo")
            self._cancel(self.reason if self.reason else "cancelled")

    def _late_resuming(self, now_ms: int) -> None:
        self._resumed(self._saved_state, "undo")
        self._cancel("io_stale")


# A row a state; its number is its position. Numbers stand on flash: a new state goes to the end.
# name, what ends it, its time limit (a setting, opening_ms or resume_ms), what happens at the limit
STATES: tuple = (
    ("none", None, "", None),
    ("opening_in", Swap._step_opening_in, "opening_ms", Swap._next_in),
    ("putting_in", Swap._step_putting_in, "in_ms", Swap._late_putting_in),
    ("checking_in", Swap._step_checking_in, "check_ms", Swap._late_checking_in),
    ("opening_out", Swap._step_opening_out, "opening_ms", Swap._late_opening_out),
    ("taking_out", Swap._step_taking_out, "out_ms", Swap._late_taking_out),
    ("opening_back", Swap._step_opening_back, "opening_ms", Swap._late_opening_back),
    ("taking_back", Swap._step_taking_back, "out_ms", Swap._late_taking_back),
    ("resuming", Swap._step_resuming, "resume_ms", Swap._late_resuming),
)
