"""Chooses which of the copies of the firmware runs, and starts it. `swapcab flash` puts this on the board.

A copy is one file, /app_a or /app_b, with all compiled modules one behind the other, their index, and a trailer that is
written last: a copy without it, or whose index does not fit its check sum, does not count. One file for all, because each
file of its own costs a littlefs up to 4 KiB more than its size, and two copies of them would not fit into 1 MiB. A copy in a
ROMFS partition counts, too: there the modules are files, and bytecode runs from flash.

The newest copy runs that has not failed too often. A new one is on trial until the cabinet has run for a minute; three
starts without that, and the other copy is taken. If all have failed, the newest one runs all the same, so that there is never
none. Hardware that does not answer says nothing about a copy: then the board starts anew after a pause, and no start is
counted. A copy on trial that hangs before it has started the watchdog is reset by a timer.

A file /service keeps the cabinet from starting after a reset by program, once; `swapcab flash` leaves it for itself.
"""

import os
import sys
import time
from binascii import crc32

import vfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

COPIES = ("/app_a", "/app_b", "/rom")
MOUNT = "/app"
TRAILER = 48  # b"swapcab1 SEQUENCE INDEXOFFSET INDEXCRC" and a line end, padded with spaces in front of it
TRIES = 3
PROVEN = -1
PROVEN_S = 60
SETTINGS = 64  # main.main: the settings or secrets are missing or wrong
HARDWARE = 69  # main.main: what the settings name does not answer
PAUSE_S = 10  # before the next start then: time to reach the prompt with Ctrl-C
# Time for a copy on trial to start its watchdog. A start takes 730 million instructions (12 slots, a full journal to recover,
# counted on a PC): 7 s on an RP2350; a new flash up to 5 s more for erases. Not measured on a board yet, so five times as much.
START_MS = 60000
_FILE, _FOLDER = 0x8000, 0x4000


class Copy:
    """A copy of the firmware as a file system that can be imported from."""

    def __init__(self, path: str) -> None:
        """Raises OSError or ValueError for one that is not whole."""
        self.path = path
        with open(path + "/ready" if path == "/rom" else path, "rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TRAILER))
            words = file.read(TRAILER).split()
            if len(words) != 4 or words[0] != b"swapcab1":
                raise ValueError("no trailer")
            self.sequence = int(words[1])
            start = int(words[2])
            file.seek(start)
            self._index = file.read(max(0, size - TRAILER - start))
        if crc32(self._index) != int(words[3], 16) or not self._index.startswith(b"\n"):
            raise ValueError("the index is damaged")

    def mount(self, readonly: bool, mkfs: bool) -> None:
        """Nothing needs to be done."""

    def umount(self) -> None:
        """Nothing needs to be done."""

    def _row(self, path: str) -> "tuple[int, int] | None":
        at = self._index.find(b"\n%s " % path.strip("/"))
        if at < 0:
            return None
        words = self._index[at : self._index.find(b"\n", at + 1)].split()
        return int(words[1]), int(words[2])

    def stat(self, path: str) -> tuple:
        """As os.stat."""
        row = self._row(path)
        if row is None and self._index.find(b"\n%s/" % path.strip("/")) < 0:
            raise OSError(2)
        return (_FOLDER if row is None else _FILE, 0, 0, 0, 0, 0, row[1] if row else 0, 0, 0, 0)

    def open(self, path: str, mode: str) -> "Any":
        """A module. It ends where the next one begins: the loader of .mpy files knows how much it needs."""
        row = self._row(path)
        if row is None:
            raise OSError(2)
        file = open(self.path, "rb")
        file.seek(row[0])
        return file


def copy_at(path: str) -> "Copy | None":
    """The copy there, or None if it is not whole."""
    try:
        return Copy(path)
    except (OSError, ValueError, IndexError):
        return None


def tries(copy: Copy) -> int:
    """How often this copy was started without being proven; PROVEN if it was."""
    try:
        with open("/trial." + copy.path[1:]) as file:
            of, count = file.read(40).split()
        return int(count) if int(of) == copy.sequence else 0
    except (OSError, ValueError):
        return 0


def note(copy: Copy, count: int) -> None:
    """Keep that number; a file system without room for it does not keep the cabinet from starting."""
    try:
        with open("/trial.new", "w") as file:
            file.write("%d %d" % (copy.sequence, count))
        os.rename("/trial.new", "/trial." + copy.path[1:])
    except OSError as error:
        print("switch: error %s while noting a try" % error.errno)


def choose() -> "tuple[Copy | None, int]":
    """The copy to run and how often it was tried; (None, 0) if there is none."""
    best, best_rank, best_count = None, (False, 0), 0
    for path in COPIES:
        copy = copy_at(path)
        if copy is not None:
            count = tries(copy)
            rank = (count < TRIES, copy.sequence)
            if rank > best_rank:
                best, best_rank, best_count = copy, rank, count
    return best, best_count


async def prove(copy: Copy, limit: "Any" = None) -> None:
    """Tasks run: the watchdog has been started, so the timer is not needed. Then the cabinet has run for long enough."""
    import asyncio

    if limit is not None:
        limit.deinit()
    await asyncio.sleep(PROVEN_S)
    note(copy, PROVEN)


def start_limit() -> "Any":
    """A timer that resets the board after START_MS, unless it is stopped: `deinit`.

    ESP32 counts its timers and calls between two bytecodes only; Timer(0) is the heartbeat's. Elsewhere it is an interrupt.
    """
    import machine

    esp32 = sys.platform == "esp32"
    limit = machine.Timer(1 if esp32 else -1)
    given = {} if esp32 else {"hard": True}
    limit.init(mode=machine.Timer.ONE_SHOT, period=START_MS, callback=lambda timer: machine.reset(), **given)
    return limit


def start(copy: Copy, count: int) -> None:
    """Run a copy. Comes back if the firmware ends; a copy on trial resets the board then, and another may be chosen."""
    import machine

    if count != PROVEN:
        note(copy, min(count + 1, TRIES))
    print("switch: %s, version %d%s" % (copy.path, copy.sequence, "" if count == PROVEN else ", on trial"))
    if copy.path == "/rom":
        sys.path.insert(0, "/rom")
    else:
        vfs.mount(copy, MOUNT)
        sys.path.insert(0, MOUNT)
    sys.modules.pop("pins", None)  # boot.py may have had those of another version
    limit = None if count == PROVEN else start_limit()
    try:
        import asyncio

        import main

        if count != PROVEN:
            asyncio.create_task(prove(copy, limit))
        code = main.main("/")
    except KeyboardInterrupt:
        note(copy, count)  # somebody wants the prompt: that does not count against the copy
        raise
    except Exception as error:
        sys.print_exception(error)
        code = -1
    finally:
        if limit is not None:
            limit.deinit()  # nor may it take the prompt from somebody
    print("switch: the firmware ended with %d" % code)
    if code == HARDWARE:
        if count != PROVEN:
            note(copy, count)
        print("switch: the hardware does not answer; starting again in %d s, Ctrl-C for the prompt" % PAUSE_S)
        time.sleep(PAUSE_S)
        machine.reset()
    elif code == SETTINGS and all(copy_at(path) is None for path in COPIES if path != copy.path):
        note(copy, count)  # it is not the copy's fault, and there is no other that might take these settings
    elif count == PROVEN:
        if code == -1:
            note(copy, 1)  # what ran before does not any more: on trial again
            machine.reset()
    elif count + 1 < TRIES or choose()[0].path != copy.path:
        machine.reset()


def service() -> bool:
    """Whether the cabinet remains off this once. After a power cut it never is: a flash that was cut off has left the file."""
    import machine

    try:
        os.remove("/service")
    except OSError:
        return False
    return machine.reset_cause() != machine.PWRON_RESET


def run() -> None:
    """All of it."""
    if service():
        print("switch: asked for service, the cabinet is not started")
        return
    copy, count = choose()
    if copy is None:
        print("switch: there is no whole copy of the firmware here: run swapcab flash")
    else:
        start(copy, count)
