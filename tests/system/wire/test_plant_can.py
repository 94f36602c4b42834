"""The plant's CAN bus as python-can's slcan interface, cantools and can-isotp see it."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import can
import isotp
from patience import PATIENCE_S

from plant import image, proof
from plant.plant import Plant
from plant.wire_can import HOST, load


@contextlib.contextmanager
def a_plant(where: Path, slots: int = 12) -> Iterator[Plant]:
    """A plant with its event loop in a thread of its own, since python-can blocks."""
    made: list[Plant] = []
    ready, end = Event(), Event()

    async def run() -> None:
        made.append(Plant(where, slots, 1, 60.0))
        ready.set()
        while not end.is_set():
            await asyncio.sleep(0.02)
        made[0].close()

    thread = Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert ready.wait(PATIENCE_S)
    try:
        yield made[0]
    finally:
        end.set()
        thread.join()


def open_bus(where: Path) -> can.BusABC:
    return can.Bus(interface="slcan", channel=str(where / "can-1"), bitrate=250000, sleep_after_open=0.0, timeout=0.05)


def receive_until(bus: can.BusABC, done: Callable[[can.Message], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        message = bus.recv(1.0)
        if message is not None and done(message):
            return
    raise AssertionError("what was awaited did not come")


def test_python_can_receives_whole_packs_that_cantools_can_read(tmp_path: Path) -> None:
    with a_plant(tmp_path) as plant, open_bus(tmp_path) as bus:
        slot = next(s for s in plant.world.slots[plant.world.modbus_slots :] if s.pack is not None)
        pack = slot.pack
        assert pack is not None
        database = load("pack_link.dbc")
        seen: dict = {}

        def whole(message: can.Message) -> bool:
            if message.arbitration_id & 0xFFFF80FF == 0x18FF0000 | slot.number:
                assert message.is_extended_id
                seen.update(database.decode_message(message.arbitration_id & ~0xFF, bytes(message.data)))
            cells = all(f"Cell{n + 1}" in seen for n in range(pack.cells))
            serial = all(f"Serial{n}" in seen for n in range(16))
            return cells and serial and {"Alarms", "TempMin", "Magic", "Chemistry", "Voltage"} <= set(seen)

        receive_until(bus, whole)
        assert bytes(seen[f"Serial{n}"] for n in range(16)).rstrip(b"\0").decode() == pack.serial
        assert abs(float(seen["Voltage"]) - pack.volts()) < 0.1
        assert abs(sum(float(seen[f"Cell{n + 1}"]) for n in range(pack.cells)) - pack.volts()) < 0.2
        assert seen["Magic"] == 0x5350 and str(seen["Chemistry"]) in ("LFP", "NMC")


def test_a_charger_follows_commands_and_reports_itself(tmp_path: Path) -> None:
    with a_plant(tmp_path) as plant, open_bus(tmp_path) as bus:
        slot = next(s for s in plant.world.slots if s.pack is not None and s.pack.soc < 0.97)
        database = load("elcon.dbc")
        address = slot.charger.address
        command = database.encode_message("ChargerCommand", {"MaxVoltage": 56.0, "MaxCurrent": 5.0, "Stop": 0})
        assert command.hex() == "0230003200000000"
        bus.send(can.Message(arbitration_id=0x180600F4 | address << 8, data=command, is_extended_id=True))
        status: dict = {}

        def charging(message: can.Message) -> bool:
            if message.arbitration_id == 0x18FF5000 | address:
                status.update(database.decode_message("ChargerStatus", bytes(message.data)))
            return float(status.get("Current", 0)) > 4.5

        receive_until(bus, charging)
        assert status["Faults"] == 0

        def gone_off(message: can.Message) -> bool:
            charging(message)
            return status["Current"] == 0 and status["Faults"] & 16 != 0

        receive_until(bus, gone_off)


def test_a_pack_proves_itself_to_can_isotp(tmp_path: Path) -> None:
    with a_plant(tmp_path) as plant, open_bus(tmp_path) as bus:
        slot = next(s for s in plant.world.slots[plant.world.modbus_slots :] if s.pack is not None)
        assert slot.pack is not None
        address = isotp.Address(isotp.AddressingMode.NormalFixed_29bits, source_address=HOST, target_address=slot.number)
        stack = isotp.CanStack(bus, address=address, params={"blocking_send": True})
        stack.start()
        try:
            nonce = bytes(range(100, 132))
            stack.send(b"\x01" + nonce, send_timeout=PATIENCE_S)
            answer = stack.recv(block=True, timeout=PATIENCE_S)
            key = proof.pack_key(proof.FLEET_MASTER, slot.pack.serial)
            assert answer is not None and bytes(answer) == b"\x41" + proof.pack_mac(key, nonce, slot.pack.serial)
            stack.send(b"\x55" + nonce, send_timeout=PATIENCE_S)
            assert stack.recv(block=True, timeout=PATIENCE_S) == b"\x7f\x55\x13"
        finally:
            stack.stop()


def test_the_struct_images_and_the_dbc_agree_on_every_frame(tmp_path: Path) -> None:
    with a_plant(tmp_path) as plant:
        database = load("pack_link.dbc")
        names = ("PackStatus", "PackLimits", "PackCells", "PackTemperatures", "PackAlarms", "PackCellGroup", "PackIdentity")
        kinds = ("genuine", "wrong_class", "clone", "hot", "deep_discharged", "unknown_chemistry")
        for kind in kinds:
            pack = plant.world.fleet.make(kind, 0.4, -5.0)
            pack.current_a = -12.3
            for frame, name in enumerate(names):
                parts = image.cell_groups(pack) if name == "PackCellGroup" else image.IDENTITY_PARTS if name == "PackIdentity" else 1
                message = database.get_message_by_name(name)
                assert message.frame_id == image.can_id(frame, 0) and message.is_extended_frame
                for part in range(parts):
                    encoded = message.encode(image.can_values(pack, frame, part), scaling=False, padding=False, strict=False)
                    assert bytes(encoded) == image.can_payload(pack, frame, part), (kind, name, part)


def test_the_adapter_refuses_what_a_real_one_refuses(tmp_path: Path) -> None:
    from plant.slcan import CanHub

    received: list = []

    async def run() -> None:
        hub = CanHub()
        hub.attach(lambda can_id, extended, data: received.append((can_id, extended, data)))
        adapter = hub.adapter(tmp_path / "can-x", 250000)
        assert adapter._line("T18FF10098AABBCCDD00112233") == b"\a"  # not open
        assert adapter._line("S5") == b"\r" and adapter._line("O") == b"\r"
        assert adapter._line("T18FF10098AABBCCDD00112233") == b"Z\r"
        assert adapter._line("t1232AABB") == b"z\r"
        for bad in ("T18FF1009", "T18FF10099" + "00" * 9, "T18FF10098AABB", "tXYZ0", "T3FFFFFFF0", "Q", "S5", "S9"):
            assert adapter._line(bad) == b"\a", bad
        assert adapter._line("C") == b"\r"
        adapter.port.close()

    asyncio.run(run())
    assert received == [(0x18FF1009, True, bytes.fromhex("AABBCCDD00112233")), (0x123, False, bytes.fromhex("AABB"))]
