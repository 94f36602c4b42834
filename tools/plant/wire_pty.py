"""Pseudo-terminals under the names that the controller opens. CPython only."""

import array
import asyncio
import contextlib
import fcntl
import os
import termios
import tty
from collections.abc import Callable
from pathlib import Path


class PtyPort:
    """One pty: the plant holds the master, the controller opens the symlink. Never blocks and never piles up stale bytes."""

    BACKLOG = 2048  # bytes that wait unread before the port drops more, as an adapter's buffer would

    def __init__(self, link: Path, on_bytes: Callable[[bytes], None]) -> None:
        self.on_bytes = on_bytes
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        self.link = link
        with contextlib.suppress(FileNotFoundError):
            link.unlink()
        link.symlink_to(os.ttyname(self.slave))
        self.bytes_in = 0
        self.bytes_out = 0
        self.dropped = 0
        self._pending = array.array("i", [0])
        asyncio.get_running_loop().add_reader(self.master, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self.master, 4096)
        except (BlockingIOError, OSError):
            return
        if data:
            self.bytes_in += len(data)
            self.on_bytes(data)

    def write(self, data: bytes) -> bool:
        """Hand bytes to the other side; False (and nothing sent) if it does not read."""
        if self.unread() > self.BACKLOG:
            self.dropped += len(data)
            return False
        try:
            sent = os.write(self.master, data)
        except BlockingIOError:
            sent = 0
        self.bytes_out += sent
        self.dropped += len(data) - sent
        return sent == len(data)

    def unread(self) -> int:
        """Bytes that the other side has not taken yet."""
        fcntl.ioctl(self.slave, termios.FIONREAD, self._pending)
        return self._pending[0]

    def forget_unread(self) -> None:
        """Throw away what the other side has not read yet."""
        termios.tcflush(self.slave, termios.TCIFLUSH)

    def close(self) -> None:
        """Give the pty back."""
        asyncio.get_running_loop().remove_reader(self.master)
        with contextlib.suppress(FileNotFoundError):
            self.link.unlink()
        os.close(self.master)
        os.close(self.slave)
