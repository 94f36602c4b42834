"""The net against hangs follows processor time, so that a slow machine changes no verdict."""

from __future__ import annotations

import subprocess
import sys

from hang_watch import IDLE_S, Account, family_cpu_s


def test_hours_on_a_busy_machine_are_no_hang_while_something_is_computed():
    account = Account(60.0, {1: 0.0}, 0.0)
    for quarter in range(1, 40):
        assert account.look({1: quarter * 1.1}, quarter * IDLE_S * 0.9) == ""


def test_a_test_that_computes_without_end_is_a_hang():
    account = Account(60.0, {1: 0.0}, 0.0)
    assert account.look({1: 50.0}, 50.0) == ""
    assert "processor time used" in account.look({1: 61.0}, 61.0)


def test_a_test_that_waits_for_something_that_does_not_come_is_a_hang():
    account = Account(60.0, {1: 5.0}, 0.0)
    assert account.look({1: 5.5}, IDLE_S * 0.9) == ""
    assert "does not come" in account.look({1: 5.6}, IDLE_S * 1.1)


def test_a_child_counts_with_what_it_uses_and_its_end_takes_nothing_back():
    account = Account(60.0, {1: 0.0}, 0.0)
    account.look({1: 1.0, 2: 20.0}, 10.0)
    account.look({1: 1.0}, 20.0)
    assert account.used_s == 21.0


def test_the_processes_that_a_test_starts_are_in_its_account():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in family_cpu_s()
        child.communicate(b"\n")
