# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
"""What the time goes into: real time spent in each part, what it calls included, measured by wrapping the parts' entry points."""

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Profile:
    """Wraps methods of classes; `rows()` tells."""

    def __init__(self) -> None:
        self._rows = []

    def watch(self, name: str, owner: "Any", method: str) -> None:
        """Measure `owner.method`."""
        inner = getattr(owner, method)
        row = [name, 0.0, 0]
        self._rows.append(row)

        def timed(*arguments: "Any") -> "Any":
            began = time.clock()
            try:
                return inner(*arguments)
            finally:
                row[1] += time.clock() - began
                row[2] += 1

        setattr(owner, method, timed)

    def rows(self) -> list:
        """(name, seconds, calls), the longest first."""
        return sorted([(row[0], round(row[1], 2), row[2]) for row in self._rows], key=lambda row: -row[1])


def everything() -> Profile:
    """The parts worth telling."""
    from cabinet.bus.can_bus import CanBus
    from cabinet.bus.polled_bus import PolledBus
    from cabinet.core import quantities
    from cabinet.core.control import CabinetControl
    from cabinet.core.faults import FaultSet
    from cabinet.runtime.control_loop import ControlLoop
    from cabinet.runtime.views import Views
    from cabinet.store.journal import Journal
    from plant.auditor import Auditor
    from plant.cabinet_world import World
    from plant.frames import RtuUnits
    from virtual.board import Flash
    from virtual.judge import Judge
    from virtual.nodes import Nodes

    profile = Profile()
    for name, owner, method in (
        ("core: step", CabinetControl, "step"), ("core: fault table", FaultSet, "evaluate"), ("core: quantities", quantities, "fill"),
        ("control round, core included", ControlLoop, "step"), ("CAN bus", CanBus, "step"), ("polled lines", PolledBus, "step"),
        ("views of the slots", Views, "slot"), ("journal: idle", Journal, "idle"), ("flash: program", Flash, "program"),
        ("plant: physics", World, "step"), ("plant: auditor", Auditor, "step"), ("plant: CAN nodes", Nodes, "poll"),
        ("plant: Modbus units", RtuUnits, "answer"), ("judge: round", Judge, "stepped"),
    ):  # fmt: skip
        profile.watch(name, owner, method)
    return profile
