# ruff: noqa: UP031, UP037 (runs under MicroPython)
"""The controller alone: what it is, memory, random numbers, clocks, relay, watchdog."""

import gc
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from swapcab.bench.board.unit import Unit


def identity(unit: "Unit") -> dict:
    """Names and versions; no key ever."""
    import machine

    said: "Any" = sys.implementation
    found = {
        "board": unit.board.name,
        "machine": getattr(said, "_machine", ""),
        "micropython": ".".join([str(part) for part in said.version[:3]]),
        "serial": unit.hexed(machine.unique_id()),
        "reset_cause": unit.board.reset_cause(),
        "firmware": "",
        "cabinet": "",
        "settings": "",
    }
    try:
        from cabinet.runtime.version import VERSION

        found["firmware"] = VERSION
    except ImportError:
        found["firmware"] = ""  # none is installed
    settings = unit.json("settings.json")
    if settings:
        found["cabinet"] = settings["cabinet"]["id"]
        found["settings"] = _digest(unit, "settings.json")
    return found


def button(unit: "Unit") -> dict:
    """Whether the service button is held, which keeps the cabinet from starting; None where it cannot be read."""
    import machine

    try:
        pins: "Any" = __import__("pins")
    except ImportError:
        return {"held": None}
    if hasattr(pins, "SERVICE"):
        return {"held": not machine.Pin(pins.SERVICE, machine.Pin.IN, machine.Pin.PULL_UP)()}
    try:
        pyb: "Any" = __import__("pyb")
    except ImportError:
        return {"held": None}
    return {"held": pyb.Switch().value()}


def settings(unit: "Unit") -> dict:
    """Buses, groups and broker, as far as the checks need them."""
    whole = unit.json("settings.json")
    wanted = ("cabinet", "buses", "groups")
    found = {name: whole[name] for name in wanted if name in whole}
    uplink = whole.get("uplink", {})
    found["uplink"] = {name: uplink[name] for name in ("host", "port", "tls") if name in uplink}
    found["pulse_ms"] = whole.get("control", {}).get("pulse_ms", 300)
    return found


def _digest(unit: "Unit", name: str) -> str:
    import hashlib

    with open(unit.folder + "/" + name, "rb") as file:
        return unit.hexed(hashlib.sha256(file.read()).digest()[:4])


def memory(unit: "Unit") -> dict:
    """Heap and file system in bytes."""
    gc.collect()
    heap: "Any" = gc
    stat = os.statvfs(unit.folder or "/")
    in_rom = "/rom" in sys.path or "switch" not in sys.modules
    return {"heap_free": heap.mem_free(), "heap_used": heap.mem_alloc(), "disk_free": stat[0] * stat[3], "disk": stat[0] * stat[2],
            "in_rom": in_rom, "word": 8 if sys.maxsize >> 32 else 4}


def random(unit: "Unit") -> dict:
    """How random 2,048 bytes look, and whether a start gives the same ones (the host keeps the digest)."""
    ones, longest, run, last = 0, 1, 1, -1
    counts = bytearray(256)
    first = b""
    for _ in range(16):
        data = unit.board.random_bytes(128)
        first = first or bytes(data[:16])
        for byte in data:
            counts[byte] = min(255, counts[byte] + 1)
            run = run + 1 if byte == last else 1
            longest, last = max(longest, run), byte
            while byte:
                ones += byte & 1
                byte >>= 1
    return {"ones": ones, "bits": 16384, "longest_run": longest, "most_of_one": max(counts), "seen": sum([1 for c in counts if c]),
            "first": unit.hexed(first)}


def now(unit: "Unit") -> dict:
    """The clocks at this moment."""
    clock = unit.board.clock
    return {"ticks_ms": clock.ticks_ms(), "wall_s": clock.wall_s(), "quality": clock.quality(), "fault": getattr(clock, "fault", "")}


def relay(unit: "Unit", hold_ms: int) -> dict:
    """Toggle the heartbeat for so long, as a living supervisor does, and then no more, as one whose loop is wedged.

    The last level is the high one: a charge pump whose first capacitor is shorted is held by it."""
    toggles = hold_ms // 100 | 1
    for _ in range(toggles):
        unit.toggle()
        unit.sleep_ms(100)
    return {"toggles": toggles}


def watchdog(unit: "Unit", timeout_ms: int) -> dict:
    """Start it and never feed it. After the reset the cabinet is not to start."""
    if unit.sleep_ms is getattr(time, "sleep_ms", None):
        try:
            open("service", "w").close()
        except OSError:
            print("no file could be left here")
    unit.dog = unit.board.watchdog(timeout_ms)
    return {"timeout_ms": timeout_ms}
