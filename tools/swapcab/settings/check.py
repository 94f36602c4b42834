"""`swapcab settings check`: what is wrong with a settings file, and what is doubtful."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swapcab.paths import use_firmware
from swapcab.profile import files as profile_files


@dataclass
class Result:
    """What a check found. `wrong`: the controller does not start, or the board has no such part. `notes`: it may be meant."""

    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    summary: str = ""
    unreadable: bool = False  # the file itself cannot be read


def check(file: Path, board: str = "") -> Result:
    """Check a file, and with `board` (a folder of boards/) its ports and bauds too. Raises nothing for what stands in the file."""
    use_firmware()
    config: Any = importlib.import_module("cabinet.startup.settings")
    result = Result()
    try:
        with file.open("rb") as opened:
            text = opened.read(config.MAX_BYTES + 1)
    except OSError as error:
        result.wrong.append(f"{file}: {error.strerror or error}; give the path of a settings.json")
        result.unreadable = True
        return result
    found: list[Exception] = []
    try:
        settings = config.parse(text, found)
    except config.SettingsError as error:
        found.append(error)
    result.wrong += [str(error) for error in found]
    if board:
        _unknown_board(board, result)
    if not result.wrong:
        _whole(settings, file, board, result)
    return result


def _unknown_board(board: str, result: Result) -> None:
    from swapcab.settings import board_check

    try:
        board_check.pins_of(board)
    except board_check.BoardProblem as error:
        result.wrong.append(str(error))


def _whole(settings: Any, file: Path, board: str, result: Result) -> None:
    """What only settings without a mistake can be held against: profiles, the board, what is probably not meant."""
    from swapcab.settings import board_check, notes

    if settings.profiles:
        try:
            profile_files.files(file)
        except (OSError, ValueError) as error:  # a SettingsError, or a mistake in a profile
            result.wrong.append(str(error))
    if board:
        result.wrong += board_check.problems(settings, board)
        result.notes += board_check.notes(settings, board)
    result.notes += notes.all_notes(settings, file.parent)
    result.summary = f"cabinet {settings.cabinet.id}, {settings.cabinet.slots} slots, {len(settings.tokens)} tokens"
