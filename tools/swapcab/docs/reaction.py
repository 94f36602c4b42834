"""The part of docs/safety.md on reaction times, as measured by tests/system/scenarios/reaction.py and reaction_wire.py."""

import json
from types import ModuleType
from typing import Any

from swapcab.paths import ROOT

VIRTUAL = ROOT / "tools" / "swapcab" / "docs" / "reaction.json"
WIRE = ROOT / "tools" / "swapcab" / "docs" / "reaction_wire.json"

CAN_FRAME_MS = 0.54  # extended, eight bytes, 250 kbit/s
ROUND_MS = 50
STATUS_MS = 200  # between two status frames of a pack on CAN
LINE_MS = 10  # polling the lines, and the stop frames of twelve chargers
# seen in one control round, or one exchange, and acted on in the next
LATER = ("neighbour_hot", "ghost", "door_forced", "duplicate", "marked", "chemistry")

HEAD = """
## Reaction times

From the last byte of the frame that carries the fault to the first bit of the charger's stop frame, in ms: the largest of {trials} trials
with the whole firmware on the virtual clock (`tests/system/scenarios/reaction.py`; a control round every 50 ms, wires at their real baud
rates, twelve packs being charged, of sources `{version}`). Each slot whose charger stops is a trial; where the fault is one of the whole
cabinet, twelve of them have the same frame.

- *asked* is the delay that the tables above ask for, or the age of data that the settings allow.
- *least* is what is then physically possible: the stop frame goes ahead of all others and waits at most for one CAN frame
  ({frame} ms), before the round writes anything to flash.
- *at most* is what wires and cycle add in the worst case: a control round ({round} ms) until the fault is seen, one more until a delay has
  passed, on CAN {status} ms until the pack's next status frame completes the five that make a reading, {line} ms for polling the lines and
  for the stop frames of all chargers. A few faults move a door's or a slot's state first and take a round more.

In brackets: conditions of the interlock, which need no rule. A fault that arises between two frames waits for the next one before any
of this begins: packs on RS485 are asked every 500 ms while they are charged (an answer of 47 bytes takes 4.1 ms at 115,200 baud), those on
CAN send their status every 200 ms and the rest every 500 ms, chargers send every second, slot boards are asked every 100 ms for
switches and every 2 s for temperatures.

| fault | carried by | asked | least | median | largest | at most | trials | stopped by |
|---|---|---|---|---|---|---|---|---|
"""

STANDS = """
Rules that only come while the charger is off, or behind something that has switched it off before: from the frame (or from the state
that they wait for) until the rule stands and nothing can be charged.

| rule | carried by | asked | median | largest | at most | trials |
|---|---|---|---|---|---|---|
"""

# rules without a time
WORDS = {
    "unidentified": "no driver reports values of a pack without an identity: `pack_silent` comes in its place",
    "frozen": "the pack link's drivers hold back a measurement that repeats itself, so that its age ends charging: (measurement frozen)",
    "serial_changed": "the pack link's drivers refuse a pack with another serial number at once: (another serial number)",
}

NOTES = """
*mains\\_…*: no driver reports the mains' voltage or current yet; the value is put into the reading together with a slot board's answer.
`soft_short`: its half hour of rest is put into core's memory. `charge_long` counts by itself: from the instant at which the time is up.
`unproven`: 10 s, or three challenges that a pack leaves unanswered. The driver of an NPB charger withdraws a set-point that the charger
does not confirm, before its data are too old. Without a row:

| rule | why |
|---|---|
"""

WIRES = """
### On real wires

The same with the firmware (sources `{firmware}`) in a MicroPython process of its own, in real time, and the plant of `make sim` behind
pseudo-terminals: RS485 lines that keep the pace of 115,200 baud, the CAN bus behind an slcan adapter's serial line, which does not keep
that of 250 kbit/s (`make reaction`, `tests/system/scenarios/reaction_wire.py`). The plant's monotonic clock is read when the last bytes of
the frame have gone into the pseudo-terminal, and when the stop frame has come out of the other; what the machine's scheduler and two
interpreters add is in it. An answer on RS485 whose second half the machine hands over too late counts as damaged and is asked for again
200 ms later: so the largest times there. Of {trials} trials, ms, beside those on the virtual clock:

| fault | carried by | asked | least | median | 99 % | largest | virtual: median | largest | at most | trials |
|---|---|---|---|---|---|---|---|---|---|---|
"""


def at_most_ms(row: dict[str, Any]) -> int:
    """What wires and cycle explain."""
    most = row["asked_ms"] + ROUND_MS + LINE_MS
    if row["asked_ms"]:
        most += ROUND_MS
    if row["bus"] == "pack on CAN":
        most += STATUS_MS
    if row["name"] in LATER:
        most += ROUND_MS
    return most


def virtual_rows() -> list[dict[str, Any]]:
    """What was measured on the virtual clock."""
    return json.loads(VIRTUAL.read_text())["rows"]


def wire_rows() -> list[dict[str, Any]]:
    """What was measured on real wires."""
    return json.loads(WIRE.read_text())["rows"]


def names(rows: list[dict[str, Any]]) -> set[str]:
    """Rules and conditions that have a row."""
    return {word for row in rows for word in row["name"].split(", ")} - set(WORDS)


def _line(cells: tuple[Any, ...]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |\n"


def _trials(row: dict[str, Any]) -> str:
    return f"{row['trials']:,}" + (f" (and {row['missed']} without)" if row["missed"] else "")


def _virtual(kept: dict[str, Any]) -> str:
    rows = kept["rows"]
    shown = {"trials": f"{sum(row['trials'] for row in rows):,}", "version": kept["version"], "frame": CAN_FRAME_MS}
    lines = [HEAD.format(**shown, round=ROUND_MS, status=STATUS_MS, line=LINE_MS)]
    for row in rows:
        if row["stands"]:
            continue
        first = max(row["acted"], key=lambda code: row["acted"][code]) if row["acted"] else ""
        times = (row["asked_ms"], f"{row['asked_ms'] + CAN_FRAME_MS:g}", row["median_ms"], row["max_ms"], at_most_ms(row))
        lines.append(_line((row["name"], row["bus"], *times, _trials(row), f"`{first}`")))
    lines.append(STANDS)
    for row in rows:
        if row["stands"]:
            times = (row["asked_ms"], row["median_ms"], row["max_ms"], at_most_ms(row))
            lines.append(_line((row["name"], row["bus"], *times, _trials(row))))
    return "".join(lines)


def _wire(kept: dict[str, Any], virtual: dict[tuple[str, str], dict[str, Any]]) -> str:
    rows = kept["rows"]
    lines = [WIRES.format(trials=f"{sum(row['trials'] for row in rows):,}", firmware=kept["firmware"])]
    for row in rows:
        beside = virtual.get((row["name"], row["bus"]), {})
        times = (f"{row['asked_ms'] + CAN_FRAME_MS:g}", row["median_ms"], row["p99_ms"], row["max_ms"])
        others = (beside.get("median_ms", ""), beside.get("max_ms", ""), at_most_ms(row))
        lines.append(_line((row["name"], row["bus"], row["asked_ms"], *times, *others, _trials(row))))
    return "".join(lines)


def missing(rules: ModuleType) -> list[str]:
    """Rules that stop a charger and have no row on this page."""
    shown = names(virtual_rows()) | set(WORDS)
    return [rules.IDS[rule] for rule in range(rules.COUNT) if rules.reaction(rule) >= rules.STOP and rules.IDS[rule] not in shown]


def render(rules: ModuleType) -> str:
    """Both tables, and what has no row."""
    kept = json.loads(VIRTUAL.read_text())
    parts = [_virtual(kept), NOTES]
    parts += [_line((f"`{rule}`", why)) for rule, why in WORDS.items()]
    parts += [_line((f"`{rule}`", "newer than the trials")) for rule in missing(rules)]
    virtual = {(row["name"], row["bus"]): row for row in kept["rows"] if not row["stands"]}
    parts.append(_wire(json.loads(WIRE.read_text()), virtual))
    return "".join(parts)
