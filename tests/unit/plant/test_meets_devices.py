"""The firmware's buses and devices on the plant's wires, in one process and on a clock that the test holds."""

from devices_bench import Bench


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
