"""A pack on CAN: frames become one reading only when they are all there, young and plausible."""

import struct

from cabinet.bus.can_bus import CanBus, acceptance
from cabinet.bus.cell_view import CellView
from cabinet.devices.bms.pack_link_can import PackLinkCan


class HandClock:
    ms = 0x3FFFFF00  # just before the counter wraps

    def ticks_ms(self):
        return self.ms & 0x3FFFFFFF

    def ticks_us(self):
        return (self.ms * 1000) & 0x3FFFFFFF


class Port:
    bitrate = 250_000
    stream = None

    def __init__(self):
        self.inbox = []
        self.out = []
        self.filters = None
        self.fault_state = 0
        self.restarts = 0
        self.room = 1000

    def send(self, can_id, extended, data):
        if len(self.out) >= self.room:
            return False
        self.out.append((can_id, extended, bytes(data)))
        return True

    def recv(self, frame):
        if not self.inbox:
            return False
        frame.can_id, data = self.inbox.pop(0)
        frame.extended = True
        frame.length = len(data)
        frame.data[: len(data)] = data
        return True

    def set_filters(self, filters):
        self.filters = filters

    def state(self):
        return self.fault_state

    def restart(self):
        self.restarts += 1


class PackOnTheBus:
    """Says everything it has to say every 200 ms."""

    def __init__(self, port, node):
        self.port = port
        self.node = node
        self.serial = b"SC48N26-000077"
        self.counter = 250
        self.measures = True
        self.part = 0
        self.mute = ()
        self.soc = 64
        self.cells = (3920, 3951)
        self.capacity = 2600

    def speak(self):
        if self.measures:
            self.counter = (self.counter + 1) & 0xFF
        self.frame(0x11, struct.pack("<HHHH", 1500, 5460, 3000, 88))
        self.frame(0x12, struct.pack("<HHBBH", self.cells[0], self.cells[1], 2, 5, 0))
        self.frame(0x13, struct.pack("<hhhBB", -30, 255, 310, 4, 0))
        self.frame(0x14, struct.pack("<II", 0, 15_000))
        self.frame(0x10, struct.pack("<BBHhBB", self.counter, 3, 5120, -450, self.soc, 97))
        self.identity()

    def identity(self):
        serial = self.serial + bytes(16 - len(self.serial))
        what = struct.pack("<HBBHB", 0x5350, 2, 13, 4680, 1)
        size = struct.pack("<HHBBB", self.capacity, 9, 0, 0, 0)
        parts = (what, size, serial[:7], serial[7:14], serial[14:] + bytes(5), b"OPENPAC", b"K" + bytes(6))
        self.frame(0x16, bytes([self.part]) + parts[self.part])
        self.part = (self.part + 1) % 7

    def frame(self, function, data):
        if function not in self.mute:
            self.port.inbox.append((0x18FF0000 | function << 8 | self.node, data))


def bench():
    clock = HandClock()
    port = Port()
    bus = CanBus("can", port, clock)
    pack = PackLinkCan(bus, 9, clock)
    wire = PackOnTheBus(port, 9)
    return clock, port, bus, pack, wire


def run(clock, bus, wire, ms):
    for k in range(ms // 10):
        if k % 20 == 0:
            wire.speak()
        while bus.step() == 0:
            clock.ms += 0
        clock.ms += 10


def test_a_pack_that_speaks_is_read_and_identified():
    clock, port, bus, pack, wire = bench()
    pack.set_need(250)
    run(clock, bus, wire, 3000)
    r = pack.reading
    assert (r.serial, r.maker) == ("SC48N26-000077", "OPENPACK")
    assert (r.chemistry, r.cell_count, r.nominal_mv, r.capacity_mah) == (2, 13, 46_800, 26_000)
    assert (r.pack_mv, r.current_ma, r.soc_pct, r.soh_pct, r.state_bits) == (51_200, -4500, 64, 97, 3)
    assert (r.cell_min_mv, r.cell_max_mv, r.temp_min_ddegc, r.temp_max_ddegc) == (3920, 3951, -30, 255)
    assert (r.charge_limit_ma, r.charge_limit_mv, r.cycles, r.alarm_bits) == (15_000, 54_600, 88, 0)
    assert pack.fault == "" and (clock.ms - r.taken_ms) & 0x3FFFFFFF <= 210


def test_a_pack_is_identified_wherever_in_its_round_the_listening_begins():
    for offset_ms in range(0, 1400, 100):
        clock, port, bus, pack, wire = bench()
        run(clock, bus, wire, offset_ms)
        pack.set_need(250)
        run(clock, bus, wire, 3400)
        assert pack.reading.taken_ms is not None, offset_ms
        assert pack.fault == ""


def test_without_one_of_its_frames_there_is_no_reading():
    for function in (0x10, 0x11, 0x12, 0x13, 0x14, 0x16):
        clock, port, bus, pack, wire = bench()
        wire.mute = (function,)
        pack.set_need(250)
        run(clock, bus, wire, 1200)
        assert pack.fault == "", "it may still have to say who it is"
        run(clock, bus, wire, 6000)
        assert pack.reading.taken_ms is None, function
        assert pack.fault == "timeout"


def test_a_frame_that_stops_coming_lets_the_reading_grow_old():
    clock, port, bus, pack, wire = bench()
    pack.set_need(250)
    run(clock, bus, wire, 3000)
    wire.mute = (0x13,)
    run(clock, bus, wire, 4000)
    assert (clock.ms - pack.reading.taken_ms) & 0x3FFFFFFF > 2000
    assert pack.fault == "timeout"


def test_an_implausible_frame_is_not_taken():
    for change in ("soc", "cells"):
        clock, port, bus, pack, wire = bench()
        pack.set_need(250)
        run(clock, bus, wire, 3000)
        if change == "soc":
            wire.soc = 101
        else:
            wire.cells = (3951, 3920)
        run(clock, bus, wire, 3000)
        assert pack.reading.soc_pct == 64 and pack.reading.cell_min_mv == 3920
        assert pack.fault == "implausible"


def test_a_frozen_counter_lets_the_reading_grow_old():
    clock, port, bus, pack, wire = bench()
    pack.set_need(250)
    run(clock, bus, wire, 3000)
    wire.measures = False
    run(clock, bus, wire, 4000)
    assert pack.fault == "frozen" and (clock.ms - pack.reading.taken_ms) & 0x3FFFFFFF > 2000


def test_a_counter_that_stands_still_for_weeks_never_counts_as_moving_again():
    clock, port, bus, pack, wire = bench()
    pack.set_need(250)
    run(clock, bus, wire, 3000)
    wire.measures = False
    frozen_ms = clock.ms
    run(clock, bus, wire, 25_000)
    assert pack.fault == "frozen" and pack.reading.taken_ms is None, "it can never become young again"
    for day in range(1, 14):
        clock.ms = frozen_ms + min(day * 86_400_000, 1 << 30)  # at last to where the counter of ticks has come round
        run(clock, bus, wire, 3000)
        assert pack.fault == "frozen" and pack.reading.taken_ms is None, day
    wire.measures = True
    run(clock, bus, wire, 1000)
    assert pack.fault == "" and (clock.ms - pack.reading.taken_ms) & 0x3FFFFFFF <= 210


def test_another_capacity_under_the_same_serial_is_foreign():
    clock, port, bus, pack, wire = bench()
    pack.set_need(250)
    run(clock, bus, wire, 3000)
    wire.capacity = 20_000
    run(clock, bus, wire, 3000)
    assert pack.fault == "foreign" and pack.reading.taken_ms is None and pack.reading.capacity_mah == 0


def test_another_serial_at_the_same_node_is_foreign():
    clock, port, bus, pack, wire = bench()
    pack.set_need(250)
    run(clock, bus, wire, 3000)
    wire.serial = b"SC48N26-000666"
    run(clock, bus, wire, 4000)
    assert pack.fault == "foreign" and pack.reading.taken_ms is None and pack.reading.serial == ""
    pack.set_need(0)
    pack.set_need(250)
    run(clock, bus, wire, 3000)
    assert pack.fault == "" and pack.reading.serial == "SC48N26-000666"


def test_nobody_listens_to_a_pack_that_is_not_needed():
    clock, port, bus, pack, wire = bench()
    run(clock, bus, wire, 3000)
    assert pack.reading.taken_ms is None and pack.fault == ""


def test_two_devices_cannot_share_an_identifier():
    clock, port, bus, pack, wire = bench()
    try:
        PackLinkCan(bus, 9, clock)
    except ValueError as error:
        assert "taken" in str(error)
    else:
        raise AssertionError("accepted")


def test_the_acceptance_filters_let_all_devices_pass():
    ids = [0x18FF1000 + (k << 8) + node for k in range(7) for node in range(9, 25)] + [0x18FF50A0 + n for n in range(1, 25)] + [0x20000123]
    filters = acceptance(ids, 14)
    assert len(filters) <= 14
    for can_id in ids:
        extended = not can_id & 0x20000000
        assert any(e == extended and (can_id & 0x1FFFFFFF & m) == i for i, m, e in filters), hex(can_id)
    assert acceptance([0x18FF1009]) == [(0x18FF1009, 0x1FFFFFFF, True)]


def test_a_bus_that_is_off_is_restarted_and_counted():
    clock, port, bus, pack, wire = bench()
    port.fault_state = 3
    run(clock, bus, wire, 3000)
    assert bus.fault == "bus_off" and bus.bus_off == 1 and 1 <= port.restarts <= 3
    port.fault_state = 0
    run(clock, bus, wire, 300)
    assert bus.fault == ""


def test_a_slow_frame_still_expires_after_a_slot_stood_empty_for_a_week():
    clock, port, bus, pack, wire = bench()
    clock.ms += 7 * 24 * 3600 * 1000
    pack.set_need(250)
    run(clock, bus, wire, 3000)
    assert pack.reading.taken_ms is not None
    wire.mute = (0x11,)
    run(clock, bus, wire, 4000)
    assert (clock.ms - pack.reading.taken_ms) & 0x3FFFFFFF > 2000 and pack.fault == "timeout"


def test_the_cell_groups_are_kept_for_a_technician_who_looks():
    clock, port, bus, pack, wire = bench()
    pack.set_need(250)
    view = bus.cells = CellView()
    run(clock, bus, wire, 2000)
    view.show(pack)
    for group in range(5):
        wire.frame(0x15, struct.pack("<BHHHB", group, 3900 + group, 3910, 3920 if group < 4 else 0, 0))
    run(clock, bus, wire, 100)
    mv = view.reported()["mv"]
    assert len(mv) == 14 and mv[:3] == [3900, 3910, 3920] and mv[12:] == [3904, 3910]
    wire.frame(0x15, struct.pack("<BHHHB", 11, 3900, 3910, 3920, 0))
    wire.frame(0x15, struct.pack("<BHHHB", 0, 6001, 1, 1, 0))
    before = pack.stats.implausible
    run(clock, bus, wire, 100)
    assert pack.stats.implausible == before + 2 and view.reported()["mv"][0] == 3900
    view.show(None)
    wire.frame(0x15, struct.pack("<BHHHB", 0, 3000, 3000, 3000, 0))
    run(clock, bus, wire, 100)
    assert view.reported() is None
