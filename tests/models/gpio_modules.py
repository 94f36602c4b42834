"""Stand-ins for `machine`, `network`, `esp32` and `time` as MicroPython's ESP32 and RP2 ports have them. Both interpreters.

Behind them: two MCP2515 and a W25Q on SPI, a DS3231 and an MCP23017 on I2C, flash partitions, the RP2350's random source.
A falling edge on a pin with an interrupt calls its handler, as the ports do between two bytecodes.
"""

import stand_in
from ds3231_model import Ds3231Model
from i2c_bus import I2c, Mcp23017Model
from mcp2515_model import Mcp2515Model
from spi_bus import Clock, Select, Spi
from w25q_model import W25QModel

TRNG = 0x400F0000


class World:
    """The hardware behind the modules, for the test to look at. `selects`: pin -> chip on the SPI bus."""

    def __init__(self, port: str, cans: dict, flash_select: int = -1) -> None:
        self.port = port
        self.clock = Clock()
        self.log = []
        self.pins = {}
        self.uarts = {}
        self.peers = {}  # UART -> what hangs on its line: called with what is sent, gives what comes back
        self.i2c = I2c()
        self.i2c.chips[0x20] = Mcp23017Model()
        self.rtc = self.i2c.chips[0x68] = Ds3231Model(self.clock)
        self.spi = Spi(self.clock, 5)
        self.nor = W25QModel(self.clock)
        self.cans = {name: Mcp2515Model(self.clock) for name in cans}
        self.selects = {}
        self.selects.update({cans[name][0]: self.cans[name] for name in cans})
        self.interrupts = {cans[name][1]: self.cans[name] for name in cans}
        if flash_select >= 0:
            self.selects[flash_select] = self.nor
        self.partitions = {"journal-a": 524288, "journal-b": 131072, "state": 32768}
        self.encrypted = False
        self.nvs = {}
        self.trng = Trng()
        self.random_zeros = False
        self.radio = True  # whether the radio comes on when it is told to
        self.cause = 1
        self.fed = 0
        self.watchdog_ms = 0
        self.timers = []  # (period ms, callback, whether from an interrupt)
        self.link = 0
        self.held = -1  # the pin of a button that is pressed
        self.found = {}  # partitions that were asked for
        self.time = None

    def edges(self) -> None:
        """Call the handlers of the interrupt pins that have fallen."""
        for number, chip in self.interrupts.items():
            pin = self.pins.get(number)
            if pin is not None and pin.handler is not None:
                level = chip.interrupt()
                if pin.last and not level:
                    pin.last = level
                    pin.handler(pin)
                pin.last = chip.interrupt()


class Trng:
    """The registers of the RP2350's generator, from its data sheet."""

    def __init__(self) -> None:
        self.registers = {}
        self.state = 12345
        self.dead = False
        self.errors = 0  # the next so many collections fail a test

    def __getitem__(self, address: int) -> int:
        register = address - TRNG
        if register == 0x104:
            if self.dead or not self.registers.get(0x12C):
                return 0
            return 4 if self.errors else 1
        if 0x114 <= register <= 0x128:
            self.state = (self.state * 1103515245 + 12345) & 0xFFFFFFFF
            return self.state
        return self.registers.get(register, 0)

    def __setitem__(self, address: int, value: int) -> None:
        if address - TRNG == 0x140 and self.errors:
            self.errors -= 1
        self.registers[address - TRNG] = value


def build(world: World) -> dict:
    """The modules on one world."""
    machine, network, time, esp32 = [stand_in.empty_module() for _ in range(4)]

    class Pin:
        """A pin by its number."""

        OUT, IN, PULL_UP, IRQ_FALLING = 1, 0, 2, 4

        def __init__(self, number, mode=-1, pull=-1, value=None) -> None:
            if not isinstance(number, int):
                raise TypeError("pins have numbers here")
            self.number, self.mode = number, mode
            self.handler, self.last, self.level = None, 1, None
            chip = world.selects.get(number)
            self._select = Select(world.spi, chip) if chip is not None else None
            if mode != -1:
                world.pins[number] = self
            if value is not None:
                self(value)

        def __call__(self, level=None):
            if level is None:
                if self.number in world.interrupts:
                    return world.interrupts[self.number].interrupt()
                if self.number == world.held:
                    return 0
                return self.level if self.level is not None else 1
            self.level = level
            if self._select is not None:
                self._select(level)
            else:
                world.log.append((self.number, level))
            return None

        def irq(self, handler, trigger):
            self.handler = handler

    class UART:
        """Writes go to a buffer and are on the wire after `flush`."""

        def __init__(self, number, baud, bits=8, parity=None, stop=1, tx=-1, rx=-1, timeout=0, rxbuf=64) -> None:
            if number not in ((1, 2) if world.port == "esp32" else (0, 1)):
                raise ValueError("UART(" + str(number) + ") doesn't exist")
            self.number, self.baud, self.timeout, self.rxbuf = number, baud, timeout, rxbuf
            self.format, self.pins = (bits, parity, stop), (tx, rx)
            self.waiting, self.sent, self.unsent = bytearray(), bytearray(), 0
            self.broken = False
            world.uarts[number] = self

        def any(self):
            return len(self.waiting)

        def readinto(self, buf, count=None):
            got = self.waiting[: len(buf) if count is None else count]
            self.waiting = self.waiting[len(got) :]
            buf[: len(got)] = got
            return len(got) or None

        def write(self, data):
            if self.broken:
                raise OSError(110)
            world.log.append(("uart", bytes(data)))
            self.sent.extend(bytes(data))
            self.unsent += len(data)
            peer = world.peers.get(self.number)
            if peer is not None:
                self.waiting.extend(peer(bytes(data)))
            return len(data)

        def flush(self):
            early = 1 if world.port == "rp2" else 0  # may return while the last character is sent
            world.clock.now_us += max(0, self.unsent - early) * 10000000 // self.baud
            self.unsent = 0

    class SPI:
        """The bus of the chips."""

        def __init__(self, number, baud, polarity=0, phase=0, sck=None, mosi=None, miso=None) -> None:
            assert (polarity, phase) == (0, 0) and baud <= 10000000
            self.pins = (sck, mosi, miso)

        def write(self, data):
            world.spi.write(data)

        def readinto(self, buf, write=0):
            world.spi.readinto(buf, write)

    class WDT:
        """Cannot be stopped."""

        def __init__(self, id=0, timeout=5000) -> None:
            world.watchdog_ms = timeout

        def feed(self):
            world.fed += 1

    class Timer:
        """The test lets it fire."""

        PERIODIC = 1

        def __init__(self, id=-1) -> None:
            if (id < 0) == (world.port == "esp32"):
                raise ValueError("Timer doesn't exist")

        def init(self, mode, period, callback, hard=False):
            if hard and world.port == "esp32":
                raise ValueError("hard Timers are not implemented")
            world.timers.append((period, callback, hard))

    machine.Timer = Timer

    class Nic:
        """Wi-Fi and Ethernet."""

        PM_NONE = 0

        def __init__(self, kind=None) -> None:
            self.on = False

        def active(self, on=None):
            if on is None:
                return self.on
            self.on = bool(on) and world.radio
            world.log.append(("nic", on))
            return None

        def config(self, **_options):
            """Nothing of it is modelled."""

        def connect(self, name, passphrase):
            world.log.append(("wifi", name, passphrase))

        def ipconfig(self, **options):
            world.log.append(("ipconfig", options))

        def isconnected(self):
            return world.link == 3

        def ifconfig(self):
            return ("192.0.2.7", "255.255.255.0", "192.0.2.1", "192.0.2.53")

    class Partition:
        """A partition as an extended block device."""

        TYPE_DATA = 1

        def __init__(self, name, size) -> None:
            self.name, self.size = name, size
            self.sectors = {}  # only those that were written: a small heap must hold them

        @staticmethod
        def find(kind=1, subtype=255, label=None):
            if label not in world.partitions:
                return []
            return [world.found.setdefault(label, Partition(label, world.partitions[label]))]

        def info(self):
            return (1, 0x40, 0, self.size, self.name, world.encrypted)

        def readblocks(self, block, buf, offset=0):
            cells = self.sectors.get(block)
            for i in range(len(buf)):
                buf[i] = 0xFF if cells is None else cells[offset + i]

        def writeblocks(self, block, buf, offset=0):
            cells = self.sectors.setdefault(block, bytearray(b"\xff" * 4096))
            for i in range(len(buf)):
                cells[offset + i] &= buf[i]

        def ioctl(self, what, argument):
            if what == 6:
                self.sectors.pop(argument, None)
                return 0
            return self.size // 4096 if what == 4 else 4096

    class NVS:
        """Named blobs."""

        def __init__(self, space) -> None:
            self.space = space

        def get_blob(self, key, buffer):
            value = world.nvs.get((self.space, key))
            if value is None:
                raise OSError(-4354)
            buffer[: len(value)] = value
            return len(value)

    machine.Pin, machine.UART, machine.SPI, machine.WDT = Pin, UART, SPI, WDT
    machine.I2C = lambda number, freq, scl, sda: world.i2c
    machine.PWRON_RESET, machine.WDT_RESET = 1, 3
    if world.port == "esp32":
        machine.HARD_RESET, machine.DEEPSLEEP_RESET, machine.SOFT_RESET = 2, 4, 5
        network.WLAN, network.STA_IF = Nic, 0
        esp32.Partition, esp32.NVS = Partition, NVS
    else:
        machine.mem32 = world.trng
        network.WIZNET5K = Nic
    machine.reset_cause = lambda: world.cause
    machine.unique_id = lambda: bytes(range(8))
    time.ticks_ms, time.ticks_us, time.sleep_us = world.clock.ticks_ms, world.clock.ticks_us, lambda us: _pass(world, us)
    stand_ins = {"machine": machine, "network": network, "time": time, "esp32": esp32}
    stand_ins.update(stand_in.uplink_modules())
    return stand_ins


def _pass(world, us):
    world.clock.now_us += us


def load(world: World, folder: str, names: tuple, first: str = "board"):
    """The board's module `first`, imported against the stand-ins."""
    return stand_in.load(world, build(world), folder, names, first)
