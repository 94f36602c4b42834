"""ESP32-S3 with two RS485 lines, one or two MCP2515, Wi-Fi, a DS3231 and flash partitions or a W25Q: see docs/boards.md.

Works with the stock image ESP32_GENERIC_S3 (MicroPython 1.27 or later) and the partition table in partitions.csv.
"""

import esp32_parts
import machine
import pins
from chips.board_parts import lookup
from chips.gpio_board import GpioBoard
from chips.interface import Interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import Board as BoardContract
    from cabinet.ports import FlashArea, Network


class Board(GpioBoard):
    """What this controller's hardware offers; see cabinet.ports.Board. Nothing is acquired before it is asked for."""

    name = "esp32_s3"
    watchdog_most_ms = 60000
    console = (87, 1, False)  # UART0 at 115,200 baud where the USB port is not the prompt's
    hard_timer = False  # the port: "hard Timers are not implemented"

    def __init__(self, run_dir: str = "") -> None:
        super().__init__(pins, [pins.FLASH_CS] + [row[0] for row in pins.CAN.values()], run_dir)
        self._nic: "Interface | None" = None

    def flash(self, area: str) -> "FlashArea":
        """A raw flash area. Raises ValueError if the board has none, OSError if its partition or the chip is missing."""
        if pins.FLASH_ON_SPI:
            base, size = lookup(pins.SPI_AREAS, area, "flash area")
            return self.nor_area(base, size)
        _base, size = lookup(pins.FLASH_AREAS, area, "flash area")
        return esp32_parts.partition(area, size)

    def network(self, name: str = "") -> "Network":
        """Wi-Fi. Raises ValueError for another name than `wifi`."""
        lookup({"": 0, "wifi": 0}, name, "network interface")
        if self._nic is None:
            hint = "no Wi-Fi or no address yet: look at network name, passphrase and antenna (docs/boards.md)"
            self._nic = Interface("wifi", esp32_parts.station(), self.clock, esp32_parts.true_random, hint)
        return self._nic

    def beat_timer(self) -> "Any":
        """A hardware timer: whether there are others depends on the port's version."""
        return machine.Timer(0)

    def random_bytes(self, count: int) -> bytes:
        """From the hardware generator. Raises OSError where it has no source of noise."""
        return esp32_parts.true_random(count)


if TYPE_CHECKING:
    # The type checker compares Board and its parts with the contracts here.
    _board: BoardContract = Board()
