"""A cabinet's messages, read in one place: by the receiver, and by verify, replay and export from a capture.

A message on `events/a` or `events/b` is one envelope or an array of them; in an array, fields that are the same as in the
envelope before may be left out (docs/events.md). A capture holds messages of one or several cabinets, a message a line,
with or without the topic before it, in any order, some of them more than once, the last line perhaps cut off.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Envelope = dict[str, Any]
Place = tuple[str, str, str, int, int]  # cabinet, ring, epoch, sequence, boot
RINGS = ("A", "B")


class CaptureError(Exception):
    """A line that is no message; the text names file and line."""


def expand(body: Any) -> Iterator[Envelope]:
    """The whole envelopes of one message: what one leaves out is as in the envelope before it."""
    before: Envelope = {}
    for envelope in body if isinstance(body, list) else [body]:
        if not isinstance(envelope, dict):
            raise ValueError("no JSON object")
        before = {**before, **envelope}
        yield before


def is_event(envelope: Any) -> bool:
    """Whether this is the envelope of an event: states, births and answers are not."""
    return isinstance(envelope, dict) and isinstance(envelope.get("seq"), int) and envelope.get("ring") in RINGS and "type" in envelope


def place_of(envelope: Envelope) -> Place:
    """What an event is known by: the same place is the same event."""
    return (
        str(envelope.get("cabinet", "")),
        str(envelope["ring"]),
        str(envelope.get("epoch", "")),
        int(envelope["seq"]),
        int(envelope.get("boot", 0)),
    )


def events_in(lines: Iterable[str], name: str) -> Iterator[Envelope]:
    """Every event of a capture's lines, as often as it stands there. Raises CaptureError for a line in the middle that is cut."""
    broken = 0
    for number, line in enumerate(lines, 1):
        if broken:
            raise CaptureError(f"{name}:{broken}: is not JSON")
        start = min((i for i in (line.find("{"), line.find("[")) if i >= 0), default=-1)
        if start < 0:
            continue
        try:
            body = json.loads(line[start:])
        except ValueError:
            broken = number
            body = list(_whole_items(line[start:]))
        try:
            yield from (envelope for envelope in expand(body) if is_event(envelope))
        except ValueError:
            continue  # an array of something else, on another topic


def _whole_items(text: str) -> Iterator[Any]:
    """What stands whole in an array whose end is missing."""
    decoder = json.JSONDecoder()
    at = 1
    while text[:1] == "[" and at < len(text):
        try:
            item, at = decoder.raw_decode(text, at)
        except ValueError:
            return
        yield item
        at += 1  # the comma
        while text[at : at + 1].isspace():
            at += 1


def read_capture(path: Path) -> list[Envelope]:
    """The events of a capture, each once, by cabinet, ring and sequence. Raises CaptureError, OSError."""
    found: dict[Place, Envelope] = {}
    with path.open(errors="replace") as stream:
        lines: Iterable[str] = stream
        if path.suffix == ".json":  # one message, however it is laid out
            text = stream.read()
            try:
                lines = [json.dumps(json.loads(text))]
            except ValueError:
                lines = text.splitlines()
        for envelope in events_in(lines, str(path)):
            found.setdefault(place_of(envelope), envelope)
    return [found[place] for place in sorted(found)]


def cabinets_of(envelopes: Iterable[Envelope]) -> dict[str, list[Envelope]]:
    """The events of each cabinet."""
    apart: dict[str, list[Envelope]] = {}
    for envelope in envelopes:
        apart.setdefault(str(envelope.get("cabinet", "")), []).append(envelope)
    return apart


def gaps_of(envelopes: list[Envelope]) -> list[str]:
    """Sequences that are missing between the first and the last of a ring, in words; not what the cabinet itself says is gone."""
    words = []
    apart = cabinets_of(envelopes)
    for cabinet, mine in apart.items():
        gone = _reported(mine)
        last: dict[tuple[str, str], int] = {}
        for envelope in sorted(mine, key=place_of):
            ring, seq = envelope["ring"], envelope["seq"]
            part = (ring, str(envelope.get("epoch", "")))
            missing = [
                n for n in range(last[part] + 1 if part in last else seq, seq) if not any(a <= n <= b for r, a, b in gone if r == ring)
            ]
            if missing:
                where = f"cabinet {cabinet}, ring {ring}" if len(apart) > 1 else f"ring {ring}"
                words.append(f"{where}: {missing[0]} to {missing[-1]}")
            last[part] = max(seq, last.get(part, 0))
    return words


def _reported(envelopes: list[Envelope]) -> list[tuple[str, int, int]]:
    """(ring, first, last) of what `journal.gap` and `journal.damaged` name."""
    gone = []
    for envelope in envelopes:
        data = envelope.get("data", {})
        if envelope["type"] in ("journal.gap", "journal.damaged"):
            ring = data.get("ring", "B")  # journal.gap stands in ring B and means it
            gone.append((str(ring), int(data.get("from", 0)), int(data.get("to", -1))))
    return gone
