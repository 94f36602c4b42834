"""What the program of an emulated board reads at its start, as a file: which board it is, what is wired where, where its memories lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from emulator.options import Options
from emulator.wiring import wiring

AS_THEY_ARE = (
    "machine", "build", "platform", "micropython", "flash_bytes", "romfs_bytes", "unique_id", "inputs", "name_server", "cut_share_pct",
    "faults",
)  # fmt: skip
MEMORIES = {"flash": "internal-flash.bin", "rom": "romfs.bin", "nor": "spi-flash.bin"}


def paper(options: Options, folder: Path, cause: str, main: bool, flash_operations: int) -> Path:
    """Write it. `cause`: of the reset; `main`: whether main.py runs after boot.py; `flash_operations`: of the starts before."""
    config: dict[str, Any] = {
        **{name: getattr(options, name) for name in AS_THEY_ARE},
        **{name: str((folder / file).resolve()) for name, file in MEMORIES.items()},
        **wiring(options.board),
        "cut_at": max(1, options.cut_at - flash_operations) if options.cut_at else 0,
        "plant": str(Path(options.plant).resolve()) if options.plant else "",
        "cause": cause,
        "main": main,
    }
    path = folder / "board.json"
    path.write_text(json.dumps(config, indent=1))
    return path.resolve()
