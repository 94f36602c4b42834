"""What opens doors and reads the mains relay during a bench: a person at the keyboard, a test jig on a serial line, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from swapcab.board_link import LinkError, open_line

ANSWER_LIMIT_S = 5  # of a jig


class JigError(Exception):
    """The jig does not answer, or not as docs/bench.md says."""


class Operator(Protocol):
    """What a bench asks of an operator or a jig. `None` where there is none: the check is then skipped."""

    name: str
    limit_s: float  # the time an input has to follow

    def ask_for(self, what: str, arguments: str) -> None:
        """Do it, or ask a person to: `door 3 open`, `door 3 shut`, `pack 3 in`, `pack 3 out`. Returns at once."""
        ...

    def relay_closed(self) -> bool | None:
        """Whether the chargers' mains relay is closed now."""
        ...

    def pulse_ms(self, slot: int) -> int | None:
        """How long the lock output was on when it was last pulsed; None if that cannot be measured."""
        ...

    def present(self) -> bool:
        """Whether inputs can be worked at all."""
        ...


class NoOperator:
    """No operator: inputs are only read, the relay is not checked."""

    name = "nobody"
    limit_s = 0.0

    def ask_for(self, what: str, arguments: str) -> None:
        """Nothing happens."""

    def relay_closed(self) -> bool | None:
        """Unknown."""
        return None

    def pulse_ms(self, slot: int) -> int | None:
        """Unknown."""
        return None

    def present(self) -> bool:
        """No."""
        return False


class PersonOperator:
    """A person: `tell` shows a sentence, `confirm` asks a question that is answered with yes or no."""

    name = "operator"
    limit_s = 60.0
    WORDS = {
        "door open": "Open the door of slot {}",
        "door shut": "Shut the door of slot {}",
        "pack in": "Put a pack into slot {}",
        "pack out": "Take the pack out of slot {}",
    }

    def __init__(self, tell: Callable[[str], None], confirm: Callable[[str], bool]) -> None:
        self._tell = tell
        self._confirm = confirm

    def ask_for(self, what: str, arguments: str) -> None:
        """Show what is wanted."""
        slot, level = arguments.split()
        self._tell(self.WORDS[f"{what} {level}"].format(slot))

    def relay_closed(self) -> bool | None:
        """Ask."""
        return self._confirm("Is the chargers' mains relay closed now (its lamp is on, it clicked)?")

    def pulse_ms(self, slot: int) -> int | None:
        """A person cannot time 300 ms."""
        return None

    def present(self) -> bool:
        """Yes."""
        return True


class Jig:
    """A test jig on a serial line, one line of text each way (115,200 baud): `door 3 open` -> `ok`, `relay?` -> `relay 1`,
    `pulse? 3` -> `pulse 302`; an answer that begins with `error` is a fault of the jig."""

    name = "jig"
    limit_s = 15.0

    def __init__(self, port: str) -> None:
        try:
            self._serial = open_line(port, ANSWER_LIMIT_S)
        except LinkError as error:
            raise JigError(f"the jig: {error}") from error

    def _ask(self, line: str) -> str:
        try:
            self._serial.write(line.encode() + b"\n")
            answer = self._serial.readline().decode(errors="replace").strip()
        except OSError as error:
            raise JigError(f"the jig answers no more ({error}): look at its cable and its supply") from error
        if not answer or answer.startswith("error"):
            said = f"answers {answer!r}" if answer else f"does not answer within {ANSWER_LIMIT_S} s"
            raise JigError(f"the jig {said} to {line!r}: look at its program and its wires (docs/bench.md, a test jig)")
        return answer

    def _number(self, line: str) -> int:
        answer = self._ask(line)
        try:
            return int(answer.split()[-1])
        except ValueError:
            raise JigError(f"the jig answers {answer!r} to {line!r}, which has no number (docs/bench.md, a test jig)") from None

    def ask_for(self, what: str, arguments: str) -> None:
        """Drive an input."""
        self._ask(f"{what} {arguments}")

    def relay_closed(self) -> bool | None:
        """Its own contact."""
        return self._number("relay?") == 1

    def pulse_ms(self, slot: int) -> int | None:
        """As measured at the lock output."""
        return self._number(f"pulse? {slot}")

    def present(self) -> bool:
        """Yes."""
        return True
