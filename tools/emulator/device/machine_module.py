"""The emulated board's `machine` and `network`: the models of its chips on SPI and I2C, the plant's lines, watchdog and resets.

Which pin selects which chip comes from the pins.py of the board that is emulated.
"""

import os
import time

import serial_pty
from can_wire import WiredMcp2515
from control import Control
from ds3231_model import Ds3231Model
from i2c_bus import I2c, Mcp23017Model
from nor_file import NorFile, RunningClock
from spi_bus import Spi
from uart_line import Line

_EXPANDER, _RTC = 0x20, 0x68
_CAUSES = {"power": 1, "hard": 3, "watchdog": 3, "soft": 5}  # RP2: a reset by program is one of the watchdog
_TRNG_STATUS, _TRNG_DATA = 0x400F0104, 0x400F0114


class Namespace:
    """A module that is filled with attributes."""


class Registers:
    """`machine.mem32`: the random generator delivers, everything else reads 0."""

    def __getitem__(self, address: int) -> int:
        if address == _TRNG_STATUS:
            return 1
        if _TRNG_DATA <= address < _TRNG_DATA + 24:
            return int.from_bytes(os.urandom(4), "little")
        return 0

    def __setitem__(self, address: int, value: int) -> None:
        pass


class Hardware:
    """The chips, and what the pins do to them."""

    def __init__(self, config: dict, posix, control: Control) -> None:
        self.control = control
        self.plant = config["plant"] or "/nothing/there"
        self.uarts = config["uarts"]
        self.inputs = config["inputs"]
        self.faulty_lines = {}  # name -> what makes a Line with a fault
        self.levels = {}
        self.clock = RunningClock()
        self.spi = Spi(self.clock)
        self.i2c = I2c()
        self.i2c.chips[_EXPANDER] = Mcp23017Model()
        rtc = Ds3231Model(self.clock)
        set_rtc(rtc, time.time())
        self.i2c.chips[_RTC] = rtc
        self.selects = {config["flash_select"]: NorFile(self.clock, posix, config["nor"])}
        self.interrupts = {}
        for port, select, interrupt in config["can"]:
            chip = WiredMcp2515(self.clock, self.plant + "/" + port, config["can_crystal_hz"])
            self.selects[select] = self.interrupts[interrupt] = chip

    def line(self, number: int, baudrate: int) -> Line:
        """A UART."""
        name = self.uarts.get(str(number))
        if name is None:
            raise ValueError("UART(%s) doesn't exist" % number)
        return self.faulty_lines.get(name, Line)(self.plant + "/" + name, baudrate)

    def drive(self, pin: str, level: int) -> None:
        """An output has got a level."""
        chip = self.selects.get(pin)
        if chip is None:
            if self.levels.get(pin) != level:
                self.levels[pin] = level
                self.control.tell("pin %s %d" % (pin, level))
            return
        spi = self.spi
        if not level:
            spi.selected = chip
            chip.select()
        elif spi.selected is chip:
            spi.selected = None
            chip.deselect()
            if isinstance(chip, WiredMcp2515):
                chip.run()

    def read(self, pin: str, pulled_up: bool) -> int:
        """The level of an input."""
        chip = self.interrupts.get(pin)
        if chip is not None:
            chip.run()
            return chip.interrupt()
        return self.inputs.get(pin, 1 if pulled_up else 0)


def set_rtc(rtc: Ds3231Model, unix_s: int) -> None:
    """The chip keeps the host's time: its cell is good."""
    year, month, day, hour, minute, second, weekday = time.gmtime(unix_s)[:7]
    for register, value in enumerate((second, minute, hour, weekday + 1, day, month, year % 100)):
        rtc.registers[register] = value // 10 * 16 + value % 10
    rtc.registers[0x0F] = 0


def pin_class(hardware: Hardware):
    """`machine.Pin`."""

    class Pin:
        """Levels of outputs are reported to the keeper; inputs read what it has set at the start."""

        IN, OUT, OPEN_DRAIN, PULL_UP, PULL_DOWN, IRQ_RISING, IRQ_FALLING = 0, 1, 2, 1, 2, 8, 4

        def __init__(self, name, mode=-1, pull=-1, value=None) -> None:
            self.name = str(name)
            self._mode = -1
            self._pulled_up = False
            self._level = 0
            self.init(mode, pull, value)

        def init(self, mode=-1, pull=-1, value=None) -> None:
            """Another mode."""
            self._mode = self._mode if mode == -1 else mode
            self._pulled_up = pull == self.PULL_UP
            if value is not None:
                self.value(value)

        def value(self, level=None):
            """Read or set."""
            if level is not None:
                self._level = 1 if level else 0
                hardware.drive(self.name, self._level)
                return None
            return self._level if self._mode == self.OUT else hardware.read(self.name, self._pulled_up)

        __call__ = value

        def irq(self, handler=None, trigger=0) -> None:
            """Nothing calls it: a program that waits for the pin has to read it, too."""

    return Pin


def network_module(config: dict):
    """`network`: the host's."""
    network = Namespace()

    class Interface:
        """Ethernet that always has an address."""

        def active(self, on=None) -> bool:
            """Switch it on."""
            return True

        def isconnected(self) -> bool:
            """It has an address."""
            return True

        def ipconfig(self, name="", **what):
            """Nothing needs to be set."""

        def ifconfig(self):
            """Address, mask, gateway, name server."""
            return ("127.0.0.1", "255.0.0.0", "127.0.0.1", config["name_server"])

    network.WIZNET5K = network.LAN = Interface
    return network


def build(config: dict, posix, control: Control) -> dict:
    """Module name -> module."""
    serial_pty.open = lambda path, mode, _buffering: posix.open(path, mode)  # the root file system is the board's own by then
    machine = Namespace()
    hardware = Hardware(config, posix, control)

    class WDT:
        """Cannot be stopped."""

        def __init__(self, id=0, timeout=5000) -> None:
            control.tell("wdt %d" % timeout)

        def feed(self) -> None:
            """Postpone the reset."""
            control.tell("feed")

    class Timer:
        """A one-shot timer that runs out resets the board: its callback is not called, and every one-shot timer of the product resets.
        A periodic one does nothing: the emulated unit has no interrupts, and a loop that hangs toggles nothing."""

        ONE_SHOT, PERIODIC = 0, 1

        def __init__(self, id=-1) -> None:
            self._number = id

        def init(self, mode=1, period=-1, callback=None, **how) -> None:
            """Start anew, with `period` in ms."""
            if mode == self.ONE_SHOT:
                control.tell("timer %d %d" % (self._number, period))

        def deinit(self) -> None:
            """Stop it."""
            control.tell("timer %d 0" % self._number)

    machine.Timer = Timer

    class RTC:
        """The MCU's own clock: the host's time."""

        def datetime(self, value=None):
            """(year, month, day, weekday, hour, minute, second, subsecond)."""
            now = time.gmtime()
            return None if value else (now[0], now[1], now[2], now[6], now[3], now[4], now[5], 0)

    def end(word: str):
        def reported() -> None:
            control.tell(word)
            control.stop()

        return reported

    machine.Pin, machine.WDT, machine.RTC = pin_class(hardware), WDT, RTC
    machine.UART = lambda number, baudrate=9600, **how: hardware.line(number, baudrate)
    machine.SPI = lambda number, baudrate=1000000, **how: hardware.spi
    machine.I2C = lambda number, freq=400000, **how: hardware.i2c
    machine.mem32 = Registers()
    machine.PWRON_RESET, machine.WDT_RESET = 1, 3
    machine.reset_cause = lambda: _CAUSES[config["cause"]]
    machine.reset, machine.bootloader, machine.soft_reset = end("reset"), end("reset"), end("soft")
    machine.unique_id = lambda: bytes.fromhex(config["unique_id"])
    machine.freq = lambda hz=0: 150000000
    machine.idle = lambda: None
    network = network_module(config)
    if config["faults"]:
        import hardware_faults

        hardware_faults.put(hardware, machine, network, config)
    return {"machine": machine, "network": network}
