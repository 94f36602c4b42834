# ruff: noqa: UP031, UP037 (runs under MicroPython)
"""Serial lines and expanders: who answers, and how."""

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from swapcab.bench.board.unit import Unit

SILENT_MS = 300
LOOKS = 4  # the inputs are debounced: the first readings may be old


def ask(unit: "Unit", port: str, baud: int, address: int, function: int, start: int, value: int, tries: int = 1) -> dict:
    """Modbus requests to one device: how many were answered, how; the data of the last good answer as hex."""
    from cabinet.bus.crc16 import crc16

    frame = bytearray((address, function)) + struct.pack(">HH", start, value)
    check = crc16(frame, 0, len(frame))
    return _ask(unit, port, baud, bytes(frame) + bytes((check & 0xFF, check >> 8)), _modbus, tries)


def kerong(unit: "Unit", port: str, baud: int, board: int, lock: int, command: int, tries: int = 1) -> dict:
    """The same for a Kerong lock board: command 0x30 asks for all hooks, 0x31 opens a lock."""
    frame = bytes((0x02, board << 4 | lock, command, 0x03))
    return _ask(unit, port, baud, frame + bytes((sum(frame) & 0xFF,)), _hooks, tries)


def pins(unit: "Unit", port: str, index: int) -> dict:
    """The 32 inputs of eight slots that the board itself has. Raises OSError where their chip does not answer."""
    if (port, index) not in unit.pins:
        unit.pins[(port, index)] = unit.board.inputs(port, index)
    levels = -1
    for look in range(20):
        levels = unit.pins[(port, index)].read()
        if levels >= 0 and look >= LOOKS:
            break
        unit.sleep_ms(10)
    return {"levels": levels}


def _ask(unit: "Unit", port: str, baud: int, frame: bytes, judge: "Any", tries: int) -> dict:
    line = unit.line(port, baud)
    counts = {"good": 0, "crc": 0, "silent": 0, "echo": 0, "refused": 0, "garbage": 0, "data": "", "ms": 0}
    for _ in range(tries):
        got, took_ms = _talk(unit, line, baud, frame)
        kind, data = judge(frame, got) if got else ("silent", b"")
        counts[kind] += 1
        if kind == "good":
            counts["data"] = unit.hexed(data)
            counts["ms"] = max(counts["ms"], took_ms)
        unit.sleep_ms(5)
    return counts


def _talk(unit: "Unit", line: "Any", baud: int, frame: bytes) -> "tuple[bytearray, int]":
    """What comes until the line is idle, and how long the last of it took."""
    buf = bytearray(64)
    while line.readinto(buf):
        pass
    line.write(frame)
    got = bytearray()
    began = last = unit.board.clock.ticks_ms()
    quiet_ms = 20 + 60000 // baud
    while unit.passed_ms(last) <= (quiet_ms if got else SILENT_MS):
        count = line.readinto(buf)
        if count:
            got.extend(memoryview(buf)[:count])
            last = unit.board.clock.ticks_ms()
        else:
            unit.sleep_ms(1)
    return got, unit.passed_ms(began) - unit.passed_ms(last)


def _modbus(frame: bytes, got: bytearray) -> "tuple[str, bytes]":
    from cabinet.bus.crc16 import crc16

    if got[: len(frame)] == frame and (frame[1] not in (5, 6) or len(got) > len(frame)):
        return "echo", b""
    if got[0] == frame[0] and len(got) >= 5:
        if crc16(got, 0, len(got) - 2) == got[-2] | got[-1] << 8:
            return ("refused" if got[1] & 0x80 else "good"), bytes(got[2:-2])
        return "crc", b""
    return "garbage", b""


def _hooks(frame: bytes, got: bytearray) -> "tuple[str, bytes]":
    from cabinet.bus.kerong_bus import is_status

    if got[: len(frame)] == frame:
        return "echo", b""
    if len(got) == 9 and got[0] == 2 and got[1] >> 4 == frame[1] >> 4:
        return ("good", bytes(got[3:5])) if is_status(got, 0) else ("crc", b"")
    return "garbage", b""
