"""Modbus RTU slaves on a pty, served by pymodbus: its framer, its request and response PDUs, its exceptions. CPython only.

Below pymodbus, a byte layer of our own is the wire: it keeps the pace of the baud rate, and applies the faults of a line.
"""

import asyncio
from pathlib import Path
from typing import Any, Protocol

from pymodbus.constants import ExcCodes
from pymodbus.exceptions import ModbusIOException, NoSuchIdException
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse

from plant import image
from plant.cabinet_world import World
from plant.rng import Rng
from plant.slot import Slot
from plant.wire_pty import PtyPort


class Registers(Protocol):
    """What the PDUs of pymodbus call on a datastore."""

    async def async_getValues(self, device_id: int, func_code: int, address: int, count: int = 1) -> "list[Any] | ExcCodes":
        """Read; raises NoSuchIdException where no device has this address."""
        ...

    async def async_setValues(self, device_id: int, func_code: int, address: int, values: list) -> "ExcCodes | None":
        """Write; None if done."""
        ...

    def fault(self, device_id: int) -> str:
        """What is wrong with the wire of this device."""
        ...

    def answered(self, device_id: int) -> None:
        """An answer of this device goes out that the controller can understand."""
        ...


class PackRegisters:
    """The packs of slots 1 .. modbus_slots, unit address = slot number."""

    def __init__(self, world: World) -> None:
        self.world = world

    def _slot(self, device_id: int) -> Slot:
        if not 1 <= device_id <= self.world.modbus_slots:
            raise NoSuchIdException
        slot = self.world.slots[device_id - 1]
        if not slot.talks:
            raise NoSuchIdException
        return slot

    async def async_getValues(self, device_id: int, func_code: int, address: int, count: int = 1) -> "list[Any] | ExcCodes":
        """Holding registers of a pack."""
        pack = self._slot(device_id).pack
        if func_code != 3 or pack is None:
            return ExcCodes.ILLEGAL_FUNCTION
        values = image.pack_registers(pack, address, count)
        return ExcCodes.ILLEGAL_ADDRESS if values is None else values

    async def async_setValues(self, device_id: int, func_code: int, address: int, values: list) -> "ExcCodes | None":
        """The nonce of a challenge."""
        pack = self._slot(device_id).pack
        if func_code != 16 or pack is None:
            return ExcCodes.ILLEGAL_FUNCTION
        return None if image.pack_write(pack, address, values) else ExcCodes.ILLEGAL_ADDRESS

    def answered(self, device_id: int) -> None:
        """An answer of this pack goes out that the controller can understand."""
        self.world.slots[device_id - 1].message_sent()

    def fault(self, device_id: int) -> str:
        """The fault of the slot, if it is one of the wire."""
        return self.world.faults.get(device_id, "")


class BoardRegisters:
    """The I/O boards, unit address 1, 2, ... for each eight slots."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults: dict[int, str] = {}

    def _check(self, device_id: int) -> None:
        if device_id < 1 or not image.board_slots(self.world, device_id):
            raise NoSuchIdException

    async def async_getValues(self, device_id: int, func_code: int, address: int, count: int = 1) -> "list[Any] | ExcCodes":
        """Inputs, temperatures, pulses left."""
        self._check(device_id)
        if func_code == 2:
            values = image.board_inputs(self.world, device_id)
        elif func_code == 4:
            values = image.board_temperatures(self.world, device_id)
        elif func_code in (3, 6):
            left = image.board_read_lock(self.world, device_id, address, count)
            return ExcCodes.ILLEGAL_ADDRESS if left is None else left
        else:
            return ExcCodes.ILLEGAL_FUNCTION
        if address + count > len(values):
            return ExcCodes.ILLEGAL_ADDRESS
        return values[address : address + count]

    async def async_setValues(self, device_id: int, func_code: int, address: int, values: list) -> "ExcCodes | None":
        """A lock pulse."""
        self._check(device_id)
        if func_code != 6:
            return ExcCodes.ILLEGAL_FUNCTION
        code = image.board_pulse(self.world, device_id, address, values[0])
        return ExcCodes(code) if code else None

    def fault(self, device_id: int) -> str:
        """The fault of a board."""
        return self.faults.get(device_id, "")

    def answered(self, device_id: int) -> None:
        """Answers of boards are not counted."""


class ModbusLine:
    """One RS485 line with many units on it."""

    TURNAROUND = 0.003  # s a slave takes before it answers
    GAP = 0.05  # s of silence after which half a request is forgotten (a pty has no finer clock than its reader)
    LATE = 0.6  # s that a late device takes
    BABBLE_EVERY = 2.5  # s between bursts of a babbling device, on average

    def __init__(self, link: Path, registers: Registers, baud: int, units: range, seed: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.port = PtyPort(link, self._received)
        self.registers = registers
        self.units = units
        self.rng = Rng(seed)
        self.byte_time = 10.0 / baud
        self.framer = FramerRTU(DecodePDU(True))
        self.requests = 0
        self.answers = 0
        self.garbage = 0
        self._buffer = b""
        self._last = 0.0
        self._free_at = 0.0  # when the line is idle again
        self._babble_at = 0.0
        self._tasks: set[asyncio.Task] = set()

    def _received(self, data: bytes) -> None:
        now = self.loop.time()
        if now - self._last > self.GAP:
            self._buffer = b""
        self._last = now
        self._buffer += data
        if len(self._buffer) > 1024:
            self._buffer = b""
            self.garbage += 1
            return
        try:
            used, pdu = self.framer.handleFrame(self._buffer, 0, 0)
        except ModbusIOException:
            self._buffer = b""
            self.garbage += 1
            return
        if pdu is None:
            if used:
                self.garbage += 1
            self._buffer = self._buffer[used:]
            return
        self._buffer = self._buffer[used:]
        self.requests += 1
        task = self.loop.create_task(self._answer(pdu))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, request: Any) -> None:
        unit = request.dev_id
        fault = self.registers.fault(unit)
        if unit == 0 or fault == "dead":
            return
        try:
            response = await request.datastore_update(self.registers, unit)
        except NoSuchIdException:
            return
        except (ModbusIOException, ValueError):
            response = ExceptionResponse(request.function_code, ExcCodes.ILLEGAL_VALUE)
        response.dev_id = unit
        response.transaction_id = 0
        frame = self.framer.buildFrame(response)
        delay = self.TURNAROUND
        if fault == "crc":
            frame = frame[:-2] + bytes((frame[-2] ^ 0x5A, frame[-1] ^ 0xA5))
        elif fault == "foreign":
            response.dev_id = unit % len(self.units) + 1
            frame = self.framer.buildFrame(response)
        elif fault == "babble":
            frame = self.rng.data(40 + self.rng.below(200))
        elif fault == "late":
            delay = self.LATE
        else:
            self.registers.answered(unit)
        self.answers += 1
        self._send(frame, delay)

    def _send(self, frame: bytes, delay: float) -> None:
        """The first byte after `delay`, the last when the baud rate lets it be. In two pieces, as a UART's FIFO hands them over."""
        start = max(self.loop.time() + delay, self._free_at)
        half = len(frame) // 2
        self._free_at = start + len(frame) * self.byte_time
        if half > 8:
            self.loop.call_at(start + half * self.byte_time, self.port.write, frame[:half])
            frame = frame[half:]
        self.loop.call_at(self._free_at, self.port.write, frame)

    async def idle(self) -> None:
        """Return when nothing more waits to be sent."""
        while self._tasks or self.loop.time() < self._free_at:
            await asyncio.sleep(max(0.0, self._free_at - self.loop.time()))

    def tick(self) -> None:
        """Called with every physics step: babbling devices babble."""
        now = self.loop.time()
        if now < self._babble_at:
            return
        self._babble_at = now + self.BABBLE_EVERY * self.rng.between(0.5, 1.5)
        for unit in self.units:
            if self.registers.fault(unit) == "babble":
                self._send(self.rng.data(4 + self.rng.below(24)), 0.0)

    def stats(self) -> dict:
        """Counters."""
        return {"requests": self.requests, "answers": self.answers, "garbage": self.garbage, "dropped": self.port.dropped}
