"""W5500-EVB-Pico2 with two RS485 lines, one or two MCP2515, Ethernet, a DS3231 and SPI NOR flash: see docs/boards.md.

Works with the stock image W5500_EVB_PICO2 (MicroPython 1.27 or later).
"""

import errno

import machine
import network
import pins
from chips.board_parts import lookup
from chips.gpio_board import GpioBoard
from chips.interface import Interface
from chips.rp2350_trng import Trng

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import Board as BoardContract
    from cabinet.ports import ErasesBeside, Network


class Board(GpioBoard):
    """What this controller's hardware offers; see cabinet.ports.Board. Nothing is acquired before it is asked for."""

    name = "w5500_evb_pico2"
    watchdog_most_ms = 8388  # the counter has 24 bits, of microseconds
    last_characters = 1

    def __init__(self, run_dir: str = "") -> None:
        super().__init__(pins, [pins.FLASH_CS] + [row[0] for row in pins.CAN.values()], run_dir)
        self._nic: "Interface | None" = None
        self._trng = Trng(machine.mem32, self.clock)

    def flash(self, area: str) -> "ErasesBeside":
        """A raw flash area. Raises ValueError if the board has none, OSError if the chip is missing, wrong or protected."""
        base, size = lookup(pins.FLASH_AREAS, area, "flash area")
        return self.nor_area(base, size)

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

    def random_bytes(self, count: int) -> bytes:
        """From the hardware generator. Raises OSError if it does not deliver or fails its own tests."""
        return self._trng.random_bytes(count)


if TYPE_CHECKING:
    # The type checker compares Board and its parts with the contracts here.
    _board: BoardContract = Board()
