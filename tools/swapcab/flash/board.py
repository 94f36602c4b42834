"""The board's side of a flash: short programs for its prompt, and what they report."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass

from swapcab.board_link import Link
from swapcab.flash.bundle import TRAILER, BundleError, Piece, read_ending

COPIES = ("/app_a", "/app_b")
ROM = "/rom"
CHUNK = 1536  # bytes in one message: 2 KiB of text
TRIES = 3  # of boards/switch/switch.py

# The functions that are sent first. Names begin with an underscore; a reset forgets them.
TEACH = f"""
import os, sys, hashlib
from binascii import a2b_base64, hexlify
def _sha(path):
    try:
        f = open(path, 'rb')
    except OSError:
        return None
    h = hashlib.sha256()
    b = bytearray(1024)
    while True:
        n = f.readinto(b)
        if not n:
            break
        h.update(memoryview(b)[:n])
    f.close()
    return hexlify(h.digest()).decode()
def _size(path):
    try:
        return os.stat(path)[6]
    except OSError:
        return None
def _read(path, at, n):
    with open(path, 'rb') as f:
        f.seek(at)
        return f.read(n)
def _end(path):
    n = _size(path)
    if n is None or n < {TRAILER}:
        return None
    t = _read(path, n - {TRAILER}, {TRAILER})
    w = t.split()
    if len(w) != 4 or w[0] != b'swapcab1':
        return None
    return t, _read(path, int(w[2]), n - {TRAILER} - int(w[2]))
def _rm(path):
    try:
        os.remove(path)
    except OSError:
        pass
def _open(path):
    global _f
    _f = open(path, 'wb')
def _write(text):
    _f.write(a2b_base64(text))
def _take(path, at, n):
    b = bytearray(1024)
    with open(path, 'rb') as f:
        f.seek(at)
        while n:
            m = f.readinto(memoryview(b)[:min(n, 1024)])
            _f.write(memoryview(b)[:m])
            n -= m
def _close():
    _f.close()
"""
SPACE = "os.statvfs({!r})"
FILE_SYSTEMS = "[(type(v).__name__, p) for v, p in __import__('vfs').mount()]"


@dataclass(frozen=True)
class OnBoard:
    """A copy that is there. `tries`: starts without being proven, -1 for proven."""

    path: str
    sequence: int
    pieces: list[Piece]
    tries: int

    def source(self, piece: Piece) -> tuple[str, int]:
        """The file that holds a module, and where in it."""
        return (f"{ROM}/{piece.name}", 0) if self.path == ROM else (self.path, piece.offset)

    @property
    def rank(self) -> tuple[bool, int]:
        """As the switch compares."""
        return self.tries < TRIES, self.sequence


def teach(link: Link) -> None:
    """Define this file's functions on the board. Raises LinkError."""
    link.call(TEACH)


def copies(link: Link) -> list[OnBoard]:
    """The whole copies, the one that the next start would run first."""
    found: list[OnBoard] = []
    for path in (*COPIES, ROM):
        ending = link.value(f"_end({path + '/ready' if path == ROM else path!r})")
        if ending is None:
            continue
        try:
            sequence, pieces = read_ending(*ending)
        except BundleError:
            continue
        found.append(OnBoard(path, sequence, pieces, _tries(link, path, sequence)))
    return sorted(found, key=lambda copy: copy.rank, reverse=True)


def _tries(link: Link, path: str, sequence: int) -> int:
    name = "/trial." + path[1:]
    if link.value(f"_size({name!r})") is None:
        return 0
    words = link.value(f"_read({name!r}, 0, 40)").split()
    return int(words[1]) if len(words) == 2 and int(words[0]) == sequence else 0


def free_bytes(link: Link, root: str = "/") -> tuple[int, int]:
    """(free, block size) of its file system."""
    facts = link.value(SPACE.format(root))
    return facts[0] * facts[4], facts[0]


def file_hash(link: Link, path: str) -> str | None:
    """SHA-256 of a file there; None if there is none."""
    return link.value(f"_sha({path!r})")


def read_file(link: Link, path: str) -> bytes | None:
    """A file; None if there is none."""
    size = link.value(f"_size({path!r})")
    if size is None:
        return None
    data = b""
    while len(data) < size:
        data += link.value(f"_read({path!r}, {len(data)}, 2048)")
    return data


def send(link: Link, data: bytes, progress: Callable[[int], None] | None = None) -> None:
    """Append to the file that `_open` has opened. `progress` gets the number of bytes that are there."""
    for at in range(0, len(data), CHUNK):
        link.call(f"_write({b64encode(data[at : at + CHUNK])!r})")
        if progress:
            progress(min(at + CHUNK, len(data)))


def write_whole(link: Link, path: str, data: bytes) -> None:
    """A small file, whole or not at all: beside the old one, read back, then in its place."""
    new = path + ".new"
    link.call(f"_open({new!r})")
    send(link, data)
    link.call("_close()")
    if file_hash(link, new) != hashlib.sha256(data).hexdigest():
        raise BundleError(f"{path}: what was written reads back differently")
    link.call(f"os.rename({new!r}, {path!r})")
