"""Relay boards served by pymodbus: its framer and PDUs read the orders and answer the questions."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.bit_message import ReadCoilsResponse, ReadDiscreteInputsResponse, WriteSingleCoilRequest, WriteSingleCoilResponse

from cabinet.bus.modbus_bus import ModbusBus
from cabinet.devices.io.relay_boards import WaveshareBoard, XunmingBoard
from cabinet.devices.io.waveshare_inputs import WaveshareInputs


class TimedCoil(WriteSingleCoilRequest):
    """Function 5 as these boards use it: the value is a time."""

    def decode(self, data: bytes) -> None:
        """Address and value, whatever it is."""
        self.address, self.value = struct.unpack(">HH", data)


class TimedCoilDone(WriteSingleCoilResponse):
    """Repeats the order."""

    value = 0

    def encode(self) -> bytes:
        """Address and value."""
        return struct.pack(">HH", self.address, self.value)


class HandClock:
    us = 1_000_000

    def ticks_us(self) -> int:
        return self.us & 0x3FFFFFFF

    def ticks_ms(self) -> int:
        return (self.us // 1000) & 0x3FFFFFFF


class Line:
    """The boards of one line, behind pymodbus."""

    baud = 9600
    stream = None

    def __init__(self) -> None:
        decoder = DecodePDU(True)
        decoder.register(TimedCoil)
        self.decoder = FramerRTU(decoder)
        self.encoder = FramerRTU(DecodePDU(False))
        self.orders: list[tuple[int, int, int]] = []
        self.inputs: dict[int, list[bool]] = {}
        self.answer = b""

    def write(self, data: memoryview) -> int:
        """One request."""
        used, pdu = self.decoder.handleFrame(bytes(data), 0, 0)
        assert used == len(data) and pdu is not None, "pymodbus takes the frame"
        self.answer = self.encoder.buildFrame(self.reply(pdu))
        return len(data)

    def reply(self, pdu: Any) -> Any:
        """What the board answers."""
        if pdu.function_code == 5:
            self.orders.append((pdu.dev_id, pdu.address, pdu.value))
            done = TimedCoilDone(address=pdu.address, dev_id=pdu.dev_id)
            done.value = pdu.value
            return done
        if pdu.function_code == 1:
            return ReadCoilsResponse(bits=[False] * pdu.count, dev_id=pdu.dev_id)
        return ReadDiscreteInputsResponse(bits=self.inputs[pdu.dev_id][: pdu.count], dev_id=pdu.dev_id)

    def readinto(self, buf: bytearray) -> int:
        """What it answered."""
        count = len(self.answer)
        buf[:count] = self.answer
        self.answer = b""
        return count


def bench() -> tuple[Any, Any, ModbusBus]:
    clock: Any = HandClock()
    line: Any = Line()
    return clock, line, ModbusBus("locks", line, clock)


def run(clock: Any, bus: ModbusBus, ms: int) -> None:
    end = clock.us + ms * 1000
    while clock.us < end:
        clock.us += max(bus.step(), 100)


XUNMING = [(7, 101 + n, 300 + n) for n in range(8)]
WAVESHARE = [(7, 0x200 + n, 3 if n == 0 else 4) for n in range(8)]


@pytest.mark.parametrize(("made", "orders"), [(XunmingBoard, XUNMING), (WaveshareBoard, WAVESHARE)])
def test_each_pulse_is_one_order_that_pymodbus_reads(made: Any, orders: list) -> None:
    clock, line, bus = bench()
    board = made(bus, 7, clock)
    for channel in range(8):
        assert board.pulse(channel, 300 + channel)
        run(clock, bus, 400)
    assert line.orders == orders
    assert board.fault == "" and board.pulses_failed == 0 and board.stats.answers >= 8


def test_the_boards_with_inputs_are_read_bit_by_bit() -> None:
    clock, line, bus = bench()
    device = WaveshareInputs(bus, 20, clock, 1)
    for k in range(32):
        line.inputs = {20 + unit: [unit * 8 + bit == k for bit in range(8)] for unit in range(4)}
        run(clock, bus, 500)
        slots, cabinet = device.inputs.slots, device.inputs.cabinet
        assert cabinet is not None
        seen = [s.door_closed for s in slots] + [s.lock_locked for s in slots] + [s.pack_present for s in slots]
        seen += [bool(cabinet.danger_bits >> bit & 1) for bit in range(8)]
        assert seen == [bit == k for bit in range(32)]
