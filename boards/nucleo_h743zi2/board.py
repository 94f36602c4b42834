"""NUCLEO-H743ZI2 with two RS485 lines, two CAN, Ethernet, SPI NOR flash and I/O expanders: see docs/boards.md.

Needs MicroPython 1.28 or later. The stock image NUCLEO_H743ZI2 has everything but the second CAN; the image in image/ has
all of it on the same pins.
"""

import machine
import pins
import stm32_parts
from chips.board_parts import Dog, RelayHeartbeat, cause_name, lookup
from chips.expander_inputs import ExpanderInputs
from chips.interface import Interface
from chips.mcp23017 import MCP23017
from chips.serial_line import Rs485Line, SerialPort
from chips.w25q import W25Q
from stm32_can import CanLine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from chips.w25q import NorArea

    from cabinet.ports import Board as BoardContract
    from cabinet.ports import CanPort, ErasesBeside, FlashArea, Heartbeat, InputPort, Network, SerialLine, Watchdog


def _pin(name: str) -> machine.Pin:
    """A pin by its CPU name. `Pin("D4")` would be Zio D4."""
    return getattr(machine.Pin.cpu, name)


def _output(name: str, level: int) -> machine.Pin:
    return machine.Pin(_pin(name), machine.Pin.OUT, value=level)


class Board:
    """What this controller's hardware offers; see cabinet.ports.Board. Nothing is acquired before it is asked for."""

    name = "nucleo_h743zi2"
    console = (87, 1, False)  # the UART to the ST-Link at 115,200 baud: no queue

    def __init__(self, run_dir: str = "") -> None:
        self.run_dir = run_dir  # where settings and secrets lie; nothing of the hardware depends on it
        self.clock = stm32_parts.RtcClock()
        self._chip: "W25Q | None" = None
        self._lan: "Interface | None" = None
        self._heartbeat: "RelayHeartbeat | None" = None

    def serial(self, port: str, baud: int) -> "SerialLine":
        """Open a serial line. Raises ValueError for a name that the board does not have."""
        number, buffer, drive = lookup(pins.SERIAL, port, "serial line")
        uart = machine.UART(number, baud, bits=8, parity=None, stop=1, timeout=0, rxbuf=buffer)
        if drive:
            return Rs485Line(uart, baud, _output(drive, 0))
        return SerialPort(uart, baud)

    def can(self, port: str, bitrate: int) -> "CanPort":
        """Open a CAN controller. Raises ValueError for a name that the board or its image does not have."""
        number = lookup(pins.CAN, port, "CAN")
        if not hasattr(machine, "CAN"):
            raise ValueError("this image has no machine.CAN: MicroPython 1.28 or later is needed")
        try:
            can = machine.CAN(number, bitrate, sample_point=87)
        except ValueError as error:
            # MicroPython knows no exception chaining
            raise ValueError("%s at %d bit/s: %s (the stock image has can-1 only)" % (port, bitrate, error))  # noqa: B904
        return CanLine(can, bitrate)

    def flash(self, area: str) -> "FlashArea":
        """A raw flash area. Raises ValueError if the board has none, OSError if the chip is missing, wrong or protected."""
        base, size = lookup(pins.FLASH_AREAS, area, "flash area")
        if self._chip is None:
            select = _output(pins.FLASH_CS, 1)
            spi = machine.SPI(pins.FLASH_SPI, pins.FLASH_HZ, polarity=0, phase=0)
            self._chip = W25Q(spi, select, self.clock)
        return self._chip.area(base, size)

    def network(self, name: str = "") -> "Network":
        """The Ethernet interface. Raises ValueError for another name than `ethernet`."""
        lookup({"": 0, "ethernet": 0}, name, "network interface")
        if self._lan is None:
            self._lan = Interface("ethernet", stm32_parts.lan(), self.clock, stm32_parts.true_random, "no Ethernet link or no address yet")
        return self._lan

    def watchdog(self, timeout_ms: int) -> "Watchdog":
        """Start the hardware watchdog."""
        return Dog(machine.WDT, timeout_ms, 32000)

    def heartbeat(self) -> "Heartbeat":
        """The mains relay's heartbeat output."""
        if self._heartbeat is None:
            self._heartbeat = RelayHeartbeat(_output(pins.HEARTBEAT, 0), machine.Timer(-1))
        return self._heartbeat

    def random_bytes(self, count: int) -> bytes:
        """From the hardware generator. Raises OSError where there is none."""
        return stm32_parts.true_random(count)

    def reset_cause(self) -> str:
        """power_on, watchdog, soft, hard or unknown."""
        return cause_name(machine)

    def inputs(self, port: str, index: int) -> "InputPort":
        """Port `expanders`: pair `index` of MCP23017, see chips/expander_inputs.py. Raises ValueError for another name."""
        if port != "expanders":
            raise ValueError("no inputs %s on this board; it has: expanders" % port)
        return ExpanderInputs(machine.I2C(pins.EXPANDER_I2C, freq=pins.EXPANDER_HZ), index)

    def expander(self, address: int) -> MCP23017:
        """An I/O expander (0x20 to 0x27), all pins inputs until set otherwise. Not part of cabinet.ports: for own devices."""
        return MCP23017(machine.I2C(pins.EXPANDER_I2C, freq=pins.EXPANDER_HZ), address)


if TYPE_CHECKING:
    # The type checker compares Board and its parts with the contracts here.
    _board: BoardContract = Board()
    _area: ErasesBeside = NorArea(W25Q(None, None, _board.clock), 0, 4096)
