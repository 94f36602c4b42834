"""The serial line of the unix board on real pseudo-terminals, under MicroPython: it never blocks, and it survives its other end."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
import tty
from pathlib import Path

from patience import PATIENCE_S

from swapcab.paths import MICROPYPATH, ROOT

MICROPYTHON = Path(sys.executable).parent / "micropython"

ECHO = """
import sys, time
from serial_pty import SerialPty
line = SerialPty(PORT, 115200)
buf = bytearray(64)
print("open")
while True:
    n = line.readinto(buf)
    if n:
        if buf[:4] == b"quit":
            break
        line.write(b"<" + bytes(buf[:n]) + b">")
    time.sleep_ms(2)
print("reopened", line.reopened)
"""

FLOOD = """
import sys, time
from serial_pty import SerialPty
line = SerialPty(PORT, 115200)
data = bytes(64)
worst = 0
for _ in range(5000):
    began = time.ticks_us()
    line.write(data)
    worst = max(worst, time.ticks_diff(time.ticks_us(), began))
print("dropped" if line.dropped > 200_000 else "blocked", worst)
"""


class Pty:
    """A pseudo-terminal behind a symlink, like the simulator's."""

    def __init__(self, link: Path) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(self.slave))

    def exchange(self, data: bytes, end: bytes) -> bytes:
        """Send, and read up to `end`."""
        os.write(self.master, data)
        received = b""
        while not received.endswith(end):
            ready, _, _ = select.select([self.master], [], [], PATIENCE_S)
            assert ready, received
            received += os.read(self.master, 256)
        return received

    def close(self) -> None:
        """Both ends."""
        os.close(self.master)
        os.close(self.slave)


def start(script: str, link: Path) -> subprocess.Popen[str]:
    """The script under MicroPython; `-c` takes no arguments, so the port is written into it."""
    command = [str(MICROPYTHON), "-X", "heapsize=512k", "-c", script.replace("PORT", repr(str(link)))]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={"MICROPYPATH": MICROPYPATH})


def test_a_line_whose_other_end_was_started_anew_is_opened_again(tmp_path: Path) -> None:
    link = tmp_path / "port"
    first = Pty(link)
    process = start(ECHO, link)
    try:
        assert process.stdout
        assert process.stdout.readline() == "open\n"
        assert first.exchange(b"hello", b">") == b"<hello>"
        first.close()
        second = Pty(link)
        received = b""
        end = time.monotonic() + PATIENCE_S
        while b">" not in received and time.monotonic() < end:  # what is sent before it has been opened again may be lost, as on a wire
            os.write(second.master, b"x")
            ready, _, _ = select.select([second.master], [], [], 0.2)
            if ready:
                received += os.read(second.master, 256)
        os.write(second.master, b"quit")
        out, _ = process.communicate()
        second.close()
    finally:
        process.kill()
        process.wait()
    assert "reopened 1" in out


def test_an_end_that_reads_nothing_blocks_nobody(tmp_path: Path) -> None:
    link = tmp_path / "port"
    deaf = Pty(link)
    process = start(FLOOD, link)
    try:
        out, _ = process.communicate()
    finally:
        process.kill()
        process.wait()
        deaf.close()
    assert out.startswith("dropped"), out
