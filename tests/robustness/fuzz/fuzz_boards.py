"""Hostile bytes for chargers and lock boards of other makers: targets of fuzz_devices.py."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Any

from cabinet.bus.can_bus import CanBus
from cabinet.bus.crc16 import crc16
from cabinet.bus.kerong_bus import KerongBus
from cabinet.bus.modbus_bus import ModbusBus
from cabinet.devices.chargers.npb import NpbCharger
from cabinet.devices.io.kr_cu16 import KrCu16
from cabinet.devices.io.relay_boards import WaveshareBoard, XunmingBoard
from cabinet.devices.io.waveshare_inputs import WaveshareInputs

Mutate = Callable[[random.Random, bytes], bytes]


class HandClock:
    """Moved by hand."""

    us = 1_000_000

    def ticks_us(self) -> int:
        """See ports.Clock."""
        return self.us & 0x3FFFFFFF

    def ticks_ms(self) -> int:
        """See ports.Clock."""
        return (self.us // 1000) & 0x3FFFFFFF


class NpbTarget:
    """A charger that answers anything, and most often something like an answer."""

    bitrate = 250_000

    def __init__(self, source: random.Random) -> None:
        self.source = source
        self.clock: Any = HandClock()
        self.inbox: list[bytes] = []
        port: Any = self
        self.bus = CanBus("fuzz", port, self.clock)
        self.charger = NpbCharger(self.bus, 1, self.clock)
        self.kept = {0x00C2: 0x0400}

    def set_filters(self, filters: list) -> None:
        """See ports.CanPort."""

    def state(self) -> int:
        """See ports.CanPort."""
        return 0

    def send(self, can_id: int, extended: bool, data: bytearray) -> bool:
        """Remembers what it is told, and answers; sometimes something else."""
        source = self.source
        command = data[0] | data[1] << 8
        if len(data) == 4:
            self.kept[command] = data[2] | data[3] << 8
            return True
        value = self.kept.get(command, source.choice((0, 0, 40, 500, 5200, 0xFFFF, source.getrandbits(16))))
        answer = struct.pack("<HH", command, value)
        if source.random() < 0.2:
            answer = source.randbytes(source.randrange(9))
        self.inbox.append(answer)
        return True

    def recv(self, frame: Any) -> bool:
        """See ports.CanPort."""
        if not self.inbox:
            return False
        data = self.inbox.pop(0)
        frame.can_id, frame.extended, frame.length = 0x000C0001, True, len(data)
        frame.data[: len(data)] = data
        return True

    def round(self) -> int:
        """Two seconds."""
        source = self.source
        for _ in range(20):
            self.charger.set(source.choice((0, 54_600, 60_000, 900_000)), source.choice((0, 1, 5_000, 900_000)))
            self.bus.step()
            self.bus.step()
            self.clock.us += 105_000
        reading = self.charger.reading
        assert 0 <= reading.output_mv <= 150_000 and 0 <= reading.output_ma <= 150_000 and 0 <= reading.fault_bits <= 7
        assert reading.temp_ddegc is None or -600 <= reading.temp_ddegc <= 2000
        return 20


class _Line:
    """A line whose answers are mutated."""

    baud = 19200
    stream = None

    def __init__(self, source: random.Random, mutate: Mutate, reply: Callable[[bytes], bytes]) -> None:
        self.source, self.mutate, self.reply = source, mutate, reply
        self.answer = b""
        self.requests = 0

    def write(self, data: memoryview) -> int:
        """A request."""
        self.requests += 1
        self.answer = self.mutate(self.source, self.reply(bytes(data)))
        return len(data)

    def readinto(self, buf: bytearray) -> int:
        """The answer."""
        count = min(len(self.answer), len(buf))
        buf[:count] = self.answer[:count]
        self.answer = self.answer[count:]
        return count


class KerongTarget:
    """Two lock boards of which anything may come."""

    def __init__(self, source: random.Random, mutate: Mutate) -> None:
        self.source = source
        self.clock: Any = HandClock()
        self.line: Any = _Line(source, mutate, self.reply)
        self.bus = KerongBus("fuzz", self.line, self.clock)
        self.boards = [KrCu16(self.bus, number, self.clock) for number in (0, 15)]
        self.hooks = 0

    def reply(self, request: bytes) -> bytes:
        """A status."""
        self.hooks = self.source.getrandbits(16)
        body = bytes([2, request[1], 0x35, self.hooks & 255, self.hooks >> 8, 0, 0, 3])
        return body + bytes([sum(body) & 255])

    def round(self) -> int:
        """Some requests."""
        before = self.line.requests
        while self.line.requests - before < 20:
            if self.source.random() < 0.01:
                self.boards[0].pulse(self.source.randrange(-1, 18), self.source.randrange(-1, 3000))
            self.boards[0].fails = self.boards[1].fails = 0
            self.clock.us += max(self.bus.step(), 100)
        assert all(0 <= board.latches <= 0xFFFF for board in self.boards)
        return 20


class RelayTarget:
    """Relay boards and inputs on one Modbus line."""

    def __init__(self, source: random.Random, mutate: Mutate) -> None:
        self.source = source
        self.clock: Any = HandClock()
        self.line: Any = _Line(source, mutate, self.reply)
        self.bus = ModbusBus("fuzz", self.line, self.clock)
        self.boards = [XunmingBoard(self.bus, 1, self.clock), WaveshareBoard(self.bus, 2, self.clock)]
        self.inputs = WaveshareInputs(self.bus, 10, self.clock, 1)
        self.coils: list[int] = []

    def reply(self, request: bytes) -> bytes:
        """What the board would say."""
        if request[1] == 5:
            self.coils.append(request[4] << 8 | request[5])
            return request
        body = bytes([request[0], request[1], 1, self.source.getrandbits(8)])
        return body + struct.pack("<H", crc16(body, 0, len(body)))

    def round(self) -> int:
        """Some requests."""
        before = self.line.requests
        while self.line.requests - before < 20:
            board = self.source.choice(self.boards)
            if self.source.random() < 0.02:
                board.pulse(self.source.randrange(-1, 9), self.source.randrange(-1, 3000))
            for client in self.bus.clients:
                client.fails = 0
            self.clock.us += max(self.bus.step(), 100)
        assert all(0 < value <= 2000 for value in self.coils), "no lock is ever told on or off"
        self.coils.clear()
        return 20


def targets(source: random.Random, mutate: Mutate) -> list[Any]:
    """All of them."""
    return [NpbTarget(source), KerongTarget(source, mutate), RelayTarget(source, mutate)]
