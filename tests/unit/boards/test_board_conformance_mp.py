"""The board contract's conformance suite on the unix board."""

import os

import board_checks
from tree import ROOT

from board import Board


def bench():
    """A board in a folder of its own, the flash image new."""
    folder = "/tmp/swapcab-conformance"
    for step in ("/tmp", folder):
        try:
            os.mkdir(step)
        except OSError:
            continue
    try:
        os.remove(folder + "/flash.bin")
    except OSError:
        return Board(folder)
    return Board(folder)


def test_every_part_has_every_name_of_its_contract():
    board_checks.has_every_name(bench(), ROOT, serial="/dev/ptmx", can="")


def test_a_name_that_the_board_does_not_have_is_refused_with_those_it_has():
    board_checks.refuses_unknown_names(bench())


def test_the_flash_areas_are_flash():
    board_checks.flash_is_flash(bench())


def test_the_journal_and_the_state_live_on_the_areas():
    board_checks.keeps_a_journal(bench())


def test_the_clock_says_what_it_knows():
    board_checks.clock_is_honest(bench())


def test_random_bytes_are_as_many_as_asked_for_and_differ():
    board_checks.random_is_random(bench())


def test_the_reset_cause_is_one_of_the_words():
    board_checks.cause_is_a_word(bench())
