"""Evidence: what core knew at the instant at which a rule tripped or a pack was rejected, in some 200 bytes.

With it, and with nothing else, the verdict can be reached again: `swapcab replay` puts it back into this same core on a PC.

Format 2: one number after the other in the order of the tables below, each as a varint (7 bits a byte, low ones first):
0 for None and for what is not known, else 1 + zigzag(number). Instants are stored as ages in ms. Text: its length, then ASCII.
"""

from cabinet.core import events, rules, ticks
from cabinet.core.rules import UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.core.faults import FaultSet
    from cabinet.core.options import Options
    from cabinet.core.slot_state import SlotState

FORMAT = 2
TAKEN = events.CODES["evidence.taken"]
_RAISED = events.CODES["fault.raised"]
_IMPLAUSIBLE = rules.quantity(rules.index_of("implausible"))

# attributes, in the order in which they are stored
PACK = (
    "chemistry", "cell_count", "nominal_mv", "capacity_mah", "counter", "state_bits", "alarm_bits", "pack_mv", "current_ma", "soc_pct",
    "soh_pct", "cell_min_mv", "cell_max_mv", "temp_min_ddegc", "temp_max_ddegc", "charge_limit_ma", "charge_limit_mv", "cycles",
)  # fmt: skip
CHARGER = ("output_mv", "output_ma", "fault_bits", "temp_ddegc")
IO = ("door_closed", "lock_locked", "pack_present", "temp_ddegc", "temp_lost")
SLOT_STATE = ("state", "proof", "readings_seen")
SLOT = (
    "charge_mv", "charge_ma", "plan_ma", "shut", "present", "io_fresh", "charger_fresh", "identified", "present_at_boot",
    "challenges_exhausted", "is_full", "serial_quarantined", "duplicate", "forced", "stuck", "vanished", "switch_bad",
)  # fmt: skip
MEASURES = ("counter", "hour_mv", "day_mv", "charged_ms", "fast_count", "slow_count", "contact_16", "contact_first_16")
LISTS = ("fast", "slow")
PROBING = -1  # in place of readings_seen: the empty slot is asked whether a BMS answers
OPTIONS = ("stale_pack_ms", "stale_rest_ms", "stale_charger_ms", "stale_io_ms", "class_min_mv", "class_max_mv")
CABINET = ("danger_bits", "temp_ddegc", "temp_lost", "mains_mv", "mains_ma")


def put(out: bytearray, value: "int | None") -> None:
    """Append a number."""
    if value is None or value == UNKNOWN:
        out.append(0)
        return
    value = (value << 1 if value >= 0 else (-value << 1) - 1) + 1
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)


def _put_age(out: bytearray, instant_ms: "int | None", now_ms: int) -> None:
    put(out, None if instant_ms is None else ticks.diff(now_ms, instant_ms))


def _put_all(out: bytearray, owner: "Any", names: tuple) -> None:
    for name in names:
        put(out, getattr(owner, name))


def put_owner(out: bytearray, age_ms: int, serial: str) -> None:
    """Append whose the frames behind it are: the byte 3, a length, the age of their reading in ms (4 bytes, big endian), the serial."""
    text = serial.encode()
    out.append(3)
    out.append(4 + len(text))
    for shift in (24, 16, 8, 0):
        out.append(age_ms >> shift & 255)
    out.extend(text)


def _of_slot(s: "SlotState", options: "Options", now_ms: int) -> bytes:
    out = bytearray((FORMAT,))
    pack = s.pack
    measures = s.measures
    for instant in (pack.taken_ms, pack.identity_taken_ms, s.charger.taken_ms, s.io.taken_ms, s.since_ms, s.empty_ms):
        _put_age(out, instant, now_ms)
    _put_all(out, pack, PACK)
    _put_all(out, s.charger, CHARGER)
    _put_all(out, s.io, IO)
    put(out, s.state)
    put(out, s.proof)
    put(out, PROBING if s.probing else s.readings_seen)
    _put_all(out, s, SLOT)
    put(out, s.pack_fresh or measures.values[_IMPLAUSIBLE] == 1)  # values that cannot be true are fresh, and not believed
    put(out, s.faults.chemistry)
    for neighbour in (s.left, s.right):
        put(out, None if neighbour is None else neighbour.thermal)
        put(out, None if neighbour is None else neighbour.measures.rise_60s)
    for instant in measures.instants:
        put(out, ticks.diff(now_ms, instant))
    _put_all(out, measures, MEASURES)
    for name in LISTS:
        for value in getattr(measures, name):
            put(out, value)
    _put_all(out, options, OPTIONS)
    serial = pack.serial.encode()
    out.append(len(serial))
    out.extend(serial)
    return bytes(out)


def of_cabinet(cabinet: "Any", fresh: bool, heard_ms: int, now_ms: int) -> bytes:
    """What is known of the cabinet as a whole; `heard_ms`: when its inputs were last fresh."""
    out = bytearray((FORMAT,))
    put(out, fresh)
    _put_age(out, cabinet.taken_ms, now_ms)
    _put_age(out, heard_ms, now_ms)
    _put_all(out, cabinet, CABINET)
    return bytes(out)


def _add(faults: "FaultSet", rule: int, decision: str, value: "int | None", held: "int | None", pack: str, state: bytes, out: list) -> None:
    reported = (rules.IDS[rule], decision, value, faults.limit(rule), held, faults.version, state, b"")
    out.append(events.make("evidence.taken", faults.slot, pack, *reported))


def of_trips(faults: "FaultSet", state: bytes, now_ms: int, out: list, since: int) -> None:
    """One event for each fault that was raised among out[since:], after them."""
    for index in range(since, len(out)):
        event = out[index]
        if event.code == _RAISED:
            name, decision, value, _ = event.values
            rule = rules.index_of(name)
            _add(faults, rule, decision, value, faults.held_ms(rule, now_ms), event.pack, state, out)


def of_slot_trips(s: "SlotState", options: "Options", now_ms: int, out: list, since: int) -> None:
    """To be called before anything follows from the faults."""
    for index in range(since, len(out)):
        if out[index].code == _RAISED:
            of_trips(s.faults, _of_slot(s, options, now_ms), now_ms, out, since)
            return


def of_rejection(s: "SlotState", rule: int, options: "Options", now_ms: int, out: list, since: int) -> None:
    """A pack was rejected for a fault; nothing is recorded twice if the fault was raised at this very step."""
    name = rules.IDS[rule]
    for index in range(since, len(out)):
        if out[index].code == TAKEN and out[index].values[0] == name:
            return
    value = s.measures.values[rules.quantity(rule)]
    value = None if value == UNKNOWN else value * rules.side(rule)
    _add(s.faults, rule, s.state_name, value, None, s.serial, _of_slot(s, options, now_ms), out)
