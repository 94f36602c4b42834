"""Some seconds of what `make chaos` does for half an hour and a hundred virtual ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import chaos_virtual
import virtual_build
import virtual_run
from needs import need

from swapcab.paths import ROOT

HERE = Path(__file__).resolve().parent


def test_nothing_is_lost_or_out_of_order_on_a_line_that_suffers_everything():
    need("mosquitto")
    need("openssl")
    command = [sys.executable, str(HERE / "chaos.py"), "--minutes", "0.07", "--events", "200", "--tls"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr


def suffered(**words: object) -> dict:
    """An hour of virtual time."""
    virtual_build.prepare()
    return virtual_run.run({"seed": 2, "hours": 1, **words}, start=chaos_virtual.START, heap="4m")


def test_an_hour_of_virtual_misfortunes_loses_nothing():
    said = suffered()
    assert said["ok"], said
    assert said["sessions"] > 5 and said["events_a"] > 50


def test_an_uplink_that_forgets_what_was_not_acknowledged_is_caught():
    said = suffered(broken=1)
    assert not said["ok"] and "is missing" in said["violation"], said
