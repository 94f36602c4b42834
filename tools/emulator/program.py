"""The program of an emulated board: a process of MicroPython's unix port, with pipes for its prompt and for what its pins do."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from swapcab.paths import ROOT
from swapcab.processes import die_with_parent

DEVICE = Path(__file__).resolve().parent / "device"
CONTROL_FD = 3


class Program:
    """Runs from the start to `kill`. Nothing of it blocks."""

    def __init__(self, folder: Path, config: Path, heap: str) -> None:
        stdin_read, self.stdin = os.pipe()
        self.stdout, stdout_write = os.pipe()
        self.control, control_write = os.pipe()
        self._control_text = b""
        command = [str(Path(sys.executable).with_name("micropython")), "-X", f"heapsize={heap}", "-i"]
        path = ":".join(str(entry) for entry in (DEVICE, ROOT / "tests" / "fixtures", ROOT / "boards" / "unix"))

        def arrange() -> None:
            os.dup2(control_write, CONTROL_FD)
            die_with_parent()

        self._process = subprocess.Popen(
            [*command, str(DEVICE / "power_on.py"), str(config)],
            env={**os.environ, "MICROPYPATH": f"{path}:.frozen"},
            cwd=folder,
            stdin=stdin_read,
            stdout=stdout_write,
            stderr=stdout_write,
            start_new_session=True,
            pass_fds=(CONTROL_FD, control_write),
            preexec_fn=arrange,
        )
        for end in (stdin_read, stdout_write, control_write):
            os.close(end)
        for end in (self.stdin, self.stdout, self.control):
            os.set_blocking(end, False)

    def kill(self) -> None:
        """The end of it, in the middle of whatever it does."""
        self._process.kill()
        self._process.wait(timeout=30)
        for end in (self.stdin, self.stdout, self.control):
            os.close(end)

    def ended(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def write(self, data: bytes) -> int:
        """To its prompt; how many bytes there was room for."""
        try:
            return os.write(self.stdin, data)
        except (BlockingIOError, BrokenPipeError):
            return 0

    def read(self) -> bytes:
        """What it has printed."""
        with contextlib.suppress(BlockingIOError, OSError):
            return os.read(self.stdout, 65536)
        return b""

    def reported(self) -> list[str]:
        """What its pins, its watchdog and its resets did, a line each."""
        with contextlib.suppress(BlockingIOError, OSError):
            self._control_text += os.read(self.control, 65536)
        *lines, self._control_text = self._control_text.split(b"\n")
        return [line.decode() for line in lines]

    def can_interrupt(self) -> bool:
        """Whether MicroPython runs a program: only then it catches the signal."""
        with contextlib.suppress(OSError, ValueError):
            for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
                if line.startswith("SigCgt:"):
                    return bool(int(line.split()[1], 16) & 1 << (signal.SIGINT - 1))
        return False

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)
