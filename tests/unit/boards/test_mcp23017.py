"""The MCP23017 driver on a register-level model of the chip."""

import errno

from chips.mcp23017 import MCP23017
from i2c_bus import GPPU, IOCON, IODIR, OLAT, I2c, Mcp23017Model


def bench(samples=3):
    """A driver, its chip and the bus."""
    bus = I2c()
    chip = bus.chips[0x20] = Mcp23017Model()
    return MCP23017(bus, 0x20, samples), chip, bus


def refusal(call, *args):
    """The OSError or ValueError that a call ends with."""
    try:
        call(*args)
    except (OSError, ValueError) as error:
        return error
    return None


def test_all_pins_are_inputs_until_told_otherwise():
    _expander, chip, _bus = bench()
    assert chip.registers[IODIR] == [0xFF, 0xFF]
    assert not any(driven for driven, _levels in chip.driven_history)


def test_a_missing_chip_is_an_error():
    assert refusal(MCP23017, I2c(), 0x21).args[0] == errno.ENODEV


def test_an_address_that_no_such_chip_can_have_is_refused():
    assert isinstance(refusal(MCP23017, I2c(), 0x48), ValueError)


def test_outputs_never_show_a_level_that_nobody_asked_for():
    expander, chip, _bus = bench()
    expander.configure(outputs=0x0F0F, levels=0x0505)
    assert chip.levels() & 0x0F0F == 0x0505
    for driven, levels in chip.driven_history:
        assert levels == 0x0505 & driven, (hex(driven), hex(levels))


def test_driving_changes_the_pins_in_the_mask_only():
    expander, chip, _bus = bench()
    expander.configure(outputs=0xFF00)
    expander.drive(0x8100, 0xFFFF)
    assert chip.levels() & 0xFF00 == 0x8100
    expander.drive(0x0100, 0)
    assert chip.levels() & 0xFF00 == 0x8000


def test_an_input_cannot_be_driven():
    expander, chip, _bus = bench()
    expander.configure(outputs=0x0001)
    assert isinstance(refusal(expander.drive, 0x0003, 3), ValueError)
    assert chip.registers[OLAT] == [0, 0]


def test_inputs_are_not_valid_before_enough_samples():
    expander, chip, _bus = bench(samples=3)
    chip.pins = 0x8001
    assert not expander.poll() and not expander.valid
    assert not expander.poll() and not expander.valid
    assert expander.poll() and expander.valid
    assert expander.inputs == 0x8001


def test_a_bounce_shorter_than_the_samples_is_not_seen():
    expander, chip, _bus = bench(samples=3)
    for _ in range(3):
        expander.poll()
    chip.pins = 1
    assert not expander.poll()
    chip.pins = 0
    assert not expander.poll()
    chip.pins = 1
    assert not expander.poll()
    assert not expander.poll()
    assert expander.poll() and expander.inputs == 1
    chip.pins = 0
    assert not expander.poll() and not expander.poll()
    assert expander.poll() and expander.inputs == 0


def test_a_bounce_at_the_start_counts_as_low():
    expander, chip, _bus = bench(samples=2)
    chip.pins = 3
    expander.poll()
    chip.pins = 2
    expander.poll()
    assert expander.valid and expander.inputs == 2


def test_pull_ups_and_inversion_hold_for_inputs_only():
    expander, chip, _bus = bench(samples=1)
    chip.floating = 0x000F
    expander.configure(outputs=0x00F0, pull_ups=0x00FF, inverted=0x00F3)
    assert chip.registers[GPPU] == [0x0F, 0]
    expander.poll()
    assert expander.inputs == 0x000C


def test_a_chip_that_was_reset_by_a_dip_of_its_supply_is_noticed_at_the_next_poll():
    expander, chip, _bus = bench(samples=1)
    expander.configure(outputs=1, levels=1)
    expander.poll()
    chip.reset()
    assert refusal(expander.poll).args[0] == errno.EIO
    assert not expander.valid
    expander.configure(outputs=1, levels=0)
    expander.poll()
    assert expander.valid


def test_a_chip_that_vanishes_leaves_no_valid_inputs():
    expander, chip, _bus = bench(samples=1)
    expander.poll()
    chip.powered = False
    assert refusal(expander.poll).args[0] == errno.ENODEV
    assert not expander.valid


def test_a_chip_left_in_the_other_register_layout_is_brought_back():
    bus = I2c()
    chip = bus.chips[0x20] = Mcp23017Model()
    chip.registers[IOCON] = [0x80, 0x80]
    expander = MCP23017(bus, 0x20, 1)
    expander.configure(outputs=0x8000, levels=0x8000)
    assert chip.levels() & 0x8000 and chip.registers[IOCON] == [0, 0]


def test_a_poll_is_one_transfer():
    expander, _chip, bus = bench()
    before = bus.transfers
    expander.poll()
    assert bus.transfers == before + 1
