"""Reason codes: the sentence that riders or operators read for each, and OCPP 2.1's code where there is one.

Codes have at most 20 characters (OCPP statusInfo.reasonCode). A sentence with %d takes the number of the slot.
"""

# code, OCPP 2.1's reason code of the battery swap block or "-", sentence. One text takes less memory than many.
TABLE = """\
ok - All is well.
put_pack_in - Put your pack into slot %d and shut the door.
shut_door - Please shut the door of slot %d.
checking - Your pack in slot %d is being checked.
take_pack - Take the full pack from slot %d and shut the door.
waking - Your pack in slot %d is asleep and is being woken.
switch_fault - Slot %d cannot see the pack that is in it. Please ask your operator.
take_back - Please take your pack out of slot %d again and shut the door.
next_pack - One pack is done. Now the next one, please.
thank_you - Thank you. Have a safe ride.
one_moment - One moment, please. Slot %d is being made ready.
busy - Another swap is in progress. Please wait until it has ended.
unknown_token - This card is not known here. Please ask your operator.
no_full_pack NoBatteryAvailable Sorry, no full pack is ready. Please come back later.
no_empty_slot - No slot is free to take your pack. Please ask your operator.
storage_fault - The cabinet cannot keep records now, so no swap can start.
cabinet_stopped - The cabinet has stopped for safety. Please keep away and call the operator.
io_stale - The cabinet cannot see its doors now. Please try again later.
other_door_open - Another door is open. Please shut it first.
starting - The cabinet is starting. Please try again in a minute.
no_pack - No pack was put in. You can start again.
in_timeout - The time to put the pack in is over. You can start again.
out_timeout BatteryOutTimeout The pack was not taken and stays here. Please ask your operator.
door_stuck - The door of slot %d does not open. Please ask your operator.
check_timeout BatteryUnknown Your pack could not be checked in time.
pack_kept - Your pack stays here. Please ask your operator.
power_cut - The power was cut off for a while. You can start again.
cancelled - The swap was cancelled. You can start again.
pack_unknown BatteryUnknown This pack does not belong to this network.
pack_silent BatteryUnknown Your pack does not answer.
pack_type BatteryType Your pack is of a type that this cabinet cannot take.
pack_damaged BatteryDamaged Your pack has a fault and cannot be taken.
pack_soh BatterySoHLow Your pack is worn out and cannot be taken.
pack_soc BatterySoC Your pack is discharged too deeply and cannot be taken.
pack_dangerous BatteryDamaged Your pack is dangerous and stays locked in. Please keep away and call the operator.
disabled - Out of service.
empty - No pack.
door_open - The door is open.
not_locked - The lock is not locked.
pack_stale - Waiting for new data from the pack.
unidentified - The pack has not reported its identity yet.
unproven - The pack has not proved its identity yet.
not_accepted - The pack has not been accepted.
pack_blind - The pack does not report its cells or its temperature.
charger_stale - Waiting for new data from the charger.
reserved - The pack is being handed out.
full - Full.
budget - Waiting until power is available.
planning - Waiting for its turn.
temperature - Too cold or too hot to charge.
pack_refuses - The pack does not allow charging now.
charging - Charging.
no_claim - Nobody has asked.
already_open - The door is open already.
quarantined - The pack is dangerous: the door stays shut.
hot - The pack is too hot: the door stays shut.
current_flows - Current still flows.
pulses - The lock has to cool down.
outranked - A more important request goes first.
not_empty - There is a pack in the slot.
not_ready - The pack is not ready to go.
no_such_slot - There is no such slot.
unknown_command - There is no such command.
"""


def _row(code: str) -> "list | None":
    start = 0 if TABLE.startswith(code + " ") else TABLE.find("\n" + code + " ") + 1
    if start == 0 and not TABLE.startswith(code + " "):
        return None
    return TABLE[start : TABLE.find("\n", start)].split(" ", 2)


def codes() -> list:
    """All reason codes."""
    return [line.split(" ", 1)[0] for line in TABLE.split("\n") if line]


def sentence(code: str, slot: int = 0) -> str:
    """The sentence for a code; a code that is not in the table comes back as it is."""
    row = _row(code)
    if row is None:
        return code
    return row[2] % slot if "%d" in row[2] else row[2]


def ocpp(code: str) -> str:
    """OCPP 2.1's code for the reason, "" if it has none."""
    row = _row(code)
    return "" if row is None or row[1] == "-" else row[1]
