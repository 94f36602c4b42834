"""What hangs on which pin of a board, from its own pins.py."""

from __future__ import annotations

from typing import Any

from swapcab.compile import board_files


def wiring(board: str) -> dict[str, Any]:
    """Serial lines by UART number, chip selects and interrupts as text, as the device side wants them."""
    pins = board_files.pins(board)
    return {
        "uarts": {str(row[0]): name for name, row in pins.SERIAL.items()},
        "can": [[name, str(select), str(interrupt)] for name, (select, interrupt) in pins.CAN.items()],
        "can_crystal_hz": pins.CAN_CRYSTAL_HZ,
        "flash_select": str(pins.FLASH_CS),
    }
