"""The network of a simulated cabinet: a broker, the line to it that can be cut, and a receiver on the broker itself."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from swapcab.netcut import NetCut
from swapcab.paths import ROOT
from swapcab.processes import Child
from swapcab.receiver import Receiver

START_LIMIT_S = 600.0
SETTLE_S = 0.5
KEEP_EVENTS = 1_000_000  # all of a run: each is compared with the journal at the end
SETTLE_LIMIT_S = 20.0


class NetError(Exception):
    """The broker could not be reached or has gone."""


def broker_address(url: str) -> tuple[str, int]:
    """Host and port of `mqtt://HOST:PORT` or `HOST:PORT`."""
    parts = urlsplit(url if "//" in url else f"mqtt://{url}")
    if parts.scheme not in ("mqtt", "tcp") or not parts.hostname:
        raise NetError(f"--broker {url}: write mqtt://HOST:PORT")
    return parts.hostname, parts.port or 1883


class Net:
    """`start()`, then `cut()` and `restore()`; `receiver` has what arrived."""

    def __init__(self, folder: Path, broker_url: str, cabinet: str) -> None:
        self.cabinet = cabinet
        self.firmware_port = 0
        self.receiver: Receiver | None = None
        self._url = broker_url
        self._line: NetCut | None = None
        self._port = 0
        self._listening = threading.Event()
        command = [sys.executable, "-m", "swapcab.broker", "--port", "0"]
        self._broker = Child("broker", command, folder / "broker.log", self._broker_line, env={"PYTHONPATH": str(ROOT / "tools")})

    def _broker_line(self, line: str) -> None:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            self._port = json.loads(line)["port"]
            self._listening.set()

    def start(self) -> None:
        """Broker, receiver, line; raises NetError."""
        if self._url:
            host, port = broker_address(self._url)
        else:
            self._broker.start()
            limit = time.monotonic() + START_LIMIT_S
            while not self._listening.wait(0.05):
                if self._broker.exit_code() is not None or time.monotonic() > limit:
                    raise NetError("the broker did not start:\n" + self._broker.tail())
            host, port = "127.0.0.1", self._port
        self.receiver = Receiver(host, port, self.cabinet, keep=KEEP_EVENTS)
        try:
            self.receiver.start(START_LIMIT_S)
        except OSError as error:
            self.receiver = None
            raise NetError(f"no MQTT broker at {host}:{port}: {error}") from error
        self._line = NetCut(host, port)
        self.firmware_port = self._line.start()

    def watch(self) -> None:
        """Raises NetError if the embedded broker has died."""
        if not self._url and self._broker.exit_code() is not None:
            raise NetError("the broker ended:\n" + self._broker.tail())

    @property
    def is_cut(self) -> bool:
        """Whether nothing passes."""
        return self._line is not None and self._line.is_cut

    @property
    def cuts(self) -> int:
        """How often the line was cut."""
        return self._line.counters.cuts if self._line else 0

    def cut(self) -> None:
        """The network is gone."""
        if self._line and not self._line.is_cut:
            self._line.cut()

    def restore(self) -> None:
        """The network is back."""
        if self._line:
            self._line.restore()

    def latest(self, count: int) -> list[dict[str, Any]]:
        """The newest events, newest last."""
        if self.receiver is None:
            return []
        with self.receiver.lock:
            return list(self.receiver.latest)[-count:]

    def settle(self) -> None:
        """Let what the broker has acknowledged reach the receiver: until it has heard no new event for a while."""
        limit = time.monotonic() + SETTLE_LIMIT_S
        heard = -1
        while self.receiver and heard != self.receiver.received and time.monotonic() < limit:
            heard = self.receiver.received
            time.sleep(SETTLE_S)

    def close(self) -> None:
        """Stop all; safe to call twice."""
        if self.receiver:
            with contextlib.suppress(OSError, RuntimeError):
                self.receiver.stop()
        if self._line:
            self._line.stop()
            self._line = None
        self._broker.stop()
