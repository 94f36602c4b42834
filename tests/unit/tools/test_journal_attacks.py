"""Attacks on whole sectors and rings, errors of the flash, and the wrong key: each called by its name."""

import random
from pathlib import Path

import pytest
from cabinet_year import KEY, Clock, live
from nor_flash import NorFlash
from typer.testing import CliRunner

from cabinet.store.area import split
from cabinet.store.journal import Journal
from swapcab.journal import image as journal_image
from swapcab.journal.cli import app

SIZE = 4096
SECTORS_A = 63


@pytest.fixture(scope="module")
def days() -> list[bytes]:
    """The flash of a cabinet at the end of each of eight days, all events acknowledged at night."""
    chip = NorFlash(72 * SIZE)
    a, b = split(chip)
    clock = Clock()
    images = []
    for day in range(8):
        journal = Journal(a, b, KEY, clock, 64)
        live(journal, clock, 1, 100, day, 1)
        for ring in (0, 1):
            journal.ack(ring, journal.head(ring))
        images.append(bytes(chip.cells))
    return images


def verdict(data: bytes, tmp_path: Path, *more: object, key: bytes = KEY) -> tuple[int, str]:
    """Exit code and output of `swapcab journal verify`."""
    path = tmp_path / "flash.bin"
    path.write_bytes(data)
    result = CliRunner().invoke(app, ["verify", str(path), "--key", key.hex(), *map(str, more)])
    return result.exit_code, result.stdout


def ring_a(data: bytes) -> journal_image.RingImage:
    """Ring A as it is read."""
    return journal_image.read_ring(data, "A", key=KEY)


def erased(data: bytes, sectors: list[journal_image.Sector]) -> bytes:
    """Some sectors erased, as a programmer does it: without the mark that the firmware writes behind."""
    changed = bytearray(data)
    for sector in sectors:
        changed[sector.offset : sector.offset + SIZE] = b"\xff" * SIZE
    return bytes(changed)


def test_an_untouched_image_says_what_is_proven_and_what_is_not(days: list[bytes], tmp_path: Path) -> None:
    """By ring."""
    code, out = verdict(days[-1], tmp_path)
    assert code == 0
    assert out.count("  proven: events ") == 2 and out.count("without an anchor") == 2


def test_a_ring_that_was_erased_is_missed(days: list[bytes], tmp_path: Path) -> None:
    """The other one shows how often the cabinet has started."""
    code, out = verdict(erased(days[-1], ring_a(days[-1]).sectors), tmp_path)
    assert code == 1 and "removed: everything: the ring is empty" in out


def test_sectors_marked_as_given_up_over_their_records_are_missed(days: list[bytes], tmp_path: Path) -> None:
    """Four bytes of 0 each."""
    changed = bytearray(days[-1])
    for sector in ring_a(days[-1]).sectors:
        changed[sector.offset + 8 : sector.offset + 12] = bytes(4)
    code, out = verdict(bytes(changed), tmp_path)
    assert code == 1 and "removed" in out


def test_many_erased_sectors_between_those_in_use_are_no_normal_reuse(days: list[bytes], tmp_path: Path) -> None:
    """A ring that has come round once has at most a few of them."""
    image = ring_a(days[-1])
    assert image.first > 0
    by_offset = sorted(image.sectors, key=lambda s: s.offset)
    oldest = sorted(by_offset[1:-1], key=lambda s: s.number)[:20]
    code, out = verdict(erased(days[-1], oldest), tmp_path)
    assert code == 1 and "removed" in out


def test_rings_of_different_days_contradict_each_other(days: list[bytes], tmp_path: Path) -> None:
    """Ring A of the fourth day beside ring B of the last."""
    cut = SECTORS_A * SIZE
    code, out = verdict(days[3][:cut] + days[-1][cut:], tmp_path)
    assert code == 1 and "truncated" in out and "the other ring knows of start" in out


def test_one_flipped_bit_is_an_error_of_the_flash_and_no_edit(days: list[bytes], tmp_path: Path) -> None:
    """In payload, tag, CRC and first word of a record."""
    dice = random.Random(3)
    for _ in range(20):
        changed = bytearray(days[-1])
        record = dice.choice(dice.choice(ring_a(days[-1]).sectors[2:-2]).records[1:-1])
        at = record.offset + dice.randrange(len(record.payload) + journal_image.OVERHEAD)
        changed[at] ^= 1 << dice.randrange(8)
        code, out = verdict(bytes(changed), tmp_path)
        assert code == 0, out
        assert "1 flash error" in out and f"image offset {at}" in out and "NOT GENUINE" not in out


def test_the_key_of_another_cabinet_is_called_that(days: list[bytes], tmp_path: Path) -> None:
    """Not an edit of every record."""
    code, out = verdict(days[-1], tmp_path, key=b"another key" * 3)
    assert code == 1 and "other key" in out and "probably --key is that of another cabinet" in out
    assert "edited" not in out
