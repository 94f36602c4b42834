"""The MCP2515 driver on a register-level model of the chip."""

import errno

from chips.mcp2515 import MCP2515, timing
from mcp2515_model import CANINTF, EFLG, Mcp2515Model, Wire
from spi_bus import Clock, Select, Spi


class Frame:
    """What the bus room hands to recv."""

    def __init__(self):
        self.can_id, self.extended, self.length, self.data = 0, False, 0, bytearray(8)

    def seen(self):
        """(id, extended, data)."""
        return self.can_id, self.extended, bytes(self.data[: self.length])


def bench(bitrate=250000, oscillator_hz=16000000, dominant=False, us_per_call=2):
    """A driver that accepts everything, its chip, and the clock."""
    clock = Clock()
    model = Mcp2515Model(clock, oscillator_hz)
    model.dominant = dominant
    spi = Spi(clock, us_per_call)
    port = MCP2515(spi, Select(spi, model), clock, bitrate, oscillator_hz)
    port.set_filters([(0, 0, True), (0, 0, False)])
    return port, model, clock


def received(port):
    """All that waits."""
    found = []
    frame = Frame()
    while port.recv(frame):
        found.append(frame.seen())
    return found


def refusal(call, *args):
    """The exception that a call ends with."""
    try:
        call(*args)
    except (OSError, ValueError) as error:
        return error
    return None


def test_bit_rates_are_exact_and_sampled_late():
    for crystal, bitrate in ((8, 125), (8, 250), (8, 500), (16, 125), (16, 250), (16, 500), (16, 1000), (20, 250), (20, 500)):
        _port, model, _clock = bench(bitrate * 1000, crystal * 1000000)
        assert model.bitrate() == bitrate * 1000
        assert 75 <= model.sample_point_pct() <= 88, (crystal, bitrate, model.sample_point_pct())


def test_a_bit_rate_that_the_crystal_cannot_make_is_refused():
    assert isinstance(refusal(timing, 16000000, 333333), ValueError)
    assert isinstance(refusal(timing, 8000000, 1000000), ValueError)
    assert isinstance(refusal(timing, 16000000, 0), ValueError)


def test_a_missing_chip_is_an_error():
    clock = Clock()
    spi = Spi(clock)
    assert refusal(MCP2515, spi, Select(spi, None), clock, 250000).args[0] == errno.ENODEV


def test_a_chip_that_reads_as_all_ones_is_an_error_and_ends_no_loop():
    port, model, clock = bench()
    model.deliver(1, True, b"")
    port._spi.selected = None
    port._select = lambda level: None  # the wire of its chip select is open: nobody drives MISO, which has a pull-up
    calls = port._spi.calls
    assert refusal(port.recv, Frame()).args[0] == errno.EIO and port._spi.calls - calls < 10


def test_a_status_of_ones_alone_is_no_error():
    port, model, _clock = bench()
    for number in range(3):
        port.send(number, False, b"")
    model.deliver(1, True, b"a")
    model.deliver(2, True, b"b")
    model.registers[CANINTF] |= 0x1C  # all three have been sent before, too
    assert model._quick_status() == 0xFF
    assert received(port) == [(1, True, b"a"), (2, True, b"b")]


def test_a_line_on_which_everything_is_thrown_away_does_not_hold_the_caller():
    port, model, clock = bench()
    asked = []

    class Busy(Select):
        """After each transfer another remote frame is there."""

        def __call__(self, level):
            Select.__call__(self, level)
            if level:
                asked.append(level)
                assert len(asked) < 1000
                model.deliver(1, True, b"", remote=True)

    model.deliver(1, True, b"", remote=True)
    port._select = Busy(port._spi, model)
    assert not port.recv(Frame())


def test_nothing_is_received_before_filters_are_set():
    clock = Clock()
    model = Mcp2515Model(clock)
    spi = Spi(clock)
    port = MCP2515(spi, Select(spi, model), clock, 250000)
    model.deliver(1, False, b"")
    assert received(port) == []


def test_frames_of_both_kinds_go_out_as_given():
    port, model, _clock = bench()
    frames = [(0x1806E5F4, True, b"\x03\xd4\x00\xa0\x00\x00\x00\x00"), (0x7FF, False, b""), (0x1FFFFFFF, True, b"a")]
    for frame in frames:
        assert port.send(*frame)
    assert [model.transmit() for _ in range(3)] == frames


def test_frames_come_in_as_sent():
    port, model, _clock = bench()
    for frame in ((0x18FF10A5, True, b"12345678"), (0x123, False, b"x"), (0, True, b""), (0x1FFFFFFF, True, b"\xff")):
        model.deliver(*frame)
        assert port.pending() and received(port) == [frame]
    assert not port.pending()


def test_frames_keep_their_order_however_the_buffers_empty():
    port, model, _clock = bench()
    numbers, sent = 0, []
    for round_ in range(60):
        while port.send(0x100, False, bytes((numbers,))):
            numbers += 1
        for _ in range(1 + round_ % 3):
            frame = model.transmit()
            if frame:
                sent.append(frame[2][0])
    assert sent == list(range(len(sent))) and len(sent) > 50


def test_a_full_transmitter_says_so_and_a_wrong_frame_is_refused():
    port, _model, _clock = bench()
    assert [port.send(i, False, b"") for i in range(4)] == [True, True, True, False]
    for args in ((0x800, False, b""), (1 << 29, True, b""), (-1, True, b""), (1, True, b"123456789")):
        assert isinstance(refusal(port.send, *args), ValueError)


def test_received_frames_keep_their_order_when_they_come_between_two_reads():
    port, model, _clock = bench()
    frame = Frame()
    got = []
    model.deliver(1, False, b"")
    model.deliver(2, False, b"")  # rolls over into the second buffer
    assert port.recv(frame)
    got.append(frame.can_id)
    model.deliver(3, False, b"")  # into the first buffer, which is free again
    while port.recv(frame):
        got.append(frame.can_id)
    assert got == [1, 2, 3]


def test_any_mixture_of_arrivals_and_reads_keeps_the_order():
    port, model, _clock = bench()
    frame = Frame()
    state, number, got = 1, 0, []
    for _ in range(400):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        if state >> 16 & 1:
            if model.registers[0x2C] & 3 != 3:
                number += 1
                model.deliver(number, False, b"")
        elif port.recv(frame):
            got.append(frame.can_id)
    got += [can_id for can_id, _extended, _data in received(port)]
    assert got == list(range(1, number + 1)) and number > 100


def test_a_bus_at_500_kbit_per_second_is_followed_by_a_loop_that_comes_by_in_time():
    port, model, clock = bench(500000)
    wire = Wire(clock, model, 500000)
    wire.free_us = clock.now_us
    wire.queue = [(0x18FF1000 + i % 12, True, bytes((i & 255, i >> 8))) for i in range(600)]
    got = []
    while wire.queue:
        clock.now_us += 150
        wire.run()
        got += received(port)
    assert len(got) == 600 and model.lost == 0 and port.overruns == 0
    assert [data[0] | data[1] << 8 for _id, _extended, data in got] == list(range(600))


def test_a_loop_that_comes_too_late_loses_frames_and_counts_it():
    port, model, clock = bench(500000)
    wire = Wire(clock, model, 500000)
    wire.free_us = clock.now_us
    wire.queue = [(0x18FF1000, True, b"12345678") for _ in range(100)]
    got = []
    while wire.queue:
        clock.now_us += 2000
        wire.run()
        got += received(port)
    assert model.lost == 100 - len(got) > 0
    assert port.overruns > 0
    assert port.state() == 0 and not model.registers[EFLG] & 0xC0


def test_filters_that_fit_are_in_hardware():
    port, model, _clock = bench()
    port.set_filters([(0x18FF1000, 0x1FFFFF00, True), (0x18FF5000, 0x1FFFFF00, True), (0x18DAF400, 0x1FFFFF00, True)])
    taken = [0x18FF1003, 0x18FF50A1, 0x18DAF407]
    for can_id in taken:
        model.deliver(can_id, True, b"")
        assert received(port) == [(can_id, True, b"")]
    for can_id, extended in ((0x18FF1103, True), (0x1806A1F4, True), (0x0FF, False)):
        model.deliver(can_id, extended, b"\xff\xff")
        assert not port.pending()


def test_standard_and_extended_filters_stand_side_by_side():
    port, model, _clock = bench()
    port.set_filters([(0x123, 0x7FF, False), (0x18FF1000, 0x1FFFFFFF, True)])
    model.deliver(0x123, False, b"\xab\xcd")
    assert received(port) == [(0x123, False, b"\xab\xcd")]
    model.deliver(0x18FF1000, True, b"")
    assert received(port) == [(0x18FF1000, True, b"")]
    model.deliver(0x124, False, b"")
    model.deliver(0x123 << 18, True, b"")
    assert received(port) == []


def test_filters_that_do_not_fit_accept_everything():
    port, model, _clock = bench()
    for filters in ([(i, 0x7FF, False) for i in range(7)], [(1, mask, True) for mask in (1, 3, 7)]):
        port.set_filters(filters)
        model.deliver(0x1ABCDEF0, True, b"")
        assert len(received(port)) == 1


def test_remote_requests_are_passed_over():
    port, model, _clock = bench()
    model.deliver(5, False, b"", True)
    model.deliver(6, True, b"", True)
    assert received(port) == []
    model.deliver(7, True, b"")
    assert received(port) == [(7, True, b"")]


def test_the_error_state_is_told():
    port, model, _clock = bench()
    assert port.state() == 0
    for flags, state in ((0x03, 1), (0x0B, 2), (0x15, 2), (0x35, 3)):
        model.registers[EFLG] = flags
        assert port.state() == state
    port.send(1, False, b"")
    port.restart()
    assert port.state() == 0 and model.transmit() is None
    model.deliver(9, True, b"")
    assert received(port) == [(9, True, b"")]


def test_a_bus_held_dominant_is_a_state_and_not_a_failure_of_the_start():
    port, model, clock = bench(dominant=True)
    assert port.state() == 3
    assert clock.now_us < 100000
    model.dominant = False
    port.restart()
    assert port.state() == 0


def test_the_interrupt_pin_spares_the_question_over_spi():
    clock = Clock()
    model = Mcp2515Model(clock)
    spi = Spi(clock)
    port = MCP2515(spi, Select(spi, model), clock, 250000, 16000000, model.interrupt)
    port.set_filters([(0, 0, True)])
    before = spi.calls
    assert port.stream.ioctl(3, 1) == 0
    model.deliver(1, True, b"")
    assert port.stream.ioctl(3, 1) == 1 and spi.calls == before
