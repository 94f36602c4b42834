"""The W25Q driver on a register-level model of the chip."""

import errno

from chips.w25q import W25Q
from spi_bus import Clock, Select, Spi
from w25q_model import W25QModel


def bench(**chip):
    """A driver, its chip and the bus between them."""
    clock = Clock()
    model = W25QModel(clock, **chip)
    spi = Spi(clock)
    return W25Q(spi, Select(spi, model), clock), model, spi


def refusal(call, *args):
    """The OSError or ValueError that a call ends with."""
    try:
        call(*args)
    except (OSError, ValueError) as error:
        return error
    return None


def read(part, address, length):
    """Bytes from the chip or an area."""
    buf = bytearray(length)
    part.read(address, buf)
    return bytes(buf)


def test_the_chip_is_known_by_its_jedec_id_and_its_size_follows_from_it():
    chip, _model, _spi = bench()
    assert chip.size == 4 * 1024 * 1024
    assert bench(jedec=b"\xef\x40\x17")[0].size == 8 * 1024 * 1024
    assert bench(jedec=b"\xef\x70\x18")[0].size == 16 * 1024 * 1024


def test_another_chip_is_refused_by_name_of_its_id():
    error = refusal(lambda: bench(jedec=b"\xc2\x20\x16"))
    assert isinstance(error, OSError) and error.args[0] == errno.ENODEV
    assert "c2 20 16" in str(error)


def test_a_chip_too_large_for_three_byte_addresses_is_refused():
    assert refusal(lambda: bench(jedec=b"\xef\x40\x19")).args[0] == errno.ENODEV


def test_an_empty_socket_is_told_from_a_wrong_chip():
    clock = Clock()
    spi = Spi(clock)
    error = refusal(lambda: W25Q(spi, Select(spi, None), clock))
    assert error.args[0] == errno.ENODEV and "no chip answers" in str(error)


def test_what_is_programmed_reads_back_and_the_neighbours_stay():
    chip, model, _spi = bench()
    chip.program(0x1FF10, b"swap")
    assert read(chip, 0x1FF0E, 8) == b"\xff\xffswap\xff\xff"
    assert model.programs == 1


def test_programming_only_clears_bits():
    chip, _model, _spi = bench()
    chip.program(0, b"\xf0")
    chip.program(0, b"\x0f")
    assert read(chip, 0, 1) == b"\x00"


def test_a_program_that_crosses_a_page_is_refused_before_it_reaches_the_chip():
    chip, model, _spi = bench()
    assert isinstance(refusal(chip.program, 250, b"1234567"), ValueError)
    assert model.programs == 0
    chip.program(250, b"123456")
    assert read(chip, 250, 6) == b"123456"


def test_an_erase_sets_its_sector_and_no_other():
    chip, model, _spi = bench()
    chip.program(4095, b"a")
    chip.program(4096, b"b")
    chip.program(8192, b"c")
    area = chip.area(0, 16384)
    area.erase(4096)
    assert read(chip, 4095, 2) == b"a\xff" and read(chip, 8192, 1) == b"c"
    assert model.erases == 1


def test_an_erase_can_be_started_and_awaited_elsewhere():
    chip, model, _spi = bench()
    area = chip.area(0, 8192)
    area.program(5, b"x")
    area.begin_erase(0)
    assert area.busy()
    model.clock.pass_ms(50)
    assert not area.busy()
    assert read(area, 5, 1) == b"\xff"


def test_reading_what_is_being_erased_waits_for_the_end():
    chip, model, _spi = bench()
    chip.program(4000, b"gone")
    chip.begin_erase(0)
    assert read(chip, 4000, 4) == b"\xff\xff\xff\xff"
    assert model.clock.now_us > 45000 and not model.suspensions


def test_reading_and_programming_elsewhere_do_not_wait_for_an_erase():
    chip, model, _spi = bench()
    chip.program(4096, b"kept")
    chip.program(0, b"gone")
    chip.begin_erase(0)
    began = model.clock.now_us
    assert read(chip, 4096, 4) == b"kept"
    assert model.clock.now_us - began < 1000
    began = model.clock.now_us
    chip.program(8192, b"new")
    assert model.clock.now_us - began < 2000
    assert model.suspensions == 2 and chip.busy()
    chip.wait()
    assert read(chip, 0, 4) == b"\xff\xff\xff\xff" and read(chip, 8192, 3) == b"new"
    assert model.erases == 1


def test_an_erase_survives_any_number_of_suspensions():
    chip, model, _spi = bench()
    chip.begin_erase(0)
    for i in range(20):
        chip.program(4096 + i, bytes((i,)))
        assert read(chip, 4096 + i, 1) == bytes((i,))
    assert model.suspensions == 40 and chip.busy()
    chip.wait()
    assert model.erases == 1


def test_an_erase_that_ends_while_it_is_to_be_suspended_is_no_error():
    for wait_us in range(0, 400, 5):
        chip, model, _spi = bench(sector_erase_us=200)
        chip.program(4096, b"kept")
        chip.begin_erase(0)
        model.clock.now_us += wait_us
        assert read(chip, 4096, 4) == b"kept"
        chip.program(4100, b"more")
        chip.wait()
        assert model.erases == 1 and read(chip, 4096, 8) == b"keptmore"


def test_a_controller_that_restarts_while_an_erase_is_suspended_lets_it_end():
    chip, model, spi = bench()
    chip.begin_erase(0)
    chip._make_way(4096, 1)
    again = W25Q(spi, Select(spi, model), model.clock)
    assert model.erases == 1
    again.program(0, b"a")
    assert read(again, 0, 1) == b"a"


def test_a_chip_that_stays_busy_is_an_error_and_no_endless_wait():
    chip, model, _spi = bench()
    model.stuck_busy = True
    error = refusal(chip.begin_erase, 0)
    assert error.args[0] in (errno.EIO, errno.ETIMEDOUT)
    model.stuck_busy = False
    chip.begin_erase(0)
    model.stuck_busy = True
    assert refusal(chip.wait).args[0] == errno.ETIMEDOUT
    assert model.clock.now_us < 3000000


def test_a_write_enable_that_is_not_taken_is_an_error():
    chip, model, _spi = bench()
    model.latch_broken = True
    assert refusal(chip.program, 0, b"a").args[0] == errno.EIO
    assert refusal(chip.begin_erase, 0).args[0] == errno.EIO


def test_a_command_that_the_chip_refuses_is_an_error():
    chip, model, _spi = bench()
    model.protect = 0x04
    assert refusal(chip.program, 0, b"a").args[0] == errno.EIO
    model.protect = 0
    chip.program(0, b"a")
    assert read(chip, 0, 1) == b"a"


def test_a_write_protected_chip_is_refused_at_start():
    clock = Clock()
    for setting in ("protect", "status_2", "status_3"):
        model = W25QModel(clock)
        setattr(model, setting, {"protect": 0x1C, "status_2": 0x42, "status_3": 0x64}[setting])
        spi = Spi(clock)
        error = refusal(W25Q, spi, Select(spi, model), clock)
        assert error is not None and error.args[0] == errno.EACCES, setting


def test_a_chip_asleep_is_woken_at_start():
    clock = Clock()
    model = W25QModel(clock)
    model.asleep = True
    spi = Spi(clock)
    chip = W25Q(spi, Select(spi, model), clock)
    chip.sleep()
    assert model.asleep
    chip.wake()
    chip.program(0, b"a")
    assert read(chip, 0, 1) == b"a"


def test_a_controller_that_restarts_in_the_middle_of_an_erase_waits_for_its_end():
    chip, model, spi = bench()
    chip.begin_erase(0, 65536)
    again = W25Q(spi, Select(spi, model), model.clock)
    again.program(0, b"a")
    assert read(again, 0, 1) == b"a"


def test_a_power_cut_leaves_a_part_of_the_page_and_the_chip_usable():
    chip, model, spi = bench()
    chip.program(0, b"before")
    model.program_us = 10**9
    assert refusal(chip.program, 256, b"12345678").args[0] == errno.ETIMEDOUT
    model.power_cut(50)
    model.program_us = 700
    again = W25Q(spi, Select(spi, model), model.clock)
    assert read(again, 0, 6) == b"before"
    assert read(again, 256, 8) == b"1234\xff\xff\xff\xff"


def test_an_area_keeps_to_its_part_of_the_chip():
    chip, _model, _spi = bench()
    area = chip.area(8192, 4096)
    area.program(0, b"mine")
    assert read(chip, 8192, 4) == b"mine"
    for call, args in ((area.read, (4090, bytearray(7))), (area.program, (4096, b"x")), (area.erase, (4096,)), (area.erase, (-4096,))):
        assert isinstance(refusal(call, *args), ValueError)


def test_an_area_must_lie_on_the_chip_in_whole_sectors():
    chip, _model, _spi = bench()
    for base, size in ((100, 4096), (0, 100), (0, 0), (-4096, 4096), (chip.size - 4096, 8192)):
        assert isinstance(refusal(chip.area, base, size), ValueError)


def test_reading_and_programming_do_not_allocate_for_the_commands():
    chip, _model, spi = bench()
    before = spi.calls
    chip.program(0, b"12")
    buf = bytearray(2)
    chip.read(0, buf)
    assert spi.calls - before < 90  # one status read for each 10 us of a 700 us program, no more
