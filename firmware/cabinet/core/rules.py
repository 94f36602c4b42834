# ruff: noqa: E501  one row a rule
"""The safety table: one row a rule. Evaluation (faults.py), limits (limits.py) and docs/safety.md all follow it.

A rule trips when its quantity reaches the limit and stays there for the debounce time. It clears when the quantity
has come back to the clear level and stayed there for the clear time, unless it latches. Which side is dangerous
belongs to the quantity. The table is one text, because a controller's memory is small: strings cost more than rows.
"""

from array import array

from micropython import const

# reactions, mildest first
NOTE = const(0)  # told, nothing else
DERATE = const(1)  # charged with less
STOP = const(2)  # not charged
GIVE_BACK = const(3)  # not charged, not handed out; given back if a rider has just brought it, else kept
QUARANTINE = const(4)  # not charged, no rider ever gets the door open
STOP_CABINET = const(5)  # every charger off, every rider's door shut, no swaps
REACTIONS = ("note", "derate", "stop", "give_back", "quarantine", "stop_cabinet")

# how a rule clears
FREE = const(0)  # when the clear condition holds
STAY = const(1)  # not before the pack has left the slot
SERVICE = const(2)  # not before somebody authorised has cleared it, and the clear condition holds
LATCHES = ("free", "stay", "service")

UNKNOWN = const(-(1 << 29))  # a quantity that is not known now: trips nothing, clears nothing

# scopes: whose rows they are, and when they are forgotten
PACK = const(0)
SLOT = const(1)
CABINET = const(2)
SCOPES = ("pack", "slot", "cabinet")

# Quantities in the order of measure.py. "-" in front: small values are the dangerous ones. What
# each means stands in tools/swapcab/gen_safety.py.
_QUANTITIES = """\
cell_max_mv -cell_min_mv class_high_mv class_low_mv cell_sum_mv over_own_ma charge_ma temp_max_ddegc -temp_min_ddegc
temp_spread_ddegc rise_3s_ddegc rise_60s_ddegc rise_over_neighbours_ddegc spread_mid_mv spread_rest_mv spread_hour_mv
spread_day_mv -soh_pct cycles chemistry_unknown implausible serial_changed duplicate proof_failed marked alarm_stop
alarm_fault alarm_note silent_ms unidentified_ms unproven_ms frozen_ms off_current_ma no_current_ms charge_s
contact_mohm neighbour_hot charger_silent_ms charger_hardware charger_hot_flag charger_input charger_note
charger_ddegc charger_over_mv charger_off_ma io_silent_ms lock_disagrees forced open_ms ghost stuck compartment_ddegc
cabinet_silent_ms smoke gas water emergency_stop tilt ground_fault fan mains_lost cabinet_ddegc mains_high_mv
-mains_low_mv"""

# Columns: id, scope, quantity, limit LFP, limit NMC, clear LFP, clear NMC, debounce ms, clear ms, reaction, latch,
# derate to %, reason code (words.py), source, words. Sources: "recall" is general knowledge that nobody
# checked, "proposal" was chosen here: a deployment must confirm both with the maker of its cells. Every other name was
# read; gen_safety.py tells where.
TABLE = """\
cell_ov_hard pack cell_max_mv 3800 4250 3400 4050 500 2000 quarantine service 0 pack_dangerous LibreSolar A cell is far above its voltage limit.
cell_ov pack cell_max_mv 3650 4230 3600 4200 1000 5000 stop free 0 pack_damaged Lishen A cell is above its charge voltage.
cell_precharge pack cell_min_mv 2500 3000 2800 3200 1000 5000 derate free 20 pack_soc LibreSolar Deeply discharged: charged gently.
cell_deep pack cell_min_mv 2000 2000 2100 2100 500 2000 give_back stay 0 pack_soc recall A cell was discharged too far.
class_high pack class_high_mv 1 1 0 0 0 1000 give_back stay 0 pack_type proposal The pack's voltage is above the class of the slot.
class_low pack class_low_mv 1 1 0 0 500 1000 give_back stay 0 pack_type proposal The pack's voltage is below the class of the slot.
cell_sum pack cell_sum_mv 1500 1500 1000 1000 2000 5000 stop free 0 pack_damaged proposal Pack and cell voltages contradict each other.
over_own pack over_own_ma 2000 2000 500 500 3000 10000 stop free 0 pack_damaged proposal More current than the pack allows.
over_current pack charge_ma 60000 60000 1000 1000 320 10000 stop service 0 pack_damaged proposal Charge current above the hard limit.
temp_warm pack temp_max_ddegc 400 400 370 370 1000 5000 derate free 50 temperature foxBMS Warm: charged with less.
temp_high pack temp_max_ddegc 450 450 400 400 1000 5000 stop free 0 temperature LibreSolar Too warm to charge.
temp_hot pack temp_max_ddegc 600 600 450 450 1000 60000 quarantine service 0 pack_dangerous zld08 The pack is dangerously hot.
temp_runaway pack temp_max_ddegc 700 700 450 450 1000 60000 stop_cabinet service 0 pack_dangerous NCR18650GA A pack is about to burn.
temp_cool pack temp_min_ddegc 50 50 70 70 1000 5000 derate free 20 temperature Alpha Cool: charged gently.
temp_low pack temp_min_ddegc 0 0 50 50 1000 5000 stop free 0 temperature LibreSolar Too cold to charge.
temp_spread pack temp_spread_ddegc 200 200 150 150 5000 10000 stop free 0 pack_damaged proposal The pack's temperature sensors disagree.
rise_fast pack rise_3s_ddegc 30 30 5 5 1500 60000 stop_cabinet service 0 pack_dangerous recall A pack heats up by 1 degC a second.
rise_high pack rise_60s_ddegc 50 50 10 10 10000 60000 quarantine service 0 pack_dangerous recall A pack heats up by 5 degC a minute.
rise_note pack rise_60s_ddegc 20 20 10 10 10000 60000 derate free 50 temperature recall The pack heats up quickly.
rise_neighbours pack rise_over_neighbours_ddegc 30 30 10 10 10000 60000 stop free 0 temperature proposal The pack heats up faster than its neighbours.
spread_mid pack spread_mid_mv 150 100 120 80 2000 5000 give_back stay 0 pack_damaged recall The cells have drifted apart.
spread_any pack spread_rest_mv 300 200 250 150 2000 5000 give_back stay 0 pack_damaged recall The cells have drifted far apart.
soft_short pack spread_hour_mv 20 20 5 5 0 60000 quarantine service 0 pack_dangerous recall A cell loses charge by itself.
spread_growth pack spread_day_mv 10 10 5 5 0 60000 note stay 0 pack_damaged recall The cells drift apart at rest: service.
soh_low pack soh_pct 80 80 81 81 1000 5000 note free 0 pack_soh productgrowth Near the end of its life as a swap pack.
soh_end pack soh_pct 70 70 71 71 1000 5000 give_back stay 0 pack_soh recall Worn out.
cycles_high pack cycles 3000 1500 0 0 1000 5000 note stay 0 pack_soh proposal Many cycles: due for service.
chemistry pack chemistry_unknown 1 1 0 0 0 0 give_back stay 0 pack_type proposal Unknown chemistry.
implausible pack implausible 1 1 0 0 1000 10000 give_back free 0 pack_damaged proposal The pack tells what cannot be true.
serial_changed pack serial_changed 1 1 0 0 0 0 give_back stay 0 pack_unknown proposal The serial number changed behind a shut door.
duplicate pack duplicate 1 1 0 0 0 0 give_back stay 0 pack_unknown proposal Another pack has the same serial number.
proof_failed pack proof_failed 1 1 0 0 0 0 give_back stay 0 pack_unknown proposal The pack could not prove its identity.
marked pack marked 1 1 0 0 0 0 quarantine service 0 pack_dangerous proposal Found dangerous earlier.
alarm_stop pack alarm_stop 1 1 0 0 500 5000 stop free 0 pack_damaged proposal The pack's own protection forbids charging.
alarm_fault pack alarm_fault 1 1 0 0 500 5000 give_back stay 0 pack_damaged proposal The pack reports a short circuit or an internal fault.
alarm_note pack alarm_note 1 1 0 0 1000 5000 note free 0 pack_damaged proposal The pack reports an alarm.
pack_silent pack silent_ms 5000 5000 1000 1000 0 1000 give_back free 0 pack_silent zld08,tightened The pack does not answer.
unidentified pack unidentified_ms 6000 6000 0 0 0 300000 give_back free 0 pack_unknown proposal The pack does not tell who it is.
unproven pack unproven_ms 10000 10000 0 0 0 300000 give_back free 0 pack_unknown proposal The pack leaves its challenge unanswered.
frozen pack frozen_ms 15000 15000 0 0 0 5000 stop free 0 pack_damaged proposal The pack repeats one and the same measurement.
off_current pack off_current_ma 2000 2000 500 500 10000 10000 stop service 0 pack_damaged proposal Current flows though the charger is off.
no_current pack no_current_ms 60000 60000 0 0 0 0 stop stay 0 pack_damaged zld08 No current flows though the charger is on.
charge_long pack charge_s 21600 21600 0 0 0 0 stop stay 0 pack_damaged zld08 Charging took too long.
contact_warn pack contact_mohm 80 80 60 60 10000 30000 derate free 50 pack_damaged proposal The connector has a high resistance: charged with less.
contact_bad pack contact_mohm 150 150 60 60 10000 30000 stop stay 0 pack_damaged proposal The connector has a dangerous resistance.
neighbour_hot slot neighbour_hot 1 1 0 0 0 10000 stop free 0 temperature recall The neighbouring pack is dangerously hot.
charger_silent slot charger_silent_ms 5000 5000 1000 1000 0 1000 stop free 0 charger_stale Elcon The charger does not answer.
charger_fault slot charger_hardware 1 1 0 0 500 10000 stop free 0 charger_stale Elcon The charger reports a hardware fault.
charger_hot slot charger_hot_flag 1 1 0 0 500 10000 stop free 0 charger_stale Elcon The charger reports over-temperature.
charger_input slot charger_input 1 1 0 0 500 10000 stop free 0 charger_stale Elcon The charger reports wrong input voltage.
charger_note slot charger_note 1 1 0 0 10000 10000 note free 0 charger_stale Elcon The charger sees no battery or no commands.
charger_temp slot charger_ddegc 800 800 700 700 2000 10000 stop free 0 charger_stale zld08 The charger is too hot.
charger_over slot charger_over_mv 1500 1500 500 500 3000 10000 stop service 0 charger_stale proposal The charger gives more voltage than was permitted.
charger_runs_on slot charger_off_ma 1000 1000 200 200 5000 10000 stop service 0 charger_stale Elcon The charger gives current though it is to be off.
io_silent slot io_silent_ms 1500 1500 500 500 0 1000 stop free 0 io_stale proposal Door, lock and presence are not known.
lock_disagrees slot lock_disagrees 1 1 0 0 2000 1000 stop free 0 not_locked recall Door and lock contradict each other.
door_forced slot forced 1 1 0 0 0 5000 stop free 0 door_open proposal The door was opened by force.
door_left_open slot open_ms 120000 120000 0 0 0 500 note free 0 door_open proposal The door was left open.
ghost slot ghost 1 1 0 0 3000 3000 stop free 0 not_empty proposal A pack answers though the switch says empty.
door_stuck slot stuck 1 1 0 0 0 0 note free 0 door_stuck recall The door does not open.
compartment_warm slot compartment_ddegc 550 550 500 500 2000 10000 stop free 0 temperature chnbia The compartment is too warm to charge.
compartment_hot slot compartment_ddegc 700 700 650 650 1000 60000 stop_cabinet service 0 pack_dangerous zld08 The compartment is dangerously hot.
cabinet_silent cabinet cabinet_silent_ms 2000 2000 500 500 0 1000 stop free 0 io_stale proposal The cabinet's own sensors do not answer.
smoke cabinet smoke 1 1 0 0 1500 10000 stop_cabinet service 0 cabinet_stopped zld08 Smoke.
gas cabinet gas 1 1 0 0 1500 10000 stop_cabinet service 0 cabinet_stopped proposal Gas.
water cabinet water 1 1 0 0 1500 10000 stop_cabinet service 0 cabinet_stopped proposal Water.
emergency_stop cabinet emergency_stop 1 1 0 0 0 1000 stop_cabinet service 0 cabinet_stopped zld08 Emergency stop.
tilt cabinet tilt 1 1 0 0 1000 10000 stop_cabinet service 0 cabinet_stopped proposal The cabinet was tilted.
ground_fault cabinet ground_fault 1 1 0 0 100 10000 stop_cabinet service 0 cabinet_stopped proposal Ground fault.
fan cabinet fan 1 1 0 0 2000 10000 derate free 50 temperature proposal A fan has failed: charged with less.
mains_lost cabinet mains_lost 1 1 0 0 100 10000 stop free 0 budget proposal Mains lost.
cabinet_warm cabinet cabinet_ddegc 450 450 420 420 5000 10000 derate free 50 temperature proposal The cabinet is warm: charged with less.
cabinet_hot cabinet cabinet_ddegc 550 550 500 500 5000 10000 stop free 0 temperature chnbia The cabinet is too warm to charge.
mains_over cabinet mains_high_mv 264000 264000 255000 255000 100 10000 stop free 0 budget zld08 Mains voltage too high.
mains_severe cabinet mains_high_mv 270000 270000 255000 255000 100 10000 stop_cabinet service 0 cabinet_stopped zld08 Mains voltage far too high.
mains_under cabinet mains_low_mv 166000 166000 180000 180000 2000 10000 stop free 0 budget zld08 Mains voltage too low.
"""

_COLUMNS = const(14)  # before the words


def _rows() -> list:
    """The table, split. Only for import and for the host: it allocates."""
    return [line.split(" ", _COLUMNS) for line in TABLE.split("\n") if line]


def _compile() -> tuple:
    sides = []
    names = []
    for word in _QUANTITIES.split():
        small = word[0] == "-"
        names.append(word[1:] if small else word)
        sides.append(-1 if small else 1)
    rows = _rows()
    count = len(rows)
    ids = tuple(row[0] for row in rows)
    columns = bytearray(count * 6)  # scope, quantity, reaction, latch, derate to %, number of the reason
    numbers = array("i", [0] * (count * 6))  # the four levels, debounce ms, clear ms
    reasons = []
    for index, row in enumerate(rows):
        if row[12] not in reasons:
            reasons.append(row[12])
        at = index * 6
        columns[at] = SCOPES.index(row[1])
        columns[at + 1] = names.index(row[2])
        columns[at + 2] = REACTIONS.index(row[9])
        columns[at + 3] = LATCHES.index(row[10])
        columns[at + 4] = int(row[11])
        columns[at + 5] = reasons.index(row[12])
        for offset in range(6):
            numbers[at + offset] = int(row[3 + offset])
    return tuple(sides), ids, bytes(columns), numbers, tuple(reasons)


SIDES, IDS, _BYTES, _NUMBERS, _REASONS = _compile()
COUNT = len(IDS)  # rules
QUANTITIES = len(SIDES)


def quantity_names() -> list:
    """Names of the quantities in their order. Only for the host: it allocates."""
    return [word[1:] if word[0] == "-" else word for word in _QUANTITIES.split()]


def index_of(name: str) -> int:
    """The number of a rule. Raises ValueError if there is none of that name."""
    return IDS.index(name)


def scope(rule: int) -> int:
    """PACK, SLOT or CABINET."""
    return _BYTES[rule * 6]


def quantity(rule: int) -> int:
    """Position among the quantities."""
    return _BYTES[rule * 6 + 1]


def reaction(rule: int) -> int:
    """NOTE to STOP_CABINET."""
    return _BYTES[rule * 6 + 2]


def latch(rule: int) -> int:
    """FREE, STAY or SERVICE."""
    return _BYTES[rule * 6 + 3]


def derate_pct(rule: int) -> int:
    """What is left of the charge current while a DERATE rule stands."""
    return _BYTES[rule * 6 + 4]


def reason(rule: int) -> str:
    """Reason code for the rider; see words.py."""
    return _REASONS[_BYTES[rule * 6 + 5]]


def side(rule: int) -> int:
    """1 if large values are dangerous, -1 if small ones are."""
    return SIDES[_BYTES[rule * 6 + 1]]


def level(rule: int, column: int) -> int:
    """Limit LFP, limit NMC, clear LFP, clear NMC (column 0 to 3)."""
    return _NUMBERS[rule * 6 + column]


def debounce_ms(rule: int) -> int:
    """How long the quantity must stay at its limit before the rule trips."""
    return _NUMBERS[rule * 6 + 4]


def clear_ms(rule: int) -> int:
    """How long the quantity must stay at its clear level before the fault goes."""
    return _NUMBERS[rule * 6 + 5]


def source(rule: int) -> str:
    """Where the number comes from."""
    return _rows()[rule][13]


def words(rule: int) -> str:
    """What to tell people."""
    start = TABLE.find(IDS[rule] + " ") if rule == 0 else TABLE.find("\n" + IDS[rule] + " ") + 1
    return TABLE[start : TABLE.find("\n", start)].split(" ", _COLUMNS)[_COLUMNS]


# rules that say "hot": no service door either while they stand, and the neighbours stop as well
THERMAL = tuple(index_of(name) for name in ("temp_hot", "temp_runaway", "rise_fast", "rise_high", "compartment_hot"))
