"""The charger that never stops by itself: set up before it is used, read back before it is switched on, cut off when it is lost."""

from cabinet.bus.can_bus import CanBus
from cabinet.core.reading import CHARGER_HARDWARE, CHARGER_INPUT_VOLTAGE
from cabinet.devices.chargers.npb import NpbCharger
from cabinet.runtime.mains import OFF_MS, MainsGuard
from plant import npb

COMMAND, ANSWER = 0x000C0102, 0x000C0002


class HandClock:
    ms = 0x3FFFF000  # the counter wraps soon

    def ticks_ms(self):
        return self.ms & 0x3FFFFFFF


class Pack:
    """48 V and some resistance."""

    temp_c = 25.0

    def volts(self):
        return 52.0

    def accepts_a(self, amps, volts, line_ohm):
        return max(0.0, min(amps, (volts - 52.0) / 0.1))


class Wire:
    """The unit of the plant behind a CAN port."""

    bitrate = 250_000

    def __init__(self, unit):
        self.unit = unit
        self.out = []
        self.inbox = []
        self.cut = False
        self.dead = False  # the controller behind it has no supply

    def send(self, can_id, extended, data):
        assert extended and can_id == COMMAND
        if self.dead:
            return False
        if self.cut:
            return True
        self.out.append(bytes(data))
        answer = self.unit.receive(bytes(data))
        if answer is not None:
            self.inbox.append(answer)
        return True

    def recv(self, frame):
        if self.dead or not self.inbox:
            return False
        data = self.inbox.pop(0)
        frame.can_id = ANSWER
        frame.extended = True
        frame.length = len(data)
        frame.data[: len(data)] = data
        return True

    def set_filters(self, filters):
        self.filters = filters

    def state(self):
        return 3 if self.dead else 0

    def restart(self):
        if self.dead:
            raise OSError(19)


class Bench:
    def __init__(self):
        self.clock = HandClock()
        self.unit = npb.NpbCharger(2)
        self.wire = Wire(self.unit)
        self.bus = CanBus("can", self.wire, self.clock)
        self.charger = NpbCharger(self.bus, 2, self.clock)
        self.pack = Pack()
        self.mains = True
        self.events = []
        self.guard = MainsGuard([self.charger], self.events.append)
        self.want = (0, 0)
        self.bus_runs = True
        self.unit.step(0.01, self.pack, True)

    def run(self, ms, renew=True):
        for _ in range(ms // 20):
            if renew:
                self.charger.set(*self.want)
            self.mains = self.guard.wanted(self.clock.ticks_ms())
            if self.bus_runs:
                self.bus.step()
            self.unit.step(0.02, self.pack, self.mains)
            self.clock.ms += 20


def test_nothing_but_off_and_its_setup_is_sent_before_it_stores_nothing():
    bench = Bench()
    bench.want = (54_600, 5_000)
    bench.run(400)
    first = [d for d in bench.wire.out if len(d) > 2]
    assert first[0] == b"\x00\x00\x00"  # off
    bench.run(5_000)
    writes = [d for d in bench.wire.out if len(d) > 2 and d != b"\x00\x00\x00"]
    assert writes[0] == b"\xc2\x00\x00\x00"  # off at power-on, kept
    assert writes[1] == b"\xc2\x00\x00\x04"  # and nothing is stored from now on
    assert writes[2] == b"\x20\x00\x54\x15"  # only then the first set-point
    assert bench.unit.kept[npb.SYSTEM_CONFIG] == npb.POWER_ON_OFF
    assert bench.unit.out_a > 4.9


def test_a_day_of_set_points_costs_two_writes_of_its_eeprom():
    bench = Bench()
    for ma in range(1_000, 9_000, 100):
        bench.want = (54_600, ma)
        bench.run(1_000)
    assert bench.unit.set_a > 8.0 and bench.unit.eeprom_writes <= 2


def test_it_stays_off_when_the_mains_comes_back():
    bench = Bench()
    bench.want = (54_600, 5_000)
    bench.run(5_000)
    bench.want = (0, 0)
    bench.run(1_000)
    bench.unit.step(5.0, bench.pack, False)
    bench.unit.step(0.1, bench.pack, True)
    assert bench.unit.powered and not bench.unit.started


def test_the_reading_tells_volt_ampere_and_temperature():
    bench = Bench()
    bench.want = (54_600, 5_000)
    bench.run(6_000)
    r = bench.charger.reading
    assert abs(r.output_ma - 5_000) < 100 and r.output_mv > 52_000 and r.temp_ddegc >= 250 and r.fault_bits == 0
    assert 0 <= bench.clock.ticks_ms() - r.taken_ms <= 1_000 and bench.charger.fault == ""


def test_a_lower_current_reaches_it_at_once_without_a_pause_in_charging():
    bench = Bench()
    bench.want = (54_600, 5_000)
    bench.run(6_000)
    bench.wire.out.clear()
    bench.want = (54_600, 3_000)
    bench.run(200)
    assert b"\x30\x00\x2c\x01" in bench.wire.out
    bench.run(3_000)
    assert b"\x00\x00\x00" not in bench.wire.out and abs(bench.unit.out_a - 3.0) < 0.1


def slide(bench, every_ms, ma, by_ma, ms):
    """The allowed current changes every so often; returns the oldest that the reading ever was."""
    oldest = 0
    for k in range(ms // 50):
        if k * 50 % every_ms < 50:
            ma += by_ma(k * 50 // every_ms)
        bench.want = (54_600, ma)
        bench.clock.ms -= 10  # 50 ms of the control loop are no whole number of this bench's steps
        bench.run(60)
        taken = bench.charger.reading.taken_ms
        oldest = max(oldest, 99_999 if taken is None else (bench.clock.ticks_ms() - taken) & 0x3FFFFFFF)
    return oldest


def test_a_limit_that_changes_with_each_reading_of_the_pack_charges_steadily_and_everything_is_still_asked():
    for every_ms in (50, 200, 250, 300, 500):
        for by_ma in (lambda k: -10 if k & 1 else 10, lambda k: -10, lambda k: 10, lambda k: -1 if k & 1 else 1):
            bench = Bench()
            bench.want = (54_600, 8_000)
            bench.run(6_000)
            writes = bench.unit.eeprom_writes
            bench.wire.out.clear()
            oldest = slide(bench, every_ms, 8_000, by_ma, 20_000)
            assert oldest <= 2_400, (every_ms, oldest)
            assert b"\x00\x00\x00" not in bench.wire.out and bench.unit.eeprom_writes == writes
            assert all(bench.wire.out.count(bytes((asked, 0))) >= 7 for asked in (0x20, 0x30, 0x40, 0x60, 0x61, 0x62, 0xC2))
            bench.run(400)
            assert abs(bench.unit.set_a * 1000 - bench.want[1]) < 11 and len(bench.events) == 0


def test_it_starts_while_the_limit_changes_with_each_reading():
    for every_ms in (50, 200, 250, 300, 500):
        for by_ma in (lambda k: -10 if k & 1 else 10, lambda k: -10):
            bench = Bench()
            bench.run(6_000)
            slide(bench, every_ms, 8_000, by_ma, 3_000)
            assert bench.unit.started, every_ms


def test_a_difference_that_it_cannot_be_told_is_no_change():
    bench = Bench()
    bench.want = (54_600, 5_000)
    bench.run(6_000)
    bench.wire.out.clear()
    for k in range(12):
        bench.want = (54_609 - k % 2, 5_001 + k % 9)
        bench.run(100)
    assert sum(d[0] in (0x20, 0x30) and len(d) == 4 for d in bench.wire.out) <= 2, "no more than the round tells anyhow"


def test_each_change_is_told_within_two_frames():
    bench = Bench()
    bench.want = (54_600, 8_000)
    bench.run(6_000)
    for k in range(40):
        bench.want = (54_600, 8_000 - 100 * (k % 7))
        bench.run(220 + 20 * (k % 5))
        assert abs(bench.unit.set_a - bench.want[1] / 1000) < 0.006, k
    bench.want = (54_000, 2_000)
    bench.run(400)
    assert abs(bench.unit.set_v - 54.0) < 0.006 and abs(bench.unit.set_a - 2.0) < 0.006


def test_a_change_in_the_moment_of_the_start_is_told_before_it_is_switched_on():
    for at_ms in range(0, 900, 20):
        bench = Bench()
        bench.run(6_000)
        bench.wire.out.clear()
        bench.want = (54_600, 8_000)
        bench.run(at_ms)
        if bench.unit.started:
            continue
        bench.want = (54_600, 2_000)
        while not bench.unit.started:
            bench.run(20)
        assert abs(bench.unit.set_a - 2.0) < 0.006, at_ms


def test_off_goes_out_at_once_also_between_changes():
    for after_ms in range(0, 300, 20):
        bench = Bench()
        bench.want = (54_600, 8_000)
        bench.run(6_000)
        slide(bench, 250, 8_000, lambda k: -10, 1_000)
        bench.run(after_ms)
        bench.charger.set(54_600, 3_000)
        bench.charger.set(0, 0)
        assert not bench.unit.started
        bench.want = (0, 0)
        bench.run(3_000)
        assert not bench.unit.started and bench.mains


def test_one_that_ignores_the_set_points_of_a_slide_is_off_in_three_seconds():
    for every_ms in (200, 250, 300, 500):
        bench = Bench()
        bench.want = (54_600, 8_000)
        bench.run(6_000)
        bench.unit._write = lambda command, value: None
        slide(bench, every_ms, 7_900, lambda k: -10, 3_200)
        assert not bench.unit.started, every_ms


def test_off_goes_out_at_once():
    bench = Bench()
    bench.want = (54_600, 5_000)
    bench.run(6_000)
    bench.wire.out.clear()
    bench.charger.set(0, 0)
    bench.bus.step()
    assert b"\x00\x00\x00" in bench.wire.out and not bench.unit.started


def test_a_set_point_that_nobody_renews_is_withdrawn():
    bench = Bench()
    bench.want = (54_600, 5_000)
    bench.run(6_000)
    bench.run(3_000, renew=False)
    assert not bench.unit.started and bench.charger.set_ma == 0


def test_a_set_point_that_it_does_not_take_is_never_switched_on():
    bench = Bench()
    bench.want = (30_000, 5_000)  # below what this model can give: it keeps the one it had
    bench.run(20_000)
    assert b"\x00\x00\x01" not in bench.wire.out and not bench.unit.started


def test_one_that_charges_by_its_own_curve_is_refused():
    bench = Bench()
    bench.unit.kept[npb.CURVE_CONFIG] |= npb.CURVE_ENABLED
    bench.unit.values[npb.CURVE_CONFIG] |= npb.CURVE_ENABLED
    bench.want = (54_600, 5_000)
    bench.run(20_000)
    assert bench.charger.fault == "exception" and bench.charger.reading.fault_bits & CHARGER_HARDWARE
    assert not bench.unit.started and b"\x00\x00\x01" not in bench.wire.out and bench.charger.reading.taken_ms is None


def test_one_that_does_not_keep_its_configuration_is_refused_without_wearing_it_out():
    bench = Bench()
    bench.unit._write = lambda command, value: setattr(bench.unit, "eeprom_writes", bench.unit.eeprom_writes + 1)
    bench.want = (54_600, 5_000)
    bench.run(60_000)
    assert bench.charger.fault == "exception" and bench.unit.eeprom_writes <= 3


def test_one_that_is_lost_while_it_charges_loses_its_mains():
    bench = Bench()
    bench.want = (54_600, 5_000)
    bench.run(6_000)
    bench.wire.cut = True
    bench.run(2_400)
    assert bench.charger.fault == "timeout"
    bench.want = (0, 0)  # core: its data are too old
    bench.run(2_000)
    assert bench.unit.out_a > 4.0 and bench.mains
    bench.run(2_000)
    assert not bench.mains and bench.events[0].values == ("charger 2",)
    bench.run(2_000)
    assert bench.unit.out_a == 0.0 and not bench.unit.powered
    bench.run(OFF_MS)
    assert bench.mains and len(bench.events) == 2 and bench.unit.powered and not bench.unit.started
    bench.run(60_000)
    assert len(bench.events) == 2  # it is known to be off: once is enough
    bench.wire.cut = False
    bench.want = (54_600, 5_000)
    bench.run(6_000)
    assert bench.unit.out_a > 4.0 and bench.charger.fault == ""


def test_one_that_does_not_obey_loses_its_mains():
    bench = Bench()
    bench.want = (54_600, 5_000)
    bench.run(6_000)
    bench.unit.stuck = True
    bench.want = (0, 0)
    bench.run(2_000)
    assert bench.mains and bench.unit.out_a > 4.0
    bench.run(3_000)
    assert not bench.mains
    bench.run(2_000)
    assert bench.unit.out_a == 0.0


def test_one_behind_a_can_controller_that_died_loses_its_mains_and_is_used_again():
    bench = Bench()
    bench.want = (54_600, 5_000)
    bench.run(6_000)
    bench.wire.dead = True
    bench.run(3_500)
    bench.want = (0, 0)  # core: its data are too old
    bench.run(5_200)
    assert not bench.mains and bench.bus.fault == "bus_off" and bench.unit.out_a == 0.0
    bench.run(OFF_MS)
    assert bench.mains and not bench.unit.started
    bench.wire.dead = False
    bench.want = (54_600, 5_000)
    bench.run(6_000)
    assert bench.unit.out_a > 4.0 and len(bench.events) == 2


def test_one_whose_bus_has_no_task_any_more_loses_its_mains():
    bench = Bench()
    bench.want = (54_600, 5_000)
    bench.run(6_000)
    bench.bus_runs = False
    bench.wire.dead = True
    bench.want = (0, 0)
    bench.run(2_900)
    assert bench.mains and bench.unit.out_a > 4.0
    bench.run(1_500)
    assert not bench.mains and bench.unit.out_a == 0.0
    bench.run(OFF_MS)
    assert bench.mains and not bench.unit.started and len(bench.events) == 2


def test_one_that_was_without_mains_for_a_moment_is_set_up_again():
    bench = Bench()
    bench.want = (54_600, 5_000)
    bench.run(6_000)
    bench.unit._power_on()
    before = len(bench.wire.out)
    bench.run(6_000)
    assert b"\xc2\x00\x00\x04" in bench.wire.out[before:] and bench.unit.out_a > 4.0


def test_a_mains_fault_is_told():
    bench = Bench()
    bench.run(3_000)
    bench.unit.faults |= 4
    bench.charger.on_frame(ANSWER, bytearray(b"\x40\x00\x60\x00"), 4, bench.clock.ticks_ms())
    assert bench.charger.reading.fault_bits == CHARGER_INPUT_VOLTAGE


def test_odd_answers_change_nothing():
    bench = Bench()
    bench.run(3_000)
    taken = bench.charger.reading.taken_ms
    for data in (b"", b"\x60", b"\x60\x00", b"\x60\x00\x01", b"\xff\xff\xff\xff"):
        bench.charger.on_frame(ANSWER, bytearray(data + bytes(8 - len(data))), len(data), bench.clock.ticks_ms())
    assert bench.charger.reading.taken_ms == taken and bench.charger.stats.implausible == 4


def test_an_address_that_its_pins_do_not_have_is_refused():
    bench = Bench()
    try:
        NpbCharger(bench.bus, 4, bench.clock)
    except ValueError as error:
        assert "0 to 3" in str(error)
    else:
        raise AssertionError("taken")
