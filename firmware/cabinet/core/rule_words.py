"""A sentence for each rule of the safety table, for hosts and documents. No controller loads it: the names of the rules say the same."""

from cabinet.core import reason_codes, rules

WORDS = """\
cell_ov_hard A cell is far above its voltage limit.
cell_ov A cell is above its charge voltage.
cell_precharge Deeply discharged: charged gently.
cell_deep A cell was discharged too far.
class_high The pack's voltage is above the class of the slot.
class_low The pack's voltage is below the class of the slot.
cell_sum Pack and cell voltages contradict each other.
over_own More current than the pack allows.
over_current Charge current above the hard limit.
temp_warm Warm: charged with less.
temp_high Too warm to charge.
temp_hot The pack is dangerously hot.
temp_runaway A pack is about to burn.
temp_cool Cool: charged gently.
temp_low Too cold to charge.
temp_spread The pack's temperature sensors disagree.
rise_fast A pack heats up by 1 degC a second.
rise_high A pack heats up by 5 degC a minute.
rise_note The pack heats up quickly.
rise_neighbours The pack heats up faster than its neighbours.
spread_mid The cells have drifted apart.
spread_any The cells have drifted far apart.
soft_short A cell loses charge by itself.
spread_growth The cells drift apart at rest: service.
soh_low Near the end of its life as a swap pack.
soh_end Worn out.
cycles_high Many cycles: due for service.
chemistry Unknown chemistry.
implausible The pack tells what cannot be true.
serial_changed The serial number changed behind a shut door.
duplicate Another pack has the same serial number.
proof_failed The pack could not prove its identity.
marked Found dangerous earlier.
alarm_stop The pack's own protection forbids charging.
alarm_fault The pack reports a short circuit or an internal fault.
alarm_note The pack reports an alarm.
pack_silent The pack does not answer.
unidentified The pack does not tell who it is.
unproven The pack leaves its challenge unanswered.
frozen The pack repeats one and the same measurement.
off_current Current flows though the charger is off.
no_current No current flows though the charger is on.
charge_long Charging took too long.
contact_warn The connector has a high resistance: charged with less.
contact_bad The connector has a dangerous resistance.
volt_differs Charger and pack tell different voltages: they are not wired to each other, or one measures wrongly.
current_differs Charger and pack tell different currents: wired wrongly, or one measures wrongly.
current_sign The pack discharges while the charger charges it: its current has the wrong sign, or it is wired wrongly.
neighbour_hot The neighbouring pack is dangerously hot.
charger_silent The charger does not answer.
charger_fault The charger reports a hardware fault.
charger_hot The charger reports over-temperature.
charger_input The charger reports wrong input voltage.
charger_note The charger sees no battery or no commands.
charger_temp The charger is too hot.
charger_over The charger gives more voltage than was permitted.
charger_runs_on The charger gives current though it is to be off.
io_silent Door, lock and presence are not known.
lock_disagrees Door and lock contradict each other.
door_forced The door was opened by force.
door_left_open The door was left open.
ghost The switch says empty, but a pack answers, or vanished behind a shut door.
door_stuck The door does not open.
compartment_warm The compartment is too warm to charge.
compartment_hot The compartment is dangerously hot.
compartment_blind The temperature of the compartment is not known any more.
contact_worse The slot's connector has become worse: clean or change it.
cabinet_silent The cabinet's own sensors do not answer.
smoke Smoke.
gas Gas.
water Water.
emergency_stop Emergency stop.
tilt The cabinet was tilted.
ground_fault Ground fault.
fan A fan has failed: charged with less.
mains_lost Mains lost.
cabinet_warm The cabinet is warm: charged with less.
cabinet_hot The cabinet is too warm to charge.
cabinet_blind The temperature of the cabinet is not known any more: charged with less.
mains_over Mains voltage too high.
mains_severe Mains voltage far too high.
mains_under Mains voltage too low.
mains_current The cabinet draws too much from the mains.
mains_short The cabinet draws far too much from the mains.
"""


def of_rule(rule: int) -> str:
    """What to tell people while a rule stands."""
    mark = rules.IDS[rule] + " "
    start = WORDS.find("\n" + mark) + 1  # the first rule stands behind no line: -1 makes it 0
    return WORDS[start + len(mark) : WORDS.find("\n", start)]


def explain(code: str, slot: int) -> str:
    """A slot's `why` in words: the name of a rule, or a reason code."""
    return of_rule(rules.index_of(code)) if code in rules.IDS else reason_codes.sentence(code, slot)
