"""Constants become numbers wherever they stand, and nothing else changes."""

import ast

import pytest

from swapcab.compile.firmware import sources, texts_of
from swapcab.compile.inline import inline

LEVELS = """
from micropython import const

LOW = const(1)
HIGH = const(LOW << 3)  # eight
UNKNOWN = -(1 << 29)
NAMES = ("low", "high")


def is_high(level):
    return level >= HIGH
"""


def both(user: str, levels: str = LEVELS) -> tuple[str, str]:
    """(levels, user) after the numbers were put in; lines stay where they are."""
    texts = {"pack/levels.py": levels, "pack/user.py": user}
    done = inline(texts)
    for name, text in texts.items():
        assert done[name].count("\n") == text.count("\n"), name
        ast.parse(done[name])
    return done["pack/levels.py"], done["pack/user.py"]


def test_a_constant_of_a_module_becomes_a_number_and_its_definition_goes():
    levels, user = both("from pack import levels\n\nx = levels.HIGH + levels.UNKNOWN\n")
    assert "x = 8 + (-536870912)" in user and "import" not in user
    assert "HIGH" not in levels and "LOW" not in levels and "const" not in levels
    assert "return level >= 8" in levels and 'NAMES = ("low", "high")' in levels


def test_imported_constants_leave_the_import_and_functions_stay():
    _, user = both("from pack.levels import (\n    HIGH,\n    is_high,\n)\n\nx = is_high(HIGH)\n")
    assert "from pack.levels import is_high\n" in user and "x = is_high(8)" in user


def test_a_module_of_which_more_is_used_stays_imported():
    _, user = both("from pack import levels\n\nx = levels.is_high(levels.LOW)\n")
    assert "from pack import levels" in user and "levels.is_high(1)" in user


def test_a_parameter_of_the_same_name_is_not_touched():
    _, user = both("from pack import levels\n\n\ndef f(levels):\n    return levels.HIGH\n\n\ndef g():\n    return levels.HIGH\n")
    assert "return levels.HIGH\n\n\ndef g" in user and user.rstrip().endswith("return 8")


def test_a_name_that_is_given_twice_is_no_constant():
    _, user = both("from pack import levels\n\nx = levels.LOW\n", LEVELS + "\nif is_high(9):\n    LOW = 2\n")
    assert "x = levels.LOW" in user


def test_what_texts_and_other_scripts_name_keeps_its_definition():
    levels, user = both("from pack import levels\n\nx = levels.LOW\ny = getattr(levels, 'HIGH')\n")
    assert "x = 1" in user and "HIGH = const(" in levels and "LOW =" not in levels
    kept = inline({"pack/levels.py": LEVELS}, ["from pack import levels\nprint(levels.LOW)\n"])["pack/levels.py"]
    assert "LOW = const(1)" in kept and "HIGH =" not in kept


def test_what_only_the_type_checker_reads_goes():
    typing = "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from typing import Any\n\n    from pack.levels import HIGH\n"
    _, user = both(typing + "\nx: 'Any' = 1\n")
    assert "Any" not in user.replace("x: 'Any'", "") and "TYPE_CHECKING" not in user and "x: 'Any' = 1" in user


def test_the_position_of_a_quantity_becomes_a_constant_of_its_file():
    table = 'QUANTITIES = "hot -cold"\n\n\ndef position(name):\n    return [word.lstrip("-") for word in QUANTITIES.split()].index(name)\n'
    user = 'from cabinet.core.rule_table import position\n\n_COLD = position("cold")\n\n\ndef f(values):\n    return values[_COLD]\n'
    done = inline({"cabinet/core/rule_table.py": table, "cabinet/core/user.py": user})["cabinet/core/user.py"]
    assert "_COLD = const(1)\n" in done and "import" not in done and "position" not in done
    with pytest.raises(ValueError, match="not in list"):
        inline({"cabinet/core/rule_table.py": table, "cabinet/core/user.py": user.replace('"cold"', '"warm"')})


def test_the_firmware_has_few_public_numbers_left():
    wanted = {name: path for name, path in sources().items() if name.startswith("cabinet/")}
    left = [
        target.id
        for name, text in texts_of(wanted).items()
        for node in ast.parse(text, name).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, int)
        for target in node.targets
        if isinstance(target, ast.Name) and not target.id.startswith("_")
    ]
    assert len(left) < 20, left
