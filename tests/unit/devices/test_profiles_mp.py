"""In steady state a pack with a profile allocates nothing, on whatever bus."""

import gc
import struct

from cabinet.bus.can_bus import CanBus
from cabinet.bus.framed_bus import FramedBus
from cabinet.devices.profiles import reader
from cabinet.devices.profiles.pack_can import ProfileCan
from cabinet.devices.profiles.pack_serial import ProfileSerial


class HandClock:
    us = 10000000

    def ticks_us(self):
        return self.us

    def ticks_ms(self):
        return self.us // 1000


class Port:
    bitrate = 250000
    stream = None

    def send(self, can_id, extended, data):
        return True

    def recv(self, frame):
        return False

    def set_filters(self, filters):
        pass

    def state(self):
        return 0


def profile(name):
    with open("build/profiles/%s.profile" % name, "rb") as file:
        return reader.read(file.read())


def allocated(work, rounds):
    """Bytes that `rounds` calls take with collection off, after as many to warm up."""
    for _ in range(rounds):
        work()
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for _ in range(rounds):
        work()
    after = gc.mem_alloc()
    gc.enable()
    return after - before


def test_frames_of_a_pack_on_can_take_no_memory():
    clock = HandClock()
    pack = ProfileCan(CanBus("can", Port(), clock), 7, clock, profile("swap-80"))
    pack.set_need(200)
    frames = [bytearray(b"\x01" + struct.pack("<HhBBx", 5280, -450, 64, 2)), bytearray(b"\x02" + struct.pack("<HBBHx", 0, 0, 97, 500))]
    for label in range(3, 8):
        frames.append(bytearray(bytes([label]) + struct.pack("<HHH", 3290, 3291, 3292) + b"\0"))
    frames.append(bytearray(b"\x08" + struct.pack("<H", 3293) + bytes(5)))
    for label in range(9, 12):
        frames.append(bytearray(bytes([label]) + (b"ABCDEF\0" if label < 11 else b"ABCD\0\0\0")))
    frames.append(bytearray(b"\x0d" + struct.pack("<HHH", 88, 1000, 2600) + b"\0"))
    frames.append(bytearray(b"\x0e" + struct.pack("<bbbbbB", 23, 20, 30, 30, 40, 0) + b"\0"))
    frames.append(bytearray(b"\x11" + struct.pack("<BBI", 0, 16, 26000) + b"\0"))

    def work():
        now = clock.ticks_ms()
        for frame in frames:
            pack.on_frame(0x00802107, frame, 8, now)
        pack.on_frame(0x00802107, frames[0], 8, now)
        pack.tick(now)
        clock.us += 100000

    taken = allocated(work, 300)
    assert pack.reading.taken_ms is not None and pack.fault == "", "whole readings come about"
    assert taken == 0, taken


class DalyLine:
    """Answers without making anything new."""

    baud = 9600
    stream = None

    def __init__(self):
        self.answers = {}
        for command, data in (
            (0x90, struct.pack(">HHHH", 528, 0, 30045, 640)), (0x91, struct.pack(">HBHBH", 3310, 1, 3290, 2, 0)),
            (0x92, bytes([63, 1, 60, 2, 0, 0, 0, 0])), (0x93, struct.pack(">BBBBI", 0, 1, 1, 9, 10000)),
            (0x94, struct.pack(">BBBBBHB", 16, 2, 0, 0, 0, 77, 0)), (0x98, bytes(8)), (0x50, struct.pack(">II", 30000, 3200)),
        ):
            body = bytes([0xA5, 1, command, 8]) + data
            self.answers[command] = body + bytes([sum(body) & 0xFF])
        self.answer = b""

    def write(self, data):
        self.answer = self.answers[data[2]]
        return len(data)

    def readinto(self, buf):
        answer = self.answer
        for index in range(len(answer)):
            buf[index] = answer[index]
        self.answer = b""
        return len(answer)


def test_exchanges_on_a_line_with_frames_of_its_own_take_no_memory():
    clock = HandClock()
    bus = FramedBus("packs", DalyLine(), clock)
    pack = ProfileSerial(bus, 1, clock, profile("daly-rs485"))
    pack.set_need(100)

    def work():
        wait = bus.step()
        clock.us += wait if wait > 100 else 100

    before = pack.stats.answers
    taken = allocated(work, 3000)
    assert pack.reading.pack_mv == 52800 and pack.reading.current_ma == -4500 and pack.stats.answers > before + 300
    assert taken == 0, taken
