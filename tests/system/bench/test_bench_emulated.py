"""`swapcab bench` on the emulated board: flashed with the whole firmware, a cabinet around it, a jig at its doors."""

import fcntl
import json
import sys
import termios
import time
from pathlib import Path

import emulated_faults
import pytest
import serial

from emulator import gen_faults
from emulator.faults import FaultError, check, faulty, parse
from emulator.jig import HEARTBEAT, Jig
from swapcab.bench import passive
from swapcab.bench.command import Wish, run
from swapcab.bench.controller import StoppedController
from swapcab.exits import TROUBLE
from swapcab.maintenance import Maintenance
from swapcab.paths import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the emulated board needs /proc")
CONTRACT = ("refuses_unknown_names", "flash_is_flash", "keeps_a_journal", "random_is_random", "cause_is_a_word", "clock_is_honest")
QUICK = ("memory", "rs485", "packs", "can", "inputs", "relay", "network", "watchdog")


@pytest.fixture(scope="module")
def cabinet(tmp_path_factory):
    """A cabinet of two slots whose controller is flashed and has its secrets."""
    with emulated_faults.flashed_cabinet(tmp_path_factory.mktemp("bench"), 2) as emulated:
        yield emulated


def waiting_bytes(pipe: int) -> int:
    """What nobody has read yet."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_the_board_keeps_its_contract(cabinet):
    """The conformance suite of tests/fixtures/board_checks.py, on the board itself."""
    with Maintenance(str(cabinet.board.port)) as stopped:
        controller = StoppedController(stopped)
        assert controller.call("identity")["firmware"]
        controller.run((ROOT / "tests" / "fixtures" / "board_checks.py").read_text())
        for check in CONTRACT:
            controller.run(f"import gc; gc.collect(); {check}(_unit.board)", 120)


def bench(cabinet, jig: Jig, folder: Path) -> tuple[int, dict]:
    code = run(Wish(str(cabinet.board.port), jig.port, QUICK, folder=folder))
    return code, json.loads(next(folder.glob("*.json")).read_text())


def test_a_good_controller_is_accepted_and_the_cabinet_runs_again(cabinet, tmp_path):
    with Jig(cabinet) as jig:
        code, kept = bench(cabinet, jig, tmp_path)
    fed = cabinet.board.feeds
    assert code == 0 and kept["verdict"] == "accepted" and kept["faulty"] == [], kept["faulty"]
    assert kept["controller"]["reset_cause"] and kept["controller"]["cabinet"] == "cab-0001"
    page = next(tmp_path.glob("*.html")).read_text()
    assert "e661a4d4177d2b29" in page and "secret" not in page
    cabinet.board.wait(lambda: cabinet.board.feeds > fed + 3)  # the cabinet runs


def test_a_running_cabinet_is_listened_to_and_gets_not_one_byte(cabinet):
    board = cabinet.board
    fed = board.feeds
    board.wait(lambda: board.feeds > fed + 3)
    before = (board.received, len(board.resets))
    beats = board.edges[HEARTBEAT]
    with serial.serial_for_url(str(board.port), 115200, timeout=1, exclusive=False) as line:
        seen = passive.listen(line.readline, 60.0, lambda so_far: so_far.round_is_whole())
    assert (board.received, len(board.resets)) == before
    board.wait(lambda: board.edges[HEARTBEAT] > beats)  # the relay is held all the while
    results = passive.judge(seen, time.time())
    assert {result.check for result in results} >= {"identity", "supervisor", "flash", "loop", "memory", "clock", "slots", "network"}
    assert seen.cabinet["failed"] == "" and seen.stats["about"]["cabinet"] == "cab-0001"
    assert [result.part for result in results if result.check in ("supervisor", "flash", "memory", "clock") and result.part] == []


def test_a_host_that_holds_the_port_and_reads_nothing_stops_no_cabinet(cabinet):
    board = cabinet.board
    program = board._program
    fcntl.fcntl(program.stdout, fcntl.F_SETPIPE_SZ, 8192)
    board.host_reads = False
    try:
        board.wait(lambda: waiting_bytes(program.stdout) > 4096)
        fed, resets, beats = board.feeds, len(board.resets), board.edges[HEARTBEAT]
        board.wait(lambda: board.feeds > fed + 100 and board.edges[HEARTBEAT] > beats + 50)
        assert len(board.resets) == resets
    finally:
        board.host_reads = True
    shown = board.console().count('"t": "slot"')
    with serial.serial_for_url(str(board.port), 115200, timeout=1, exclusive=False) as line:
        line.write(b"\n")
        board.wait(lambda: board.console().count('"t": "slot"') > shown + 3)


def test_faults_of_chips_lines_and_relay_are_each_named(cabinet, tmp_path):
    """Several at once, to save time; `make benchfaults` puts every one in alone."""
    words = ("random-dead", "flash-wrong", "can-missing", "io-no-termination", "packs-echo", "relay-welded")
    chosen = [parse(text, 2) for text in words]
    with Jig(cabinet) as jig, faulty(chosen, cabinet.board, cabinet, jig):
        code, kept = emulated_faults.bench(cabinet, jig, tmp_path, ("random", "flash", "rs485", "packs", "can", "relay"))
    assert code == 1 and kept["verdict"] == "rejected"
    for one in chosen:
        assert any(part.startswith(one.part) for part in kept["faulty"]), (one.part, kept["faulty"])


def test_a_bench_after_the_faults_accepts_the_controller_again(cabinet, tmp_path):
    with Jig(cabinet) as jig:
        code, kept = emulated_faults.bench(cabinet, jig, tmp_path, ("random", "rs485", "packs"))
    assert code == 0 and kept["faulty"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nonsense",), "there is none of that name"),
        (("\x1b[2J" * 100,), "there is none of that name"),
        (("door-stuck-open:9",), "a number from 1 to 2"),
        (("door-stuck-open:\u00b2",), "a number from 1 to 2"),
        (("door-stuck-open:",), "a number from 1 to 2"),
        (("door-stuck-open:1e9",), "a number from 1 to 2"),
        (("rtc-empty:1",), "not a fault of one slot"),
        (("rtc-empty", "rtc-ahead"), "cannot be together"),
        (("pack-dead:1", "lock-jammed:1"), "cannot be together"),
    ],
)
def test_words_that_name_no_fault_are_refused_with_what_would(words, said):
    with pytest.raises(FaultError, match=said) as error:
        check([parse(text, 2) for text in words])
    assert "\x1b" not in str(error.value)


def test_the_page_lists_every_fault():
    assert gen_faults.PAGE.read_text() == gen_faults.wanted(), "run cd tools && ../.venv/bin/python -m emulator.gen_faults"


def test_a_fault_of_the_cabinet_needs_one_around_the_board():
    with pytest.raises(FaultError, match="add --slots"):
        parse("relay-welded", 0)


def test_a_port_where_nobody_answers_is_no_verdict(tmp_path):
    assert run(Wish(str(tmp_path / "nothing"), folder=tmp_path)) == TROUBLE
    assert not list(tmp_path.iterdir())
