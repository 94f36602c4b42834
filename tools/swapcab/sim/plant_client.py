"""The plant's control socket: one JSON line there, one JSON line back."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from pathlib import Path
from typing import Any


class PlantError(Exception):
    """The plant said no, or nothing."""


class PlantClient:
    """Speaks to a running plant; thread-safe."""

    def __init__(self, path: Path, timeout_s: float = 120.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        self._socket.connect(_short(path))
        self._file = self._socket.makefile("rb")
        self._lock = threading.Lock()

    def ask(self, **command: Any) -> dict[str, Any]:
        """One command; raises PlantError."""
        with self._lock:
            try:
                self._socket.sendall(json.dumps(command).encode() + b"\n")
                line = self._file.readline()
            except OSError as error:
                raise PlantError(f"the plant does not answer: {error}") from error
        if not line:
            raise PlantError("the plant has gone")
        answer = json.loads(line)
        if not answer.get("ok"):
            raise PlantError(f"{command.get('cmd')}: {answer.get('error', answer)}")
        return answer

    def snapshot(self) -> dict[str, Any]:
        """What is really the case in slots and at riders."""
        answer = self.ask(cmd="snapshot")
        return answer.get("snapshot", answer)

    def close(self) -> None:
        """Leave."""
        with contextlib.suppress(OSError):
            self._file.close()
            self._socket.close()


def _short(path: Path) -> str:
    """A Unix socket's path has room for about 100 characters: take the relative one if it is shorter."""
    with contextlib.suppress(ValueError):
        relative = str(path.relative_to(Path.cwd()))
        if len(relative) < len(str(path)):
            return relative
    return str(path)
