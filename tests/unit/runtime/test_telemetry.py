"""Telemetry by exception: what has moved by its dead-band, and all of it once in a while."""

from cabinet.runtime.upkeep import Telemetry


class Clock:
    now_ms = 5

    def ticks_ms(self):
        return self.now_ms & 0x3FFFFFFF


class Settings:
    period_s = 60
    heartbeat_s = 3600
    soc_pct = 20
    voltage_mv = 0
    current_ma = 5000
    temp_ddegc = 50
    cell_mv = 100
    power_w = 1000


class Control:
    slots = [None] * 3


def rule():
    clock = Clock()
    return Telemetry(Settings, clock, Control, None, None), clock


def due(telemetry, slot, soc=50, mv=52000, ma=9000, temp=250, low=3250, high=3260):
    """Whether slot has to be recorded."""
    return telemetry._due(slot, telemetry._bands, (soc, mv, ma, temp, low, high))


def test_a_slot_is_recorded_when_it_is_first_seen_and_then_when_something_has_moved_enough():
    telemetry, _ = rule()
    assert due(telemetry, 1) and not due(telemetry, 1)
    assert not due(telemetry, 1, soc=69, ma=4001, temp=299, high=3359)
    for change in ({"soc": 70}, {"ma": 14000}, {"temp": 300}, {"low": 3150}, {"high": 3360}):
        telemetry, _ = rule()
        due(telemetry, 1)
        assert due(telemetry, 1, **change), change
        assert not due(telemetry, 1, **change)


def test_it_is_the_last_record_that_counts_and_not_the_last_look():
    telemetry, _ = rule()
    due(telemetry, 2, soc=0)
    recorded = [soc for soc in range(100) if due(telemetry, 2, soc=soc)]
    assert recorded == [20, 40, 60, 80]


def test_a_dead_band_of_nothing_is_none():
    telemetry, _ = rule()
    due(telemetry, 1)
    assert not due(telemetry, 1, mv=99000)


def test_slots_and_cabinet_are_told_apart():
    telemetry, _ = rule()
    assert due(telemetry, 1) and due(telemetry, 3) and telemetry._due(0, telemetry._power, (500,))
    assert not due(telemetry, 3) and not telemetry._due(0, telemetry._power, (1499,))
    assert telemetry._due(0, telemetry._power, (1500,))


def test_what_does_not_move_is_recorded_once_an_hour_and_after_the_ticks_have_wrapped():
    telemetry, clock = rule()
    clock.now_ms = (1 << 30) - 1_800_000
    assert due(telemetry, 1)
    times = 0
    for _ in range(24 * 60):
        clock.now_ms += 60_000
        times += due(telemetry, 1)
    assert times == 24


def test_what_is_not_known_counts_as_nothing():
    telemetry, _ = rule()
    assert due(telemetry, 1, soc=None, temp=None) and not due(telemetry, 1, soc=None, temp=None)
    assert due(telemetry, 1, soc=50, temp=None)
