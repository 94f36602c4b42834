"""A pack on Modbus: what becomes a reading and what never does."""

import struct

from cabinet.bus.cell_view import CellView
from cabinet.bus.crc16 import crc16
from cabinet.bus.modbus_bus import ModbusBus
from cabinet.devices.bms.pack_link_modbus import PackLinkModbus


class HandClock:
    us = 5_000_000

    def ticks_us(self):
        return self.us & 0x3FFFFFFF

    def ticks_ms(self):
        return (self.us // 1000) & 0x3FFFFFFF


class PackOnTheWire:
    """Answers at once, as fast as it is looked at."""

    baud = 115200
    stream = None

    def __init__(self):
        self.serial = b"SC48L30-000042"
        self.magic = 0x5350
        self.built = [1, 16, 5120, 3000]  # chemistry, cells, nominal voltage, capacity
        self.counter = 7
        self.measures = True
        self.status = dict(
            state=3, alarms=0, mv=53_120, ma=-1234, soc=873, soh=991, low=3310, high=3330, tlow=-50, thigh=251, mos=300, ccl=1500, dcl=3000,
            cvl=5840,
        )
        self.alive = True
        self.asked = []
        self.answer = b""
        self.nonce = None
        self.mem = {}

    def write(self, data):
        data = bytes(data)
        self.asked.append(data[1] << 16 | data[2] << 8 | data[3])
        self.answer = self.reply(data) if self.alive else b""
        return len(data)

    def reply(self, data):
        unit, function, start, count = struct.unpack(">BBHH", data[:6])
        if function == 16:
            self.nonce = data[7:39]
            body = data[:6]
        elif start == 0x0210:
            body = bytes([unit, 3, 34, 0, 2]) + bytes(reversed(self.nonce))
        else:
            regs = self.identity() if start == 0 else self.status_block()
            if start in self.mem:
                regs = struct.pack(">{}H".format(len(self.mem[start])), *self.mem[start])
            body = bytes([unit, 3, count * 2]) + regs[: count * 2]
        crc = crc16(body, 0, len(body))
        return body + bytes([crc & 0xFF, crc >> 8])

    def identity(self):
        serial = self.serial + bytes(16 - len(self.serial))
        return struct.pack(">HHH16s8sHHHHHH6s", self.magic, 0x0100, 0, serial, b"OPENPACK", *(self.built + [7, 4, b""]))

    def status_block(self):
        if self.measures:
            self.counter = (self.counter + 1) & 0xFFFF
        s = self.status
        return struct.pack(
            ">HHIIiHHHHHhhhHHHHH6s",
            self.counter, s["state"], s["alarms"], s["mv"], s["ma"], s["soc"], s["soh"], s["low"], s["high"], 0x0102, s["tlow"],
             s["thigh"], s["mos"], s["ccl"], s["dcl"], s["cvl"], 120, 2600, b"",
        )

    def readinto(self, buf):
        n = len(self.answer)
        buf[:n] = self.answer
        self.answer = b""
        return n


def bench():
    clock = HandClock()
    wire = PackOnTheWire()
    bus = ModbusBus("packs", wire, clock)
    pack = PackLinkModbus(bus, 3, clock)
    return clock, wire, bus, pack


def run(clock, bus, ms):
    end = clock.us + ms * 1000
    while clock.us < end:
        clock.us += max(bus.step(), 100)


def test_nothing_is_asked_until_somebody_needs_it():
    clock, wire, bus, pack = bench()
    run(clock, bus, 500)
    assert wire.asked == []


def test_the_pack_is_identified_first_and_then_read():
    clock, wire, bus, pack = bench()
    pack.set_need(100)
    run(clock, bus, 300)
    assert wire.asked[:2] == [0x030000, 0x030100]
    r = pack.reading
    assert r.serial == "SC48L30-000042" and r.maker == "OPENPACK"
    assert (r.chemistry, r.cell_count, r.nominal_mv, r.capacity_mah) == (1, 16, 51_200, 30_000)
    assert (r.pack_mv, r.current_ma, r.soc_pct, r.soh_pct) == (53_120, -1234, 87, 99)
    assert (r.cell_min_mv, r.cell_max_mv, r.temp_min_ddegc, r.temp_max_ddegc) == (3310, 3330, -50, 251)
    assert (r.charge_limit_ma, r.charge_limit_mv, r.cycles, r.state_bits, r.alarm_bits) == (15_000, 58_400, 120, 3, 0)
    assert clock.ticks_ms() - r.taken_ms <= 110 and pack.fault == ""


def test_a_wanted_period_of_zero_forgets_everything():
    clock, wire, bus, pack = bench()
    pack.set_need(100)
    run(clock, bus, 300)
    pack.set_need(0)
    assert pack.reading.taken_ms is None and pack.reading.serial == "" and pack.fault == ""
    asked = len(wire.asked)
    run(clock, bus, 1000)
    assert len(wire.asked) == asked


def test_an_implausible_value_leaves_the_reading_as_it_was():
    for key, value in (("soc", 1001), ("soh", 2000), ("mv", 1_000_001), ("ma", -2_000_000), ("low", 3331), ("high", 6001), ("tlow", 2001),
                       ("tlow", -601), ("thigh", -51), ("alarms", 0x80000000)):
        clock, wire, bus, pack = bench()
        pack.set_need(100)
        run(clock, bus, 300)
        taken = pack.reading.taken_ms
        good = pack.reading.pack_mv, pack.reading.soc_pct, pack.reading.cell_min_mv
        wire.status[key] = value
        run(clock, bus, 1500)
        assert pack.reading.taken_ms == taken, key
        assert (pack.reading.pack_mv, pack.reading.soc_pct, pack.reading.cell_min_mv) == good
        assert pack.fault == "implausible" and pack.stats.implausible >= 3


def test_a_frozen_measurement_counter_lets_the_reading_grow_old():
    clock, wire, bus, pack = bench()
    pack.set_need(200)
    run(clock, bus, 500)
    wire.measures = False
    frozen_at = clock.ticks_ms()
    run(clock, bus, 5000)
    assert pack.fault == "frozen"
    assert pack.reading.taken_ms - frozen_at <= 1500
    wire.measures = True
    run(clock, bus, 500)
    assert pack.fault == "" and clock.ticks_ms() - pack.reading.taken_ms <= 250


def test_a_counter_that_stands_still_for_weeks_never_counts_as_moving_again():
    clock, wire, bus, pack = bench()
    pack.set_need(200)
    run(clock, bus, 5000)
    wire.measures = False
    frozen_us = clock.us
    run(clock, bus, 25_000)
    assert pack.fault == "frozen" and pack.reading.taken_ms is None, "it can never become young again"
    for day in range(1, 14):
        clock.us = frozen_us + min(day * 86_400_000, 1 << 30) * 1000  # at last to where the counter of ticks has come round
        run(clock, bus, 3000)
        assert pack.fault == "frozen" and pack.reading.taken_ms is None, day
    wire.measures = True
    run(clock, bus, 6000)
    assert pack.fault == "" and clock.ticks_ms() - pack.reading.taken_ms <= 250


def test_a_pack_that_is_built_otherwise_under_the_same_serial_number_is_foreign():
    for index, other in ((0, 2), (0, 9), (1, 13), (2, 4680), (3, 20_000)):
        clock, wire, bus, pack = bench()
        pack.set_need(100)
        run(clock, bus, 300)
        wire.built[index] = other
        run(clock, bus, 31_000)  # until it is asked again
        r = pack.reading
        assert (pack.fault, r.taken_ms, r.serial, r.capacity_mah) == ("foreign", None, "", 0), index
        wire.built = [1, 16, 5120, 3000]
        run(clock, bus, 10_000)
        assert r.taken_ms is None, "until the slot was empty"
        pack.set_need(0)
        pack.set_need(100)
        run(clock, bus, 10_000)
        assert r.capacity_mah == 30_000 and pack.fault == ""


def test_who_comes_back_after_silence_must_say_who_it_is():
    clock, wire, bus, pack = bench()
    pack.set_need(100)
    run(clock, bus, 300)
    wire.alive = False
    run(clock, bus, 3000)
    assert pack.fault == "timeout"
    wire.alive = True
    del wire.asked[:]
    run(clock, bus, 9000)
    assert wire.asked[0] in (0x030000, 0x030100) and 0x030000 in wire.asked[:2]
    assert pack.fault == "" and pack.reading.serial == "SC48L30-000042"


def test_another_pack_in_its_place_is_foreign_until_it_is_taken_out():
    clock, wire, bus, pack = bench()
    pack.set_need(100)
    run(clock, bus, 300)
    wire.alive = False
    run(clock, bus, 2000)
    wire.alive = True
    wire.serial = b"SC48L30-000666"
    run(clock, bus, 20_000)
    assert pack.fault == "foreign" and pack.reading.taken_ms is None and pack.reading.serial == ""
    pack.set_need(0)
    pack.set_need(100)
    run(clock, bus, 500)
    assert pack.fault == "" and pack.reading.serial == "SC48L30-000666"


def test_a_jump_of_the_counter_asks_for_the_identity_again():
    clock, wire, bus, pack = bench()
    pack.set_need(100)
    run(clock, bus, 300)
    wire.counter = 60_000
    wire.serial = b"OTHER"
    run(clock, bus, 500)
    assert pack.reading.serial == "" and pack.refused


def test_an_identity_that_is_none_is_implausible():
    for change in ("magic", "serial"):
        clock, wire, bus, pack = bench()
        if change == "magic":
            wire.magic = 0x1234
        else:
            wire.serial = b"\x00\x00A"
        pack.set_need(100)
        run(clock, bus, 2000)
        assert pack.fault == "implausible" and pack.reading.identity_taken_ms is None
        assert 0x030100 not in wire.asked, "no status of somebody unknown"


def test_an_old_reading_is_forgotten_long_before_the_clock_wraps():
    clock, wire, bus, pack = bench()
    pack.set_need(100)
    run(clock, bus, 300)
    wire.alive = False
    run(clock, bus, 60_000)
    assert pack.reading.taken_ms is None


def test_a_challenge_goes_ahead_and_brings_the_answer():
    clock, wire, bus, pack = bench()
    pack.set_need(100)
    run(clock, bus, 300)
    assert pack.start_proof(bytes(range(32)))
    assert not pack.start_proof(bytes(32)), "one at a time"
    while not pack.proof_over(clock.ticks_ms()):
        run(clock, bus, 10)
    assert pack.mac == bytes(reversed(range(32)))


def test_a_challenge_of_a_dead_pack_ends():
    clock, wire, bus, pack = bench()
    pack.set_need(100)
    run(clock, bus, 300)
    wire.alive = False
    began = clock.us
    assert pack.start_proof(bytes(32))
    while not pack.proof_over(clock.ticks_ms()):
        run(clock, bus, 10)
    assert pack.mac is None and clock.us - began < 6_000_000


def test_a_pack_that_left_ends_its_challenge():
    clock, wire, bus, pack = bench()
    pack.set_need(100)
    run(clock, bus, 300)
    assert pack.start_proof(bytes(32))
    pack.set_need(0)
    assert pack.proof_over(clock.ticks_ms()) and pack.mac is None
    assert not pack.start_proof(bytes(32))


def test_an_answer_that_is_still_under_way_when_the_pack_leaves_is_not_the_next_ones():
    clock, wire, bus, pack = bench()
    pack.set_need(100)
    run(clock, bus, 300)
    asked = len(wire.asked)
    while len(wire.asked) == asked:
        clock.us += max(bus.step(), 100)
    pack.set_need(0)
    pack.set_need(100)
    while pack.stats.answers == asked:
        clock.us += max(bus.step(), 100)
    assert pack.reading.taken_ms is None and pack.reading.serial == ""


def test_the_cells_are_read_once_for_a_technician():
    clock, wire, bus, pack = bench()
    wire.mem[0x0140] = [3300 + n for n in range(16)] + [0] * 16
    wire.mem[0x0160] = [251, 0xFFF6] + [0] * 14
    pack.set_need(100)
    run(clock, bus, 1000)
    view = bus.cells = CellView()
    run(clock, bus, 1000)
    assert view.owner is None
    view.show(pack)
    assert view.reported() is None
    before = pack.stats.requests
    run(clock, bus, 2000)
    reported = view.reported()
    assert reported["mv"][:16] == [3300 + n for n in range(16)] and reported["ddegc"] == [251, -10] and reported["pack"] == pack.name
    assert pack.stats.requests - before <= 24 and pack.reading.taken_ms is not None and pack.fault == ""
