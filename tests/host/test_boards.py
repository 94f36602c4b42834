"""What is generated from the boards' pins is up to date, and what an image would freeze exists and is complete."""

import re
from pathlib import Path

from swapcab import build, build_board, gen_boards

ROOT = Path(__file__).resolve().parents[2]
BOARD = ROOT / "boards" / "nucleo_h743zi2"


def frozen():
    """{module path on the board: file} that the manifest names."""
    found = {}

    def package(name, files=None, base_path="."):
        folder = BOARD / base_path / name
        paths = [folder / file for file in files] if files else sorted(folder.rglob("*.py"))
        for path in paths:
            found[path.relative_to(folder.parent).as_posix()] = path

    def module(name, base_path="."):
        found[name] = BOARD / base_path / name

    tools = {"include": lambda path: None, "require": lambda name: None, "package": package, "module": module}
    exec((BOARD / "manifest.py").read_text(), tools)
    return found


def test_the_page_and_the_picture_show_the_pins_that_the_board_uses():
    for path, text in gen_boards.wanted().items():
        assert path.read_text() == text, f"{path}: run python -m swapcab.gen_boards"


def test_a_page_without_the_marks_is_refused():
    try:
        gen_boards.fill("nothing", {"a pins": ""})
        refused = False
    except ValueError:
        refused = True
    assert refused


def test_the_manifest_freezes_what_the_build_compiles():
    names = {name for name in build_board.sources("nucleo_h743zi2") if name not in build_board.AS_THEY_ARE}
    assert names <= set(frozen())
    assert set(frozen()) - names <= build.NOT_ON_THE_CONTROLLER  # in flash they cost nothing


def test_what_the_manifest_freezes_is_there():
    for name, path in frozen().items():
        if path.is_relative_to(ROOT / "build"):
            continue  # fetched by make setup
        assert path.is_file(), name


def test_every_pin_is_named_once_and_every_zio_name_is_one_of_the_board():
    pins = gen_boards.load("nucleo_h743zi2").PINS
    names = [row[3] for row in pins if row[3]]
    assert len(names) == len(set(names))
    for use, _signal, cpu, zio, _note in pins:
        assert re.fullmatch(r"[A-H](1[0-5]|[0-9])", cpu), use
        assert re.fullmatch(r"(A[0-8]|D([0-9]|[1-6][0-9]|7[0-2]))?", zio), use
