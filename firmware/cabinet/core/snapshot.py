"""What must outlive a power cut, as records of the state store. Each fits one record whatever happens to the cabinet, and is
written when it has changed:

    cabinet    [rules of the cabinet itself that are latched, slots out of service]
    latched    {rule: slots}, faults that only service may clear; slots as a number in hexadecimal, bit n is slot n
    marked0..  serial numbers in quarantine, _SERIALS in each
    swap       [2, the swap in progress]

The control loop writes them in the order of their names, so that flash never knows less of a danger than of the swap that
it ended. Version 1 had all of it in "swap": [1, swap, marked, latched, disabled], which a mass event or years of quarantine
made too long to be stored.
"""

import json

from micropython import const

from cabinet.core import rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.core.faults import FaultSet
    from cabinet.core.swap import Swap

VERSION = 2
SERIALS_MAX = 64
_SERIALS = const(8)  # of 16 characters at most: all drivers keep no more
NAMES = ("cabinet", "latched", "swap") + tuple(["marked%d" % part for part in range(SERIALS_MAX // _SERIALS)])
_QUARANTINED_EARLIER = rules.index_of("marked")


class Snapshot:
    """Remembers what stands on flash, or is on its way there. `serials`: the quarantined serial numbers, control's own list."""

    def __init__(self, slots: list, faults: "FaultSet", swap: "Swap", serials: list) -> None:
        self._slots = slots
        self._faults = faults
        self._swap = swap
        self._serials = serials
        self._written = {}  # name: text; of serial numbers, which control has anyway, a tuple

    def changed(self) -> "list[tuple[str, bytes]]":
        """Names and values of the records that have changed since the last call."""
        out = []
        latched = {}
        for s in self._slots:
            for rule in s.faults.lasting():
                if rule != _QUARANTINED_EARLIER:  # follows from the list of serial numbers
                    latched[rules.IDS[rule]] = latched.get(rules.IDS[rule], 0) | 1 << s.number
        self._add(out, "latched", {name: "%x" % latched[name] for name in latched})
        disabled = 0
        for s in self._slots:
            if not s.enabled:
                disabled |= 1 << s.number
        self._add(out, "cabinet", [[rules.IDS[rule] for rule in self._faults.lasting()], "%x" % disabled])
        for start in range(0, SERIALS_MAX, _SERIALS):
            name = "marked%d" % (start // _SERIALS)
            part = tuple(self._serials[start : start + _SERIALS])
            if part != self._written.get(name, ()):
                self._written[name] = part
                out.append((name, json.dumps(part).encode()))
        self._add(out, "swap", [VERSION, self._swap.saved()])
        return out

    def _add(self, out: list, name: str, value: "Any") -> None:
        text = json.dumps(value)
        if text != self._written.get(name):
            self._written[name] = text
            out.append((name, text.encode()))

    def restore(self, records: "Any", now_ms: int) -> bool:
        """Take up what `records` (`get` by name) tell, before the first step. False if one cannot be understood; the others are applied."""
        good = True
        for name in ("latched", "cabinet", "swap"):
            good = self._take(records, name, now_ms) and good
        for number in range(SERIALS_MAX // _SERIALS):
            good = self._take(records, "marked%d" % number, now_ms) and good
        return good

    def _take(self, records: "Any", name: str, now_ms: int) -> bool:
        data = records.get(name)
        if not data:
            return True
        try:
            value = json.loads(data)
            if name == "latched":
                self._restore_latched(value)
            elif name == "cabinet":
                self._restore_cabinet(value)
            elif name == "swap":
                self._restore_swap(value, now_ms)
            else:
                self._restore_serials(value)
            self._written[name] = tuple(value) if name[:6] == "marked" else str(data, "utf-8")
        except (TypeError, KeyError, IndexError, ValueError, AttributeError, OverflowError):
            return False
        return True

    def _restore_latched(self, value: "Any") -> None:
        for name in value:
            bits = int(value[name], 16)
            for s in self._slots:
                if bits >> s.number & 1 and name in rules.IDS:
                    s.faults.restore(rules.index_of(name))

    def _restore_cabinet(self, value: "Any") -> None:
        names, disabled = value
        for name in names:
            if name in rules.IDS:
                self._faults.restore(rules.index_of(name))
        bits = int(disabled, 16)
        for s in self._slots:
            if bits >> s.number & 1:
                s.set_enabled(False)

    def _restore_serials(self, value: "Any") -> None:
        serials = self._serials
        for serial in value:
            if isinstance(serial, str) and serial not in serials and len(serials) < SERIALS_MAX:
                serials.append(serial)

    def _restore_swap(self, value: "Any", now_ms: int) -> None:
        if value[0] == 1:
            self._restore_version_1(value)
        elif value[0] != VERSION:
            raise ValueError("version of a saved swap")
        self._swap.restore(value[1], now_ms)

    def _restore_version_1(self, value: "Any") -> None:
        _, _, serials, latched, disabled = value
        self._restore_serials(serials)
        pairs = [(number, name) for name in latched for number in latched[name]] if isinstance(latched, dict) else latched
        for number, name in pairs:
            if name in rules.IDS and 0 <= number <= len(self._slots):
                (self._slots[number - 1].faults if number else self._faults).restore(rules.index_of(name))
        for number in disabled:
            if 0 < number <= len(self._slots):
                self._slots[number - 1].set_enabled(False)
