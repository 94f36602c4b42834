"""Framed profiles: a sample of profile_frames.py, the examples that makers have published, and what a line can do to a frame."""

from __future__ import annotations

import importlib.util
import os
import random
import sys
from pathlib import Path
from typing import Any

import pytest

COUNT = int(os.environ.get("PROFILE_COUNT", "1500")) // 10


def load_script() -> Any:
    """The script beside this file."""
    name = "profile_frames"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(name + ".py"))
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


frames = load_script()


@pytest.mark.parametrize("maker", frames.MAKERS, ids=lambda m: m.name)
def test_packs_with_random_contents_are_read_as_their_encoder_wrote_them(maker: Any) -> None:
    done = frames.exchanges(maker, COUNT, 1)
    assert done["plausible"] > COUNT // 3


def test_the_examples_of_the_jbd_protocol_are_read() -> None:
    """Jiabaida software board general protocol V4: requests and answers as printed there."""
    basic = bytes.fromhex("DD 03 00 1B 17 00 00 00 02 D0 03 E8 00 00 20 78 00 00 00 00 00 00 10 48 03 0F 02 0B 76 0B 82 FB FF 77")
    cells = frames.jbd_frame(4, bytes.fromhex("0F66 0F63 0F63 0F64 0F3E 0F63 0F37 0F5B 0F65 0F3B 0F63 0F63 0F3C 0F66 0F3D"))
    barcode = frames.jbd_frame(0xA2, b"\x05ABCDE")
    answers = {bytes.fromhex("DD A5 03 00 FF FD 77"): basic, bytes.fromhex("DD A5 04 00 FF FC 77"): cells}
    clock, line, bus, pack = frames.bench("jbd-rs485", lambda request: answers.get(request, barcode))
    pack.set_need(500)
    frames.run(clock, bus, 1500)
    r = pack.reading
    assert (r.pack_mv, r.current_ma, r.capacity_mah, r.soc_pct, r.state_bits) == (58_880, 0, 10_000, 72, 3)
    assert (r.cell_count, r.cell_min_mv, r.cell_max_mv, r.temp_min_ddegc, r.temp_max_ddegc) == (15, 3895, 3942, 203, 215)
    assert r.serial == "ABCDE" and (r.charge_limit_ma, r.charge_limit_mv) == (0, 0), "it does not tell what it takes"


def test_the_example_of_the_daly_protocol_is_read() -> None:
    """Daly UART specification: A5 01 90 08 02 FC 00 00 75 A1 00 00 52 is 76.4 V and 11.3 A."""
    daly = frames.Daly(random.Random(1))
    example = bytes.fromhex("A5 01 90 08 02 FC 00 00 75 A1 00 00 52")
    clock, line, bus, pack = frames.bench("daly-rs485", lambda request: example if request[2] == 0x90 else daly.answer(request))
    pack.set_need(500)
    frames.run(clock, bus, 1500)
    assert bytes.fromhex("A5 40 90 08 00 00 00 00 00 00 00 00 7D") in line.requests
    assert (pack.reading.pack_mv, pack.reading.current_ma, pack.reading.soc_pct) == (76_400, -11_300, 0)


def test_a_jk_frame_counts_only_with_the_acknowledgement_of_the_pack_that_was_asked() -> None:
    jk = frames.Jk(random.Random(3))
    while jk.wanted is None:
        jk.deal()
    answer = jk.answer

    def from_another(request: bytes) -> bytes:
        frame = answer(request)
        return frame[:300] + frames.with_crc(bytes([4]) + request[1:6]) if frame else b""

    jk_line: list[Any] = [from_another]
    clock, line, bus, pack = frames.bench("jk-pb-bus", lambda request: jk_line[0](request), jk.address)
    pack.set_need(500)
    frames.run(clock, bus, 8000)
    assert pack.reading.taken_ms is None and pack.fault == "crc", "nobody's"
    jk_line[0] = answer
    frames.run(clock, bus, 10_000)
    assert pack.reading.taken_ms is not None and pack.fault == ""


def test_requests_on_a_jk_line_are_at_least_120_ms_apart() -> None:
    jk = frames.Jk(random.Random(3))
    sent: list[int] = []
    clock, line, bus, pack = frames.bench("jk-pb-bus", lambda request: sent.append(clock.us) or jk.answer(request), jk.address)
    pack.set_need(50)
    frames.run(clock, bus, 3000)
    assert len(sent) > 10 and min(b - a for a, b in zip(sent, sent[1:], strict=False)) >= 120_000


def damaged(frame: bytes, at: int) -> bytes:
    """One bit turned."""
    return frame[:at] + bytes([frame[at] ^ 0x10]) + frame[at + 1 :]


@pytest.mark.parametrize("maker", frames.MAKERS, ids=lambda m: m.name)
def test_a_damaged_frame_is_no_reading_and_the_fault_names_the_reason(maker: Any) -> None:
    source = random.Random(5)
    there = maker(source)

    def answer(request: bytes) -> bytes:
        frame = there.answer(request)
        return damaged(frame, source.randrange(4, min(len(frame) - 2, 290)))

    clock, line, bus, pack = frames.bench(maker.name, answer, maker.address)
    pack.set_need(500)
    frames.run(clock, bus, 8000)
    assert pack.reading.taken_ms is None and pack.fault == "crc" and pack.stats.crc_errors >= 3
    assert (pack.name, bus.name) == (f"pack {maker.address}", "packs")


@pytest.mark.parametrize("maker", frames.MAKERS, ids=lambda m: m.name)
def test_a_silent_pack_is_lost_and_found_again(maker: Any) -> None:
    there = maker(random.Random(6))
    while there.wanted is None:
        there.deal()
    mute = [True]
    clock, line, bus, pack = frames.bench(maker.name, lambda request: b"" if mute[0] else there.answer(request), maker.address)
    pack.set_need(500)
    frames.run(clock, bus, 6000)
    assert pack.fault == "timeout" and pack.reading.taken_ms is None
    mute[0] = False
    frames.run(clock, bus, 12_000)
    assert pack.fault == "" and pack.reading.pack_mv == there.wanted["pack_mv"]


def test_another_pack_in_the_place_of_the_first_is_not_believed() -> None:
    jbd = frames.Jbd(random.Random(7))
    while jbd.wanted is None:
        jbd.deal()
    clock, line, bus, pack = frames.bench("jbd-rs485", jbd.answer)
    pack.set_need(500)
    frames.run(clock, bus, 2000)
    assert pack.reading.serial == jbd.wanted["serial"]
    jbd.answers[0xA2] = frames.jbd_frame(0xA2, b"\x04EVIL")
    frames.run(clock, bus, 35_000)
    assert pack.reading.taken_ms is None and pack.reading.serial == "" and pack.fault == "foreign"
    pack.set_need(0)
    pack.set_need(500)
    frames.run(clock, bus, 2000)
    assert pack.reading.serial == "EVIL", "after the slot was empty"


def test_an_answer_behind_noise_and_the_echo_of_the_request_is_found() -> None:
    daly = frames.Daly(random.Random(8))
    while daly.wanted is None:
        daly.deal()
    clock, line, bus, pack = frames.bench("daly-rs485", lambda request: b"\xa5\x01\x90" + request + daly.answer(request))
    pack.set_need(500)
    frames.run(clock, bus, 2500)
    assert pack.reading.pack_mv == daly.wanted["pack_mv"]
