"""Stand-ins for `machine`, `pyb`, `network` and `time` as MicroPython's STM32 port has them. Both interpreters.

They copy what was read in the port's sources: a UART whose write returns after the last bit and whose readinto waits for
a next character if asked for more than is there, a CAN controller that copies up to 64 bytes into the caller's buffer
and refuses a second frame of the same id.
"""

import stand_in
from i2c_bus import I2c, Mcp23017Model
from spi_bus import Clock, Select, Spi
from w25q_model import W25QModel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class World:
    """The hardware behind the modules, for the test to look at."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.log = []
        self.pins = {}
        self.uarts = {}
        self.cans = {}
        self.i2c = I2c()
        self.i2c.chips[0x20] = Mcp23017Model()
        self.spi = Spi(self.clock)
        self.nor = W25QModel(self.clock)
        self.image_cans = 2
        self.cause = 1
        self.fed = 0
        self.watchdog_ms = 0
        self.timers = []  # (period ms, callback, whether from an interrupt)
        self.rtc = (2000, 1, 1, 6, 0, 0, 0, 0)
        self.link = 0
        self.time = None
        self.button = False
        self.next_script = "main.py"


def build(world: World) -> dict:
    """The modules on one world."""
    machine, pyb, network, time = stand_in.empty_module(), stand_in.empty_module(), stand_in.empty_module(), stand_in.empty_module()

    class Pin:
        """A pin by its CPU object; a name as text would be a Zio name and is refused here."""

        OUT = 1
        IN = 0
        cpu: "Any" = None

        def __init__(self, pin, mode=-1, value=0) -> None:
            assert isinstance(pin, CpuPin), "a pin named by text is a Zio name"
            self.name = pin.name
            self._select = Select(world.spi, world.nor) if pin.name == "A4" else None
            world.pins[self.name] = self
            self.level = None
            self(value)

        def __call__(self, level=None):
            if level is None:
                return self.level
            self.level = level
            if self._select is not None:
                self._select(level)
            else:
                world.log.append((self.name, level))
            return None

    class CpuPin:
        """What Pin.cpu holds."""

        def __init__(self, name) -> None:
            self.name = name

    class Cpu:
        """All pins of the package."""

    for port in "ABCDEFG":
        for number in range(16):
            setattr(Cpu, port + str(number), CpuPin(port + str(number)))
    Pin.cpu = Cpu

    class UART:
        """Blocking writes, buffered reads."""

        def __init__(self, number, baud, bits=8, parity=None, stop=1, timeout=0, rxbuf=64) -> None:
            if number not in (2, 3, 5, 6, 7):
                raise ValueError("UART(" + str(number) + ") doesn't exist")
            self.number, self.baud, self.timeout, self.rxbuf = number, baud, timeout, rxbuf
            self.format = (bits, parity, stop)
            self.waiting = bytearray()
            self.sent = bytearray()
            self.broken = False
            world.uarts[number] = self

        def any(self):
            return len(self.waiting)

        def readinto(self, buf, count=None):
            count = len(buf) if count is None else count
            if not self.waiting:
                world.clock.pass_ms(self.timeout)
                return None
            got = self.waiting[:count]
            self.waiting = self.waiting[count:]
            if len(got) < count:
                world.clock.pass_ms(2)  # timeout_char, at least 2 ms
            for i in range(len(got)):
                buf[i] = got[i]
            return len(got)

        def write(self, data):
            if self.broken:
                raise OSError(110)
            world.log.append(("uart", bytes(data)))
            self.sent.extend(bytes(data))
            world.clock.now_us += len(data) * 10000000 // self.baud
            return len(data)

        def flush(self):
            """Nothing is left to wait for."""

    class CAN:
        """machine.CAN of 1.28 on FDCAN."""

        FLAG_RTR, FLAG_EXT_ID, RECV_ERR_OVERRUN = 1, 2, 2
        STATE_STOPPED, STATE_ACTIVE, STATE_WARNING, STATE_PASSIVE, STATE_BUS_OFF = range(5)

        def __init__(self, number, bitrate, sample_point=75) -> None:
            if number > world.image_cans:
                raise ValueError("CAN(" + str(number) + ") doesn't exist")
            self.bitrate, self.now = bitrate, 1
            self.fifo, self.queue, self.filters = [], [], "never set"
            self.lost = False
            self.backing = None
            world.cans[number] = self

        def set_filters(self, filters):
            if filters is not None and len(filters) > 31:
                raise ValueError("too many filters for this ID type")
            self.filters = filters

        def send(self, can_id, data, flags=0):
            if self.now == 4:
                raise OSError(22)
            if len(self.queue) == 16 or any(queued[0] == can_id for queued in self.queue):
                return None
            self.queue.append((can_id, bytes(data), flags))
            return len(self.queue) - 1

        def recv(self, into):
            if not self.fifo:
                return None
            can_id, data, flags = self.fifo.pop(0)
            into[0], into[2], into[3] = can_id, flags, 2 if self.lost else 0
            self.lost = False
            if self.backing is None:
                self.backing = into[1]  # the real port resizes the memoryview in place, both ways
            self.backing[: len(data)] = data  # a buffer shorter than the frame would be overrun there
            into[1] = self.backing[: len(data)]
            return into

        def get_counters(self, into):
            into[6] = len(self.fifo)
            return into

        def state(self):
            return self.now

        def restart(self):
            self.now, self.queue = 1, []

    class SPI:
        """The bus of the flash."""

        def __init__(self, number, baud, polarity=0, phase=0) -> None:
            assert (number, polarity, phase) == (3, 0, 0)

        def write(self, data):
            world.spi.write(data)

        def readinto(self, buf, write=0):
            world.spi.readinto(buf, write)

    class RTC:
        """Date and time."""

        def datetime(self, value=None):
            if value is not None:
                world.rtc = value
            return world.rtc

    class WDT:
        """Cannot be stopped."""

        def __init__(self, id=0, timeout=5000) -> None:
            world.watchdog_ms = timeout

        def feed(self):
            world.fed += 1

    class Timer:
        """A virtual one; the test lets it fire."""

        PERIODIC = 1

        def __init__(self, id=-1) -> None:
            pass

        def init(self, mode, period, callback, hard=False):
            world.timers.append((period, callback, hard))

    machine.Timer = Timer

    class LAN:
        """Ethernet."""

        def active(self, on):
            world.log.append(("lan", on))

        def isconnected(self):
            return world.link == 3

        def ifconfig(self):
            return ("192.0.2.7", "255.255.255.0", "192.0.2.1", "192.0.2.53")

    machine.Pin, machine.UART, machine.CAN, machine.SPI, machine.RTC, machine.WDT = Pin, UART, CAN, SPI, RTC, WDT
    machine.I2C = lambda number, freq: world.i2c
    machine.SOFT_RESET, machine.PWRON_RESET, machine.HARD_RESET, machine.WDT_RESET, machine.DEEPSLEEP_RESET = range(5)
    machine.reset_cause = lambda: world.cause
    numbers = [0]

    def rng():
        numbers[0] = (numbers[0] * 1103515245 + 12345) & 0x3FFFFFFF
        return numbers[0]

    class Switch:
        """The blue button."""

        def value(self):
            return world.button

    def run_next(name):
        world.next_script = name

    pyb.rng, pyb.Switch, pyb.main = rng, Switch, run_next
    network.LAN = LAN
    time.ticks_ms, time.ticks_us = world.clock.ticks_ms, world.clock.ticks_us
    time.gmtime = lambda second: (2000, 1, 1, 0, 0, second, 5, 1) if second == 0 else (2026, 11, 22, 13, 30, 0, 6, 326)
    time.time = lambda: 848669400 + world.clock.now_us // 1000000
    stand_ins = {"machine": machine, "pyb": pyb, "network": network, "time": time}
    stand_ins.update(stand_in.uplink_modules())
    return stand_ins


def load(world: World, folder: str, names: tuple, first: str = "board"):
    """The board's module `first`, imported against the stand-ins."""
    return stand_in.load(world, build(world), folder, names, first)
