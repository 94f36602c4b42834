"""ESP32-S3 with two RS485 lines, one or two MCP2515, Wi-Fi, a DS3231 and flash partitions: see docs/boards.md.

Works with the stock image ESP32_GENERIC_S3 (MicroPython 1.27 or later) and the partition table in partitions.csv.
"""

import esp32_parts
import machine
import pins
from chips.board_parts import Dog, RelayHeartbeat, cause_name, lookup
from chips.can_queue import QueuedCan, SharedBus
from chips.chip_clock import ChipClock
from chips.ds3231 import DS3231
from chips.expander_inputs import ExpanderInputs
from chips.interface import Interface
from chips.mcp2515 import MCP2515
from chips.mcp23017 import MCP23017
from chips.serial_line import Rs485Line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import Board as BoardContract
    from cabinet.ports import CanPort, Clock, FlashArea, Heartbeat, InputPort, Network, SerialLine, Watchdog

_WATCHDOG_MOST_MS = 60000


class Board:
    """What this controller's hardware offers; see cabinet.ports.Board. Nothing is acquired before it is asked for."""

    name = "esp32_s3"

    def __init__(self, run_dir: str = "") -> None:
        self.run_dir = run_dir  # where settings and secrets lie; nothing of the hardware depends on it
        self._spi: "Any" = None
        self._i2c: "Any" = None
        self._bus = SharedBus()
        self._nic: "Interface | None" = None
        self._heartbeat: "RelayHeartbeat | None" = None
        self.clock: "Clock" = ChipClock(lambda: DS3231(self._wires()))

    def serial(self, port: str, baud: int) -> "SerialLine":
        """Open a serial line. Raises ValueError for a name that the board does not have."""
        number, buffer, tx, rx, drive = lookup(pins.SERIAL, port, "serial line")
        uart = machine.UART(number, baud, bits=8, parity=None, stop=1, tx=tx, rx=rx, timeout=0, rxbuf=buffer)
        return Rs485Line(uart, baud, machine.Pin(drive, machine.Pin.OUT, value=0))

    def can(self, port: str, bitrate: int) -> "CanPort":
        """Open a CAN controller. Raises ValueError for a name that the board does not have, OSError if the chip is missing."""
        select, interrupt = lookup(pins.CAN, port, "CAN")
        if self._spi is None:
            for other, _int in pins.CAN.values():  # no other chip may listen in
                machine.Pin(other, machine.Pin.OUT, value=1)
            sck, mosi, miso = (machine.Pin(number) for number in pins.SPI_PINS)
            self._spi = machine.SPI(pins.SPI, pins.SPI_HZ, polarity=0, phase=0, sck=sck, mosi=mosi, miso=miso)
        low: "Any" = machine.Pin(interrupt, machine.Pin.IN, machine.Pin.PULL_UP)
        pin = machine.Pin(select, machine.Pin.OUT, value=1)
        chip = MCP2515(self._spi, self._bus.select(pin), self.clock, bitrate, pins.CAN_CRYSTAL_HZ, low)
        queue = QueuedCan(chip, self._bus, low)
        low.irq(queue.on_interrupt, machine.Pin.IRQ_FALLING)
        return queue

    def flash(self, area: str) -> "FlashArea":
        """A raw flash area. Raises ValueError if the board has none, OSError if its partition is missing."""
        _base, size = lookup(pins.FLASH_AREAS, area, "flash area")
        return esp32_parts.partition(area, size)

    def network(self, name: str = "") -> "Network":
        """Wi-Fi. Raises ValueError for another name than `wifi`."""
        lookup({"": 0, "wifi": 0}, name, "network interface")
        if self._nic is None:
            hint = "no Wi-Fi or no address yet: look at network name, passphrase and antenna (docs/boards.md)"
            self._nic = Interface("wifi", esp32_parts.station(), self.clock, esp32_parts.true_random, hint)
        return self._nic

    def watchdog(self, timeout_ms: int) -> "Watchdog":
        """Start the hardware watchdog."""
        return Dog(machine.WDT, timeout_ms, _WATCHDOG_MOST_MS)

    def heartbeat(self) -> "Heartbeat":
        """The mains relay's heartbeat output."""
        if self._heartbeat is None:
            self._heartbeat = RelayHeartbeat(machine.Pin(pins.HEARTBEAT, machine.Pin.OUT, value=0))
        return self._heartbeat

    def random_bytes(self, count: int) -> bytes:
        """From the hardware generator. Raises OSError where it has no source of noise."""
        return esp32_parts.true_random(count)

    def reset_cause(self) -> str:
        """power_on, watchdog, soft, hard or unknown."""
        return cause_name(machine)

    def inputs(self, port: str, index: int) -> "InputPort":
        """Port `expanders`: pair `index` of MCP23017, see chips/expander_inputs.py. Raises ValueError for another name."""
        if port != "expanders":
            raise ValueError("no inputs %s on this board; it has: expanders" % port)
        return ExpanderInputs(self._wires(), index)

    def expander(self, address: int) -> MCP23017:
        """An I/O expander (0x20 to 0x27), all pins inputs until told otherwise. Not part of cabinet.ports: for own devices."""
        return MCP23017(self._wires(), address)

    def _wires(self) -> "Any":
        if self._i2c is None:
            scl, sda = (machine.Pin(number) for number in pins.I2C_PINS)
            self._i2c = machine.I2C(pins.I2C, freq=pins.I2C_HZ, scl=scl, sda=sda)
        return self._i2c


if TYPE_CHECKING:
    # The type checker compares Board and its parts with the contracts here.
    _board: BoardContract = Board()
