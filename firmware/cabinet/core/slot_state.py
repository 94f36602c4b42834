"""The data of one slot, in sections by owner, and queries that only read.

Each heading names the one file that writes the fields below it. A test (tests/unit/tools/test_house_owners.py) reads these
headings and finds every other write. Other files ask a method or a function of the owner.

A field that most slots never need stands in the class. It enters the object when it is first set, because the table of an
object's attributes grows in steps (docs/boards.md#memory).
"""

from array import array

from micropython import const

from cabinet.core import reading, rules, ticks
from cabinet.core.faults import FaultSet
from cabinet.core.limits import TARGETS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.core.faults import CompiledLimits
    from cabinet.core.options import Options

# proof of identity; the numbers stand in evidence on flash
UNPROVEN = const(0)
PENDING = const(1)
PROVEN = const(2)
FAILED = const(3)

# states: the numbers stand in evidence on flash; what each state means is its row in slot.STATES
UNSEEN = const(0)  # the I/O board has not answered yet
EMPTY = const(1)
OPEN = const(2)
IDENTIFYING = const(3)
CHECKING = const(4)
IDLE = const(5)  # accepted
CHARGING = const(6)
FULL = const(7)
REFUSED = const(8)  # neither charged nor handed out; returned if a rider has just brought it
QUARANTINED = const(9)
FAULT = const(10)  # empty, and not usable

# the columns of a row of slot.STATES that are read here
_NAME = const(0)
_POLL_NEED = const(1)
_HAS_PACK = const(2)

_UNEXPECTED_PACK = rules.index_of("ghost")
_IMPLAUSIBLE = rules.quantity(rules.index_of("implausible"))
_SILENT = rules.quantity(rules.index_of("pack_silent"))
_RISE_60S = rules.quantity(rules.index_of("rise_high"))
_PLAN_REASONS = ("full", "budget", "planning", "temperature", "pack_refuses", "charging")


def charge_winner(why: str) -> str:
    """The claim that decides over the charger, from the slot's `why_code`: safety, operator, swap or plan."""
    if why == "disabled":
        return "operator"
    if why == "reserved":
        return "swap"
    return "plan" if why in _PLAN_REASONS else "safety"


class SlotMeasures:
    """The quantities of one slot, and the small memory that slopes and durations need."""

    def __init__(self) -> None:
        # --- quantities: written by quantities.py
        self.values = array("i", [rules.UNKNOWN] * rules.QUANTITIES)
        self.instants = array("i", [0] * 12)  # durations are counted from them
        self.counter = -2  # the pack's counter of measurements; below 0: see _NEVER_FILLED in quantities.py
        self.hour_mv = rules.UNKNOWN  # spread of the cells an hour ago
        self.day_mv = rules.UNKNOWN
        self.charged_ms = 0
        self.fast = array("i", [0] * 4)  # hottest sensor, one sample a second
        self.fast_count = 0  # its two low bits are the next place; 4 and more: all places are filled
        self.slow = array("i", [0] * 7)  # hottest sensor, one sample in ten seconds
        self.slow_count = 0
        # The connector of the slot, whatever pack stands in it. runtime/connector_wear.py keeps both over a restart.
        self.contact_16 = 0  # mean resistance of late, in sixteenths of a milliohm; 0: not known
        self.contact_first_16 = 0  # the first mean; below 0: minus the samples that it still needs

    @property
    def rise_60s(self) -> int:
        """Temperature rise in 60 s, 0.1 degC, or UNKNOWN."""
        return self.values[_RISE_60S]

    @property
    def is_implausible(self) -> bool:
        """Whether the pack answers at this moment with values that cannot be true."""
        return self.values[_IMPLAUSIBLE] == 1 and self.values[_SILENT] == 0


class SlotState:
    """What is known of one slot. slot.SlotControl adds the transitions."""

    rows: tuple = ()  # slot.STATES

    # --- what is seen, seldom set: written by slot.py
    vanished = False  # the switch says that the pack has gone, and no door was opened
    switch_bad = False  # a pack answered though the switch said empty; until service clears it
    stuck = False  # the door did not open
    left_open = False  # nobody is expected at this open door any more
    forced = False  # the door opened without a pulse
    thermal = False  # a rule of rules.THERMAL stands

    # --- identity, seldom set: written by slot.py
    serial_quarantined = False  # the serial number was put into quarantine earlier
    duplicate = False  # another slot has a pack with the same serial number
    challenges_exhausted = False  # the pack left all its challenges unanswered
    wake_requests = 0  # sent since the pack last answered
    wants_wake = False  # the shell wakes the pack at this step

    # --- charge, seldom set: written by slot.py
    full_soc_pct = 100  # state of charge at which the pack took no more, if that was less than full

    # --- service: written by slot.py
    enabled = True  # False: taken out of service by a command

    def __init__(self, number: int, compiled: "CompiledLimits", readings: "tuple | None" = None) -> None:
        """`readings`: the devices' own (pack, charger, io); without them the slot gets new ones."""
        # --- parts: written by slot.py
        self.number = number
        if readings is None:
            readings = (reading.PackReading(), reading.ChargerReading(), reading.SlotReading())
        self.pack, self.charger, self.io = readings  # the devices write into them
        self.left: "SlotState | None" = None  # neighbours
        self.right: "SlotState | None" = None
        self.faults = FaultSet(compiled, number)
        self.measures = SlotMeasures()

        # --- what is seen: written by slot.py
        self.state = UNSEEN
        self.since_ms = 0
        self.empty_ms = 0  # since when the slot has been empty
        self.shut = False  # debounced
        self.present = False  # debounced
        self.io_fresh = False
        self.pack_fresh = False
        self.charger_fresh = False
        self.probing = False  # the empty slot is asked whether a BMS answers all the same
        self.pulsed_ms: "int | None" = None  # when the lock last had a pulse, as long as that matters
        self._io_watch = 0  # whether the I/O board answers: see slot.py
        self._occupied = False  # a pack came, and was not seen to leave
        self._shut_changed_ms: "int | None" = None  # since when the raw signal has differed
        self._present_changed_ms: "int | None" = None
        self._fault_changes = 0

        # --- identity: written by slot.py
        self.proof = UNPROVEN
        self.proven_serial = ""
        self.challenges_unanswered = 0
        self.identified = False
        self.serial = ""
        self.present_at_boot = True  # the pack was there when watching began: at the start, or after the I/O board was silent
        self.readings_seen = 0  # readings of the pack in this occupancy
        self._occupied_since_ms: "int | None" = None  # older readings do not count; None: readings of any age count
        self._last_taken_ms: "int | None" = None  # of the newest reading of this occupancy; None: none yet

        # --- charge: written by slot.py
        self.is_full = False
        self.ready = False  # could be handed out at the last step
        self.last_soc_pct = 0
        self._full_since_ms: "int | None" = None

        # --- claims of the plan: written by charging.py
        self.plan_ma = 0  # what the slot may get
        self.plan_why = "planning"

        # --- claims of the swap: written by swap.py
        self.reserved = False  # the pack is being handed out

        # --- permits, recomputed at each step: written by interlock.py
        self.charge_mv = 0
        self.charge_ma = 0
        self.why_code = "starting"
        self.pulse = False
        self.door_why = "no_claim"
        self.door_winner = ""
        self.door_claim = 0  # who wants the door open; see interlock.claim_door
        self.pulses_left = 3  # what the lock's duty still allows in this minute

    # --- queries

    @property
    def state_name(self) -> str:
        """The state as a word; "disabled" for an idle slot that is out of service."""
        return "disabled" if not self.enabled and self.state in (EMPTY, IDLE, FULL, FAULT) else self.rows[self.state][_NAME]

    @property
    def poll_need(self) -> str:
        """How urgently the pack must be polled: absent, checking, charging or resting."""
        if self.state == IDLE and self.plan_ma:
            return "charging"
        if self.probing:
            return "checking"
        if self.state == FAULT and self.faults.active(_UNEXPECTED_PACK):
            return "charging"
        if self.reserved and self.has_pack:
            return "checking"
        return self.rows[self.state][_POLL_NEED]

    @property
    def has_pack(self) -> bool:
        """Whether a pack stands behind a shut door."""
        return self.rows[self.state][_HAS_PACK]

    @property
    def accepted(self) -> bool:
        """Whether the pack was proven and accepted."""
        return IDLE <= self.state <= FULL

    @property
    def wants_proof(self) -> bool:
        """Whether the shell is to send the pack a challenge."""
        return self.state == CHECKING and self.proof == UNPROVEN

    @property
    def cell_target_mv(self) -> int:
        """Charge target of the identified pack, mV a cell; 0 for an unknown chemistry."""
        chemistry = self.faults.chemistry
        return TARGETS[chemistry][0] if chemistry in TARGETS else 0

    def age(self, now_ms: int) -> int:
        """Milliseconds in this state; valid for short times only, because the counter wraps."""
        return ticks.diff(now_ms, self.since_ms)

    def unexpected_pack(self, now_ms: int) -> bool:
        """Whether the BMS or the door shows a pack though the switch says empty."""
        if self.vanished or self.switch_bad:
            return True
        taken = self.pack.taken_ms
        if taken is None or self.state not in (EMPTY, FAULT):
            return False
        return reading.is_fresh(taken, now_ms, 1000) and ticks.diff(taken, self.empty_ms) > 500

    def releasable(self, options: "Options") -> bool:
        """Whether this pack may be handed out."""
        return (
            self.accepted
            and self.enabled
            and self.shut
            and self.io_fresh
            and self.pack_fresh
            and self.pack.is_whole()
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
        """The slot for panel, telemetry and kiosk."""
        pack = self.pack
        known = self.has_pack and self.pack_fresh
        return {
            "slot": self.number,
            "state": self.state_name,
            "pack": self.serial or None,
            "soc_pct": pack.soc_pct if known else None,
            "soh_pct": pack.soh_pct if known else None,
            "pack_mv": pack.pack_mv if known else None,
            "current_ma": pack.current_ma if known else None,
            "temp_max_ddegc": pack.temp_max_ddegc if known and pack.temp_max_ddegc != reading.TEMPERATURE_UNKNOWN else None,
            "charge_mv": self.charge_mv,
            "charge_ma": self.charge_ma,
            "door_closed": self.shut if self.io_fresh else None,
            "locked": self.io.lock_locked if self.io_fresh else None,
            "why": self.why_code,
            "winner": charge_winner(self.why_code),
            "faults": self.faults.names(),
        }
