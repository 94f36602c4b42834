"""What is counted over a cabinet's life, and a row for each pack that was here; both are values of the state store.

Counters live in RAM and are written by `flush` (once a minute): a power cut costs what was counted since. Rows stand on flash
only, ten to a value, so that RAM does not grow with the packs. docs/journal.md has the format; new counters go to the end.
"""

import struct

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.store.state import StateStore

_COUNTS = "<7I"
_ROW = "<24sIIIHHHBBBB"  # serial, order, first seen, last seen, visits, refusals, cycles, newest SoH and the three before
_ROW_SIZE = const(46)
_PAGE = const(460)
_PAGES = const(6)
MAX_PACKS = 60  # the one that was away longest gives way
MAX_SERIAL = 24


class Ledger:
    """Counters by position (see `cabinet.runtime.bookkeeping`) and rows by serial number. Raises what StateStore.put raises."""

    def __init__(self, store: "StateStore") -> None:
        self._store = store
        self.counts = list(struct.unpack(_COUNTS, store.get("counts") or bytes(28)))

    def flush(self) -> None:
        """Write the counters if they changed."""
        raw = struct.pack(_COUNTS, *self.counts)
        if raw != self._store.get("counts"):
            self._store.put("counts", raw)

    def saw_pack(self, serial: str, wall_s: int, cycles: int, soh_pct: int, refused: bool = False) -> None:
        """A pack came, or (a call of its own) was refused. `serial` has 1 to MAX_SERIAL bytes."""
        store = self._store
        key = serial.encode()
        key += bytes(24 - len(key))
        page = offset = newest = 0
        lowest = 0x3FFFFFFF
        for number in range(_PAGES):
            raw = store.get("packs%d" % number) or bytes(_PAGE)
            found = raw.find(key)
            for at in range(0, _PAGE, _ROW_SIZE):
                order = struct.unpack_from("<I", raw, at + 24)[0]
                newest = max(newest, order)
                if at == found:
                    order = -1
                if order < lowest:
                    lowest = order
                    page = number
                    offset = at
        raw = bytearray(store.get("packs%d" % page) or bytes(_PAGE))
        row: list = list(struct.unpack_from(_ROW, raw, offset)) if lowest < 0 else [key] + [0] * 10
        row[1] = newest + 1
        row[2] = row[2] or wall_s
        row[3] = max(row[3], wall_s)
        if refused:
            row[5] = min(row[5] + 1, 0xFFFF)
        else:
            row[4] = min(row[4] + 1, 0xFFFF)
            row[6] = min(cycles, 0xFFFF)
            if soh_pct and soh_pct != row[7]:
                row[7:] = [min(soh_pct, 255)] + row[7:10]
        struct.pack_into(_ROW, raw, offset, *row)
        store.put("packs%d" % page, raw)
