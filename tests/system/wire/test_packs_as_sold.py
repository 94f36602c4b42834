"""Packs as they are sold: no serial number or a blank one, a page that never comes, broken thermometers, slow or sleeping BMS."""

from __future__ import annotations

import struct
from typing import Any

import profile_frames as frames
import pytest

from cabinet.core.reading import TEMPERATURE_UNKNOWN

CELLS = frames.jbd_frame(4, struct.pack(">4H", 3331, 3334, 3332, 3333))


def jbd_basic(temps: tuple[int, ...] = (2955, 2962), status: int = 0) -> bytes:
    body = struct.pack(">HhHHHHIHBBBBB", 1333, -250, 9000, 10_000, 12, 0x2C7C, 0, 0, 0x80, 98, 3, 4, len(temps))
    return frames.jbd_frame(3, body + struct.pack(f">{len(temps)}H", *temps), status)


def jbd(barcode: bytes, basic: bytes = b"", cells: bytes = CELLS) -> Any:
    """A pack's answers by register."""
    answers = {0xA2: frames.jbd_frame(0xA2, bytes([len(barcode)]) + barcode), 3: basic or jbd_basic(), 4: cells}
    return lambda request: answers[request[2]]


def read(name: str, answer: Any, milliseconds: int = 12_000, address: int = 1) -> Any:
    """The pack after so long a time."""
    clock, _, bus, pack = frames.bench(name, answer, address)
    pack.set_need(500)
    frames.run(clock, bus, milliseconds)
    return pack


@pytest.mark.parametrize("barcode", [b"", b"\x00", b"          ", b"0000000000", b"FFFFFFFF", b"\xff\xff\xff\xff"])
def test_a_serial_number_that_names_nobody_is_no_identity_and_the_pack_is_watched_all_the_same(barcode: bytes) -> None:
    pack = read("jbd-rs485", jbd(barcode))
    r = pack.reading
    assert (r.pack_mv, r.soc_pct, r.cell_min_mv, r.cell_max_mv, r.temp_max_ddegc) == (13_330, 98, 3331, 3334, 231)
    assert r.identity_taken_ms is None and r.serial == "" and pack.fault == ""


def test_a_serial_number_ends_at_its_first_nul() -> None:
    pack = read("jbd-rs485", jbd(b"AB123\x0000"))
    assert pack.reading.serial == "AB123" and pack.fault == ""


def test_another_serial_number_in_the_same_place_is_another_pack() -> None:
    answers = [jbd(b"AB123")]
    clock, _, bus, pack = frames.bench("jbd-rs485", lambda request: answers[0](request))
    pack.set_need(500)
    frames.run(clock, bus, 5_000)
    assert pack.reading.serial == "AB123"
    answers[0] = jbd(b"AB124")
    frames.run(clock, bus, 40_000)
    assert pack.fault == "foreign" and pack.reading.taken_ms is None


def test_one_broken_thermometer_of_three_is_lost_alone_and_named() -> None:
    pack = read("jbd-rs485", jbd(b"AB123", jbd_basic((2955, 2962, 0))))
    r = pack.reading
    assert (r.temp_min_ddegc, r.temp_max_ddegc) == (224, 231) and r.serial == "AB123"
    assert pack.fault == "implausible" and pack.stats.page_note == "temperature sensor"


def test_with_no_sound_thermometer_the_temperature_is_not_known() -> None:
    pack = read("jbd-rs485", jbd(b"AB123", jbd_basic((0, 0))))
    assert (pack.reading.temp_min_ddegc, pack.reading.temp_max_ddegc) == (TEMPERATURE_UNKNOWN, TEMPERATURE_UNKNOWN)
    assert pack.reading.pack_mv == 13_330 and not pack.reading.is_whole()


def test_a_firmware_that_answers_with_its_own_code_is_read() -> None:
    old = [bytes([0xDD, 0xA5]) + frame[2:] for frame in (jbd_basic(), CELLS)]
    assert read("jbd-rs485", jbd(b"AB123", *old)).reading.pack_mv == 13_330


class Daly:
    """A Daly pack that answers some commands."""

    def __init__(self, address: int = 1, silent: tuple[int, ...] = (), alarms: bytes = bytes(8)) -> None:
        self.address = address
        self.silent = silent
        self.data = {
            0x90: struct.pack(">HHHH", 532, 0, 30_000, 880), 0x91: struct.pack(">HBHBH", 3328, 1, 3326, 2, 0),
            0x92: bytes([55, 1, 55, 1, 0, 0, 0, 0]), 0x93: bytes([0, 1, 1, 0, 0, 0, 0, 0]), 0x94: bytes([16, 1, 0, 0, 0, 0, 3, 0]),
            0x98: alarms, 0x50: struct.pack(">II", 30_000, 3200),
        }  # fmt: skip

    def __call__(self, request: bytes) -> bytes:
        if request[1] != 0x3F + self.address or request[2] in self.silent:
            return b""
        body = bytes([0xA5, self.address, request[2], 8]) + self.data[request[2]]
        return body + bytes([sum(body) & 0xFF])


def test_a_page_that_a_reading_needs_and_that_never_comes_is_named() -> None:
    pack = read("daly-rs485", Daly(silent=(0x98,)), 60_000)
    assert pack.fault == "timeout" and pack.stats.as_dict()["page"] == "A53F9808 unanswered"


def test_a_page_that_a_reading_does_not_need_costs_its_own_values() -> None:
    pack = read("daly-rs485", Daly(silent=(0x50,)), 60_000)
    assert pack.reading.pack_mv == 53_200 and pack.fault == ""


def test_the_second_pack_of_a_line_answers_with_its_own_address() -> None:
    assert read("daly-rs485", Daly(2), address=2).reading.pack_mv == 53_200
    assert read("daly-rs485", Daly(3), address=2).reading.taken_ms is None


@pytest.mark.parametrize(
    ("byte", "bits", "alarm"),
    [(6, 0x04, 10), (6, 0x01, 11), (3, 0x10, 11), (0, 0x01, None), (2, 0xF0, None), (1, 0x55, None), (0, 0x02, 0), (7, 0x03, 11)],
)
def test_an_alarm_bit_has_a_meaning_or_is_an_internal_fault_or_is_excepted(byte: int, bits: int, alarm: int | None) -> None:
    alarms = bytes(bits if at == byte else 0 for at in range(8))
    pack = read("daly-rs485", Daly(alarms=alarms))
    assert pack.reading.alarm_bits == (0 if alarm is None else 1 << alarm)


class InPieces:
    """A line on which an answer comes in two pieces, the second so many milliseconds after the first."""

    def __init__(self, line: Any, clock: Any, pause_ms: int) -> None:
        self.line, self.clock, self.pause_us = line, clock, pause_ms * 1000
        self.baud, self.stream = line.baud, None
        self.waiting: list[tuple[int, bytes]] = []

    def write(self, data: bytes) -> int:
        self.line.write(data)
        answer, self.line.data = self.line.data, b""
        self.waiting = [(self.clock.us + 20_000, answer[:7]), (self.clock.us + 20_000 + self.pause_us, answer[7:])]
        return len(data)

    def readinto(self, buf: bytearray) -> int:
        if self.waiting and self.waiting[0][0] <= self.clock.us:
            piece = self.waiting.pop(0)[1]
            buf[: len(piece)] = piece
            return len(piece)
        return 0


@pytest.mark.parametrize("pause_ms", [5, 60, 150, 250])
def test_an_answer_that_comes_in_pieces_is_read(pause_ms: int) -> None:
    clock, line, bus, pack = frames.bench("jbd-rs485", jbd(b"AB123"))
    bus.line = InPieces(line, clock, pause_ms)
    pack.set_need(500)
    frames.run(clock, bus, 20_000)
    assert pack.reading.serial == "AB123" and pack.fault == "" and pack.stats.crc_errors == 0


def test_an_older_firmware_may_answer_in_pieces_too() -> None:
    old = [bytes([0xDD, 0xA5]) + frame[2:] for frame in (jbd_basic(), CELLS)]
    clock, line, bus, pack = frames.bench("jbd-rs485", jbd(b"AB123", *old))
    bus.line = InPieces(line, clock, 60)
    pack.set_need(500)
    frames.run(clock, bus, 20_000)
    assert pack.reading.pack_mv == 13_330 and pack.fault == "" and pack.stats.crc_errors == 0


@pytest.mark.parametrize("awake_ms", [30_000, 5_000, 1_000])
def test_a_bms_that_sleeps_again_soon_is_woken_by_a_pair_of_requests(awake_ms: int) -> None:
    answer = jbd(b"AB123")
    state = {"last_us": -(10**12), "gone": False}
    clock, _, bus, pack = frames.bench("jbd-rs485", lambda request: asked(request))

    def asked(request: bytes) -> bytes:
        awake = clock.us - state["last_us"] < awake_ms * 1000 and not state["gone"]
        state["last_us"] = clock.us
        return answer(request) if awake else b""

    pack.set_need(500)
    frames.run(clock, bus, 20_000)
    assert pack.reading.serial == "AB123"
    state["gone"] = True
    frames.run(clock, bus, 120_000)
    assert pack.fault == "timeout" and pack.reading.taken_ms is None
    state["gone"] = False
    frames.run(clock, bus, 40_000)
    assert pack.fault == "" and pack.reading.serial == "AB123"
