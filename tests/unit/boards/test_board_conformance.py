"""The board contract's conformance suite, on the drivers of each reference board. The unix board: test_board_conformance_mp.py."""


import board_checks
from benches import MODELLED
from chips import board_parts
from tree import ROOT


def on_all(check):
    """Each board anew, so that no check leaves anything to the next."""
    for make in MODELLED:
        bench = make()
        try:
            check(bench)
        except AssertionError as error:
            raise AssertionError(bench.name + ": " + str(error))  # noqa: B904


def test_every_part_has_every_name_of_its_contract():
    on_all(lambda bench: board_checks.has_every_name(bench.board, ROOT))


def test_a_name_that_the_board_does_not_have_is_refused_with_those_it_has():
    on_all(lambda bench: board_checks.refuses_unknown_names(bench.board))


def test_the_flash_areas_are_flash():
    on_all(lambda bench: board_checks.flash_is_flash(bench.board))


def test_the_journal_and_the_state_live_on_the_areas():
    on_all(lambda bench: board_checks.keeps_a_journal(bench.board))


def test_ticks_count_up_and_wrap():
    on_all(lambda bench: board_checks.ticks_wrap(bench.board, bench.world.clock))


def test_the_clock_says_what_it_knows():
    on_all(lambda bench: board_checks.clock_is_honest(bench.board))


def test_random_bytes_are_as_many_as_asked_for_and_differ():
    on_all(lambda bench: board_checks.random_is_random(bench.board))


def test_the_reset_cause_is_one_of_the_words():
    on_all(lambda bench: board_checks.cause_is_a_word(bench.board))


def test_nothing_is_acquired_before_it_is_asked_for():
    def check(bench):
        world = bench.world
        assert not world.pins and not world.uarts and not world.watchdog_ms and not world.log and not world.spi.calls

    on_all(check)


def test_the_driver_of_a_line_is_on_from_before_the_first_bit_to_after_the_last_and_off_else():
    def check(bench):
        world = bench.world
        for port, drive in bench.drives.items():
            line = bench.board.serial(port, 9600)
            del world.log[:]
            began = world.clock.now_us
            assert line.write(b"12345678") == 8
            assert [row for row in world.log if row[0] in (drive, "uart")] == [(drive, 1), ("uart", b"12345678"), (drive, 0)]
            assert world.clock.now_us - began >= 8333, "let go before the last bit was out"
            bench.uart(port).broken = True
            assert line.write(b"1") == 0 and world.pins[drive].level == 0

    on_all(check)


def test_reading_a_line_never_waits():
    def check(bench):
        for port in bench.drives:
            line = bench.board.serial(port, 115200)
            began = bench.world.clock.now_us
            buf = bytearray(8)
            assert line.readinto(buf) == 0
            bench.uart(port).waiting.extend(b"0123456789")
            assert line.readinto(buf) == 8 and line.readinto(memoryview(buf)[:1]) == 1 and line.readinto(buf) == 1
            assert bench.world.clock.now_us == began and bench.uart(port).rxbuf >= 256

    on_all(check)


def test_the_heartbeat_is_low_from_the_start_and_stays_low_once_it_was_dropped():
    def check(bench):
        beat = bench.board.heartbeat()
        seen = [bench.world.pins[bench.heartbeat].level]
        for act in (beat.toggle, beat.toggle, beat.toggle, beat.drop, beat.toggle, bench.board.heartbeat().toggle):
            act()
            seen.append(bench.world.pins[bench.heartbeat].level)
        assert seen == [0, 1, 0, 1, 0, 0, 0], seen

    on_all(check)


def test_a_heartbeat_that_rests_on_purpose_goes_on_afterwards():
    def check(bench):
        beat = bench.board.heartbeat()
        ((period_ms, look, _hard),) = bench.world.timers
        pin = bench.world.pins[bench.heartbeat]
        beat.toggle()
        beat.rest()
        assert pin.level == 0
        for _ in range(10 * board_parts.STALL_MS // period_ms):  # as long as the mains of the chargers is to be off
            look(None)
        beat.toggle()
        assert pin.level == 1
        beat.drop()
        beat.rest()
        beat.toggle()
        assert pin.level == 0

    on_all(check)


def test_a_heartbeat_that_pauses_for_too_long_is_dropped_by_a_timer_and_for_good():
    def check(bench):
        beat = bench.board.heartbeat()
        ((period_ms, look, hard),) = bench.world.timers
        pin = bench.world.pins[bench.heartbeat]
        assert hard == (bench.name != "esp32_s3") and period_ms == 50  # there the port's timers call between two bytecodes
        for _ in range(100):
            look(None)  # not begun: nothing to be dropped
        for _ in range(200):
            beat.toggle()
            look(None)
            look(None)
        assert pin.level in (0, 1)
        before = pin.level
        beat.toggle()
        for _ in range(board_parts.STALL_MS // period_ms - 1):
            look(None)
        assert pin.level == 1 - before  # a long step of the loop does no harm
        beat.toggle()
        beat.toggle()
        if pin.level == 0:
            beat.toggle()
        for _ in range(board_parts.STALL_MS // period_ms):
            look(None)
        assert pin.level == 0
        beat.toggle()
        assert pin.level == 0

    on_all(check)


def test_the_watchdog_refuses_times_that_the_hardware_cannot_keep():
    def check(bench):
        for timeout_ms in (0, 99, bench.most_watchdog_ms + 1):
            assert isinstance(board_checks.refusal(bench.board.watchdog, timeout_ms), ValueError)
        assert bench.world.watchdog_ms == 0
        bench.board.watchdog(5000).feed()
        assert (bench.world.watchdog_ms, bench.world.fed) == (5000, 1)

    on_all(check)


def test_no_stream_is_opened_without_a_link():
    on_all(lambda bench: board_checks.network_tells_its_state(bench.board, bench.world))


def test_no_pin_has_two_uses_and_the_tables_agree():
    def check(bench):
        rows = bench.pins.PINS
        assert len({row[2] for row in rows}) == len(rows)
        where = {(row[0], row[1]): row[2] for row in rows}
        for port, drive in bench.drives.items():
            assert where[(port, "DE")] == drive
        assert where[("heartbeat", "OUT")] == bench.pins.HEARTBEAT
        end = 0
        for base, size in sorted(bench.pins.FLASH_AREAS.values()):
            assert base >= end and base % 4096 == 0 and size % 4096 == 0
            end = base + size

    on_all(check)
