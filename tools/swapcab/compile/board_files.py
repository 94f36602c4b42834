"""What belongs to a board: its folders, and the facts of its flash.json that tools need before they touch it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

from swapcab.paths import ROOT

EMULATED = ROOT / "tools" / "emulator" / "board"


def folder(board: str, root: Path = ROOT) -> Path:
    """Where its own files are. Raises FileNotFoundError that names the boards there are."""
    path = root / EMULATED.relative_to(ROOT) if board == "emulated" else root / "boards" / board
    if not path.is_dir():
        raise FileNotFoundError(f"no board {board}; there are: {', '.join(names(root))}")
    return path


def names(root: Path = ROOT) -> list[str]:
    """The boards that can be flashed."""
    return sorted([path.parent.name for path in (root / "boards").glob("*/flash.json")] + ["emulated"])


def facts(board: str, root: Path = ROOT) -> dict[str, Any]:
    """flash.json: how the board names itself, the oldest MicroPython it works with, how its file system is laid out."""
    return json.loads((folder(board, root) / "flash.json").read_text())


def folders(board: str, root: Path = ROOT) -> list[Path]:
    """Its own folder, behind that of the board which it is like: a file of its own goes before one of the other's."""
    own = folder(board, root)
    described = own / "flash.json"
    like = json.loads(described.read_text()).get("like") if described.is_file() else None
    return [*([folder(like, root)] if like else []), own]


def pins(board: str, root: Path = ROOT) -> ModuleType:
    """Its pins.py."""
    path = folder(board, root) / "pins.py"
    spec = importlib.util.spec_from_file_location(f"pins_{board}", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
