"""A fleet of simulated cabinets on one broker: processes with many uplinks each, and what these report second by second."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from swapcab import programs
from swapcab.paths import LIB, ROOT

IN_A_PROCESS = 25
START_LIMIT_S = 600.0
PIECE = 250  # the interpreter takes no longer arguments


class FleetError(Exception):
    """A broker or a process of the fleet did not start, or has ended; the text says which."""


class OwnBroker:
    """Mosquitto or the embedded amqtt as a child process that can be killed and started again on the same port."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.host = "127.0.0.1"
        with socket.socket() as probe:
            probe.bind((self.host, 0))
            self.port = probe.getsockname()[1]
        self._log = folder / f"{kind}.log"
        if kind == "mosquitto":
            program = programs.find("mosquitto")
            if not program:
                raise FleetError(programs.absent("mosquitto") + "; or --broker amqtt")
            config = folder / "mosquitto.conf"
            lines = "set_tcp_nodelay true\npersistence false\nallow_anonymous true\nmax_queued_messages 0\nlog_type notice\n"
            config.write_text(f"listener {self.port} {self.host}\n{lines}")
            self._command = [program, "-c", str(config)]
        else:
            self._command = [sys.executable, "-m", "swapcab.broker", "--port", str(self.port)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the broker; returns when it listens. Raises FleetError."""
        env = {**os.environ, "PYTHONPATH": str(ROOT / "tools")}
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
        limit = time.monotonic() + START_LIMIT_S
        while time.monotonic() < limit and self._process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection((self.host, self.port), 1).close()
                return
            time.sleep(0.02)
        raise FleetError(f"{self.kind} did not start; see {self._log}")

    def kill(self) -> None:
        """SIGKILL, as if its machine failed."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def load(self) -> tuple[float, int]:
        """(processor seconds, resident bytes) of the present process."""
        with contextlib.suppress(psutil.Error):
            if self._process and self._process.poll() is None:
                process = psutil.Process(self._process.pid)
                times = process.cpu_times()
                return times.user + times.system, process.memory_info().rss
        return 0.0, 0


@dataclass
class Story:
    """Everything the cabinets have reported; times in seconds since the epoch."""

    opened: list[float] = field(default_factory=list)
    accepted: list[float] = field(default_factory=list)
    drained: list[float] = field(default_factory=list)
    course: list[tuple[float, int, int, int]] = field(default_factory=list)  # (when, connected, acknowledged, waiting)


class Member:
    """One process with some cabinets."""

    def __init__(self, want: dict[str, Any], on_report: Callable[[dict[str, Any]], None]) -> None:
        self.latest: dict[str, Any] = {"connected": 0, "behind": 0, "made": 0, "done": 0, "resent": 0, "failures": 0, "held": 0}
        self._on_report = on_report
        self._other: list[str] = []
        program = Path(sys.executable).with_name("micropython")
        found = str(program) if program.is_file() else shutil.which("micropython")
        if not found:
            raise FleetError("no micropython beside this Python")
        text = json.dumps(want)
        pieces = [text[at : at + PIECE] for at in range(0, len(text), PIECE)]
        script = Path(__file__).with_name("cabinets.py")
        env = {**os.environ, "MICROPYPATH": f".frozen:{ROOT / 'firmware'}:{LIB}:{ROOT / 'boards' / 'unix'}"}
        command = [found, "-X", f"heapsize={2 + want['cabinets'] // 10}m", str(script), *pieces]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            try:
                report = json.loads(line)
            except ValueError:
                self._other.append(line.decode(errors="replace").rstrip())
                del self._other[:-20]
                continue
            self.latest = report
            self._on_report(report)

    def send(self, command: str) -> None:
        """Send a command of cabinets.py: cut, restore, hold or stop."""
        assert self._process.stdin
        with contextlib.suppress(OSError):
            self._process.stdin.write(command.encode() + b"\n")
            self._process.stdin.flush()

    def check(self) -> None:
        """Raises FleetError if the process has ended."""
        if self._process.poll() is not None:
            self._reader.join(5)
            raise FleetError("a process of the fleet ended:\n" + "\n".join(self._other))

    def stop(self) -> None:
        """Ask the process to end; kill it after 10 s."""
        self.send("stop")
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(10)


class Fleet:
    """All members together."""

    def __init__(self, host: str, port: int, cabinets: int, every_ms: int) -> None:
        self.cabinets = cabinets
        self.story = Story()
        self._lock = threading.Lock()
        self._want = {"host": host, "port": port, "every_ms": every_ms}
        self.members: list[Member] = []

    def start(self) -> None:
        """Start all processes, one by one."""
        for first in range(1, self.cabinets + 1, IN_A_PROCESS):
            count = min(IN_A_PROCESS, self.cabinets + 1 - first)
            self.members.append(Member({**self._want, "first": first, "cabinets": count}, self._take))

    def _take(self, report: dict[str, Any]) -> None:
        with self._lock:
            self.story.opened += report["opened"]
            self.story.accepted += report["accepted"]
            self.story.drained += report["drained"]

    def total(self, name: str) -> int:
        """Sum of a counter over all processes."""
        return sum(member.latest[name] for member in self.members)

    def look(self) -> None:
        """Note the present state. Raises FleetError if a process has ended."""
        for member in self.members:
            member.check()
        done = self.total("done")
        self.story.course.append((time.time(), self.total("connected"), done, self.total("made") - done))

    def send(self, command: str) -> None:
        """Send a command to all processes."""
        for member in self.members:
            member.send(command)

    def moments(self, name: str, since: float) -> list[float]:
        """When something happened (a name of Story), in seconds after `since`, sorted."""
        with self._lock:
            return sorted(moment - since for moment in getattr(self.story, name) if moment >= since)

    def stop(self) -> None:
        """End all processes."""
        for member in self.members:
            member.send("stop")
        for member in self.members:
            member.stop()


def per_second(moments: list[float]) -> list[int]:
    """Number of moments in each second, from second 0 on."""
    counts = Counter(int(moment) for moment in moments)
    return [counts[second] for second in range(max(counts) + 1)] if counts else []
