"""The Modbus master on a line and a clock that the test moves by hand."""

from cabinet.bus.crc16 import crc16
from cabinet.bus.modbus_bus import ModbusBus
from cabinet.bus.modbus_frame import READ_HOLDING
from cabinet.bus.polled_client import PolledClient


class HandClock:
    def __init__(self):
        self.us = 0x3FFF0000  # just before the counter wraps

    def ticks_us(self):
        return self.us & 0x3FFFFFFF

    def ticks_ms(self):
        return (self.us // 1000) & 0x3FFFFFFF

    def move(self, us):
        self.us += us


class Wire:
    """Answers come from `slave(request) -> bytes`, `think_us` after the request, and take their time on the wire."""

    baud = 115200
    stream = None

    def __init__(self, clock, slave, think_us=5000):
        self.clock = clock
        self.slave = slave
        self.think_us = think_us
        self.pending = []  # (instant, byte)
        self.babble_us = None  # since when somebody talks without end
        self.last_byte_us = None
        self.gap_min = 1 << 29

    def write(self, data):
        data = bytes(data)
        now = self.clock.us
        if self.last_byte_us is not None:
            self.gap_min = min(self.gap_min, now - self.last_byte_us)
        end = now + len(data) * 87
        self.last_byte_us = end
        answer = self.slave(data)
        if answer:
            self.put(answer, end + self.think_us)
        return len(data)

    def put(self, data, start):
        for i, byte in enumerate(data):
            self.pending.append((start + (i + 1) * 87, byte))

    def readinto(self, buf):
        n = 0
        if self.babble_us is not None:
            n = min(len(buf), (self.clock.us - self.babble_us) // 87)
            self.babble_us += n * 87
            for i in range(n):
                buf[i] = 0xAA
            return n
        while self.pending and n < len(buf) and self.pending[0][0] <= self.clock.us:
            at, buf[n] = self.pending.pop(0)
            self.last_byte_us = max(self.last_byte_us or 0, at)
            n += 1
        return n


class Meter(PolledClient):
    """Reads four registers and remembers what came."""

    def __init__(self, bus, address, period_ms=100):
        PolledClient.__init__(self, bus, address, "meter {}".format(address))
        self.period_ms = period_ms
        self.due_ms = bus.clock.ticks_ms()
        self.count = 0
        self.first = None
        self.register = 0

    def compose(self, now_ms):
        return self.bus.read(READ_HOLDING, self.register, 4)

    def accept(self, buf, at, now_ms):
        self.count += 1
        if self.first is None:
            self.first = bytes(buf[at : at + 8])
        return ""


def framed(body):
    crc = crc16(body, 0, len(body))
    return bytes(body) + bytes([crc & 0xFF, crc >> 8])


def reply(request, fill=0x11):
    return framed(bytes([request[0], 3, 8]) + bytes([fill] * 8))


def run(bus, clock, ms):
    end = clock.us + ms * 1000
    while clock.us < end:
        wait = bus.step()
        assert wait >= 0
        clock.move(max(wait, 50))


def bench(slave, units=1, period_ms=100, **options):
    clock = HandClock()
    wire = Wire(clock, slave)
    bus = ModbusBus("test", wire, clock, **options)
    return clock, wire, bus, [Meter(bus, i + 1, period_ms) for i in range(units)]


def test_crc_is_that_of_the_specification():
    assert crc16(b"123456789", 0, 9) == 0x4B37
    assert framed(bytes([1, 3, 0, 0, 0, 10])) == bytes([1, 3, 0, 0, 0, 10, 0xC5, 0xCD])


def test_a_unit_is_polled_at_its_period():
    clock, wire, bus, (meter,) = bench(reply)
    run(bus, clock, 1000)
    assert 9 <= meter.count <= 11
    assert meter.first == bytes([0x11] * 8)
    assert meter.fault == "" and meter.stats.timeouts == 0


def test_a_full_bus_keeps_the_gaps_and_wastes_little():
    clock, wire, bus, meters = bench(reply, 6, 1)
    run(bus, clock, 1000)
    assert wire.gap_min >= bus.gap_us
    ideal = (8 + 13) * 87 + 5000 + bus.gap_us
    done = sum(m.count for m in meters)
    assert done * ideal >= 950_000
    assert max(m.count for m in meters) - min(m.count for m in meters) <= 1


def test_on_a_full_bus_the_undemanding_unit_keeps_its_period():
    clock, wire, bus, (fast, slow) = bench(reply, 2, 4)
    slow.period_ms = 40
    run(bus, clock, 2000)
    assert slow.count >= 45
    assert fast.count > 3 * slow.count


def test_dead_units_cost_the_living_less_than_three_percent():
    def slave(request):
        return None if request[0] > 6 else reply(request)

    clock, wire, bus, meters = bench(reply, 6, 1)
    run(bus, clock, 10_000)
    alone = sum(m.count for m in meters)
    clock, wire, bus, meters = bench(slave, 12, 1)
    run(bus, clock, 5_000)  # they are found out
    before = sum(m.count for m in meters)
    run(bus, clock, 10_000)
    with_dead = sum(m.count for m in meters) - before
    assert with_dead * 103 >= alone * 100, (with_dead, alone)
    assert meters[7].fault == "timeout"
    run(bus, clock, 20_000)
    assert meters[7].stats.requests > 3, "still looked for"


def test_a_unit_that_comes_back_is_polled_again():
    dead = [True]
    clock, wire, bus, (meter,) = bench(lambda request: None if dead[0] else reply(request))
    run(bus, clock, 3000)
    assert meter.count == 0 and meter.fault == "timeout"
    dead[0] = False
    run(bus, clock, 20_000)
    assert meter.fault == "" and meter.count > 20


def test_a_wrong_crc_is_counted_and_never_read():
    clock, wire, bus, (meter,) = bench(lambda request: reply(request)[:-1] + b"\x00")
    run(bus, clock, 1000)
    assert meter.count == 0
    assert meter.fault == "crc" and meter.stats.crc_errors >= 3


def test_an_exception_is_named():
    clock, wire, bus, (meter,) = bench(lambda request: framed(bytes([request[0], 0x83, 2])))
    run(bus, clock, 1000)
    assert meter.count == 0 and meter.fault == "exception"


def test_an_answer_of_another_unit_is_foreign():
    clock, wire, bus, (meter,) = bench(lambda request: reply(bytes([9]) + request[1:]))
    run(bus, clock, 4000)
    assert meter.count == 0 and meter.fault == "foreign"


def test_an_answer_of_another_length_is_not_taken():
    clock, wire, bus, (meter,) = bench(lambda request: framed(bytes([request[0], 3, 4, 1, 2, 3, 4])))
    run(bus, clock, 5000)
    assert meter.count == 0 and meter.fault == "foreign"


def test_the_right_answer_behind_a_foreign_one_is_found():
    clock, wire, bus, (meter,) = bench(lambda request: reply(bytes([9]) + request[1:]) + reply(request))
    run(bus, clock, 500)
    assert meter.count >= 4 and meter.fault == ""


def test_babble_in_front_of_an_answer_is_skipped():
    clock, wire, bus, (meter,) = bench(lambda request: b"\x01\x03\x08\xff" + reply(request))
    run(bus, clock, 500)
    assert meter.count >= 4 and meter.first == bytes([0x11] * 8)


def test_a_unit_that_thinks_for_up_to_two_seconds_is_found_at_once():
    for think_ms in (105, 400, 1000, 2000):
        clock, wire, bus, (meter,) = bench(reply)
        wire.think_us = think_ms * 1000
        run(bus, clock, 30_000)
        assert meter.fault == "" and meter.stats.timeouts == 0, think_ms
        assert meter.count >= 30_000 // (think_ms + 220) * 8 // 10, think_ms


def test_a_slow_unit_among_quick_ones_is_found_and_costs_them_nothing_meanwhile():
    clock, wire, bus, meters = bench(lambda request: None if request[0] == 4 else reply(request), 4)
    run(bus, clock, 20_000)
    count = sum(m.count for m in meters)
    run(bus, clock, 20_000)
    assert sum(m.count for m in meters) - count >= count * 95 // 100


def test_a_late_answer_does_not_pass_for_the_next_one():
    answers = [0]

    def slave(request):
        answers[0] += 1
        return reply(request, answers[0] & 0xFF)

    clock, wire, bus, (meter,) = bench(slave, timeout_ms=30, probe_timeout_ms=30)
    wire.think_us = 2_500_000
    run(bus, clock, 8000)
    asked = answers[0]
    assert meter.count == 0 and asked >= 3
    wire.think_us = 1000
    run(bus, clock, 3000)
    assert meter.first[0] == asked + 1, "the answer to that very request"
    assert bus.stray_bytes > 0


def test_endless_babble_stops_neither_the_bus_nor_the_memory():
    clock, wire, bus, (meter,) = bench(lambda request: None)
    wire.babble_us = clock.us
    run(bus, clock, 2000)
    assert meter.stats.requests >= 3
    assert meter.count == 0


def test_a_line_that_fails_is_a_silent_unit():
    clock, wire, bus, (meter,) = bench(reply)

    def broken(data):
        raise OSError(5)

    wire.write = broken
    run(bus, clock, 4000)
    assert meter.fault == "timeout" and bus.line_errors > 0


def test_two_devices_cannot_share_an_address():
    clock, wire, bus, (meter,) = bench(reply)
    try:
        Meter(bus, 1)
    except ValueError as error:
        assert "taken" in str(error)
    else:
        raise AssertionError("accepted")


def test_a_device_that_needs_rest_gets_it_and_the_others_use_the_time():
    clock, wire, bus, (resting, other) = bench(reply, 2, 10)
    resting.rest_ms = 120
    ends = []
    asked = []

    def compose(now_ms, compose=resting.compose):
        asked.append(now_ms)
        return compose(now_ms)

    def accept(buf, at, now_ms):
        ends.append(now_ms)
        return ""

    resting.compose = compose
    resting.accept = accept
    run(bus, clock, 2000)
    assert len(ends) >= 14
    assert min((later - end) & 0x3FFFFFFF for later, end in zip(asked[1:], ends)) >= 120
    assert other.count >= 150


def test_rest_holds_for_urgent_requests_too():
    clock, wire, bus, (resting, other) = bench(reply, 2, 1000)
    resting.rest_ms = 120
    run(bus, clock, 50)
    resting.urgent = True
    before = resting.count
    run(bus, clock, 60)
    assert resting.count == before and other.count == 1
    run(bus, clock, 100)
    assert resting.count > before


def test_a_read_of_more_than_the_device_takes_is_not_sent():
    sent = []

    def slave(request):
        sent.append(request)
        return reply(request)

    clock, wire, bus, (meter,) = bench(slave)
    meter.max_registers = 3
    run(bus, clock, 300)
    assert sent == [] and meter.count == 0
