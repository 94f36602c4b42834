"""No circle of imports, hints for the type checker included: between the modules of core, and between the folders of the firmware."""

import ast
from pathlib import Path

from swapcab.paths import ROOT

CABINET = ROOT / "firmware" / "cabinet"


def imports(path: Path) -> set[str]:
    """Full names of all that a file of the package imports, anywhere in it: inside functions and under TYPE_CHECKING as well."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.startswith("cabinet.")}


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Groups of nodes that reach each other."""

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        waiting = [start]
        while waiting:
            for name in graph.get(waiting.pop(), set()) - found:
                found.add(name)
                waiting.append(name)
        return found

    reach = {name: reached(name) for name in graph}
    groups = [{other for other in graph if other in reach[name] and name in reach[other]} for name in graph if name in reach[name]]
    return [group for index, group in enumerate(groups) if group not in groups[:index]]


def modules_of(folder: Path) -> dict[str, set[str]]:
    """Each module of a folder, and those of the same folder that it imports."""
    known = {path.stem for path in folder.glob("*.py")}
    prefix = "cabinet." + folder.name + "."
    return {
        path.stem: {name[len(prefix) :].split(".")[0] for name in imports(path) if name.startswith(prefix)} & known - {path.stem}
        for path in folder.glob("*.py")
    }


def folders() -> dict[str, set[str]]:
    """Each folder of the package, and those that its files import."""
    names = [path.name for path in CABINET.iterdir() if list(path.glob("*.py"))]
    graph: dict[str, set[str]] = {}
    for name in names:
        used = {full.split(".")[1] for path in (CABINET / name).rglob("*.py") for full in imports(path)}
        graph[name] = used & set(names) - {name}
    return graph


def test_core_has_no_circle_of_imports():
    graph = modules_of(CABINET / "core")
    assert len(graph) > 15 and graph["swap"] and graph["slot"]
    assert circles(graph) == []


def test_the_folders_of_the_firmware_have_no_circle_of_imports():
    graph = folders()
    assert {"core", "bus", "devices", "runtime"} <= set(graph) and "core" in graph["runtime"]
    assert circles(graph) == []


def test_a_circle_is_found_also_where_only_a_hint_closes_it(tmp_path):
    folder = tmp_path / "core"
    folder.mkdir()
    (folder / "a.py").write_text("from cabinet.core import b\n")
    (folder / "b.py").write_text("def f():\n    from cabinet.core.c import C\n")
    (folder / "c.py").write_text("TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from cabinet.core.a import A\n")
    (folder / "d.py").write_text("from cabinet.core import a\n")
    assert circles(modules_of(folder)) == [{"a", "b", "c"}]
    (folder / "c.py").write_text("import json\n")
    assert circles(modules_of(folder)) == []
