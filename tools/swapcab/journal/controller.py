"""The journal and state areas of a controller, read over its serial port.

The cabinet is out of service meanwhile (`swapcab.maintenance`): the areas are read by the board's own flash driver, in pieces, and
nothing else of the firmware is imported. docs/boards.md has how long that takes.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Callable

from swapcab.board_link import BoardRefused, LinkError
from swapcab.maintenance import Maintenance, Say, to_stderr

AREAS = ("journal-a", "journal-b", "state")
WARNING = "{}: a running cabinet is out of service while its journal is read; chargers are off, doors stay locked"
PIECE = 4096
PIECE_LIMIT_S = 5

# Runs on the controller. An erased piece is reported as "-".
READER = f"""
from binascii import b2a_base64
_board = board.Board('/')
_areas = {{}}
_piece = bytearray({PIECE})
_blank = b'\\xff' * {PIECE}
def _area(name):
    area = _areas[name] = _board.flash(name)
    return area.size, area.sector_size
def _read(name, at):
    _areas[name].read(at, _piece)
    print('-' if _piece == _blank else b2a_base64(_piece).decode())
"""
SETTINGS = """
def _settings():
    import json
    for folder in ('', '/flash'):
        try:
            with open(folder + '/settings.json') as file:
                return json.dumps(json.load(file)['cabinet'])
        except (OSError, ValueError, KeyError):
            pass
    return '{}'
"""


class ControllerError(Exception):
    """The controller's flash cannot be read; the text says which area, and what to do."""


def read_controller(port: str, progress: Callable[[int, int], None], say: Say = to_stderr) -> tuple[bytes, int, str]:
    """(journal A, journal B and state one behind the other, bytes of a sector, the cabinet's id). Raises ControllerError, LinkError."""
    with Maintenance(port, say, warning=WARNING.format(port)) as stopped:
        found = _read(stopped, progress)
        began_s = stopped.stopped_s
    if began_s:
        say(f"out of service for {time.monotonic() - began_s:.0f} s and until it has started")
    return found


def _read(stopped: Maintenance, progress: Callable[[int, int], None]) -> tuple[bytes, int, str]:
    link = stopped.link
    stopped.reach_firmware()
    link.call(READER + SETTINGS)
    cabinet = str(json.loads(link.value("_settings()")).get("id", ""))
    areas = []
    for name in AREAS:
        try:
            areas.append((name, *link.value(f"_area({name!r})")))
        except BoardRefused as error:
            raise ControllerError(_why(stopped, name, error)) from error
    total = sum(size for _name, size, _sector_size in areas)
    data = bytearray()
    for name, size, _sector_size in areas:
        for at in range(0, size, PIECE):
            data += _piece(stopped, name, at)[: size - at]
            progress(len(data), total)
    return bytes(data), int(areas[0][2]), cabinet


def _piece(stopped: Maintenance, name: str, at: int) -> bytes:
    try:
        text = stopped.link.call(f"_read({name!r}, {at})", PIECE_LIMIT_S).strip()
        return b"\xff" * PIECE if text == "-" else base64.b64decode(text, validate=True)
    except BoardRefused as error:
        raise ControllerError(_why(stopped, name, error)) from error
    except binascii.Error as error:
        raise LinkError(f"{stopped.link.port}: byte {at} of {name} came damaged: look at the cable, then run the command again") from error


def _why(stopped: Maintenance, name: str, error: BoardRefused) -> str:
    said = str(error).strip().splitlines()[-1:] or ["no reason given"]
    return f"{stopped.link.port}: the board cannot read its flash area {name} ({said[0]}); swapcab bench --only flash names the faulty part"
