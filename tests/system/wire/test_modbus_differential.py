"""The Modbus master and its drivers beside pymodbus (as the slave's PDUs and framer) and umodbus (as the builder of requests)."""

from __future__ import annotations

import random
import struct
from typing import Any

from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse
from pymodbus.pdu.bit_message import ReadDiscreteInputsResponse
from pymodbus.pdu.register_message import ReadHoldingRegistersResponse, ReadInputRegistersResponse, WriteSingleRegisterResponse
from umodbus import functions  # type: ignore[import-not-found]

from cabinet.bus.modbus_bus import ModbusBus
from cabinet.bus.modbus_frame import READ_DISCRETE, READ_HOLDING, READ_INPUT
from cabinet.bus.polled_client import PolledClient
from cabinet.devices.bms.pack_link_modbus import PackLinkModbus
from cabinet.devices.io.slot_board import SlotBoard

IMAGES = 10_000


class HandClock:
    us = 1_000_000

    def ticks_us(self) -> int:
        return self.us & 0x3FFFFFFF

    def ticks_ms(self) -> int:
        return (self.us // 1000) & 0x3FFFFFFF


class PymodbusLine:
    """pymodbus decodes the request and encodes the answer; the bytes arrive at once."""

    baud = 115200
    stream = None

    def __init__(self) -> None:
        self.request_decoder = FramerRTU(DecodePDU(True))
        self.encoder = FramerRTU(DecodePDU(False))
        self.registers: dict[int, list[int]] = {}
        self.inputs: list[bool] = [False] * 32
        self.written: list[tuple[int, int]] = []
        self.refuse = False
        self.answer = b""
        self.requests: list[bytes] = []

    def write(self, data: memoryview) -> int:
        raw = bytes(data)
        self.requests.append(raw)
        used, pdu = self.request_decoder.handleFrame(raw, 0, 0)
        assert used == len(raw) and pdu is not None, "pymodbus takes the frame"
        self.answer = self.encoder.buildFrame(self.reply(pdu))
        return len(raw)

    def reply(self, pdu: Any) -> Any:
        unit = {"dev_id": pdu.dev_id}
        if self.refuse:
            return ExceptionResponse(pdu.function_code, exception_code=2, device_id=pdu.dev_id)
        if pdu.function_code == 2:
            return ReadDiscreteInputsResponse(bits=self.inputs[: pdu.count], **unit)
        if pdu.function_code == 6:
            self.written.append((pdu.address, pdu.registers[0]))
            return WriteSingleRegisterResponse(address=pdu.address, registers=pdu.registers, **unit)
        kind = ReadHoldingRegistersResponse if pdu.function_code == 3 else ReadInputRegistersResponse
        return kind(registers=self.registers[pdu.address][: pdu.count], **unit)

    def readinto(self, buf: bytearray) -> int:
        count = len(self.answer)
        buf[:count] = self.answer
        self.answer = b""
        return count


def signed(value: int) -> int:
    return value - 65536 if value & 0x8000 else value


def transact(clock: Any, bus: ModbusBus) -> None:
    before = bus.transactions
    while bus.transactions == before:
        clock.us += max(bus.step(), 20)


def words(text: bytes, size: int) -> list[int]:
    return list(struct.unpack(f">{size // 2}H", text.ljust(size, b"\0")))


def test_random_register_images_are_read_back_exactly() -> None:
    clock: Any = HandClock()
    line: Any = PymodbusLine()
    bus = ModbusBus("packs", line, clock)
    pack = PackLinkModbus(bus, 3, clock)
    source = random.Random(1)
    line.registers[0x0000] = [0x5350, 0x0100, 0, *words(b"SERIAL-1", 16), *words(b"MAKER", 8), 1, 16, 5120, 3000, 1, 2, 0, 0, 0]
    pack.set_need(5)
    transact(clock, bus)
    assert pack.reading.serial == "SERIAL-1"
    whole = 0
    counter = 0
    for _ in range(IMAGES):
        image = [source.randrange(65536) for _ in range(24)]
        counter = image[0] = (counter + 1) & 0xFFFF
        if source.random() < 0.9:
            image[2] &= 0x0FFF
            image[4] = source.randrange(15)
            image[6:8] = divmod(source.randrange(-900_000, 900_000) & 0xFFFFFFFF, 65536)
            image[8], image[9] = source.randrange(1001), source.randrange(1501)
            image[10] = source.randrange(6000)
            image[11] = source.randrange(image[10], 6001)
            low = source.randrange(-600, 2000)
            image[13], image[14] = low & 0xFFFF, source.randrange(low, 2001) & 0xFFFF
        line.registers[0x0100] = image
        pack.reading.taken_ms = None
        pack.fails = 0
        asked = len(line.requests)
        while len(line.requests) == asked or line.requests[-1][2] != 1:
            transact(clock, bus)
        r = pack.reading
        mv, ma = image[4] << 16 | image[5], signed(image[6]) * 65536 + image[7]
        plausible = (
            image[2] <= 0x0FFF and mv <= 1_000_000 and abs(ma) <= 1_000_000 and image[8] <= 1000 and image[9] <= 1500
            and image[10] <= image[11] <= 6000 and -600 <= signed(image[13]) <= signed(image[14]) <= 2000
        )  # fmt: skip
        if not plausible:
            assert r.taken_ms is None
            continue
        whole += 1
        assert r.taken_ms is not None
        assert (r.counter, r.state_bits, r.alarm_bits) == (image[0], image[1], image[2] << 16 | image[3])
        assert (r.pack_mv, r.current_ma, r.soc_pct, r.soh_pct) == (mv, ma, image[8] // 10, image[9] // 10)
        assert (r.cell_min_mv, r.cell_max_mv) == (image[10], image[11])
        assert (r.temp_min_ddegc, r.temp_max_ddegc) == (signed(image[13]), signed(image[14]))
        assert (r.charge_limit_ma, r.charge_limit_mv, r.cycles) == (image[16] * 10, image[18] * 10, image[19])
    assert whole > IMAGES // 2


def test_random_inputs_and_temperatures_are_read_back_exactly() -> None:
    clock: Any = HandClock()
    line: Any = PymodbusLine()
    bus = ModbusBus("io", line, clock)
    board = SlotBoard(bus, 1, clock, 1)
    cabinet = board.cabinet
    assert cabinet is not None
    source = random.Random(2)
    for _ in range(1000):
        line.inputs = [source.random() < 0.5 for _ in range(32)]
        temps = [source.randrange(-600, 2001) for _ in range(9)]
        line.registers[0] = [t & 0xFFFF for t in temps]
        clock.us += 2_100_000
        transact(clock, bus)
        transact(clock, bus)
        assert [s.door_closed for s in board.slots] == line.inputs[0:8]
        assert [s.lock_locked for s in board.slots] == line.inputs[8:16]
        assert [s.pack_present for s in board.slots] == line.inputs[16:24]
        assert cabinet.danger_bits == sum(1 << i for i in range(8) if line.inputs[24 + i])
        assert [cabinet.temp_ddegc, *(s.temp_ddegc for s in board.slots)] == temps


def test_a_pulse_reaches_pymodbus_as_it_was_meant() -> None:
    clock: Any = HandClock()
    line: Any = PymodbusLine()
    line.registers[0] = [0] * 9
    bus = ModbusBus("io", line, clock)
    board = SlotBoard(bus, 1, clock, 1)
    for channel in range(8):
        assert board.pulse(channel, 100 * (channel + 1))
        while board.urgent:
            transact(clock, bus)
    assert line.written == [(0x0100 + n, 100 * (n + 1)) for n in range(8)]


def test_an_exception_of_pymodbus_is_named() -> None:
    clock: Any = HandClock()
    line: Any = PymodbusLine()
    line.refuse = True
    bus = ModbusBus("packs", line, clock)
    pack = PackLinkModbus(bus, 3, clock)
    pack.set_need(5)
    for _ in range(4):
        transact(clock, bus)
    assert pack.fault == "exception" and pack.stats.exceptions >= 3


def test_requests_are_those_that_umodbus_builds() -> None:
    clock: Any = HandClock()
    line: Any = PymodbusLine()
    bus = ModbusBus("any", line, clock)
    unit = PolledClient(bus, 7, "unit 7")
    source = random.Random(3)
    for _ in range(300):
        start, count, value = source.randrange(65000), source.randrange(1, 126), source.randrange(65536)
        data = source.randbytes(2 * source.randrange(1, 20))
        registers = list(struct.unpack(f">{len(data) // 2}H", data))
        cases: tuple[tuple[Any, Any, bytes], ...] = (
            (bus.read, (READ_HOLDING, start, count), functions.read_holding_registers(start, count)),
            (bus.read, (READ_INPUT, start, count), functions.read_input_registers(start, count)),
            (bus.read, (READ_DISCRETE, start, count), functions.read_discrete_inputs(start, count)),
            (bus.write_register, (start, value), functions.write_single_register(start, value, False)),
            (bus.write_registers, (start, data), functions.write_multiple_registers(start, registers, False)),
        )
        for ours, arguments, theirs in cases:
            ours(*arguments)
            assert bytes(bus.tx[1 : bus._tx_len]) == theirs
    assert unit.stats.requests == 0
