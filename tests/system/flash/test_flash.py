"""`swapcab flash` at the emulated board: what is sent, what is kept, what is refused, and which copy runs afterwards."""

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_firmware import image, says

from emulator.command import DEFAULT_FOLDER
from emulator.host import EmulatedBoard, Options
from swapcab.board_link import Link, LinkError
from swapcab.compile import firmware as build
from swapcab.flash import build_board
from swapcab.flash.firmware import Flash, FlashError, Request
from swapcab.flash.provisioning import ProvisionError, provision, read
from swapcab.maintenance import Maintenance
from swapcab.settings import template as settings_template

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the emulated board needs /proc")
SETTINGS = json.dumps(settings_template.settings(4)).encode()


@pytest.fixture
def board(tmp_path):
    with EmulatedBoard(tmp_path / "board", Options(flash_bytes=256 * 1024)) as emulated:
        emulated.wait(lambda: emulated.up)
        yield emulated


def flash(board, folder, name="one", settings: bytes | None = SETTINGS, **how):
    """The report and what was said."""
    said = []
    file = folder / "settings.json"
    if settings:
        file.write_bytes(settings)
    request = Request("emulated", str(board.port), file if settings else None, image=image(folder / name, name), **how)
    work = Flash(request, said.append)
    with Maintenance(str(board.port), said.append, work.check) as stopped:
        report = work.run(stopped)
    return report, said


def give_secrets(board, file, force=False):
    """What was said."""
    said = []
    with Maintenance(str(board.port), said.append) as stopped:
        said += provision(stopped, read(file), force)
    return said


@contextlib.contextmanager
def prompt(board):
    """The board's prompt, without anything being put back."""
    link = Link(str(board.port))
    link.connect()
    try:
        yield link
    finally:
        link.close()


def starts_with(board, text, after=0):
    board.wait(lambda: text in board.console()[after:])


def test_a_new_board_gets_everything_and_starts(board, tmp_path):
    report, said = flash(board, tmp_path)
    assert len(report.sent) == 5 and report.copy == "/app_a" and report.sequence == 1
    assert sorted(report.others) == ["/boot.py", "/main.py", "/pins.mpy", "/settings.json", "/switch.mpy"]
    starts_with(board, says("one", SETTINGS))
    assert "no firmware there yet" in said


def test_a_change_of_one_file_sends_that_file_and_the_old_copy_stays(board, tmp_path):
    flash(board, tmp_path)
    starts_with(board, says("one", SETTINGS))
    seen = len(board.console())
    report, said = flash(board, tmp_path, "two", settings=None)
    assert report.sent == ["mark.mpy"] and report.kept == 4 and report.copy == "/app_b" and report.others == []
    assert "kept: /settings.json, the journal" in said
    starts_with(board, says("two", SETTINGS), seen)
    again, _ = flash(board, tmp_path, "two", settings=None)
    assert not again.changed and again.copy == "/app_b"


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(board, tmp_path):
    before = (board.folder / "internal-flash.bin").read_bytes()
    report, said = flash(board, tmp_path, dry_run=True)
    assert len(report.sent) == 5 and "dry run: nothing was written" in said
    assert (board.folder / "internal-flash.bin").read_bytes() == before


def test_a_copy_that_does_not_come_up_gives_way_to_the_old_one(board, tmp_path):
    flash(board, tmp_path)
    starts_with(board, says("one", SETTINGS))
    flash(board, tmp_path, "broken", settings=None)
    broken = "does not come up"
    board.wait(lambda: broken in board.console() and says("one", SETTINGS) in board.console().rpartition(broken)[2])
    assert board.console().count("ValueError: does not come up") == 3
    report, _ = flash(board, tmp_path, "three", settings=None)
    assert report.copy == "/app_b" and report.sequence == 3


def test_hardware_that_does_not_answer_is_tried_again_leaves_the_prompt_and_costs_no_copy_its_place(board, tmp_path):
    flash(board, tmp_path)
    starts_with(board, says("one", SETTINGS))
    seen = len(board.console())
    flash(board, tmp_path, "deaf", settings=None)
    again = "switch: the hardware does not answer; starting again in 10 s, Ctrl-C for the prompt"
    board.wait(lambda: board.console()[seen:].count(again) == 2)
    with prompt(board) as link:  # in the middle of the pause
        resets = len(board.resets)
        assert link.call("print(switch.choose()[0].path, switch.choose()[1])").split() == ["/app_b", "0"]
        time.sleep(12)
        assert link.value("1 + 1") == 2 and len(board.resets) == resets
    report, _ = flash(board, tmp_path, "three", settings=None)
    assert report.copy == "/app_a" and report.sequence == 3
    starts_with(board, says("three", SETTINGS))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"machine": "Raspberry Pi Pico2 with RP2350"}, "this is not emulated: it says “Raspberry Pi Pico2 with RP2350”"),
        ({"micropython": (1, 26, 1, "")}, "MicroPython 1.26.1 is too old"),
        ({"flash_bytes": 48 * 1024}, "too little flash: a copy needs"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(tmp_path, options, why):
    with EmulatedBoard(tmp_path / "board", Options(**{"flash_bytes": 256 * 1024, **options})) as board:
        with pytest.raises(FlashError, match=why):
            flash(board, tmp_path)
        with prompt(board) as link:
            assert not any(name.startswith("app") for name in link.value("__import__('os').listdir('/')"))


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (b"{}", "settings.json: "),
        (SETTINGS.replace(b'"rs485-packs"', b'"rs485-9"'), "this board has no rs485-9; it has: kiosk, rs485-io, rs485-packs"),
        (None, "there are no settings on the board"),
    ],
)
def test_settings_that_the_firmware_would_refuse_are_refused_here(board, tmp_path, settings, why):
    with pytest.raises(FlashError, match=why):
        flash(board, tmp_path, settings=settings)


def test_no_board_at_the_port_is_said_so(tmp_path):
    with pytest.raises(LinkError, match="there is no port"):
        Link(str(tmp_path / "nothing")).connect()


def test_secrets_are_sealed_kept_and_not_overwritten_by_accident(board, tmp_path):
    secrets = settings_template.secrets()
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps(secrets))
    said = give_secrets(board, file)
    flash(board, tmp_path)
    stored = (board.folder / "internal-flash.bin").read_bytes()
    for key in secrets.values():
        assert key.encode() not in stored and bytes.fromhex(key) not in stored
        assert key not in "".join(said)
    with pytest.raises(ProvisionError, match="--force"):
        give_secrets(board, file)
    assert give_secrets(board, file, force=True)


def test_secrets_lie_where_the_board_starts(board, tmp_path):
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps(settings_template.secrets()))
    with prompt(board) as link:
        link.call("import os\nos.mkdir('/flash')\nos.chdir('/flash')")  # as an STM32 has it
    assert "/flash/secrets.sealed" in "".join(give_secrets(board, file))


def test_compiling_for_a_board_does_not_empty_the_folder_of_the_emulated_one():
    folder = build.ROOT / build_board.OUT
    assert folder not in (DEFAULT_FOLDER, *DEFAULT_FOLDER.parents) and DEFAULT_FOLDER not in folder.parents


def test_the_modules_install_with_mip(board, tmp_path):
    folder = image(tmp_path / "image", "one", padding=10)
    build_board.package(folder)
    mpremote = str(Path(sys.executable).with_name("mpremote"))
    for words in (["mip", "install", str(folder / "package.json")], ["exec", "import mark; print('installed', mark.NAME)"]):
        done = subprocess.run([mpremote, "connect", str(board.port), *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "installed one" in done.stdout


def test_a_romfs_runs_from_its_partition_and_a_torn_one_gives_way_to_the_copy_in_the_file_system(tmp_path):
    options = Options(flash_bytes=256 * 1024, romfs_bytes=64 * 1024)
    with EmulatedBoard(tmp_path / "board", options) as board:
        board.wait(lambda: board.up)
        _, said = flash(board, tmp_path, romfs=True)
        assert any(line.startswith("ROMFS: version 2, ") for line in said)
        starts_with(board, "switch: /rom, version 2, on trial\n" + says("one", SETTINGS))
        _, said = flash(board, tmp_path, romfs=True, settings=None)
        assert "ROMFS: has these modules already" in said
        report, _ = flash(board, tmp_path, "two", settings=None, romfs=True)
        assert report.sent == ["mark.mpy"] and report.kept == 4 and report.sequence == 3
        starts_with(board, "switch: /rom, version 4, on trial\n" + says("two", SETTINGS))
        board.unplug()
        partition = board.folder / "romfs.bin"
        partition.write_bytes(partition.read_bytes()[:20000] + b"\xff" * (64 * 1024 - 20000))
        seen = len(board.console())
        board.plug()
        starts_with(board, f"switch: {report.copy}, version 3, on trial\n" + says("two", SETTINGS), seen)


def test_a_board_without_a_romfs_partition_keeps_the_copy_in_its_file_system(board, tmp_path):
    with pytest.raises(LinkError, match="the board's partition 0. The copy in the file system is in place"):
        flash(board, tmp_path, romfs=True)
    board.power_off()
    board.power_on()
    starts_with(board, says("one", SETTINGS))


def test_a_version_that_has_run_for_long_enough_is_on_trial_no_more(board, tmp_path):
    flash(board, tmp_path)
    starts_with(board, "switch: /app_a, version 1, on trial\n" + says("one", SETTINGS))
    seen = len(board.console())
    with prompt(board) as link:
        link.call("import asyncio, switch\nswitch.PROVEN_S = 0\nasyncio.run(switch.prove(switch.choose()[0]))")
        tries = link.call("print(switch.choose()[1])")
        assert tries.strip() == "-1"
        link.reset()
    starts_with(board, "switch: /app_a, version 1\n" + says("one", SETTINGS), seen)
