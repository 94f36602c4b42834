"""What a machine without Mosquitto, openssl or gcc does: tests are left out and named, in CI they fail."""

from __future__ import annotations

import pytest
from needs import left_out, need

from swapcab import programs


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
