"""NPB chargers and the lock boards and inputs of other makers: a good one is accepted, and each fault names its part."""

from collections.abc import Callable
from pathlib import Path

import pytest
from model_fixture import ModelFixture, bench_of, changed_settings
from peers import INPUTS, LOCKS

NPB = 4
FOUR_BOARDS = {"bus": "io", "driver": "waveshare-inputs", "first_address": INPUTS}
EXPANDERS = {"bus": "gpio", "driver": "pin-inputs", "first_address": 0}


def fixture_with(folder: Path, locks: str, inputs: dict) -> ModelFixture:
    """A cabinet with these locks and switches."""
    fixture = ModelFixture(folder, locks=locks)

    def change(settings: dict) -> None:
        settings["buses"]["io"]["kind"] = "kerong" if locks == "kr-cu16" else "modbus"
        settings["buses"]["gpio"] = {"kind": "pins", "port": "expanders", "baud": 400000}
        for group in settings["groups"]:
            group["io"] = {"bus": "io", "driver": locks, "first_address": 0 if locks == "kr-cu16" else LOCKS}
            group["inputs"] = inputs

    changed_settings(fixture, change)
    return fixture


KINDS = {
    "Kerong locks, expanders": ("kr-cu16", EXPANDERS),
    "Xunming locks, input boards": ("xunming", FOUR_BOARDS),
    "Waveshare relays, input boards": ("waveshare", FOUR_BOARDS),
    "Waveshare relays, expanders": ("waveshare", EXPANDERS),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_good_cabinet_is_accepted_with_every_lock_tried(kind: str, tmp_path: Path) -> None:
    fixture = fixture_with(tmp_path, *KINDS[kind])
    kept = bench_of(fixture, {"rs485", "inputs"})
    assert kept["faulty"] == [] and kept["verdict"] == "accepted", kept["faulty"]
    assert fixture.peers is not None and sorted(fixture.peers.pulsed) == [1, 2, 3, 4, 5, 6]
    assert [row["what"] for row in kept["results"] if row["check"] == "lock"] == [f"lock {slot}" for slot in range(1, 7)]


def silent(address: int) -> Callable[[ModelFixture], None]:
    return lambda fixture: spoil(fixture, lambda request, answer: b"" if request[0] == address else answer)


def spoil(fixture: ModelFixture, how: Callable[[bytes, bytes], bytes]) -> None:
    assert fixture.peers is not None
    fixture.peers.spoil = how


def all_silent(fixture: ModelFixture) -> None:
    spoil(fixture, lambda request, answer: b"")


def bad_sums(fixture: ModelFixture) -> None:
    spoil(fixture, lambda request, answer: answer[:-1] + bytes((answer[-1] ^ 1,)) if answer else b"")


def echo(fixture: ModelFixture) -> None:
    spoil(fixture, lambda request, answer: request + answer)


def jammed(fixture: ModelFixture) -> None:
    fixture.plant.set_fault(2, "lock_jammed")


def no_presence(fixture: ModelFixture) -> None:
    fixture.plant.set_fault(3, "presence_off")


def stays_on(fixture: ModelFixture) -> None:
    def held(request: bytes, answer: bytes) -> bytes:
        from plant.frames import sealed

        return sealed(answer[:3] + b"\x01") if request[:2] == bytes((LOCKS, 1)) and len(answer) == 6 else answer

    spoil(fixture, held)


def refuses(fixture: ModelFixture) -> None:
    from plant.frames import sealed

    spoil(fixture, lambda request, answer: sealed(bytes((LOCKS, 0x85, 1))) if request[:2] == bytes((LOCKS, 5)) else answer)


def set_for_too_long(fixture: ModelFixture) -> None:
    assert fixture.peers is not None
    fixture.peers.set_ms = 5000


def no_first_expander(fixture: ModelFixture) -> None:
    fixture.world.i2c.chips.pop(0x20)


def door_wire_off(fixture: ModelFixture) -> None:
    fixture.stuck_pins = lambda pins: pins | 0x04  # an open contact


FAULTS = {
    "Kerong board without supply": ("Kerong locks, expanders", all_silent, "RS485 line io: A and B swapped, or open"),
    "Kerong board with wrong sums": ("Kerong locks, expanders", bad_sums, "lock board 0 on RS485 line io"),
    "Kerong line with an echo": ("Kerong locks, expanders", echo, "RS485 line io: driver enable of the transceiver"),
    "Kerong lock jammed": ("Kerong locks, expanders", jammed, "lock of slot 2"),
    "Kerong board set for too long": ("Kerong locks, expanders", set_for_too_long, "lock board 0, output"),
    "first expander missing": ("Kerong locks, expanders", no_first_expander, ("I/O expander of inputs 0 on gpio", "inputs 0 on gpio")),
    "door wire off at the expander": ("Kerong locks, expanders", door_wire_off, "door switch of slot 3"),
    "Xunming board silent": ("Xunming locks, input boards", silent(LOCKS), ("lock board 7 on RS485 line io", "lock board 7, output")),
    "Xunming board refuses": ("Xunming locks, input boards", refuses, "lock board 7, output"),
    "Xunming lock jammed": ("Xunming locks, input boards", jammed, "lock of slot 2"),
    "input board silent": ("Xunming locks, input boards", silent(INPUTS + 1), ("input board 21 (latches) on", "input boards 20 to 22")),
    "presence switch off": ("Waveshare relays, input boards", no_presence, "presence switch of slot 3"),
    "Waveshare relay stays on": ("Waveshare relays, input boards", stays_on, "relay board 7, output 1"),
    "line without termination": ("Waveshare relays, input boards", bad_sums, ("RS485 line io: termination or bias", "input boards 20")),
}  # fmt: skip


@pytest.mark.parametrize("fault", list(FAULTS))
def test_the_sheet_names_the_faulty_part(fault: str, tmp_path: Path) -> None:
    kind, put, parts = FAULTS[fault]
    fixture = fixture_with(tmp_path, *KINDS[kind])
    put(fixture)
    kept = bench_of(fixture, {"rs485", "inputs"})
    expected = parts if isinstance(parts, tuple) else (parts,)
    first = next(row["part"] for row in kept["results"] if row["status"] == "fail")
    assert first.startswith(expected[0]), kept["faulty"]
    assert kept["verdict"] == "rejected" and all(row["step"] for row in kept["results"] if row["status"] == "fail")


def test_npb_chargers_answer_are_off_and_are_accepted(tmp_path: Path) -> None:
    fixture = ModelFixture(tmp_path, npb=NPB)
    kept = bench_of(fixture, {"can"})
    assert kept["faulty"] == [] and [row["status"] for row in kept["results"] if row["what"].startswith("charger")] == ["pass"] * NPB
    assert not any(slot.charger.started for slot in fixture.plant.slots)


def curve_on(fixture: ModelFixture) -> None:
    fixture.plant.slots[2].charger.values[0xB4] |= 0x0080  # type: ignore


def broken(fixture: ModelFixture) -> None:
    fixture.plant.set_fault(3, "charger_fault")


def not_there(fixture: ModelFixture) -> None:
    fixture.plant.set_fault(3, "charger_silent")


@pytest.mark.parametrize(("put", "said"), [(not_there, "no answer"), (broken, "over-voltage"), (curve_on, "its charging curve is on")])
def test_an_npb_charger_at_fault_is_named(put: Callable[[ModelFixture], None], said: str, tmp_path: Path) -> None:
    fixture = ModelFixture(tmp_path, npb=NPB)
    fixture.sleep(2000)  # it has its mains
    put(fixture)
    kept = bench_of(fixture, {"can"})
    assert kept["faulty"] == ["charger of slot 3 on CAN line can"]
    assert said in next(row["figure"] for row in kept["results"] if row["status"] == "fail")


def test_where_no_npb_charger_answers_and_nobody_else_speaks_their_mains_is_named(tmp_path: Path) -> None:
    fixture = ModelFixture(tmp_path, npb=NPB)
    changed_settings(fixture, lambda settings: settings["groups"].__delitem__(slice(1, None)))
    fixture.can.poll = lambda now: []
    fixture.plant.mains = False
    kept = bench_of(fixture, {"can"})
    assert kept["faulty"] == ["CAN line can: mains of the chargers, or interrupt of the CAN controller"]


def test_an_npb_charger_that_came_on_with_the_mains_is_told_to_be_off(tmp_path: Path) -> None:
    fixture = ModelFixture(tmp_path, npb=NPB)
    fixture.sleep(2000)
    fixture.plant.slots[1].charger.started = True
    assert bench_of(fixture, {"can"})["faulty"] == []
    assert not fixture.plant.slots[1].charger.started
