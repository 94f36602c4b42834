"""What is generated from the boards' pins is up to date, and what an image would freeze exists and is complete."""

import re

import pytest

from swapcab.compile import firmware as build
from swapcab.docs import boards as gen_boards
from swapcab.flash import build_board
from swapcab.paths import ROOT

BOARDS = sorted(path.parent.name for path in (ROOT / "boards").glob("*/pins.py"))


def frozen(board):
    """{module path on the board: file} that the manifest names."""
    found = {}
    home = ROOT / "boards" / board

    def package(name, files=None, base_path="."):
        folder = home / base_path / name
        paths = [folder / file for file in files] if files else sorted(folder.rglob("*.py"))
        for path in paths:
            found[path.relative_to(folder.parent).as_posix()] = path

    def module(name, base_path="."):
        found[name] = home / base_path / name

    tools = {"include": lambda path: None, "require": lambda name: None, "package": package, "module": module}
    exec((home / "manifest.py").read_text(), tools)
    return found


def test_the_page_and_the_picture_show_the_pins_that_the_board_uses():
    for path, text in gen_boards.wanted().items():
        assert path.read_text() == text, f"{path}: run python -m swapcab.docs.boards"


def test_a_page_without_the_marks_is_refused():
    try:
        gen_boards.fill("nothing", {"a pins": ""})
        refused = False
    except ValueError:
        refused = True
    assert refused


@pytest.mark.parametrize("board", BOARDS)
def test_the_manifest_freezes_what_the_build_compiles(board):
    names = {name for name in build_board.sources(board) if name not in build_board.AS_THEY_ARE}
    assert names <= set(frozen(board))
    assert set(frozen(board)) - names <= build.NOT_ON_THE_CONTROLLER  # in flash they cost nothing


@pytest.mark.parametrize("board", BOARDS)
def test_what_the_manifest_freezes_is_there(board):
    for name, path in frozen(board).items():
        if path.is_relative_to(ROOT / "build"):
            continue  # fetched by make setup
        assert path.is_file(), name


@pytest.mark.parametrize("board", BOARDS)
def test_every_pin_is_named_once(board):
    pins = gen_boards.load(board).PINS
    names = [row[3] for row in pins if row[3]]
    assert len(names) == len(set(names))


def test_pins_of_the_nucleo_are_pins_of_its_package_and_zio_names_those_of_the_board():
    for use, _signal, cpu, zio, _note in gen_boards.load("nucleo_h743zi2").PINS:
        assert re.fullmatch(r"[A-H](1[0-5]|[0-9])", cpu), use
        assert re.fullmatch(r"(A[0-8]|D([0-9]|[1-6][0-9]|7[0-2]))?", zio), use
