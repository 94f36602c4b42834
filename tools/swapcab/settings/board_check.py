# ruff: noqa: E501  one sentence a line
"""Settings against what a board has: ports by name, their kind, bauds, expanders. Needs the board's files only, no board."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from swapcab.compile import board_files

EXPANDERS = "expanders"
PAIRS = 4  # of MCP23017: two for eight slots, addresses 0x20 to 0x27


class BoardProblem(ValueError):
    """No such board."""


def pins_of(board: str) -> ModuleType:
    """The board's pins.py. Raises BoardProblem that lists the boards."""
    boards = [name for name in board_files.names() if name != "emulated"]
    if board not in [*boards, "emulated"]:
        hint = "; ports of the board unix are files, which only the machine itself can check" if board == "unix" else ""
        raise BoardProblem(f"--board {board}: there is no such board; there are {', '.join(boards)}{hint}")
    return board_files.pins(board)


def known_ports(kind: str) -> set[str]:
    """The ports of this kind that any board has."""
    return {port for board in board_files.names() for port in _ports(board_files.pins(board), kind)}


def problems(settings: Any, board: str) -> Iterator[str]:
    """What the board does not have. Raises BoardProblem for an unknown board."""
    pins = pins_of(board)
    for name, bus in sorted(settings.buses.items()):
        ports = _ports(pins, bus.kind)
        if bus.port not in ports:
            yield f"buses.{name}.port: {bus.port} is not allowed here; allowed: a port of {board} for the kind {bus.kind}: {', '.join(ports) or 'none'}"
        elif bus.kind == "can" and not _can_do(pins, bus.baud):
            yield f"buses.{name}.baud: {bus.baud} is not allowed here; allowed: a bit rate that the CAN controller of {board} can do exactly"
    for kind in ("can", "kiosk", "pins"):
        asked = sum(bus.kind == kind for bus in settings.buses.values())
        if asked > len(_ports(pins, kind)):
            yield f"buses: {asked} buses of kind {kind} are not allowed here; allowed: at most {len(_ports(pins, kind))} on {board}"
    lines = sum(bus.kind not in ("can", "pins") for bus in settings.buses.values())
    if lines > len(pins.SERIAL):
        yield f"buses: {lines} serial lines are not allowed here; allowed: at most {len(pins.SERIAL)} on {board}: {', '.join(sorted(pins.SERIAL))}"
    if settings.cabinet.mains_relay == "heartbeat" and not hasattr(pins, "HEARTBEAT"):
        yield f"cabinet.mains_relay: heartbeat is not allowed here; allowed: none, because {board} has no heartbeat output"
    yield from _expanders(settings, board)


def notes(settings: Any, board: str) -> Iterator[str]:
    """What works on the board, but not as it was written."""
    pins = pins_of(board)
    hz = getattr(pins, "EXPANDER_HZ", getattr(pins, "I2C_HZ", 0))
    for name, bus in sorted(settings.buses.items()):
        if bus.kind == "pins" and hz and bus.baud != hz:
            yield f"buses.{name}.baud: {bus.baud} has no effect; {board} runs its expanders at {hz} Hz"
        row = pins.SERIAL.get(bus.port, ("",))
        if bus.kind in ("modbus", "kerong") and row[-1] == "":
            yield f"buses.{name}.port: {bus.port} of {board} has no driver enable for RS485; the transceiver must switch by itself"


def _ports(pins: ModuleType, kind: str) -> list[str]:
    if kind == "can":
        return sorted(pins.CAN)
    if kind == "pins":
        return [EXPANDERS]
    return sorted(pins.SERIAL)


def _can_do(pins: ModuleType, baud: int) -> bool:
    if not hasattr(pins, "CAN_CRYSTAL_HZ"):
        return True  # the controller's own; MicroPython works out its timing
    timing = importlib.import_module("chips.mcp2515").timing
    try:
        timing(pins.CAN_CRYSTAL_HZ, baud)
    except ValueError:
        return False
    return True


def _expanders(settings: Any, board: str) -> Iterator[str]:
    noted = False
    for slot in settings.slots:
        if slot.io_driver == "pins" and not noted:
            noted = True
            yield f"groups[].io.driver: pins is not allowed here; allowed: a lock board: {board} has no outputs that time a lock's pulse"
        if slot.inputs_driver == "pin-inputs" and slot.inputs_address >= PAIRS:
            yield (f"groups[].inputs.first_address: slot {slot.number} has pair {slot.inputs_address}, which is not allowed here; allowed: "
                   f"pairs 0 to {PAIRS - 1} of expanders on {board}, for 32 slots")
            return
