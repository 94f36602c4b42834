"""What recovery costs on an area of the size that a real cabinet has."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "models")]

from nor_flash import NorFlash  # noqa: E402  # pyright: ignore[reportMissingImports]

from cabinet.core import events  # noqa: E402
from cabinet.store.journal import Journal  # noqa: E402


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


def test_recovery_of_a_half_full_mebibyte_reads_at_most_24_kib() -> None:
    """Unacknowledged events in 128 of 256 sectors."""
    a = NorFlash(1 << 20)
    b = NorFlash(8 * 4096)
    journal = Journal(a, b, b"k" * 32, Clock(), checkpoint_every=0)
    for n in range(4900):
        journal.append(events.make("swap.step", 1 + n % 12, f"PACK{n:04d}", n, "x" * 60))
        journal.idle()
    assert sum(1 for s in journal.rings[0].state if s >= 3) >= 120
    a.reads = a.read_bytes = 0
    Journal(a, b, b"k" * 32, Clock())
    assert a.read_bytes <= 24 * 1024, a.read_bytes
