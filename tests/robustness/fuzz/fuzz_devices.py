"""Hostile bytes into every decoder and frame parser of the field buses: no exception gets out, nothing implausible gets in.

`python tests/robustness/fuzz/fuzz_devices.py --count 10000000 --seed 1` runs as long as it takes; test_fuzz_devices.py runs a sample.
"""

from __future__ import annotations

import argparse
import random
import struct
import sys
from collections.abc import Callable
from typing import Any

import fuzz_boards
import fuzz_profiles
from slcan import SlcanPort

from cabinet.bus import isotp
from cabinet.bus.can_bus import CanBus
from cabinet.bus.crc16 import crc16
from cabinet.bus.modbus_bus import ModbusBus
from cabinet.core.reading import PackReading
from cabinet.devices.bms.pack_link_can import PackLinkCan
from cabinet.devices.bms.pack_link_modbus import PackLinkModbus
from cabinet.devices.chargers.elcon import ElconCharger
from cabinet.devices.io.kiosk import KioskLine
from cabinet.devices.io.slot_board import SlotBoard

PACK_RANGES = {
    "pack_mv": (0, 1_000_000), "current_ma": (-1_000_000, 1_000_000), "soc_pct": (0, 100), "soh_pct": (0, 150),
    "cell_min_mv": (0, 6000), "cell_max_mv": (0, 6000), "temp_min_ddegc": (-600, 2000), "temp_max_ddegc": (-600, 2000),
    "charge_limit_ma": (0, 655_350), "charge_limit_mv": (0, 655_350), "cycles": (0, 65_535), "cell_count": (0, 32),
    "chemistry": (0, 2), "nominal_mv": (0, 655_350), "capacity_mah": (0, 655_350), "alarm_bits": (0, (1 << 28) - 1),
}  # fmt: skip


class HandClock:
    """Moved by hand."""

    us = 10_000_000

    def ticks_us(self) -> int:
        """Microseconds."""
        return self.us & 0x3FFFFFFF

    def ticks_ms(self) -> int:
        """Milliseconds."""
        return (self.us // 1000) & 0x3FFFFFFF


class Bytes:
    """A line that says what it was given; takes everything."""

    baud = 115200
    bitrate = 250_000
    stream = None

    def __init__(self, answer: Callable[[bytes], bytes] | None = None) -> None:
        self.data = b""
        self.answer = answer

    def write(self, data: Any) -> int:
        """To the other end."""
        if self.answer:
            self.data += self.answer(bytes(data))
        return len(data)

    def readinto(self, buf: bytearray) -> int:
        """What there is."""
        count = min(len(buf), len(self.data))
        buf[:count] = self.data[:count]
        self.data = self.data[count:]
        return count


def check_pack(reading: PackReading) -> None:
    """Whatever came, a reading is within the documented ranges."""
    for name, (low, high) in PACK_RANGES.items():
        assert low <= getattr(reading, name) <= high, name
    assert reading.cell_min_mv <= reading.cell_max_mv and reading.temp_min_ddegc <= reading.temp_max_ddegc
    assert len(reading.serial) <= 16 and all("!" <= c <= "~" for c in reading.serial + reading.maker)
    if reading.taken_ms is not None:
        assert reading.identity_taken_ms is not None and reading.serial, "no status of somebody unknown"


def mutated(source: random.Random, data: bytes) -> bytes:
    """The frame, a damaged frame, or something else altogether."""
    kind = source.randrange(8)
    if kind == 0:
        return source.randbytes(source.randrange(80))
    if kind == 1 and data:
        at = source.randrange(len(data))
        return data[:at] + source.randbytes(1) + data[at + 1 :]
    if kind == 2:
        return data[: source.randrange(len(data) + 1)]
    if kind == 3:
        return source.randbytes(source.randrange(20)) + data
    if kind == 4:
        return data + source.randbytes(source.randrange(20))
    if kind == 5:
        return data + data
    return data


def framed(body: bytes) -> bytes:
    """With its check value."""
    return body + struct.pack("<H", crc16(body, 0, len(body)))


class ModbusTarget:
    """Packs and a slot board whose lines say anything: valid frames with random contents among them."""

    def __init__(self, source: random.Random) -> None:
        self.source = source
        self.clock: Any = HandClock()
        line: Any = Bytes(self.reply)
        self.bus = ModbusBus("fuzz", line, self.clock)
        self.packs = [PackLinkModbus(self.bus, unit, self.clock) for unit in (1, 2)]
        self.board = SlotBoard(self.bus, 3, self.clock, 1)
        self.frames = 0
        self.wake()

    def wake(self) -> None:
        """Wanted again, now and then after having been forgotten."""
        for pack in self.packs:
            if self.source.random() < 0.2:
                pack.set_need(0)
            pack.set_need(5)
            pack.fails = 0
            if self.source.random() < 0.3:
                pack.start_proof(self.source.randbytes(32))
        self.board.fails = 0
        self.board.pulse(self.source.randrange(-1, 10), self.source.randrange(-5, 2500))

    def registers(self, start: int, count: int) -> bytes:
        """Mostly what a pack might say, with some words of chance."""
        if start == 0:
            serial = b"SERIAL".ljust(16, b"\0")
            if self.source.random() < 0.3:
                serial = bytes(self.source.choice(b"AB12\x00") for _ in range(16))
            regs = bytearray(struct.pack(">HHH16s8sHHHHHH6s", 0x5350, 0x100, 0, serial, b"MAKER", 1, 16, 5120, 3000, 1, 2, b""))
        else:
            regs = bytearray(
                struct.pack(
                    ">HHIIiHHHHHhhhHHHHH6s",
                    self.frames & 0xFFFF, 3, 0, 53_000, -100, 900, 980, 3300, 3310, 0x102, 250, 260, 270, 3000, 3000, 5840, 100, 2700, b"",
                )
            )  # fmt: skip
        for _ in range(self.source.randrange(3)):
            struct.pack_into(">H", regs, 2 * self.source.randrange(len(regs) // 2), self.source.choice((0, 1, 0x7FFF, 0x8000, 0xFFFF, 300)))
        return bytes(regs[: 2 * count].ljust(2 * count, b"\x01"))

    def reply(self, request: bytes) -> bytes:
        """The answer that the frame deserves, then mutated."""
        self.frames += 1
        unit, function, start, count = struct.unpack(">BBHH", request[:6])
        if self.source.random() < 0.05:
            unit = self.source.randrange(256)
        if function == 2:
            body = bytes([unit, 2, 4]) + self.source.randbytes(4)
        elif function in (3, 4):
            body = bytes([unit, function, 2 * count]) + self.registers(start, count)
        else:
            body = bytes([unit]) + request[1:6]
        if self.source.random() < 0.05:
            body = bytes([unit, function | 0x80, self.source.randrange(256)])
        return mutated(self.source, framed(body))

    def round(self) -> int:
        """Some transactions; how many frames they were."""
        before = self.frames
        self.wake()
        while self.frames - before < 20:
            self.clock.us += max(self.bus.step(), 100)
            for pack in self.packs:
                pack.proof_over(self.clock.ticks_ms())
        for pack in self.packs:
            check_pack(pack.reading)
        for slot in self.board.slots:
            assert slot.temp_ddegc is None or -600 <= slot.temp_ddegc <= 2000
        return self.frames - before


class CanTarget:
    """Packs and chargers behind an slcan adapter that says anything."""

    def __init__(self, source: random.Random) -> None:
        self.source = source
        self.clock: Any = HandClock()
        self.line: Any = Bytes()
        self.bus = CanBus("fuzz", SlcanPort(self.line, 250_000), self.clock)
        self.pack = PackLinkCan(self.bus, 9, self.clock)
        self.charger = ElconCharger(self.bus, 0xA9, self.clock)
        self.part = 0
        self.counter = 0

    def frame(self) -> bytes:
        """One line of the adapter."""
        source = self.source
        function = source.choice((0x10, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x16))
        can_id = 0x18FF0009 | function << 8
        self.counter = (self.counter + 1) & 0xFF
        data = {
            0x10: struct.pack("<BBHhBB", self.counter, 3, 5120, -450, 64, 97), 0x11: struct.pack("<HHHH", 1500, 5460, 3000, 88),
            0x12: struct.pack("<HHBBH", 3920, 3951, 2, 5, 0), 0x13: struct.pack("<hhhBB", -30, 255, 310, 4, 0),
            0x14: struct.pack("<II", 0, 15_000),
        }.get(function, b"\0\x08\x0f\x08\x0f\x08\x0f\0")  # fmt: skip
        if function == 0x16:
            what = (struct.pack("<HBBHB", 0x5350, 2, 13, 4680, 1), struct.pack("<HHBBB", 2600, 9, 0, 0, 0))
            data = bytes([self.part]) + (*what, b"SERIAL-", b"000001\0", bytes(7), b"MAKER\0\0", bytes(7))[self.part]
            self.part = (self.part + 1) % 7
        if source.random() < 0.1:
            can_id = source.choice((0x18FF50A9, 0x18DAF409, source.getrandbits(29)))
            data = source.randbytes(8)
        if source.random() < 0.15:
            at = source.randrange(8)
            data = data[:at] + source.choice((b"\0", b"\xff", b"\x7f", b"\x80", source.randbytes(1))) + data[at + 1 :]
        if source.random() < 0.03:
            data = data[: source.randrange(9)]
        line = f"T{can_id:08X}{len(data)}{data.hex().upper()}\r".encode()
        return mutated(source, line) if source.random() < 0.2 else line

    def round(self) -> int:
        """Some frames."""
        if self.source.random() < 0.1:
            self.pack.set_need(0)
        self.pack.set_need(200)
        self.line.data = b"".join(self.frame() for _ in range(40))
        for _ in range(4):
            self.bus.step()
            self.clock.us += 30_000
        if self.line.data:
            self.bus.step()
        check_pack(self.pack.reading)
        charger = self.charger.reading
        assert 0 <= charger.output_mv <= 6_553_500 and 0 <= charger.output_ma <= 6_553_500 and 0 <= charger.fault_bits <= 0x1F
        return 40


class IsoTpTarget:
    """An exchange in which the peer sends anything."""

    def __init__(self, source: random.Random) -> None:
        self.source = source
        self.clock: Any = HandClock()
        port: Any = CanTarget(source).bus.port
        self.bus = CanBus("fuzz", port, self.clock)
        self.tp = isotp.IsoTp(self.bus, 0x18DA09F4)

    def round(self) -> int:
        """One exchange."""
        source = self.source
        self.tp.start(source.randbytes(source.randrange(0, 70)), self.clock.ticks_ms())
        for k in range(20):
            data = bytearray(source.randbytes(8))
            data[0] = source.choice((0x30, 0x31, 0x32, 0x10, 0x20 | k & 15, 0x21, 0x05, data[0]))
            if data[0] == 0x10:
                data[1] = source.choice((33, 64, 65, 255))
            self.tp.on_frame(data, source.choice((8, 8, 8, source.randrange(9))), self.clock.ticks_ms())
            self.tp.tick(self.clock.ticks_ms())
            self.bus.step()
            self.clock.us += 10_000
        assert 0 <= self.tp.length <= isotp.MESSAGE_MAX
        self.tp.stop()
        return 20


class KioskTarget:
    """A terminal that types anything."""

    def __init__(self, source: random.Random) -> None:
        self.source = source
        self.line: Any = Bytes()
        self.kiosk = KioskLine(self.line)

    def round(self) -> int:
        """Some lines."""
        source = self.source
        for _ in range(20):
            noise = source.randbytes(source.randrange(300))
            self.line.data += source.choice((b"T:good\n", b"T:\n", b"\n", b"T:" + noise + b"\n", noise[:30]))
        while self.line.data:
            token = self.kiosk.take()
            assert token is None or (0 < len(token) <= 128 and all("!" <= c <= "~" for c in token))
        return 20


def run(count: int, seed: int) -> dict[str, int]:
    """About `count` frames over all targets; how many each got."""
    source = random.Random(seed)
    targets: list[Any] = [ModbusTarget(source), CanTarget(source), IsoTpTarget(source), KioskTarget(source)]
    targets += fuzz_profiles.targets(source, mutated)
    targets += fuzz_boards.targets(source, mutated)
    done = dict.fromkeys((type(target).__name__ for target in targets), 0)
    while sum(done.values()) < count:
        for target in targets:
            done[type(target).__name__] += target.round()
    packs = targets[0].packs[0].stats.answers, targets[1].pack.stats.answers  # type: ignore[union-attr]
    assert count < 5000 or min(packs) > 0, "whole readings came about"
    return done


def main() -> int:
    """Rows of what was run."""
    from swapcab.rows import Row, publish

    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    done = run(given.count, given.seed)
    rows = [Row(f"{name}: frames", count, "") for name, count in done.items()]
    rows.append(Row("escapes", 0, "", "0", True))
    return 0 if publish(rows, "field bus fuzz", "fuzz-devices") else 1


if __name__ == "__main__":
    sys.exit(main())
