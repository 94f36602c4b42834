"""Single keys from a terminal, without waiting for Enter."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import tty


class TerminalGone(Exception):
    """Standard input has ended, or the terminal was closed."""


class Keyboard:
    """A context in which the terminal delivers each key at once; the terminal's settings are restored in every case."""

    def __enter__(self) -> Keyboard:
        self._fd = sys.stdin.fileno()
        self._saved = termios.tcgetattr(self._fd) if os.isatty(self._fd) else None
        if self._saved:
            tty.setcbreak(self._fd)
        return self

    def __exit__(self, *ended: object) -> None:
        if self._saved:
            with contextlib.suppress(termios.error):  # the terminal was closed
                termios.tcsetattr(self._fd, termios.TCSADRAIN, self._saved)

    def key(self, timeout_s: float) -> str:
        """The next key, or "" if none came within `timeout_s`. Raises TerminalGone; Ctrl-D counts as an end of file."""
        if not select.select([self._fd], [], [], timeout_s)[0]:
            return ""
        try:
            data = os.read(self._fd, 1)
        except OSError as error:
            raise TerminalGone from error
        if data in (b"", b"\x04"):
            raise TerminalGone
        return data.decode(errors="replace")
