"""What a signal of a DBC file may mean, judged by its name and its unit. A guess is shown, never hidden, and --map overrules it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from swapcab.profile.words import DIMENSIONS, UNITS, form

IGNORE = "-"  # --map SIGNAL=-


@dataclass(frozen=True)
class Meaning:
    """A quantity, for lists and texts the place of the first item, and the unit if the DBC file's is not to be believed."""

    to: str
    index: int = 0
    unit: str | None = None
    how: str = "guessed"


def words_of(name: str) -> str:
    """BattVoltage_Max -> "batt voltage max"."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    spaced = re.sub(r"([A-Za-z])(\d)", r"\1 \2", spaced)
    return " ".join(re.split(r"[^A-Za-z0-9]+", spaced)).lower().strip()


def dimension_of(unit: str) -> str:
    """voltage, current, ...; "" for a unit that is not known."""
    key = unit.strip().lower().replace("deg c", "degc")
    return UNITS[key][0] if key in UNITS else ""


# quantity: dimension by DIMENSIONS; words that must all occur (alternatives with |), words that must not
_NUMBERS = (
    ("cell_min_mv", "cell", "min|minimum|low|lowest", "id|idx|index|no|number|limit|warn|alarm"),
    ("cell_max_mv", "cell", "max|maximum|high|highest", "id|idx|index|no|number|limit|warn|alarm"),
    ("temp_min_ddegc", "t|temp|temperature", "min|minimum|low|lowest", "id|idx|index|mos|fet|board|pcb|limit|warn"),
    ("temp_max_ddegc", "t|temp|temperature", "max|maximum|high|highest", "id|idx|index|mos|fet|board|pcb|limit|warn"),
    ("charge_limit_ma", "charge|chg|ccl", "limit|max|allowed|permitted|request|requested|current|ccl", "discharge|dis|dsg|dcl|remaining"),
    ("charge_limit_mv", "charge|chg|cvl", "limit|max|allowed|permitted|target|request|requested|voltage|cvl", "discharge|dis|dsg|cell"),
    ("nominal_mv", "nominal|rated", "voltage|volt|u", "cell"),
    ("nominal_cell_mv", "nominal|rated", "cell", ""),
    ("capacity_mah", "capacity|cap", "", "remaining|remain|residual|left|now"),
    ("pack_mv", "voltage|volt|volts|u|v", "", "cell|limit|max|min|charge|chg|discharge|nominal|rated|gather|link|input|output"),
    ("current_ma", "current|curr|amps|i", "", "limit|max|min|charge|chg|discharge|allowed|balance"),
    ("soc_pct", "soc|charge", "", "target|limit|fine|real"),
    ("soh_pct", "soh|health", "", ""),
    ("cycles", "cycle|cycles", "", "time|period"),
    ("cell_count", "cell|cells|series", "count|number|num|quantity|qty|series|cells", "min|max|low|high|id|idx"),
    ("chemistry", "chemistry|chem", "", ""),
    ("counter", "counter|alive|life|rolling|sequence", "", "charge|cycle|reset"),
)
_BITS = (
    ("alarm.short_circuit", "short", ""),
    ("alarm.imbalance", "imbalance|unbalanced|imbalanced", ""),
    ("alarm.internal", "internal|fault|failure|afe|hardware|system", "error|fault|internal|failure|bms"),
    ("alarm.cell_over_voltage", "cell", "ov|ovp|over&voltage|high&voltage"),
    ("alarm.cell_under_voltage", "cell", "uv|uvp|under&voltage|low&voltage"),
    ("alarm.charge_over_temperature", "charge|chg", "ot|otp|over&temperature|over&temp|hot"),
    ("alarm.charge_under_temperature", "charge|chg", "ut|utp|under&temperature|under&temp|cold"),
    ("alarm.discharge_over_temperature", "discharge|dsg|dis", "ot|otp|over&temperature|over&temp|hot"),
    ("alarm.discharge_under_temperature", "discharge|dsg|dis", "ut|utp|under&temperature|under&temp|cold"),
    ("alarm.charge_over_current", "charge|chg", "oc|ocp|over&current"),
    ("alarm.discharge_over_current", "discharge|dsg|dis", "oc|ocp|over&current"),
    ("alarm.pack_over_voltage", "", "ov|ovp|over&voltage"),
    ("alarm.pack_under_voltage", "", "uv|uvp|under&voltage"),
    ("state.discharge_switch", "discharge|dsg|dis", "mos|mosfet|fet|switch|relay|on|enable|enabled"),
    ("state.charge_switch", "charge|chg", "mos|mosfet|fet|switch|relay|on|enable|enabled"),
    ("state.balancing", "balancing|balance|balancer", ""),
)


def guess(name: str, unit: str, bits: int, is_text: bool) -> Meaning | None:
    """What it may be; None if nothing fits. `bits`: its length."""
    words = words_of(name).split()
    dimension = dimension_of(unit)
    if is_text and _one(words, "serial|sn|barcode"):
        return Meaning("serial")
    if is_text and _one(words, "maker|manufacturer|vendor"):
        return Meaning("maker")
    found = _item(words, dimension)
    if found is not None:
        return found
    if not unit and bits <= 8:
        for to, first, then in _BITS:
            if (not first or _one(words, first)) and (not then or _one(words, then)):
                return Meaning(to)
    for to, first, then, never in _NUMBERS:
        if DIMENSIONS[to] != dimension or not _one(words, first) or (then and not _one(words, then)):
            continue
        if not (never and _one(words, never)):
            return Meaning(to)
    return None


def _item(words: list[str], dimension: str) -> Meaning | None:
    """One of a list of cells or sensors: Cell3, CellVoltage_03, Temp 1."""
    numbers = [int(w) for w in words if w.isdigit()]
    if len(numbers) != 1 or numbers[0] < 1:
        return None
    if dimension == "voltage" and _one(words, "cell|cells|uc") and not _one(words, "min|max|nominal"):
        return Meaning("cell", numbers[0] - 1) if numbers[0] <= form.MAX_CELLS else None
    if dimension == "temperature" and _one(words, "cell|temp|temperature|t|ntc|sensor") and not _one(words, "min|max|mos|fet|board|pcb"):
        return Meaning("temp", numbers[0] - 1) if numbers[0] <= form.MAX_TEMPS else None
    return None


def _one(words: list[str], pattern: str) -> bool:
    """Whether one of the alternatives occurs; a&b asks for both."""
    return any(all(part in words for part in choice.split("&")) for choice in pattern.split("|"))


def explicit(text: str) -> tuple[str, Meaning]:
    """`SIGNAL=QUANTITY`, `SIGNAL=serial:7` (place of its first character), `SIGNAL=pack_mv@0.1 V`, `SIGNAL=-` (leave it out)."""
    signal, mark, rest = text.partition("=")
    target, _, unit = rest.partition("@")
    to, _, index = target.partition(":")
    if not mark or not signal or not to or (index and not index.isdigit()):
        raise ValueError(f"--map {text}: write SIGNAL=QUANTITY, as in PackU=pack_mv, Id_A=serial:0 or Spare=-")
    return signal, Meaning(to, int(index or 0), unit or None, "asked for")
