"""A copy of the firmware as one file, as boards/switch/switch.py reads it: modules, index, trailer."""

from __future__ import annotations

import hashlib
from binascii import crc32
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TRAILER = 48
HASH_DIGITS = 16


class BundleError(ValueError):
    """The bytes are no whole copy."""


@dataclass(frozen=True)
class Piece:
    """One module in a copy: where it lies, and the beginning of its SHA-256."""

    name: str
    offset: int
    size: int
    digest: str


def digest(data: bytes) -> str:
    """What the index keeps of a module."""
    return hashlib.sha256(data).hexdigest()[:HASH_DIGITS]


def modules(folder: Path) -> dict[str, bytes]:
    """What a compiled image holds: every .mpy below `folder`."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.mpy"))}


def layout(parts: Mapping[str, bytes]) -> list[Piece]:
    """The modules one behind the other."""
    pieces: list[Piece] = []
    offset = 0
    for name in sorted(parts):
        pieces.append(Piece(name, offset, len(parts[name]), digest(parts[name])))
        offset += len(parts[name])
    return pieces


def ending(pieces: list[Piece], sequence: int, alone: bool = False) -> bytes:
    """Index and trailer; the copy is whole once these bytes are there. `alone`: in a file of their own, as in a ROMFS."""
    index = "".join(f"\n{piece.name} {piece.offset} {piece.size} {piece.digest}" for piece in pieces).encode() + b"\n"
    start = pieces[-1].offset + pieces[-1].size if pieces and not alone else 0
    return index + f"swapcab1 {sequence} {start} {crc32(index):08x}\n".rjust(TRAILER).encode()


def whole(parts: Mapping[str, bytes], sequence: int) -> bytes:
    """All of a copy."""
    return b"".join(parts[name] for name in sorted(parts)) + ending(layout(parts), sequence)


def read_ending(trailer: bytes, index: bytes) -> tuple[int, list[Piece]]:
    """Sequence number and modules of a copy, from its last 48 bytes and what stands between the modules and them. Raises BundleError."""
    words = trailer.split()
    try:
        if len(trailer) != TRAILER or len(words) != 4 or words[0] != b"swapcab1" or int(words[3], 16) != crc32(index):
            raise BundleError("no whole copy")
        rows = [line.split() for line in index.decode().strip().splitlines()]
        return int(words[1]), [Piece(name, int(offset), int(size), known) for name, offset, size, known in rows]
    except (ValueError, UnicodeDecodeError) as error:
        raise BundleError("no whole copy") from error
