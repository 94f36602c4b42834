"""The keeper of an emulated board: its supply, reset line, watchdog and serial port. See the package's page for how to start one."""

from __future__ import annotations

import contextlib
import os
import re
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from emulator.options import BoardError, Options
from emulator.paper import paper
from emulator.port import Port
from emulator.program import Program
from emulator.screen import Screen

__all__ = ("BoardError", "EmulatedBoard", "Options")

CTRL_A, CTRL_C = b"\x01", b"\x03"
INTERRUPT_PAUSE_S = 0.3
START_LIMIT_S = 600.0
HELD_MAX = 64  # parts of what came in that wait for the program


class EmulatedBoard:
    """`start()`; then `port` is what mpremote connects to. `stop()` at the end. Thread-safe."""

    def __init__(self, folder: Path, options: Options | None = None) -> None:
        self.folder = folder
        self.options = options or Options()
        self.pins: dict[str, int] = {}
        self.edges: dict[str, int] = {}
        self.resets: list[str] = []
        self.feeds = 0
        self.host_reads = True  # False: the host holds the port and reads nothing
        self.flash_operations = 0  # programs and erases of its file system
        self.powered = False
        self.up = False
        self._port = Port(folder / "port")
        self._program: Program | None = None
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._wake_read, self._wake_write = os.pipe()
        self._forget_program()
        self._held: deque[bytes] = deque()
        version = ".".join(str(number) for number in self.options.micropython[:3])
        self._screen = Screen(f"MicroPython v{version} on 2026-07-05; {self.options.machine}")
        self._watchdog_s = 0.0
        self._fed_at = 0.0

    def __enter__(self) -> EmulatedBoard:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    # ---- the keeper's hands

    @property
    def port(self) -> Path:
        """What mpremote connects to."""
        return self._port.path

    @property
    def received(self) -> int:
        """Bytes from the program that has its port open, since the start."""
        return self._port.received

    def start(self) -> None:
        """Plug it in: the port appears, the board boots."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._log = open(self.folder / "console.log", "ab", buffering=0)  # noqa: SIM115 (stop closes it)
        self._port.plug()
        self.power_on()
        self._thread = threading.Thread(target=self._keep, name="emulated board", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Unplug it for good; safe to call twice."""
        self._ended.set()
        self._wake()
        if self._thread:
            self._thread.join(timeout=30)
            self._thread = None
        self.power_off()
        if self._port.end >= 0:
            self._port.unplug()
            self._log.close()
            for end in (self._wake_read, self._wake_write):
                os.close(end)

    def power_off(self, cause: str = "off") -> None:
        """The supply goes, in the middle of whatever the board does; the port stays."""
        with self._lock:
            self.powered = False
            self._kill()
            self.resets.append(cause)
            self._changed.notify_all()

    def power_on(self) -> None:
        """The supply comes back: boot.py, main.py."""
        with self._lock:
            if not self.powered:
                self.powered = True
                self._watchdog_s = 0.0
                self._boot("power", raw=False)

    def unplug(self) -> None:
        """The cable is pulled: a program that has the port open gets errors. A board supplied by the cable is off, too."""
        with self._lock:
            self.power_off("unplugged")
            self._port.unplug()

    def plug(self) -> None:
        """The cable is back, perhaps under another port name; the board boots."""
        with self._lock:
            self._port.plug()
            self.power_on()
            self._wake()

    def wait(self, condition: Callable[[], object], limit_s: float = START_LIMIT_S) -> None:
        """Until `condition()` holds; it is looked at after each change. Raises BoardError after `limit_s`."""
        limit = time.monotonic() + limit_s
        with self._changed:
            while not condition():
                rest = limit - time.monotonic()
                if rest <= 0:
                    raise BoardError("the board did not do what was awaited; the end of its console:\n" + self.tail())
                self._changed.wait(min(rest, 0.2))

    def console(self) -> str:
        """All that it has printed, the answers to mpremote included."""
        with contextlib.suppress(OSError):
            return (self.folder / "console.log").read_text(errors="replace")
        return ""

    def tail(self, lines: int = 15) -> str:
        """The end of what it has printed."""
        return "\n".join(self.console().splitlines()[-lines:])

    # ---- supply and resets

    def _forget_program(self) -> None:
        self.up = False
        self._interrupts = True
        self._interrupted_at = 0.0
        self._timers: dict[str, float] = {}  # one-shot timers: number -> when it runs out

    def _boot(self, cause: str, raw: bool) -> None:
        """Start the program. `raw`: a soft reset out of the raw prompt runs boot.py only and comes back to that prompt."""
        self._forget_program()
        self._screen.begin(raw)
        self.pins.clear()
        config = paper(self.options, self.folder, cause, not raw, self.flash_operations)
        self._program = Program(self.folder, config, self.options.heap)
        if raw:
            self._program.write(CTRL_A)
        self._wake()

    def _kill(self) -> None:
        if self._program is None:
            return
        program, self._program = self._program, None
        program.kill()
        self._held.clear()
        self.up = False

    def _reset(self, cause: str, raw: bool = False) -> None:
        self.resets.append(cause)
        self._kill()
        if cause in ("hard", "watchdog"):
            self._watchdog_s = 0.0
        self._boot(cause, raw)
        self._changed.notify_all()

    # ---- the keeper's loop

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._wake_write, b"w")

    def _keep(self) -> None:
        while not self._ended.is_set():
            with self._lock:
                program = [self._program.control] if self._program else []
                if self._program and self.host_reads:
                    program.append(self._program.stdout)
                connected = self._port.connected
                reading = [self._wake_read, *program] + ([self._port.end] if connected and self._takes_input() else [])
                writing = [self._port.end] if connected and self._port.waits else []
            pause = 0.02 if (not connected or self._held) else 0.1
            with contextlib.suppress(OSError, ValueError):  # an end was closed meanwhile: look again
                select.select(reading, writing, [], pause)
            with self._lock:
                if not self._ended.is_set():
                    self._turn()

    def _turn(self) -> None:
        with contextlib.suppress(BlockingIOError):
            if select.select([self._wake_read], [], [], 0)[0]:
                os.read(self._wake_read, 4096)
        if self._port.connected:
            if self._takes_input():
                self._from_host()
            self._port.send()
        else:
            self._port.forget()
        program = self._program
        if program:
            ended = program.ended() is not None
            self._from_program(program)
            for line in program.reported():
                if self._program is program:  # a reset ends it
                    self._told(line)
            if self._program is program:
                self._program_ended(program) if ended else self._to_program(program)
        if self._watchdog_s and self.powered and time.monotonic() - self._fed_at > self._watchdog_s:
            self._port.print(b"\r\n")
            self._reset("watchdog")
        elif self.powered and any(time.monotonic() > at for at in self._timers.values()):
            self._reset("hard")

    def _takes_input(self) -> bool:
        return len(self._held) < HELD_MAX

    def _from_host(self) -> None:
        data = self._port.read()
        if self.powered:
            self._held += [part for part in re.split(rb"(\x03)", data) if part]

    def _to_program(self, program: Program) -> None:
        """Hand on what came in, in order; Ctrl-C interrupts a running program and is a character at the prompt."""
        while self._held and self.up:
            part = self._held[0]
            fresh = time.monotonic() - self._interrupted_at < INTERRUPT_PAUSE_S
            if part == CTRL_C and self._interrupts and program.can_interrupt():
                if fresh:
                    return
                self._interrupted_at = time.monotonic()
                program.interrupt()
                self._held.popleft()
                continue
            if self._interrupted_at and fresh and program.can_interrupt():
                return  # give it the time to fall back to the prompt
            self._screen.mounted = self._screen.mounted or b"RemoteFS" in part
            done = program.write(part)
            if not done:
                return
            self._held.popleft()
            if done < len(part):
                self._held.appendleft(part[done:])

    def _from_program(self, program: Program) -> None:
        while self.host_reads and (data := program.read()):
            self._log.write(data)
            self._port.print(self._screen.shown(data))

    def _told(self, line: str) -> None:
        word, *rest = line.split()
        if word == "feed":
            self.feeds += 1
            self._fed_at = time.monotonic()
            return
        if word == "op":
            self.flash_operations += 1
            return
        if word == "wdt":
            self._watchdog_s = int(rest[0]) / 1000 * self.options.watchdog_slack if self.options.watchdog_bites else 0.0
            self._fed_at = time.monotonic()
        elif word == "timer":
            self._timers[rest[0]] = time.monotonic() + int(rest[1]) / 1000
            if rest[1] == "0":
                del self._timers[rest[0]]
        elif word == "pin":
            self.pins[rest[0]] = int(rest[1])
            self.edges[rest[0]] = self.edges.get(rest[0], 0) + 1
        elif word == "again":
            self._held.appendleft(CTRL_C)
        elif word == "up":
            self.up = True
        elif word == "intr":
            self._interrupts = int(rest[0]) == 3
        elif word == "reset":
            self._reset("hard")
        elif word == "soft":
            self._reset("soft")
        elif word == "cut":
            self.powered = False
            self._kill()
            self.resets.append("cut")
            self._port.unplug()
        self._changed.notify_all()

    def _program_ended(self, program: Program) -> None:
        """Ctrl-D at the prompt, or sys.exit: a soft reset. A program that died otherwise is a crash: a hard one."""
        code = program.ended() or 0
        if code < 0:
            self._port.print(f"\r\nthe interpreter died of signal {-code}\r\n".encode())
            self._reset("hard")
            return
        raw = self._screen.in_raw
        self._port.print(b"MPY: soft reboot\r\n")
        self._reset("soft", raw)
