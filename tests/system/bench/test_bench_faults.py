"""A bench with each of many hardware faults: the sheet names the faulty part, and no other."""

import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from model_fixture import ModelFixture, bench_of, changed_settings

from plant.crc16 import crc16
from swapcab.bench import checks, sheet

IN_PROCESS = {name for name, _title, _check in checks.CHECKS} - {"loop"}  # the loop needs MicroPython's asyncio


def corrupted(answer: bytes, every: int, count: list[int]) -> bytes:
    """A reflection on an open line: a bit is wrong now and then."""
    count[0] += 1
    if not answer or count[0] % every:
        return answer
    return answer[:-3] + bytes((answer[-3] ^ 0x10,)) + answer[-2:]


def no_termination(line: str) -> Callable[[ModelFixture], None]:
    def put(fixture: ModelFixture) -> None:
        count = [0]
        units = fixture.boards if line == "io" else fixture.packs
        fixture.spoil = lambda on, request, answer: corrupted(answer, 2, count) if on is units else answer

    return put


def silent_line(line: str) -> Callable[[ModelFixture], None]:
    def put(fixture: ModelFixture) -> None:
        units = fixture.boards if line == "io" else fixture.packs
        fixture.spoil = lambda on, request, answer: b"" if on is units else answer

    return put


def echo(fixture: ModelFixture) -> None:
    fixture.spoil = lambda units, request, answer: request + answer if units is fixture.packs else answer


def no_receiver_but_garbage(fixture: ModelFixture) -> None:
    fixture.spoil = lambda units, request, answer: b"\x00\xff\x00" if units is fixture.packs else answer


def one_pack(kind: str) -> Callable[[ModelFixture], None]:
    return lambda fixture: fixture.plant.faults.__setitem__(2, kind)


def no_can_chip(fixture: ModelFixture) -> None:
    fixture.world.selects.pop(14)


def no_interrupt(fixture: ModelFixture) -> None:
    fixture.world.interrupts[15] = SimpleNamespace(interrupt=lambda: 1)  # type: ignore


def wrong_bitrate(fixture: ModelFixture) -> None:
    fixture.world.cans["can-1"].oscillator_hz = 8000000
    fixture.can_open = True


def stuck_bit(bit: int, level: int) -> Callable[[ModelFixture], None]:
    return lambda fixture: setattr(fixture, "stuck", lambda bits: bits.__setitem__(bit, level))


def crossed_doors(fixture: ModelFixture) -> None:
    def both(bits: list) -> None:
        bits[3] &= bits[2]

    fixture.stuck = both


def wrong_chip(fixture: ModelFixture) -> None:
    fixture.world.nor.jedec = b"\xc8\x40\x16"


def no_flash_chip(fixture: ModelFixture) -> None:
    fixture.world.selects.pop(13)
    fixture.world.spi.us_per_call = 500  # the driver gives it four seconds


def protected(fixture: ModelFixture) -> None:
    fixture.world.nor.protect = 0x1C


def bad_sector(fixture: ModelFixture) -> None:
    clear, real = fixture.world.nor._settle, fixture.world.nor

    def settle() -> None:
        pending = real._pending
        clear()
        if pending and pending[0] == "erase" and pending[1] == 5 * 4096:
            real.poke(5 * 4096 + 77, b"\xfe")

    real._settle = settle


def loose_wires(fixture: ModelFixture) -> None:
    peek, dice = fixture.world.nor.peek, random.Random(1)
    fixture.world.nor.peek = lambda address: peek(address) ^ (dice.random() < 0.002)


def no_rtc(fixture: ModelFixture) -> None:
    fixture.world.i2c.chips.pop(0x68)
    fixture.bench.board = fixture.bench.module.Board("/")
    fixture.start()


def empty_cell(fixture: ModelFixture) -> None:
    fixture.world.rtc.cell_empty()
    fixture.bench.board = fixture.bench.module.Board("/")
    fixture.start()


def wrong_time(fixture: ModelFixture) -> None:
    fixture.bench.board.clock.synchronise(1795354200 + 86400)


def dead_random(fixture: ModelFixture) -> None:
    fixture.world.trng.errors = 10**9


class _Stuck:
    """A generator whose output never changes though it says that it is ready."""

    def __getitem__(self, address: int) -> int:
        return 0x5A5A5A5A if 0x114 <= address - 0x400F0000 <= 0x128 else 1

    def __setitem__(self, address: int, value: int) -> None:
        pass


def stuck_random(fixture: ModelFixture) -> None:
    fixture.bench.board._trng._memory = _Stuck()


def slow_relay(fixture: ModelFixture) -> None:
    fixture.relay_closed_before = fixture.relay_closed  # type: ignore
    fixture.relay_closed = lambda: bool(fixture._edges) or fixture.relay_closed_before()  # type: ignore


def burning_lock(fixture: ModelFixture) -> None:
    fixture.spoil = lambda units, request, answer: (
        answer if units is not fixture.boards or request[1] != 3 else _sealed(request[:2] + b"\x02\x01\x2c")
    )


def _sealed(frame: bytes) -> bytes:
    check = crc16(frame)
    return frame + bytes((check & 0xFF, check >> 8))


def set_to(name: str, value: object) -> Callable[[ModelFixture], None]:
    return lambda fixture: setattr(fixture, name, value)


def plant_fault(slot: int, kind: str) -> Callable[[ModelFixture], None]:
    return lambda fixture: fixture.plant.set_fault(slot, kind)


def no_settings(fixture: ModelFixture) -> None:
    (fixture.folder / "settings.json").unlink()


def no_heap(fixture: ModelFixture) -> None:
    fixture.memory["heap_free"] = 9000


def full_disk(fixture: ModelFixture) -> None:
    fixture.memory["disk_free"] = 2000


def no_link(fixture: ModelFixture) -> None:
    fixture.world.link = 0


FAULTS = {
    "line of the boards: A and B swapped": (silent_line("io"), {"rs485"}, "RS485 line io: A and B swapped"),
    "line of the packs: A and B swapped": (silent_line("packs"), {"rs485", "packs"}, "RS485 line packs: A and B swapped"),
    "no termination on the boards' line": (no_termination("io"), {"rs485"}, "RS485 line io: termination or bias"),
    "no termination on the packs' line": (no_termination("packs"), {"rs485", "packs"}, "RS485 line packs: termination or bias"),
    "receiver not off while sending": (echo, {"rs485", "packs"}, "RS485 line packs: driver enable"),
    "no bias, garbage": (no_receiver_but_garbage, {"rs485", "packs"}, "RS485 line packs: termination or bias"),
    "one pack does not answer": (one_pack("dead"), {"rs485", "packs"}, "pack of slot 2 on RS485 line packs"),
    "one pack with a bad plug": (one_pack("crc"), {"rs485", "packs"}, "pack of slot 2 on RS485 line packs"),
    "dead CAN controller": (no_can_chip, {"can"}, "CAN controller can-1"),
    "CAN without termination, open": (set_to("can_open", True), {"can"}, "CAN line can: open, no termination"),
    "CAN shorted": (set_to("can_short", True), {"can"}, "CAN line can: shorted"),
    "CAN controller with the wrong crystal": (wrong_bitrate, {"can"}, "CAN line can: open, no termination"),
    "CAN interrupt not connected": (no_interrupt, {"can"}, "CAN line can: interrupt of the CAN controller"),
    "silent charger": (plant_fault(4, "charger_silent"), {"can"}, "charger of slot 4 on CAN line can"),
    "door switch stuck shut": (stuck_bit(2, 1), {"rs485", "inputs"}, "door switch of slot 3"),
    "door switch stuck open": (stuck_bit(4, 0), {"rs485", "inputs"}, "door switch of slot 5"),
    "two doors on one wire": (crossed_doors, {"rs485", "inputs"}, "door wires of slot 3"),
    "presence switch stuck on": (plant_fault(2, "presence_on"), {"rs485", "inputs"}, "presence switch of slot 2"),
    "presence switch stuck off": (plant_fault(6, "presence_off"), {"rs485", "inputs"}, "presence switch of slot 6"),
    "jammed lock": (plant_fault(1, "lock_jammed"), {"rs485", "inputs"}, "lock of slot 1"),
    "lock pulse too long": (set_to("pulse_error_ms", 400), {"rs485", "inputs"}, "slot board 1, output"),
    "lock output that stays on": (burning_lock, {"rs485", "inputs"}, "slot board 1, output"),
    "wrong flash chip": (wrong_chip, {"flash"}, "flash chip"),
    "no flash chip": (no_flash_chip, {"flash"}, "flash chip"),
    "flash write-protected": (protected, {"flash"}, "flash chip"),
    "flash with a bad sector": (bad_sector, {"flash"}, "flash area journal-a: flash chip, sector 5"),
    "wires to the flash too long": (loose_wires, {"flash"}, "wires or supply of the chip"),
    "slow crystal": (set_to("ticks_ppm", -20000), {"clock"}, "crystal of the controller"),
    "no RTC chip": (no_rtc, {"clock"}, "RTC (chip, cell, crystal)"),
    "empty RTC cell": (empty_cell, {"clock"}, "RTC (chip, cell, crystal)"),
    "RTC a day ahead": (wrong_time, {"clock"}, "RTC (chip, cell, crystal)"),
    "missing random source": (dead_random, {"random"}, "random source"),
    "random source stuck": (stuck_random, {"random"}, "random source"),
    "relay welded": (set_to("relay_welded", True), {"relay"}, "mains relay of the chargers"),
    "relay without coil supply": (set_to("relay_dead", True), {"relay"}, "heartbeat, charge pump or coil of the mains relay"),
    "relay falls too late": (slow_relay, {"relay"}, "mains relay of the chargers"),
    "dead watchdog": (set_to("watchdog_dead", True), {"watchdog"}, "watchdog of the controller"),
    "no network cable": (no_link, {"network"}, "network: link or DHCP"),
    "broker not reached": (set_to("broker", {"step": "connect", "error": "OSError 113"}), {"network"}, "way to the broker"),
    "broker refuses": (set_to("broker", {"step": "done", "code": 5}), {"network"}, "broker broker.example.org:1883"),
    "too little RAM": (no_heap, {"memory"}, "RAM of the controller"),
    "full file system": (full_disk, {"memory"}, "file system of the controller"),
    "no settings": (no_settings, {"identity"}, "settings.json"),
}  # fmt: skip


@pytest.mark.parametrize("fault", list(FAULTS))
def test_the_sheet_names_the_faulty_part_and_no_other(fault: str, tmp_path: Path) -> None:
    put, wanted, part = FAULTS[fault]
    fixture = ModelFixture(tmp_path)
    put(fixture)
    kept = bench_of(fixture, wanted)
    assert kept["verdict"] == "rejected"
    assert kept["faulty"] and all(part in named for named in kept["faulty"]), kept["faulty"]
    printed = sheet.html(kept)
    assert kept["faulty"][0].split(":")[0] in printed and "0001020304050607" in printed
    assert all(result["step"] for result in kept["results"] if result["status"] == "fail")


def test_a_controller_without_faults_is_accepted(tmp_path: Path) -> None:
    kept = bench_of(ModelFixture(tmp_path), IN_PROCESS)
    assert kept["faulty"] == [] and kept["verdict"] == "accepted", kept["faulty"]
    assert {result["check"] for result in kept["results"]} >= {"relay", "lock", "inputs", "can", "flash", "watchdog"}


def test_a_bench_leaves_the_journal_as_it_was(tmp_path: Path) -> None:
    from cabinet.core import events
    from cabinet.store.journal import Journal

    fixture = ModelFixture(tmp_path)
    board = fixture.bench.board
    journal = Journal(board.flash("journal-a"), board.flash("journal-b"), bytes(32), board.clock)
    for number in range(40):
        journal.append(events.make("swap.refused", 1, "P1", number, "test"))
    while journal.idle():
        fixture.sleep(50)
    kept = bench_of(fixture, {"flash"})
    assert kept["faulty"] == []
    again = Journal(board.flash("journal-a"), board.flash("journal-b"), bytes(32), board.clock)
    assert again.head(0) == journal.head(0) and again.boot == journal.boot + 1
    assert again.rings[0].ready == journal.rings[0].ready  # the tried sectors still are ready
    assert [again.read(0, n).event.values[0] for n in range(40)] == list(range(40))  # type: ignore


def test_a_sector_that_the_journal_could_not_erase_is_looked_at_before_all_others(tmp_path: Path) -> None:
    fixture = ModelFixture(tmp_path)
    fixture.world.nor.poke(100 * 4096 + 2000, b"\x55")  # it has no header, and is not blank
    erased = fixture.world.nor.erases
    found = fixture.call("journal", "journal-a", "A", 1)
    assert found["tried"] == 1 and found["bad"] == [] and fixture.world.nor.peek(100 * 4096 + 2000) == 0xFF
    assert fixture.world.nor.erases > erased


def test_lock_boards_that_the_bench_does_not_know_are_said_to_be_untried(tmp_path: Path) -> None:
    fixture = ModelFixture(tmp_path)
    changed_settings(fixture, lambda settings: settings["groups"][0]["io"].update(driver="unheard-of"))
    kept = bench_of(fixture, {"inputs"})
    assert kept["verdict"] == "accepted, but not everything was tried"
    assert "unheard-of" in " ".join(result["what"] for result in kept["results"] if result["status"] == "skip")
