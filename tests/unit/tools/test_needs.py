"""What a machine without Mosquitto, openssl or gcc does: tests are left out and named, in CI they fail."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from needs import left_out, need

from swapcab import programs
from swapcab.paths import ROOT


def test_a_program_is_found_on_the_path_and_hidden_by_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(programs.WITHOUT, raising=False)
    assert programs.find("sh").endswith("/sh")
    monkeypatch.setenv(programs.WITHOUT, "mosquitto,sh")
    assert programs.find("sh") == ""


def test_a_test_whose_program_is_absent_is_skipped_here_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(programs.WITHOUT, "mosquitto")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs mosquitto"):
        need("mosquitto")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt-get install mosquitto"):
        need("mosquitto")


def test_one_line_names_what_was_left_out_and_how_to_get_it():
    reasons = ["Skipped: needs mosquitto", "Skipped: needs mosquitto", "Skipped: needs openssl", "Skipped: not on this system"]
    line = left_out(reasons)
    assert "\n" not in line
    assert "2 that need mosquitto (Debian: apt-get install mosquitto" in line and "1 that need openssl (" in line
    assert left_out(["Skipped: not on this system"]) == ""


def run_without(ci: str) -> subprocess.CompletedProcess:
    """A file that needs Mosquitto and openssl, on a machine that has neither."""
    environment = {**os.environ, programs.WITHOUT: "mosquitto,openssl", "CI": ci}
    command = [sys.executable, "-m", "pytest", "tests/system/wire/test_uplink_client_certificate.py", "-q", "-p", "no:cacheprovider"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_a_run_without_mosquitto_passes_and_says_at_its_end_what_was_left_out():
    done = run_without("")
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1].startswith("Left out: 4 that need mosquitto (Debian: apt-get install mosquitto")


def test_the_same_run_fails_in_ci():
    done = run_without("true")
    assert done.returncode != 0 and "CI is set, and mosquitto is not installed (Debian: apt-get install mosquitto" in done.stdout
