"""`swapcab journal ledger`: counters and packs from a flash image that the firmware wrote."""

import json
from pathlib import Path

import pytest
from nor_flash import NorFlash
from typer.testing import CliRunner

from cabinet.store.area import AreaPart
from cabinet.store.journal import Journal
from cabinet.store.ledger import Ledger
from cabinet.store.state import StateStore
from swapcab.journal.cli import app

KEY = bytes(range(32))
SECTOR = 4096


class Clock:
    """Stands still."""

    def ticks_ms(self) -> int:
        return 1

    def ticks_us(self) -> int:
        return 1

    def wall_s(self) -> int:
        return 1767225600

    def quality(self) -> int:
        return 2


def run(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(a) for a in args])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A journal and a state area in which 70 packs came by, so that sectors were reused."""
    chip = NorFlash(12 * SECTOR)
    Journal(AreaPart(chip, 0, 4 * SECTOR), AreaPart(chip, 4 * SECTOR, 4 * SECTOR), KEY, Clock())
    store = StateStore(AreaPart(chip, 8 * SECTOR, 4 * SECTOR), KEY)
    ledger = Ledger(store)
    for n in range(70):
        ledger.saw_pack(f"SP-{n:03}", 1767225600 + n, 100 + n, 95)
        while store.idle():
            pass
    ledger.saw_pack("SP-042", 1767300000, 150, 93)
    ledger.saw_pack("SP-042", 1767300001, 0, 0, refused=True)
    ledger.counts[:] = [400, 3, 810, 395, 7, 2, 65000]
    ledger.flush()
    path = tmp_path / "flash.bin"
    path.write_bytes(bytes(chip.cells))
    return path


def test_the_ledger_shows_counters_and_the_packs_with_the_latest_visitor_first(image: Path) -> None:
    code, out, _ = run("ledger", image, "--key", KEY.hex(), "--json")
    assert code == 0
    facts = json.loads(out)
    assert facts["counters"] == {
        "swaps": 400, "swaps refused": 3, "lock pulses": 810, "charges begun": 395,
        "packs refused": 7, "starts": 2, "minutes of charging": 65000,
    }
    assert len(facts["packs"]) == 60
    newest = facts["packs"][0]
    assert newest["serial"] == "SP-042" and newest["visits"] == 2 and newest["refusals"] == 1 and newest["cycles"] == 150
    assert newest["soh_pct"] == [93, 95] and newest["first_seen_s"] == 1767225642 and newest["last_seen_s"] == 1767300001
    code, out, _ = run("ledger", image, "--key", KEY.hex())
    assert code == 0 and "60 packs" in out and "65,000" in out and "SP-042" in out


def test_an_edited_counter_is_named_and_the_exit_code_is_1(image: Path) -> None:
    from zlib import crc32

    data = bytearray(image.read_bytes())
    at = data.rfind(b"\x06counts")
    sequence_free = data[at - 2 : at]
    length = (sequence_free[0] | sequence_free[1] << 8) & 0x3FF
    data[at + 7] ^= 1  # one swap less
    for sequence in range(1, 200):  # repair the CRC as a forger would
        body = bytes(data[at - 2 : at + length + 8])
        if (sequence & 15) == (body[1] >> 2 & 15):
            before = bytearray(body)
            before[9] ^= 1
            stop = at + length + 8
            if crc32(bytes(before), crc32(sequence.to_bytes(4, "little"))) == int.from_bytes(data[stop : stop + 4], "little"):
                data[stop : stop + 4] = crc32(body, crc32(sequence.to_bytes(4, "little"))).to_bytes(4, "little")
                break
    else:
        raise AssertionError("no sequence fits")
    image.write_bytes(bytes(data))
    code, out, _ = run("ledger", image, "--key", KEY.hex())
    assert code == 1 and "NOT GENUINE" in out and "edited" in out


def test_an_image_of_the_rings_alone_has_no_ledger_and_says_where_it_stands(image: Path) -> None:
    image.write_bytes(image.read_bytes()[: 8 * SECTOR])
    code, _, errors = run("ledger", image, "--key", KEY.hex())
    assert code == 2 and "no state area" in errors


def test_the_report_shows_the_ledger(image: Path, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    code, _, _ = run("export", image, "--key", KEY.hex(), "-f", "html", "-o", target)
    page = target.read_text()
    assert code == 0 and "Counted over the cabinet&#x27;s life" in page.replace("'", "&#x27;") and "SP-042" in page
