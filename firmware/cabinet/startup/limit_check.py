"""The limits of the settings: each tightens a rule of the safety table, and leaves a cabinet that can work.

limits.LimitSet refuses what is looser than the table. Here, with the unit in the message, is refused what is so tight that no pack
would be charged or handed out: nearly always a number in another unit (43 for 430, because limits are in 0.1 degC).
"""

from cabinet.core import limits, rules
from cabinet.startup.settings_error import NO_VALUE, SettingsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Tightest value of each quantity, LFP and NMC: small ones for quantities whose large values are dangerous, else large ones.
# A quantity that is not here counts events or is a flag: its limits cannot be tightened.
TIGHTEST = {
    "cell_max_mv": (3400, 3900), "cell_min_mv": (3100, 3500), "cell_sum_mv": (300, 300), "over_own_ma": (500, 500),
    "charge_ma": (1000, 1000), "temp_max_ddegc": (250, 250), "temp_min_ddegc": (150, 150), "temp_spread_ddegc": (50, 50),
    "rise_3s_ddegc": (10, 10), "rise_60s_ddegc": (10, 10), "rise_over_neighbours_ddegc": (10, 10),
    "spread_mid_mv": (30, 30), "spread_rest_mv": (30, 30), "spread_hour_mv": (3, 3), "spread_day_mv": (2, 2),
    "soh_pct": (95, 95), "cycles": (100, 100), "silent_ms": (3500, 3500), "unidentified_ms": (3000, 3000), "unproven_ms": (3000, 3000),
    "frozen_ms": (5000, 5000), "off_current_ma": (200, 200), "no_current_ms": (10000, 10000), "charge_s": (1800, 1800),
    "contact_mohm": (20, 20), "volt_differs_mv": (500, 500), "current_differs_ma": (500, 500), "charger_silent_ms": (2000, 2000),
    "charger_ddegc": (500, 500), "charger_over_mv": (200, 200), "charger_off_ma": (200, 200), "io_silent_ms": (500, 500),
    "open_ms": (10000, 10000), "compartment_ddegc": (350, 350), "contact_rise_mohm": (5, 5), "cabinet_silent_ms": (500, 500),
    "cabinet_ddegc": (300, 300), "mains_high_mv": (210000, 210000), "mains_low_mv": (190000, 190000), "mains_ma": (1000, 1000),
}
_UNITS = (("_ddegc", "0.1 degC"), ("_mv", "mV"), ("_ma", "mA"), ("_ms", "ms"), ("_s", "s"), ("_pct", "%"), ("_mohm", "mOhm"))


def unit(quantity: str) -> str:
    """The unit that the name of a quantity ends with; "" for a count or a flag."""
    for ending, name in _UNITS:
        if quantity.endswith(ending):
            return name
    return ""


def amount(value: int, quantity: str) -> str:
    """A value with its unit, as people write it: "4.3 degC" for 43 of temp_max_ddegc."""
    name = unit(quantity)
    if name == "0.1 degC":
        return "%s%d.%d degC" % ("-" if value < 0 else "", abs(value) // 10, abs(value) % 10)
    return ("%d %s" % (value, name)).rstrip()


def span(rule: int, column: int, names: "list[str]") -> "tuple[int, int]":
    """Smallest and largest value that a setting may give a limit (column 0: LFP, 1: NMC). `names`: rules.quantity_names()."""
    cap = rules.level(rule, column)
    tightest = TIGHTEST[names[rules.quantity(rule)]][column] if names[rules.quantity(rule)] in TIGHTEST else cap
    return (min(tightest, cap), cap) if rules.side(rule) > 0 else (cap, max(tightest, cap))


def allowed(rule: int, column: int, names: "list[str]") -> str:
    """What a limit may be, in words and with the unit."""
    least, most = span(rule, column, names)
    quantity = names[rules.quantity(rule)]
    if least == most:
        return "%s only: this limit cannot be tightened" % amount(most, quantity)
    text = "a whole number from %d to %d" % (least, most)
    name = unit(quantity)
    if name == "0.1 degC":
        return text + " in 0.1 degC (%s to %s)" % (amount(least, quantity), amount(most, quantity))
    return text + (" in %s" % name if name else "")


def check(tighten: dict) -> limits.LimitSet:
    """The limits of the settings, ready for the core. Raises SettingsError for the first that is wrong."""
    names = rules.quantity_names()
    for name, by_chemistry in tighten.items():
        path = "limits." + name
        if name not in rules.IDS:
            raise SettingsError(path, NO_VALUE, "there is no such rule; allowed: the rules of docs/safety.md")
        if not isinstance(by_chemistry, dict):
            raise SettingsError(path, by_chemistry, 'an object {"LFP": limit, "NMC": limit}')
        for chemistry, value in by_chemistry.items():
            if chemistry not in limits.CHEMISTRY_NAMES:
                raise SettingsError(path + "." + chemistry, NO_VALUE, "there is no such chemistry; allowed: LFP and NMC")
            _check_one(rules.index_of(name), limits.CHEMISTRY_NAMES[chemistry] - 1, value, path + "." + chemistry, names)
    return limits.LimitSet(tighten)


def _check_one(rule: int, column: int, value: "Any", path: str, names: "list[str]") -> None:
    least, most = span(rule, column, names)
    if isinstance(value, int) and not isinstance(value, bool):
        if least <= value <= most:
            return
        quantity = names[rules.quantity(rule)]
        side = rules.side(rule)
        loose = value > most if side > 0 else value < least
        why = "looser than the safety table, which a setting may only tighten" if loose else "so tight that the cabinet could not work"
        if least == most:
            raise SettingsError(path, value, allowed(rule, column, names))
        raise SettingsError(path, value, "%s; %d is %s, %s the %s: %s" % (
            allowed(rule, column, names), value, amount(value, quantity), "below" if value < least else "above",
            "least" if value < least else "most", why))
    raise SettingsError(path, value, allowed(rule, column, names))


def fits_current(settings: "Any") -> None:
    """A tightened `over_current` leaves room for the charge current: reaching it latches the slot until service clears it."""
    rule = rules.index_of("over_current")
    for name, chemistry in limits.CHEMISTRY_NAMES.items():
        limit_ma = settings.limits.limit(rule, chemistry)
        if settings.control.charge_ma >= limit_ma < rules.level(rule, chemistry - 1):
            raise SettingsError("control.charge_ma", settings.control.charge_ma, "less than limits.over_current.%s (%d mA): the rule "
                                "latches the slot when the current reaches it" % (name, limit_ma))
