"""Bytes allocated by 10,000 poll transactions with collection off, under MicroPython; and the CPU time of one."""

# pyright: basic, reportAttributeAccessIssue=false, reportArgumentType=false
# (runs under MicroPython: time, gc and asyncio have more to them there)

import gc
import json
import struct
import sys
import time

from cabinet.bus.crc16 import crc16
from cabinet.bus.modbus_bus import ModbusBus
from cabinet.devices.bms.pack_link_modbus import PackLinkModbus

PACKS = int(sys.argv[1]) if len(sys.argv) > 1 else 12
COUNT = 10_000


class HandClock:
    """Time as the bus wants it to pass."""

    us = 0

    def ticks_us(self):
        return self.us

    def ticks_ms(self):
        return self.us // 1000


class Line:
    """Answers from prepared frames; allocates nothing itself."""

    baud = 115200

    def __init__(self):
        self.answers = {}
        self.answer = None
        self.counter = 0

    def write(self, data):
        self.answer = self.answers[data[0] << 8 | data[2]]
        return len(data)

    def readinto(self, buf):
        answer = self.answer
        if answer is None:
            return 0
        self.answer = None
        size = len(answer)
        if answer[2] == 42:
            self.counter = (self.counter + 1) & 0xFF
            answer[4] = self.counter
            crc = crc16(answer, 0, size - 2)
            answer[size - 2] = crc & 0xFF
            answer[size - 1] = crc >> 8
        for i in range(size):
            buf[i] = answer[i]
        return size


def framed(body):
    crc = crc16(body, 0, len(body))
    return bytearray(body + bytes([crc & 0xFF, crc >> 8]))


def poll(clock, bus, count):
    end = bus.transactions + count
    while bus.transactions < end:
        clock.us = (clock.us + max(bus.step(), 20)) & 0x3FFFFFFF


def main():
    gc.collect()
    before = gc.mem_alloc()
    clock = HandClock()
    line = Line()
    bus = ModbusBus("packs", line, clock)
    gc.collect()
    bus_bytes = gc.mem_alloc() - before
    before = gc.mem_alloc()
    packs = [PackLinkModbus(bus, k + 1, clock) for k in range(PACKS)]
    gc.collect()
    pack_bytes = (gc.mem_alloc() - before) // PACKS
    for k in range(PACKS):
        unit = k + 1
        identity = struct.pack(">HHH16s8sHHHHHH6s", 0x5350, 0x100, 0, b"SERIAL-%d" % unit, b"MAKER", 1, 16, 5120, 3000, 1, 2, b"")
        status = struct.pack(
            ">HHIIiHHHHHhhhHHHHH", 1, 3, 0, 53_000, -100, 900, 980, 3300, 3310, 0x102, 250, 260, 270, 3000, 3000, 5840, 100, 2700
        )
        line.answers[unit << 8] = framed(bytes([unit, 3, 48]) + identity)
        line.answers[unit << 8 | 1] = framed(bytes([unit, 3, 42]) + status)
        packs[k].set_need(1)
    poll(clock, bus, 2000)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    began = time.ticks_us()
    poll(clock, bus, COUNT)
    took = time.ticks_diff(time.ticks_us(), began)
    allocated = gc.mem_alloc() - before
    for _ in range(10):  # the best of some: other processes disturb
        began = time.ticks_us()
        poll(clock, bus, COUNT // 10)
        took = min(took, 10 * time.ticks_diff(time.ticks_us(), began))
    gc.enable()
    good = all(pack.reading.pack_mv == 53_000 and not pack.fault for pack in packs)
    print(json.dumps({"bytes": allocated, "good": good, "us": took / COUNT, "bus_bytes": bus_bytes, "pack_bytes": pack_bytes}))


main()
