"""The board that is a Linux or macOS machine: the simulator's controller, and a bench with real adapters.

A port name is a file in the run directory (a pseudo-terminal of the simulator) or, with a leading slash, a device.
"""

import os

from flash_file import AREAS, FlashFile, open_image
from serial_pty import SerialPty
from slcan import SlcanPort
from unix_clock import UnixClock
from unix_network import UnixNetwork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.ports import InputPort

_ADAPTER_BAUD = 115200
_EXIT_WATCHDOG = 70


class FeedWatchdog:
    """Ends the process with code 70 when it is fed too late; a supervisor outside starts it again."""

    def __init__(self, clock: UnixClock, timeout_ms: int, mark: str) -> None:
        self.timeout_ms = timeout_ms
        self.feeds = 0
        self.gap_ms_max = 0
        self._clock = clock
        self._mark = mark
        self._fed_ms = clock.ticks_ms()

    def feed(self) -> None:
        """Postpone the reset."""
        now = self._clock.ticks_ms()
        gap = (now - self._fed_ms) & 0x3FFFFFFF
        self._fed_ms = now
        self.feeds += 1
        if gap > self.gap_ms_max:
            self.gap_ms_max = gap
        if gap > self.timeout_ms:
            with open(self._mark, "w") as file:
                file.write("watchdog")
            raise SystemExit(_EXIT_WATCHDOG)


class RecordedHeartbeat:
    """The mains relay's heartbeat: there is no relay, so it only counts."""

    def __init__(self) -> None:
        self.toggles = 0
        self.dropped = False

    def toggle(self) -> None:
        """One half period."""
        if not self.dropped:
            self.toggles += 1

    def rest(self) -> None:
        """Until the next toggle."""

    def drop(self) -> None:
        """Until the next start."""
        self.dropped = True


class Board:
    """See ports.Board."""

    name = "unix"
    console = (0, 512, True)  # a pipe or a file: when it has room, it has room for a page

    def __init__(self, run_dir: str = ".") -> None:
        self.run_dir = run_dir.rstrip("/") or "/"
        self.clock = UnixClock()
        self._image = None
        self._mark = self._path("reset_cause")
        self._cause = self._read_cause()

    def _path(self, name: str) -> str:
        return name if name.startswith("/") else "{}/{}".format(self.run_dir, name)

    def _read_cause(self) -> str:
        try:
            with open(self._mark) as file:
                cause = file.read()
            os.remove(self._mark)
        except OSError:
            return "power_on"
        return "watchdog" if cause == "watchdog" else "unknown"

    def _device(self, port: str) -> str:
        path = self._path(port)
        try:
            os.stat(path)
        except OSError:
            raise ValueError("port {}: there is no {}".format(port, path))  # noqa: B904
        return path

    def serial(self, port: str, baud: int) -> SerialPty:
        """Open a serial line."""
        return SerialPty(self._device(port), baud)

    def inputs(self, port: str, index: int) -> "InputPort":
        """The file PORT-INDEX in the run directory. (There is no `pulses`: a machine like this times no pulse.)"""
        from file_inputs import FileInputs

        return FileInputs(self._path("{}-{}".format(port, index)))

    def can(self, port: str, bitrate: int) -> SlcanPort:
        """Open an slcan adapter."""
        return SlcanPort(SerialPty(self._device(port), _ADAPTER_BAUD), bitrate)

    def flash(self, area: str) -> FlashFile:
        """journal-a, journal-b or state."""
        if area not in AREAS:
            raise ValueError("flash area {} is not one of {}".format(area, sorted(AREAS)))
        if self._image is None:
            self._image = open_image(self._path("flash.bin"))
        base, size = AREAS[area]
        return FlashFile(self._image, base, size)

    def network(self, name: str = "") -> UnixNetwork:
        """The machine's network; by one of its addresses, or (Linux) an interface such as eth0."""
        if name:
            from unix_interface import UnixInterface

            return UnixInterface(self.clock, self.random_bytes, name)
        return UnixNetwork(self.clock, self.random_bytes)

    def watchdog(self, timeout_ms: int) -> FeedWatchdog:
        """Start it."""
        return FeedWatchdog(self.clock, timeout_ms, self._mark)

    def heartbeat(self) -> RecordedHeartbeat:
        """The heartbeat output."""
        return RecordedHeartbeat()

    def random_bytes(self, count: int) -> bytes:
        """From the kernel."""
        data = os.urandom(count)
        if len(data) != count:
            raise OSError("no random source")
        return data

    def reset_cause(self) -> str:
        """power_on, or watchdog if the last process ended that way."""
        return self._cause
