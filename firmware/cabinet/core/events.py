"""The vocabulary of events: one row an event type. Flash encoding, JSON, JSON Schema and docs/events.md follow it.

A row is never changed or removed once released: an old journal must stay readable. New fields go to the end of a row.
"""

RING_A = 0  # swaps, safety, security, commands: never dropped before acknowledged
RING_B = 1  # telemetry and diagnostics: oldest dropped first
RING_NAMES = ("A", "B")

# code: (name, ring, is_alarm, names of the fields; what they mean stands in event_words.py, which no controller loads)
EVENTS = {
    1: ("boot.started", RING_A, False, "firmware cause limits settings"),
    2: ("journal.gap", RING_B, False, "from to count"),
    3: ("journal.level", RING_A, True, "ring level_pct"),
    4: ("journal.recovered", RING_A, True, "ring finding sectors"),
    5: ("journal.checkpoint", RING_A, False, "ring sequence tag signature"),
    6: ("journal.repeated", RING_A, False, "type count first"),
    7: ("journal.damaged", RING_A, True, "ring from to"),
    8: ("state.damaged", RING_A, True, "name action"),
    10: ("pack.inserted", RING_A, False, ""),
    11: ("pack.identified", RING_A, False, "maker chemistry cells soc_pct soh_pct cycles"),
    12: ("pack.proven", RING_A, False, "method"),
    13: ("pack.accepted", RING_A, False, "pack_mv temp_max_ddegc soc_pct"),
    14: ("pack.refused", RING_A, False, "rule reason value limit"),
    15: ("pack.removed", RING_A, False, "soc_pct"),
    16: ("pack.quarantined", RING_A, True, "rule value limit"),
    20: ("fault.raised", RING_A, True, "rule severity value limit"),
    21: ("fault.cleared", RING_A, False, "rule"),
    22: ("evidence.taken", RING_A, False, "rule decision value limit held_ms limits state frames"),
    30: ("charge.started", RING_A, False, "target_mv target_ma soc_pct"),
    31: ("charge.stopped", RING_A, False, "reason soc_pct"),
    40: ("swap.ordered", RING_A, False, "swap token origin"),
    41: ("swap.step", RING_A, False, "swap step"),
    42: ("swap.completed", RING_A, False, "swap in_slot in_pack in_soc_pct out_slot out_pack out_soc_pct"),
    43: ("swap.refused", RING_A, False, "swap reason"),
    44: ("swap.cancelled", RING_A, False, "swap reason step"),
    45: ("swap.resumed", RING_A, False, "swap step verdict"),
    50: ("lock.pulsed", RING_A, False, "claim pulse_ms"),
    51: ("door.opened", RING_A, False, ""),
    52: ("door.closed", RING_A, False, ""),
    53: ("door.stuck", RING_A, True, "tries"),
    60: ("command.accepted", RING_A, False, "command kind"),
    61: ("command.refused", RING_A, False, "command kind reason"),
    70: ("device.lost", RING_A, True, "device bus reason"),
    71: ("device.back", RING_A, False, "device bus"),
    72: ("task.restarted", RING_A, True, "task error"),
    73: ("mains.cut", RING_A, True, "device"),
    74: ("mains.restored", RING_A, False, ""),
    80: ("link.up", RING_B, False, "after_s interface"),
    81: ("link.down", RING_B, False, "reason"),
    82: ("time.set", RING_A, False, "before after server"),
    83: ("time.refused", RING_B, False, "server offered reason"),
    90: ("telemetry.slot", RING_B, False, "soc_pct pack_mv current_ma temp_max_ddegc cell_min_mv cell_max_mv"),
    91: ("telemetry.cabinet", RING_B, False, "power_w full loop_gap_ms heap_free"),
}

CODES = {row[0]: code for code, row in EVENTS.items()}


def fields_of(code: int) -> "list[str]":
    """Names of the fields of an event type, in the order of its values."""
    return EVENTS[code][3].split()


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
        return {field: value for field, value in zip(fields_of(self.code), self.values) if value is not None}


def make(name: str, slot: int = 0, pack: str = "", *values: object) -> Event:
    """An event by its name. Raises KeyError for a name that is not in the vocabulary."""
    return Event(CODES[name], slot, pack, values)
