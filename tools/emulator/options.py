"""Which board is emulated, and what goes wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Options:
    """Which board it is and what hangs on it. Times in seconds, sizes in bytes."""

    machine: str = "Swapcab emulated board with RP2350"
    build: str = "SWAPCAB_EMULATED"
    platform: str = "rp2"
    micropython: tuple[int, int, int, str] = (1, 28, 0, "")
    flash_bytes: int = 1024 * 1024
    romfs_bytes: int = 0  # a ROMFS partition; it takes as much of the heap here
    heap: str = "1m"
    unique_id: str = "e661a4d4177d2b29"
    plant: str = ""
    board: str = "emulated"
    inputs: dict[str, int] = field(default_factory=dict)
    name_server: str = "127.0.0.1"
    cut_at: int = 0  # the supply goes in this program or erase of the file system, counted by `flash_operations`; 0: never
    cut_share_pct: int = 50
    watchdog_slack: float = 1.0
    watchdog_bites: bool = True
    faults: dict[str, Any] = field(default_factory=dict)  # what is wrong with its chips and lines, as device/hardware_faults.py has it


class BoardError(Exception):
    """The board did not do what was awaited of it."""
