"""A line to a board's prompt: mpremote's transport, with errors that say what to do."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import serial
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

READ_LIMIT_S = 15
PROMPT_LIMITS_S = (2, 4, 10, 10)  # of each attempt: what is said to a board in the middle of a reset is lost, so the first are short
RECONNECT_LIMIT_S = 60.0


class LinkError(Exception):
    """The board does not answer, or not as it should; the text says what to look at."""


class BoardRefused(LinkError):
    """The board raised an exception; `errno` is that of an OSError, else 0."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        found = re.search(r"OSError: (?:\(|\[Errno )?(\d+)", text)
        self.errno = int(found.group(1)) if found else 0


class Transport(SerialTransport):
    """mpremote's, with an end to its waiting: while a board prints without a pause, mpremote looks at no clock."""

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
        return data


class Link:
    """`with Link(port) as link: link.call("print(1)")`. Interrupts what runs; does not reset."""

    def __init__(self, port: str) -> None:
        self.port = port
        self._transport: SerialTransport | None = None

    def __enter__(self) -> Link:
        self.connect()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def connect(self) -> None:
        """Open the port and get the raw prompt. Raises LinkError."""
        reason: Exception | None = None
        for limit_s in PROMPT_LIMITS_S:
            try:
                self._transport = Transport(self.port, baudrate=115200, timeout=READ_LIMIT_S)
            except (TransportError, OSError) as error:
                raise LinkError(f"{self.port} cannot be opened: is the board plugged in, and does no other program use it?") from error
            try:
                with contextlib.redirect_stdout(io.StringIO()):  # the transport prints what it does not understand
                    self._transport.enter_raw_repl(soft_reset=False, timeout_overall=limit_s)
                    self._transport.exec_raw("None", timeout=limit_s)
                return
            except (TransportError, OSError, serial.SerialException, ValueError) as error:
                reason = error
                self._transport.in_raw_repl = False
                self.close()
        raise LinkError(f"{self.port} does not answer like MicroPython: {reason}") from reason

    def close(self) -> None:
        """Leave the raw prompt and the port; safe to call twice."""
        transport, self._transport = self._transport, None
        if transport is not None:
            with contextlib.suppress(TransportError, OSError, serial.SerialException):
                if transport.in_raw_repl:
                    transport.exit_raw_repl()
            with contextlib.suppress(TransportError, OSError, serial.SerialException):
                transport.close()

    def call(self, code: str, limit_s: int = 60) -> str:
        """What the board prints while it runs `code`. Raises BoardRefused for its exceptions, LinkError if it is gone."""
        if self._transport is None:
            raise LinkError(f"{self.port} is not connected")
        try:
            out, errors = self._transport.exec_raw(code, timeout=limit_s)
        except TransportExecError as error:
            raise BoardRefused(error.error_output) from error
        except (TransportError, OSError, serial.SerialException, ValueError, IndexError) as error:
            self._transport.in_raw_repl = False
            raise LinkError(f"{self.port} answers no more: cable pulled, or the board was reset? ({error})") from error
        if errors:
            raise BoardRefused(errors.decode(errors="replace"))
        return out.decode(errors="replace").replace("\r\n", "\n")

    def value(self, expression: str, limit_s: int = 60) -> Any:
        """What an expression is on the board: numbers, text, bytes, tuples and alike."""
        return ast.literal_eval(self.call(f"print(repr({expression}))", limit_s))

    def reset(self) -> None:
        """machine.reset(); the port may go and come back."""
        assert self._transport is not None, "connect() comes first"
        with contextlib.suppress(TransportError, OSError, serial.SerialException):
            self._transport.exec_raw_no_follow("import time, machine\ntime.sleep_ms(100)\nmachine.reset()")
            time.sleep(0.3)  # what is written must leave before the port is closed
            self._transport.in_raw_repl = False
        self.close()

    def reconnect(self, wanted: Callable[[], bool] = lambda: True) -> None:
        """After a reset: until the prompt answers and `wanted()` holds. Raises LinkError after a minute."""
        limit = time.monotonic() + RECONNECT_LIMIT_S
        while True:
            try:
                self.connect()
                if wanted():
                    return
            except LinkError:
                if time.monotonic() > limit:
                    raise
            if time.monotonic() > limit:
                raise LinkError(f"{self.port}: the board did not come back in the expected state after its reset")
            self.close()
            time.sleep(0.2)
