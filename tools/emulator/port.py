"""The USB port of an emulated board: a pseudo-terminal that comes and goes with the cable."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import tty
from pathlib import Path

PENDING_MAX = 65536


class Port:
    """`path` is what mpremote connects to; `link` points to it while the cable is in. Never blocks."""

    def __init__(self, link: Path) -> None:
        self.path = Path()
        self.end = -1  # our end of it; -1 while the cable is out
        self.received = 0  # bytes from the program that has it open
        self._link = link
        self._out = b""

    def plug(self) -> None:
        """The cable is in, perhaps under another name than before."""
        self.end, slave = pty.openpty()
        tty.setraw(slave)
        self.path = Path(os.ttyname(slave))
        os.close(slave)
        os.set_blocking(self.end, False)
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(self.path)

    def unplug(self) -> None:
        """A program that has it open gets errors; safe to call twice."""
        if self.end >= 0:
            end, self.end = self.end, -1
            os.close(end)
            self._link.unlink(missing_ok=True)

    @property
    def connected(self) -> bool:
        """Whether anybody has it open."""
        if self.end < 0:
            return False
        poller = select.poll()
        poller.register(self.end, select.POLLIN)
        return not any(event & select.POLLHUP for _, event in poller.poll(0))

    @property
    def waits(self) -> bool:
        """Whether something is still to be sent."""
        return bool(self._out)

    def read(self) -> bytes:
        """What has come in."""
        with contextlib.suppress(BlockingIOError, OSError):
            data = os.read(self.end, 4096)
            self.received += len(data)
            return data
        return b""

    def print(self, data: bytes) -> None:
        """To be sent when there is room."""
        self._out += data

    def send(self) -> None:
        """As much as there is room for; what nobody reads for long is lost."""
        with contextlib.suppress(BlockingIOError, OSError):
            if self._out:
                self._out = self._out[os.write(self.end, self._out) :]
        self._out = self._out[-PENDING_MAX:]

    def forget(self) -> None:
        """Nobody is there to read it."""
        self._out = b""
