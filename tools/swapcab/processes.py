"""Child processes of the simulator: output to a bounded log, lines to a callback, and no child outlives its parent."""

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
from typing import IO, BinaryIO

import psutil

from swapcab.paths import ROOT

PR_SET_PDEATHSIG = 1
LOG_BYTES = 8 * 1024 * 1024  # of one log file; the file before it is kept as NAME.1


def die_with_parent() -> None:
    """In a child, before it executes: SIGKILL when the thread that started it has gone (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class BoundedLog:
    """A log file that never holds more than `limit` bytes: when full it becomes NAME.1, and what NAME.1 held is dropped.

    The first line of a file that follows another says so. Thread-safe.
    """

    def __init__(self, path: Path, limit: int = LOG_BYTES) -> None:
        self.path = path
        self.limit = limit
        self._lock = threading.Lock()
        self._file: BinaryIO | None = None
        self._size = 0

    def write(self, data: bytes) -> None:
        """Append whole lines. Raises OSError."""
        with self._lock:
            if self._file is None:
                self._file = open(self.path, "ab")  # noqa: SIM115 (close() closes it)
                self._size = self._file.tell()
            if self._size and self._size + len(data) > self.limit:
                self._file.close()
                older = self.path.with_name(self.path.name + ".1")
                self.path.replace(older)
                self._file = open(self.path, "wb")  # noqa: SIM115
                note = f"[log full at {self.limit} bytes: earlier lines are in {older.name}, what {older.name} held before is dropped]\n"
                self._size = self._file.write(note.encode())
            self._size += self._file.write(data)
            self._file.flush()

    def close(self) -> None:
        """Close the file; the next write() opens it again."""
        with self._lock:
            if self._file:
                self._file.close()
                self._file = None


class Child:
    """One process that can be started again. Each line of its standard output reaches `on_line`, on a thread of its own."""

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
        self._readers: list[threading.Thread] = []
        self._log = BoundedLog(log)
        self._cpu_before_s = 0.0
        self._cpu_now_s = 0.0

    def start(self) -> None:
        """Run the command."""
        self.starts += 1
        self._cpu_before_s += self._cpu_now_s
        self._cpu_now_s = 0.0
        self._process = subprocess.Popen(
            self.command,
            env=self._env,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if self._on_line else subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        streams = [(self._process.stdout, self._on_line), (self._process.stderr, None)]
        self._readers = [threading.Thread(target=self._read, args=row, name=self.name, daemon=True) for row in streams if row[0]]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: IO[bytes], on_line: Callable[[str], None] | None) -> None:
        with stream:
            for line in stream:
                with contextlib.suppress(OSError):  # a full disk must not stop the reader, or the child would wait for ever
                    self._log.write(line)
                if on_line:
                    on_line(line.decode(errors="replace").rstrip("\n"))

    def _join(self) -> None:
        for reader in self._readers:
            reader.join(timeout=10)
        self._log.close()

    @property
    def pid(self) -> int | None:
        """Process id, or None before the first start."""
        return self._process.pid if self._process else None

    def exit_code(self) -> int | None:
        """Exit code of the last start; None while the process runs, 0 before the first start."""
        return self._process.poll() if self._process else 0

    def cpu_s(self) -> float:
        """Processor seconds of all starts together."""
        if self._process and self._process.poll() is None:
            with contextlib.suppress(psutil.Error):
                times = psutil.Process(self._process.pid).cpu_times()
                self._cpu_now_s = times.user + times.system
        return self._cpu_before_s + self._cpu_now_s

    def signal(self, number: int) -> None:
        """Send a signal if the process still runs."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, as if the power failed; returns when the process has ended and its last lines are read."""
        if self._process is None:
            return
        self.cpu_s()
        self.signal(signal.SIGKILL)
        self._process.wait(timeout=30)
        self._join()

    def stop(self) -> None:
        """SIGTERM, then SIGKILL."""
        self.signal(signal.SIGTERM)
        if self._process:
            try:
                self._process.wait(timeout=3)
            except subprocess.TimeoutExpired:
                self.kill()
        self._join()

    def tail(self, lines: int = 15) -> str:
        """The end of its log, for an error message."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""
