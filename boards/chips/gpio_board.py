"""What boards do alike whose pins have numbers and whose CAN controllers are MCP2515 on one SPI bus: ESP32 and RP2."""

import machine

from chips.board_parts import Dog, RelayHeartbeat, cause_name, lookup
from chips.can_queue import QueuedCan, SharedBus
from chips.chip_clock import ChipClock
from chips.ds3231 import DS3231
from chips.expander_inputs import ExpanderInputs
from chips.mcp2515 import MCP2515
from chips.mcp23017 import MCP23017
from chips.serial_line import Rs485Line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import CanPort, ErasesBeside, Heartbeat, InputPort, SerialLine, Watchdog
    from chips.w25q import W25Q


class GpioBoard:
    """Nothing is acquired before it is asked for. `pins`: the board's pins.py; `selects`: every chip select on the SPI bus."""

    watchdog_most_ms = 0
    console = (0, 1, False)  # USB: its FIFO says whether it has room, not for how much
    last_characters = 0  # see Rs485Line
    hard_timer = True  # whether the port's timers call from an interrupt

    def __init__(self, pins: "Any", selects: "list[int]", run_dir: str) -> None:
        self.run_dir = run_dir  # where settings and secrets lie; nothing of the hardware depends on it
        self._pins = pins
        self._selects = selects
        self._spi: "Any" = None
        self._i2c: "Any" = None
        self._bus = SharedBus()
        self._heartbeat: "RelayHeartbeat | None" = None
        self._nor: "W25Q | None" = None
        self.clock = ChipClock(lambda: DS3231(self._wires()))

    def serial(self, port: str, baud: int) -> "SerialLine":
        """Open a serial line. Raises ValueError for a name that the board does not have."""
        number, buffer, tx, rx, drive = lookup(self._pins.SERIAL, port, "serial line")
        uart = machine.UART(number, baud, bits=8, parity=None, stop=1, tx=tx, rx=rx, timeout=0, rxbuf=buffer)
        return Rs485Line(uart, baud, machine.Pin(drive, machine.Pin.OUT, value=0), self.last_characters)

    def can(self, port: str, bitrate: int) -> "CanPort":
        """Open a CAN controller. Raises ValueError for a name that the board does not have, OSError if the chip is missing."""
        select, interrupt = lookup(self._pins.CAN, port, "CAN")
        spi = self._shared_spi()
        low: "Any" = machine.Pin(interrupt, machine.Pin.IN, machine.Pin.PULL_UP)
        pin = machine.Pin(select, machine.Pin.OUT, value=1)
        chip = MCP2515(spi, self._bus.select(pin), self.clock, bitrate, self._pins.CAN_CRYSTAL_HZ, low)
        queue = QueuedCan(chip, self._bus, low)
        low.irq(queue.on_interrupt, machine.Pin.IRQ_FALLING)
        return queue

    def watchdog(self, timeout_ms: int) -> "Watchdog":
        """Start the hardware watchdog."""
        return Dog(machine.WDT, timeout_ms, self.watchdog_most_ms)

    def heartbeat(self) -> "Heartbeat":
        """The mains relay's heartbeat output."""
        if self._heartbeat is None:
            output = machine.Pin(self._pins.HEARTBEAT, machine.Pin.OUT, value=0)
            self._heartbeat = RelayHeartbeat(output, self.beat_timer(), self.hard_timer)
        return self._heartbeat

    def beat_timer(self) -> "Any":
        """The timer that drops a heartbeat which pauses; a software timer of the port."""
        return machine.Timer(-1)

    def reset_cause(self) -> str:
        """power_on, watchdog, soft, hard or unknown; on RP2 a reset by program is one of the watchdog."""
        return cause_name(machine)

    def inputs(self, port: str, index: int) -> "InputPort":
        """Port `expanders`: pair `index` of MCP23017, see chips/expander_inputs.py. Raises ValueError for another name."""
        if port != "expanders":
            raise ValueError("no inputs %s on this board; it has: expanders" % port)
        return ExpanderInputs(self._wires(), index)

    def expander(self, address: int) -> MCP23017:
        """An I/O expander (0x20 to 0x27), all pins inputs until set otherwise. Not part of cabinet.ports: for own devices."""
        return MCP23017(self._wires(), address)

    def nor_area(self, base: int, size: int) -> "ErasesBeside":
        """A part of the W25Q on the SPI bus. Raises OSError if the chip is missing, wrong or protected."""
        if self._nor is None:
            from chips.w25q import W25Q

            spi = self._shared_spi()
            self._nor = W25Q(spi, self._bus.select(machine.Pin(self._pins.FLASH_CS, machine.Pin.OUT, value=1)), self.clock)
        return self._nor.area(base, size)

    def _shared_spi(self) -> "Any":
        if self._spi is None:
            for select in self._selects:  # no other chip may listen in
                machine.Pin(select, machine.Pin.OUT, value=1)
            sck, mosi, miso = (machine.Pin(number) for number in self._pins.SPI_PINS)
            self._spi = machine.SPI(self._pins.SPI, self._pins.SPI_HZ, polarity=0, phase=0, sck=sck, mosi=mosi, miso=miso)
        return self._spi

    def _wires(self) -> "Any":
        if self._i2c is None:
            scl, sda = (machine.Pin(number) for number in self._pins.I2C_PINS)
            self._i2c = machine.I2C(self._pins.I2C, freq=self._pins.I2C_HZ, scl=scl, sda=sda)
        return self._i2c
