"""A controller under test without a controller: `swapcab.bench.board` on the W5500-EVB-Pico2's drivers, chip models, the plant's wires.

`ModelFixture` is the controller and the operator of a bench at once. Faults are put into the models, never into the code under test.
"""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import benches
from i2c_bus import Mcp23017Model
from peers import Peers

from plant.cabinet_world import World
from plant.frames import CanNodes, RtuUnits
from plant.rng import Rng
from swapcab.bench import checks, sheet
from swapcab.bench.board import can, controller, flash, lines, network, unit
from swapcab.bench.common import Bench
from swapcab.bench.controller import BoardError
from swapcab.settings import template as settings_template

FUNCTIONS: dict[str, Any] = {name: value for file in (can, controller, flash, lines, network) for name, value in vars(file).items()}
START_S = 1795354200
SLOTS = 6


class ModelFixture:
    """Controller, operator and hardware. Time is the model's; `tick` moves the plant along with it."""

    name = "jig"
    limit_s = 15.0

    def __init__(self, folder: Path, npb: int = 0, locks: str = "") -> None:
        """`npb`: so many NPB chargers; `locks`: the kind of lock board, if it is no slot board."""
        self.folder = folder
        settings_template.write(folder, SLOTS, "broker.example.org", 1883, npb)
        self.bench = benches.w5500_evb_pico2()
        self.world = self.bench.world
        self.world.rtc.rate_ppm = 0
        self.bench.board.clock.synchronise(START_S)
        self.bench.board = self.bench.module.Board("/")
        self.plant = World(SLOTS, 1, 1.0, npb=npb)
        self.peers = Peers(self.plant, locks) if locks else None
        self.expanders = Mcp23017Model(), Mcp23017Model()
        self.world.i2c.chips.update({0x20: self.expanders[0], 0x21: self.expanders[1]})
        self.packs = RtuUnits(self.plant, Rng(3))
        self.boards = RtuUnits(self.plant, Rng(4), True)
        self.can = CanNodes(self.plant, Rng(5))
        self.world.peers = {0: lambda frame: self.line(self.packs, frame), 1: lambda frame: self.line(self.boards, frame)}
        self.spoil: Callable[[RtuUnits, bytes, bytes], bytes] = lambda units, request, answer: answer
        self.can_open = False  # a fault: the bus wires are off, nobody acknowledges
        self.can_short = False
        self.relay_welded = False
        self.relay_dead = False
        self.watchdog_dead = False
        self.pulse_error_ms = 0
        self.stuck: Callable[[list], None] = lambda bits: None
        self.stuck_pins: Callable[[int], int] = lambda pins: pins
        self.ticks_ppm = 0
        self.broker: dict[str, Any] = {"step": "done", "code": 0}
        self.memory = {"heap_free": 120 << 10, "heap_used": 70 << 10, "disk_free": 600 << 10, "disk": 1 << 20,
                       "in_rom": True, "word": 4}  # fmt: skip
        self.world.link = 3
        self._moved_us = 0
        self._edges: list[int] = []
        self._last_level = 0
        self._pulsed: dict[int, int] = {}
        self._host_us = 0
        self.start()

    def start(self) -> None:
        """A start of the controller."""
        machine = self.bench.module.machine
        sys.modules["machine"] = machine
        self.unit = unit.Unit(self.bench.board, str(self.folder), self.sleep)

    # ---- time

    def sleep(self, milliseconds: float) -> None:
        """On the controller."""
        self.world.clock.now_us += int(milliseconds * 1000)
        self._host_us += int(milliseconds * 1000)
        self.tick()

    def tick(self) -> None:
        """Plant and CAN up to now."""
        now_us = self.world.clock.now_us
        while self._moved_us < now_us:
            step_us = min(20000, now_us - self._moved_us)
            self._moved_us += step_us
            self.plant.step(step_us / 1000000)
        chip = self.world.cans["can-1"]
        if self.can_short:
            chip.registers[0x2D] |= 0x20
            return
        while True:
            waiting = chip.registers[0x30] | chip.registers[0x40] | chip.registers[0x50]
            if self.can_open:
                if waiting & 8:
                    chip.registers[0x2D] |= 0x15  # nobody acknowledges: error-passive
                return
            frame = chip.transmit() if waiting & 8 else None
            if frame is None:
                break
            can_id, extended, data = frame
            for answer in self.can.receive(can_id, extended, data, self.plant.now):
                self._deliver(chip, answer)
        for frame in self.can.poll(self.plant.now):
            self._deliver(chip, frame)
        self._switches()
        self.watch_relay()

    def _switches(self) -> None:
        """At the expanders: closed to ground is shut, latched, there; the dangers' contacts are closed."""
        slots = list(enumerate(self.plant.slots))
        doors, latches, packs = (
            sum((not closed) << i for i, closed in found)
            for found in (
                [(i, slot.door_closed) for i, slot in slots],
                [(i, slot.locked) for i, slot in slots],
                [(i, slot.present()) for i, slot in slots],
            )
        )
        self.expanders[0].pins = self.stuck_pins(doors | latches << 8)
        self.expanders[1].pins = packs

    def _deliver(self, chip: Any, frame: tuple) -> None:
        if chip.bitrate() == 250000:
            chip.deliver(*frame)
            self.world.edges()

    def line(self, units: RtuUnits, frame: bytes) -> bytes:
        """What comes back on an RS485 line."""
        self.tick()
        if units is self.boards and self.peers is not None:
            return self.peers.answer(frame)
        if units is self.boards and frame[1] == 6:
            self._pulsed[(frame[0] - 1) * 8 + (frame[2] << 8 | frame[3]) - 0xFF] = frame[4] << 8 | frame[5]
        answer = units.answer(frame)
        data = answer[1] if answer else b""
        if units is self.boards and frame[1] == 2 and data:
            data = self._inputs(data)
        return self.spoil(units, frame, data)

    def _inputs(self, data: bytes) -> bytes:
        from plant.frames import sealed

        bits = [data[3 + i // 8] >> i % 8 & 1 for i in range(32)]
        self.stuck(bits)
        packed = bytes(sum(bits[8 * i + k] << k for k in range(8)) for i in range(4))
        return sealed(data[:3] + packed)

    # ---- controller

    def call(self, method: str, *arguments: Any, meanwhile: Callable[[], None] | None = None, limit_s: float = 0) -> dict:
        """See Controller."""
        if method == "broker":
            return self.broker  # sockets and asyncio: against a real broker on the emulated board
        if method == "memory":
            return self.memory
        try:
            answer = FUNCTIONS[method](self.unit, *json.loads(json.dumps(arguments)))
        except (OSError, ValueError, TypeError) as error:
            raise BoardError(type(error).__name__, str(error)) from error
        if meanwhile:
            meanwhile()
        return json.loads(json.dumps(answer))

    def after_reset(self, limit_s: float) -> bool:
        """See Controller."""
        if self.watchdog_dead:
            return False
        self.world.cause = 3 if self.world.watchdog_ms else 1
        self.bench.board = self.bench.module.Board("/")
        self.start()
        return True

    def now(self) -> float:
        """The host's clock."""
        return self._host_us / 1000000

    def wait(self, seconds: float) -> None:
        """The controller's crystal may be off."""
        self._host_us += int(seconds * 1000000)
        self.world.clock.now_us += int(seconds * (1000000 + self.ticks_ppm))
        self.tick()

    def unix_s(self) -> float:
        """The true time."""
        return START_S + self._host_us / 1000000

    # ---- operator

    def present(self) -> bool:
        """A jig is always there."""
        return True

    def ask_for(self, what: str, arguments: str) -> None:
        """As a jig does it."""
        slot = self.plant.slots[int(arguments.split()[0]) - 1]
        done = arguments.split()[1]
        if what == "door":
            if done == "shut":
                slot.shut()
            else:
                slot.door_closed = slot.door_stuck
                slot.locked = False
        elif done == "in":
            slot.pack = slot.pack or self.plant.slots[0].pack or self.plant.slots[1].pack
        else:
            slot.pack = None

    def relay_closed(self) -> bool:
        """The charge pump: two edges within half a second hold the relay."""
        self.watch_relay()
        fresh = [at for at in self._edges if self.world.clock.now_us - at < 2000000]
        return self.relay_welded or (not self.relay_dead and len(fresh) >= 2)

    def watch_relay(self) -> None:
        """Look for edges."""
        pin = self.world.pins.get(self.bench.heartbeat)
        if pin is not None and pin.level != self._last_level:
            self._last_level = pin.level
            self._edges.append(self.world.clock.now_us)

    def pulse_ms(self, slot: int) -> int | None:
        """What the jig measured."""
        return (self.peers.pulsed if self.peers else self._pulsed).get(slot, 0) + self.pulse_error_ms


def no_report(*_said: object) -> None:
    """For `checks.run`."""


def module_of(fixture: ModelFixture) -> types.ModuleType:
    """The board's module."""
    return fixture.bench.module


def bench_of(fixture: ModelFixture, wanted: set[str]) -> dict:
    """The record of a bench."""
    bench = Bench(fixture, fixture, fixture.unix_s)
    results = checks.run(bench, wanted, no_report)
    return sheet.record(bench.identity, results, "2026-11-22 13:30", fixture.name)


def changed_settings(fixture: ModelFixture, change: Callable[[dict], None]) -> None:
    """Change the settings that the bench reads."""
    file = fixture.folder / "settings.json"
    settings = json.loads(file.read_text())
    change(settings)
    file.write_text(json.dumps(settings))
