"""What all checks share: the bench, and a line of its sheet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from swapcab.bench import drivers
from swapcab.bench.controller import Controller
from swapcab.bench.operators import Operator
from swapcab.bench.slot_wiring import SlotWiring, slot_wirings

PASS, FAIL, SKIP = "pass", "fail", "skip"


@dataclass
class Result:
    """One line of the sheet. `part` and `step` only where it failed or was skipped: what is faulty, what to do next."""

    check: str
    what: str
    status: str
    figure: str = ""
    part: str = ""
    step: str = ""


@dataclass
class Bench:
    """What the checks share: the controller, the operator, what was measured so far."""

    controller: Controller
    operator: Operator
    unix_s: Callable[[], float]
    thorough: bool = False
    reset: bool = True
    broker: bool = True
    identity: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    packs_seen: set[int] = field(default_factory=set)
    faulty_lines: set[str] = field(default_factory=set)  # buses: what hangs on them is not tried one by one

    def lines(self, kind: str) -> list[tuple[str, str, int]]:
        """(bus, port, baud) of each bus of a kind."""
        buses = self.settings.get("buses", {})
        return [(name, bus["port"], bus["baud"]) for name, bus in buses.items() if bus["kind"] == kind]

    def wirings(self) -> list[SlotWiring]:
        """Lock and switches of each slot."""
        return slot_wirings(self.settings.get("groups", []))

    def devices(self, role: str, driver: str) -> dict[int, tuple[str, int]]:
        """Slot -> (bus, address) of the packs or chargers with this driver."""
        found = {}
        for group in self.settings.get("groups", []):
            if group[role]["driver"] == driver:
                for slot in range(group["first_slot"], group["last_slot"] + 1):
                    found[slot] = (group[role]["bus"], group[role]["first_address"] + slot - group["first_slot"])
        return found

    def speakers(self, bus: str) -> set[int]:
        """Slots whose charger or pack says something on this CAN line without being asked."""
        groups = self.settings.get("groups", [])
        chargers = {slot for slot, row, _address in drivers.on_bus(groups, "charger", bus) if row.speaks}
        packs = {slot for slot, row, _address in drivers.on_bus(groups, "pack", bus) if row.speaks}
        return chargers | (packs & self.packs_seen)

    def ask(self, bus: str, unit: int, function: int, start: int, value: int, tries: int = 1) -> dict[str, Any]:
        """A Modbus request by the name of the bus."""
        wired = self.settings["buses"][bus]
        return self.controller.call("ask", wired["port"], wired["baud"], unit, function, start, value, tries)

    def kerong(self, bus: str, board: int, lock: int, command: int, tries: int = 1) -> dict[str, Any]:
        """A frame to a Kerong lock board: 0x30 asks for the hooks, 0x31 opens a lock."""
        wired = self.settings["buses"][bus]
        return self.controller.call("kerong", wired["port"], wired["baud"], board, lock, command, tries)

    def pins(self, bus: str, index: int) -> int:
        """The 32 inputs of eight slots that the controller itself has; negative while they are not known. Raises BoardError."""
        return self.controller.call("pins", self.settings["buses"][bus]["port"], index)["levels"]
