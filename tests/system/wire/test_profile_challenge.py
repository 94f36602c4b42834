"""The pack link itself, written as a profile and served by the plant: the same reading as its own driver gives, and the same proof."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

from cabinet.bus.crc16 import crc16
from cabinet.bus.modbus_bus import ModbusBus
from cabinet.core.reading import PackReading
from cabinet.devices.bms.pack_link_modbus import PackLinkModbus
from cabinet.devices.profiles import reader
from cabinet.devices.profiles.pack_modbus import ProfileModbus
from cabinet.trust.proof import PackProof
from plant import image, proof
from plant.fleet import Fleet
from plant.pack import Pack
from plant.rng import Rng
from swapcab.profile.compile import compiled
from swapcab.profile.source import check

ALARMS = (
    "cell_over_voltage", "cell_under_voltage", "pack_over_voltage", "pack_under_voltage", "charge_over_temperature",
    "charge_under_temperature", "discharge_over_temperature", "discharge_under_temperature", "charge_over_current",
    "discharge_over_current", "short_circuit", "internal", "imbalance",
)  # fmt: skip


def number(to: str, at: int, kind: str = "u16be", **more: Any) -> dict[str, Any]:
    """A field."""
    return {"to": to, "at": at, "type": kind, **more}


PACK_LINK = {
    "format": 1, "name": "pack-link", "title": "The pack link as a profile", "bus": "modbus", "baud": 115200,
    "addresses": {"first": 1, "last": 247}, "proof": {"strategy": "pack-link challenge", "nonce": "0x200", "answer": "0x210"},
    "limits": {"read_max": 64},
    "messages": [
        {"name": "identity", "start": 0, "count": 24, "fields": [
            {"to": "serial", "at": 3, "count": 16}, {"to": "maker", "at": 11, "count": 8}, number("chemistry", 15),
            number("cell_count", 16), number("nominal_mv", 17, unit="10 mV"), number("capacity_mah", 18, unit="10 mAh"),
        ]},
        {"name": "status", "start": 256, "count": 21, "fields": [
            number("counter", 256), *({"to": f"state.{s}", "at": 257, "type": "u16be", "bit": i}
                                      for i, s in enumerate(("charge_switch", "discharge_switch", "balancing"))),
            *({"to": f"alarm.{a}", "at": 258, "type": "u32be", "bit": i} for i, a in enumerate(ALARMS)),
            number("pack_mv", 260, "u32be", unit="mV"), number("current_ma", 262, "i32be", unit="mA"), number("soc_pct", 264, unit="0.1 %"),
            number("soh_pct", 265, unit="0.1 %"), number("cell_min_mv", 266, unit="mV"), number("cell_max_mv", 267, unit="mV"),
            number("temp_min_ddegc", 269, "i16be", unit="0.1 degC"), number("temp_max_ddegc", 270, "i16be", unit="0.1 degC"),
            number("charge_limit_ma", 272, unit="10 mA"), number("charge_limit_mv", 274, unit="10 mV"), number("cycles", 275),
        ]},
    ],
}  # fmt: skip


class HandClock:
    us = 10_000_000

    def ticks_us(self) -> int:
        return self.us & 0x3FFFFFFF

    def ticks_ms(self) -> int:
        return (self.us // 1000) & 0x3FFFFFFF


class PlantLine:
    """One pack of the plant answers every address."""

    baud = 115200
    stream = None

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.data = b""

    def write(self, data: memoryview) -> int:
        raw = bytes(data)
        unit, function, start, count = struct.unpack(">BBHH", raw[:6])
        if function == 3:
            values = image.pack_registers(self.pack, start, count)
            assert values is not None
            body = struct.pack(f">BBB{count}H", unit, 3, 2 * count, *values)
        else:
            assert image.pack_write(self.pack, start, list(struct.unpack(f">{count}H", raw[7:-2])))
            body = raw[:6]
        self.data = body + struct.pack("<H", crc16(body, 0, len(body)))
        return len(raw)

    def readinto(self, buf: bytearray) -> int:
        count = len(self.data)
        buf[:count] = self.data
        self.data = b""
        return count


def bench(made: Any) -> tuple[Any, Any, Any, Pack]:
    """Clock, bus, driver and the plant's pack."""
    clock: Any = HandClock()
    plant_pack = Fleet(Rng(1), proof.FLEET_MASTER).make("genuine", 0.4)
    line: Any = PlantLine(plant_pack)
    bus = ModbusBus("packs", line, clock)
    return clock, bus, made(bus, clock), plant_pack


def by_profile(bus: Any, clock: Any) -> Any:
    """The driver of the profile."""
    return ProfileModbus(bus, 7, clock, reader.read(compiled(check(PACK_LINK))))


def run(clock: Any, bus: Any, pack: Pack, milliseconds: int) -> None:
    """Let time pass."""
    end = clock.us + milliseconds * 1000
    while clock.us < end:
        pack.step(0.002, 2.5, 25.0)
        clock.us += max(min(bus.step(), 2000), 500)


def test_the_pack_link_as_a_profile_gives_the_reading_of_its_own_driver() -> None:
    reported = []
    for made in (by_profile, lambda bus, clock: PackLinkModbus(bus, 7, clock)):
        clock, bus, driver, plant_pack = bench(made)
        plant_pack.alarms = 0
        driver.set_need(200)
        run(clock, bus, plant_pack, 3000)
        reading = driver.reading
        assert reading.taken_ms is not None and driver.fault == ""
        reported.append({key: value for key, value in vars(reading).items() if not key.endswith("taken_ms") and key in vars(PackReading())})
    for key in reported[0]:
        if key not in ("counter", "cell_min_mv", "cell_max_mv", "pack_mv"):  # the instant of the last poll differs
            assert reported[0][key] == reported[1][key], key
    assert abs(reported[0]["pack_mv"] - reported[1]["pack_mv"]) < 100


def prove(clock: Any, bus: Any, driver: Any, plant_pack: Pack, nonce: bytes) -> bytes | None:
    """The challenge, with time passing beside it."""

    async def both() -> bytes | None:
        task = asyncio.ensure_future(driver.prove(nonce))
        while not task.done():
            run(clock, bus, plant_pack, 20)
            await asyncio.sleep(0)
        return task.result()

    return asyncio.run(both())


def test_a_pack_with_a_profile_proves_itself_by_registers(monkeypatch: Any) -> None:
    async def pause(milliseconds: int) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(asyncio, "sleep_ms", pause, raising=False)
    clock, bus, driver, plant_pack = bench(by_profile)
    driver.set_need(200)
    run(clock, bus, plant_pack, 1000)
    judge = PackProof(proof.FLEET_MASTER, lambda count: bytes(range(count)))
    nonce = judge.nonce()
    mac = prove(clock, bus, driver, plant_pack, nonce)
    assert mac is not None and judge.check(driver.reading.serial, nonce, mac)
    plant_pack.key = None
    assert prove(clock, bus, driver, plant_pack, nonce) is None, "a pack without a key says so"
    taken = driver.reading.taken_ms
    run(clock, bus, plant_pack, 1000)
    assert driver.reading.taken_ms != taken and driver.fault == "", "and is read on"
