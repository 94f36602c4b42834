# ruff: noqa: E501  one row a rule
"""The safety table: one row a rule. Evaluation (faults.py), limits (limits.py) and docs/safety.md all follow it.

A rule trips when its quantity reaches the limit and stays there for the debounce time. It clears when the quantity
has come back to the clear level and stayed there for the clear time, unless it latches. Which side is dangerous
belongs to the quantity.
"""

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
LATCHES = ("no", "until the pack leaves", "until service clears it")

UNKNOWN = const(-(1 << 29))  # a quantity that is not known now: trips nothing, clears nothing

# scopes: whose rows they are, and when they are forgotten
PACK = const(0)
SLOT = const(1)
CABINET = const(2)
SCOPES = ("pack", "slot", "cabinet")

# quantities: (name, unit, side: 1 if large values are dangerous, -1 if small ones are, meaning)
QUANTITIES = (
    ("cell_max_mv", "mV", 1, "highest cell voltage"),
    ("cell_min_mv", "mV", -1, "lowest cell voltage"),
    ("class_high_mv", "mV", 1, "measured or nominal pack voltage above the class of the slot"),
    ("class_low_mv", "mV", 1, "measured or nominal pack voltage below the class of the slot"),
    ("cell_sum_mv", "mV", 1, "pack voltage outside cell count times lowest and highest cell"),
    ("over_own_ma", "mA", 1, "charge current above what the pack allows"),
    ("charge_ma", "mA", 1, "charge current"),
    ("temp_max_ddegc", "0.1 degC", 1, "highest temperature in the pack"),
    ("temp_min_ddegc", "0.1 degC", -1, "lowest temperature in the pack"),
    ("temp_spread_ddegc", "0.1 degC", 1, "between the sensors of the pack"),
    ("rise_3s_ddegc", "0.1 degC", 1, "temperature rise in 3 s, from 60 degC on"),
    ("rise_60s_ddegc", "0.1 degC", 1, "temperature rise in 60 s"),
    ("rise_over_neighbours_ddegc", "0.1 degC", 1, "temperature rise in 60 s above that of the neighbours"),
    ("spread_mid_mv", "mV", 1, "cell spread at rest, 20 to 80 % charged"),
    ("spread_rest_mv", "mV", 1, "cell spread at rest"),
    ("spread_hour_mv", "mV", 1, "growth of the cell spread in an hour at rest"),
    ("spread_day_mv", "mV", 1, "growth of the cell spread in a day at rest"),
    ("soh_pct", "%", -1, "state of health"),
    ("cycles", "", 1, "charge cycles"),
    ("chemistry_unknown", "flag", 1, "the pack tells a chemistry that has no limits here"),
    ("implausible", "flag", 1, "values that cannot be true"),
    ("serial_changed", "flag", 1, "another serial number behind a shut door"),
    ("duplicate", "flag", 1, "a serial number that another slot has as well"),
    ("proof_failed", "flag", 1, "the pack failed its proof of identity"),
    ("marked", "flag", 1, "the serial number was put into quarantine earlier"),
    ("alarm_stop", "flag", 1, "BMS alarm that forbids charging"),
    ("alarm_fault", "flag", 1, "BMS alarm: short circuit or internal fault"),
    ("alarm_note", "flag", 1, "any other BMS alarm"),
    ("silent_ms", "ms", 1, "time without an answer of a pack that is there"),
    ("unidentified_ms", "ms", 1, "time without the identity of a pack that answers"),
    ("unproven_ms", "ms", 1, "time without a proof of an identified pack"),
    ("frozen_ms", "ms", 1, "time with the measurement counter standing still"),
    ("off_current_ma", "mA", 1, "current, either way, with the charger off"),
    ("no_current_ms", "ms", 1, "time with the charger on and no current"),
    ("charge_s", "s", 1, "length of the charge"),
    ("contact_mohm", "mOhm", 1, "resistance between charger and pack"),
    ("neighbour_hot", "flag", 1, "thermal alarm in a neighbouring slot"),
    ("charger_silent_ms", "ms", 1, "time without an answer of the charger"),
    ("charger_hardware", "flag", 1, "charger reports a hardware fault"),
    ("charger_hot_flag", "flag", 1, "charger reports over-temperature"),
    ("charger_input", "flag", 1, "charger reports wrong input voltage"),
    ("charger_note", "flag", 1, "charger reports missing battery or lost commands while it should charge"),
    ("charger_ddegc", "0.1 degC", 1, "charger temperature"),
    ("charger_over_mv", "mV", 1, "charger output above the voltage that was permitted"),
    ("charger_off_ma", "mA", 1, "charger output current while it is to be off"),
    ("io_silent_ms", "ms", 1, "time without door, lock and presence data"),
    ("lock_disagrees", "flag", 1, "door shut but not locked, or open and locked"),
    ("forced", "flag", 1, "door opened without a pulse"),
    ("open_ms", "ms", 1, "time that the door has been open"),
    ("ghost", "flag", 1, "a BMS answers though the presence switch says empty"),
    ("stuck", "flag", 1, "door did not open after all pulses"),
    ("compartment_ddegc", "0.1 degC", 1, "compartment temperature"),
    ("cabinet_silent_ms", "ms", 1, "time without the cabinet's own inputs"),
    ("smoke", "flag", 1, "smoke detector"),
    ("gas", "flag", 1, "gas detector"),
    ("water", "flag", 1, "water sensor"),
    ("emergency_stop", "flag", 1, "emergency stop"),
    ("tilt", "flag", 1, "tilt sensor"),
    ("ground_fault", "flag", 1, "ground fault"),
    ("fan", "flag", 1, "fan fault"),
    ("mains_lost", "flag", 1, "mains lost"),
    ("cabinet_ddegc", "0.1 degC", 1, "cabinet temperature"),
    ("mains_high_mv", "mV", 1, "mains voltage"),
    ("mains_low_mv", "mV", -1, "mains voltage"),
)
Q = {row[0]: index for index, row in enumerate(QUANTITIES)}

# Sources: R = read in the source named, recall = general knowledge, nobody checked, proposal = chosen here.
# A deployment must confirm recall and proposal rows with the maker of its cells.
_LS = "R: LibreSolar"
_ZLD = "R: zld08"
_FOX = "R: foxBMS"
_REC = "recall"
_PRO = "proposal"
_ALPHA = "R: Alpha APL48"
_FLAG = (1, 1, 0, 0)

# id, scope, quantity, (limit LFP, limit NMC, clear LFP, clear NMC), debounce ms, clear ms, reaction, latch, derate to %, reason, source, words
RULES = (
    ("cell_ov_hard", PACK, "cell_max_mv", (3800, 4250, 3400, 4050), 500, 2000, QUARANTINE, SERVICE, 0, "pack_dangerous", _LS, "A cell is far above its voltage limit."),
    ("cell_ov", PACK, "cell_max_mv", (3650, 4230, 3600, 4200), 1000, 5000, STOP, FREE, 0, "pack_damaged", "R: Lishen sheets", "A cell is above its charge voltage."),
    ("cell_precharge", PACK, "cell_min_mv", (2500, 3000, 2800, 3200), 1000, 5000, DERATE, FREE, 20, "pack_soc", _LS, "Deeply discharged: charged gently."),
    ("cell_deep", PACK, "cell_min_mv", (2000, 2000, 2100, 2100), 500, 2000, GIVE_BACK, STAY, 0, "pack_soc", _REC, "A cell was discharged too far."),
    ("class_high", PACK, "class_high_mv", (1, 1, 0, 0), 0, 1000, GIVE_BACK, STAY, 0, "pack_type", _PRO, "The pack's voltage is above the class of the slot."),
    ("class_low", PACK, "class_low_mv", (1, 1, 0, 0), 500, 1000, GIVE_BACK, STAY, 0, "pack_type", _PRO, "The pack's voltage is below the class of the slot."),
    ("cell_sum", PACK, "cell_sum_mv", (1500, 1500, 1000, 1000), 2000, 5000, STOP, FREE, 0, "pack_damaged", _PRO, "Pack and cell voltages contradict each other."),
    ("over_own", PACK, "over_own_ma", (2000, 2000, 500, 500), 3000, 10000, STOP, FREE, 0, "pack_damaged", _PRO, "More current than the pack allows."),
    ("over_current", PACK, "charge_ma", (60000, 60000, 1000, 1000), 320, 10000, STOP, SERVICE, 0, "pack_damaged", _LS, "Charge current above the hard limit."),
    ("temp_warm", PACK, "temp_max_ddegc", (400, 400, 370, 370), 1000, 5000, DERATE, FREE, 50, "temperature", _FOX, "Warm: charged with less."),
    ("temp_high", PACK, "temp_max_ddegc", (450, 450, 400, 400), 1000, 5000, STOP, FREE, 0, "temperature", _LS, "Too warm to charge."),
    ("temp_hot", PACK, "temp_max_ddegc", (600, 600, 450, 450), 1000, 60000, QUARANTINE, SERVICE, 0, "pack_dangerous", _ZLD, "The pack is dangerously hot."),
    ("temp_runaway", PACK, "temp_max_ddegc", (700, 700, 450, 450), 1000, 60000, STOP_CABINET, SERVICE, 0, "pack_dangerous", "R: NCR18650GA", "A pack is about to burn."),
    ("temp_cool", PACK, "temp_min_ddegc", (50, 50, 70, 70), 1000, 5000, DERATE, FREE, 20, "temperature", _ALPHA, "Cool: charged gently."),
    ("temp_low", PACK, "temp_min_ddegc", (0, 0, 50, 50), 1000, 5000, STOP, FREE, 0, "temperature", _LS, "Too cold to charge."),
    ("temp_spread", PACK, "temp_spread_ddegc", (200, 200, 150, 150), 5000, 10000, STOP, FREE, 0, "pack_damaged", _PRO, "The pack's temperature sensors disagree."),
    ("rise_fast", PACK, "rise_3s_ddegc", (30, 30, 5, 5), 1500, 60000, STOP_CABINET, SERVICE, 0, "pack_dangerous", _REC, "A pack heats up by 1 degC a second."),
    ("rise_high", PACK, "rise_60s_ddegc", (50, 50, 10, 10), 10000, 60000, QUARANTINE, SERVICE, 0, "pack_dangerous", _REC, "A pack heats up by 5 degC a minute."),
    ("rise_note", PACK, "rise_60s_ddegc", (20, 20, 10, 10), 10000, 60000, DERATE, FREE, 50, "temperature", _REC, "The pack heats up quickly."),
    ("rise_neighbours", PACK, "rise_over_neighbours_ddegc", (30, 30, 10, 10), 10000, 60000, STOP, FREE, 0, "temperature", _PRO, "The pack heats up faster than its neighbours."),
    ("spread_mid", PACK, "spread_mid_mv", (150, 100, 120, 80), 2000, 5000, GIVE_BACK, STAY, 0, "pack_damaged", _REC, "The cells have drifted apart."),
    ("spread_any", PACK, "spread_rest_mv", (300, 200, 250, 150), 2000, 5000, GIVE_BACK, STAY, 0, "pack_damaged", _REC, "The cells have drifted far apart."),
    ("soft_short", PACK, "spread_hour_mv", (20, 20, 5, 5), 0, 60000, QUARANTINE, SERVICE, 0, "pack_dangerous", _REC, "A cell loses charge by itself."),
    ("spread_growth", PACK, "spread_day_mv", (10, 10, 5, 5), 0, 60000, NOTE, STAY, 0, "pack_damaged", _REC, "The cells drift apart at rest: service."),
    ("soh_low", PACK, "soh_pct", (80, 80, 81, 81), 1000, 5000, NOTE, FREE, 0, "pack_soh", "R: productgrowth.in", "Near the end of its life as a swap pack."),
    ("soh_end", PACK, "soh_pct", (70, 70, 71, 71), 1000, 5000, GIVE_BACK, STAY, 0, "pack_soh", _REC, "Worn out."),
    ("cycles_high", PACK, "cycles", (3000, 1500, 0, 0), 1000, 5000, NOTE, STAY, 0, "pack_soh", _PRO, "Many cycles: due for service."),
    ("chemistry", PACK, "chemistry_unknown", _FLAG, 0, 0, GIVE_BACK, STAY, 0, "pack_type", _PRO, "Unknown chemistry."),
    ("implausible", PACK, "implausible", _FLAG, 1000, 10000, GIVE_BACK, FREE, 0, "pack_damaged", _PRO, "The pack tells what cannot be true."),
    ("serial_changed", PACK, "serial_changed", _FLAG, 0, 0, GIVE_BACK, STAY, 0, "pack_unknown", _PRO, "The serial number changed behind a shut door."),
    ("duplicate", PACK, "duplicate", _FLAG, 0, 0, GIVE_BACK, STAY, 0, "pack_unknown", _PRO, "Another pack has the same serial number."),
    ("proof_failed", PACK, "proof_failed", _FLAG, 0, 0, GIVE_BACK, STAY, 0, "pack_unknown", _PRO, "The pack could not prove its identity."),
    ("marked", PACK, "marked", _FLAG, 0, 0, QUARANTINE, SERVICE, 0, "pack_dangerous", _PRO, "Found dangerous earlier."),
    ("alarm_stop", PACK, "alarm_stop", _FLAG, 500, 5000, STOP, FREE, 0, "pack_damaged", _PRO, "The pack's own protection forbids charging."),
    ("alarm_fault", PACK, "alarm_fault", _FLAG, 500, 5000, GIVE_BACK, STAY, 0, "pack_damaged", _PRO, "The pack reports a short circuit or an internal fault."),
    ("alarm_note", PACK, "alarm_note", _FLAG, 1000, 5000, NOTE, FREE, 0, "pack_damaged", _PRO, "The pack reports an alarm."),
    ("pack_silent", PACK, "silent_ms", (5000, 5000, 1000, 1000), 0, 1000, GIVE_BACK, FREE, 0, "pack_silent", "R: zld08 (10 s), tightened", "The pack does not answer."),
    ("unidentified", PACK, "unidentified_ms", (6000, 6000, 0, 0), 0, 0, GIVE_BACK, FREE, 0, "pack_unknown", _PRO, "The pack does not tell who it is."),
    ("unproven", PACK, "unproven_ms", (10000, 10000, 0, 0), 0, 0, GIVE_BACK, FREE, 0, "pack_unknown", _PRO, "The pack leaves its challenge unanswered."),
    ("frozen", PACK, "frozen_ms", (15000, 15000, 0, 0), 0, 5000, STOP, FREE, 0, "pack_damaged", _PRO, "The pack repeats one and the same measurement."),
    ("off_current", PACK, "off_current_ma", (2000, 2000, 500, 500), 10000, 10000, STOP, SERVICE, 0, "pack_damaged", _PRO, "Current flows though the charger is off."),
    ("no_current", PACK, "no_current_ms", (60000, 60000, 0, 0), 0, 0, STOP, STAY, 0, "pack_damaged", _ZLD, "No current flows though the charger is on."),
    ("charge_long", PACK, "charge_s", (21600, 21600, 0, 0), 0, 0, STOP, STAY, 0, "pack_damaged", _ZLD, "Charging took too long."),
    ("contact_warn", PACK, "contact_mohm", (80, 80, 60, 60), 10000, 30000, DERATE, FREE, 50, "pack_damaged", _PRO, "The connector has a high resistance: charged with less."),
    ("contact_bad", PACK, "contact_mohm", (150, 150, 60, 60), 10000, 30000, STOP, STAY, 0, "pack_damaged", _PRO, "The connector has a dangerous resistance."),
    ("neighbour_hot", SLOT, "neighbour_hot", _FLAG, 0, 10000, STOP, FREE, 0, "temperature", _REC, "The neighbouring pack is dangerously hot."),
    ("charger_silent", SLOT, "charger_silent_ms", (5000, 5000, 1000, 1000), 0, 1000, STOP, FREE, 0, "charger_stale", "R: Elcon", "The charger does not answer."),
    ("charger_fault", SLOT, "charger_hardware", _FLAG, 500, 10000, STOP, FREE, 0, "charger_stale", "R: Elcon", "The charger reports a hardware fault."),
    ("charger_hot", SLOT, "charger_hot_flag", _FLAG, 500, 10000, STOP, FREE, 0, "charger_stale", "R: Elcon", "The charger reports over-temperature."),
    ("charger_input", SLOT, "charger_input", _FLAG, 500, 10000, STOP, FREE, 0, "charger_stale", "R: Elcon", "The charger reports wrong input voltage."),
    ("charger_note", SLOT, "charger_note", _FLAG, 10000, 10000, NOTE, FREE, 0, "charger_stale", "R: Elcon", "The charger sees no battery or no commands."),
    ("charger_temp", SLOT, "charger_ddegc", (800, 800, 700, 700), 2000, 10000, STOP, FREE, 0, "charger_stale", _ZLD, "The charger is too hot."),
    ("charger_over", SLOT, "charger_over_mv", (1500, 1500, 500, 500), 3000, 10000, STOP, SERVICE, 0, "charger_stale", _PRO, "The charger gives more voltage than was permitted."),
    ("charger_runs_on", SLOT, "charger_off_ma", (1000, 1000, 200, 200), 5000, 10000, STOP, SERVICE, 0, "charger_stale", "R: Elcon (5 s)", "The charger gives current though it is to be off."),
    ("io_silent", SLOT, "io_silent_ms", (1500, 1500, 500, 500), 0, 1000, STOP, FREE, 0, "io_stale", _PRO, "Door, lock and presence are not known."),
    ("lock_disagrees", SLOT, "lock_disagrees", _FLAG, 2000, 1000, STOP, FREE, 0, "not_locked", _REC, "Door and lock contradict each other."),
    ("door_forced", SLOT, "forced", _FLAG, 0, 5000, STOP, FREE, 0, "door_open", _PRO, "The door was opened by force."),
    ("door_left_open", SLOT, "open_ms", (120000, 120000, 0, 0), 0, 500, NOTE, FREE, 0, "door_open", _PRO, "The door was left open."),
    ("ghost", SLOT, "ghost", _FLAG, 3000, 3000, STOP, FREE, 0, "not_empty", _PRO, "A pack answers though the switch says empty."),
    ("door_stuck", SLOT, "stuck", _FLAG, 0, 0, NOTE, FREE, 0, "door_stuck", _REC, "The door does not open."),
    ("compartment_warm", SLOT, "compartment_ddegc", (550, 550, 500, 500), 2000, 10000, STOP, FREE, 0, "temperature", "R: chnbia.com", "The compartment is too warm to charge."),
    ("compartment_hot", SLOT, "compartment_ddegc", (700, 700, 650, 650), 1000, 60000, STOP_CABINET, SERVICE, 0, "pack_dangerous", _ZLD, "The compartment is dangerously hot."),
    ("cabinet_silent", CABINET, "cabinet_silent_ms", (2000, 2000, 500, 500), 0, 1000, STOP, FREE, 0, "io_stale", _PRO, "The cabinet's own sensors do not answer."),
    ("smoke", CABINET, "smoke", _FLAG, 1500, 10000, STOP_CABINET, SERVICE, 0, "cabinet_stopped", _ZLD, "Smoke."),
    ("gas", CABINET, "gas", _FLAG, 1500, 10000, STOP_CABINET, SERVICE, 0, "cabinet_stopped", _PRO, "Gas."),
    ("water", CABINET, "water", _FLAG, 1500, 10000, STOP_CABINET, SERVICE, 0, "cabinet_stopped", _PRO, "Water."),
    ("emergency_stop", CABINET, "emergency_stop", _FLAG, 0, 1000, STOP_CABINET, SERVICE, 0, "cabinet_stopped", _ZLD, "Emergency stop."),
    ("tilt", CABINET, "tilt", _FLAG, 1000, 10000, STOP_CABINET, SERVICE, 0, "cabinet_stopped", _PRO, "The cabinet was tilted."),
    ("ground_fault", CABINET, "ground_fault", _FLAG, 100, 10000, STOP_CABINET, SERVICE, 0, "cabinet_stopped", _PRO, "Ground fault."),
    ("fan", CABINET, "fan", _FLAG, 2000, 10000, DERATE, FREE, 50, "temperature", _PRO, "A fan has failed: charged with less."),
    ("mains_lost", CABINET, "mains_lost", _FLAG, 100, 10000, STOP, FREE, 0, "budget", _PRO, "Mains lost."),
    ("cabinet_warm", CABINET, "cabinet_ddegc", (450, 450, 420, 420), 5000, 10000, DERATE, FREE, 50, "temperature", _PRO, "The cabinet is warm: charged with less."),
    ("cabinet_hot", CABINET, "cabinet_ddegc", (550, 550, 500, 500), 5000, 10000, STOP, FREE, 0, "temperature", "R: chnbia.com", "The cabinet is too warm to charge."),
    ("mains_over", CABINET, "mains_high_mv", (264000, 264000, 255000, 255000), 100, 10000, STOP, FREE, 0, "budget", _ZLD, "Mains voltage too high."),
    ("mains_severe", CABINET, "mains_high_mv", (270000, 270000, 255000, 255000), 100, 10000, STOP_CABINET, SERVICE, 0, "cabinet_stopped", _ZLD, "Mains voltage far too high."),
    ("mains_under", CABINET, "mains_low_mv", (166000, 166000, 180000, 180000), 2000, 10000, STOP, FREE, 0, "budget", _ZLD, "Mains voltage too low."),
)
# columns
ID = const(0)
SCOPE = const(1)
QUANTITY = const(2)
LEVELS = const(3)
DEBOUNCE = const(4)
CLEAR_MS = const(5)
REACTION = const(6)
LATCH = const(7)
DERATE_PCT = const(8)
REASON = const(9)
SOURCE = const(10)
WORDS = const(11)

INDEX = {row[0]: index for index, row in enumerate(RULES)}
# rules that say "hot": no service door either while they stand, and the neighbours stop as well
THERMAL = tuple(INDEX[name] for name in ("temp_hot", "temp_runaway", "rise_fast", "rise_high", "compartment_hot"))
