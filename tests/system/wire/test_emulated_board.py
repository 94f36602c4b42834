"""Unmodified mpremote at the emulated board: what a controller's prompt, file system, resets and watchdog do."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.host import EmulatedBoard, Options

MPREMOTE = str(Path(sys.executable).with_name("mpremote"))
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the emulated board needs /proc")


@pytest.fixture
def board(tmp_path):
    with EmulatedBoard(tmp_path / "board", Options(flash_bytes=256 * 1024)) as emulated:
        yield emulated


def mpremote(board, *words, connect="connect"):
    """What one run of mpremote printed; an error if it failed."""
    done = subprocess.run([MPREMOTE, connect, str(board.port), *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout.replace("\r\n", "\n")


def test_it_says_which_board_it_is(board):
    text = "import sys, os, machine; print(sys.implementation._machine, os.uname().release, machine.unique_id().hex())"
    assert mpremote(board, "exec", text) == "Swapcab emulated board with RP2350 1.28.0 e661a4d4177d2b29\n"


def test_files_go_there_and_back_and_outlive_the_supply(board, tmp_path):
    there, back = tmp_path / "there", tmp_path / "back"
    there.write_bytes(bytes(range(256)) * 20)
    mpremote(board, "cp", str(there), ":there", "+", "mkdir", ":folder", "+", "cp", str(there), ":folder/copy")
    board.power_off()
    board.power_on()
    mpremote(board, "cp", ":folder/copy", str(back))
    assert back.read_bytes() == there.read_bytes()
    assert hashlib.sha256(there.read_bytes()).hexdigest() in mpremote(board, "sha256sum", ":there")


def test_a_soft_reset_forgets_names_runs_boot_and_not_main(board, tmp_path):
    (tmp_path / "boot.py").write_text("print('boot runs')\nbooted = 1\n")
    (tmp_path / "main.py").write_text("print('main runs')\n")
    mpremote(board, "exec", "kept = 1", "cp", str(tmp_path / "boot.py"), str(tmp_path / "main.py"), ":")
    assert mpremote(board, "resume", "exec", "print(kept)") == "1\n"
    assert mpremote(board, "exec", "print('kept' in globals(), booted)") == "False 1\n"
    assert "main runs" not in board.console()


def test_a_reset_runs_main_and_a_connection_interrupts_it(board, tmp_path):
    (tmp_path / "main.py").write_text("import machine\nmachine.Pin(5, machine.Pin.OUT, value=1)\nwhile True:\n    pass\n")
    mpremote(board, "cp", str(tmp_path / "main.py"), ":", "+", "reset")
    board.wait(lambda: board.pins.get("5") == 1)
    assert mpremote(board, "exec", "print('at the prompt')") == "at the prompt\n"
    assert "KeyboardInterrupt" in board.console()


def test_a_watchdog_that_is_not_fed_resets_it(board, tmp_path):
    (tmp_path / "main.py").write_text("import machine\nprint('after the watchdog', machine.reset_cause() == machine.WDT_RESET)\n")
    mpremote(board, "cp", str(tmp_path / "main.py"), ":", "+", "exec", "--no-follow", "import machine; machine.WDT(timeout=200)")
    board.wait(lambda: board.resets[-1:] == ["watchdog"] and "after the watchdog True" in board.console())


def test_a_full_flash_is_an_error_and_leaves_what_was_there(board):
    fill = "f = open('old', 'w'); f.write('whole'); f.close()\nwith open('big', 'wb') as f:\n while True: f.write(bytes(4096))"
    with pytest.raises(RuntimeError, match="OSError: 28"):
        mpremote(board, "exec", fill)
    assert mpremote(board, "cat", ":old") == "whole"


def test_a_folder_of_the_host_can_be_mounted(board, tmp_path):
    (tmp_path / "from_host.py").write_text("value = 42\n")
    assert mpremote(board, "mount", str(tmp_path), "exec", "import from_host; print(from_host.value)").count("42\n") == 1


def test_a_supply_cut_in_a_write_loses_the_port_and_keeps_the_old_file(tmp_path):
    options = Options(flash_bytes=256 * 1024)
    with EmulatedBoard(tmp_path / "board", options) as board:
        mpremote(board, "exec", "f = open('old', 'w'); f.write('whole'); f.close()")
        board.power_off()
        options.cut_at = 3
        board.power_on()
        with pytest.raises((RuntimeError, subprocess.SubprocessError)):
            mpremote(board, "exec", "f = open('old', 'w'); f.write('new' * 3000); f.close()")
        board.wait(lambda: board.resets[-1:] == ["cut"])
        options.cut_at = 0
        board.plug()
        assert mpremote(board, "cat", ":old") == "whole"
