"""Nothing but the owner writes a slot's field. The headings in core/slot_state.py name the owner of each section."""

import ast
import re
from pathlib import Path

from swapcab.paths import ROOT

FIRMWARE = ROOT / "firmware"
STATE = FIRMWARE / "cabinet" / "core" / "slot_state.py"
HEADING = re.compile(r"\s*# --- (?P<section>.+): written by (?P<owner>\w+\.py)$")
DATA = ("SlotState", "SlotMeasures")  # the classes that hold a slot's data
TRANSITIONS = "SlotControl"

# Other objects that have a field of the same name: the field, and the names by which the firmware calls such an object.
# `self` of another class needs no row. Nothing that is a slot may be given one of these names.
NOT_A_SLOT = {
    "serial": {"reading"},
    "counter": {"reading"},
    "proof": {"p"},  # a profile's bytes, in devices/profiles/reader.py
    "values": {"event"},
    "state": {"ring"},
    "ready": {"ring"},
    "left": {"_session"},
    "any": {"secrets", "modules", "module"},  # setattr with a name that is worked out
}


def owners() -> dict[str, str]:
    """Each field of a slot and the file that may write it; fields that stand under no heading belong to nobody."""
    text = STATE.read_text()
    lines = text.split("\n")
    found: dict[str, str] = {}
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ClassDef) or node.name not in DATA:
            continue
        for field, line in fields_of(node):
            heading = next((HEADING.match(lines[at]) for at in range(line - 1, node.lineno - 1, -1) if HEADING.match(lines[at])), None)
            owner = heading["owner"] if heading else ""
            assert found.get(field, owner) == owner, f"{field} stands in two sections"
            found[field] = owner
    return found


def fields_of(node: ast.ClassDef) -> list[tuple[str, int]]:
    """Names and lines of the fields that a class declares, in its body or in its constructor."""
    found = []
    for part in node.body:
        if isinstance(part, ast.Assign):
            found += [(name.id, part.lineno) for name in part.targets if isinstance(name, ast.Name)]
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            found += [(n.attr, n.lineno) for n in ast.walk(part) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)]
    return found


def receiver(node: ast.expr) -> str:
    """The last name of what stands before the dot: `slot` of self.slot, `slots` of self.slots[0], "" of a call."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def writes(tree: ast.AST, fields: set[str], inside: str = "") -> list[tuple[str, str, int]]:
    """(field, class around it, line) of each write to a slot's field: assigned, deleted, an item of it replaced, or by setattr."""
    found = []
    for node in ast.iter_child_nodes(tree):
        target = node.value if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load) else node
        field = ""
        if isinstance(target, ast.Attribute) and (target is not node or not isinstance(node.ctx, ast.Load)):
            field, place = target.attr, receiver(target.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("setattr", "delattr"):
            name = node.args[1]
            field, place = name.value if isinstance(name, ast.Constant) else "any", receiver(node.args[0])
        if field in fields or field == "any":
            of_another = place == "self" and inside not in (*DATA, TRANSITIONS)
            if not of_another and place not in NOT_A_SLOT.get(field, ()):
                found.append((field, inside, node.lineno))
        found += writes(node, fields, node.name if isinstance(node, ast.ClassDef) else inside)
    return found


def foreign_writes(text: str, name: str) -> list[str]:
    """Writes in a file of this name to fields that it does not own."""
    known = owners()
    return [
        f"{name}:{line} writes {field}, which belongs to {known.get(field)}"
        for field, inside, line in writes(ast.parse(text), set(known))
        if known.get(field) != name and not (name == STATE.name and inside in DATA)
    ]


def test_nothing_but_the_owner_writes_a_field_of_a_slot():
    wrong: list[str] = []
    files = sorted(FIRMWARE.rglob("*.py"))
    assert len(files) > 100
    for path in files:
        wrong += foreign_writes(path.read_text(), path.name)
    assert wrong == []


def test_each_field_stands_under_a_heading_whose_file_there_is_once():
    known = owners()
    assert len(known) > 60
    assert [field for field, owner in known.items() if not owner and field != "rows"] == []
    for owner in set(known.values()) - {""}:
        assert len(list(FIRMWARE.rglob(owner))) == 1, owner
        assert Path(STATE.parent / owner).is_file(), owner


def test_only_constructors_write_in_the_file_of_the_data():
    tree = ast.parse(STATE.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name != "__init__":
            stores = [n.lineno for n in ast.walk(node) if isinstance(n, (ast.Attribute, ast.Subscript)) and not isinstance(n.ctx, ast.Load)]
            assert stores == [], f"{node.name} is a query and writes in line {stores}"


def test_a_planted_write_is_found():
    for text, field in (
        ("def f(s):\n    s.charge_ma = 5\n", "charge_ma"),
        ("def f(s):\n    s.reserved, x = True, 1\n", "reserved"),
        ("class A:\n    def f(self):\n        self.slots[0].plan_ma += 1\n", "plan_ma"),
        ("for s.proof in (1, 2):\n    pass\n", "proof"),
        ("def f(slot):\n    del slot.stuck\n", "stuck"),
        ("def f(slot):\n    slot.measures.values[3] = 0\n", "values"),
        ("def f(slot):\n    setattr(slot, 'enabled', False)\n", "enabled"),
        ("class SlotControl:\n    def f(self):\n        self.charge_mv = 1\n", "charge_mv"),
        ("with open('x') as s._io_watch:\n    pass\n", "_io_watch"),
    ):
        found = foreign_writes(text, "planted.py")
        assert len(found) == 1 and f" writes {field}," in found[0], text
    assert foreign_writes("def f(slot, name):\n    setattr(slot, name, False)\n", "planted.py") != []
    for text in ("class Swap:\n    def f(self):\n        self.state = 1\n", "def f(s):\n    return s.charge_ma\n"):
        assert foreign_writes(text, "planted.py") == []
    assert foreign_writes("def f(s):\n    s.plan_ma = 1\n", "charging.py") == []
    assert foreign_writes("def f(s):\n    s.plan_ma = 1\n", "slot.py") != []
