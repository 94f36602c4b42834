"""Where a journal comes from: an image file, a connected controller, or a capture of what went over MQTT."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swapcab import messages
from swapcab.board_link import LinkError, is_port
from swapcab.journal.controller import ControllerError, read_controller
from swapcab.journal.events import decode
from swapcab.journal.image import Anchor, ImageFile, Progress, RingImage, compare_anchors, verify
from swapcab.journal.ledger import LedgerFacts, read_ledger


class SourceError(Exception):
    """The source cannot be read; the text says what to do."""


class PortError(SourceError):
    """The controller or its port failed; the text says what to do."""


@dataclass
class Journal:
    """What was read, whatever it came from."""

    cabinet: str = ""
    images: dict[str, RingImage] = field(default_factory=dict)
    captured: list[dict[str, Any]] = field(default_factory=list)
    has_key: bool = False
    ledger: LedgerFacts | None = None
    anchored: dict[str, int] = field(default_factory=dict)  # by ring: the newest sequence that was seen outside

    def envelopes(self) -> Iterator[dict[str, Any]]:
        """All events, ring A first, in order."""
        if not self.images:
            yield from self.captured
        for ring, image in self.images.items():
            for record in image.events:
                yield decode(ring, record, self.cabinet)

    @property
    def count(self) -> int:
        """How many events there are, or nearly."""
        return sum(i.head - i.first for i in self.images.values()) or len(self.captured)

    @property
    def flash_errors(self) -> list[Any]:
        """Single bits that the flash had flipped, and that could be put right."""
        return [error for image in self.images.values() for error in image.flash_errors]

    @property
    def faults(self) -> list[Any]:
        """What is wrong, ring A first, in the order of the journal."""
        return [fault for image in self.images.values() for fault in image.faults]


def read_key(text: str) -> bytes:
    """A device key: 64 hex digits, a file with them, or a secrets file with "device_key" in it."""
    path = Path(text)
    if path.is_file():
        text = path.read_text(errors="replace").strip()
        if text.startswith("{"):
            try:
                text = str(json.loads(text).get("device_key", ""))
            except ValueError:
                raise SourceError(f"{path}: is not JSON; the key is device_key in secrets.json") from None
    if not re.fullmatch(r"([0-9a-fA-F]{2}){16,64}", text):
        raise SourceError("the key must be 32 to 128 hex digits, a file with them, or a JSON file with device_key")
    return bytes.fromhex(text)


def read_capture(path: Path) -> list[dict[str, Any]]:
    """The events of a capture, each once, in order; see swapcab.messages. Raises SourceError."""
    try:
        return messages.read_capture(path)
    except messages.CaptureError as error:
        raise SourceError(str(error)) from None


def anchors_of(envelopes: list[dict[str, Any]]) -> list[Anchor]:
    """What a capture proves to have existed: its newest sequence of each ring, and every checkpoint."""
    anchors = []
    for ring in ("A", "B"):
        mine = [e for e in envelopes if e["ring"] == ring]
        if mine:
            newest = max(mine, key=lambda e: e["seq"])
            anchors.append(Anchor(ring, newest["seq"], "", newest.get("boot", 0)))
    for envelope in envelopes:
        data = envelope.get("data", {})
        if envelope.get("type") == "journal.checkpoint":
            anchors.append(Anchor(str(data.get("ring")), int(data.get("sequence", 0)), str(data.get("tag", "")), envelope.get("boot", 0)))
    return anchors


def open_journal(source: str, key: bytes | None, sector_size: int, anchor: Path | None, reported: Progress, cabinet: str = "") -> Journal:
    """Read and verify. `source` is an image file, a capture (.jsonl, .json, .log, .txt), or a serial port."""
    path = Path(source)
    data: Any
    if not 256 <= sector_size <= 1 << 20:
        raise SourceError(f"--sector-size {sector_size}: from 256 to 1048576 bytes; 4096 with the boards of docs/boards.md")
    seen = read_capture(anchor) if anchor is not None else []  # before a cabinet is stopped for a file that is not there
    if is_port(source):
        try:
            data, sector_size, named = read_controller(source, reported)
        except (LinkError, ControllerError) as error:
            raise PortError(str(error)) from None
        cabinet = cabinet or named
    elif path.suffix in (".jsonl", ".json", ".log", ".txt"):
        if not path.is_file():
            raise SourceError(f"{path}: no such file")
        captured = read_capture(path)
        return Journal(str(captured[0].get("cabinet", "")) if captured else cabinet, {}, captured)
    elif path.is_file():
        data = ImageFile(path)
    else:
        raise SourceError(f"{source}: no such file, and no serial port")
    images = verify(data, key, sector_size, reported)
    if not any(image.sectors or image.given_up for image in images.values()):
        raise SourceError(f"{source}: holds no journal (sectors of {sector_size} bytes; try --sector-size)")
    journal = Journal(cabinet, images, [], key is not None, read_ledger(data, key, sector_size))
    if anchor is not None:
        journal.cabinet = cabinet or (str(seen[0].get("cabinet", "")) if seen else "")
        anchors = anchors_of(seen)
        journal.anchored = {a.ring: max(b.sequence for b in anchors if b.ring == a.ring) for a in anchors}
        compare_anchors(images, anchors, {(e["ring"], e["seq"]): e for e in seen})
    return journal
