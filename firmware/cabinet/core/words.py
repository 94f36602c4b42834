"""Reason codes, what a rider or an operator is told for each, and OCPP 2.1's code where it has one.

Codes have at most 20 characters (OCPP statusInfo.reasonCode). A sentence with %d takes the number of the slot.
"""

# code: (sentence, OCPP 2.1 reason code of the battery swap block, or "")
REASONS = {
    "ok": ("All is well.", ""),
    # steps of a swap
    "put_pack_in": ("Put your pack into slot %d and shut the door.", ""),
    "shut_door": ("Please shut the door of slot %d.", ""),
    "checking": ("Your pack in slot %d is being checked.", ""),
    "take_pack": ("Take the full pack from slot %d and shut the door.", ""),
    "take_back": ("Please take your pack out of slot %d again and shut the door.", ""),
    "thank_you": ("Thank you. Have a safe ride.", ""),
    "one_moment": ("One moment, please: slot %d is being made ready.", ""),
    # an order is refused
    "busy": ("Another swap is going on. Please wait until it has ended.", ""),
    "unknown_token": ("This card is not known here. Please ask your operator.", ""),
    "no_full_pack": ("No full pack is ready. Please come back later.", "NoBatteryAvailable"),
    "no_empty_slot": ("No slot is free to take your pack. Please ask your operator.", ""),
    "storage_fault": ("The cabinet cannot keep records now and takes no orders.", ""),
    "cabinet_stopped": ("The cabinet has stopped for safety. Please keep away and call the operator.", ""),
    "io_stale": ("The cabinet cannot see its doors now. Please try again later.", ""),
    "other_door_open": ("Another door stands open. Please shut it first.", ""),
    "starting": ("The cabinet is starting. Please try again in a minute.", ""),
    # a swap ends early
    "no_pack": ("No pack was put in. You can start again.", ""),
    "in_timeout": ("You took too long. You can start again.", ""),
    "out_timeout": ("The pack was not taken and stays here. Please ask your operator.", "BatteryOutTimeout"),
    "door_stuck": ("The door of slot %d does not open. Please ask your operator.", ""),
    "check_timeout": ("Your pack could not be checked in time.", "BatteryUnknown"),
    "pack_kept": ("Your pack stays here. Please ask your operator.", ""),
    "power_cut": ("The power was away. You can start again.", ""),
    "cancelled": ("The swap was ended.", ""),
    # a pack is refused
    "pack_unknown": ("This pack does not belong to this network.", "BatteryUnknown"),
    "pack_silent": ("Your pack does not answer.", "BatteryUnknown"),
    "pack_type": ("Your pack is not of the kind that this cabinet takes.", "BatteryType"),
    "pack_damaged": ("Your pack has a fault and cannot be taken.", "BatteryDamaged"),
    "pack_soh": ("Your pack is worn out and cannot be taken.", "BatterySoHLow"),
    "pack_soc": ("Your pack is discharged too far and cannot be taken.", "BatterySoC"),
    "pack_dangerous": ("Your pack is dangerous. It stays locked in. Keep away and call the operator.", "BatteryDamaged"),
    # why a slot is not charging
    "disabled": ("Out of service.", ""),
    "empty": ("No pack.", ""),
    "door_open": ("The door is open.", ""),
    "not_locked": ("The lock is not shut.", ""),
    "pack_stale": ("Waiting for fresh data of the pack.", ""),
    "unidentified": ("The pack has not told who it is yet.", ""),
    "unproven": ("The pack has not proved its identity yet.", ""),
    "not_accepted": ("The pack has not been accepted.", ""),
    "charger_stale": ("Waiting for fresh data of the charger.", ""),
    "reserved": ("The pack is being handed out.", ""),
    "full": ("Full.", ""),
    "budget": ("Waiting for power.", ""),
    "temperature": ("Too cold or too hot to charge.", ""),
    "pack_refuses": ("The pack allows no charge now.", ""),
    "charging": ("Charging.", ""),
    # why a door does not open
    "no_claim": ("Nobody asked.", ""),
    "already_open": ("The door is open already.", ""),
    "quarantined": ("The pack is dangerous: the door stays shut.", ""),
    "hot": ("The pack is too hot: the door stays shut.", ""),
    "current_flows": ("Current still flows.", ""),
    "pulses": ("The lock must cool down.", ""),
    "outranked": ("Another claim goes first.", ""),
    "not_empty": ("There is a pack in the slot.", ""),
    "not_ready": ("The pack is not ready to go.", ""),
    "no_such_slot": ("There is no such slot.", ""),
    "unknown_command": ("There is no such command.", ""),
}


def sentence(code: str, slot: int = 0) -> str:
    """What to tell the rider."""
    text = REASONS[code][0] if code in REASONS else code
    return text % slot if "%d" in text else text


def ocpp(code: str) -> str:
    """OCPP 2.1's code for the reason, "" if it has none."""
    return REASONS[code][1] if code in REASONS else ""
