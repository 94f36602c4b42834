"""The vocabulary of events: one row an event type. Flash encoding, JSON, JSON Schema and docs/events.md follow it.

A row is never changed or removed once released: an old journal must stay readable. New fields go to the end of a row.
"""

RING_A = 0  # swaps, safety, security, commands: never dropped before acknowledged
RING_B = 1  # telemetry and diagnostics: oldest dropped first
RING_NAMES = ("A", "B")

# field kinds: "int", "str", "bool"
# code: (name, ring, is_alarm, ((field, kind, meaning), ...))
EVENTS = {
    1: ("boot.started", RING_A, False, (("firmware", "str", "version of the firmware"), ("cause", "str", "reset cause"), ("limits", "str", "version of the limit set"), ("settings", "str", "hash of the settings"))),
    2: ("journal.gap", RING_B, False, (("from", "int", "first sequence that was dropped"), ("to", "int", "last sequence that was dropped"), ("count", "int", "how many"))),
    3: ("journal.level", RING_A, True, (("ring", "str", "ring"), ("level_pct", "int", "filled with unacknowledged records, %"))),
    4: ("journal.recovered", RING_A, True, (("ring", "str", "ring"), ("finding", "str", "garbage: nothing readable, begun anew; damaged: sector headers unreadable, records kept"), ("sectors", "int", "how many sectors"))),
    5: ("journal.checkpoint", RING_A, False, (("ring", "str", "ring"), ("sequence", "int", "newest event"), ("tag", "str", "its chain tag, hex"), ("signature", "str", "of the device certificate over the fields before, hex"))),
    6: ("journal.repeated", RING_A, False, (("type", "str", "event that came again while room was short"), ("count", "int", "how often it came without being stored"), ("first", "int", "sequence under which it is stored"))),
    10: ("pack.inserted", RING_A, False, ()),
    11: ("pack.identified", RING_A, False, (("maker", "str", "as the pack tells it"), ("chemistry", "int", "code"), ("cells", "int", "cells in series"), ("soc_pct", "int", "state of charge, %"), ("soh_pct", "int", "state of health, %"), ("cycles", "int", "charge cycles"))),
    12: ("pack.proven", RING_A, False, (("method", "str", "how the pack proved its identity"),)),
    13: ("pack.accepted", RING_A, False, (("pack_mv", "int", "mV"), ("temp_max_ddegc", "int", "0.1 degC"), ("soc_pct", "int", "%"))),
    14: ("pack.refused", RING_A, False, (("rule", "str", "id of the rule"), ("reason", "str", "reason code"), ("value", "int", "the reading that decided"), ("limit", "int", "the limit that it crossed"))),
    15: ("pack.removed", RING_A, False, (("soc_pct", "int", "%"),)),
    16: ("pack.quarantined", RING_A, True, (("rule", "str", "id of the rule"), ("value", "int", "the reading that decided"), ("limit", "int", "the limit that it crossed"))),
    20: ("fault.raised", RING_A, True, (("rule", "str", "id of the rule"), ("severity", "str", "note, derate, stop, give_back, quarantine or stop_cabinet"), ("value", "int", "the reading that decided"), ("limit", "int", "the limit that it crossed"))),
    21: ("fault.cleared", RING_A, False, (("rule", "str", "id of the rule"),)),
    30: ("charge.started", RING_A, False, (("target_mv", "int", "mV"), ("target_ma", "int", "mA"), ("soc_pct", "int", "%"))),
    31: ("charge.stopped", RING_A, False, (("reason", "str", "why"), ("soc_pct", "int", "%"))),
    40: ("swap.ordered", RING_A, False, (("swap", "int", "number of the swap"), ("token", "str", "shortened hash of the token"), ("origin", "str", "rider or command"))),
    41: ("swap.step", RING_A, False, (("swap", "int", "number of the swap"), ("step", "str", "state that was entered"))),
    42: ("swap.completed", RING_A, False, (("swap", "int", "number of the swap"), ("in_slot", "int", "slot that took the empty pack"), ("in_pack", "str", "its serial number"), ("in_soc_pct", "int", "%"), ("out_slot", "int", "slot that gave the full pack"), ("out_pack", "str", "its serial number"), ("out_soc_pct", "int", "%"))),
    43: ("swap.refused", RING_A, False, (("swap", "int", "number of the swap"), ("reason", "str", "reason code"))),
    44: ("swap.cancelled", RING_A, False, (("swap", "int", "number of the swap"), ("reason", "str", "reason code"), ("step", "str", "state that was left"))),
    45: ("swap.resumed", RING_A, False, (("swap", "int", "number of the swap"), ("step", "str", "state in which the power went"), ("verdict", "str", "what was decided: continue, finish or undo"))),
    50: ("lock.pulsed", RING_A, False, (("claim", "str", "the claim that won"), ("pulse_ms", "int", "ms"))),
    51: ("door.opened", RING_A, False, ()),
    52: ("door.closed", RING_A, False, ()),
    53: ("door.stuck", RING_A, True, (("tries", "int", "pulses given"),)),
    60: ("command.accepted", RING_A, False, (("command", "str", "id"), ("kind", "str", "what was asked"))),
    61: ("command.refused", RING_A, False, (("command", "str", "id"), ("kind", "str", "what was asked"), ("reason", "str", "reason code"))),
    70: ("device.lost", RING_A, True, (("device", "str", "name"), ("bus", "str", "name"), ("reason", "str", "timeout, crc, exception, foreign or implausible"))),
    71: ("device.back", RING_A, False, (("device", "str", "name"), ("bus", "str", "name"))),
    72: ("task.restarted", RING_A, True, (("task", "str", "name"), ("error", "str", "what ended it"))),
    80: ("link.up", RING_B, False, (("after_s", "int", "seconds without link"),)),
    81: ("link.down", RING_B, False, (("reason", "str", "why"),)),
    90: ("telemetry.slot", RING_B, False, (("soc_pct", "int", "%"), ("pack_mv", "int", "mV"), ("current_ma", "int", "mA, + = charging"), ("temp_max_ddegc", "int", "0.1 degC"), ("cell_min_mv", "int", "mV"), ("cell_max_mv", "int", "mV"))),
    91: ("telemetry.cabinet", RING_B, False, (("power_w", "int", "W drawn by the chargers"), ("full", "int", "packs ready to go"), ("loop_gap_ms", "int", "largest gap of the control loop, ms"), ("heap_free", "int", "bytes"))),
}

CODES = {row[0]: code for code, row in EVENTS.items()}


class Event:
    """One fact to be journaled. `values` follow the fields of the row; None where a value is not known."""

    def __init__(self, code: int, slot: int = 0, pack: str = "", values: tuple = ()) -> None:
        self.code = code
        self.slot = slot  # 0: the cabinet as a whole
        self.pack = pack  # serial number, "" if none is concerned
        self.values = values

    @property
    def name(self) -> str:
        """The type as it stands in the envelope."""
        return EVENTS[self.code][0]

    @property
    def ring(self) -> int:
        """RING_A or RING_B."""
        return EVENTS[self.code][1]

    def data(self) -> dict:
        """The values by field name, without those that are not known."""
        fields = EVENTS[self.code][3]
        return {f[0]: v for f, v in zip(fields, self.values) if v is not None}


def make(name: str, slot: int = 0, pack: str = "", *values: object) -> Event:
    """An event by its name. Raises KeyError for a name that is not in the vocabulary."""
    return Event(CODES[name], slot, pack, values)
