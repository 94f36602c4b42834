"""Single keys from a terminal, without waiting for Enter."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty


class Keyboard:
    """A context in which the terminal gives key by key; restores it in every case."""

    def __enter__(self) -> Keyboard:
        self._fd = sys.stdin.fileno()
        self._saved = termios.tcgetattr(self._fd) if os.isatty(self._fd) else None
        if self._saved:
            tty.setcbreak(self._fd)
        return self

    def __exit__(self, *ended: object) -> None:
        if self._saved:
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._saved)

    def key(self, timeout_s: float) -> str:
        """The next key, or "" if none came in time."""
        if not select.select([self._fd], [], [], timeout_s)[0]:
            return ""
        return os.read(self._fd, 1).decode(errors="replace")
