"""Packs driven by profiles: CAN ones that speak by themselves or are asked, register maps, and the reader that trusts no file."""

import struct

from cabinet.bus.can_bus import CanBus
from cabinet.bus.crc16 import crc16
from cabinet.bus.modbus_bus import ModbusBus
from cabinet.devices.profiles import reader
from cabinet.devices.profiles.pack_can import ProfileCan
from cabinet.devices.profiles.pack_modbus import ProfileModbus

STANDARD = 0x20000000


def compiled(name):
    with open("build/profiles/%s.profile" % name, "rb") as file:
        return file.read()


class HandClock:
    us = 0x3FFFFF00 * 1000  # just before the counter of milliseconds wraps

    def ticks_us(self):
        return self.us & 0x3FFFFFFF

    def ticks_ms(self):
        return (self.us // 1000) & 0x3FFFFFFF


class Port:
    bitrate = 250000
    stream = None

    def __init__(self, extended):
        self.extended = extended
        self.inbox = []
        self.out = []
        self.answer = None

    def send(self, can_id, extended, data):
        assert extended == self.extended
        self.out.append((can_id, bytes(data)))
        if self.answer:
            self.inbox.extend(self.answer(can_id, bytes(data)))
        return True

    def recv(self, frame):
        if not self.inbox:
            return False
        frame.can_id, data = self.inbox.pop(0)
        frame.extended = self.extended
        frame.length = len(data)
        frame.data[: len(data)] = data
        return True

    def set_filters(self, filters):
        self.filters = filters

    def state(self):
        return 0

    def restart(self):
        pass


def can_bench(name, address):
    clock = HandClock()
    profile = reader.read(compiled(name))
    port = Port(bool(profile.flags & 8))
    bus = CanBus("can-1", port, clock)
    return clock, port, bus, ProfileCan(bus, address, clock, profile)


def run(clock, bus, milliseconds, speak=None, every=200):
    for k in range(milliseconds // 10):
        if speak and k * 10 % every == 0:
            speak()
        while bus.step() == 0:
            pass
        clock.us += 10000


class Jbd:
    """Says all it has to say."""

    def __init__(self, port):
        self.port = port
        self.mute = ()
        self.cells = (3290, 3310)
        self.alarms = bytes(8)

    def speak(self):
        for can_id, data in (
            (0x351, struct.pack("<HHHH", 584, 150, 300, 400)),
            (0x355, struct.pack("<HHH", 64, 98, 6400)),
            (0x35A, self.alarms),
            (0x373, struct.pack("<HHHH", self.cells[0], self.cells[1], 293, 296)),
            (0x356, struct.pack("<HhhH", 5280, -45, 210, 77)),
        ):
            if can_id not in self.mute:
                self.port.inbox.append((can_id, data))


def test_a_pack_that_speaks_standard_frames_is_read():
    clock, port, bus, pack = can_bench("jbd-can", 1)
    wire = Jbd(port)
    wire.alarms = bytes([0x04, 0x04, 0, 0, 0, 0, 0, 0])
    pack.set_need(500)
    run(clock, bus, 1000, wire.speak)
    r = pack.reading
    assert (r.pack_mv, r.current_ma, r.soc_pct, r.soh_pct, r.cycles) == (52800, -4500, 64, 98, 77)
    assert (r.cell_min_mv, r.cell_max_mv, r.temp_min_ddegc, r.temp_max_ddegc) == (3290, 3310, 200, 230)
    assert (r.charge_limit_mv, r.charge_limit_ma, r.alarm_bits) == (58400, 15000, 0x11)
    assert r.serial == "" and r.identity_taken_ms is None, "nobody knows who it is"
    assert pack.fault == "" and r.counter > 2


def test_a_pack_without_the_message_of_its_cells_is_watched_and_known_not_to_be_whole():
    clock, port, bus, pack = can_bench("pylontech-can", 1)
    pack.set_need(500)

    def speak():
        limits, charge, alarms = (0x351, "1402740E740ECC01"), (0x355, "1A006400"), (0x359, "00000000")
        for can_id, data in (limits, charge, alarms, (0x35C, "C000"), (0x356, "021300004A01")):
            port.inbox.append((can_id, bytes.fromhex(data)))

    run(clock, bus, 3000, speak, 1000)
    r = pack.reading
    assert (r.pack_mv, r.soc_pct) == (48660, 26) and pack.fault == ""
    assert r.cell_max_mv == -1 and r.temp_max_ddegc == -9999 and not r.is_whole()


def test_cells_and_temperatures_whose_message_does_not_come_any_more_are_not_known_any_more():
    clock, port, bus, pack = can_bench("pylontech-can", 1)
    pack.set_need(500)
    messages = [(0x351, "1402740E740ECC01"), (0x355, "1A006400"), (0x359, "00000000"), (0x35C, "C000"), (0x356, "021300004A01")]
    messages.insert(0, (0x373, "E40CEE0CF0000401"))

    def speak():
        for can_id, data in messages:
            port.inbox.append((can_id, bytes.fromhex(data)))

    run(clock, bus, 3000, speak, 1000)
    r = pack.reading
    assert (r.cell_min_mv, r.cell_max_mv, r.temp_min_ddegc, r.temp_max_ddegc) == (3300, 3310, 240, 260) and r.is_whole()
    del messages[0]
    run(clock, bus, 8000, speak, 1000)
    assert r.taken_ms is not None and pack.fault == "" and not r.is_whole()


def test_the_frames_behind_a_reading_are_kept_as_evidence():
    clock, port, bus, pack = can_bench("jbd-can", 1)
    wire = Jbd(port)
    pack.set_need(500)
    out = bytearray()
    pack.put_frames(out)
    assert out == b""
    run(clock, bus, 1000, wire.speak)
    pack.put_frames(out)
    assert len(out) == 5 * 14
    found = {struct.unpack(">BBI", out[at : at + 6])[2]: bytes(out[at + 6 : at + 14]) for at in range(0, len(out), 14)}
    assert found[0x356] == struct.pack("<HhhH", 5280, -45, 210, 77) and found[0x355] == struct.pack("<HHHxx", 64, 98, 6400)


def test_without_one_of_its_messages_there_is_no_reading():
    for can_id in (0x351, 0x355, 0x35A, 0x373, 0x356):
        clock, port, bus, pack = can_bench("jbd-can", 1)
        wire = Jbd(port)
        wire.mute = (can_id,)
        pack.set_need(500)
        run(clock, bus, 7000, wire.speak)
        assert pack.reading.taken_ms is None and pack.fault == "timeout", hex(can_id)


def test_an_implausible_message_is_refused_as_a_whole_and_named():
    clock, port, bus, pack = can_bench("jbd-can", 1)
    wire = Jbd(port)
    pack.set_need(500)
    run(clock, bus, 600, wire.speak)
    taken = pack.reading.taken_ms
    wire.cells = (3400, 9000)
    run(clock, bus, 600, wire.speak)
    assert pack.stats.implausible >= 3 and pack.fault == "implausible"
    assert pack.reading.cell_max_mv == 3310 and (taken is not None)
    wire.cells = (3400, 3300)  # each in its range, but in the wrong order
    run(clock, bus, 600, wire.speak)
    assert pack.reading.cell_max_mv == 3310


def test_a_pack_that_left_is_forgotten_and_one_that_fell_silent_grows_old():
    clock, port, bus, pack = can_bench("jbd-can", 1)
    wire = Jbd(port)
    pack.set_need(500)
    run(clock, bus, 600, wire.speak)
    run(clock, bus, 30000)
    assert pack.fault == "timeout" and pack.reading.taken_ms is None, "it can never become young again"
    run(clock, bus, 600, wire.speak)
    assert pack.fault == "" and pack.reading.pack_mv == 52800
    pack.set_need(0)
    assert pack.reading.taken_ms is None and pack.reading.pack_mv == 0
    run(clock, bus, 600, wire.speak)
    assert pack.reading.taken_ms is None, "nobody wants to know"


def test_a_host_that_must_keep_the_pack_awake_does_so_every_second():
    clock, port, bus, pack = can_bench("pylontech-can", 1)
    run(clock, bus, 2000)
    assert port.out == [], "not before somebody wants to know"
    pack.set_need(500)
    run(clock, bus, 5000)
    assert 4 <= len(port.out) <= 6 and set(port.out) == {(0x305, bytes(8))}


class Daly:
    """Answers requests to one address."""

    def __init__(self, address):
        self.address = address
        self.mute = ()
        self.current = 30000

    def answer(self, can_id, data):
        command = can_id >> 16 & 0xFF
        if can_id != 0x18000040 | command << 16 | self.address << 8 or command in self.mute:
            return []
        frames = {
            0x90: [struct.pack(">HHHH", 528, 0, self.current, 640)],
            0x91: [struct.pack(">HBHBH", 3310, 1, 3290, 2, 0)],
            0x92: [bytes([63, 1, 60, 2, 0, 0, 0, 0])],
            0x93: [struct.pack(">BBBBI", 0, 1, 1, 9, 10000)],
            0x94: [struct.pack(">BBBBBHB", 16, 2, 0, 0, 0, 77, 0)],
            0x98: [bytes(8)],
            0x50: [struct.pack(">II", 30000, 3200)],
            0x95: [struct.pack(">BHHHB", k, 3290 + k, 3300, 3310, 0) for k in range(1, 7)],
        }[command]
        return [(0x18004000 | command << 16 | self.address, frame) for frame in frames]


def test_a_pack_that_answers_requests_is_asked_for_each_message_in_turn():
    clock, port, bus, pack = can_bench("daly-can", 4)
    wire = Daly(4)
    port.answer = wire.answer
    pack.set_need(500)
    run(clock, bus, 3000)
    r = pack.reading
    assert (r.pack_mv, r.current_ma, r.soc_pct, r.cycles, r.state_bits) == (52800, 0, 64, 77, 3)
    assert (r.cell_min_mv, r.cell_max_mv, r.temp_min_ddegc, r.temp_max_ddegc) == (3290, 3310, 200, 230)
    assert pack.pack.cells[15] == 3296 and r.charge_limit_ma == 0
    asked = [can_id >> 16 & 0xFF for can_id, data in port.out]
    assert set(asked) == {0x90, 0x91, 0x92, 0x93, 0x94, 0x98, 0x50, 0x95}
    assert asked.count(0x90) >= 4 and asked.count(0x50) <= asked.count(0x90)
    wire.current = 30100  # of this maker more than 30000 is discharge
    run(clock, bus, 1500)
    assert r.current_ma == -10000


def test_a_polled_pack_without_one_needed_answer_gives_no_reading_and_one_without_its_list_does():
    for command, expected in ((0x92, None), (0x95, 52800)):
        clock, port, bus, pack = can_bench("daly-can", 4)
        wire = Daly(4)
        wire.mute = (command,)
        port.answer = wire.answer
        pack.set_need(500)
        run(clock, bus, 12000)
        assert (pack.reading.pack_mv or None) == expected, hex(command)
        assert pack.fault == ("timeout" if expected is None else "")


class SwapPack:
    """Multiplexed labels under one identifier."""

    def __init__(self, port, address):
        self.port = port
        self.can_id = 0x00802100 | address
        self.serial = b"MT48V24A00012345"
        self.cells = [3290 + n for n in range(16)]
        self.capacity = 2600
        self.count = 16

    def speak(self):
        labels = [(1, struct.pack("<HhBB", 5280, -450, 64, 2)), (2, struct.pack("<HBBH", 0, 0, 97, 500))]
        for k in range(5):
            labels.append((3 + k, struct.pack("<HHH", *self.cells[3 * k : 3 * k + 3])))
        labels.append((8, struct.pack("<H", self.cells[15])))
        for k, size in ((0, 6), (1, 6), (2, 4)):
            labels.append((9 + k, self.serial[6 * k : 6 * k + size]))
        labels.append((12, bytes(6)))
        labels.append((13, struct.pack("<HHH", 88, 1000, self.capacity)))
        labels.append((14, struct.pack("<bbbbbB", 23, 20, 30, 30, 40, 0)))
        labels.append((17, struct.pack("<BBI", 0, self.count, 26000)))
        labels.append((1, labels[0][1]))
        for label, data in labels:
            self.port.inbox.append((self.can_id, bytes([label]) + data))


def test_multiplexed_parts_become_one_reading_with_an_identity():
    clock, port, bus, pack = can_bench("swap-80", 7)
    wire = SwapPack(port, 7)
    pack.set_need(500)
    run(clock, bus, 1000, wire.speak)
    r = pack.reading
    assert (r.serial, r.cell_count, r.capacity_mah, r.cycles, r.soh_pct) == ("MT48V24A00012345", 16, 26000, 88, 97)
    assert (r.pack_mv, r.current_ma, r.cell_min_mv, r.cell_max_mv) == (52800, -4500, 3290, 3305)
    assert (r.temp_min_ddegc, r.temp_max_ddegc, r.charge_limit_ma, r.charge_limit_mv) == (200, 230, 5000, 0)
    assert r.chemistry == 0, "not told, so core accepts it never"


def test_another_serial_number_in_the_same_place_is_foreign_until_the_slot_was_empty():
    clock, port, bus, pack = can_bench("swap-80", 7)
    wire = SwapPack(port, 7)
    pack.set_need(500)
    run(clock, bus, 1000, wire.speak)
    wire.serial = b"MT48V24A00099999"
    run(clock, bus, 2000, wire.speak)
    assert pack.reading.taken_ms is None and pack.reading.serial == "" and pack.fault == "foreign"
    pack.set_need(0)
    pack.set_need(500)
    run(clock, bus, 1000, wire.speak)
    assert pack.reading.serial == "MT48V24A00099999" and pack.fault == ""


def test_a_pack_that_is_built_otherwise_under_the_same_serial_number_is_foreign():
    def cells(pack, wire):
        wire.count = 13

    def chemistry(pack, wire):
        pack.pack.numbers[15] = 2

    def nominal(pack, wire):
        pack.pack.numbers[13] = 72_000

    for change in (cells, chemistry, nominal):
        clock, port, bus, pack = can_bench("swap-80", 7)
        wire = SwapPack(port, 7)
        pack.set_need(500)
        run(clock, bus, 1000, wire.speak)
        pack.pack.numbers[15] = 1  # as if its maker told these: swap-80 does not
        pack.pack.numbers[13] = 51_200
        run(clock, bus, 1000, wire.speak)
        r = pack.reading
        assert (r.chemistry, r.nominal_mv, r.cell_count, pack.fault) == (1, 51_200, 16, ""), "known late is no change"
        change(pack, wire)
        run(clock, bus, 2000, wire.speak)
        assert r.taken_ms is None and r.serial == "" and pack.fault == "foreign", change


def test_a_capacity_that_the_pack_learns_is_no_other_pack_and_does_not_move_during_a_stay():
    clock, port, bus, pack = can_bench("swap-80", 7)
    wire = SwapPack(port, 7)
    pack.set_need(500)
    run(clock, bus, 1000, wire.speak)
    wire.capacity = 20_000
    run(clock, bus, 2000, wire.speak)
    assert pack.fault == "" and pack.reading.capacity_mah == 26_000
    pack.set_need(0)
    pack.set_need(500)
    run(clock, bus, 1000, wire.speak)
    assert pack.reading.capacity_mah == 200_000


def test_a_counter_that_stands_still_for_weeks_never_counts_as_moving_again():
    clock, port, bus, pack = can_bench("swap-80", 7)
    wire = SwapPack(port, 7)
    pack.profile.flags |= 16  # as if its maker told a counter: no profile that ships has one
    pack.set_need(500)
    run(clock, bus, 1000, wire.speak)
    assert pack.fault == "" and pack.reading.taken_ms is not None
    frozen_us = clock.us - 1_000_000
    run(clock, bus, 25_000, wire.speak)
    assert pack.fault == "frozen" and pack.reading.taken_ms is None, "it can never become young again"
    for day in range(1, 14):
        clock.us = frozen_us + min(day * 86_400_000, 1 << 30) * 1000  # at last to where the counter of ticks has come round
        run(clock, bus, 3000, wire.speak)
        assert pack.fault == "frozen" and pack.reading.taken_ms is None, day
    pack.pack.numbers[11] += 1
    run(clock, bus, 1000, wire.speak)
    assert pack.fault == "" and pack.reading.taken_ms is not None


def test_packs_share_one_profile_and_hear_only_their_own_frames():
    clock, port, bus, pack = can_bench("swap-80", 7)
    other = ProfileCan(bus, 8, clock, pack.profile)
    pack.set_need(500)
    other.set_need(500)
    run(clock, bus, 1000, SwapPack(port, 8).speak)
    assert other.reading.serial and not pack.reading.serial


class JkLine:
    """Registers that count bytes."""

    baud = 115200
    stream = None

    def __init__(self, unit):
        self.unit = unit
        self.image = bytearray(0x400)
        struct.pack_into(">16H", self.image, 0x200, *[3290 + n for n in range(16)])
        struct.pack_into(">I", self.image, 0x240, 0xFFFF)
        struct.pack_into(">I", self.image, 0x290, 52800)
        struct.pack_into(">ihhI", self.image, 0x298, -4500, 200, 230, 0)
        self.image[0x2A7] = 64
        struct.pack_into(">II", self.image, 0x2AC, 30000, 77)
        self.image[0x2B8] = 98
        self.image[0x2C0] = self.image[0x2C1] = 1
        struct.pack_into(">I", self.image, 0x2C, 15000)
        self.data = b""
        self.requests = []

    def write(self, data):
        unit, function, start, count = struct.unpack(">BBHH", bytes(data)[:6])
        self.requests.append((start, count))
        if unit == self.unit:
            body = bytes([unit, function, 2 * count]) + bytes(self.image[start - 0x1000 : start - 0x1000 + 2 * count])
            self.data = body + struct.pack("<H", crc16(body, 0, len(body)))
        return len(data)

    def readinto(self, buf):
        count = min(len(buf), len(self.data))
        buf[:count] = self.data[:count]
        self.data = self.data[count:]
        return count


def test_a_register_map_that_counts_bytes_is_read_in_pieces_with_rest_between():
    clock = HandClock()
    line = JkLine(3)
    bus = ModbusBus("packs", line, clock)
    pack = ProfileModbus(bus, 3, clock, reader.read(compiled("jk-pb-modbus")))
    pack.set_need(500)
    last = None
    gaps = []
    while len(line.requests) < 60:
        before = len(line.requests)
        wait = bus.step()
        if len(line.requests) > before:
            if last is not None:
                gaps.append((clock.us - last) // 1000)
            last = clock.us
        clock.us += max(wait, 100)
    r = pack.reading
    assert (r.pack_mv, r.current_ma, r.soc_pct, r.soh_pct, r.cycles) == (52800, -4500, 64, 98, 77)
    assert (r.cell_min_mv, r.cell_max_mv, r.temp_min_ddegc, r.temp_max_ddegc, r.charge_limit_ma) == (3290, 3305, 200, 230, 15000)
    assert min(gaps) >= 120 and max(count for start, count in line.requests) <= 40
    limits = [start for start, count in line.requests if start == 0x102C]
    assert 1 <= len(limits) < len(line.requests) // 10, "what hardly changes is asked for rarely"
    line.image[0x2C0] = 0
    while len(line.requests) < 80:
        clock.us += max(bus.step(), 100)
    assert r.charge_limit_ma == 0, "a pack that has opened its charge switch takes nothing"


def refused(data):
    try:
        reader.read(data)
    except reader.ProfileError as error:
        return str(error)
    return ""


def sealed(data):
    return bytes(data[:-2]) + struct.pack("<H", crc16(data, 0, len(data) - 2))


def test_a_damaged_or_foreign_file_is_refused():
    good = compiled("daly-can")
    assert refused(good) == ""
    assert "no compiled profile" in refused(sealed(b"ELF!" + good[4:]))
    assert "format 9" in refused(sealed(good[:4] + b"\x09" + good[5:]))
    assert "damaged" in refused(good[:100] + bytes([good[100] ^ 1]) + good[101:])
    for size in (0, 1, 40, len(good) - 1):
        assert refused(good[:size]), size
    assert refused(good + b"\0")


def test_no_single_byte_can_be_changed_so_that_the_reader_stumbles():
    """A hostile file has a right check value. Whatever else stands in it: it is refused by name, or it is harmless."""
    for name in ("jbd-rs485", "swap-80"):
        good = compiled(name)
        harmless = 0
        for at in range(0, len(good) - 2):
            for value in (0xFF, 0x80):
                data = bytearray(good)
                data[at] ^= value
                if refused(sealed(data)) == "":
                    harmless += 1
        assert 0 < harmless < 2 * len(good)


class View:
    """Who looks at the cells of one pack."""

    def __init__(self, owner):
        self.owner = owner
        self.cells = {}
        self.sensors = {}

    def cell(self, index, mv):
        self.cells[index] = mv
        return True

    def temperature(self, index, ddegc):
        self.sensors[index] = ddegc


def test_cells_and_sensors_are_shown_to_who_looks_at_this_pack():
    clock, port, bus, pack = can_bench("swap-80", 7)
    other = ProfileCan(bus, 8, clock, pack.profile)
    bus.cells = View(pack)
    pack.set_need(500)
    other.set_need(500)
    run(clock, bus, 1000, SwapPack(port, 8).speak)
    assert bus.cells.cells == {}, "another pack's"
    run(clock, bus, 1000, SwapPack(port, 7).speak)
    assert bus.cells.cells == {n: 3290 + n for n in range(16)} and bus.cells.sensors == {0: 230, 1: 200}
