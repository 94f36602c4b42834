"""Doors, latches, presence, dangers, and the lock pulses that the board times itself."""

import struct

from cabinet.bus.crc16 import crc16
from cabinet.bus.modbus_bus import ModbusBus
from cabinet.core.reading import CABINET_SMOKE, CABINET_TILT
from cabinet.devices.io.kiosk import KioskLine
from cabinet.devices.io.slot_board import SlotBoard


class HandClock:
    us = 5_000_000

    def ticks_us(self):
        return self.us & 0x3FFFFFFF

    def ticks_ms(self):
        return (self.us // 1000) & 0x3FFFFFFF


class BoardOnTheWire:
    baud = 115200
    stream = None

    def __init__(self):
        self.inputs = 0x00FFFFFF
        self.temps = [235] * 9
        self.pulses = []
        self.alive = True
        self.lose_answers = 0
        self.refuses = 0  # this function
        self.answer = b""

    def write(self, data):
        data = bytes(data)
        self.answer = b""
        if not self.alive:
            return len(data)
        unit, function, start, value = struct.unpack(">BBHH", data[:6])
        if function == self.refuses:
            body = bytes([unit, function | 0x80, 1])
        elif function == 2:
            body = bytes([unit, 2, 4]) + struct.pack("<I", self.inputs)
        elif function == 4:
            body = bytes([unit, 4, 18]) + struct.pack(">9h", *self.temps)
        else:
            self.pulses.append((start - 0x100, value))
            body = data[:6]
            if self.lose_answers:
                self.lose_answers -= 1
                return len(data)
        crc = crc16(body, 0, len(body))
        self.answer = body + bytes([crc & 0xFF, crc >> 8])
        return len(data)

    def readinto(self, buf):
        n = len(self.answer)
        buf[:n] = self.answer
        self.answer = b""
        return n


def bench(first_slot=1):
    clock = HandClock()
    wire = BoardOnTheWire()
    bus = ModbusBus("io", wire, clock)
    return clock, wire, bus, SlotBoard(bus, 1, clock, first_slot)


def run(clock, bus, ms):
    end = clock.us + ms * 1000
    while clock.us < end:
        clock.us += max(bus.step(), 100)


def test_the_inputs_are_told_apart():
    clock, wire, bus, board = bench()
    wire.inputs = 0b00001001 << 24 | 0b00000100 << 16 | 0b11111101 << 8 | 0b11111110
    run(clock, bus, 300)
    assert [s.door_closed for s in board.slots] == [False] + [True] * 7
    assert [s.lock_locked for s in board.slots] == [True, False] + [True] * 6
    assert [s.pack_present for s in board.slots] == [False, False, True] + [False] * 5
    assert board.cabinet.danger_bits == CABINET_SMOKE | CABINET_TILT
    assert board.cabinet.temp_ddegc == 235 and board.slots[7].temp_ddegc == 235
    assert clock.ticks_ms() - board.slots[0].taken_ms <= 120


def test_only_the_first_board_speaks_for_the_cabinet():
    assert bench(9)[3].cabinet is None


def test_a_pulse_is_given_once():
    clock, wire, bus, board = bench()
    run(clock, bus, 200)
    assert board.pulse(3, 500)
    run(clock, bus, 500)
    assert wire.pulses == [(3, 500)] and not board.urgent and board.pulses_failed == 0


def test_a_pulse_whose_answer_is_lost_is_repeated_at_most_three_times():
    clock, wire, bus, board = bench()
    wire.lose_answers = 1
    board.pulse(0, 300)
    run(clock, bus, 900)
    assert wire.pulses == [(0, 300)] * 2 and board.pulses_failed == 0
    wire.lose_answers = 99
    board.pulse(0, 300)
    run(clock, bus, 3000)
    assert 2 <= len(wire.pulses) - 2 <= 3 and board.pulses_failed == 1


def test_a_pulse_that_could_not_be_given_in_time_is_given_up():
    clock, wire, bus, board = bench()
    board.pulse(2, 300)
    clock.us += 1_500_000
    run(clock, bus, 500)
    assert wire.pulses == [] and board.pulses_failed == 1


def test_pulses_that_are_not_allowed_are_refused():
    clock, wire, bus, board = bench()
    assert not board.pulse(8, 300) and not board.pulse(-1, 300)
    assert not board.pulse(0, 0) and not board.pulse(0, 2001)
    assert board.pulse(0, 2000) and not board.pulse(0, 2000), "one at a time"


def test_a_silent_board_is_at_fault_and_forgotten():
    clock, wire, bus, board = bench()
    run(clock, bus, 300)
    wire.alive = False
    run(clock, bus, 2000)
    assert board.fault == "timeout"
    run(clock, bus, 40_000)
    assert board.slots[0].taken_ms is None and board.cabinet.taken_ms is None
    wire.alive = True
    run(clock, bus, 10_000)
    assert board.fault == "" and board.slots[0].taken_ms is not None


def test_a_temperature_that_cannot_be_takes_none_of_the_others_with_it():
    clock, wire, bus, board = bench()
    for wrong in (9999, -601, 2001, -0x8000):
        wire.temps = [235] * 9
        wire.temps[4] = wrong
        run(clock, bus, 2500)
        assert [s.temp_ddegc for s in board.slots] == [235] * 3 + [None] + [235] * 4, wrong
        assert board.cabinet.temp_ddegc == 235 and board.slots[3].taken_ms is not None
    wire.temps[0] = 9999
    run(clock, bus, 2500)
    assert board.cabinet.temp_ddegc is None and board.slots[7].temp_ddegc == 235


def test_a_sensor_that_fails_is_a_fault_of_the_board_until_it_is_back():
    clock, wire, bus, board = bench()
    for index, wrong in ((3, -0x8000), (0, 9999)):
        run(clock, bus, 10_000)
        assert board.fault == ""
        wire.temps[index] = wrong
        run(clock, bus, 4500)
        assert board.fault == "", "not at once"
        run(clock, bus, 4000)
        taken = board.slots[0].taken_ms
        for _ in range(20):
            assert board.fault == "implausible", "it stands while the switches are read"
            run(clock, bus, 100)
        assert board.slots[0].taken_ms > taken + 1500, "which they are as often as before"
        reading = board.slots[index - 1] if index else board.cabinet
        assert [s.temp_lost for s in [board.cabinet] + board.slots].count(True) == 1 and reading.temp_lost is True
        wire.temps[index] = 240
        run(clock, bus, 2500)
        assert board.fault == "" and reading.temp_lost is False


def test_a_sensor_that_was_wrong_from_the_start_is_told_and_one_that_is_not_fitted_is_none():
    clock, wire, bus, board = bench()
    wire.temps = [-0x8000] * 9
    run(clock, bus, 20_000)
    assert board.fault == "" and board.slots[0].temp_ddegc is None and board.slots[0].temp_lost is False
    wire.temps[2] = -700
    run(clock, bus, 10_000)
    assert board.fault == "implausible" and board.slots[1].temp_lost is True and board.slots[0].temp_lost is False


def test_a_board_that_tells_its_temperatures_no_more_is_at_fault_though_its_switches_are_read():
    clock, wire, bus, board = bench()
    run(clock, bus, 3000)
    wire.refuses = 4
    run(clock, bus, 9000)
    assert board.fault == "implausible" and board.slots[0].temp_ddegc is None and board.slots[0].temp_lost is True
    assert clock.ticks_ms() - board.slots[0].taken_ms <= 300
    wire.refuses = 0
    run(clock, bus, 2500)
    assert board.fault == "" and board.slots[0].temp_ddegc == 235


class Terminal:
    def __init__(self):
        self.inbox = b""
        self.out = b""
        self.room = 1000

    def readinto(self, buf):
        n = min(len(buf), len(self.inbox))
        buf[:n] = self.inbox[:n]
        self.inbox = self.inbox[n:]
        return n

    def write(self, data):
        n = min(self.room, len(data))
        self.out += bytes(data[:n])
        self.room -= n
        return n


def test_tokens_come_in_line_by_line():
    terminal = Terminal()
    kiosk = KioskLine(terminal)
    terminal.inbox = b"T:first\r\nT:sec"
    assert kiosk.take() == "first" and kiosk.take() is None
    terminal.inbox = b"ond\nT:third\n"
    assert kiosk.take() == "second" and kiosk.take() == "third" and kiosk.take() is None


def test_what_is_no_token_is_skipped():
    terminal = Terminal()
    kiosk = KioskLine(terminal)
    terminal.inbox = b"hello\n\n\nT:\nT:" + b"x" * 500 + b"\nT:a\x00b\n\xff\xfe\nT:good\n"
    assert kiosk.take() == "good" and kiosk.take() is None
    assert kiosk.lines_refused >= 3


def test_sentences_go_out_as_the_terminal_takes_them():
    terminal = Terminal()
    terminal.room = 5
    kiosk = KioskLine(terminal)
    kiosk.say(3, "put_pack_in")
    kiosk.flush()
    terminal.room = 1000
    kiosk.flush()
    assert terminal.out == b"S:3:put_pack_in:Put your pack into slot 3 and shut the door.\n"


def test_a_terminal_that_takes_nothing_does_not_fill_the_memory():
    terminal = Terminal()
    terminal.room = 0
    kiosk = KioskLine(terminal)
    for k in range(50):
        kiosk.say(k, "x")
        kiosk.flush()
    terminal.room = 1000
    kiosk.flush()
    assert terminal.out.startswith(b"S:0:x:x\nS:42:") and terminal.out.endswith(b"S:49:x:x\n")
