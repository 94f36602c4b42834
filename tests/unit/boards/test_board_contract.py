"""What is particular to the NUCLEO-H743ZI2, on stand-ins for the STM32 port's modules. What all boards share: test_board_conformance.py."""

import errno
import sys

from board_checks import refusal
from stm32_modules import World, load
from tree import ROOT

FOLDER = ROOT + "boards/nucleo_h743zi2"
MODULES = ("board", "pins", "stm32_can", "stm32_parts")


class Frame:
    """What the bus room hands to recv."""

    def __init__(self):
        self.can_id, self.extended, self.length, self.data = 0, False, 0, bytearray(8)


def bench():
    """A board and the hardware behind it."""
    world = World()
    module = load(world, FOLDER, MODULES)
    return module.Board(), world, module


def test_the_driver_of_a_line_is_on_from_before_the_first_bit_to_after_the_last_and_off_else():
    board, world, _module = bench()
    line = board.serial("rs485-packs", 115200)
    assert world.log == [("D4", 0), ("D4", 0)]
    assert line.write(b"12345678") == 8
    assert world.log[2:] == [("D4", 1), ("uart", b"12345678"), ("D4", 0)]


def test_a_transmitter_that_stands_still_leaves_the_line_free():
    board, world, _module = bench()
    line = board.serial("rs485-io", 9600)
    world.uarts[6].broken = True
    assert line.write(b"1") == 0
    assert world.pins["C8"].level == 0


def test_reading_never_waits_for_characters_that_have_not_come():
    board, world, _module = bench()
    line = board.serial("rs485-packs", 9600)
    buf = bytearray(64)
    assert line.readinto(buf) == 0
    world.uarts[2].waiting.extend(b"abc")
    assert line.readinto(buf) == 3 and buf[:3] == b"abc"
    world.uarts[2].waiting.extend(b"0123456789")
    assert line.readinto(memoryview(buf)[:4]) == 4 and line.readinto(buf) == 6
    assert world.clock.now_us == 0


def test_the_kiosk_has_a_line_of_its_own():
    board, world, _module = bench()
    assert board.serial("kiosk", 115200).write(b"S:3:door.open:Door 3 is open\n") == 29
    assert world.uarts[7].format == (8, None, 1)


def test_a_long_sentence_to_the_kiosk_does_not_hold_up_the_loop_and_a_long_frame_stays_whole():
    board, world, _module = bench()
    assert board.serial("kiosk", 115200).write(bytes(100)) == 32
    assert world.clock.now_us < 3000
    assert board.serial("rs485-packs", 115200).write(bytes(41)) == 41


def test_can_frames_go_out_with_their_kind_of_id():
    board, world, _module = bench()
    port = board.can("can-1", 250000)
    assert port.send(0x1806E5F4, True, b"\x03\xd4\x00\xa0\x00\x00\x00\x00") and port.send(0x123, False, b"")
    assert world.cans[1].queue == [(0x1806E5F4, b"\x03\xd4\x00\xa0\x00\x00\x00\x00", 2), (0x123, b"", 0)]


def test_a_second_frame_of_the_same_id_waits_for_the_first_and_bus_off_sends_nothing():
    board, world, _module = bench()
    port = board.can("can-1", 250000)
    assert port.send(1, True, b"a") and not port.send(1, True, b"b")
    world.cans[1].now = 4
    assert not port.send(2, True, b"c")
    assert port.state() == 3
    port.restart()
    assert port.state() == 0 and port.send(2, True, b"c")


def test_can_frames_come_in_and_the_poller_sees_them():
    board, world, _module = bench()
    port = board.can("can-2", 250000)
    frame = Frame()
    assert not port.recv(frame) and port.stream.ioctl(3, 1) == 0
    world.cans[2].fifo = [(0x18FF1009, b"\x01\x02\x03", 2), (0x55, b"", 0)]
    assert port.stream.ioctl(3, 1) == 1 and port.stream.ioctl(3, 4) == 0
    assert port.recv(frame)
    assert (frame.can_id, frame.extended, frame.length, bytes(frame.data[:3])) == (0x18FF1009, True, 3, b"\x01\x02\x03")
    assert port.recv(frame) and (frame.can_id, frame.extended, frame.length) == (0x55, False, 0)
    assert not port.recv(frame)


def test_remote_requests_and_fd_frames_are_passed_over_without_harm():
    board, world, _module = bench()
    port = board.can("can-1", 250000)
    frame = Frame()
    world.cans[1].fifo = [(0x10, b"\0" * 8, 1), (0x11, bytes(64), 0), (0x12, b"ok", 0)]
    assert port.recv(frame) and frame.can_id == 0x12 and bytes(frame.data[:2]) == b"ok"


def test_lost_frames_are_counted():
    board, world, _module = bench()
    port = board.can("can-1", 250000)
    world.cans[1].fifo = [(1, b"", 0)]
    world.cans[1].lost = True
    port.recv(Frame())
    assert port.overruns == 1


def test_more_filters_than_the_hardware_has_accept_everything():
    board, world, _module = bench()
    port = board.can("can-1", 250000)
    assert world.cans[1].filters == []
    port.set_filters([(0x18FF10FF, 0x1FFFFF00, True)])
    assert world.cans[1].filters == [(0x18FF1000, 0x1FFFFF00, 2)]
    port.set_filters([(i, 0x7FF, False) for i in range(32)])
    assert world.cans[1].filters is None


def test_the_stock_image_says_why_it_has_no_second_can():
    board, world, _module = bench()
    world.image_cans = 1
    assert "stock image" in str(refusal(board.can, "can-2", 250000))


def test_flash_areas_do_not_overlap_and_fit_on_the_smallest_chip():
    _board, _world, module = bench()
    end = 0
    for base, size in sorted(module.pins.FLASH_AREAS.values()):
        assert base >= end and base % 4096 == 0 and size % 4096 == 0
        end = base + size
    assert end <= 1024 * 1024
    sizes = {name: area[1] for name, area in module.pins.FLASH_AREAS.items()}
    assert sizes == {"journal-a": 524288, "journal-b": 131072, "state": 32768}


def test_what_is_stored_in_one_area_leaves_the_others_alone():
    board, _world, _module = bench()
    areas = [board.flash(name) for name in ("journal-a", "journal-b", "state")]
    for i, area in enumerate(areas):
        area.program(0, bytes((i,)))
        area.program(area.size - 1, bytes((16 + i,)))
    buf = bytearray(1)
    for i, area in enumerate(areas):
        area.read(0, buf)
        assert buf[0] == i
        area.read(area.size - 1, buf)
        assert buf[0] == 16 + i


def test_a_wrong_flash_chip_is_an_error_and_no_board_without_journal():
    board, world, _module = bench()
    world.nor.jedec = b"\x01\x02\x16"
    assert refusal(board.flash, "journal-a").args[0] == errno.ENODEV


def test_wall_time_is_unknown_until_the_clock_was_set_once():
    board, world, _module = bench()
    assert board.clock.quality() == 0 and board.clock.wall_s() == 0
    world.rtc = (2026, 11, 22, 7, 12, 0, 0, 0)
    assert board.clock.quality() == 1 and board.clock.wall_s() == 848669400 + 946684800
    board.clock.synchronise(1795354200)
    assert board.clock.quality() == 2 and world.rtc[:4] == (2026, 11, 22, 7)
    assert isinstance(refusal(board.clock.synchronise, 5), ValueError)


def test_random_bytes_come_from_the_hardware_or_not_at_all():
    board, _world, module = bench()
    assert len(board.random_bytes(32)) == 32 and board.random_bytes(0) == b""
    parts = module.stm32_parts
    good = parts.os
    try:
        parts.os = Zeros()
        assert refusal(board.random_bytes, 32).args[0] == errno.EIO
    finally:
        parts.os = good
    del parts.pyb.rng
    assert refusal(board.random_bytes, 32).args[0] == errno.ENODEV


class Zeros:
    """os.urandom of a generator that does not answer."""

    @staticmethod
    def urandom(count):
        """Zeros."""
        return bytes(count)


def test_the_reset_cause_has_a_name():
    board, world, _module = bench()
    causes = []
    for cause in range(5):
        world.cause = cause
        causes.append(board.reset_cause())
    assert causes == ["soft", "power_on", "hard", "watchdog", "unknown"]


def test_no_stream_is_opened_without_a_link():
    board, world, _module = bench()
    network = board.network()
    assert world.log == [("lan", True)] and not network.is_up()
    coroutine = network.connect("192.0.2.1", 1883, None)
    try:
        coroutine.send(None)
        failed = None
    except OSError as error:
        failed = error
    assert failed is not None and failed.args[0] == errno.EHOSTUNREACH
    world.link = 3
    assert network.is_up()
    coroutine = network.connect("192.0.2.1", 1883, None)
    try:
        coroutine.send(None)
        opened = None
    except StopIteration as done:
        opened = done.value
    assert opened[:3] == ("192.0.2.1", 1883, None)


def test_an_expander_answers_at_its_address():
    board, _world, _module = bench()
    assert board.expander(0x20).poll() is False
    assert refusal(board.expander, 0x21).args[0] == errno.ENODEV


def test_a_pair_of_expanders_tells_thirty_two_switches():
    board, _world, _module = bench()
    inputs = board.inputs("expanders", 1)  # there is none at 0x22
    assert refusal(inputs.read).args[0] == errno.ENODEV
    assert "expanders" in str(refusal(board.inputs, "gpio", 0)) and isinstance(refusal(board.inputs, "expanders", 4), ValueError)
    assert not hasattr(board, "pulses"), "no timer of this board pulses locks: a cabinet with locks on its pins does not start"


def test_no_pin_has_two_uses_and_the_tables_name_the_same_pins():
    _board, _world, module = bench()
    pins = module.pins
    cpu = [row[2] for row in pins.PINS]
    assert len(cpu) == len(set(cpu))
    where = {(row[0], row[1]): row[2] for row in pins.PINS}
    for name, (_number, _buffer, drive) in pins.SERIAL.items():
        assert where.get((name, "DE"), "") == drive
    assert where[("flash", "CS")] == pins.FLASH_CS and where[("heartbeat", "OUT")] == pins.HEARTBEAT


def test_the_first_script_brings_every_output_to_its_safe_level_and_starts_the_cabinet():
    world = World()
    load(world, FOLDER, ("boot", "pins"), "boot")
    levels = {name: pin.level for name, pin in world.pins.items()}
    assert levels == {"D4": 0, "C8": 0, "A4": 1, "E9": 0}
    assert world.next_script == "start.py"


def test_a_file_that_asks_for_service_keeps_the_cabinet_from_starting_once():
    removed = []

    class Files:
        @staticmethod
        def remove(path):
            if removed:
                raise OSError(2)
            removed.append(path)

    real = sys.modules.get("os")
    for cause, script in ((3, "no_start.py"), (3, "start.py")):
        world = World()
        world.cause = cause
        sys.modules["os"] = Files  # type: ignore
        try:
            load(world, FOLDER, ("boot", "pins"), "boot")
        finally:
            sys.modules.pop("os")
            if real is not None:
                sys.modules["os"] = real
        assert world.next_script == script, (cause, script)
    assert removed == ["/flash/service"]


class Stand:
    """A module that is filled with attributes."""


def run_start(code):
    """What start.py does if the firmware ends with this code: pauses and resets."""
    done = []
    firmware, machine, clock = Stand(), Stand(), Stand()
    firmware.EXIT_HARDWARE, firmware.main = 69, lambda folder: code
    machine.reset = lambda: done.append("reset")
    clock.sleep = done.append
    kept = {name: sys.modules.get(name) for name in ("main", "machine", "time")}
    sys.modules.update({"main": firmware, "machine": machine, "time": clock})  # type: ignore
    try:
        with open(FOLDER + "/start.py") as file:
            exec(file.read(), {})
    finally:
        for name, module in kept.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
    return done


def test_hardware_that_does_not_answer_is_tried_again_and_wrong_settings_leave_the_prompt():
    assert run_start(69) == [10, "reset"]
    assert run_start(64) == run_start(70) == []


def test_the_button_held_at_the_reset_keeps_the_cabinet_from_starting():
    world = World()
    world.button = True
    load(world, FOLDER, ("boot", "pins"), "boot")
    assert world.next_script not in ("start.py", "main.py")
