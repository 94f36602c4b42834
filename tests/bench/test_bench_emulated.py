"""`swapcab bench` on the emulated board: flashed with the whole firmware, a cabinet around it, a jig at its doors."""

import json
import sys
from pathlib import Path

import pytest
import serial

from emulator.cabinet import EmulatedCabinet
from emulator.jig import Jig
from swapcab.bench import passive
from swapcab.bench.command import Wish, run
from swapcab.bench.link import RawLink
from swapcab.board_link import Link
from swapcab.flash import Flash, Request
from swapcab.provisioning import provision

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the emulated board needs /proc")
ROOT = Path(__file__).resolve().parents[2]
CONTRACT = ("refuses_unknown_names", "flash_is_flash", "keeps_a_journal", "random_is_random", "cause_is_a_word", "clock_is_honest")
QUICK = ("memory", "rs485", "packs", "can", "inputs", "relay", "network", "watchdog")


@pytest.fixture(scope="module")
def cabinet(tmp_path_factory):
    """A cabinet of two slots whose controller is flashed and has its secrets."""
    folder = tmp_path_factory.mktemp("bench")
    with EmulatedCabinet(folder, 2) as emulated:
        emulated.board.wait(lambda: emulated.board.up)
        port = str(emulated.board.port)
        with Link(port) as link:
            Flash(Request("emulated", port, folder / "settings.json", start=False), lambda said: None).run(link)
        with Link(port) as link:
            list(provision(link, folder / "secrets.json", False))
        yield emulated


def test_the_board_keeps_its_contract(cabinet):
    """The conformance suite of tests/models/board_checks.py, on the board itself."""
    link = RawLink(str(cabinet.board.port))
    link.open()
    try:
        assert link.call("identity")["firmware"]
        link._link.call((ROOT / "tests" / "models" / "board_checks.py").read_text())
        for check in CONTRACT:
            link._link.call(f"import gc; gc.collect(); {check}(_unit.board)", 120)
    finally:
        link.close()


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
    with serial.serial_for_url(str(cabinet.board.port), 115200, timeout=1, exclusive=False) as line:
        seen = passive.listen(line.readline, 60.0, lambda so_far: bool(so_far.cabinet and so_far.stats))
    assert seen.cabinet["failed"] == "" and passive.judge(seen)


def test_a_port_where_nobody_answers_is_no_verdict(tmp_path):
    assert run(Wish(str(tmp_path / "nothing"), folder=tmp_path)) == 2
    assert not list(tmp_path.iterdir())
