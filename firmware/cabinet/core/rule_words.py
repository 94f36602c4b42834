"""A sentence for each rule of the safety table, for hosts and documents. No controller loads it: the names of the rules say the same."""

from cabinet.core import reason_codes, rules

WORDS = """\
cell_ov_hard A cell is far above its voltage limit.
cell_ov A cell is above its charge voltage.
cell_precharge The pack is deeply discharged: it is charged with less current.
cell_deep A cell was discharged too far.
class_high The pack's voltage is above the class of the slot.
class_low The pack's voltage is below the class of the slot.
cell_sum Pack and cell voltages contradict each other.
over_own More current than the pack allows.
over_current Charge current above the hard limit.
temp_warm The pack is warm: it is charged with less current.
temp_high The pack is too warm to charge.
temp_hot The pack is dangerously hot.
temp_runaway A pack is so hot that it may burn.
temp_cool The pack is cool: it is charged with less current.
temp_low The pack is too cold to charge.
temp_spread The pack's temperature sensors disagree.
rise_fast A pack heats up by 1 degC a second.
rise_high A pack heats up by 5 degC a minute.
rise_note The pack heats up quickly.
rise_neighbours The pack heats up faster than its neighbours.
spread_mid The cells have drifted apart.
spread_any The cells have drifted far apart.
soft_short A cell loses charge by itself.
spread_growth The cells drift apart at rest: the pack is due for service.
soh_low The pack is near the end of its life as a swap pack.
soh_end The pack is worn out.
cycles_high The pack has many cycles: it is due for service.
chemistry The chemistry of the pack is not known.
implausible The pack reports values that cannot be true.
serial_changed The serial number changed behind a shut door.
duplicate Another pack has the same serial number.
proof_failed The pack could not prove its identity.
marked The pack was found dangerous earlier.
alarm_stop The pack's own protection forbids charging.
alarm_fault The pack reports a short circuit or an internal fault.
alarm_note The pack reports an alarm.
pack_silent The pack does not answer.
unidentified The pack does not report its identity.
unproven The pack does not answer its challenge.
frozen The pack repeats the same measurement.
off_current Current flows though the charger is off.
no_current No current flows though the charger is on.
charge_long Charging takes too long.
contact_warn The connector has a high resistance: the pack is charged with less current.
contact_bad The connector has a dangerous resistance.
volt_differs Charger and pack report different voltages: they are not wired to each other, or one measures wrongly.
current_differs Charger and pack report different currents: the wiring is wrong, or one measures wrongly.
current_sign The pack discharges while the charger charges it: its current has the wrong sign, or the wiring is wrong.
neighbour_hot The neighbouring pack is dangerously hot.
charger_silent The charger does not answer.
charger_fault The charger reports a hardware fault.
charger_hot The charger reports over-temperature.
charger_input The charger reports wrong input voltage.
charger_note The charger reports no battery or no commands.
charger_temp The charger is too hot.
charger_over The output voltage of the charger is above the permitted value.
charger_runs_on The charger still gives current though it was switched off.
io_silent The I/O board does not answer: door, lock and presence are not known.
lock_disagrees Door and lock contradict each other.
door_forced The door opened without a pulse: it may have been forced.
door_left_open The door was left open.
ghost The presence switch shows no pack, but a pack answers, or a pack vanished behind a shut door.
door_stuck The door does not open.
compartment_warm The compartment is too warm to charge.
compartment_hot The compartment is dangerously hot.
compartment_blind The temperature sensor of the compartment gives no value any more.
contact_worse The connector of the slot has worn: clean or replace it.
cabinet_silent The cabinet's own sensors do not answer.
smoke Smoke was detected.
gas Gas was detected.
water Water was detected.
emergency_stop The emergency stop was pressed.
tilt The cabinet is tilted.
ground_fault A ground fault was detected.
fan A fan has failed: packs are charged with less current.
mains_lost The mains supply is lost.
cabinet_warm The cabinet is warm: packs are charged with less current.
cabinet_hot The cabinet is too warm to charge.
cabinet_blind The temperature sensor of the cabinet gives no value any more: packs are charged with less current.
mains_over The mains voltage is too high.
mains_severe The mains voltage is far too high.
mains_under The mains voltage is too low.
mains_current The cabinet draws too much from the mains.
mains_short The cabinet draws far too much from the mains.
"""


def of_rule(rule: int) -> str:
    """The sentence for a rule while it stands."""
    mark = rules.IDS[rule] + " "
    start = WORDS.find("\n" + mark) + 1  # the first rule stands behind no line: -1 makes it 0
    return WORDS[start + len(mark) : WORDS.find("\n", start)]


def explain(code: str, slot: int) -> str:
    """The sentence for a slot's `why`: the name of a rule, or a reason code."""
    return of_rule(rules.index_of(code)) if code in rules.IDS else reason_codes.sentence(code, slot)
