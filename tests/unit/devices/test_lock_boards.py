"""Lock boards and inputs of other makers: pulses that the board times, latches that it feels, switches that somebody else reads."""


from chips.expander_inputs import ExpanderInputs
from i2c_bus import I2c, Mcp23017Model

from cabinet.bus.crc16 import crc16
from cabinet.bus.kerong_bus import KerongBus, is_status
from cabinet.bus.modbus_bus import ModbusBus
from cabinet.bus.pin_bus import PinBus
from cabinet.core.reading import CABINET_SMOKE
from cabinet.devices.io.inputs import SlotInputs
from cabinet.devices.io.kr_cu16 import KrCu16
from cabinet.devices.io.pins import PinInputs, PinLocks
from cabinet.devices.io.relay_boards import WaveshareBoard, XunmingBoard
from cabinet.devices.io.waveshare_inputs import WaveshareInputs


class InputsBoard:
    """A board with expanders."""

    name = "any"

    def __init__(self, i2c):
        self.i2c = i2c

    def inputs(self, port, index):
        assert port == "expanders"
        return ExpanderInputs(self.i2c, index)


class HandClock:
    us = 5_000_000

    def ticks_us(self):
        return self.us & 0x3FFFFFFF

    def ticks_ms(self):
        return (self.us // 1000) & 0x3FFFFFFF


class Wire:
    """A line whose other end is `slave(request) -> answer`."""

    baud = 19200
    stream = None

    def __init__(self, slave):
        self.slave = slave
        self.requests = []
        self.answer = b""

    def write(self, data):
        self.requests.append(bytes(data))
        self.answer = self.slave(bytes(data)) or b""
        return len(data)

    def readinto(self, buf):
        n = len(self.answer)
        buf[:n] = self.answer
        self.answer = b""
        return n


def run(clock, bus, ms):
    end = clock.us + ms * 1000
    while clock.us < end:
        clock.us += max(bus.step(), 100)


def summed(body):
    return bytes(body) + bytes([sum(body) & 0xFF])


class KerongModel:
    """The board of the public examples: 16 locks, hooks, the frames as there."""

    def __init__(self, board=0):
        self.board = board
        self.hooks = 0xFFFF
        self.opened = []
        self.answers = True

    def __call__(self, request):
        assert len(request) == 5 and request == summed(request[:4]) and request[0] == 2 and request[3] == 3
        if request[1] >> 4 != self.board:
            return None
        if request[2] == 0x31:
            self.opened.append(request[1] & 15)
            self.hooks &= ~(1 << (request[1] & 15))
        if not self.answers:
            return None
        return summed([2, request[1], 0x35, self.hooks & 255, self.hooks >> 8, 0, 0, 3])


def kerong(board=0):
    clock = HandClock()
    model = KerongModel(board)
    wire = Wire(model)
    bus = KerongBus("locks", wire, clock)
    return clock, model, wire, bus, KrCu16(bus, board, clock)


def test_the_frames_are_those_of_the_published_examples():
    clock, model, wire, bus, board = kerong()
    run(clock, bus, 300)
    assert wire.requests[0] == b"\x02\x00\x30\x03\x35"
    board.pulse(0, 300)
    run(clock, bus, 300)
    assert b"\x02\x00\x31\x03\x36" in wire.requests


def test_the_hooks_are_told():
    clock, model, wire, bus, board = kerong(3)
    model.hooks = 0x8001
    run(clock, bus, 300)
    assert board.latches == 0x8001 and board.fault == "" and clock.ticks_ms() - board.heard_ms <= 200


def test_an_order_is_given_once_even_without_an_answer():
    clock, model, wire, bus, board = kerong(1)
    run(clock, bus, 300)
    model.answers = False
    assert board.pulse(15, 300)
    run(clock, bus, 2000)
    assert model.opened == [15] and not board.urgent


def test_a_frame_with_a_wrong_sum_is_not_taken_and_silence_makes_the_latches_unknown():
    clock, model, wire, bus, board = kerong()
    run(clock, bus, 300)
    wire.slave = lambda request: model(request)[:-1] + b"\x00"
    run(clock, bus, 3000)
    assert board.heard_ms is None and board.fault == "crc" and board.stats.crc_errors >= 3
    wire.slave = model
    run(clock, bus, 9000)
    assert board.fault == "" and board.heard_ms is not None


def test_the_frame_of_another_board_is_not_taken():
    clock, model, wire, bus, board = kerong()
    wire.slave = lambda request: summed([2, 0x10, 0x35, 0, 0, 0, 0, 3])
    run(clock, bus, 5000)
    assert board.heard_ms is None and board.fault == "foreign"
    assert not is_status(summed([2, 0, 0x36, 0, 0, 0, 0, 3]), 0)


def test_latches_of_the_lock_board_join_the_switches_of_the_inputs():
    clock, model, wire, bus, board = kerong()
    inputs = SlotInputs(9)
    inputs.feedback = board
    inputs.feedback_shift = 8
    assert not inputs.take(0xFF, 0, 0x0F, 0, clock.ticks_ms()) and inputs.slots[0].taken_ms is None
    model.hooks = 0x01FE
    run(clock, bus, 300)
    assert inputs.take(0xFF, 0, 0x0F, 0, clock.ticks_ms())
    assert [s.lock_locked for s in inputs.slots] == [True] + [False] * 7
    assert [s.pack_present for s in inputs.slots] == [True] * 4 + [False] * 4
    taken = inputs.slots[0].taken_ms
    wire.slave = lambda request: None
    run(clock, bus, 1000)
    assert not inputs.take(0xFF, 0, 0x0F, 0, clock.ticks_ms()) and inputs.slots[0].taken_ms == taken


def test_switches_beside_a_lock_board_that_died_never_become_young_again():
    clock, _, wire, bus, board = kerong()
    inputs = SlotInputs(1)
    inputs.feedback = board
    run(clock, bus, 300)
    assert inputs.take(0xFF, 0, 0xFF, 0, clock.ticks_ms())
    wire.slave = lambda request: None
    run(clock, bus, 1000)
    clock.us += 21_000_000
    assert not inputs.take(0, 0, 0, CABINET_SMOKE, clock.ticks_ms())  # the boards of the inputs go on answering
    assert all(slot.taken_ms is None for slot in inputs.slots)
    assert inputs.cabinet.danger_bits == CABINET_SMOKE and inputs.cabinet.taken_ms == clock.ticks_ms()


# ---- relays on Modbus


def modbus_slave(coils):
    def slave(request):
        function, start, value = request[1], request[2] << 8 | request[3], request[4] << 8 | request[5]
        if function == 5:
            coils.append((start, value))
            return request
        body = bytes([request[0], function, 1, 0])
        crc = crc16(body, 0, len(body))
        return body + bytes([crc & 255, crc >> 8])

    return slave


def relays(made):
    clock = HandClock()
    coils = []
    bus = ModbusBus("locks", Wire(modbus_slave(coils)), clock)
    return clock, coils, bus, made(bus, 1, clock)


def test_a_xunming_pulse_is_one_order_with_its_milliseconds():
    clock, coils, bus, board = relays(XunmingBoard)
    for channel in range(8):
        assert board.pulse(channel, 250 + channel)
    run(clock, bus, 3000)
    assert sorted(coils) == [(101 + n, 250 + n) for n in range(8)] and board.fault == ""


def test_a_waveshare_pulse_is_one_flash_order_in_tenths_of_a_second():
    clock, coils, bus, board = relays(WaveshareBoard)
    for channel, ms in ((0, 1), (1, 100), (2, 101), (7, 2000)):
        assert board.pulse(channel, ms)
        run(clock, bus, 500)
    assert coils == [(0x200, 1), (0x201, 1), (0x202, 2), (0x207, 20)]


def test_no_relay_is_ever_told_on_or_off():
    for made in (XunmingBoard, WaveshareBoard):
        clock, coils, bus, board = relays(made)
        assert not board.pulse(0, 0) and not board.pulse(0, 2001) and not board.pulse(8, 100)
        for ms in range(1, 2001, 37):
            board.pulse(3, ms)
            run(clock, bus, 200)
        assert coils and all(value not in (0, 0xFF00, 0xFFFF) for _, value in coils)


def test_four_input_boards_make_the_switches_of_eight_slots():
    clock = HandClock()
    bits = {1: 0xFE, 2: 0x7F, 3: 0x03, 4: CABINET_SMOKE}

    def slave(request):
        if request[0] not in bits:
            return None
        body = bytes([request[0], 2, 1, bits[request[0]]])
        crc = crc16(body, 0, len(body))
        return body + bytes([crc & 255, crc >> 8])

    bus = ModbusBus("inputs", Wire(slave), clock)
    device = WaveshareInputs(bus, 1, clock, 1)
    run(clock, bus, 1000)
    slots = device.inputs.slots
    assert [s.door_closed for s in slots] == [False] + [True] * 7
    assert [s.lock_locked for s in slots] == [True] * 7 + [False]
    assert [s.pack_present for s in slots] == [True, True] + [False] * 6
    assert device.inputs.cabinet.danger_bits == CABINET_SMOKE
    assert clock.ticks_ms() - slots[0].taken_ms < 400
    del bits[3]  # one of the four is gone: half a picture is none
    run(clock, bus, 3000)
    assert clock.ticks_ms() - slots[0].taken_ms > 2000
    assert device.boards[2].fault == "timeout" and device.boards[0].fault == ""


# ---- pins and expanders


def test_switches_on_expanders_are_read_and_a_dip_of_their_supply_is_survived():
    clock = HandClock()
    i2c = I2c()
    bus = PinBus("gpio", InputsBoard(i2c), "expanders", clock)
    device = PinInputs(bus, 0, clock, 1)
    for _ in range(6):
        bus.step()
        clock.us += 20_000
    assert device.fault == "timeout" and device.inputs.slots[0].taken_ms is None
    first, second = Mcp23017Model(), Mcp23017Model()
    i2c.chips[0x20], i2c.chips[0x21] = first, second
    first.pins, second.pins = 0xFF00, 0x01FC  # doors shut, latches open; packs in the first two; smoke contact open
    for _ in range(6):
        bus.step()
        clock.us += 20_000
    slots = device.inputs.slots
    assert device.fault == "" and all(s.door_closed and not s.lock_locked for s in slots)
    assert [s.pack_present for s in slots] == [True, True] + [False] * 6
    assert device.inputs.cabinet.danger_bits == CABINET_SMOKE
    second.reset()
    for _ in range(8):
        bus.step()
        clock.us += 20_000
    assert device.fault == "" and clock.ticks_ms() - slots[0].taken_ms <= 40


def test_a_broken_wire_is_an_open_door_and_a_danger():
    clock = HandClock()
    i2c = I2c()
    first, second = Mcp23017Model(), Mcp23017Model()
    i2c.chips[0x20], i2c.chips[0x21] = first, second
    first.floating = second.floating = 0xFFFF
    bus = PinBus("gpio", InputsBoard(i2c), "expanders", clock)
    device = PinInputs(bus, 0, clock, 1)
    for _ in range(6):
        bus.step()
        clock.us += 20_000
    assert not any(s.door_closed or s.lock_locked or s.pack_present for s in device.inputs.slots)
    assert device.inputs.cabinet.danger_bits == 0xFF


class Pulses:
    def __init__(self):
        self.given = []
        self.broken = False

    def pulse(self, channel, ms):
        if self.broken:
            raise OSError(5)
        self.given.append((channel, ms))
        return channel < 4


class PinnedBoard:
    name = "pinned"
    clock = HandClock()

    def __init__(self):
        self.port = Pulses()

    def pulses(self, port, index):
        assert (port, index) == ("locks", 0)
        return self.port


def test_a_lock_on_a_pin_is_pulsed_by_the_hardware():
    board = PinnedBoard()
    locks = PinLocks(PinBus("gpio", board, "locks", board.clock), 0, board.clock)
    assert locks.pulse(2, 300) and not locks.pulse(5, 300)
    assert board.port.given == [(2, 300), (5, 300)] and locks.pulses_failed == 1
    board.port.broken = True
    assert not locks.pulse(2, 300) and locks.fault == "timeout"


def test_a_board_that_times_no_pulses_is_refused_with_the_reason():
    class Bare:
        name = "bare"
        clock = HandClock()

    board = Bare()
    bus = PinBus("gpio", board, "x", board.clock)
    for call, said in ((lambda: PinLocks(bus, 0, board.clock), "times no lock pulses"),
                       (lambda: PinInputs(bus, 0, board.clock, 1), "no inputs")):
        try:
            call()
        except ValueError as error:
            assert said in str(error) and "bare" in str(error)
        else:
            raise AssertionError("taken")
