"""A command that interrupts a cabinet puts it back: `with Maintenance(port, say) as stopped: stopped.link.call(...)`.

Entering interrupts what runs and reads which board it is. A running cabinet is then reset out of service: the reset opens the
chargers' mains relay and leaves the doors locked, as a power cut does, and at the prompt afterwards no watchdog waits. At every exit
(success, refusal, exception, Ctrl-C, SIGTERM, closed terminal) a cabinet that ran is reset and starts; a board that was at its prompt
stays there, unless the command has set `start`. A timer on the board does the same if this process is killed or the cable pulled:
it resets the board IDLE_LIMIT_S after the last call's time limit.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from swapcab.board_link import BoardRefused, Link, LinkError

IDLE_LIMIT_S = 20  # between two calls of a command
RESTART_TRIES = 2
INTERRUPTS = ("SIGINT", "SIGTERM", "SIGHUP")
REACH = Path(__file__).with_name("reach_firmware.py")

IDENTITY = (
    "(lambda s, m: (s.implementation.name, tuple(s.implementation.version)[:3], getattr(s.implementation, '_machine', ''), "
    "getattr(s.implementation, '_build', ''), s.platform, __import__('binascii').hexlify(m.unique_id()).decode(), 'main' in s.modules))"
    "(__import__('sys'), __import__('machine'))"
)
# A reset by program out of service: the file keeps the cabinet from starting, once. It lies where the board starts (/, on STM32 /flash).
LEAVE_SERVICE = "open('service', 'w').close()"
ENTER_SERVICE = "import os\ntry:\n    os.remove('service')\nexcept OSError:\n    pass\n"
GUARD = """
import machine, sys
_guard = machine.Timer(1 if sys.platform == 'esp32' else -1)
def _keep(ms):
    how = {} if sys.platform == 'esp32' else {'hard': True}
    _guard.init(mode=machine.Timer.ONE_SHOT, period=ms, callback=lambda timer: machine.reset(), **how)
"""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Identity:
    """What a board reports of itself."""

    name: str
    version: tuple[int, int, int]
    machine: str
    build: str
    platform: str
    unique_id: str
    running: bool  # the firmware ran when the line was opened

    @property
    def micropython(self) -> str:
        """As in 1.28.0."""
        return ".".join(str(number) for number in self.version)


def identify(link: Link) -> Identity:
    """Which board this is, and whether its firmware ran. Raises LinkError."""
    try:
        name, version, *rest = link.value(IDENTITY)
    except BoardRefused as error:
        raise LinkError(f"{link.port} runs MicroPython, but no board of a cabinet: {str(error).strip().splitlines()[-1]}") from error
    return Identity(name, tuple(version), *rest)


def to_stderr(text: str) -> None:
    """A `say` for commands whose standard output is data."""
    print(text, file=sys.stderr, flush=True)


class Maintenance:
    """See the head of this file.

    `warning` is said before anything is interrupted. `check` refuses a wrong board before anything on it is changed; what it raises comes
    out of `with`.
    """

    def __init__(
        self,
        port: str,
        say: Say = to_stderr,
        check: Callable[[Identity], None] | None = None,
        warning: str = "",
        link: Link | None = None,
    ) -> None:
        self.link = link or Link(port)
        self.say = say
        self.start: bool | None = None  # set by a command: whether the cabinet starts afterwards; None: as it was
        self.identity: Identity | None = None  # set while stopped
        self.stopped_s = 0.0  # monotonic time at which a running cabinet was interrupted; 0: none was
        self._check = check
        self._warning = warning
        self._was_running: bool | None = None
        self._signals = _Signals(say)

    @property
    def was_running(self) -> bool:
        """Whether a cabinet ran here, and will again."""
        return bool(self._was_running)

    def __enter__(self) -> Maintenance:
        self._signals.take()
        try:
            self._stop()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            with self._signals.deferred():
                self._put_back(kind is not None)
        finally:
            self._signals.give_back()

    def board(self) -> Identity:
        """Which board is stopped here."""
        assert self.identity is not None, "only inside `with`"
        return self.identity

    def reach_firmware(self) -> None:
        """Make the modules of the board's firmware importable at its prompt. Raises LinkError if it has none."""
        try:
            self.link.call(REACH.read_text() + "\nreach_firmware()\nimport board\n")
        except BoardRefused as error:
            if "ImportError" in str(error):
                raise LinkError(f"there is no firmware on the board at {self.link.port}: run swapcab flash first") from error
            raise

    def guard(self) -> None:
        """Arm the board's own timer, after each of its resets: if this process dies, the cabinet starts again."""
        self.link.prelude = None
        if self._was_running:
            self.link.call(GUARD)
            self.link.prelude = lambda limit_s: f"_keep({(limit_s + IDLE_LIMIT_S) * 1000})\n"

    def leave_idle(self, limit_s: int) -> None:
        """Nothing is called for up to `limit_s`: a person is asked, or another program has the port."""
        if self.link.prelude is not None:
            self.link.call("pass", limit_s)

    # ---- out of service, and back

    def _stop(self) -> None:
        try:
            self.link.connect(lambda: self.say(self._warning) if self._warning else None)
            identity = identify(self.link)
        except LinkError:  # no prompt, or no cabinet's board: nothing that could be put back
            self._was_running = False
            raise
        self._was_running = identity.running or self.link.interrupted  # or the cabinet was just starting
        if self._check is not None:
            self._check(identity)
        if self._was_running:
            self.stopped_s = time.monotonic()
            self.link.call(LEAVE_SERVICE)
            self.link.reset()
            self.link.reconnect(lambda: not identify(self.link).running)
            identity = identify(self.link)
            self.link.call(ENTER_SERVICE)  # the connection may have come before the board has taken it away
            self.guard()
        self.identity = identity

    def _put_back(self, failed: bool) -> None:
        start = self._was_running if self.start is None or failed else self.start
        if self._was_running is False and not start:
            self.link.close()
            return
        self.link.prelude = None
        for _ in range(RESTART_TRIES):
            with contextlib.suppress(LinkError):
                if not self.link.usable:
                    self.link.close()
                    self.link.connect()
                if self._was_running is None:
                    self._was_running = start = identify(self.link).running or self.link.interrupted
                if start:
                    self.link.call(ENTER_SERVICE)
                    self.link.reset()
                    self.say("reset: the board starts")
                elif self.stopped_s:
                    self.link.call("_guard.deinit()")
                    self.say(f"the cabinet stays off: mpremote connect {self.link.port} reset starts it")
                self.link.close()
                return
            self.link.close()
        self.say(
            f"{self.link.port}: the cabinet could not be restarted from here. With its supply on it starts by itself within some minutes; "
            "if it does not, take the supply away and give it back"
        )


class _Signals:
    """SIGINT, SIGTERM and SIGHUP become KeyboardInterrupt, and wait while the cabinet is put back."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._before: dict[int, Any] = {}
        self._deferring = False
        self._waiting = False

    def take(self) -> None:
        """From here on."""
        if threading.current_thread() is not threading.main_thread():
            return  # only the main thread is interrupted
        for name in INTERRUPTS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):  # nohup ignores SIGHUP
                self._before[number] = signal.signal(number, self._came)

    def give_back(self) -> None:
        """As it was. Raises KeyboardInterrupt if one came meanwhile."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
        if self._waiting:
            self._waiting = False
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Nothing interrupts what is done inside."""
        self._deferring = True
        try:
            yield
        finally:
            self._deferring = False

    def _came(self, number: int, frame: FrameType | None) -> None:
        if not self._deferring:
            self._deferring = True  # the first one unwinds to the exit; nothing interrupts that
            raise KeyboardInterrupt
        self._waiting = True
        self._say("one moment: the cabinet is being put back")
