"""How the host calls what runs on the controller: `RawLink` over mpremote's raw REPL."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import serial
from mpremote.transport import TransportError

from swapcab import board_link
from swapcab.board_link import LinkError
from swapcab.flash import firmware as flash

FOLDER = Path(__file__).with_name("board")
MARK = "@bench "
CALL_LIMIT_S = 60
KNOWN = ("OSError", "ValueError", "KeyError")  # what boards, drivers and settings raise for what they are without
FORGET_SERVICE = "import os\ntry:\n    os.remove('service')\nexcept OSError:\n    pass\n"


def _functions() -> dict[str, str]:
    """What the controller can be asked -> the file in which that stands: each is sent when it is needed first."""
    asked = re.compile(r"^def ([a-z]\w*)\(unit\b", re.MULTILINE)
    return {name: path.stem for path in sorted(FOLDER.glob("*.py")) for name in asked.findall(path.read_text()) if name != "call"}


FILES = _functions()


class BoardError(Exception):
    """A call failed on the controller: `kind` is the exception's name there, the text its own."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}" if text else kind)
        self.kind = kind
        self.text = text


class Unforeseen(Exception):
    """A call failed in a way that no board's contract knows: nothing may be concluded from it."""


class OutOfMemory(Exception):
    """The controller has no room for a check: no fault of what was to be checked."""


class Link(Protocol):
    """What a bench needs of a controller."""

    def call(self, method: str, *arguments: Any, meanwhile: Callable[[], None] | None = None, limit_s: float = CALL_LIMIT_S) -> dict:
        """Run one of the functions in board/. `meanwhile` runs on the host while it does. Raises BoardError, OutOfMemory, LinkError."""
        ...

    def after_reset(self, limit_s: float) -> bool:
        """The controller should have reset itself: until it answers again; False if it does not."""
        ...

    def now(self) -> float:
        """The host's clock for what the controller's is compared with, in seconds."""
        ...

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        ...


class RawLink:
    """A controller on a serial port."""

    def __init__(self, port: str) -> None:
        self._link = board_link.Link(port)
        self._sent: set[str] = set()  # files of FOLDER that the controller has

    def open(self) -> None:
        """Connect; a running cabinet is reset into service, so that no watchdog waits. Raises LinkError."""
        self._link.connect()
        flash.free_for_flash(self._link)

    def close(self, start_cabinet: bool = True) -> None:
        """Let the port go; the cabinet starts again."""
        if start_cabinet:
            with contextlib.suppress(LinkError, AssertionError):
                self._link.call(FORGET_SERVICE)  # it stays if the start was interrupted before it was seen
                self._link.reset()
        self._link.close()

    def call(self, method: str, *arguments: Any, meanwhile: Callable[[], None] | None = None, limit_s: float = CALL_LIMIT_S) -> dict:
        """See Link."""
        self._send("unit", "_unit = Unit()")
        self._send(FILES[method])
        code = f"call(_unit, {method}, {list(arguments)!r})"
        if meanwhile is None:
            return answer_in(self._link.call(code, int(limit_s)), method)
        transport = self._link._transport
        if transport is None:
            raise LinkError(f"{self._link.port} is not connected")
        try:
            transport.exec_raw_no_follow(code)
            meanwhile()
            out, errors = transport.follow(limit_s)
        except (TransportError, OSError, serial.SerialException) as error:
            raise LinkError(f"{self._link.port} answers no more: {error}") from error
        return answer_in((out + errors).decode(errors="replace"), method)

    def _send(self, name: str, then: str = "") -> None:
        if name in self._sent:
            return
        try:
            self._link.call((FOLDER / f"{name}.py").read_text() + f"\n{then}\n")
        except board_link.BoardRefused as error:
            if "ImportError" in str(error):
                raise LinkError(f"there is no firmware on the board at {self._link.port}: swapcab flash comes first") from error
            if "MemoryError" in str(error):
                raise OutOfMemory(f"no room for {name}.py of the bench") from error
            raise
        self._sent.add(name)

    def after_reset(self, limit_s: float) -> bool:
        """See Link."""
        self._link.close()
        self._sent.clear()
        ends = time.monotonic() + limit_s
        while time.monotonic() < ends:
            try:
                self._link.connect()
                if not self._link.value("'_unit' in globals()"):
                    return True
            except LinkError:
                pass
            self._link.close()
            time.sleep(0.2)
        return False

    def now(self) -> float:
        """See Link."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """See Link."""
        time.sleep(seconds)


def answer_in(said: str, method: str) -> dict:
    """The answer in what a call printed. Raises BoardError, OutOfMemory, LinkError."""
    for line in reversed(said.splitlines()):
        if line.startswith(MARK):
            answer = json.loads(line[len(MARK) :])
            if "ok" in answer:
                return answer["ok"]
            if answer["error"] == "MemoryError":
                raise OutOfMemory(f"{method}: {answer['text']}")
            if answer["error"] not in KNOWN:
                raise Unforeseen(f"{method}: {answer['error']}: {answer['text']}")
            raise BoardError(answer["error"], answer["text"])
    raise LinkError(f"{method}: no answer in what the board said: {said.strip()[-200:]!r}")
