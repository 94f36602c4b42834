"""The DS3231 driver and the clock over it, on a register-level model of the chip."""

import errno
import time

from chips.chip_clock import ChipClock
from chips.ds3231 import DS3231, days_from_2000
from ds3231_model import Ds3231Model
from i2c_bus import I2c
from spi_bus import Clock

NOW_S = 1795354200  # 2026-11-22 13:30:00 UTC


def bench():
    """A bus with the chip."""
    clock = Clock()
    i2c = I2c()
    i2c.chips[0x68] = Ds3231Model(clock)
    return i2c, i2c.chips[0x68], clock


def refusal(call, *args):
    """The exception that a call ends with."""
    try:
        call(*args)
    except (OSError, ValueError) as error:
        return error
    return None


def test_a_chip_that_was_never_set_has_no_time():
    i2c, _model, _clock = bench()
    assert DS3231(i2c).unix_s() == 0


def test_what_was_set_runs_on_and_survives_a_power_cut():
    i2c, model, clock = bench()
    chip = DS3231(i2c)
    chip.set(NOW_S)
    clock.pass_ms(90000)
    assert chip.unix_s() == NOW_S + 90
    model.supply_back(3600)
    assert DS3231(i2c).unix_s() == NOW_S + 90 + 3600


def test_an_empty_cell_makes_the_time_unknown_and_not_wrong():
    i2c, model, _clock = bench()
    DS3231(i2c).set(NOW_S)
    model.cell_empty()
    assert DS3231(i2c).unix_s() == 0


def test_an_oscillator_that_would_stop_on_the_cell_is_told_not_to():
    i2c, model, _clock = bench()
    model.registers[0x0E] |= 0x80
    chip = DS3231(i2c)
    chip.set(NOW_S)
    model.supply_back(10)
    assert chip.unix_s() == NOW_S + 10


def test_ends_of_months_and_leap_days_are_counted_as_the_calendar_does():
    epoch = 946684800 if time.gmtime(0)[0] == 2000 else 0
    for day in range(0, 36524, 7):
        year, month, date = time.gmtime(946684800 - epoch + day * 86400)[:3]
        assert days_from_2000(year, month, date) == day, (year, month, date)
    i2c, _model, clock = bench()
    chip = DS3231(i2c)
    chip.set(1835481599)  # 2028-02-29 23:59:59
    clock.pass_ms(1000)
    assert chip.unix_s() == 1835481600


def test_a_chip_in_twelve_hour_mode_is_understood():
    i2c, model, _clock = bench()
    chip = DS3231(i2c)
    chip.set(NOW_S)
    for register, hour in ((0x40 | 0x12, 0), (0x40 | 0x01, 1), (0x60 | 0x12, 12), (0x60 | 0x11, 23)):
        model.registers[2] = register
        assert chip.unix_s() % 86400 // 3600 == hour


def test_garbage_in_the_registers_is_no_time():
    i2c, model, _clock = bench()
    chip = DS3231(i2c)
    chip.set(NOW_S)
    for register, value in ((0, 0x7A), (4, 0), (5, 0x13), (6, 0x24)):
        kept = model.registers[register]
        model.registers[register] = value
        assert chip.unix_s() == 0, register
        model.registers[register] = kept


def test_a_chip_that_does_not_answer_or_does_not_keep_its_time_is_an_error():
    i2c, model, _clock = bench()
    model.stuck = True
    assert refusal(DS3231(i2c).set, NOW_S).args[0] == errno.EIO
    assert isinstance(refusal(DS3231(i2c).set, 5), ValueError)
    model.powered = False
    assert refusal(DS3231, i2c).args[0] == errno.ENODEV


def test_the_box_temperature_comes_in_tenths_below_zero_too():
    i2c, model, _clock = bench()
    chip = DS3231(i2c)
    assert chip.temperature_ddegc() == 232
    model.registers[0x11], model.registers[0x12] = 0xFF, 0x80
    assert chip.temperature_ddegc() == -5


class Ticking:
    """The module `time` on the model's clock."""

    def __init__(self, clock):
        self.ticks_ms, self.ticks_us = clock.ticks_ms, clock.ticks_us


def clock_on(i2c, clock):
    """A board's clock."""
    made = ChipClock(lambda: DS3231(i2c))
    made._time = Ticking(clock)
    return made


def test_the_board_has_the_time_of_the_chip_from_the_start():
    i2c, _model, clock = bench()
    DS3231(i2c).set(NOW_S)
    board_clock = clock_on(i2c, clock)
    assert board_clock.quality() == 1 and board_clock.wall_s() == NOW_S
    clock.pass_ms(5000)
    assert board_clock.wall_s() == NOW_S + 5


def test_the_chip_is_read_again_now_and_then_so_its_crystal_counts_and_not_the_boards():
    i2c, model, clock = bench()
    DS3231(i2c).set(NOW_S)
    board_clock = clock_on(i2c, clock)
    board_clock.wall_s()
    model.rate_ppm = 10000
    asked = i2c.transfers
    for _ in range(100):
        clock.pass_ms(1000)
        board_clock.wall_s()
    assert i2c.transfers == asked
    for _ in range(30):
        clock.pass_ms(60000)
        board_clock.wall_s()
    assert abs(board_clock.wall_s() - (NOW_S + 1900 * 101 // 100)) <= 7


def test_synchronising_sets_the_chip_and_a_new_start_finds_it_there():
    i2c, _model, clock = bench()
    board_clock = clock_on(i2c, clock)
    assert board_clock.quality() == 0 and board_clock.wall_s() == 0 and "never set" in board_clock.fault
    board_clock.synchronise(NOW_S)
    assert board_clock.quality() == 2 and board_clock.wall_s() == NOW_S and board_clock.fault == ""
    assert clock_on(i2c, clock).wall_s() == NOW_S


def test_a_chip_that_did_not_take_the_time_is_set_again_and_its_old_time_never_taken_over():
    i2c, model, clock = bench()
    DS3231(i2c).set(NOW_S - 30000000)  # its cell is good, its time a year old
    board_clock = clock_on(i2c, clock)
    assert board_clock.wall_s() == NOW_S - 30000000
    for trouble in ("powered", "stuck"):
        setattr(model, trouble, trouble == "stuck")
        board_clock.synchronise(NOW_S)
        assert board_clock.fault
        for minutes in range(25):
            assert board_clock.wall_s() == NOW_S + 60 * minutes, trouble
            clock.pass_ms(60000)
        setattr(model, trouble, trouble != "stuck")
        clock.pass_ms(660000)
        assert board_clock.wall_s() == NOW_S + 36 * 60 and board_clock.quality() == 2 and board_clock.fault == ""
        assert abs(DS3231(i2c).unix_s() - (NOW_S + 36 * 60)) <= 1
        clock.pass_ms(660000)
        assert abs(board_clock.wall_s() - (NOW_S + 47 * 60)) <= 1  # read from the chip again


def test_without_the_chip_the_time_is_unknown_until_synchronised_and_then_runs_on_ticks_for_weeks():
    i2c, model, clock = bench()
    model.powered = False
    board_clock = clock_on(i2c, clock)
    assert board_clock.quality() == 0 and "RTC chip" in board_clock.fault
    board_clock.synchronise(NOW_S)
    for _ in range(24 * 20):
        clock.pass_ms(3600000)
        seconds = board_clock.wall_s()
    assert seconds == NOW_S + 20 * 86400 and board_clock.quality() == 2


def test_a_time_before_the_product_is_refused():
    i2c, _model, clock = bench()
    assert isinstance(refusal(clock_on(i2c, clock).synchronise, 5), ValueError)
