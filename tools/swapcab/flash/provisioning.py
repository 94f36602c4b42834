"""`swapcab provision`: secrets onto a board, sealed to it.

They lie in secrets.sealed in the folder where the board starts (/, on STM32 /flash), mixed with a stream of bytes that is made from the
MCU's own number. That keeps them out of sight: a file listing, `mpremote cat` or a backup of the file system shows no key, and a copy on
another board does not open. It is no protection against somebody who may run programs on the board: MicroPython has no place that
its prompt cannot read.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Iterator
from pathlib import Path

from swapcab.flash import board as far
from swapcab.maintenance import Maintenance
from swapcab.paths import use_firmware

SEALED, PLAIN = "/secrets.sealed", "/secrets.json"


class ProvisionError(Exception):
    """The secrets were not given to the board; the text says why, and never what they are."""


def check(text: bytes, name: str) -> None:
    """Raises ProvisionError for secrets that the firmware would refuse."""
    use_firmware()
    config = importlib.import_module("cabinet.startup.settings")
    try:
        config.parse_secrets(text)
    except config.SettingsError as error:
        raise ProvisionError(f"{name}: {error}") from None


def seal(text: bytes, unique_id: bytes, nonce: bytes) -> bytes:
    """What the board's `cabinet.trust.sealed` opens."""
    use_firmware()
    sealed = importlib.import_module("cabinet.trust.sealed")
    return sealed.seal(text, unique_id, nonce)


def read(secrets: Path) -> bytes:
    """A file of secrets, checked. Raises ProvisionError, OSError: before a board is touched."""
    text = secrets.read_bytes()
    check(text, str(secrets))
    return text


def provision(stopped: Maintenance, text: bytes, force: bool) -> Iterator[str]:
    """Write them, read their hash back. Yields what was done; raises ProvisionError, LinkError."""
    link, identity = stopped.link, stopped.board()
    far.teach(link)
    folder = link.value("os.getcwd()").rstrip("/")
    sealed, plain = folder + SEALED, folder + PLAIN
    there = [name for name in (sealed, plain) if link.value(f"_size({name!r})") is not None]
    if there and not force:
        raise ProvisionError(f"the board has secrets ({', '.join(there)}); --force replaces them, and the old ones are lost")
    far.write_whole(link, sealed, seal(text, bytes.fromhex(identity.unique_id), os.urandom(16)))
    link.call(f"_rm({plain!r})\n_rm({plain + '.new'!r})")
    yield f"{identity.machine}, id {identity.unique_id}: secrets written to {sealed}, read back"
    yield f"fingerprint {hashlib.sha256(text).hexdigest()[:12]} (of the whole file; differs from file to file, reveals nothing)"
    stopped.start = True
