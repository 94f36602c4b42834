"""The meter of the line: kinds, days and a budget that only telemetry feels."""

from cabinet.uplink import meter
from cabinet.uplink.meter import OVERHEAD, Meter


class Clock:
    now_ms = 0

    def ticks_ms(self):
        return self.now_ms & 0x3FFFFFFF


def test_bytes_are_counted_by_kind_and_with_what_surrounds_them():
    counter = Meter(Clock(), 0)
    counter.count(meter.EVENTS, 300)
    counter.count(meter.EVENTS, 200)
    counter.count(meter.SESSION, 2)
    report = counter.report()
    assert report["events"] == 500 and report["session"] == 2 and report["telemetry"] == 0
    assert report["line"] == 502 + 3 * OVERHEAD


def test_each_day_begins_at_nothing():
    clock = Clock()
    counter = Meter(clock, 0)
    counter.count(meter.STATES, 100)
    for _ in range(24):
        clock.now_ms += 3600000
        counter.count(meter.EVENTS, 1)
    assert counter.yesterday["states"] == 100 and counter.yesterday["events"] == 23
    assert counter.report()["events"] == 1 and counter.report()["states"] == 0


def test_without_a_budget_nothing_is_saved():
    counter = Meter(Clock(), 0)
    counter.count(meter.EVENTS, 1 << 40)
    assert counter.thrifty() is False


def test_who_spends_ahead_of_the_hour_saves_until_it_has_come():
    clock = Clock()
    counter = Meter(clock, 24 * 1000)
    counter.count(meter.EVENTS, 1000 - OVERHEAD)
    assert counter.thrifty() is False
    counter.count(meter.EVENTS, 1000)
    assert counter.thrifty() is True
    clock.now_ms = 2 * 3600000
    assert counter.thrifty() is False
