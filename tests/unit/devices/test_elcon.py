"""The charger: its set-point is repeated while somebody stands by it, and withdrawn when nobody does."""

from cabinet.bus.can_bus import CanBus
from cabinet.core.reading import CHARGER_COMMUNICATION, CHARGER_OVER_TEMPERATURE
from cabinet.devices.chargers.elcon import ElconCharger


class HandClock:
    ms = 1000

    def ticks_ms(self):
        return self.ms & 0x3FFFFFFF


class Port:
    bitrate = 250_000

    def __init__(self):
        self.out = []
        self.inbox = []
        self.room = 1000

    def send(self, can_id, extended, data):
        if len(self.out) >= self.room:
            return False
        self.out.append((can_id, bytes(data)))
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
        return 0


def bench():
    clock = HandClock()
    port = Port()
    bus = CanBus("can", port, clock)
    return clock, port, bus, ElconCharger(bus, 0xE5, clock)


def run(clock, bus, ms, each=None):
    for _ in range(ms // 10):
        bus.step()
        if each:
            each()
        clock.ms += 10


def test_the_command_is_that_of_the_published_example():
    clock, port, bus, charger = bench()
    charger.set(98_000, 16_000)
    bus.step()
    assert port.out == [(0x1806E5F4, bytes([0x03, 0xD4, 0x00, 0xA0, 0, 0, 0, 0]))]


def test_a_set_point_is_repeated_every_second():
    clock, port, bus, charger = bench()
    run(clock, bus, 10_000, lambda: charger.set(54_600, 5_000))
    assert 9 <= len(port.out) <= 11
    assert all(data[4] == 0 for _, data in port.out)


def test_stop_goes_out_at_once_and_ahead_of_what_waits():
    clock, port, bus, charger = bench()
    other = ElconCharger(bus, 0xE7, clock)
    run(clock, bus, 100, lambda: charger.set(54_600, 5_000))
    port.out.clear()
    port.room = 0
    other.set(54_600, 5_000)
    bus.step()
    charger.set(0, 0)
    port.room = 10
    bus.step()
    assert port.out[0] == (0x1806E5F4, bytes([0, 0, 0, 0, 1, 0, 0, 0]))
    assert port.out[1][0] == 0x1806E7F4


def test_off_is_said_again_soon_until_no_current_flows():
    clock, port, bus, charger = bench()
    run(clock, bus, 500, lambda: charger.set(54_600, 5_000))
    port.inbox.append((0x18FF50E5, bytes([0x02, 0x22, 0x00, 0x32, 0, 0, 0, 0])))
    run(clock, bus, 200, lambda: charger.set(54_600, 5_000))
    port.out.clear()
    charger.set(0, 0)
    run(clock, bus, 1_000, lambda: charger.set(0, 0))
    assert 9 <= len(port.out) <= 11
    assert all(data == bytes([0, 0, 0, 0, 1, 0, 0, 0]) for _, data in port.out)
    port.inbox.append((0x18FF50E5, bytes([0x02, 0x22, 0, 0, 0, 0, 0, 0])))
    bus.step()
    port.out.clear()
    run(clock, bus, 3_000, lambda: charger.set(0, 0))
    assert 2 <= len(port.out) <= 4


def test_off_is_said_again_soon_until_a_status_is_newer_than_it():
    clock, port, bus, charger = bench()
    port.inbox.append((0x18FF50E5, bytes([0x02, 0x22, 0, 0, 0, 0, 0, 0])))
    run(clock, bus, 200, lambda: charger.set(54_600, 5_000))
    charger.set(0, 0)  # before any status could tell of current
    port.out.clear()
    run(clock, bus, 1_000, lambda: charger.set(0, 0))
    assert 9 <= len(port.out) <= 11
    port.inbox.append((0x18FF50E5, bytes([0x02, 0x22, 0, 0, 0, 0, 0, 0])))
    bus.step()
    port.out.clear()
    run(clock, bus, 3_000, lambda: charger.set(0, 0))
    assert 2 <= len(port.out) <= 4


def test_a_set_point_that_nobody_renews_is_withdrawn():
    clock, port, bus, charger = bench()
    charger.set(54_600, 5_000)
    run(clock, bus, 3_000)
    assert port.out[-1][1][4] == 1 and charger.set_ma == 0


def test_a_current_below_what_the_charger_can_be_told_is_off():
    clock, port, bus, charger = bench()
    charger.set(54_600, 99)
    bus.step()
    assert port.out[-1][1] == bytes([0, 0, 0, 0, 1, 0, 0, 0])


def test_its_status_is_read():
    clock, port, bus, charger = bench()
    port.inbox.append((0x18FF50E5, bytes([0x02, 0x22, 0x00, 0x32, 0x12, 0, 0, 0])))
    bus.step()
    r = charger.reading
    assert (r.output_mv, r.output_ma, r.taken_ms) == (54_600, 5_000, 1000)
    assert r.fault_bits == CHARGER_OVER_TEMPERATURE | CHARGER_COMMUNICATION


def test_a_charger_that_falls_silent_is_at_fault_and_forgotten():
    clock, port, bus, charger = bench()
    port.inbox.append((0x18FF50E5, bytes(8)))
    run(clock, bus, 2_900)
    assert charger.fault == ""
    run(clock, bus, 500)
    assert charger.fault == "timeout" and charger.reading.taken_ms is not None
    run(clock, bus, 25_000)
    assert charger.reading.taken_ms is None
    port.inbox.append((0x18FF50E5, bytes(8)))
    bus.step()
    assert charger.fault == ""


def test_a_short_status_is_not_taken():
    clock, port, bus, charger = bench()
    port.inbox.append((0x18FF50E5, b"\x01\x02"))
    bus.step()
    assert charger.reading.taken_ms is None and charger.stats.implausible == 1
