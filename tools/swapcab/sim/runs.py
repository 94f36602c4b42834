"""Folders of simulated runs: build/sim keeps the last ten, and never removes one that is in use."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from pathlib import Path

from swapcab.paths import ROOT

RUNS = ROOT / "build" / "sim"
KEEP = 10
LOCK = ".in-use"


class RunFolder:
    """Marks a folder as in use until close(), or until the process ends. Creates the folder. Raises OSError."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        with contextlib.suppress(OSError):  # two runs in one folder: the first one holds the mark
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        """Give the folder free; safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def new_folder(runs: Path = RUNS) -> Path:
    """A new folder with the next number; older ones than the last ten are removed. Raises OSError."""
    runs.mkdir(parents=True, exist_ok=True)
    while True:
        numbers = _numbers(runs)
        folder = runs / str(numbers[-1] + 1 if numbers else 1)
        try:
            folder.mkdir()
        except FileExistsError:  # another run took the number in this moment
            continue
        for number in [*numbers, int(folder.name)][:-KEEP]:
            if (runs / str(number)).is_dir() and not _in_use(runs / str(number)):
                shutil.rmtree(runs / str(number), ignore_errors=True)
        return folder


def _numbers(runs: Path) -> list[int]:
    return sorted(int(path.name) for path in runs.iterdir() if path.name.isdigit())


def _in_use(folder: Path) -> bool:
    try:
        with open(folder / LOCK, "rb") as mark:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False  # a run of an older version, or one that was never started
    except OSError:
        return True
    return False
