"""What the fields of the events mean: for docs/events.md and the JSON Schemas. No controller loads this file.

A field means the same in every event type unless a row "type.field" says otherwise.
"""

# field: (kind: int, str or bool; meaning)
WORDS = {
    "firmware": ("str", "version of the firmware"),
    "cause": ("str", "reset cause"),
    "limits": ("str", "version of the limit set"),
    "settings": ("str", "hash of the settings"),
    "from": ("int", "first sequence that was dropped"),
    "to": ("int", "last sequence that was dropped"),
    "count": ("int", "how many"),
    "name": ("str", "name of the stored value, empty if unknown"),
    "action": ("str", "out_of_service: every slot, until a command enables it; default: the value begins anew"),
    "ring": ("str", "ring"),
    "level_pct": ("int", "filled with unacknowledged records, %"),
    "finding": (
        "str",
        "garbage: nothing readable, begun anew; damaged: headers unreadable, records kept; unreadable: no answer; "
        "healed: one flipped bit in each put right; lost: begun anew, though the other ring was in use",
    ),
    "sectors": ("int", "how many sectors"),
    "sequence": ("int", "newest event"),
    "tag": ("str", "its chain tag, hex"),
    "signature": ("str", "of the device certificate over the fields before, hex"),
    "type": ("str", "event that came again while room was short"),
    "first": ("int", "sequence under which it is stored"),
    "maker": ("str", "as the pack reports it"),
    "chemistry": ("int", "code"),
    "cells": ("int", "cells in series"),
    "soc_pct": ("int", "%"),
    "soh_pct": ("int", "state of health, %"),
    "cycles": ("int", "charge cycles"),
    "method": ("str", "how the pack proved its identity"),
    "pack_mv": ("int", "mV"),
    "temp_max_ddegc": ("int", "0.1 degC"),
    "rule": ("str", "id of the rule"),
    "reason": ("str", "reason code"),
    "value": ("int", "the reading that decided"),
    "limit": ("int", "the limit that it crossed"),
    "decision": ("str", "the reaction, or refused or quarantined where the fault had stood before"),
    "held_ms": ("int", "how long the reading had been at the limit; left out where the fault had stood before"),
    "state": ("str", "what the firmware knew, packed as in docs/evidence.md, hex"),
    "frames": ("str", "the last frames of pack, charger and slot board as they were on the wire, hex; docs/evidence.md"),
    "severity": ("str", "note, derate, stop, give_back, quarantine or stop_cabinet"),
    "target_mv": ("int", "mV"),
    "target_ma": ("int", "mA"),
    "swap": ("int", "number of the swap"),
    "token": ("str", "shortened hash of the token"),
    "origin": ("str", "rider or command"),
    "step": ("str", "state that was entered"),
    "in_slot": ("int", "slot that took the empty pack"),
    "in_pack": ("str", "its serial number"),
    "in_soc_pct": ("int", "%"),
    "out_slot": ("int", "slot that gave the full pack"),
    "out_pack": ("str", "its serial number"),
    "out_soc_pct": ("int", "%"),
    "verdict": ("str", "what was decided: continue, finish or undo"),
    "claim": ("str", "the claim that won"),
    "pulse_ms": ("int", "ms"),
    "tries": ("int", "pulses given"),
    "command": ("str", "id"),
    "kind": ("str", "what was asked"),
    "device": ("str", "name"),
    "bus": ("str", "name"),
    "task": ("str", "name"),
    "error": ("str", "what ended it"),
    "after_s": ("int", "seconds without link"),
    "interface": ("str", "network interface that carries it, where the board names them"),
    "before": ("int", "Unix seconds that the clock showed; left out if the time was unknown"),
    "after": ("int", "Unix seconds that it was set to"),
    "server": ("str", "time server that said so"),
    "offered": ("int", "Unix seconds that it said"),
    "current_ma": ("int", "mA, + = charging"),
    "cell_min_mv": ("int", "mV"),
    "cell_max_mv": ("int", "mV"),
    "power_w": ("int", "W drawn by the chargers"),
    "full": ("int", "packs ready to go"),
    "loop_gap_ms": ("int", "largest gap of the control loop, ms"),
    "heap_free": ("int", "bytes"),
}

# type.field: (kind, meaning), where it differs
OWN_WORDS = {
    "journal.repeated.count": ("int", "how often it came without being stored"),
    "journal.damaged.from": ("int", "first sequence that cannot be read"),
    "journal.damaged.to": ("int", "last sequence that cannot be read"),
    "journal.recovered.sectors": ("int", "how many sectors; of healed: headers and records"),
    "pack.identified.soc_pct": ("int", "state of charge, %"),
    "charge.stopped.reason": ("str", "why"),
    "swap.cancelled.step": ("str", "state that was left"),
    "swap.resumed.step": ("str", "state in which the power went"),
    "device.lost.reason": (
        "str",
        "timeout, crc, exception, foreign, implausible or frozen, with the page or sensor in brackets where one alone fails; "
        "of a CAN line bus_off or error_passive",
    ),
    "link.down.reason": ("str", "why"),
    "time.refused.reason": ("str", "impossible, or jump: far from the clock, or before the newest time stored, and nobody else said so"),
}


def explain(event_type: str, field: str) -> "tuple[str, str]":
    """(kind, meaning) of a field. Raises KeyError for a field that nobody has explained."""
    return OWN_WORDS.get(event_type + "." + field) or WORDS[field]
