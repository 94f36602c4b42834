"""Captures of what cabinets sent, in every state in which captures are found, and the same events read from the image."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from cabinet_year import KEY, Clock, live
from nor_flash import NorFlash
from typer.testing import CliRunner

from cabinet.store.area import split
from cabinet.store.journal import Journal
from cabinet.uplink.drain import Drain, Message
from swapcab.journal.cli import app
from swapcab.messages import CaptureError, expand, gaps_of, read_capture
from swapcab.replay import command


def run(*args: object) -> tuple[int, str]:
    """Exit code and output of `swapcab journal`."""
    result = CliRunner().invoke(app, [str(a) for a in args])
    return result.exit_code, result.stdout


class Ticks:
    """A clock for the drain."""

    def ticks_ms(self) -> int:
        """Ticks."""
        return 0

    def ticks_us(self) -> int:
        """Ticks."""
        return 0


def sent(journal: Journal, cabinet: str, compact: bool = True) -> list[str]:
    """The lines of a capture: everything that the journal's uplink would publish."""
    drain = Drain(journal, Ticks(), json.dumps(cabinet), 16, 1536, (0, 0), compact)
    drain.start()
    lines = []
    for ring in (0, 1):
        drain._read[ring] = 0  # what is acknowledged as well
        while True:
            message = Message()
            while drain.take(ring, message):
                pass
            if not message.count:
                break
            lines.append(f"swapcab/v1/{cabinet}/events/{'ab'[ring]} {message.payload().decode()}")
    return lines


def lived(seed: int) -> tuple[bytes, Journal]:
    """Flash and journal of a cabinet that lived two days, with a restart in each."""
    chip = NorFlash(48 * 4096)
    a, b = split(chip)
    clock = Clock()
    for day in range(2):
        journal = Journal(a, b, KEY, clock, 64)
        live(journal, clock, 1, 12, seed * 10 + day, 1)
    return bytes(chip.cells), journal


@pytest.mark.parametrize("seed", range(20))
def test_capture_and_image_agree_event_by_event(seed: int, tmp_path: Path) -> None:
    """Compact arrays, out of order, some messages twice, other topics between them."""
    cells, journal = lived(seed)
    image, capture = tmp_path / "flash.bin", tmp_path / "seen.log"
    image.write_bytes(cells)
    dice = random.Random(seed)
    lines = sent(journal, "c1", seed % 2 == 0)
    lines += dice.sample(lines, len(lines) // 3)
    dice.shuffle(lines)
    lines.insert(3, 'swapcab/v1/c1/slots/3 {"state":"charging","soc_pct":50}')
    lines.insert(5, "swapcab/v1/c1/online 1")
    capture.write_text("\n".join(lines) + "\n")
    code, from_image = run("export", image, "--cabinet", "c1")
    assert code == 0
    code, from_capture = run("export", capture)
    assert code == 0
    assert len(from_capture.splitlines()) > 200
    assert from_capture == from_image
    assert run("verify", capture)[0] == 0
    assert run("verify", image, "--key", KEY.hex(), "--anchor", capture)[0] == 0
    assert len(command.evidence_in(str(capture), "", 4096)) == len(command.evidence_in(str(image), "", 4096))


def envelope(seq: int, **more: Any) -> dict[str, Any]:
    """A whole envelope."""
    base = {"v": 1, "cabinet": "c1", "boot": 1, "ring": "A", "seq": seq, "time": 1767225600, "tq": "sync", "ticks": 5}
    return {**base, "type": "door.opened", "slot": 1, "pack": None, "data": {}, **more}


def test_an_array_is_expanded_field_by_field() -> None:
    """What is left out is as before; null is a value."""
    body = [
        envelope(1, pack="P1"),
        {"seq": 2, "type": "door.closed", "data": {}},
        {"seq": 3, "type": "door.opened", "pack": None, "data": {}},
    ]
    assert [(e["seq"], e["pack"], e["boot"], e["slot"]) for e in expand(body)] == [(1, "P1", 1, 1), (2, "P1", 1, 1), (3, None, 1, 1)]


def test_cabinets_in_one_capture_are_kept_apart(tmp_path: Path) -> None:
    """Their sequences have nothing to do with each other."""
    path = tmp_path / "seen.jsonl"
    events = [envelope(1), envelope(2), envelope(7, cabinet="c2"), envelope(9, cabinet="c2"), envelope(3)]
    path.write_text("".join(json.dumps(e) + "\n" for e in events))
    assert gaps_of(read_capture(path)) == ["cabinet c2, ring A: 8 to 8"]
    code, out = run("verify", path)
    assert code == 1 and "cabinet c1: 3 events" in out and "cabinet c2: 2 events" in out


def test_of_a_last_line_that_is_cut_off_the_whole_events_count(tmp_path: Path) -> None:
    """A line in the middle that is cut is an error, with its number."""
    path = tmp_path / "seen.log"
    array = json.dumps([envelope(2), {"seq": 3, "type": "door.closed", "data": {}}, {"seq": 4, "type": "door.opened", "data": {}}])
    path.write_text(json.dumps(envelope(1)) + "\n" + array[:-12])
    assert [e["seq"] for e in read_capture(path)] == [1, 2, 3]
    path.write_text(array[:-12] + "\n" + json.dumps(envelope(1)) + "\n")
    with pytest.raises(CaptureError, match="seen.log:1: is not JSON"):
        read_capture(path)


def test_what_the_cabinet_says_is_gone_is_not_missing() -> None:
    """Dropped telemetry, and events that flash no longer holds."""
    gap = envelope(6, ring="B", type="journal.gap", data={"from": 1, "to": 4, "count": 4})
    damaged = envelope(9, type="journal.damaged", data={"ring": "A", "from": 3, "to": 3})
    events = [envelope(5, ring="B"), gap, envelope(2), *(envelope(n) for n in (4, 5, 6, 7, 8)), damaged]
    assert gaps_of(events) == []
    assert gaps_of([envelope(0, ring="B"), *events]) == []
    assert gaps_of([e for e in events if e["seq"] != 7]) == ["ring A: 7 to 7"]


def test_one_event_laid_out_over_many_lines_is_read(tmp_path: Path) -> None:
    """As a person saves it from a console."""
    path = tmp_path / "event.json"
    path.write_text(json.dumps(envelope(4), indent=2))
    assert [e["seq"] for e in read_capture(path)] == [4]
