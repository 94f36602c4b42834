"""W5500-EVB-Pico2 with two RS485 lines, one or two MCP2515, Ethernet, a DS3231 and SPI NOR flash: see docs/boards.md.

Works with the stock image W5500_EVB_PICO2 (MicroPython 1.27 or later).
"""

import errno

import machine
import network
import pins
from chips.board_parts import Dog, RelayHeartbeat, cause_name, lookup
from chips.can_queue import QueuedCan, SharedBus
from chips.chip_clock import ChipClock
from chips.ds3231 import DS3231
from chips.expander_inputs import ExpanderInputs
from chips.interface import Interface
from chips.mcp2515 import MCP2515
from chips.mcp23017 import MCP23017
from chips.rp2350_trng import Trng
from chips.serial_line import Rs485Line
from chips.w25q import W25Q

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import Board as BoardContract
    from cabinet.ports import CanPort, Clock, ErasesBeside, Heartbeat, InputPort, Network, SerialLine, Watchdog

_WATCHDOG_MOST_MS = 8388  # the counter has 24 bits, of microseconds


class Board:
    """What this controller's hardware offers; see cabinet.ports.Board. Nothing is acquired before it is asked for."""

    name = "w5500_evb_pico2"

    def __init__(self, run_dir: str = "") -> None:
        self.run_dir = run_dir  # where settings and secrets lie; nothing of the hardware depends on it
        self._spi: "Any" = None
        self._i2c: "Any" = None
        self._bus = SharedBus()
        self._nic: "Interface | None" = None
        self._heartbeat: "RelayHeartbeat | None" = None
        self.clock: "Clock" = ChipClock(lambda: DS3231(self._wires()))
        self._chip: "W25Q | None" = None
        self._trng = Trng(machine.mem32, self.clock)

    def serial(self, port: str, baud: int) -> "SerialLine":
        """Open a serial line. Raises ValueError for a name that the board does not have."""
        number, buffer, tx, rx, drive = lookup(pins.SERIAL, port, "serial line")
        uart = machine.UART(number, baud, bits=8, parity=None, stop=1, tx=tx, rx=rx, timeout=0, rxbuf=buffer)
        return Rs485Line(uart, baud, machine.Pin(drive, machine.Pin.OUT, value=0), 1)

    def can(self, port: str, bitrate: int) -> "CanPort":
        """Open a CAN controller. Raises ValueError for a name that the board does not have, OSError if the chip is missing."""
        select, interrupt = lookup(pins.CAN, port, "CAN")
        spi = self._shared_spi()
        low: "Any" = machine.Pin(interrupt, machine.Pin.IN, machine.Pin.PULL_UP)
        pin = machine.Pin(select, machine.Pin.OUT, value=1)
        chip = MCP2515(spi, self._bus.select(pin), self.clock, bitrate, pins.CAN_CRYSTAL_HZ, low)
        queue = QueuedCan(chip, self._bus, low)
        low.irq(queue.on_interrupt, machine.Pin.IRQ_FALLING)
        return queue

    def flash(self, area: str) -> "ErasesBeside":
        """A raw flash area. Raises ValueError if the board has none, OSError if the chip is missing, wrong or protected."""
        base, size = lookup(pins.FLASH_AREAS, area, "flash area")
        if self._chip is None:
            spi = self._shared_spi()
            self._chip = W25Q(spi, self._bus.select(machine.Pin(pins.FLASH_CS, machine.Pin.OUT, value=1)), self.clock)
        return self._chip.area(base, size)

    def network(self, name: str = "") -> "Network":
        """The Ethernet interface with DHCP, which goes on by itself. Raises ValueError for another name than `ethernet`."""
        lookup({"": 0, "ethernet": 0}, name, "network interface")
        if self._nic is None:
            port: "Any" = network  # the stubs are those of another RP2 board
            if not hasattr(port, "WIZNET5K"):
                raise OSError(errno.ENODEV, "this image has no W5500 driver: use W5500_EVB_PICO2")
            nic = port.WIZNET5K()
            nic.active(True)
            nic.ipconfig(dhcp4=True)
            self._nic = Interface("ethernet", nic, self.clock, self.random_bytes, "no Ethernet link or no address yet")
        return self._nic

    def watchdog(self, timeout_ms: int) -> "Watchdog":
        """Start the hardware watchdog."""
        return Dog(machine.WDT, timeout_ms, _WATCHDOG_MOST_MS)

    def heartbeat(self) -> "Heartbeat":
        """The mains relay's heartbeat output."""
        if self._heartbeat is None:
            self._heartbeat = RelayHeartbeat(machine.Pin(pins.HEARTBEAT, machine.Pin.OUT, value=0), machine.Timer(-1))
        return self._heartbeat

    def random_bytes(self, count: int) -> bytes:
        """From the hardware generator. Raises OSError if it does not deliver or fails its own tests."""
        return self._trng.random_bytes(count)

    def reset_cause(self) -> str:
        """power_on, watchdog (a reset by program is one here) or unknown."""
        return cause_name(machine)

    def inputs(self, port: str, index: int) -> "InputPort":
        """Port `expanders`: pair `index` of MCP23017, see chips/expander_inputs.py. Raises ValueError for another name."""
        if port != "expanders":
            raise ValueError("no inputs %s on this board; it has: expanders" % port)
        return ExpanderInputs(self._wires(), index)

    def expander(self, address: int) -> MCP23017:
        """An I/O expander (0x20 to 0x27), all pins inputs until told otherwise. Not part of cabinet.ports: for own devices."""
        return MCP23017(self._wires(), address)

    def _shared_spi(self) -> "Any":
        if self._spi is None:
            for select in [pins.FLASH_CS] + [row[0] for row in pins.CAN.values()]:  # no other chip may listen in
                machine.Pin(select, machine.Pin.OUT, value=1)
            sck, mosi, miso = (machine.Pin(number) for number in pins.SPI_PINS)
            self._spi = machine.SPI(pins.SPI, pins.SPI_HZ, polarity=0, phase=0, sck=sck, mosi=mosi, miso=miso)
        return self._spi

    def _wires(self) -> "Any":
        if self._i2c is None:
            scl, sda = (machine.Pin(number) for number in pins.I2C_PINS)
            self._i2c = machine.I2C(pins.I2C, freq=pins.I2C_HZ, scl=scl, sda=sda)
        return self._i2c


if TYPE_CHECKING:
    # The type checker compares Board and its parts with the contracts here.
    _board: BoardContract = Board()
