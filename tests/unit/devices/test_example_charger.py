"""The driver of examples/ that others copy keeps the duties of devices/contract.py, class Charger, one test a duty."""

from other_tests import module_at

from cabinet.bus.can_bus import CanBus

AcmeCharger = module_at("examples", "charger_driver").AcmeCharger
COMMAND, STATUS = 0x0C000007, 0x0C100007


class Clock:
    """Stands still until it is moved; the counter wraps in between."""

    ms = 0x3FFFF000

    def ticks_ms(self):
        return self.ms & 0x3FFFFFFF


class Port:
    """Notes what is sent."""

    bitrate = 250000

    def __init__(self):
        self.out = []
        self.inbox = []

    def send(self, can_id, extended, data):
        self.out.append((can_id, bytes(data[:5])))
        return True

    def recv(self, frame):
        if not self.inbox:
            return False
        frame.can_id, data = self.inbox.pop(0)
        frame.extended, frame.length = True, len(data)
        frame.data[: len(data)] = data
        return True

    def set_filters(self, filters):
        self.filters = filters

    def state(self):
        return 0


class Bench:
    """One charger on a line; `answers` and `ma`: whether it reports, and which current."""

    def __init__(self):
        self.clock, self.port = Clock(), Port()
        self.bus = CanBus("can", self.port, self.clock)
        self.charger = AcmeCharger(self.bus, 7, self.clock)
        self.answers, self.ma = True, 0

    def run(self, ms, mv=None, ma=0):
        """Let time pass; with `mv` the control loop renews the set-point every 50 ms."""
        for passed in range(0, ms, 10):
            if mv is not None and passed % 50 == 0:
                self.charger.set(mv, ma)
            if self.answers and passed % 200 == 0:
                self.port.inbox.append((STATUS, bytes((28, 2, self.ma // 100, 0, 0, 0, 0, 0))))
            self.bus.step()
            self.clock.ms += 10


def test_off_goes_out_at_once_and_again_until_no_current_flows():
    bench = Bench()
    bench.ma = 5000
    bench.run(1000, 54000, 5000)
    del bench.port.out[:]
    bench.charger.set(0, 0)
    assert bench.port.out == [(COMMAND, bytes(5))]
    bench.run(1000, 0, 0)
    assert len(bench.port.out) >= 8
    bench.ma = 0
    bench.run(400, 0, 0)
    del bench.port.out[:]
    bench.run(1000, 0, 0)
    assert len(bench.port.out) <= 3


def test_a_set_point_that_nobody_renews_is_withdrawn_after_two_seconds():
    bench = Bench()
    bench.run(1000, 54000, 5000)
    assert bench.port.out[-1] == (COMMAND, bytes((28, 2, 50, 0, 1)))
    bench.run(1900)
    assert bench.charger.set_ma == 5000
    bench.run(300)
    assert bench.charger.set_ma == 0 and bench.port.out[-1] == (COMMAND, bytes(5))


def test_the_set_point_is_repeated_before_the_charger_would_stop_by_itself():
    bench = Bench()
    bench.run(10000, 54000, 5000)
    assert 15 <= len(bench.port.out) <= 25


def test_it_reports_what_the_charger_measures():
    bench = Bench()
    bench.ma = 4900
    bench.run(500, 54000, 5000)
    reading = bench.charger.reading
    assert (reading.output_mv, reading.output_ma, reading.fault_bits) == (54000, 4900, 0) and reading.taken_ms is not None
    bench.port.inbox.append((STATUS, bytes((28, 2, 0, 0, 0xFF))))
    bench.bus.step()
    assert reading.fault_bits == 7


def test_a_silent_charger_is_a_fault_gets_no_set_point_and_its_reading_is_forgotten():
    bench = Bench()
    bench.run(500, 54000, 5000)
    bench.answers = False
    bench.run(4000, 54000, 5000)
    assert bench.charger.fault == "timeout" and bench.charger.set_ma == 0
    bench.run(20000, 54000, 5000)
    assert bench.charger.reading.taken_ms is None
    bench.answers = True
    bench.run(500, 54000, 5000)
    assert bench.charger.fault == "" and bench.charger.set_ma == 5000


def test_a_frame_that_is_too_short_is_counted_and_ignored():
    bench = Bench()
    bench.port.inbox.append((STATUS, b"\x01\x02"))
    bench.bus.step()
    assert bench.charger.reading.taken_ms is None and bench.charger.stats.as_dict()["implausible"] == 1
