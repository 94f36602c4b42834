"""What must outlive a power cut, as records of the state store. Each fits one record whatever happens to the cabinet, and is
written when it has changed:

    cabinet    [rules of the cabinet itself that are latched, slots out of service]
    latched    {rule: slots}, faults that only service may clear; slots as a number in hexadecimal, bit n is slot n
    marked0..  serial numbers in quarantine, _MARKS in each
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

    from cabinet.core.control import CabinetControl

VERSION = 2
MARKED_MAX = 64
_MARKS = const(8)  # of 16 characters at most: all drivers keep no more
NAMES = ("cabinet", "latched", "swap") + tuple(["marked%d" % part for part in range(MARKED_MAX // _MARKS)])
_MARKED = rules.index_of("marked")


class Snapshot:
    """Remembers what stands on flash, or is on its way there."""

    def __init__(self) -> None:
        self._told = {}  # name: text; of serial numbers, which control has anyway, a tuple

    def changed(self, control: "CabinetControl") -> "list[tuple[str, bytes]]":
        """Names and values of the records that have changed since they were told last."""
        out = []
        latched = {}
        for s in control.slots:
            for rule in s.faults.lasting():
                if rule != _MARKED:  # follows from the list of serial numbers
                    latched[rules.IDS[rule]] = latched.get(rules.IDS[rule], 0) | 1 << s.number
        self._add(out, "latched", {name: "%x" % latched[name] for name in latched})
        disabled = 0
        for s in control.slots:
            if not s.enabled:
                disabled |= 1 << s.number
        self._add(out, "cabinet", [[rules.IDS[rule] for rule in control.faults.lasting()], "%x" % disabled])
        marked = control.marked
        for start in range(0, MARKED_MAX, _MARKS):
            name = "marked%d" % (start // _MARKS)
            part = tuple(marked[start : start + _MARKS])
            if part != self._told.get(name, ()):
                self._told[name] = part
                out.append((name, json.dumps(part).encode()))
        self._add(out, "swap", [VERSION, control.swap.saved()])
        return out

    def _add(self, out: list, name: str, value: "Any") -> None:
        text = json.dumps(value)
        if text != self._told.get(name):
            self._told[name] = text
            out.append((name, text.encode()))

    def restore(self, control: "CabinetControl", records: "Any", now_ms: int) -> bool:
        """Take up what `records` (`get` by name) tell, before the first step. False if one cannot be understood; the others are applied."""
        good = True
        for name in ("latched", "cabinet", "swap"):
            good = self._take(control, records, name, now_ms) and good
        for number in range(MARKED_MAX // _MARKS):
            good = self._take(control, records, "marked%d" % number, now_ms) and good
        return good

    def _take(self, control: "CabinetControl", records: "Any", name: str, now_ms: int) -> bool:
        data = records.get(name)
        if not data:
            return True
        try:
            value = json.loads(data)
            if name == "latched":
                _restore_latched(control, value)
            elif name == "cabinet":
                _restore_cabinet(control, value)
            elif name == "swap":
                _restore_swap(control, value, now_ms)
            else:
                _restore_marked(control, value)
            self._told[name] = tuple(value) if name[:6] == "marked" else str(data, "utf-8")
        except (TypeError, KeyError, IndexError, ValueError, AttributeError, OverflowError):
            return False
        return True


def _restore_latched(control: "CabinetControl", value: "Any") -> None:
    for name in value:
        bits = int(value[name], 16)
        for s in control.slots:
            if bits >> s.number & 1 and name in rules.IDS:
                s.faults.restore(rules.index_of(name))


def _restore_cabinet(control: "CabinetControl", value: "Any") -> None:
    names, disabled = value
    for name in names:
        if name in rules.IDS:
            control.faults.restore(rules.index_of(name))
    bits = int(disabled, 16)
    for s in control.slots:
        if bits >> s.number & 1:
            s.enabled = False


def _restore_marked(control: "CabinetControl", value: "Any") -> None:
    for serial in value:
        if isinstance(serial, str) and serial not in control.marked and len(control.marked) < MARKED_MAX:
            control.marked.append(serial)


def _restore_swap(control: "CabinetControl", value: "Any", now_ms: int) -> None:
    if value[0] == 1:
        _restore_version_1(control, value)
    elif value[0] != VERSION:
        raise ValueError("version of a saved swap")
    control.swap.restore(value[1], now_ms)


def _restore_version_1(control: "CabinetControl", value: "Any") -> None:
    _, _, marked, latched, disabled = value
    _restore_marked(control, marked)
    pairs = [(number, name) for name in latched for number in latched[name]] if isinstance(latched, dict) else latched
    for number, name in pairs:
        if name in rules.IDS and 0 <= number <= len(control.slots):
            (control.slots[number - 1].faults if number else control.faults).restore(rules.index_of(name))
    for number in disabled:
        if 0 < number <= len(control.slots):
            control.slots[number - 1].enabled = False
