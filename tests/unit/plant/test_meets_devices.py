"""The firmware's buses and devices on the plant's wires, in one process and on a clock that the test holds."""

from cabinet.bus.can_bus import CanBus
from cabinet.bus.modbus_bus import ModbusBus
from cabinet.devices.bms.pack_link_can import PackLinkCan
from cabinet.devices.bms.pack_link_modbus import PackLinkModbus
from cabinet.devices.chargers.elcon import ElconCharger
from cabinet.devices.io.slot_board import SlotBoard
from plant import frames
from plant.cabinet_world import World
from plant.inprocess import CanInProcess, LineInProcess
from plant.rng import Rng


class Clock:
    """A clock of a board that stands still until it is moved."""

    def __init__(self):
        self.us = 1000000

    def ticks_us(self):
        return self.us & 0x3FFFFFFF

    def ticks_ms(self):
        return self.us // 1000 & 0x3FFFFFFF

    def seconds(self):
        return self.us / 1000000.0


class Bench:
    """Six slots: four packs on RS485, two on CAN, an I/O board, a charger for each."""

    def __init__(self, seed=1):
        self.clock = clock = Clock()
        self.world = world = World(6, seed)
        now = clock.seconds
        self.packs_bus = ModbusBus("rs485-packs", LineInProcess(frames.RtuUnits(world, Rng(1)), now, Rng(2)), clock)
        self.io_bus = ModbusBus("rs485-io", LineInProcess(frames.RtuUnits(world, Rng(3), True), now, Rng(4)), clock)
        self.can_bus = CanBus("can-1", CanInProcess(frames.CanNodes(world, Rng(5), now()), now), clock)
        self.links = [PackLinkModbus(self.packs_bus, n, clock) for n in range(1, 5)] + [PackLinkCan(self.can_bus, n, clock) for n in (5, 6)]
        self.chargers = [ElconCharger(self.can_bus, 0xA0 + n, clock) for n in range(1, 7)]
        self.board = SlotBoard(self.io_bus, 1, clock, 1)
        for link in self.links:
            link.set_need(200)
        self._due = [0, 0, 0]

    def run(self, seconds):
        """Let the buses and the world run."""
        end = self.clock.us + int(seconds * 1000000)
        world_at = self.clock.us
        while self.clock.us < end:
            for index, bus in enumerate((self.packs_bus, self.io_bus)):
                if self.clock.us >= self._due[index]:
                    self._due[index] = self.clock.us + max(200, bus.step())
            if self.clock.us >= self._due[2]:
                self._due[2] = self.clock.us + 1000 * max(1, self.can_bus.step())
            if self.clock.us - world_at >= 50000:
                world_at = self.clock.us
                self.world.step(0.05)
                for charger in self.chargers:
                    charger.set(charger.set_mv, charger.set_ma)
            self.clock.us += 200


def test_the_devices_read_what_the_packs_are():
    bench = Bench()
    bench.run(3.0)
    for link, slot in zip(bench.links, bench.world.slots):
        pack, reading = slot.pack, link.reading
        if pack is None:
            assert reading.taken_ms is None and reading.serial == ""
            continue
        assert (reading.serial, reading.maker, reading.chemistry) == (pack.serial, pack.maker, pack.chemistry)
        assert (reading.cell_count, reading.nominal_mv, reading.capacity_mah) == (pack.cells, pack.nominal_mv, pack.capacity_mah)
        assert abs(reading.pack_mv - pack.volts() * 1000) < 60
        assert abs(reading.soc_pct - pack.soc * 100) <= 1
        assert (reading.cell_min_mv, reading.cell_max_mv) == (min(pack.cell_mv()), max(pack.cell_mv()))
        assert abs(reading.temp_max_ddegc - max(pack.temps_ddegc())) <= 1
        assert abs(reading.charge_limit_ma - pack.allowed_charge_ma()) <= 10
        assert abs(reading.charge_limit_mv - pack.allowed_charge_mv()) <= 10
        assert reading.alarm_bits == 0 and reading.cycles == pack.cycles


def test_the_slot_board_sees_doors_and_opens_one():
    bench = Bench()
    bench.run(1.0)
    for reading, slot in zip(bench.board.slots, bench.world.slots):
        assert reading.door_closed and reading.lock_locked and reading.pack_present == (slot.pack is not None)
    bench.board.pulse(2, 300)
    bench.run(1.0)
    assert [s.number for s in bench.world.open_doors()] == [3]
    assert not bench.board.slots[2].door_closed and not bench.board.slots[2].lock_locked
    assert bench.world.slots[2].pulses == 1


def test_a_charger_is_driven_and_stops():
    bench = Bench()
    slot = [s for s in bench.world.slots if s.pack is not None][0]
    charger = bench.chargers[slot.number - 1]
    slot.pack.soc = 0.5
    bench.run(1.5)
    charger.set(slot.pack.allowed_charge_mv(), 5000)
    bench.run(3.0)
    assert abs(slot.charger.out_a - 5.0) < 0.1 and charger.reading.output_ma == 5000 and charger.reading.fault_bits == 0
    charger.set(0, 0)
    bench.run(0.2)
    assert slot.charger.out_a == 0.0


def test_dead_and_lying_wires_are_told_apart_from_the_healthy():
    bench = Bench()
    occupied = [s.number for s in bench.world.slots[:4] if s.pack is not None]
    bench.run(1.0)
    bench.world.set_fault(occupied[0], "dead")
    bench.world.set_fault(occupied[1], "crc")
    bench.world.set_fault(occupied[2], "foreign")
    before = [link.stats.answers for link in bench.links]
    bench.run(3.0)
    for number in occupied[:3]:
        assert bench.links[number - 1].fault != "", number
    for number in occupied[3:]:
        assert bench.links[number - 1].fault == "" and bench.links[number - 1].stats.answers > before[number - 1] + 10
