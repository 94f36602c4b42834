"""Who opens doors and looks at relays during a bench: an operator at a keyboard, a test jig on a serial line, or nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import serial


class JigError(Exception):
    """The jig does not answer, or not in its language."""


class Hands(Protocol):
    """What a bench needs somebody or something for. `None` where there is nobody to ask: the check is then skipped."""

    name: str
    limit_s: float  # so long an input may take to follow

    def ask_for(self, what: str, arguments: str) -> None:
        """Bring it about, or ask somebody to: `door 3 open`, `door 3 shut`, `pack 3 in`, `pack 3 out`. Returns at once."""
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


class Nobody:
    """No hands: inputs are only read, the relay is not looked at."""

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


class Operator:
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
        return self._confirm("Is the chargers' mains relay closed now (its lamp on, its click heard)?")

    def pulse_ms(self, slot: int) -> int | None:
        """A person cannot time 300 ms."""
        return None

    def present(self) -> bool:
        """Yes."""
        return True


class Jig:
    """A test jig on a serial line, one line of text each way (115,200 baud): `door 3 open` -> `ok`, `relay?` -> `relay 1`,
    `pulse? 3` -> `pulse 302`; anything else that begins with `error` is its own trouble."""

    name = "jig"
    limit_s = 15.0

    def __init__(self, port: str) -> None:
        try:
            self._serial = serial.serial_for_url(port, 115200, timeout=5)
        except (serial.SerialException, OSError) as error:
            raise JigError(f"the jig's port {port} cannot be opened: is it plugged in, and does no other program use it?") from error

    def _say(self, line: str) -> str:
        self._serial.write(line.encode() + b"\n")
        answer = self._serial.readline().decode(errors="replace").strip()
        if not answer or answer.startswith("error"):
            raise JigError(f"the jig answers {answer!r} to {line!r}")
        return answer

    def ask_for(self, what: str, arguments: str) -> None:
        """Drive an input."""
        self._say(f"{what} {arguments}")

    def relay_closed(self) -> bool | None:
        """Its own contact."""
        return self._say("relay?").split()[-1] == "1"

    def pulse_ms(self, slot: int) -> int | None:
        """As measured at the lock output."""
        return int(self._say(f"pulse? {slot}").split()[-1])

    def present(self) -> bool:
        """Yes."""
        return True
