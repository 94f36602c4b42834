"""What recovery costs on an area of the size that a real cabinet has."""

import random

import pytest
from nor_flash import NorFlash

from cabinet.core import events
from cabinet.store.journal import Journal


class Clock:
    """A clock that stands at one instant."""

    def ticks_ms(self) -> int:
        """Some ticks."""
        return 12345

    def ticks_us(self) -> int:
        """Some ticks."""
        return 12345

    def wall_s(self) -> int:
        """Wall time."""
        return 1_700_000_000

    def quality(self) -> int:
        """How good it is."""
        return 2


def test_recovery_of_a_half_full_mebibyte_reads_at_most_34_kib() -> None:
    """Unacknowledged events in 128 of 256 sectors: below twice of what single readings took (19 KiB, 379 reads)."""
    a = NorFlash(1 << 20)
    b = NorFlash(8 * 4096)
    journal = Journal(a, b, b"k" * 32, Clock(), checkpoint_every=0)
    for n in range(4900):
        journal.append(events.make("swap.step", 1 + n % 12, f"PACK{n:04d}", n, "x" * 60))
        journal.idle()
    assert sum(1 for s in journal.rings[0].state if s >= 3) >= 120
    a.reads = a.read_bytes = 0
    Journal(a, b, b"k" * 32, Clock())
    assert a.read_bytes <= 34 * 1024, a.read_bytes
    assert a.reads <= 700, a.reads


def damaged(dice: random.Random, cells: bytearray) -> None:
    """Noise, blanks, zeros, flipped bits and exchanged sectors somewhere."""
    for _ in range(dice.randrange(1, 12)):
        at = dice.randrange(len(cells))
        size = min(dice.choice((1, 1, 2, 8, 48, 300, 4096)), len(cells) - at)
        kind = dice.randrange(5)
        if kind == 0:
            cells[at : at + size] = dice.randbytes(size)
        elif kind == 1:
            cells[at : at + size] = b"\xff" * size
        elif kind == 2:
            cells[at : at + size] = bytes(size)
        elif kind == 3:
            cells[at] ^= 1 << dice.randrange(8)
        else:
            a, b = (dice.randrange(len(cells) // 4096) * 4096 for _ in range(2))
            cells[a : a + 4096], cells[b : b + 4096] = cells[b : b + 4096], cells[a : a + 4096]


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happened_to_the_flash_a_journal_comes_up_and_goes_on(seed: int) -> None:
    """No exception at boot, events can be stored, and what is read back is what was stored last."""
    dice = random.Random(seed)
    a, b = NorFlash(8 * 4096), NorFlash(8 * 4096)
    journal = Journal(a, b, b"k" * 32, Clock(), checkpoint_every=0)
    for n in range(170):
        journal.append(events.make("swap.step", 1 + n % 12, f"PACK{n:04d}", n, "x" * 60))
        journal.append(events.make("telemetry.slot", 1 + n % 12, "P", n, 1, 2, 3, 4, 5))
        if n % 10 == 9:
            journal.ack(0, n - 5)
        journal.idle()
    images = (bytes(a.cells), bytes(b.cells))
    for _ in range(25):
        a, b = NorFlash(8 * 4096, image=images[0]), NorFlash(8 * 4096, image=images[1])
        damaged(dice, a.cells)
        damaged(dice, b.cells)
        journal = Journal(a, b, b"k" * 32, Clock(), checkpoint_every=0)
        for ring in (0, 1):
            after = 0
            while (record := journal.read(ring, after)) is not None:
                assert record.sequence > after
                after = record.sequence
        stored = []
        for n in range(30):
            journal.ack(0, journal.head(0))  # what must be kept may fill a ring until it has arrived
            for _ in range(3):
                journal.idle()
            stored.append(journal.append(events.make("swap.step", 1, "NEW", n, "y")))
        again = Journal(a, b, b"k" * 32, Clock(), checkpoint_every=0)
        for n, sequence in enumerate(stored):
            record = again.read(0, sequence - 1)
            assert record is not None
            assert (record.sequence, record.event.values) == (sequence, (n, "y"))
