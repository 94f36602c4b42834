"""The meter of the line: kinds, days, restarts, and a budget that only telemetry and slot states feel."""

from cabinet.store.ring import JournalFull
from cabinet.uplink import meter
from cabinet.uplink.budget import Budget
from cabinet.uplink.meter import OVERHEAD, Meter

HOUR_MS = 3600000


class Clock:
    now_ms = 0

    def ticks_ms(self):
        return self.now_ms & 0x3FFFFFFF


class Store:
    def __init__(self):
        self.values = {}
        self.fails = False

    def get(self, name):
        return self.values.get(name)

    def put(self, name, value):
        if self.fails:
            raise JournalFull("no room")
        self.values[name] = bytes(value)


def test_bytes_are_counted_by_kind_and_with_what_surrounds_them():
    counter = Meter(Clock())
    counter.count(meter.EVENTS, 300)
    counter.count(meter.EVENTS, 200)
    counter.count(meter.SESSION, 2)
    report = counter.report()
    assert report["events"] == 500 and report["session"] == 2 and report["telemetry"] == 0
    assert report["line"] == 502 + 3 * OVERHEAD


def test_each_day_begins_at_nothing():
    clock = Clock()
    counter = Meter(clock)
    counter.count(meter.STATES, 100)
    for _ in range(24):
        clock.now_ms += HOUR_MS
        counter.count(meter.EVENTS, 1)
    report = counter.report()
    assert report["yesterday"] == 100 + 23 + 24 * OVERHEAD
    assert report["events"] == 1 and report["states"] == 0


def test_the_counters_outlive_a_restart_but_for_the_last_hour():
    clock, store = Clock(), Store()
    counter = Meter(clock, store)
    counter.count(meter.EVENTS, 1000)
    clock.now_ms += 2 * HOUR_MS
    counter.count(meter.TELEMETRY, 7)  # within the hour: lost
    again = Clock()
    counter = Meter(again, store)
    report = counter.report()
    assert (report["events"], report["telemetry"]) == (1000, 0)
    again.now_ms += 22 * HOUR_MS - 1
    counter.roll()
    assert counter.report()["yesterday"] == 0
    again.now_ms += 1
    counter.roll()
    assert counter.report()["yesterday"] == 1000 + OVERHEAD and counter.report()["events"] == 0


def test_flash_that_refuses_costs_the_counters_only():
    clock, store = Clock(), Store()
    store.fails = True
    counter = Meter(clock, store)
    clock.now_ms += 2 * HOUR_MS
    counter.count(meter.EVENTS, 1000)
    assert counter.report()["events"] == 1000


def test_without_a_budget_nothing_is_saved():
    counter = Meter(Clock())
    counter.count(meter.EVENTS, 1 << 29)
    assert not counter.thrifty(meter.TELEMETRY) and not counter.thrifty(meter.STATES)


def test_telemetry_is_throttled_first_then_slot_states_and_events_never():
    budget = Budget(Clock(), Store(), 32_000_000)  # a share of a million a day, half of it to begin with
    seen = []
    while len(seen) < 3:
        budget.count(meter.EVENTS, 10_000 - OVERHEAD)
        now = (budget.thrifty(meter.TELEMETRY), budget.thrifty(meter.STATES))
        if now not in seen:
            seen.append(now)
        assert not budget.thrifty(meter.EVENTS) and not budget.thrifty(meter.COMMANDS)
    assert seen == [(False, False), (True, False), (True, True)]


def test_a_debt_made_by_events_is_paid_before_telemetry_flows_again():
    clock = Clock()
    budget = Budget(clock, Store(), 32_000_000)
    budget.count(meter.EVENTS, 1_000_000)
    hours = 0
    while budget.thrifty(meter.TELEMETRY):
        clock.now_ms += HOUR_MS
        hours += 1
    assert 17 <= hours <= 19  # half a day of debt and a quarter that is kept


def test_a_month_costs_no_more_than_its_budget_however_much_telemetry_there_is():
    clock = Clock()
    budget = Budget(clock, Store(), 32_000_000)
    spent = 0
    for _ in range(31 * 24 * 4):
        clock.now_ms += HOUR_MS // 4
        for kind in (meter.EVENTS, meter.STATES, meter.TELEMETRY, meter.TELEMETRY):
            if kind == meter.EVENTS or not budget.thrifty(kind):
                size = 2000 if kind == meter.EVENTS else 9000
                budget.count(kind, size)
                spent += size + OVERHEAD
    assert 29_000_000 < spent <= 32_000_000


def test_the_debt_outlives_a_restart():
    clock, store = Clock(), Store()
    budget = Budget(clock, store, 32_000_000)
    budget.count(meter.EVENTS, 3_000_000)
    clock.now_ms += HOUR_MS
    budget.count(meter.EVENTS, 1)
    again = Budget(Clock(), store, 32_000_000)
    assert again.credit == budget.credit < -2_000_000 and again.thrifty(meter.STATES)


def test_a_budget_earns_while_nothing_can_be_sent():
    clock = Clock()
    budget = Budget(clock, Store(), 32_000_000)
    budget.count(meter.EVENTS, 1_500_000)
    for _ in range(7 * 24):  # more than the clock's milliseconds can tell
        clock.now_ms += HOUR_MS
        budget.roll()
    assert budget.credit == 1_000_000 and not budget.thrifty(meter.TELEMETRY)
