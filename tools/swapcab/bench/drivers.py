"""What the bench knows of packs and chargers from their drivers' rows and classes: who sends unasked, and with which identifiers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cabinet.startup import driver_registry
from cabinet.startup.driver_registry import Driver


class _Recorder:
    """A CAN bus that notes which identifiers a device receives."""

    name = "can"
    cells = None

    def __init__(self) -> None:
        self.clock = self
        self.kept = bytearray()
        self.can_ids: tuple[int, ...] = ()

    def ticks_ms(self) -> int:
        """It stands still."""
        return 0

    def attach(self, client: object, can_ids: tuple[int, ...], groups: tuple[int, ...] = ()) -> None:
        """Called by the device's constructor."""
        self.can_ids = can_ids


def can_ids(row: Driver, address: int) -> tuple[int, ...]:
    """The identifiers with which a device at this address sends."""
    recorder = _Recorder()
    row.load()(recorder, address, recorder)
    return recorder.can_ids


def on_bus(groups: list[dict[str, Any]], section: str, bus: str) -> Iterator[tuple[int, Driver, int]]:
    """(slot, row, address) of each pack or charger on a bus. Packs with a profile are left out: their protocol stands in a file."""
    for group in groups:
        device = group[section]
        if device["bus"] != bus or device["driver"].startswith(driver_registry.PROFILE):
            continue
        row = driver_registry.driver(device["driver"])
        for slot in range(group["first_slot"], group["last_slot"] + 1):
            yield slot, row, device["first_address"] + slot - group["first_slot"]


def status_ids(groups: list[dict[str, Any]], bus: str) -> dict[int, tuple[int, ...]]:
    """Slot -> identifiers of its charger's own frames, of chargers that send unasked."""
    return {slot: can_ids(row, address) for slot, row, address in on_bus(groups, "charger", bus) if row.speaks}
