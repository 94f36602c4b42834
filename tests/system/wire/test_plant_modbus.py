"""The plant's RS485 lines as pymodbus's own client sees them."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from pathlib import Path

from pymodbus import ModbusException
from pymodbus.client import AsyncModbusSerialClient

from plant import proof
from plant.plant import Plant

PATIENT = 10.0  # s, for answers that must come, on a busy machine too
IMPATIENT = 0.3  # s, for answers that must not come


@contextlib.asynccontextmanager
async def a_plant(where: Path, slots: int = 12) -> AsyncIterator[Plant]:
    plant = Plant(where, slots, 1, 60.0)
    try:
        yield plant
    finally:
        plant.close()


@contextlib.asynccontextmanager
async def a_client(port: Path) -> AsyncIterator[AsyncModbusSerialClient]:
    client = AsyncModbusSerialClient(str(port), baudrate=115200, timeout=PATIENT, retries=0)
    assert await client.connect()
    try:
        yield client
    finally:
        client.close()


def occupied(plant: Plant) -> list[int]:
    return [s.number for s in plant.world.slots[: plant.world.modbus_slots] if s.pack is not None]


async def answers(client: AsyncModbusSerialClient, unit: int, within: float = PATIENT) -> bool:
    client.ctx.comm_params.timeout_connect = within
    try:
        result = await client.read_holding_registers(0x0100, count=24, device_id=unit)
    except ModbusException:
        return False
    return not result.isError()


def test_a_pack_tells_its_identity_and_its_state(tmp_path: Path) -> None:
    async def run() -> None:
        async with a_plant(tmp_path) as plant, a_client(tmp_path / "rs485-packs") as client:
            for unit in occupied(plant):
                pack = plant.world.slots[unit - 1].pack
                assert pack is not None
                identity = (await client.read_holding_registers(0, count=24, device_id=unit)).registers
                assert identity[:2] == [0x5350, 0x0100]
                assert struct.pack(">8H", *identity[3:11]).rstrip(b"\0").decode() == pack.serial
                assert identity[15] == pack.chemistry and identity[16] == pack.cells
                status = (await client.read_holding_registers(0x0100, count=24, device_id=unit)).registers
                volts = (status[4] << 16 | status[5]) / 1000
                assert abs(volts - pack.volts()) < 0.05
                cells = (await client.read_holding_registers(0x0140, count=32, device_id=unit)).registers
                assert abs(sum(cells) / 1000 - volts) < 0.2

    asyncio.run(run())


def test_a_pack_proves_itself_with_its_own_key_and_a_clone_fails(tmp_path: Path) -> None:
    async def mac_of(client: AsyncModbusSerialClient, unit: int, nonce: bytes) -> bytes:
        written = await client.write_registers(0x0200, list(struct.unpack(">16H", nonce)), device_id=unit)
        assert not written.isError()
        while True:
            answer = (await client.read_holding_registers(0x0210, count=17, device_id=unit)).registers
            if answer[0] != 1:
                assert answer[0] == 2
                return struct.pack(">16H", *answer[1:])

    async def run() -> None:
        async with a_plant(tmp_path) as plant, a_client(tmp_path / "rs485-packs") as client:
            unit = occupied(plant)[0]
            slot = plant.world.slots[unit - 1]
            assert slot.pack is not None
            nonce = bytes(range(32))
            key = proof.pack_key(proof.FLEET_MASTER, slot.pack.serial)
            assert await mac_of(client, unit, nonce) == proof.pack_mac(key, nonce, slot.pack.serial)
            slot.pack = plant.world.fleet.make("clone")
            key = proof.pack_key(proof.FLEET_MASTER, slot.pack.serial)
            assert await mac_of(client, unit, nonce) != proof.pack_mac(key, nonce, slot.pack.serial)

    asyncio.run(run())


def test_reads_outside_the_map_get_an_exception_and_empty_slots_are_silent(tmp_path: Path) -> None:
    async def run() -> None:
        async with a_plant(tmp_path) as plant, a_client(tmp_path / "rs485-packs") as client:
            unit = occupied(plant)[0]
            for address, count in ((0x0300, 1), (0x0118, 1), (0x0100, 65), (0x00FF, 4)):
                result = await client.read_holding_registers(address, count=count, device_id=unit)
                assert result.isError() and result.exception_code == 2
        async with a_plant(tmp_path) as plant, a_client(tmp_path / "rs485-packs") as client:
            unit = occupied(plant)[0]
            assert await answers(client, unit)
            plant.world.slots[unit - 1].pack = None
            assert not await answers(client, unit, IMPATIENT)

    asyncio.run(run())


def test_a_lock_pulse_opens_the_door_and_the_board_tells(tmp_path: Path) -> None:
    async def run() -> None:
        async with a_plant(tmp_path, 24) as plant, a_client(tmp_path / "rs485-io") as client:
            for board, channel in ((1, 2), (3, 7)):
                slot = (board - 1) * 8 + channel
                before = (await client.read_discrete_inputs(0, count=32, device_id=board)).bits
                assert before[channel] and before[8 + channel]
                assert before[16 + channel] == (plant.world.slots[slot].pack is not None)
                echo = await client.write_register(0x0100 + channel, 300, device_id=board)
                assert not echo.isError() and echo.registers == [300]
                inputs = before
                while inputs[channel]:
                    inputs = (await client.read_discrete_inputs(0, count=32, device_id=board)).bits
                assert not inputs[8 + channel]
                assert sum(not s.door_closed for s in plant.world.slots) == 1
                plant.world.slots[slot].shut()
            assert (await client.write_register(0x0100, 2001, device_id=1)).exception_code == 3
            assert (await client.write_register(0x0108, 100, device_id=1)).exception_code == 2
            temps = (await client.read_input_registers(0, count=9, device_id=1)).registers
            assert all(200 < t < 400 for t in temps)
            plant.world.set_danger("smoke", True)
            assert (await client.read_discrete_inputs(24, count=8, device_id=1)).bits[0]
            assert not (await client.read_discrete_inputs(24, count=8, device_id=2)).bits[0]

    asyncio.run(run())


def test_one_faulty_pack_leaves_its_neighbours_answering(tmp_path: Path) -> None:
    async def run() -> None:
        async with a_plant(tmp_path) as plant, a_client(tmp_path / "rs485-packs") as client:
            sick, *healthy = occupied(plant)
            for fault in ("dead", "crc", "foreign", "late"):
                plant.world.set_fault(sick, fault)
                assert not await answers(client, sick, IMPATIENT), fault
                await plant.packs_line.idle()  # a late answer must not meet the next request
                assert all([await answers(client, unit) for unit in healthy]), fault
            plant.world.set_fault(sick, "none")
            assert await answers(client, sick)

    asyncio.run(run())


def test_garbage_on_the_line_does_not_stop_the_slaves(tmp_path: Path) -> None:
    async def run() -> None:
        async with a_plant(tmp_path) as plant, a_client(tmp_path / "rs485-packs") as client:
            unit = occupied(plant)[0]
            for noise in (b"\x00" * 40, bytes(range(256)), b"\x01\x03\x01"):
                arrived = plant.packs_line.port.bytes_in + len(noise)
                client.ctx.send(noise)
                while plant.packs_line.port.bytes_in < arrived:
                    await asyncio.sleep(0)
                await asyncio.sleep(2 * plant.packs_line.GAP)  # the silence that ends a frame
                assert await answers(client, unit)

    asyncio.run(run())
