"""A command that interrupts a cabinet puts it back: each command that takes a port, at the emulated controller, by each exit.

The assertion is the same everywhere: the console reports the cabinet's slots again after the command has ended.
"""

import json
import os
import signal
import subprocess
import sys
import time

import emulated_faults
import pytest
import serial

from emulator.jig import HEARTBEAT
from swapcab.board_link import Link
from swapcab.exits import BAD, GOOD, INTERRUPTED, TROUBLE, USAGE
from swapcab.maintenance import Maintenance

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the emulated board needs /proc")
SLOTS = 2
LIMIT_S = 170
SLOT_LINE = '"t": "slot"'
FLASH = "flash --board emulated --port {port}"
PROVISION = "provision --port {port} --secrets {folder}/secrets.json --force"
BENCH = "bench --port {port} --folder {folder}/sheets --only memory --no-reset"
VERIFY = "journal verify {port} --key {folder}/secrets.json"
OTHERS = ("journal tail {port} -n 3", "journal ledger {port}", "journal dump {port}", "journal export {port}")
INT, TERM = signal.SIGINT, signal.SIGTERM


@pytest.fixture(scope="module")
def cabinet(tmp_path_factory):
    """Two slots with a pack each; the controller is flashed, has its secrets, and runs."""
    with emulated_faults.flashed_cabinet(tmp_path_factory.mktemp("put-back"), SLOTS) as emulated:
        yield emulated


@pytest.fixture(autouse=True)
def running(cabinet):
    """Before each test."""
    runs(cabinet, 0)


def runs(cabinet, after):
    """Until the console has reported each slot, from `after` on."""
    board = cabinet.board
    board.wait(lambda: board.console()[after:].count(SLOT_LINE) >= SLOTS, LIMIT_S)


def command(cabinet, words):
    """A process of its own, as a person starts it."""
    port = cabinet.folder / "port"  # the link, as the pages write it; it leads to the pseudo-terminal
    words = words.format(port=port, folder=cabinet.folder).split()
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.Popen(
        [sys.executable, "-m", "swapcab", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def outcome(process):
    """(exit code, standard output, standard error); never a traceback."""
    out, error = process.communicate(timeout=LIMIT_S)
    assert "Traceback" not in out + error
    return process.returncode, out, error


def end_of(process, cabinet):
    """The same, and the cabinet runs afterwards."""
    ended = outcome(process)
    runs(cabinet, len(cabinet.board.console()))
    return ended


def interrupt(process, cabinet, number, stopped_at):
    """Send a signal once the command has stopped the cabinet."""
    board = cabinet.board
    board.wait(lambda: len(board.resets) > stopped_at or process.poll() is not None, LIMIT_S)
    process.send_signal(number)


def test_a_stopped_cabinet_charges_nothing_keeps_its_doors_locked_and_no_watchdog_waits(cabinet):
    """First in this file: the packs are not full yet."""
    board = cabinet.board

    def slots():
        return cabinet.plant.snapshot()["slots"]

    board.wait(lambda: any(slot["current_ma"] for slot in slots()), LIMIT_S)
    with Maintenance(str(board.port)) as stopped:
        resets, edges, fed = len(board.resets), board.edges[HEARTBEAT], board.feeds
        assert board.pins[HEARTBEAT] == 0  # the mains relay falls
        limit = time.monotonic() + LIMIT_S
        while any(slot["current_ma"] for slot in slots()):  # an Elcon charger stops by itself when its commands stay away
            assert time.monotonic() < limit
            assert stopped.link.value("1 + 1") == 2
        assert (len(board.resets), board.edges[HEARTBEAT], board.feeds) == (resets, edges, fed)
        assert all(slot["door_closed"] and slot["locked"] for slot in slots())


@pytest.mark.parametrize("words", [FLASH, PROVISION, BENCH, VERIFY, *OTHERS])
def test_the_cabinet_runs_after_a_command_that_succeeds(cabinet, words):
    code, out, error = end_of(command(cabinet, words), cabinet)
    assert code == GOOD, error
    assert "reset: the board starts" in out + error


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        ("flash --board w5500_evb_pico2 --port {port}", BAD, "this is not w5500_evb_pico2"),
        ("flash --board emulated --port {port} --dry-run --romfs", TROUBLE, "the board's partition 0"),
        ("provision --port {port} --secrets {folder}/secrets.json", BAD, "--force replaces them"),
        ("bench --port {port} --jig /dev/no-such-jig", TROUBLE, "the jig: there is no port /dev/no-such-jig"),
        ("journal verify {port} --key " + "5a" * 32, BAD, "NOT GENUINE"),
        ("journal tail {port} --follow", USAGE, "each look would stop the cabinet"),
        ("journal verify {port} --anchor no-such-capture", USAGE, "no-such-capture"),
    ],
)
def test_the_cabinet_runs_after_a_refusal(cabinet, words, code, why):
    ended, out, error = end_of(command(cabinet, words), cabinet)
    assert ended == code and why in (out + error).replace("\n", " ")


@pytest.mark.parametrize(
    ("words", "number"),
    [(words, number) for words in (FLASH, PROVISION, BENCH, VERIFY) for number in (INT, TERM)]
    + list(zip(OTHERS, (INT, TERM, INT, TERM), strict=True)),
)
def test_the_cabinet_runs_after_an_interrupt(cabinet, words, number):
    before = len(cabinet.board.resets)
    process = command(cabinet, words)
    interrupt(process, cabinet, number, before)
    code, out, error = end_of(process, cabinet)
    assert code in (INTERRUPTED, GOOD), error  # on a busy machine the command may have ended before
    assert "reset: the board starts" in out + error


def test_a_second_ctrl_c_waits_until_the_cabinet_is_put_back(cabinet):
    before = len(cabinet.board.resets)
    process = command(cabinet, VERIFY)
    interrupt(process, cabinet, INT, before)
    process.send_signal(INT)
    code, _out, error = end_of(process, cabinet)
    assert code in (INTERRUPTED, GOOD), error  # as above
    assert "reset: the board starts" in error


def test_the_board_restarts_the_cabinet_by_itself_after_a_command_that_was_killed(cabinet):
    board = cabinet.board
    process = command(cabinet, VERIFY)
    before = board.received
    board.wait(lambda: board.received > before + 8000 or process.poll() is not None, LIMIT_S)  # in the middle of reading
    process.kill()
    process.communicate(timeout=LIMIT_S)
    runs(cabinet, len(board.console()))


def test_a_cabinet_that_is_interrupted_while_it_starts_is_put_back(cabinet):
    board = cabinet.board
    for marker in ("switch: /app_a", ""):  # in the middle of loading, and as early as the port allows
        seen = len(board.console())
        board.power_off()
        board.power_on()
        board.wait(lambda seen=seen, marker=marker: marker in board.console()[seen:] if marker else board.up, LIMIT_S)
        code, _out, error = end_of(command(cabinet, BENCH), cabinet)
        assert code == GOOD, error


def test_a_pulled_cable_is_said_so_and_the_cabinet_starts_with_its_supply(cabinet):
    board = cabinet.board
    before = board.received
    process = command(cabinet, VERIFY)
    board.wait(lambda: board.received > before + 8000 or process.poll() is not None, LIMIT_S)
    board.unplug()
    code, _out, error = outcome(process)
    assert code == TROUBLE and "was the cable pulled" in error and "take the supply away and give it back" in error
    seen = len(board.console())
    board.plug()
    runs(cabinet, seen)


def test_a_board_that_was_at_its_prompt_stays_there(cabinet):
    board = cabinet.board
    with Maintenance(str(board.port)) as stopped:
        stopped.start = False
    for words in (BENCH, VERIFY, "provision --port {port} --secrets {folder}/secrets.json"):
        outcome(command(cabinet, words))
        link = Link(str(board.port))
        link.connect()
        assert link.value("'main' in __import__('sys').modules") is False
        link.close()
    with Maintenance(str(board.port)) as stopped:
        stopped.start = True


def test_a_busy_port_is_said_so(cabinet):
    fed = cabinet.board.feeds
    with serial.Serial(str(cabinet.board.port), exclusive=True):
        code, _out, error = outcome(command(cabinet, "journal tail {port}"))
    assert code == TROUBLE and "is busy: close the other program" in error
    cabinet.board.wait(lambda: cabinet.board.feeds > fed + 3)


def test_the_sheet_and_the_export_carry_the_cabinets_name(cabinet):
    code, _out, error = outcome(command(cabinet, BENCH))
    sheets = sorted((cabinet.folder / "sheets").glob("*.html"))
    assert code == GOOD and sheets, error
    assert "cabinet cab-0001" in sheets[-1].read_text()
    code, out, error = end_of(command(cabinet, "journal export {port}"), cabinet)
    assert code == GOOD, error
    assert {json.loads(line)["cabinet"] for line in out.splitlines()} == {"cab-0001"}
