"""Run a Python program on the emulated controller: its files in a ROMFS image in memory, its text through the raw REPL."""

from __future__ import annotations

import select
import subprocess
from collections.abc import Mapping
from pathlib import Path

from mpremote.romfs import VfsRomWriter

from arm.interpreter import ArmError

ROM_AT = 0x21000000  # the board's PSRAM, 16 MiB
ROM_BYTES = 16 << 20
ICOUNT_SHIFT = 6  # an instruction takes 2^6 ns of the guest's time: 1.6 ticks of its 25 MHz timer
TICK_NS = 40
SILENT_S = 600  # a guest that prints nothing for so long hangs
PROMPT = b"raw REPL; CTRL-B to exit\r\n>"
MOUNT = """\
import vfs, uctypes, sys
vfs.mount(vfs.VfsRom(uctypes.bytearray_at({at}, {size})), "/rom")
sys.path[:] = {path}
"""


def rom_image(files: Mapping[str, bytes]) -> bytes:
    """A ROMFS image of files by their path."""
    writer = VfsRomWriter()
    _folder(writer, files)
    image = bytes(writer.finalise())
    if len(image) > ROM_BYTES:
        raise ArmError(f"the image has {len(image)} bytes, the emulated board takes {ROM_BYTES}")
    return image


def _folder(writer: VfsRomWriter, files: Mapping[str, bytes]) -> None:
    inside: dict[str, dict[str, bytes]] = {}
    for name in sorted(files):
        head, slash, rest = name.partition("/")
        if slash:
            inside.setdefault(head, {})[rest] = files[name]
        else:
            writer.mkfile(name, files[name])
    for name, parts in inside.items():
        writer.opendir(name)
        _folder(writer, parts)
        writer.closedir()


def mount(size: int, path: list[str]) -> str:
    """The lines with which a program finds the image's modules."""
    return MOUNT.format(at=ROM_AT, size=size, path=path)


class Guest:
    """One start of the board. It ends with its context: nothing is left running."""

    def __init__(self, elf: Path, image: Path | None = None, counting: bool = False) -> None:
        command = [
            "qemu-system-arm", "-machine", "mps2-an385", "-kernel", str(elf), "-display", "none", "-monitor", "none", "-serial", "stdio",
            "-semihosting",
        ]  # fmt: skip
        if image is not None:
            command += ["-device", f"loader,file={image},addr={ROM_AT:#x},force-raw=on"]
        if counting:
            command += ["-icount", f"shift={ICOUNT_SHIFT}"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)

    def __enter__(self) -> Guest:
        self._until(b">>> ")  # before that the line takes no bytes
        self._write(b"\x01")
        self._until(PROMPT)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def run(self, program: str) -> tuple[str, str]:
        """Standard output and traceback of a program. Raises ArmError if the guest ends meanwhile."""
        self._write(program.encode() + b"\x04")
        self._until(b"OK")
        output = self._until(b"\x04")
        error = self._until(b"\x04")
        self._until(b">")
        return output.decode(errors="replace"), error.decode(errors="replace")

    def _write(self, data: bytes) -> None:
        assert self._process.stdin
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def _until(self, mark: bytes) -> bytes:
        assert self._process.stdout
        got = b""
        while not got.endswith(mark):
            if not select.select([self._process.stdout], [], [], SILENT_S)[0]:
                raise ArmError(f"the emulated board has printed nothing for {SILENT_S} s: {got[-2000:].decode(errors='replace')}")
            byte = self._process.stdout.read(1)
            if not byte:
                raise ArmError(f"the emulated board ended: {got[-2000:].decode(errors='replace')}")
            got += byte
        return got[: -len(mark)]


def instructions(ticks: int) -> int:
    """Instructions from ticks of the guest's timer, when it counts (`counting`)."""
    return ticks * TICK_NS >> ICOUNT_SHIFT
