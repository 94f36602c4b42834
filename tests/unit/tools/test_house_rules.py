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
MAY_HINT = {"ports", "settings_section"}  # contracts of boards, and a section of the settings: hints alone
# questions whether an attribute exists, of things that are no drivers: modules, flash areas, what a board may not have, a network
NOT_OF_DRIVERS = {"unload.py": 1, "core/rules.py": 1, "store/area.py": 1, "store/sectors.py": 2, "bus/pin_bus.py": 2, "uplink/uplink.py": 1}
HARDWARE = {"machine", "network", "pyb", "esp32", "rp2", "stm"}
CORE_MAY_USE = {"cabinet", "micropython", "array", "json", "hashlib", "binascii"}  # pure computations only


def imports_of(path: Path, hints: bool = False) -> list[str]:
    """Full names of all that a file imports; what only the type checker reads as well if `hints`."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if not hints and isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
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


def test_imports_point_down_hints_included():
    wrong = []
    for path in firmware_files():
        allowed = MAY_IMPORT.get(room_of(path))
        if allowed is None:
            continue  # app and what wires it know every part
        for hints in (False, True):
            for name in imports_of(path, hints):
                parts = name.split(".")
                if parts[0] == "cabinet" and len(parts) > 1 and parts[1] not in allowed | (MAY_HINT if hints else set()):
                    wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert wrong == []


def folder_of(module: str) -> str:
    """The folder of a module or of a name in it: cabinet.bus, cabinet.devices.io; a file directly in cabinet/ is one of its own."""
    path = FIRMWARE.joinpath(*module.split("."))
    while not path.is_dir() and not path.with_suffix(".py").is_file():
        path = path.parent
    if path.is_dir() or path.parent == FIRMWARE / "cabinet":
        return ".".join(path.relative_to(FIRMWARE).parts)
    return ".".join(path.parent.relative_to(FIRMWARE).parts)


def test_no_folder_needs_itself_through_others_hints_included():
    needs: dict[str, set[str]] = {}
    for path in firmware_files():
        here = folder_of(".".join(path.relative_to(FIRMWARE).with_suffix("").parts).removesuffix(".__init__"))
        for name in imports_of(path, hints=True):
            if name.startswith("cabinet.") and folder_of(name) not in (here, "cabinet"):
                needs.setdefault(here, set()).add(folder_of(name))
    assert len(needs) > 8

    def reached(folder: str) -> set[str]:
        found, waiting = set(), [folder]
        while waiting:
            new = needs.get(waiting.pop(), set()) - found
            found |= new
            waiting += new
        return found

    circles = {folder: sorted(needs[folder]) for folder in needs if folder in reached(folder)}
    assert circles == {}


def test_nobody_asks_whether_an_attribute_of_a_driver_exists():
    found: dict[str, int] = {}
    for path in [*firmware_files(), FIRMWARE / "main.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                asks = node.func.id == "hasattr" or (node.func.id == "getattr" and len(node.args) == 3)
                if asks:
                    name = path.relative_to(FIRMWARE / "cabinet").as_posix() if path.name != "main.py" else "main.py"
                    found[name] = found.get(name, 0) + 1
    more = {name: count for name, count in found.items() if count > NOT_OF_DRIVERS.get(name, 0)}
    assert more == {}, "what is optional is declared: a column of startup/driver_registry.py, or a method that every driver has"


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


def test_only_the_start_and_the_loop_profiler_ask_the_heap():
    """gc.mem_free() walks the whole heap: 8.5 ms on an RP2350. Who needs the figure reads the profiler's."""
    asking = {str(path.relative_to(FIRMWARE)) for path in firmware_files() if "gc" in imports_of(path)}
    assert asking == {"cabinet/unload.py", "cabinet/runtime/loop_profiler.py"}


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


def test_constants_are_imported_from_the_module_that_defines_them():
    """The build puts numbers in their place (swapcab.compile.inline) and takes a constant out of the module that only passes it on."""
    defined = {}
    for path in firmware_files():
        assigned = [n for n in ast.parse(path.read_text()).body if isinstance(n, ast.Assign)]
        names = {target.id for node in assigned for target in node.targets if isinstance(target, ast.Name)}
        defined[".".join(path.relative_to(FIRMWARE).with_suffix("").parts)] = names
    wrong = []
    for path in firmware_files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module in defined:
                names = [alias.name for alias in node.names if alias.name.isupper() and alias.name not in defined[node.module]]
                wrong += [f"{path.relative_to(ROOT)} imports {name} from {node.module}, which does not define it" for name in names]
    assert wrong == []
