"""`make size`: heap after start, at its peak, and what each module costs; run under MicroPython itself."""

from __future__ import annotations

import ast
import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

from swapcab.compile.firmware import sources
from swapcab.paths import OUT, ROOT
from swapcab.rows import Row, publish
from swapcab.sim.options import Options

WATCH_S = 15.0

# Imports one module after the other, in the order given, and prints what each left on the heap, its own imports included
# only if they were not there before.
PROBE = """
import gc, sys
gc.collect()
begin = gc.mem_alloc()
print("start", begin)
for name in sys.argv[1:]:
    gc.collect()
    before = gc.mem_alloc()
    try:
        __import__(name)
    except ImportError as error:
        print("missing", name, error)
        continue
    gc.collect()
    print("module", name, gc.mem_alloc() - before)
gc.collect()
print("all", gc.mem_alloc() - begin)
"""


def modules() -> list[str]:
    """Every module of the image, each after the modules it imports, so that no module is charged for another."""
    paths: dict[str, Path] = {}
    for name, path in sources().items():
        dotted = name[:-3].replace("/", ".")
        paths[dotted.removesuffix(".__init__")] = path
    for name in ("main", "boot", "__init__", "cabinet.ports"):
        paths.pop(name, None)
    ordered: list[str] = []
    visited: set[str] = set()

    def visit(name: str) -> None:
        if name in visited or name not in paths:
            return
        visited.add(name)
        for needed in _imports(paths[name], name):
            visit(needed)
        ordered.append(name)

    for name in sorted(paths):
        visit(name)
    return ordered


def _imports(path: Path, name: str) -> list[str]:
    """Modules that a file imports when it is imported, with their packages first."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found: list[str] = []
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, (package if node.level else "", node.module or "")))
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    parents = [found_name[:index] for found_name in (*found, name) for index, letter in enumerate(found_name) if letter == "."]
    return [needed for needed in (*parents, *found) if needed != name]


def probe(names: list[str], heap_bytes: int) -> dict[str, int]:
    """Bytes that each module keeps at import, on this machine's word size."""
    script = ROOT / "build" / "size_probe.py"
    script.write_text(PROBE)
    command = [str(Path(sys.executable).with_name("micropython")), "-X", f"heapsize={heap_bytes}", str(script), *names]
    env = {"MICROPYPATH": f"{OUT}:.frozen", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    found: dict[str, int] = {}
    for line in done.stdout.splitlines():
        words = line.split()
        if words[0] == "module":
            found[words[1]] = int(words[2])
        elif words[0] in ("start", "all"):
            found[words[0]] = int(words[1])
        else:
            print(line, file=sys.stderr)
    if "all" not in found:
        raise RuntimeError(f"the probe ended early:\n{done.stdout}{done.stderr}")
    return found


def run(slots: int) -> int:
    """Print the table; 0 if the firmware stays within its cap."""
    names = modules()
    found = probe(names, Options(slots=slots).heap_bytes)
    rows = [
        Row(name, found.get(name, 0), "B of heap", f".mpy {_mpy_bytes(name):,} B")
        for name in sorted(names, key=lambda n: -found.get(n, 0))
        if found.get(name, 0) >= 256
    ]
    rows.append(Row("all modules", found["all"], "B of heap", f".mpy {sum(map(_mpy_bytes, names)):,} B"))
    running = _running(slots)
    cap = running.pop("heap_cap_bytes")
    for name, value in running.items():
        rows.append(Row(name, value, "B", f"<= {cap:,}", 0 < value <= cap))
    return 0 if publish(rows, f"size, {slots} slots, heap capped at {cap:,} B", "size") else 1


def _mpy_bytes(name: str) -> int:
    path = OUT / name.replace(".", "/")
    for candidate in (path.with_name(path.name + ".mpy"), path / "__init__.mpy"):
        with contextlib.suppress(OSError):
            return candidate.stat().st_size
    return 0


def _running(slots: int) -> dict[str, int]:
    """A cabinet with a few swaps: heap in use after the start, and the peak."""
    from swapcab.sim.simulation import Simulation
    options = Options(slots=slots, swaps=0, headless=True)
    simulation = Simulation(options)
    try:
        simulation.start()
        simulation.ask(cmd="auto", swaps=2, bad_every=0)
        after_start = 0
        began = time.monotonic()
        while time.monotonic() - began < WATCH_S or not after_start:
            simulation.tick()
            after_start = after_start or simulation.state.stats.heap_live_bytes
            if time.monotonic() - began > 4 * WATCH_S:
                break
            time.sleep(0.05)
        (simulation.folder / "stats.json").write_text(json.dumps(simulation.state.stats.latest))
        return {
            "heap after start, live": after_start,
            "heap live, most": simulation.state.stats.heap_live_bytes,
            "heap peak, garbage included": simulation.state.stats.heap_peak_bytes,
            "heap_cap_bytes": options.heap_bytes,
        }
    finally:
        simulation.close()
