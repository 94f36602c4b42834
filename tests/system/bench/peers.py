"""Boards of other makers at the far end of the fixture's lines, after their public descriptions: a frame in, a frame out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from plant.cabinet_world import World
from plant.crc16 import crc16
from plant.frames import sealed

LOCKS, INPUTS = 7, 20  # addresses on Modbus
XUNMING_LOCK, WAVESHARE_FLASH = 101, 0x0200


class Peers:
    """`answer` takes a whole frame of the line and gives what comes back. `spoil` puts faults into it."""

    def __init__(self, world: World, kind: str) -> None:
        self.world = world
        self.kind = kind
        self.pulsed: dict[int, int] = {}
        self.set_ms = 300  # what is set in a Kerong board
        self.spoil: Callable[[bytes, bytes], bytes] = lambda request, answer: answer

    def pulse(self, slot: int, ms: int) -> None:
        """The board opens a lock."""
        self.pulsed[slot] = ms
        self.world.slots[slot - 1].pulse(ms)

    def answer(self, request: bytes) -> bytes:
        """What comes back on the line."""
        known = self.kerong(request) if self.kind == "kr-cu16" else self.modbus(request)
        return self.spoil(request, known)

    def bits(self, what: str) -> int:
        """A byte for the first eight slots."""
        read: dict[str, Callable[[Any], bool]] = {
            "doors": lambda slot: slot.door_closed,
            "latches": lambda slot: slot.locked,
            "packs": lambda slot: slot.present(),
        }
        return sum(bool(read[what](slot)) << i for i, slot in enumerate(self.world.slots[:8]))

    def kerong(self, request: bytes) -> bytes:
        """02 ADDRESS COMMAND 03 SUM; any order is answered with the hooks."""
        if len(request) != 5 or sum(request[:4]) & 0xFF != request[4] or request[1] >> 4 != 0:
            return b""
        if request[2] == 0x31:
            self.pulse((request[1] & 15) + 1, self.set_ms)
        body = bytes((2, request[1], 0x35, self.bits("latches"), 0xFF, 0, 0, 3))
        return body + bytes((sum(body) & 0xFF,))

    def modbus(self, request: bytes) -> bytes:
        """A lock board, and four with inputs."""
        if len(request) != 8 or crc16(request[:6]) != request[6] | request[7] << 8:
            return b""
        unit, function, start, value = request[0], request[1], request[2] << 8 | request[3], request[4] << 8 | request[5]
        if function == 2 and INPUTS <= unit < INPUTS + 3:
            return sealed(bytes((unit, 2, 1, self.bits(("doors", "latches", "packs")[unit - INPUTS]))))
        first, ms = (XUNMING_LOCK, value) if self.kind == "xunming" else (WAVESHARE_FLASH, value * 100)
        if unit != LOCKS:
            return b""
        if function == 5 and first <= start < first + 8:
            self.pulse(start - first + 1, ms)
            return request
        if function == 1 and start == (XUNMING_LOCK if self.kind == "xunming" else 0):
            on = sum((slot.pulse_left > 0) << i for i, slot in enumerate(self.world.slots[:8]))
            return sealed(bytes((unit, 1, 1, on if self.kind == "waveshare" else 0)))
        return sealed(bytes((unit, function | 0x80, 2)))
