"""The words of a readable profile: quantities, units, bits, and how a number with a unit becomes one in the unit of a quantity."""

from __future__ import annotations

import importlib
from fractions import Fraction
from typing import Any

from swapcab.paths import use_firmware

use_firmware()
form: Any = importlib.import_module("cabinet.devices.profiles.form")

CHEMISTRIES = {"lfp": 1, "nmc": 2}

# unit: (dimension, in the unit that a reading has)
UNITS = {
    "mv": ("voltage", Fraction(1)), "v": ("voltage", Fraction(1000)), "ma": ("current", Fraction(1)), "a": ("current", Fraction(1000)),
    "%": ("share", Fraction(1)), "degc": ("temperature", Fraction(10)), "°c": ("temperature", Fraction(10)),
    "c": ("temperature", Fraction(10)),
    "k": ("temperature", Fraction(10)), "mah": ("charge", Fraction(1)), "ah": ("charge", Fraction(1000)), "": ("number", Fraction(1)),
}  # fmt: skip
KELVIN = {"k": Fraction(-2730)}  # 273 K count as 0 degC, as makers have it; a profile may say another number with `add`

DIMENSIONS = {
    "pack_mv": "voltage", "current_ma": "current", "soc_pct": "share", "soh_pct": "share", "cell_min_mv": "voltage",
    "cell_max_mv": "voltage", "temp_min_ddegc": "temperature", "temp_max_ddegc": "temperature", "charge_limit_ma": "current",
    "charge_limit_mv": "voltage", "cycles": "number", "counter": "number", "cell_count": "number", "nominal_mv": "voltage",
    "capacity_mah": "charge", "chemistry": "number", "nominal_cell_mv": "voltage", "cell": "voltage", "temp": "temperature",
}  # fmt: skip

# what a reading that core may accept cannot do without
NEEDED = (
    "pack_mv", "current_ma", "soc_pct", "soh_pct", "cell_min_mv", "cell_max_mv", "temp_min_ddegc", "temp_max_ddegc", "charge_limit_ma",
    "charge_limit_mv", "cell_count", "nominal_mv", "capacity_mah", "chemistry", "serial",
)  # fmt: skip

# type: (bytes, signed, big endian)
TYPES = {"u8": (1, False, True), "i8": (1, True, True)} | {
    f"{sign}{bits}{order}": (bits // 8, sign == "i", order == "be") for sign in "ui" for bits in (16, 24, 32) for order in ("le", "be")
}


def scale_of(quantity: str, unit: str) -> tuple[Fraction, Fraction]:
    """(factor, what is added afterwards) from one raw step to the quantity's unit. Raises ValueError."""
    words = unit.split()
    if len(words) > 2:
        raise ValueError(f"`{unit}` is no unit; write it like `0.1 V`, `10 mAh` or `%`")
    number = Fraction(1)
    if words and (words[0][0].isdigit() or words[0][0] in "-+."):
        try:
            number = Fraction(words.pop(0))
        except ValueError:
            raise ValueError(f"`{unit}` does not begin with a number; write it like `0.1 V`") from None
    name = words[0].lower() if words else ""
    if name not in UNITS:
        raise ValueError(f"unknown unit `{name}`; there are {', '.join(sorted(u for u in UNITS if u))}")
    dimension, factor = UNITS[name]
    if dimension != DIMENSIONS[quantity]:
        raise ValueError(f"{quantity} is a {DIMENSIONS[quantity]}, `{unit}` is a {dimension}")
    if number == 0:
        raise ValueError("a step of 0 tells nothing")
    return number * factor, KELVIN.get(name, Fraction(0))


def bounds(quantity: str) -> tuple[int, int]:
    """What a reading may hold."""
    name = {"cell": "cell_min_mv", "temp": "temp_min_ddegc"}.get(quantity, quantity)
    low, high = form.RANGES[form.QUANTITIES.index(name)]
    return low, high
