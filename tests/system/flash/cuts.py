"""Pull the supply or the cable at many points of a flash: `python tests/system/flash/cuts.py --points 100`.

Each point begins with the same board: firmware "one", settings, sealed secrets, a journal on the SPI flash. While firmware "two" with
other settings is flashed, either the supply goes in the middle of a program or erase of the file system (and of it nothing,
half or all is done), or the flash process dies between two messages and the board is reset. The next start must run one of
the two, with whole settings, and secrets and journal as they were; a second flash must then succeed.
"""

import argparse
import contextlib
import hashlib
import json
import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from small_firmware import image, says

from emulator.host import BoardError, EmulatedBoard, Options
from swapcab.board_link import Link, LinkError
from swapcab.flash import board as flash_board
from swapcab.flash.firmware import Flash, FlashError, Request
from swapcab.flash.provisioning import SEALED, provision, read
from swapcab.maintenance import Maintenance
from swapcab.rows import Row, publish
from swapcab.settings import template as settings_template

OLD = json.dumps(settings_template.settings(4)).encode()
NEW = json.dumps(settings_template.settings(6)).encode()
IMAGES = ("internal-flash.bin", "spi-flash.bin")


class DyingLink(Link):
    """The process dies before its n-th message."""

    def __init__(self, port: str, left: int) -> None:
        super().__init__(port)
        self.left = left
        self.calls = 0

    def call(self, code: str, limit_s: int = 60, meanwhile: Callable[[], None] | None = None) -> str:
        """Raises LinkError once the messages are used up."""
        self.calls += 1
        if self.calls == self.left:
            raise LinkError("the process was killed")
        return super().call(code, limit_s, meanwhile)


class Trials:
    """A prepared board and what is compared after each trial."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.options = Options(flash_bytes=256 * 1024)
        self.board = EmulatedBoard(folder / "board", self.options)
        self.images = {name: image(folder / name, name, fill=name[0]) for name in ("one", "two")}
        self.outcomes = {"one": 0, "two": 0}
        self.operations = self.messages = 0
        self.secrets = ""

    def prepare(self) -> None:
        """Firmware "one", settings, secrets, a journal; and how many operations and messages a flash of "two" takes."""
        self.board.start()
        self.flash("one", OLD)
        self.started(after=0)
        secrets = self.folder / "secrets.json"
        secrets.write_text(json.dumps(settings_template.secrets()))
        seen = len(self.board.console())
        with Maintenance(str(self.board.port), no_report) as stopped:
            list(provision(stopped, read(secrets), force=False))
        self.started(seen)
        self.board.unplug()
        journal = self.folder / "board" / "spi-flash.bin"
        with open(journal, "r+b") as file:
            file.write(random.Random(1).randbytes(65536))
        for name in IMAGES:
            shutil.copy(self.folder / "board" / name, self.folder / name)
        self.restore(0)
        self.secrets = self.sealed_hash()
        self.restore(0)
        link = self.flash("two", NEW)
        self.messages, self.operations = link.calls, self.board.flash_operations
        self.board.unplug()

    def restore(self, cut_at: int, share_pct: int = 50) -> None:
        """The prepared board, just plugged in."""
        if self.board.powered:
            self.board.unplug()
        for name in IMAGES:
            shutil.copy(self.folder / name, self.folder / "board" / name)
        self.options.cut_at, self.options.cut_share_pct = cut_at, share_pct
        self.board.flash_operations = 0
        seen = len(self.board.console())
        self.board.plug()
        self.board.wait(lambda: self.board.resets[-1:] == ["cut"] or "firmware one" in self.board.console()[seen:])

    def flash(self, name: str, settings: bytes, die_at: int = 0) -> DyingLink:
        """Flash; raises what the flash raises."""
        file = self.folder / "settings.json"
        file.write_bytes(settings)
        work = Flash(Request("emulated", str(self.board.port), file, image=self.images[name]), lambda text: None)
        link = DyingLink(str(self.board.port), die_at)
        with Maintenance(str(self.board.port), no_report, work.check, link=link) as stopped:
            work.run(stopped)
        return link

    def sealed_hash(self) -> str:
        """Of the secrets on the board."""
        with Maintenance(str(self.board.port), no_report) as stopped:
            flash_board.teach(stopped.link)
            return str(flash_board.file_hash(stopped.link, SEALED))

    def started(self, after: int) -> str:
        """The firmware that came up, with its settings."""
        found = []

        def up() -> bool:
            found[:] = re.findall(r"firmware (\w+ \d+ settings \w+)\r?\n", self.board.console()[after:])
            return bool(found) and "7" in self.board.pins

        self.board.wait(up)
        return "firmware " + found[-1]

    def trial(self, kind: str, point: int, share_pct: int = 50) -> str:
        """One cut; returns what is wrong afterwards, or nothing."""
        self.restore(point if kind == "supply" else 0, share_pct)
        try:
            if self.board.powered:
                self.flash("two", NEW, point if kind == "cable" else 0)
        except (LinkError, FlashError, OSError):
            pass
        self.options.cut_at = 0
        if self.board.powered:
            self.board.unplug()
        seen = len(self.board.console())
        self.board.plug()
        runs = self.started(seen)
        expected = {says(name, settings): name for name in ("one", "two") for settings in (OLD, NEW)}
        if runs not in expected:
            return f"{kind} {point}: runs “{runs}”"
        self.outcomes[expected[runs]] += 1
        if self.sealed_hash() != self.secrets:
            return f"{kind} {point}: the secrets are not as they were"
        if file_hash(self.folder / "board" / "spi-flash.bin") != file_hash(self.folder / "spi-flash.bin"):
            return f"{kind} {point}: the journal is not as it was"
        seen = len(self.board.console())
        self.flash("two", NEW)
        try:
            self.board.wait(lambda: says("two", NEW) in self.board.console()[seen:])
        except BoardError:
            return f"{kind} {point}: a second flash does not bring the new version"
        return ""


def no_report(text: str) -> None:
    """What a command reports is not compared here."""


def file_hash(path: Path) -> str:
    """SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def spread(points: int, trials: Trials) -> list[tuple[str, int, int]]:
    """(kind, point, share of the operation that is done) over the whole length of a flash: three of four at the supply."""
    supply = points * 3 // 4
    cable = points - supply
    found = [("supply", 1 + i * trials.operations // supply, (0, 50, 100)[i % 3]) for i in range(supply)]
    return found + [("cable", 2 + i * (trials.messages - 1) // max(1, cable), 0) for i in range(cable)]


def main() -> int:
    """0 if every start ran a whole version."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="keep the board's flash and console there")
    arguments = parser.parse_args()
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        trials = Trials(arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory())))
        wrong: list[str] = []
        try:
            trials.prepare()
            todo = spread(arguments.points, trials)
            for number, (kind, point, share) in enumerate(todo):
                problem = trials.trial(kind, point, share)
                if problem:
                    wrong.append(problem)
                print(f"\r{number + 1}/{len(todo)} {trials.outcomes} {problem}", end="\n" if problem else "", file=sys.stderr, flush=True)
        finally:
            trials.board.stop()
    print(file=sys.stderr)
    rows = [
        Row("cuts", len(todo), "", f"{trials.operations} flash operations, {trials.messages} messages in a flash"),
        Row("starts with the old version", trials.outcomes["one"]),
        Row("starts with the new version", trials.outcomes["two"]),
        Row("starts with none, damaged settings, secrets or journal", len(wrong), "", "0", not wrong),
        Row("seconds", round(time.monotonic() - began)),
    ]
    return 0 if publish(rows, "supply and cable pulled while flashing", "flashcuts") else 1


if __name__ == "__main__":
    sys.exit(main())
