"""The line to a board: how a port is opened, how its prompt is reached, and what each failure is called.

Every command that takes a port uses this file. `swapcab.maintenance` stops a running cabinet and puts it back; nothing else
interrupts one.
"""

from __future__ import annotations

import ast
import contextlib
import errno
import io
import os
import re
import stat
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

import serial
from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport
from serial.tools import list_ports

BAUD = 115200
READ_LIMIT_S = 15
PROMPT_LIMITS_S = (2, 4, 10, 10)  # of each attempt: a board in the middle of a reset loses what it is sent, so the first are short
RECONNECT_LIMIT_S = 60.0
FAILURES = (TransportError, OSError, ValueError, IndexError, TypeError, struct.error)  # of mpremote, when an answer is cut short
STARTING = re.compile(rb'File "[^"]*(?:boot|main|start)\.py"[^\x04]*KeyboardInterrupt')  # in the traceback
TO_GROUP = "add yourself to the group that owns it (Debian: sudo usermod -aG dialout $USER), then log in again"
PULLED = "was the cable pulled, or the board reset? Plug it in and run the command again"


class LinkError(Exception):
    """The port, the board or the line between them fails; the text names the next step."""


class BoardRefused(LinkError):
    """The board raised an exception; `errno` is that of an OSError, else 0."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        found = re.search(r"OSError: (?:\(|\[Errno )?(\d+)", text)
        self.errno = int(found.group(1)) if found else 0


def is_port(name: str) -> bool:
    """Whether a command's argument means a serial port: a device, a link to one (also a dangling one), or COM3."""
    if name.startswith("/dev/") or re.fullmatch(r"(?i)com\d+", name):
        return True
    if os.path.islink(name) and not os.path.exists(name):
        return os.readlink(name).startswith("/dev/")
    try:
        return stat.S_ISCHR(os.stat(name).st_mode)
    except (OSError, ValueError):
        return False


def open_line(port: str, timeout_s: float, exclusive: bool = True) -> serial.Serial:
    """A serial line without a prompt: a jig, or a console that is only listened to. Raises LinkError."""
    try:
        return serial.serial_for_url(port, BAUD, timeout=timeout_s, exclusive=exclusive)
    except (OSError, ValueError) as error:
        raise cannot_open(port, error) from error


def cannot_open(port: str, reason: Exception) -> LinkError:
    """Why a port cannot be opened, and what to do."""
    if not port or "\0" in port:
        return LinkError(f"--port {port!r} is no port's name: {_ports_here()}")
    if os.path.islink(port) and not os.path.exists(port):
        return LinkError(f"{port} leads to {os.readlink(port)}, which is gone: plug the board in, or start swapcab emulate again")
    number = getattr(reason, "errno", None)
    if isinstance(reason, FileNotFoundError) or number == errno.ENOENT or not (os.path.exists(port) or "://" in port or os.name == "nt"):
        return LinkError(f"there is no port {port}: {_ports_here()}")
    if number in (errno.EACCES, errno.EPERM):
        return LinkError(f"no permission for {port}: {TO_GROUP}")
    if number in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in str(reason):
        return LinkError(f"{port} is busy: close the other program that uses it (a terminal, mpremote, another swapcab)")
    if "configure port" in str(reason) or (os.path.exists(port) and not stat.S_ISCHR(os.stat(port).st_mode)):
        return LinkError(f"{port} is no serial port: {_ports_here()}")
    return LinkError(f"{port} cannot be opened ({reason}): is it the board's serial port? {_ports_here()}")


def _ports_here() -> str:
    found = sorted(known.device for known in list_ports.comports())
    if found:
        return "ports here: " + ", ".join(found)
    return "no serial port is here. Plug the board in, or start swapcab emulate"


class Transport(SerialTransport):
    """mpremote's, with an end to its waiting: while a board prints without a pause, mpremote reads no clock."""

    seen = b""  # what came while the prompt was asked for

    def read_until(
        self,
        min_num_bytes: int,
        ending: bytes,
        timeout: float | None = 10,
        data_consumer: Callable[[bytes], None] | None = None,
        timeout_overall: float | None = None,
    ) -> bytes:
        """What came up to `ending`, or until the time is over."""
        if timeout_overall is None or data_consumer is not None:
            base: Any = super()
            return base.read_until(min_num_bytes, ending, timeout, data_consumer, timeout_overall)
        data = b""
        limit = time.monotonic() + timeout_overall
        line: Any = self.serial
        waits, line.timeout = line.timeout, 0.2
        try:
            while not data.endswith(ending) and time.monotonic() < limit:
                data += line.read(1)
        finally:
            line.timeout = waits
            self.seen += data
        return data


def _transport(port: str) -> Transport:
    try:
        return Transport(port, baudrate=BAUD, timeout=READ_LIMIT_S)
    except (TransportError, OSError, ValueError) as error:
        reason: Exception = error
    try:  # mpremote keeps the reason to itself
        serial.serial_for_url(port, BAUD, exclusive=True).close()
    except (OSError, ValueError) as error:
        reason = error
    raise cannot_open(port, reason) from reason


class Link:
    """The raw prompt of a board. Connecting interrupts what runs: `swapcab.maintenance.Maintenance` does, and puts it back."""

    def __init__(self, port: str) -> None:
        self.port = port
        self.prelude: Callable[[int], str] | None = None  # (time limit in s) -> code that goes before that of each call
        self.interrupted = False  # a script with which a board starts was interrupted by connecting
        self._transport: SerialTransport | None = None
        self._in_call = False

    @property
    def usable(self) -> bool:
        """Whether the board is at its prompt, with no call under way that was broken off."""
        return self._transport is not None and not self._in_call

    def connect(self, opened: Callable[[], None] = lambda: None) -> None:
        """Open the port and get the raw prompt; `opened` is called before anything is interrupted. Raises LinkError."""
        self._in_call = False
        reason: Exception | None = None
        for limit_s in PROMPT_LIMITS_S:
            transport = self._transport = _transport(self.port)
            if reason is None:
                opened()
            try:
                with contextlib.redirect_stdout(io.StringIO()):  # the transport prints what it does not understand
                    self._transport.enter_raw_repl(soft_reset=False, timeout_overall=limit_s)
                    self._transport.exec_raw("None", timeout=limit_s)
                return
            except FAILURES as error:
                reason = error
                self._transport.in_raw_repl = False
                self.close()
            finally:
                self.interrupted |= STARTING.search(transport.seen) is not None
        raise LinkError(
            f"{self.port} does not answer like MicroPython ({reason}): is it the board's port? Press its reset button and try again; "
            "a new board needs MicroPython first (docs/boards.md)"
        ) from reason

    def close(self) -> None:
        """Leave the raw prompt and the port; safe to call twice."""
        transport, self._transport = self._transport, None
        if transport is not None:
            with contextlib.suppress(*FAILURES):
                if transport.in_raw_repl and not self._in_call:
                    transport.exit_raw_repl()
            with contextlib.suppress(*FAILURES):
                transport.close()

    def call(self, code: str, limit_s: int = 60, meanwhile: Callable[[], None] | None = None) -> str:
        """What the board prints while it runs `code`; `meanwhile` runs here at the same time.

        Raises BoardRefused for the board's exceptions, LinkError if the board is gone.
        """
        transport = self._transport
        if transport is None:
            raise LinkError(f"{self.port} is not connected")
        if self.prelude is not None:
            code = self.prelude(limit_s) + code
        self._in_call = True
        with self._speaking():
            transport.exec_raw_no_follow(code)
        if meanwhile is not None:
            meanwhile()
        with self._speaking():
            out, errors = transport.follow(timeout=limit_s)
        self._in_call = False
        if errors:
            raise BoardRefused(errors.decode(errors="replace"))
        return out.decode(errors="replace").replace("\r\n", "\n")

    @contextlib.contextmanager
    def _speaking(self) -> Iterator[None]:
        """What mpremote raises, or prints, when an answer is not what it should be."""
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                yield
        except FAILURES as error:
            raise LinkError(f"{self.port} answers no more ({error}): {PULLED}") from error

    def value(self, expression: str, limit_s: int = 60) -> Any:
        """What an expression is on the board: numbers, text, bytes, tuples and alike. Raises as `call` does."""
        text = self.call(f"print(repr({expression}))", limit_s)
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError) as error:
            raise LinkError(f"{self.port} answers {text.strip()[-100:]!r} where a value was expected: {PULLED}") from error

    def reset(self) -> None:
        """machine.reset(); the port may go and come back. Raises LinkError if the board does not take it."""
        if self._transport is None:
            raise LinkError(f"{self.port} is not connected")
        try:
            with self._speaking():
                self._transport.exec_raw_no_follow("import time, machine\ntime.sleep_ms(100)\nmachine.reset()")
            time.sleep(0.3)  # what is written must leave before the port is closed
        finally:
            self._transport.in_raw_repl = False
            self.close()

    def reconnect(self, wanted: Callable[[], bool] = lambda: True, limit_s: float = RECONNECT_LIMIT_S) -> None:
        """After a reset: until the prompt answers and `wanted()` holds. Raises LinkError after `limit_s`."""
        limit = time.monotonic() + limit_s
        while True:
            try:
                self.connect()
                if wanted():
                    return
            except LinkError:
                if time.monotonic() > limit:
                    raise
            if time.monotonic() > limit:
                raise LinkError(f"{self.port}: the board did not come back after its reset; take its supply away and give it back")
            self.close()
            time.sleep(0.2)
