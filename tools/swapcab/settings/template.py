"""The settings and secrets of a simulated cabinet, as `swapcab sim` writes them into its run folder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

CABINET_ID = "cab-0001"
FIRST_CHARGER_ADDRESS = 0xA1
TOKENS = [f"T-{number:04d}" for number in range(1, 101)]


def modbus_slots(slots: int) -> int:
    """How many packs speak Modbus: two of three; the others speak CAN."""
    return max(1, slots * 2 // 3)


def _group(first: int, last: int, pack_driver: str, pack_bus: str, npb: bool = False) -> dict:
    charger = {"bus": "can", "driver": "elcon", "first_address": FIRST_CHARGER_ADDRESS + first - 1}
    if npb:
        charger = {"bus": "can", "driver": "npb", "first_address": first - 1}
    return {
        "first_slot": first,
        "last_slot": last,
        "pack": {"bus": pack_bus, "driver": pack_driver, "first_address": first},
        "charger": charger,
        "io": {"bus": "io", "driver": "slot-board", "first_address": 1},
    }


def settings(slots: int, host: str = "127.0.0.1", port: int = 1883, npb: int = 0, can_driver: str = "pack-link-can") -> dict:
    """A cabinet whose first two thirds of packs are on RS485 and the rest on CAN; chargers on CAN, boards on RS485.

    The chargers of the first `npb` slots are Mean Well NPB, the others Elcon."""
    border = modbus_slots(slots)
    groups = []
    for first, last, driver, bus in ((1, border, "pack-link-modbus", "packs"), (border + 1, slots, can_driver, "can")):
        cut = min(max(npb, first - 1), last)
        if first <= cut:
            groups.append(_group(first, cut, driver, bus, True))
        if cut < last:
            groups.append(_group(cut + 1, last, driver, bus))
    cabinet = {"id": CABINET_ID, "slots": slots}
    if npb:
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
