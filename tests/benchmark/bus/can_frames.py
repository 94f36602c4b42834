"""CPU of one CAN frame from the port to the reading, beside a plain struct.unpack decoder of the same frames; under MicroPython."""

# pyright: basic, reportAttributeAccessIssue=false, reportArgumentType=false
# (runs under MicroPython: time, gc and asyncio have more to them there)

import gc
import json
import struct
import time

from cabinet.bus.can_bus import CanBus
from cabinet.core.reading import PackReading
from cabinet.devices.bms.pack_link_can import PackLinkCan

PACKS = 24
ROUNDS = 40


class HandClock:
    """Moved by hand."""

    ms = 0

    def ticks_ms(self):
        return self.ms


class Port:
    """Hands out prepared frames; a bounded queue like a controller's."""

    bitrate = 1_000_000
    stream = None

    def __init__(self, frames):
        self.frames = frames
        self.at = 0

    def recv(self, frame):
        if self.at >= len(self.frames):
            return False
        frame.can_id, data = self.frames[self.at]
        self.at += 1
        frame.extended = True
        frame.length = 8
        kept = frame.data
        for i in range(8):
            kept[i] = data[i]
        return True

    def send(self, can_id, extended, data):
        return True

    def set_filters(self, filters):
        """Everything comes through."""

    def state(self):
        return 0


def second(number):
    """What 24 packs say in a second: 23 frames each."""
    frames = []
    for step in range(5):
        for node in range(1, PACKS + 1):
            counter = (number * 5 + step) & 0xFF
            frames.append((0x18FF1000 | node, struct.pack("<BBHhBB", counter, 3, 5120, -450, 64, 97)))
            if step % 2 == 0:
                frames.append((0x18FF1100 | node, struct.pack("<HHHH", 1500, 5460, 3000, 88)))
                frames.append((0x18FF1200 | node, struct.pack("<HHBBH", 3920, 3951, 2, 5, 0)))
                frames.append((0x18FF1300 | node, struct.pack("<hhhBB", -30, 255, 310, 4, 0)))
                frames.append((0x18FF1400 | node, struct.pack("<II", 0, 15_000)))
            frames.append((0x18FF1500 | node, struct.pack("<BHHHB", step, 3900, 3901, 3902, 0)))
    return frames


class Plain:
    """What a user would write: a dict of handlers, struct.unpack, attributes; no ranges, no ages, no identity."""

    def __init__(self, node):
        self.reading = PackReading()
        self.cells = [0] * 33
        base = 0x18FF1000 | node
        self.handlers = {base: self.status, base | 0x100: self.limits, base | 0x200: self.cell, base | 0x300: self.temperature,
                         base | 0x400: self.alarm, base | 0x500: self.group}  # fmt: skip

    def status(self, data):
        r = self.reading
        r.counter, r.state_bits, voltage, current, r.soc_pct, r.soh_pct = struct.unpack("<BBHhBB", data)
        r.pack_mv = voltage * 10
        r.current_ma = current * 10

    def limits(self, data):
        r = self.reading
        current, voltage, _, r.cycles = struct.unpack("<HHHH", data)
        r.charge_limit_ma = current * 10
        r.charge_limit_mv = voltage * 10

    def cell(self, data):
        self.reading.cell_min_mv, self.reading.cell_max_mv, _, _, _ = struct.unpack("<HHBBH", data)

    def temperature(self, data):
        self.reading.temp_min_ddegc, self.reading.temp_max_ddegc, _, _, _ = struct.unpack("<hhhBB", data)

    def alarm(self, data):
        self.reading.alarm_bits, _ = struct.unpack("<II", data)

    def group(self, data):
        group, a, b, c, _ = struct.unpack("<BHHHB", data)
        self.cells[3 * group : 3 * group + 3] = [a, b, c]


def ours():
    clock = HandClock()
    port = Port([])
    bus = CanBus("bench", port, clock)
    packs = [PackLinkCan(bus, node, clock) for node in range(1, PACKS + 1)]
    for pack in packs:
        pack.set_need(200)
        pack.reading.identity_taken_ms = 0
        pack.reading.serial = "X"
    bus.step()  # the acceptance filters are set
    count = allocated = 0
    best = 1e9  # other processes disturb some rounds
    for number in range(ROUNDS):
        clock.ms += 1000
        port.frames = second(number)
        port.at = 0
        gc.collect()
        gc.disable()
        before = gc.mem_alloc()
        began = time.ticks_us()
        while port.at < len(port.frames):
            bus.step()
        took = time.ticks_diff(time.ticks_us(), began)
        if number:  # counters take their room when they count for the first time
            allocated += gc.mem_alloc() - before
        gc.enable()
        best = min(best, took / len(port.frames))
        count += len(port.frames)
    lost = count - bus.received
    good = all(pack.reading.pack_mv == 51_200 and pack.reading.temp_max_ddegc == 255 for pack in packs)
    return best, count // ROUNDS, lost, good, allocated


def plain():
    handlers = {}
    for node in range(1, PACKS + 1):
        handlers.update(Plain(node).handlers)
    best = 1e9

    class Frame:
        data = bytearray(8)
        can_id = 0
        extended = True
        length = 8

    frame = Frame()
    for number in range(ROUNDS):
        port = Port(second(number))
        gc.collect()
        began = time.ticks_us()
        while port.recv(frame):
            handler = handlers.get(frame.can_id)
            if handler:
                handler(frame.data)
        best = min(best, time.ticks_diff(time.ticks_us(), began) / len(port.frames))
    return best


us, rate, lost, good, allocated = ours()
print(json.dumps({"us": us, "plain_us": plain(), "rate": rate, "lost": lost, "good": good, "bytes": allocated}))
