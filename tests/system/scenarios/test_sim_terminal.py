"""`swapcab sim` on a terminal: it reports where its broker listens, and nothing of it outlives the terminal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from swapcab.exits import GOOD, INTERRUPTED
from swapcab.paths import ROOT

KEY_LINE = "power cut"
BROKER = re.compile(r"mosquitto_sub -h 127\.0\.0\.1 -p (\d+) -t 'swapcab/v1/#' -v")


class Terminal:
    """A simulation on a pseudo-terminal of 80 x 24."""

    def __init__(self, folder: Path) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        command = [sys.executable, "-m", "swapcab", "sim", "--slots", "3", "--folder", str(folder)]

        def own_terminal() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        env = {**os.environ, "TERM": "xterm-256color"}
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=slave, stdout=slave, stderr=slave, preexec_fn=own_terminal, env=env)
        os.close(slave)
        self.text = ""

    def read_until(self, done: Callable[[], bool]) -> None:
        """Read the screen until `done()`; fails if the simulation ends before."""
        while not done():
            if select.select([self.master], [], [], 1)[0]:
                data = b""
                with contextlib.suppress(OSError):
                    data = os.read(self.master, 65536)
                self.text += data.decode(errors="replace")
            assert self.process.poll() is None or done(), self.text[-3000:]

    def plain(self) -> str:
        """What was printed, without the sequences that move the cursor and colour the text."""
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.text)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    opened = Terminal(tmp_path / "run")
    try:
        opened.read_until(lambda: KEY_LINE in opened.plain())
        yield opened
    finally:
        opened.process.kill()
        opened.process.wait()
        with contextlib.suppress(OSError):
            os.close(opened.master)


def drain_until_ended(terminal: Terminal) -> int:
    """Read on, so that nothing blocks, until the simulation has ended; its exit code."""
    while terminal.process.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            if select.select([terminal.master], [], [], 0.2)[0]:
                terminal.text += os.read(terminal.master, 65536).decode(errors="replace")
    return terminal.process.returncode


def children_of(terminal: Terminal) -> list[psutil.Process]:
    found = psutil.Process(terminal.process.pid).children(recursive=True)
    assert len(found) >= 3  # broker, plant, firmware
    return found


def test_the_panel_shows_a_command_that_reaches_the_broker_and_q_ends_all(terminal: Terminal):
    named = BROKER.search(terminal.plain())
    assert named, terminal.plain()[-3000:]
    socket.create_connection(("127.0.0.1", int(named.group(1))), 20).close()
    children = children_of(terminal)
    os.write(terminal.master, b"q")
    assert drain_until_ended(terminal) == GOOD
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)


def test_an_end_of_file_ends_all(terminal: Terminal):
    children = children_of(terminal)
    os.write(terminal.master, b"\x04")
    assert drain_until_ended(terminal) == INTERRUPTED
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)


def test_a_closed_terminal_ends_all(terminal: Terminal):
    children = children_of(terminal)
    os.close(terminal.master)  # the kernel sends SIGHUP
    assert terminal.process.wait() == INTERRUPTED
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
