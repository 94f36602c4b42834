"""`swapcab fleet`: a handful of cabinets, an outage of each kind, and what a person and a program read."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from brokers import start_broker

from swapcab.fleet.fleet import per_second
from swapcab.fleet.run import Options
from swapcab.fleet.view import bar_line
from swapcab.paths import ROOT
from swapcab.sim.options import OptionError, Outage


def run_fleet(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    command = [sys.executable, "-m", "swapcab", "fleet", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


@contextlib.contextmanager
def somebodys_broker(folder: Path) -> Iterator[int]:
    """A broker that is not the fleet's to kill."""
    process, port = start_broker(folder)
    try:
        yield port
    finally:
        process.kill()
        process.wait()


def test_a_fleet_comes_back_after_its_broker_died(tmp_path: Path):
    plot, reported = tmp_path / "fleet.svg", tmp_path / "fleet.json"
    more = ("--every", "0.2", "--outage", "1@0.5", "--plot", str(plot), "--json", str(reported))
    code, out, seen = run_fleet("--cabinets", "6", *more)
    assert code == 0, out + seen
    said = json.loads(out)
    assert said == json.loads(reported.read_text())
    assert said["ok"] and said["cabinets"] == 6 and said["events_made"] == said["events_acknowledged"] > 10
    back = said["returns"][0]
    assert back["events_during"] > 0 and back["all_drained_s"] is not None and 1 <= back["connects_per_s_max"] <= 6
    assert "connects per second after the outage" in seen
    assert len(ElementTree.parse(plot).getroot()) > 5


def test_a_fleet_whose_lines_were_cut_comes_back_to_somebodys_broker(tmp_path: Path):
    with somebodys_broker(tmp_path) as port:
        code, out, seen = run_fleet("--cabinets", "3", "--every", "0.2", "--outage", "0.5@0.3", "--broker", f"mqtt://127.0.0.1:{port}")
    assert code == 0, out + seen
    said = json.loads(out)
    assert said["ok"] and said["broker"] == f"127.0.0.1:{port}" and said["returns"][0]["all_connected_s"] is not None


def test_a_broker_that_is_not_there_is_told_of():
    code, _, seen = run_fleet("--cabinets", "2", "--broker", "http://nobody")
    assert code == 2 and "mqtt://HOST:PORT" in seen


def test_options_that_make_no_sense_are_refused():
    for options in (Options(0), Options(5, every_s=0), Options(5, outages=[Outage(10, 5), Outage(5, 12)])):
        with pytest.raises(OptionError):
            options.check()
    Options(5, outages=[Outage(10, 5), Outage(5, 15)]).check()


def test_seconds_are_counted_and_drawn():
    assert per_second([0.1, 0.9, 3.0]) == [2, 0, 0, 1]
    assert per_second([]) == []
    assert bar_line([0, 1, 8]) == " ▁█"
    assert len(bar_line([1] * 500)) <= 60
