"""The compiled profiles that a settings file names, for whoever checks it or brings it to a board."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from swapcab.profile.compile import compiled
from swapcab.profile.source import FOLDER, check, load


def compiled_for(name: str, folder: Path) -> bytes:
    """From NAME.json or NAME.profile beside the settings, or of those that ship. Raises ProfileMistake, or OSError if there is none."""
    for source in (folder / f"{name}.json", folder / f"{name}.profile", FOLDER / f"{name}.json"):
        if source.is_file():
            return source.read_bytes() if source.suffix == ".profile" else compiled(check(load(source)))
    raise OSError(f"{name}.profile is not beside the settings")


def files(settings: Path) -> dict[str, bytes]:
    """Name of each compiled file that `settings` needs -> its bytes; held against buses and addresses as the firmware does.

    Raises the firmware's SettingsError, or ProfileMistake."""
    config: Any = importlib.import_module("cabinet.startup.settings")
    reader: Any = importlib.import_module("cabinet.devices.profiles.reader")
    found: dict[str, bytes] = {}

    def fetch(name: str) -> bytes:
        found[name] = compiled_for(name.rpartition(".")[0], settings.parent)
        return found[name]

    reader.load(config.parse(settings.read_bytes()), fetch, config.SettingsError)
    return found
