"""Tests are found where the tree says: each module of the firmware has some, and shared helpers are no tests."""

import re

from swapcab.docs import tests as page
from swapcab.paths import ROOT


def test_every_module_of_the_firmware_has_tests_or_a_reason():
    held = {page.dotted(module) for module in page.modules() if page.tests_of(module) or page.through(module)}
    bare = {page.dotted(module) for module in page.modules()} - held - set(page.ELSEWHERE)
    assert bare == set(), "add a test in tests/unit, or say in ELSEWHERE of tools/swapcab/docs/tests.py what runs the module"
    names = {page.dotted(module) for module in page.modules()}
    assert set(page.ELSEWHERE) <= names


def test_the_nearest_tests_of_a_module_come_first():
    assert page.tests_of(ROOT / "firmware/cabinet/core/slot.py")[0] == "unit/core/test_slot.py"
    assert page.tests_of(ROOT / "firmware/cabinet/bus/isotp.py") == ["unit/bus/test_isotp.py"]


def test_each_room_of_the_firmware_has_its_folder_of_tests():
    rooms = {path.name for path in (ROOT / "firmware" / "cabinet").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms <= {path.name for path in page.UNIT.iterdir()}


def test_no_test_file_imports_another_one():
    wrong = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        wrong += [f"{path.relative_to(ROOT)} imports {name}" for name in page.imports(path) if re.match(r"test_\w+$", name)]
    assert wrong == [], "what several tests share lives in tests/fixtures"


def test_what_several_tests_share_is_found_without_the_folders_of_the_rooms():
    text = (ROOT / "pyproject.toml").read_text()
    assert "tests/unit/" not in text.partition("pythonpath")[2].partition("]")[0]


def test_the_first_screen_says_how_to_run_one_test():
    screen = "\n".join((ROOT / "tests" / "README.md").read_text().splitlines()[:24])
    assert "-k " in screen and "micropython" in screen and "make test" in screen
