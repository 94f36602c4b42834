"""Limit sets: the numbers of the safety table by chemistry, as this cabinet applies them.

The numbers compiled into rules.py and into this file are the hard caps. A setting or a command may tighten one; an
attempt to loosen it is an error that names the place, the value and what is allowed.
"""

from cabinet.core import rules
from cabinet.core.reading import CHEMISTRY_LFP, CHEMISTRY_NMC, CHEMISTRY_UNKNOWN

VERSION = "1"
CHEMISTRY_NAMES = {"LFP": CHEMISTRY_LFP, "NMC": CHEMISTRY_NMC}

# Charge targets: chemistry -> (mV a cell, largest current in permille of the capacity, source)
TARGETS = {
    CHEMISTRY_LFP: (3550, 500, "R: LibreSolar; R: Sunland (0.5 C, 15 to 45 degC)"),
    CHEMISTRY_NMC: (4200, 500, "R: LibreSolar; proposal (0.5 C)"),
}
# Largest charge current in the cold: (below this lowest temperature, 0.1 degC; permille of the capacity).
# R: Alpha APL48-50LFP; for NMC the same: proposal
COLD_TIERS = ((0, 0), (50, 100), (100, 200))


class LimitSet:
    """Limits ready for evaluation. `tighten` is {rule id: {"LFP": limit, "NMC": limit}}, as it stands in the settings."""

    def __init__(self, tighten: "dict | None" = None) -> None:
        self.version = VERSION
        self.tightened = 0
        self._levels = {}  # rule index -> levels in place of those compiled in
        if tighten:
            for name, by_chemistry in tighten.items():
                self._tighten(name, by_chemistry)
            self.version = VERSION + "+" + str(self.tightened)

    def _tighten(self, name: str, by_chemistry: dict) -> None:
        path = "limits." + name
        if name not in rules.IDS:
            raise ValueError(path + ": there is no such rule")
        if not isinstance(by_chemistry, dict):
            raise ValueError(path + ': write {"LFP": limit, "NMC": limit}')
        index = rules.index_of(name)
        levels = list(self.levels(index))
        side = rules.side(index)
        for chemistry, limit in by_chemistry.items():
            if chemistry not in CHEMISTRY_NAMES:
                raise ValueError("%s.%s: allowed are LFP and NMC" % (path, chemistry))
            at = CHEMISTRY_NAMES[chemistry] - 1
            cap = levels[at]
            if not isinstance(limit, int) or isinstance(limit, bool) or (limit - cap) * side > 0:
                word = "up to" if side > 0 else "from"
                raise ValueError("%s.%s = %r: allowed are whole numbers %s %d" % (path, chemistry, limit, word, cap))
            levels[at + 2] = levels[at + 2] + limit - cap  # the hysteresis stays as wide as it was
            levels[at] = limit
            self.tightened += 1
        self._levels[index] = tuple(levels)

    def levels(self, rule: int) -> tuple:
        """(limit LFP, limit NMC, clear LFP, clear NMC) of a rule."""
        if rule in self._levels:
            return self._levels[rule]
        return rules.level(rule, 0), rules.level(rule, 1), rules.level(rule, 2), rules.level(rule, 3)

    def limit(self, rule: int, chemistry: int) -> int:
        """The limit of a rule; for a chemistry that is not known, the stricter one."""
        return self._pick(rule, chemistry, 0)

    def clear(self, rule: int, chemistry: int) -> int:
        """The level at which the rule clears."""
        return self._pick(rule, chemistry, 2)

    def _pick(self, rule: int, chemistry: int, at: int) -> int:
        if rule in self._levels:
            lfp = self._levels[rule][at]
            nmc = self._levels[rule][at + 1]
        else:
            lfp = rules.level(rule, at)
            nmc = rules.level(rule, at + 1)
        if chemistry == CHEMISTRY_LFP:
            return lfp
        if chemistry == CHEMISTRY_NMC:
            return nmc
        return min(lfp, nmc) if rules.side(rule) > 0 else max(lfp, nmc)

    def compile(self, scopes: tuple, chemistry: int, like: "tuple | None" = None) -> tuple:
        """Rows (index of the quantity, limit, rule) of these scopes; signs turned so that reaching the limit means
        `value >= limit`. Rows that are the same as in `like` are shared with it, which saves memory.
        """
        rows = []
        for rule in range(rules.COUNT):
            if rules.scope(rule) not in scopes:
                continue
            row = (rules.quantity(rule), self.limit(rule, chemistry) * rules.side(rule), rule)
            if like is not None and like[len(rows)] == row:
                row = like[len(rows)]
            rows.append(row)
        return tuple(rows)


CHEMISTRIES = (CHEMISTRY_UNKNOWN, CHEMISTRY_LFP, CHEMISTRY_NMC)
