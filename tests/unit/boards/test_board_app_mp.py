"""The whole application on the NUCLEO board: stand-ins for the port's modules, the flash chip's model below the journal."""

import asyncio
import json
import time

from spi_bus import Clock
from stm32_modules import World, load
from tree import ROOT

from cabinet.app import App
from cabinet.startup import settings

PACK = {"bus": "packs", "driver": "pack-link-modbus", "first_address": 1}
FAR_PACK = {"bus": "can", "driver": "pack-link-can", "first_address": 3}
CHARGER = {"bus": "can", "driver": "elcon", "first_address": 161}
FAR_CHARGER = {"bus": "can", "driver": "elcon", "first_address": 163}
SLOTS = {"bus": "io", "driver": "slot-board", "first_address": 1}
SETTINGS = {
    "cabinet": {"id": "cab-1", "slots": 4},
    "buses": {
        "packs": {"kind": "modbus", "port": "rs485-packs", "baud": 115200},
        "io": {"kind": "modbus", "port": "rs485-io", "baud": 115200},
        "can": {"kind": "can", "port": "can-1", "baud": 250000},
        "kiosk": {"kind": "kiosk", "port": "kiosk", "baud": 115200},
    },
    "groups": [
        {"first_slot": 1, "last_slot": 2, "pack": PACK, "charger": CHARGER, "io": SLOTS},
        {"first_slot": 3, "last_slot": 4, "pack": FAR_PACK, "charger": FAR_CHARGER, "io": SLOTS},
    ],
    "uplink": {"host": "broker.example.org"},
}
SECRETS = {"fleet_master": "11" * 32, "device_key": "22" * 32}


class RunningClock(Clock):
    """Real time, and what the models add."""

    def ticks_ms(self):
        """Milliseconds."""
        return (time.ticks_ms() + self.now_us // 1000) & 0x3FFFFFFF

    def ticks_us(self):
        """Microseconds."""
        return (time.ticks_us() + self.now_us) & 0x3FFFFFFF


def start():
    """The application, ready to run, and the hardware behind it."""
    world = World()
    board = load(world, ROOT + "boards/nucleo_h743zi2", ("board", "pins", "stm32_can", "stm32_parts"))
    real = RunningClock()  # the models keep their own
    world.time.ticks_ms, world.time.ticks_us = real.ticks_ms, real.ticks_us
    return App(board.Board("/flash"), settings.parse(json.dumps(SETTINGS)), settings.parse_secrets(json.dumps(SECRETS)), "00"), world


def run(app, until, most_ms=1_800_000):
    """Run until a condition holds; whether it came to hold."""

    async def wait():
        task = asyncio.create_task(app.run())
        began = time.ticks_ms()
        while not until() and not task.done() and time.ticks_diff(time.ticks_ms(), began) < most_ms:
            await asyncio.sleep_ms(5)
        task.cancel()
        return until()

    return asyncio.run(wait())


def test_the_application_starts_on_the_board_and_all_its_parts_are_at_work():
    app, world = start()
    assert world.watchdog_ms == 5000

    def all_at_work():
        packs, boards = world.uarts[2].sent, world.uarts[6].sent
        return len(packs) >= 16 and len(boards) >= 16 and world.cans[1].queue and world.fed > 3

    assert run(app, all_at_work), (world.uarts[2].sent, world.uarts[6].sent, world.cans[1].queue, world.fed, app.supervisor.failed)
    assert world.cans[1].filters
    assert world.uarts[2].sent[0] in (1, 2) and world.uarts[6].sent[0] == 1
    assert world.pins["D4"].level == 0 and world.pins["C8"].level == 0
    levels = [level for name, level in world.log if name == "E9"]
    assert 1 in levels and levels[-1] in (0, 1)


def test_nobody_is_charged_without_a_pack_and_every_charger_hears_so():
    app, world = start()
    run(app, lambda: len(world.cans[1].queue) >= 4)
    for can_id, data, flags in world.cans[1].queue:
        if can_id & 0xFFFF00FF == 0x180600F4:
            assert flags == 2 and data[4] == 1 and data[:4] == b"\0\0\0\0", (hex(can_id), data)


def test_the_start_is_in_the_journal_on_the_chip():
    app, world = start()
    assert run(app, lambda: app.journal.head(0) >= 1)
    record = app.journal.read(0, 0)
    assert record.event.code == 1 and record.boot == 1
    assert world.nor.programs > 2
