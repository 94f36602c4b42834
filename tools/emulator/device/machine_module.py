"""The emulated board's `machine` and `network`: serial lines and CAN of the plant, the models of its chips, watchdog and resets.

A port of the plant that is not there is a line with nothing on it.
"""

import io
import os
import select
import time

from i2c_bus import I2c, Mcp23017Model
from nor_file import NorFile, RunningClock
from serial_pty import SerialPty
from slcan import SlcanPort
from spi_bus import Select, Spi

_POLL = 3
_CONTROL_FD = 3
_FIFO_MAX = 64
RESET_CAUSES = {"power": 1, "hard": 2, "watchdog": 3, "soft": 5}


class Control:
    """What the board does to its supply, its reset line and its pins, told to the process that keeps it."""

    def __init__(self) -> None:
        self._file = open(_CONTROL_FD, "wb")

    def tell(self, line: str) -> None:
        """One line."""
        self._file.write(line.encode() + b"\n")

    def stop(self) -> None:
        """Wait for the end."""
        while True:
            time.sleep(1)


class Frame:
    """What SlcanPort fills."""

    def __init__(self) -> None:
        self.can_id = 0
        self.extended = False
        self.length = 0
        self.data = bytearray(8)


class Line(io.IOBase):
    """A UART: never blocks for reading, and can be waited on."""

    def __init__(self, path: str, baudrate: int) -> None:
        self.path, self.baudrate = path, baudrate
        self._waiting = bytearray()
        self._pty = None
        self._open()

    def _open(self) -> bool:
        if self._pty is None:
            try:
                self._pty = SerialPty(self.path, self.baudrate)
                self._chunk = bytearray(256)
            except OSError:
                return False
        return True

    def _fetch(self) -> None:
        if self._open() and len(self._waiting) < 4096:
            count = self._pty.readinto(self._chunk)
            if count:
                self._waiting.extend(memoryview(self._chunk)[:count])

    def any(self) -> int:
        """How many bytes wait."""
        self._fetch()
        return len(self._waiting)

    def readinto(self, buf, count=None):
        """Fill `buf`; None if nothing waits."""
        self._fetch()
        count = min(len(buf) if count is None else count, len(self._waiting))
        if not count:
            return None
        buf[:count] = memoryview(self._waiting)[:count]
        self._waiting = self._waiting[count:]
        return count

    def read(self, count=-1):
        """Bytes, or None."""
        size = self.any()
        if not size:
            return None
        buf = bytearray(size if count < 0 else min(count, size))
        self.readinto(buf)
        return bytes(buf)

    def write(self, data) -> int:
        """Onto the wire."""
        if self._open():
            self._pty.write(data)
        return len(data)

    def txdone(self) -> bool:
        """Whether the last bit is out."""
        return True

    def flush(self) -> None:
        """Wait until it is."""

    def ioctl(self, request: int, flags: int) -> int:
        """For select.poll."""
        if request != _POLL:
            return 0 if request in (1, 11) else -1
        return (flags & select.POLLOUT) | (flags & select.POLLIN if self.any() else 0)


class Can:
    """`machine.CAN` of MicroPython 1.28 on the plant's CAN line."""

    FLAG_RTR, FLAG_EXT_ID, RECV_ERR_OVERRUN = 1, 2, 2
    STATE_STOPPED, STATE_ACTIVE, STATE_WARNING, STATE_PASSIVE, STATE_BUS_OFF = range(5)

    def __init__(self, path: str, bitrate: int) -> None:
        self._port = None
        try:
            self._port = SlcanPort(SerialPty(path, 115200), bitrate)
        except OSError:
            pass
        self._filters = None
        self._frame = Frame()
        self._fifo = []
        self._lost = False
        self._states = (1, 2, 3, 4)

    def set_filters(self, filters) -> None:
        """(id, mask, flags), at most 31; None accepts everything."""
        if filters is not None and len(filters) > 31:
            raise ValueError("too many filters for this ID type")
        self._filters = filters

    def send(self, can_id: int, data, flags: int = 0):
        """A frame out."""
        if self._port is None or not self._port.send(can_id, bool(flags & 2), data):
            return None
        return 0

    def _wanted(self, frame: Frame) -> bool:
        if self._filters is None:
            return True
        flags = 2 if frame.extended else 0
        return any(kind == flags and frame.can_id & mask == can_id & mask for can_id, mask, kind in self._filters)

    def _fetch(self) -> None:
        frame = self._frame
        while self._port is not None and len(self._fifo) < _FIFO_MAX and self._port.recv(frame):
            if self._wanted(frame):
                self._fifo.append((frame.can_id, bytes(frame.data[: frame.length]), 2 if frame.extended else 0))

    def recv(self, into=None):
        """The next frame in [id, data, flags, errors], or None."""
        if not self._fifo:
            self._fetch()
            if not self._fifo:
                return None
        can_id, data, flags = self._fifo.pop(0)
        if into is None:
            return [can_id, memoryview(data), flags, 0]
        into[0], into[1], into[2], into[3] = can_id, memoryview(data), flags, 0
        return into

    def get_counters(self, into=None):
        """Element 6: frames that wait."""
        self._fetch()
        into = [0] * 8 if into is None else into
        into[6] = len(self._fifo)
        return into

    def state(self) -> int:
        """Of the bus."""
        return self._states[self._port.state()] if self._port is not None else self.STATE_ACTIVE

    def restart(self) -> None:
        """Leave bus-off."""
        if self._port is not None:
            self._port.restart()


class Namespace:
    """A module that is filled with attributes."""


def build(config: dict, posix, control: Control) -> dict:
    """Module name -> module."""
    machine, network = Namespace(), Namespace()
    ports = config["ports"]
    clock = RunningClock()
    spi = Spi(clock)
    nor = NorFile(clock, posix, config["nor"])
    i2c = I2c()
    i2c.chips[0x20] = Mcp23017Model()
    kept = {}

    def port(kind: str, number) -> str:
        name = ports.get("%s%s" % (kind, number))
        if name is None:
            raise ValueError("%s(%s) doesn't exist" % (kind.upper(), number))
        return config["plant"] + "/" + name if config.get("plant") else "/nothing/there"

    class Pin:
        """Levels of outputs are told; inputs read as the board's keeper has set them at the start."""

        IN, OUT, OPEN_DRAIN, PULL_UP, PULL_DOWN, IRQ_FALLING, IRQ_RISING = 0, 1, 2, 1, 2, 4, 8

        def __init__(self, name, mode=-1, pull=-1, value=None) -> None:
            self.name = str(name)
            self._select = Select(spi, nor) if self.name == str(config["nor_select"]) else None
            self._level = config.get("inputs", {}).get(self.name, 1 if pull == 1 else 0)
            if value is not None:
                self.value(value)

        def init(self, mode=-1, pull=-1, value=None) -> None:
            """Another mode."""
            if value is not None:
                self.value(value)

        def value(self, level=None):
            """Read or set."""
            if level is None:
                return self._level
            level = 1 if level else 0
            if self._select is not None:
                self._select(level)
            elif level != self._level or self.name not in kept:
                kept[self.name] = level
                control.tell("pin %s %d" % (self.name, level))
            self._level = level
            return None

        def __call__(self, level=None):
            return self.value(level)

        def on(self) -> None:
            """High."""
            self.value(1)

        def off(self) -> None:
            """Low."""
            self.value(0)

    def uart(number, baudrate=9600, **how) -> Line:
        return Line(port("uart", number), baudrate)

    def can(number, bitrate, **how) -> Can:
        return Can(port("can", number), bitrate)

    class WDT:
        """Cannot be stopped."""

        def __init__(self, id=0, timeout=5000) -> None:
            control.tell("wdt %d" % timeout)

        def feed(self) -> None:
            """Postpone the reset."""
            control.tell("feed")

    class RTC:
        """The host's time, until it is set."""

        offset_s = 0

        def datetime(self, value=None):
            """(year, month, day, weekday, hour, minute, second, subsecond)."""
            if value is not None:
                year, month, day, _, hour, minute, second, _ = value
                RTC.offset_s = int(time.mktime((year, month, day, hour, minute, second, 0, 0))) - int(time.time())
                return None
            now = time.gmtime(int(time.time()) + RTC.offset_s)
            return (now[0], now[1], now[2], now[6], now[3], now[4], now[5], 0)

    class LAN:
        """The host's network."""

        def active(self, on=None):
            """Switch it on."""
            return True

        def isconnected(self) -> bool:
            """It has an address."""
            return True

        def ifconfig(self):
            """Address, mask, gateway, name server."""
            return ("127.0.0.1", "255.0.0.0", "127.0.0.1", config["name_server"])

        def status(self) -> int:
            """3: link and address."""
            return 3

    def reset() -> None:
        control.tell("reset")
        control.stop()

    machine.Pin, machine.UART, machine.CAN, machine.WDT, machine.RTC = Pin, uart, can, WDT, RTC
    machine.SPI = lambda number, baudrate=1000000, **how: spi
    machine.I2C = lambda number, freq=400000, **how: i2c
    machine.PWRON_RESET, machine.HARD_RESET, machine.WDT_RESET, machine.DEEPSLEEP_RESET, machine.SOFT_RESET = range(1, 6)
    machine.reset_cause = lambda: RESET_CAUSES[config["cause"]]
    machine.reset = machine.bootloader = reset
    machine.unique_id = lambda: bytes.fromhex(config["unique_id"])
    machine.freq = lambda hz=0: 150000000
    machine.idle = lambda: None

    def soft_reset() -> None:
        control.tell("soft")
        control.stop()

    machine.soft_reset = soft_reset
    machine.rng = lambda: int.from_bytes(os.urandom(4), "little") & 0x3FFFFFFF
    network.LAN = LAN
    return {"machine": machine, "network": network}
