"""How the host calls the functions in board/ on a controller that is out of service."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from swapcab.board_link import BoardRefused, LinkError
from swapcab.maintenance import Maintenance

FOLDER = Path(__file__).with_name("board")
MARK = "@bench "
CALL_LIMIT_S = 60
KNOWN = ("OSError", "ValueError", "KeyError")  # what boards, drivers and settings raise for what they are without


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


class Controller(Protocol):
    """What a bench needs of a controller."""

    def call(self, method: str, *arguments: Any, meanwhile: Callable[[], None] | None = None, limit_s: float = CALL_LIMIT_S) -> dict:
        """Run one of the functions in board/. `meanwhile` runs on the host at the same time. Raises BoardError, OutOfMemory, LinkError."""
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


class StoppedController:
    """The controller on a serial port, out of service."""

    def __init__(self, stopped: Maintenance) -> None:
        self._stopped = stopped
        self._link = stopped.link
        self._sent: set[str] = set()  # files of FOLDER that the controller has

    def call(self, method: str, *arguments: Any, meanwhile: Callable[[], None] | None = None, limit_s: float = CALL_LIMIT_S) -> dict:
        """See Controller."""
        if not self._sent:
            self._stopped.reach_firmware()
        self._send("unit", "_unit = Unit()")
        self._send(FILES[method])
        return answer_in(self._link.call(f"call(_unit, {method}, {list(arguments)!r})", int(limit_s), meanwhile), method)

    def run(self, code: str, limit_s: int = CALL_LIMIT_S) -> str:
        """What the controller prints while it runs `code`. Raises LinkError."""
        return self._link.call(code, limit_s)

    def _send(self, name: str, then: str = "") -> None:
        if name in self._sent:
            return
        try:
            self._link.call((FOLDER / f"{name}.py").read_text() + f"\n{then}\n")
        except BoardRefused as error:
            if "MemoryError" in str(error):
                raise OutOfMemory(f"no room for {name}.py of the bench") from error
            raise
        self._sent.add(name)

    def after_reset(self, limit_s: float) -> bool:
        """See Controller."""
        self._link.close()
        self._link.prelude = None
        self._sent.clear()
        ends = time.monotonic() + limit_s
        while time.monotonic() < ends:
            try:
                self._link.connect()
                if not self._link.value("'_unit' in globals()"):
                    self._stopped.guard()
                    return True
            except LinkError:
                pass
            self._link.close()
            time.sleep(0.2)
        return False

    def now(self) -> float:
        """See Controller."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """See Controller."""
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
    raise LinkError(f"{method}: no answer in what the board printed: {said.strip()[-200:]!r}")
