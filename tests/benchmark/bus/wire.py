"""A Modbus RTU wire on a pty, as slow as the real one: `python wire.py BAUD DEAD...`; its name goes to stdout, its measurements too.

A request takes its characters' time (10 bits each), the unit thinks for 5 ms, the answer's last byte is handed over when it
would have left the wire. Measured is what the master does to the standard: the pause between the end of a frame and the
beginning of the next, as it stood on the wire.
"""

from __future__ import annotations

import json
import os
import select
import statistics
import struct
import sys
import time
import tty

THINK_S = 0.005
PIECE = 16
UNITS = 12
REGISTERS = 40


def crc16(data: bytes) -> bytes:
    """The slow way: nothing in common with the firmware's."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return struct.pack("<H", crc)


def until(instant: float) -> None:
    """Sleep, then look at the clock for the last bit."""
    while True:
        left = instant - time.perf_counter()
        if left <= 0:
            return
        if left > 0.0003:
            time.sleep(left - 0.0002)


class Wire:
    """Keeps the time and the count."""

    def __init__(self, baud: int, dead: set[int]) -> None:
        self.char_s = 10 / baud
        self.gap_s = max(3.5 * self.char_s, 0.00175) if baud > 19200 else 3.5 * self.char_s
        self.dead = dead
        self.free_at = 0.0  # when the last frame ended
        self.asked_at = 0.0
        self.periods: list[float] = []  # from one request to the next
        self.frames = 0
        self.short = 0
        self.late_s = 0.0  # what this process itself came too late

    def request(self, master: int, data: bytes) -> None:
        """One request; blocks until its answer is out."""
        now = time.perf_counter()
        if self.frames:
            gap = now - self.free_at
            self.short += gap < self.gap_s
            self.periods.append(now - self.asked_at)
        self.asked_at = now
        self.frames += 1
        end = now + len(data) * self.char_s
        self.free_at = end
        if len(data) != 8 or data[0] in self.dead or data[0] > UNITS or crc16(data[:6]) != data[6:]:
            return
        count = struct.unpack(">H", data[4:6])[0]
        body = bytes([data[0], 3, 2 * count]) + bytes(range(2 * count))
        answer = body + crc16(body)
        start = end + THINK_S
        for at in range(0, len(answer), PIECE):
            piece = answer[at : at + PIECE]
            until(start + (at + len(piece)) * self.char_s)
            os.write(master, piece)
        self.free_at = start + len(answer) * self.char_s
        self.late_s += time.perf_counter() - self.free_at


def main() -> None:
    """Serve until stdin ends."""
    wire = Wire(int(sys.argv[1]), {int(unit) for unit in sys.argv[2:]})
    master, slave = os.openpty()
    tty.setraw(slave)
    print(os.ttyname(slave), flush=True)
    while True:
        ready, _, _ = select.select([master, sys.stdin], [], [])
        if master in ready:
            wire.request(master, os.read(master, 256))
        elif sys.stdin in ready:
            break
    median = statistics.median(wire.periods) if wire.periods else 0.0
    print(json.dumps({"frames": wire.frames, "short": wire.short, "median_s": median, "late_s": wire.late_s}), flush=True)


if __name__ == "__main__":
    main()
