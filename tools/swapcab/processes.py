"""Child processes of the simulator: their output goes to a file, their lines to a callback, and none outlives us."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil

from swapcab.paths import ROOT

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """In a child, before it executes: SIGKILL when the thread that started it has gone (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """One process, restartable. Lines of its standard output reach `on_line` on a thread of their own."""

    def __init__(
        self, name: str, command: list[str], log: Path, on_line: Callable[[str], None] | None = None, env: dict | None = None
    ) -> None:
        self.name = name
        self.command = command
        self.log = log
        self.starts = 0
        self._on_line = on_line
        self._env = {**os.environ, **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._cpu_before_s = 0.0
        self._cpu_now_s = 0.0

    def start(self) -> None:
        """Run the command."""
        self.starts += 1
        self._cpu_before_s += self._cpu_now_s
        self._cpu_now_s = 0.0
        log = open(self.log, "ab")  # noqa: SIM115 (the reader closes it)
        self._process = subprocess.Popen(
            self.command,
            env=self._env,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log if self._on_line else subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process, log), name=self.name, daemon=True)
        self._reader.start()

    def _read(self, process: subprocess.Popen[bytes], log) -> None:
        assert process.stdout is not None
        with log:
            for line in process.stdout:
                log.write(line)
                log.flush()
                if self._on_line:
                    self._on_line(line.decode(errors="replace").rstrip("\n"))

    @property
    def pid(self) -> int | None:
        """Of the running process."""
        return self._process.pid if self._process else None

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll() if self._process else 0

    def cpu_s(self) -> float:
        """Processor seconds of all its starts."""
        if self._process and self._process.poll() is None:
            with contextlib.suppress(psutil.Error):
                times = psutil.Process(self._process.pid).cpu_times()
                self._cpu_now_s = times.user + times.system
        return self._cpu_before_s + self._cpu_now_s

    def signal(self, number: int) -> None:
        """Send a signal if it still runs."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """The power goes: SIGKILL, and wait until it is gone and its last lines are read."""
        if self._process is None:
            return
        self.cpu_s()
        self.signal(signal.SIGKILL)
        self._process.wait(timeout=30)
        if self._reader:
            self._reader.join(timeout=10)

    def stop(self) -> None:
        """SIGTERM, then SIGKILL."""
        self.signal(signal.SIGTERM)
        if self._process:
            try:
                self._process.wait(timeout=3)
            except subprocess.TimeoutExpired:
                self.kill()
        if self._reader:
            self._reader.join(timeout=10)

    def tail(self, lines: int = 15) -> str:
        """The end of its log, for an error message."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""
