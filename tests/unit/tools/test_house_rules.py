"""The walls of the house stand: imports point down, no machine outside the boards, nothing that hides faults."""

import ast
from pathlib import Path

from swapcab.paths import ROOT

FIRMWARE = ROOT / "firmware"

# room: rooms of the project that it may import
MAY_IMPORT = {
    "core": {"core"},
    "trust": {"trust", "core"},
    "bus": {"bus", "trust", "core"},
    "devices": {"devices", "bus", "trust", "core", "unload"},
    "store": {"store", "bus", "trust", "core"},
    "runtime": {"runtime", "store", "devices", "bus", "trust", "core"},
    "uplink": {"uplink", "bus", "trust", "core"},
    "settings_section": set(),
    "unload": set(),
    "ports": set(),
}
HARDWARE = {"machine", "network", "pyb", "esp32", "rp2", "stm"}
CORE_MAY_USE = {"cabinet", "micropython", "array", "json", "hashlib", "binascii"}  # pure computations only


def imports_of(path: Path) -> list[str]:
    """Full names of all that a file imports, typing-only imports left out."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def room_of(path: Path) -> str:
    """core, bus, ... or the file's own name for a file that lies directly in cabinet/."""
    relative = path.relative_to(FIRMWARE / "cabinet")
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def firmware_files() -> list[Path]:
    """All files of the package."""
    files = sorted((FIRMWARE / "cabinet").rglob("*.py"))
    assert len(files) > 20
    return files


def test_imports_point_down():
    wrong = []
    for path in firmware_files():
        allowed = MAY_IMPORT.get(room_of(path))
        if allowed is None:
            continue  # app and what wires it know every part
        for name in imports_of(path):
            parts = name.split(".")
            if parts[0] == "cabinet" and len(parts) > 1 and parts[1] not in allowed:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert wrong == []


def test_only_app_knows_every_part():
    unnamed = {room_of(path) for path in firmware_files()} - set(MAY_IMPORT) - {"app", "startup", "__init__"}
    assert unnamed == set()


def test_core_uses_no_machine_no_asyncio_no_files_and_no_clock():
    wrong = []
    for path in (FIRMWARE / "cabinet" / "core").rglob("*.py"):
        wrong += [f"{path.name} imports {name}" for name in imports_of(path) if name.split(".")[0] not in CORE_MAY_USE]
        calls = [n.func.id for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
        wrong += [f"{path.name} calls {name}()" for name in calls if name in ("open", "print", "input", "eval", "exec")]
    assert wrong == []


def test_only_boards_touch_the_hardware():
    wrong = []
    for path in firmware_files():
        wrong += [f"{path.relative_to(ROOT)} imports {name}" for name in imports_of(path) if name.split(".")[0] in HARDWARE]
    assert wrong == []


def test_nothing_hides_a_fault_and_no_policy_vanishes_under_optimisation():
    wrong = []
    for path in [*firmware_files(), *sorted((ROOT / "boards").rglob("*.py"))]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler) and node.type is None:
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} bare except")
            if isinstance(node, ast.Assert):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} assert")
    assert wrong == []


def test_the_firmware_does_not_know_that_it_is_simulated():
    wrong = []
    for path in firmware_files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Name) and "simulat" in node.id.lower():
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.id}")
    assert wrong == []


def test_core_decides_without_floats():
    wrong = []
    for path in (FIRMWARE / "cabinet" / "core").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, float):
                wrong.append(f"{path.name}:{node.lineno} {node.value}")
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
                wrong.append(f"{path.name}:{node.lineno} true division")
    assert wrong == []
