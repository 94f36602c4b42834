# ruff: noqa: UP031, UP037 (runs under MicroPython)
"""What `swapcab bench` runs on the controller: the part that all others use. Sent as source over the raw REPL, a file when it is needed.

The files beside this one hold functions of a `Unit` that take things and measure, and judge nothing; each gives a dictionary. On the
controller all of them share one set of names. Nothing of the firmware runs meanwhile: the heartbeat stands still unless a check
toggles it, so the mains relay of the chargers is open. Nothing in the journal is changed.
"""

import json
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MASK = 0x3FFFFFFF


def folder_of_settings() -> str:
    """Where settings.json lies."""
    for folder in ("", "/flash"):
        try:
            os.stat(folder + "/settings.json")
            return folder
        except OSError:
            continue
    return ""


class Unit:
    """The controller under test. `sleep_ms` is given by tests that have a clock of their own."""

    def __init__(self, board: "Any" = None, folder: "str | None" = None, sleep_ms: "Any" = None) -> None:
        if board is None:
            from board import Board

            board = Board("/")
        self.board = board
        self.folder = folder_of_settings() if folder is None else folder
        given: "Any" = time
        self.sleep_ms = sleep_ms or given.sleep_ms
        self.lines = {}  # name -> what the board gave for it; a line is opened once
        self.cans = {}
        self.pins = {}
        self.beat: "Any" = None
        self.dog: "Any" = None
        self.erase_ms = 0

    def line(self, port: str, baud: int) -> "Any":
        """A serial line. Raises ValueError for a name that the board does not have."""
        if port not in self.lines:
            self.lines[port] = self.board.serial(port, baud)
        return self.lines[port]

    def can(self, port: str, bitrate: int) -> "Any":
        """A CAN controller that lets everything pass. Raises ValueError, OSError."""
        if port not in self.cans:
            opened = self.cans[port] = self.board.can(port, bitrate)
            opened.set_filters([(0, 0, True), (0, 0, False)])
        return self.cans[port]

    def passed_ms(self, since_ms: int) -> int:
        """How long ago that was."""
        return (self.board.clock.ticks_ms() - since_ms) & _MASK

    def hexed(self, data: "bytes | bytearray | memoryview") -> str:
        """As hexadecimal digits."""
        return "".join(["%02x" % byte for byte in data])

    def toggle(self) -> None:
        """One half period of the heartbeat, as a living supervisor gives it."""
        if self.beat is None:
            self.beat = self.board.heartbeat()
        self.beat.toggle()

    def json(self, name: str) -> dict:
        """A file of the settings' folder; {} if there is none."""
        try:
            with open(self.folder + "/" + name) as file:
                return json.load(file)
        except OSError:
            return {}


def call(unit: Unit, function: "Any", arguments: list) -> None:
    """One function; its answer, or what went wrong, as one JSON line between marks."""
    try:
        answer = {"ok": function(unit, *arguments)}
    except Exception as error:
        answer = {"error": type(error).__name__, "text": str(error)}
    print("\n@bench " + json.dumps(answer))
