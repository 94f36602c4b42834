"""`swapcab journal` on images: genuine ones, tampered ones, kept ones of old firmware, captures, and nonsense."""

import csv
import io
import json
import random
from pathlib import Path

import pytest
from cabinet_year import KEY, Clock, live
from nor_flash import NorFlash
from refusing_flash import RefusingFlash, left_behind
from tampering import Tamperer
from typer.testing import CliRunner

from cabinet.core import events
from cabinet.store.area import split
from cabinet.store.journal import Journal
from swapcab.journal import image as journal_image
from swapcab.journal.cli import app
from swapcab.paths import ROOT

KEPT = ROOT / "tests" / "data" / "journal-format-1.bin"
KEPT_EVENTS = ROOT / "tests" / "data" / "journal-format-1.jsonl"


def run(*args: object) -> tuple[int, str, str]:
    """Exit code, output and errors of `swapcab journal`."""
    result = CliRunner().invoke(app, [str(a) for a in args])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def lived() -> tuple[bytes, list[bytes]]:
    """The flash of a cabinet after some days with restarts, and earlier states of it."""
    chip = NorFlash(20 * 4096)
    a, b = split(chip)
    clock = Clock()
    older = []
    for day in range(4):
        older.append(bytes(chip.cells))
        live(Journal(a, b, KEY, clock, 64), clock, 1, 10, day, 1)
    return bytes(chip.cells), older[1:]


@pytest.fixture
def image(lived: tuple[bytes, list[bytes]], tmp_path: Path) -> Path:
    """The same in a file."""
    path = tmp_path / "flash.bin"
    path.write_bytes(lived[0])
    return path


def test_attacks_with_repaired_crcs_are_found_and_the_first_wrong_record_named(lived: tuple[bytes, list[bytes]]) -> None:
    """A few hundred of them; the benchmark does ten thousand."""
    data, older = lived
    images = journal_image.verify(data, KEY)
    assert [f for i in images.values() for f in i.faults] == []
    anchors = [journal_image.Anchor(r, i.head, list(i.events)[-1].tag.hex(), i.boots) for r, i in images.items()]
    tamperer = Tamperer(data, images["A"], random.Random(4), older)
    for _ in range(120):
        attack = tamperer.attack()
        after = journal_image.verify(attack.data, KEY)
        journal_image.compare_anchors(after, anchors)
        first = after["A"].faults[0]
        assert first.kind in attack.kinds, (attack.what, first)
        assert attack.sequence in (None, first.sequence), (attack.what, attack.sequence, first)
        assert attack.offset in (None, first.offset), (attack.what, attack.offset, first)


def test_verify_says_genuine_or_what_was_done(image: Path, lived: tuple[bytes, list[bytes]]) -> None:
    """Exit codes 0 and 1, and words."""
    code, out, _ = run("verify", image, "--key", KEY.hex())
    assert code == 0 and "genuine" in out
    data = bytearray(lived[0])
    record = list(journal_image.read_ring(lived[0], "A").events)[40]
    data[record.offset + 12] ^= 7
    image.write_bytes(data)
    code, out, _ = run("verify", image, "--key", KEY.hex())
    assert code == 1
    assert f"NOT GENUINE: ring A, event {record.sequence}" in out and "another cabinet" not in out


def test_sectors_that_the_firmware_could_not_erase_are_no_tampering() -> None:
    """They hold genuine records of a round before, long since given up."""
    a, b = RefusingFlash(16 * 4096), NorFlash(8 * 4096)
    journal = Journal(a, b, KEY, Clock(), 0)
    left_behind(journal, a, lambda n: events.make("swap.step", 1 + n % 12, f"PACK{n:04d}", n, "x" * 60))
    images = journal_image.verify(bytes(a.cells) + bytes(b.cells), KEY)
    assert [fault for image in images.values() for fault in image.faults] == []
    assert images["A"].head == journal.head(0)


def test_a_wrong_key_is_not_genuine_and_no_key_is_no_verdict(image: Path) -> None:
    """Only the device key can tell."""
    code, out, _ = run("verify", image, "--key", "11" * 32)
    assert code == 1 and "NOT GENUINE" in out and "probably --key is that of another cabinet" in out
    code, out, _ = run("verify", image)
    assert code == 0 and "without the device key" in out


def test_a_capture_shows_a_tail_cut_off_and_an_old_image_put_back(image: Path, lived: tuple[bytes, list[bytes]], tmp_path: Path) -> None:
    """What left the device is the anchor."""
    capture = tmp_path / "seen.jsonl"
    assert run("export", image, "-o", capture, "--cabinet", "c1")[0] == 0
    assert run("verify", image, "--key", KEY.hex(), "--anchor", capture)[0] == 0
    image.write_bytes(lived[1][0])
    assert run("verify", image, "--key", KEY.hex())[0] == 0
    code, out, _ = run("verify", image, "--key", KEY.hex(), "--anchor", capture, "--json")
    verdict = json.loads(out)
    assert code == 1
    assert verdict["faults"][0]["kind"] == "rolled back"


def test_an_old_journal_is_read_by_new_tools_and_new_firmware() -> None:
    """The sample was written by the first firmware with this format and is never regenerated."""
    expected = [json.loads(line) for line in KEPT_EVENTS.read_text().splitlines()]
    code, out, _ = run("export", KEPT, "--key", KEY.hex(), "--cabinet", "sample")
    assert code == 0
    assert [json.loads(line) for line in out.splitlines()] == expected
    assert run("verify", KEPT, "--key", KEY.hex())[0] == 0
    chip = NorFlash(len(KEPT.read_bytes()), image=KEPT.read_bytes())
    a, b = split(chip)
    journal = Journal(a, b, KEY, Clock())
    from cabinet.store.event_codec import to_envelope

    mine = []
    for ring in (0, 1):
        after = 0
        while (record := journal.read(ring, after)) is not None:
            after = record.sequence
            mine.append(to_envelope("sample", ring, record))
    assert mine == expected


def test_all_formats_carry_all_events(image: Path, tmp_path: Path) -> None:
    """JSON lines, CSV, HTML."""
    code, out, _ = run("export", image, "--key", KEY.hex(), "--cabinet", "c1")
    envelopes = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and len(envelopes) > 300
    code, out, _ = run("export", image, "-f", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert len(rows) == len(envelopes)
    assert [int(r["seq"]) for r in rows] == [e["seq"] for e in envelopes]
    page = tmp_path / "report.html"
    assert run("export", image, "-f", "html", "-o", page, "--key", KEY.hex(), "--cabinet", "<c&1>")[0] == 0
    text = page.read_text()
    assert "genuine" in text and "<svg" in text and "&lt;c&amp;1&gt;" in text and "<c&1>" not in text
    assert "http" not in text.replace("http-equiv", "")


def test_a_spreadsheet_is_never_made_to_run_a_cell(tmp_path: Path) -> None:
    """A pack's serial number is somebody else's text."""
    capture = tmp_path / "seen.jsonl"
    envelope = {"v": 1, "cabinet": "c", "boot": 1, "ring": "A", "seq": 1, "time": None, "tq": "unknown", "ticks": 1, "type": "pack.removed"}
    capture.write_text(json.dumps({**envelope, "slot": 1, "pack": "=1+1", "data": {}}) + "\n")
    code, out, _ = run("export", capture, "-f", "csv")
    assert code == 0 and ",'=1+1," in out


def test_a_cell_without_content_stays_empty(tmp_path: Path) -> None:
    """An event of the cabinet has no slot and no pack."""
    capture = tmp_path / "seen.jsonl"
    envelope = {"v": 1, "cabinet": "", "boot": 1, "ring": "A", "seq": 1, "time": None, "tq": "unknown", "ticks": 1, "type": "pack.removed"}
    capture.write_text(json.dumps({**envelope, "slot": None, "pack": "", "data": {}}) + "\n")
    code, out, _ = run("export", capture, "-f", "csv")
    assert code == 0 and out.splitlines()[1] == ",A,1,1,,unknown,1,pack.removed,,,{}"


def test_a_report_carries_the_name_of_the_cabinet_whose_settings_lie_beside_the_image(image: Path) -> None:
    """A flash image itself holds no name."""
    image.with_name("settings.json").write_text(json.dumps({"cabinet": {"id": "cab-0042"}}))
    assert "cabinet cab-0042" in run("export", image, "-f", "html")[1]
    assert json.loads(run("export", image)[1].splitlines()[0])["cabinet"] == "cab-0042"
    assert "cabinet c7" in run("export", image, "-f", "html", "--cabinet", "c7")[1]


def test_dump_and_tail_print_one_line_an_event(image: Path) -> None:
    """Newest last."""
    code, out, _ = run("dump", image, "--ring", "A")
    lines = out.splitlines()
    assert code == 0 and "swap.completed" in out
    code, out, _ = run("tail", image, "-n", "3", "--ring", "A")
    assert out.splitlines() == lines[-3:]


def test_a_capture_of_mosquitto_sub_is_read_and_its_gaps_named(tmp_path: Path) -> None:
    """Topics before the JSON, arrays, duplicates."""
    base = {"v": 1, "cabinet": "c", "boot": 1, "time": 1767225600, "tq": "sync", "ticks": 5, "type": "door.opened", "slot": 1, "pack": None}
    events = [{**base, "ring": "A", "seq": n, "data": {}} for n in (1, 2, 3, 6)]
    capture = tmp_path / "seen.log"
    lines = [json.dumps(events[:2]), json.dumps(events[1]), json.dumps(events[2]), json.dumps(events[3])]
    capture.write_text("".join(f"swapcab/v1/c/events/a {line}\n" for line in lines))
    code, out, _ = run("verify", capture)
    assert code == 1 and "4 events" in out and "ring A: 4 to 5" in out


@pytest.mark.parametrize("seed", range(6))
def test_noise_is_refused_with_words(seed: int, tmp_path: Path) -> None:
    """Not a traceback."""
    path = tmp_path / "noise.bin"
    path.write_bytes(random.Random(seed).randbytes(3 * 4096))
    code, _, err = run("verify", path)
    assert code == 2 and "holds no journal" in err
    assert run("verify", tmp_path / "missing.bin")[0] == 2
    assert run("verify", path, "--key", "xyz")[0] == 2


def test_an_image_that_is_partly_noise_is_read_without_an_exception(lived: tuple[bytes, list[bytes]], tmp_path: Path) -> None:
    """Whatever can be read is; the verdict says that it is not whole."""
    dice = random.Random(8)
    path = tmp_path / "flash.bin"
    for _ in range(30):
        data = bytearray(lived[0])
        for _ in range(dice.randrange(1, 40)):
            at = dice.randrange(len(data))
            data[at : at + dice.randrange(1, 300)] = dice.randbytes(dice.randrange(1, 300))
        path.write_bytes(data)
        assert run("verify", path, "--key", KEY.hex())[0] in (0, 1, 2)
        assert run("export", path)[0] in (0, 2)
