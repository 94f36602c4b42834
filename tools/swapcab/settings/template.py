"""The settings and secrets of a simulated cabinet, as `swapcab sim` writes them into its run folder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from cabinet.startup import driver_registry

CABINET_ID = "cab-0001"
FIRST_CHARGER_ADDRESS = 0xA1
TOKENS = [f"T-{number:04d}" for number in range(1, 101)]


def modbus_slots(slots: int) -> int:
    """How many packs speak Modbus: two of three; the others speak CAN."""
    return max(1, slots * 2 // 3)


def _device(driver: str, first_address: int) -> dict:
    """A device on the bus that the driver needs."""
    row = driver_registry.driver(driver, "can")
    bus = "can" if row.bus == "can" else "packs" if row.section == "pack" else "io"
    return {"bus": bus, "driver": driver, "first_address": first_address}


def _group(first: int, last: int, pack_driver: str, npb: bool = False) -> dict:
    return {
        "first_slot": first,
        "last_slot": last,
        "pack": _device(pack_driver, first),
        "charger": _device("npb", first - 1) if npb else _device("elcon", FIRST_CHARGER_ADDRESS + first - 1),
        "io": _device("slot-board", 1),
    }


def settings(slots: int, host: str = "127.0.0.1", port: int = 1883, npb: int = 0, can_driver: str = "pack-link-can") -> dict:
    """A cabinet whose first two thirds of packs are on RS485 and the rest on CAN; chargers on CAN, boards on RS485.

    The chargers of the first `npb` slots are Mean Well NPB, the others Elcon."""
    border = modbus_slots(slots)
    groups = []
    for first, last, driver in ((1, border, "pack-link-modbus"), (border + 1, slots, can_driver)):
        cut = min(max(npb, first - 1), last)
        if first <= cut:
            groups.append(_group(first, cut, driver, True))
        if cut < last:
            groups.append(_group(cut + 1, last, driver))
    cabinet = {"id": CABINET_ID, "slots": slots}
    if any(driver_registry.driver(group["charger"]["driver"]).needs_mains_relay for group in groups):
        cabinet["mains_relay"] = "heartbeat"
    return {
        "cabinet": cabinet,
        "buses": {
            "packs": {"kind": "modbus", "port": "rs485-packs", "baud": 115200},
            "io": {"kind": "modbus", "port": "rs485-io", "baud": 115200},
            "can": {"kind": "can", "port": "can-1", "baud": 250000},
            "kiosk": {"kind": "kiosk", "port": "kiosk", "baud": 115200},
        },
        "groups": groups,
        "control": {"budget_w": 500 * slots},
        "uplink": {
            "host": host, "port": port, "prefix": "swapcab/v1", "window": 8, "batch": 4, "gather_s": 0, "state_settle_s": 0, "spread_s": 0,
        },
        "access": {"tokens": TOKENS},
    }


def secrets(cabinet_id: str = CABINET_ID) -> dict:
    """Keys that anybody may know: they protect nothing but the simulator."""
    return {
        "fleet_master": hashlib.sha256(b"swapcab simulator, not a secret").hexdigest(),
        "device_key": hashlib.sha256(b"swapcab simulator, not a secret: " + cabinet_id.encode()).hexdigest(),
    }


def write(folder: Path, slots: int, host: str, port: int, npb: int = 0, can_driver: str = "pack-link-can") -> None:
    """settings.json and secrets.json in `folder`."""
    (folder / "settings.json").write_text(json.dumps(settings(slots, host, port, npb, can_driver), indent=1))
    (folder / "secrets.json").write_text(json.dumps(secrets(), indent=1))
