"""A sample of the cuts of cuts.py, and a file system that gets full in the middle of a flash."""

import sys

import pytest
from cuts import NEW, OLD, Trials, no_report, spread
from small_firmware import says

from swapcab.flash import firmware as flash
from swapcab.maintenance import Maintenance

FILL = """
import os
f = open("/ballast", "wb")
while os.statvfs("/")[4] > 4:
    f.write(bytes(1024))
    f.flush()
f.close()
"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the emulated board needs /proc")


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    prepared = Trials(tmp_path_factory.mktemp("cuts"))
    try:
        prepared.prepare()
        yield prepared
    finally:
        prepared.board.stop()


def test_after_a_cut_the_old_or_the_new_version_runs(trials):
    for kind, point, share in spread(4, trials):
        assert trials.trial(kind, point, share) == ""


def test_a_disk_that_gets_full_is_an_error_and_the_old_version_runs(trials, monkeypatch):
    trials.restore(0)
    with Maintenance(str(trials.board.port), no_report) as stopped:
        stopped.link.call(FILL)
    with pytest.raises(flash.FlashError, match="too little flash"):
        trials.flash("two", NEW)
    monkeypatch.setattr(flash.Flash, "_check_space", lambda *arguments: None)
    with pytest.raises(flash.FlashError, match="file system is full"):
        trials.flash("two", NEW)
    seen = len(trials.board.console())
    trials.board.unplug()
    trials.board.plug()
    assert trials.started(seen) == says("one", OLD)
