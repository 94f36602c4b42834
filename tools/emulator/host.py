"""The keeper of an emulated board: its supply, reset line, watchdog and serial port. See the package's page for how to start one."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
import tty
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from emulator.wiring import wiring
from swapcab.paths import ROOT
from swapcab.processes import die_with_parent

DEVICE = Path(__file__).resolve().parent / "device"
CTRL_A, CTRL_C = b"\x01", b"\x03"
RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n"
FRIENDLY_PROMPT = b">>> "
UNIX_BANNER = re.compile(rb"MicroPython [^\r\n]*linux[^\r\n]*")
INTERRUPT_PAUSE_S = 0.3
START_LIMIT_S = 60.0
PENDING_MAX = 65536


@dataclass
class Options:
    """Which board it is and what hangs on it. Times in seconds, sizes in bytes."""

    machine: str = "Swapcab emulated board with RP2350"
    build: str = "SWAPCAB_EMULATED"
    platform: str = "rp2"
    micropython: tuple[int, int, int, str] = (1, 28, 0, "")
    flash_bytes: int = 1024 * 1024
    romfs_bytes: int = 0  # a ROMFS partition; it takes as much of the heap here
    heap: str = "1m"
    unique_id: str = "e661a4d4177d2b29"
    plant: str = ""
    board: str = "emulated"
    inputs: dict[str, int] = field(default_factory=dict)
    name_server: str = "127.0.0.1"
    cut_at: int = 0  # the supply goes in this program or erase of the file system, counted by `flash_operations`; 0: never
    cut_share_pct: int = 50
    watchdog_slack: float = 1.0
    watchdog_bites: bool = True
    faults: dict[str, Any] = field(default_factory=dict)  # what is wrong with its chips and lines, as device/hardware_faults.py has it


class BoardError(Exception):
    """The board did not do what was awaited of it."""


class EmulatedBoard:
    """`start()`; then `port` is what mpremote connects to. `stop()` at the end. Thread-safe."""

    def __init__(self, folder: Path, options: Options | None = None) -> None:
        self.folder = folder
        self.options = options or Options()
        self.port = Path()
        self.pins: dict[str, int] = {}
        self.edges: dict[str, int] = {}
        self.resets: list[str] = []
        self.feeds = 0
        self.received = 0  # bytes from whoever has its port open
        self.flash_operations = 0  # programs and erases of its file system
        self.powered = False
        self.up = False
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._master = self._slave_name = -1
        self._stdin = self._stdout = self._control = -1
        self._wake_read, self._wake_write = os.pipe()
        self._control_text = b""
        self._forget_program()
        self._held: deque[bytes] = deque()
        self._out = b""
        self._tail = b""
        self._watchdog_s = 0.0
        self._fed_at = 0.0

    def __enter__(self) -> EmulatedBoard:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    # ---- the keeper's hands

    def start(self) -> None:
        """Plug it in: the port appears, the board boots."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._log = open(self.folder / "console.log", "ab", buffering=0)  # noqa: SIM115 (stop closes it)
        self._plug()
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
        if self._master >= 0:
            self._unplug()
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
        """The cable is pulled: whoever has the port open gets errors. A board that lives from the cable is dark, too."""
        with self._lock:
            self.power_off("unplugged")
            self._unplug()

    def plug(self) -> None:
        """The cable is back, perhaps under another port name; the board boots."""
        with self._lock:
            self._plug()
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

    # ---- port and program

    def _plug(self) -> None:
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self.port = Path(os.ttyname(slave))
        os.close(slave)
        os.set_blocking(self._master, False)
        link = self.folder / "port"
        link.unlink(missing_ok=True)
        link.symlink_to(self.port)

    def _unplug(self) -> None:
        master, self._master = self._master, -1
        os.close(master)
        (self.folder / "port").unlink(missing_ok=True)

    def _forget_program(self) -> None:
        self.up = False
        self._raw_start = False
        self._interrupts = True
        self._interrupted_at = 0.0
        self._mount = False
        self._in_raw = False

    def _config(self, cause: str, main: bool) -> Path:
        options = self.options
        config: dict[str, Any] = {
            **{name: getattr(options, name) for name in ("machine", "build", "platform", "micropython", "flash_bytes", "unique_id")},
            **{name: getattr(options, name) for name in ("inputs", "name_server", "cut_share_pct", "faults")},
            "cut_at": max(1, options.cut_at - self.flash_operations) if options.cut_at else 0,
            **wiring(options.board),
            "plant": str(Path(options.plant).resolve()) if options.plant else "",
            "flash": str((self.folder / "internal-flash.bin").resolve()),
            "romfs_bytes": options.romfs_bytes,
            "rom": str((self.folder / "romfs.bin").resolve()),
            "nor": str((self.folder / "spi-flash.bin").resolve()),
            "cause": cause,
            "main": main,
        }
        path = self.folder / "board.json"
        path.write_text(json.dumps(config, indent=1))
        return path.resolve()

    def _boot(self, cause: str, raw: bool) -> None:
        """Start the program. `raw`: a soft reset out of the raw prompt runs boot.py only and comes back to that prompt."""
        self._forget_program()
        self.pins.clear()
        self._raw_start = raw
        config = self._config(cause, not raw)
        stdin_read, self._stdin = os.pipe()
        self._stdout, stdout_write = os.pipe()
        self._control, control_write = os.pipe()
        command = [str(Path(sys.executable).with_name("micropython")), "-X", f"heapsize={self.options.heap}", "-i"]
        path = ":".join(str(folder) for folder in (DEVICE, ROOT / "tests" / "models", ROOT / "boards" / "unix"))

        def arrange() -> None:
            os.dup2(control_write, 3)
            die_with_parent()

        self._process = subprocess.Popen(
            [*command, str(DEVICE / "power_on.py"), str(config)],
            env={**os.environ, "MICROPYPATH": f"{path}:.frozen"},
            cwd=self.folder,
            stdin=stdin_read,
            stdout=stdout_write,
            stderr=stdout_write,
            start_new_session=True,
            pass_fds=(3, control_write),
            preexec_fn=arrange,
        )
        for end in (stdin_read, stdout_write, control_write):
            os.close(end)
        for end in (self._stdin, self._stdout, self._control):
            os.set_blocking(end, False)
        if raw:
            os.write(self._stdin, CTRL_A)
        self._wake()

    def _kill(self) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        process.kill()
        process.wait(timeout=30)
        for end in (self._stdin, self._stdout, self._control):
            os.close(end)
        self._stdin = self._stdout = self._control = -1
        self._held.clear()
        self._control_text = self._tail = b""
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
                program = [self._stdout, self._control] if self._process else []
                connected = self._connected()
                reading = [self._wake_read, *program] + ([self._master] if connected and self._takes_input() else [])
                writing = [self._master] if connected and self._out else []
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
        if self._master >= 0 and self._connected():
            if self._takes_input():
                self._from_host()
            self._to_host()
        else:
            self._out = b""
        if self._process:
            ended = self._process.poll() is not None
            self._from_program()
            self._from_control()
            if ended and self._process:
                self._program_ended()
            else:
                self._to_program()
        if self._watchdog_s and self.powered and time.monotonic() - self._fed_at > self._watchdog_s:
            self._print(b"\r\n")
            self._reset("watchdog")

    def _connected(self) -> bool:
        """Whether anybody has the port open."""
        if self._master < 0:
            return False
        poller = select.poll()
        poller.register(self._master, select.POLLIN)
        return not any(event & select.POLLHUP for _, event in poller.poll(0))

    def _takes_input(self) -> bool:
        return len(self._held) < 64

    def _from_host(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            data = os.read(self._master, 4096)
            self.received += len(data)
            if not self.powered:
                return
            for part in re.split(rb"(\x03)", data):
                if part:
                    self._held.append(part)

    def _to_host(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            if self._out:
                self._out = self._out[os.write(self._master, self._out) :]
        if len(self._out) > PENDING_MAX:
            self._out = self._out[-PENDING_MAX:]

    def _to_program(self) -> None:
        """Hand on what came in, in order; Ctrl-C interrupts a running program and is a character at the prompt."""
        while self._held and self.up:
            part = self._held[0]
            if part == CTRL_C and self._interrupts and self._can_interrupt():
                if time.monotonic() - self._interrupted_at < INTERRUPT_PAUSE_S:
                    return
                assert self._process is not None
                self._interrupted_at = time.monotonic()
                self._process.send_signal(signal.SIGINT)
                self._held.popleft()
                continue
            if self._interrupted_at and self._can_interrupt() and time.monotonic() - self._interrupted_at < INTERRUPT_PAUSE_S:
                return  # give it the time to fall back to the prompt
            self._mount = self._mount or b"RemoteFS" in part
            try:
                done = os.write(self._stdin, part)
            except (BlockingIOError, BrokenPipeError):
                return
            self._held.popleft()
            if done < len(part):
                self._held.appendleft(part[done:])

    def _can_interrupt(self) -> bool:
        """Whether MicroPython runs a program: only then it catches the signal."""
        assert self._process is not None
        with contextlib.suppress(OSError, ValueError):
            for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
                if line.startswith("SigCgt:"):
                    return bool(int(line.split()[1], 16) & 1 << (signal.SIGINT - 1))
        return False

    def _from_program(self) -> None:
        while True:
            try:
                data = os.read(self._stdout, 65536)
            except (BlockingIOError, OSError):
                return
            if not data:
                return
            self._log.write(data)
            self._show(data)

    def _show(self, data: bytes) -> None:
        if self._raw_start:  # the way from the friendly to the raw prompt is not shown
            self._tail += data
            at = self._tail.find(RAW_BANNER)
            if at < 0:
                return
            before = UNIX_BANNER.split(self._tail[:at])[0]
            data, self._tail, self._raw_start = before + self._tail[at:], b"", False
            self._in_raw = True
        seen = (self._tail[-64:] + data) if not self._mount else data
        raw_at, friendly_at = seen.rfind(RAW_BANNER), seen.rfind(b"\r\n" + FRIENDLY_PROMPT)
        if raw_at != friendly_at:
            self._in_raw = raw_at > friendly_at
        self._tail = data[-64:]
        self._print(data if self._mount else self._as_board(data))

    def _as_board(self, data: bytes) -> bytes:
        version = ".".join(str(number) for number in self.options.micropython[:3])
        banner = f"MicroPython v{version} on 2026-07-05; {self.options.machine}".encode()
        return re.sub(rb"(?<!\r)\n", b"\r\n", UNIX_BANNER.sub(banner, data))

    def _print(self, data: bytes) -> None:
        self._out += data

    def _from_control(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            self._control_text += os.read(self._control, 65536)
        while b"\n" in self._control_text and self._process:
            line, _, self._control_text = self._control_text.partition(b"\n")
            self._told(line.decode())

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
            if self._master >= 0:
                self._unplug()
        self._changed.notify_all()

    def _program_ended(self) -> None:
        """Ctrl-D at the prompt, or sys.exit: a soft reset. A program that died otherwise is a crash: a hard one."""
        assert self._process is not None
        if self._process.returncode < 0:
            self._print(f"\r\nthe interpreter died of signal {-self._process.returncode}\r\n".encode())
            self._reset("hard")
            return
        raw = self._in_raw
        self._print(b"MPY: soft reboot\r\n")
        self._reset("soft", raw)
