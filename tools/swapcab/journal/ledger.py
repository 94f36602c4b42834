"""What a cabinet counts over its life and remembers of packs: read from the state ring of a flash image (docs/journal.md)."""

from __future__ import annotations

import struct
from dataclasses import asdict, dataclass, field
from typing import Any

from swapcab.journal.image import Fault, read_ring, verify_ring

COUNTERS = ("swaps", "swaps refused", "lock pulses", "charges begun", "packs refused", "starts", "minutes of charging")
GONE = 0x80
ROW = struct.Struct("<24sIIIHHHBBBB")


@dataclass(frozen=True)
class PackRow:
    """One pack: times in Unix seconds (0: the time was not known), state of health in % (newest first, without repeats)."""

    serial: str
    first_seen_s: int
    last_seen_s: int
    visits: int
    refusals: int
    cycles: int
    soh_pct: list[int]
    order: int


@dataclass
class LedgerFacts:
    """Counters by name, packs with the latest visitor first, and what is wrong with the records they stand in."""

    counters: dict[str, int] = field(default_factory=dict)
    packs: list[PackRow] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)


def read_ledger(data: bytes, key: bytes | None, sector_size: int = 4096) -> LedgerFacts | None:
    """The ledger in an image; None if the image holds no state area."""
    image = read_ring(data, "S", sector_size, key=key)
    if not image.sectors:
        return None
    verify_ring(image, key)
    values: dict[str, bytes] = {}
    for record in image.events:
        head = record.payload[0] if record.payload else 0
        size = head & ~GONE
        name = record.payload[1 : 1 + size].decode(errors="replace")
        if head & GONE:
            values.pop(name, None)
        else:
            values[name] = record.payload[1 + size :]
    facts = LedgerFacts(faults=list(image.faults))
    raw = values.get("counts", b"")
    counts = struct.unpack_from(f"<{min(len(raw) // 4, len(COUNTERS))}I", raw)
    facts.counters = dict(zip(COUNTERS, counts, strict=False))
    for name, value in values.items():
        if name.startswith("packs"):
            facts.packs += _rows(value)
    facts.packs.sort(key=lambda pack: -pack.order)
    return facts


def _rows(value: bytes) -> list[PackRow]:
    rows = []
    for serial, order, first, last, visits, refusals, cycles, *soh in ROW.iter_unpack(value[: len(value) // ROW.size * ROW.size]):
        if order:
            name = serial.rstrip(b"\0").decode(errors="replace")
            rows.append(PackRow(name, first, last, visits, refusals, cycles, [s for s in soh if s], order))
    return rows
