"""Which unit tests hold which module of the firmware: `python -m swapcab.docs.tests [WORD]`; with WORD, modules whose path has it.

A module's tests are the files of tests/unit named after it, and those that import it: by themselves, through tests/fixtures, or through
another module of the firmware that uses it. Nothing is kept, so nothing goes stale.
"""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

from swapcab.paths import ROOT

UNIT = ROOT / "tests" / "unit"
FIXTURES = ROOT / "tests" / "fixtures"


@cache
def imports(path: Path) -> frozenset[str]:
    """Full names of modules and of what is taken from them, hints for the type checker included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def modules() -> list[Path]:
    """Modules of the firmware that hold code."""
    return [path for path in sorted((ROOT / "firmware").rglob("*.py")) if path.name != "__init__.py" and "pyright" not in path.name]


def dotted(path: Path) -> str:
    """cabinet.core.slot."""
    return str(path.relative_to(ROOT / "firmware").with_suffix("")).replace("/", ".")


def tests_of(module: Path) -> list[str]:
    """Test files of a module relative to tests/, the nearest first: by name, by import in its own room, by import, by fixture."""
    name = dotted(module)
    fixtures = {path.stem for path in FIXTURES.glob("*.py") if name in imports(path)}
    ranked = []
    for path in sorted(UNIT.rglob("test_*.py")):
        words = path.stem.removeprefix("test_").removesuffix("_mp")
        if words == module.stem and (path.parent.name in module.parts or path.parent.name == "startup"):
            rank = 0
        elif name in imports(path):
            rank = 1 if path.parent.name in module.parts else 2
        elif fixtures & imports(path):
            rank = 3
        else:
            continue
        ranked.append((rank, str(path.relative_to(ROOT / "tests"))))
    return [file for _, file in sorted(ranked)]


# modules that no test of tests/unit imports, and what runs them
ELSEWHERE = {
    "main": "system/scenarios: the simulated cabinet starts with it",
    "cabinet.ports": "the type checker; unit/boards/test_board_conformance.py",
    "cabinet.devices.contract": "the type checker; unit/tools/test_devices_page.py",
}


def through(module: Path) -> list[str]:
    """Test files of the nearest modules that use this one, where none holds it by itself."""
    asked, users = {module}, {module}
    while users:
        names = {dotted(user) for user in users}
        users = {user for user in modules() if user not in asked and names & imports(user)}
        found = {file for user in users for file in tests_of(user)}
        if found:
            return sorted(found)
        asked |= users
    return []


def main() -> int:
    """Print a line a module: its tests, the nearest first."""
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    for module in modules():
        shown = str(module.relative_to(ROOT))
        if word in shown:
            files = tests_of(module) or through(module) or [ELSEWHERE.get(dotted(module), "none")]
            print(f"{shown}: {', '.join(files)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
