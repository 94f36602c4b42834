"""Counters and the ledger of packs, kept in the state store. Bounded in number; written seldom enough not to wear the flash.

Counters are kept in RAM and written when `flush` is called (every few minutes, and before a planned restart): a power cut costs
what was counted since. A pack's row is written when the pack comes and when it is refused: both are events anyway.
"""

import struct

from cabinet.store.ring import JournalFull

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.store.state import StateStore

COUNTERS = ("swaps", "swaps_refused", "lock_pulses", "relay_cycles", "fan_hours", "charger_hours", "packs_refused", "starts")
MAX_PACKS = 64
_NAME = "counters"
_PACK = "pack/"
_ROW = "<IIHHHHBBBB"  # first seen, last seen, visits, refusals, cycles, reserved, newest SoH and the three before
_ROW_SIZE = struct.calcsize(_ROW)


class PackRow:
    """What the cabinet remembers of a pack."""

    def __init__(self, raw: "bytes | None" = None) -> None:
        if raw is None or len(raw) < _ROW_SIZE:
            raw = bytes(_ROW_SIZE)
        row = struct.unpack_from(_ROW, raw, 0)
        self.first_s = row[0]  # wall time, 0 if it was unknown
        self.last_s = row[1]
        self.visits = row[2]
        self.refusals = row[3]
        self.cycles = row[4]
        self.soh_pct = [row[6], row[7], row[8], row[9]]  # newest first; 0: none yet

    def pack(self) -> bytes:
        """For the store."""
        s = self.soh_pct
        return struct.pack(
            _ROW, self.first_s, self.last_s, _top(self.visits), _top(self.refusals), _top(self.cycles), 0, s[0], s[1], s[2], s[3]
        )


def _top(value: int) -> int:
    return value if value < 0xFFFF else 0xFFFF


class Ledger:
    """Counters by name and rows by serial number, over a StateStore."""

    def __init__(self, store: "StateStore") -> None:
        self._store = store
        raw = store.get(_NAME) or b""
        self._counts = [struct.unpack_from("<I", raw, 4 * i)[0] if 4 * i + 4 <= len(raw) else 0 for i in range(len(COUNTERS))]
        self._changed = False
        self._last = {}  # serial -> last seen, to choose whom to forget
        for name in store.names():
            if name.startswith(_PACK):
                self._last[name[len(_PACK) :]] = PackRow(store.get(name)).last_s

    def count(self, name: str, by: int = 1) -> None:
        """Count something. Raises ValueError for a counter that does not exist."""
        i = COUNTERS.index(name)
        self._counts[i] = (self._counts[i] + by) & 0xFFFFFFFF
        self._changed = True

    def value(self, name: str) -> int:
        """A counter."""
        return self._counts[COUNTERS.index(name)]

    def counters(self) -> dict:
        """All of them."""
        return {name: self._counts[i] for i, name in enumerate(COUNTERS)}

    def flush(self) -> bool:
        """Write the counters if they changed. False if there is no room just now: call again later."""
        if self._changed:
            raw = bytearray(4 * len(COUNTERS))
            for i, count in enumerate(self._counts):
                struct.pack_into("<I", raw, 4 * i, count)
            try:
                self._store.put(_NAME, raw)
            except JournalFull:
                return False
            self._changed = False
        return True

    def pack(self, serial: str) -> "PackRow | None":
        """What is known of a pack, None if it was never here (or too long ago)."""
        return PackRow(self._store.get(_PACK + serial)) if serial in self._last else None

    def serials(self) -> "list[str]":
        """All packs that are remembered."""
        return list(self._last)

    def saw_pack(self, serial: str, wall_s: int, cycles: int, soh_pct: int, refused: bool = False) -> bool:
        """A pack came, or (a call of its own) was refused. The pack that was away longest gives way when the ledger is full.

        False if the row could not be stored just now.
        """
        if not serial or len(serial.encode()) > 24:
            return False
        row = self.pack(serial) or PackRow()
        if refused:
            row.refusals += 1
        else:
            row.visits += 1
            if soh_pct and row.soh_pct[0] != soh_pct:
                row.soh_pct = [min(soh_pct, 255)] + row.soh_pct[:3]
        row.first_s = row.first_s or wall_s
        row.last_s = max(row.last_s, wall_s)
        row.cycles = max(0, cycles)
        try:
            if serial not in self._last and len(self._last) >= MAX_PACKS:
                oldest = min(self._last, key=lambda name: self._last[name])
                self._store.delete(_PACK + oldest)
                del self._last[oldest]
            self._store.put(_PACK + serial, row.pack())
        except JournalFull:
            return False
        self._last[serial] = row.last_s
        return True
