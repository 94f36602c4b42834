# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
"""What is tried for the table of reaction times: one row a fault.

(name, delay that is asked for in ms, where, what). The name is a rule's or, in brackets, that of a condition of the interlock,
which needs no rule. `where` says whose frames carry the fault, `what` the values; a pair is for LFP and for NMC, a function is given
the pack. What else may stand in `what`:

every: only each so-many-th slot has the trouble; together: all of them at once; one: a single slot has it
near, far, all: not (only) its own charger is watched but those of its neighbours, of all slots that are no neighbours, or all
kinds: the kinds of CAN frames that are enough to show it, if not all that are changed
charger_ma: the charger tells this current as well
before: values that are told for a while before the trouble begins, and then half an hour of rest is put into core's memory
off: the slots are taken out of service before, so that no charger is on
stands: not the stop frame is waited for but the instant at which this rule stands: it comes while the charger is off
frame: what is counted from where the pack is judged anew: its identity, its proof, or the state of the slot
wait: ms that pass beyond the delay until the frame comes
"""

from cabinet.core import rules
from cabinet.core.options import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NPB_HELD_MS = 3000  # that a NPB charger may leave its set-point unconfirmed
FROZEN_MS = 1000  # until a driver believes that a BMS repeats itself
OPEN_MS = 1000  # a door that is opened and shut again, so that the pack is judged anew
_OPTIONS = Options()


def _delay(rule: str) -> int:
    return rules.debounce_ms(rules.index_of(rule))


def _limit(rule: str) -> int:
    return abs(rules.level(rules.index_of(rule), 0))


def _over_sum(pack: "Any") -> int:
    return pack.cells * pack.status().cell_max + 2500


def _late_rise(pack: "Any") -> int:
    return pack.status().temp_max + 60


def _over_neighbours(pack: "Any") -> int:
    return pack.status().temp_max + 38


def _over_allowed(pack: "Any") -> int:
    return pack.status().charge_ma + 3000


def _low_pack(pack: "Any") -> int:
    return pack.status().pack_mv - 5000


def _low_cell_min(pack: "Any") -> int:
    return pack.status().cell_min - 5000 // pack.cells


def _low_cell_max(pack: "Any") -> int:
    return pack.status().cell_max - 5000 // pack.cells


def _less_current(pack: "Any") -> int:
    return pack.status().current_ma - 7000


def _apart(lfp: int, nmc: int) -> "Any":
    return lambda pack: pack.status().cell_max - (lfp if pack.cell_type == 1 else nmc)


def _take_serial(slot: "Any", world: "Any") -> None:
    slot.pack.serial = world.slots[slot.number - 2].pack.serial


def _new_serial(slot: "Any", world: "Any") -> None:
    slot.pack.serial = "X" + slot.pack.serial[1:]


def _strange(slot: "Any", world: "Any") -> None:
    slot.pack.chemistry = 9


def _no_key(slot: "Any", world: "Any") -> None:
    slot.pack.key = bytes(32)


def _never_ready(slot: "Any", world: "Any") -> None:
    slot.pack.PROOF_TIME = 1e9


LOW = {"pack_mv": _low_pack, "cell_min": _low_cell_min, "cell_max": _low_cell_max, "kinds": (0,)}  # cells and pack agree

ROWS = (
    ("cell_ov_hard", _delay("cell_ov_hard"), "pack", {"cell_max": (3850, 4300)}),
    ("cell_ov", _delay("cell_ov"), "pack", {"cell_max": (3660, 4235)}),
    ("cell_deep", _delay("cell_deep"), "pack", {"cell_min": 1990}),
    ("class_high", _delay("class_high"), "pack", {"pack_mv": 60500}),
    ("class_low", _delay("class_low"), "pack", {"pack_mv": 20000}),
    ("cell_sum", _delay("cell_sum"), "pack", {"pack_mv": _over_sum}),
    ("over_own", _delay("over_own"), "pack", {"current_ma": _over_allowed}),
    ("over_current", _delay("over_current"), "pack", {"current_ma": 61000}),
    ("temp_high", _delay("temp_high"), "pack", {"temp_max": 455}),
    ("temp_hot", _delay("temp_hot"), "pack", {"temp_max": 605, "temp_min": 600, "every": 3, "together": 1}),
    ("temp_runaway", _delay("temp_runaway"), "pack", {"temp_max": 705, "temp_min": 700, "one": 1, "all": 1}),
    ("temp_low", _delay("temp_low"), "pack", {"temp_min": -5}),
    ("temp_spread", _delay("temp_spread"), "pack", {"temp_max": 440, "temp_min": 230}),
    ("rise_fast", _delay("rise_fast"), "pack", {"temp_max": 605, "one": 1, "far": 1}),
    ("rise_high", _delay("rise_high"), "pack", {"temp_max": _late_rise, "every": 3, "together": 1}),
    ("rise_neighbours", _delay("rise_neighbours"), "pack", {"temp_max": _over_neighbours, "every": 2}),
    ("spread_mid", _delay("spread_mid"), "pack", {"current_ma": 0, "cell_min": _apart(190, 130)}),
    ("spread_any", _delay("spread_any"), "pack", {"current_ma": 0, "soc": 85, "cell_min": _apart(350, 250)}),
    ("soft_short", _delay("soft_short"), "pack", {"current_ma": 300, "cell_min": _apart(60, 60), "before": {"current_ma": 300}}),
    ("soh_end", _delay("soh_end"), "pack", {"soh": 65}),
    ("(another chemistry)", 0, "identity", {"pack": _strange, "wait": 31000}),
    ("(another serial number), serial_changed", 0, "identity", {"pack": _new_serial, "wait": 31000}),
    ("alarm_stop", _delay("alarm_stop"), "pack", {"alarms": 1 << 4}),
    ("alarm_fault", _delay("alarm_fault"), "pack", {"alarms": 1 << 11}),
    ("(implausible values)", 0, "pack", {"cell_max": 5600}),
    ("(pack allows no charge)", 0, "pack", {"charge_ma": 0}),
    ("no_current", _limit("no_current"), "pack", {"current_ma": 0, "charger_ma": 0}),
    ("charge_long", 0, "time charged", {}),
    ("(pack silent)", _OPTIONS.stale_pack_ms, "pack silent", {}),
    ("(measurement frozen)", _OPTIONS.stale_pack_ms + FROZEN_MS, "pack frozen", {}),
    ("neighbour_hot", _delay("temp_hot"), "pack", {"temp_max": 605, "temp_min": 600, "every": 3, "together": 1, "near": 1}),
    ("charger_fault", _delay("charger_fault"), "charger", {"bits": 1}),
    ("charger_hot", _delay("charger_hot"), "charger", {"bits": 2}),
    ("charger_input", _delay("charger_input"), "charger", {"bits": 4}),
    ("contact_bad", _delay("contact_bad"), "charger", {"over_mv": 2900}),
    ("volt_differs", _delay("volt_differs"), "charger", {"over_mv": -5000}),
    ("volt_differs", _delay("volt_differs"), "pack", LOW),
    ("current_differs", _delay("current_differs"), "charger", {"more_ma": 7000}),
    ("current_differs", _delay("current_differs"), "pack", {"current_ma": _less_current}),
    ("current_sign", _delay("current_sign"), "pack", {"current_ma": -2000}),
    ("(charger silent)", _OPTIONS.stale_charger_ms, "charger silent", {}),
    ("(door open)", 0, "inputs", {"byte": 3}),
    ("(not locked)", 0, "inputs", {"byte": 4}),
    ("(pack switch open)", 0, "inputs", {"byte": 5}),
    ("(slot board silent)", _OPTIONS.stale_io_ms, "board silent", {"board": 2}),
    ("compartment_warm", _delay("compartment_warm"), "compartment", {"ddegc": 560, "wait": 2000}),
    ("compartment_hot", _delay("compartment_hot"), "compartment", {"ddegc": 705, "one": 1, "all": 1, "wait": 2000}),
    ("compartment_blind", _delay("compartment_blind"), "compartment", {"ddegc": 2500, "wait": 2000}),
    ("(cabinet inputs silent)", _OPTIONS.stale_io_ms, "board silent", {"board": 1}),
    ("cabinet_hot", _delay("cabinet_hot"), "cabinet", {"ddegc": 560, "wait": 2000}),
    ("emergency_stop", _delay("emergency_stop"), "danger", {"bit": 2}),
    ("smoke", _delay("smoke"), "danger", {"bit": 0}),
    ("water", _delay("water"), "danger", {"bit": 1}),
    ("tilt", _delay("tilt"), "danger", {"bit": 3}),
    ("gas", _delay("gas"), "danger", {"bit": 4}),
    ("ground_fault", _delay("ground_fault"), "danger", {"bit": 5}),
    ("mains_lost", _delay("mains_lost"), "danger", {"bit": 7}),
    ("mains_over", _delay("mains_over"), "mains", {"mains_mv": 265000}),
    ("mains_severe", _delay("mains_severe"), "mains", {"mains_mv": 271000}),
    ("mains_under", _delay("mains_under"), "mains", {"mains_mv": 165000}),
    ("mains_current", _delay("mains_current"), "mains", {"mains_ma": 61000}),
    ("mains_short", _delay("mains_short"), "mains", {"mains_ma": 81000}),
    # they come while the charger is off, or something else has switched it off before: until the rule stands
    ("implausible", _delay("implausible"), "pack", {"cell_max": 5600, "stands": "implausible"}),
    ("pack_silent", _OPTIONS.stale_pack_ms + _limit("pack_silent"), "pack silent", {"stands": "pack_silent"}),
    ("off_current", _delay("off_current"), "pack", {"current_ma": 3000, "off": 1, "stands": "off_current"}),
    ("charger_runs_on", _delay("charger_runs_on"), "charger", {"more_ma": 3000, "off": 1, "stands": "charger_runs_on"}),
    ("charger_over", _delay("charger_over"), "charger", {"over_mv": 12000, "stands": "charger_over"}),
    ("charger_silent", _limit("charger_silent"), "charger silent", {"stands": "charger_silent"}),
    ("lock_disagrees", _delay("lock_disagrees"), "inputs", {"byte": 4, "stands": "lock_disagrees"}),
    ("door_forced", _OPTIONS.debounce_ms, "inputs", {"byte": 3, "stands": "door_forced"}),
    ("ghost", _OPTIONS.debounce_ms + _delay("ghost"), "inputs", {"byte": 5, "stands": "ghost"}),
    ("io_silent", _OPTIONS.stale_io_ms + _limit("io_silent"), "board silent", {"board": 2, "stands": "io_silent"}),
    ("cabinet_silent", _OPTIONS.stale_io_ms + _limit("cabinet_silent"), "board silent", {"board": 1, "stands": "cabinet_silent"}),
    ("duplicate", 0, "judged anew", {"pack": _take_serial, "frame": "identity", "every": 2, "stands": "duplicate", "wait": 9000}),
    ("chemistry", 0, "judged anew", {"pack": _strange, "frame": "identity", "stands": "chemistry", "wait": 9000}),
    ("marked", 0, "judged anew", {"mark": 1, "frame": "identity", "stands": "marked", "wait": 9000}),
    ("unproven", _limit("unproven"), "judged anew", {"pack": _never_ready, "frame": "", "stands": "unproven", "wait": 15000}),
    ("proof_failed", 0, "judged anew", {"pack": _no_key, "frame": "proof", "stands": "proof_failed", "wait": 12000}),
)  # fmt: skip

# a cabinet with four NPB chargers, which answer what they are asked
NPB_ROWS = (
    ("charger_fault", _delay("charger_fault"), "npb", {"command": 0x40, "or": 0x04}),
    ("charger_hot", _delay("charger_hot"), "npb", {"command": 0x40, "or": 0x02}),
    ("charger_input", _delay("charger_input"), "npb", {"command": 0x40, "or": 0x20}),
    ("charger_temp", _delay("charger_temp"), "npb", {"command": 0x62, "value": 805, "wait": 2000}),
    ("(set-point not confirmed)", NPB_HELD_MS, "npb silent", {}),
    ("emergency_stop", _delay("emergency_stop"), "danger", {"bit": 2}),
)  # fmt: skip
