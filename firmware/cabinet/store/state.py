"""Small named values that outlive a power cut: the swap in progress, counters, the ledger, settings.

The same records on the same kind of ring as the journal. The newest record of a name counts; before the oldest sector is
given up, what is still valid in it is copied to the head. `put` never erases; call `idle` between bus polls.
"""

from cabinet.store.layout import DATA, KIND_EVENT, PAYLOAD, RECORD_OVERHEAD, SECTOR_HEADER
from cabinet.store.ring import Buffers, JournalFull, Ring
from cabinet.store.sectors import EIO, READINGS
from cabinet.trust.hmac import HmacKey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.ports import FlashArea

MAX_NAME = 32
ACCEPTED = "~damage"  # the name whose value says up to which sequence damage was reported and dealt with
_GONE = 0x80
_COPIES_A_CALL = 4


class StateStore:
    """Names and values on flash. RAM holds an index only: where the newest record of each name begins."""

    def __init__(self, area: "FlashArea", key: bytes = b"", buffers: "Buffers | None" = None) -> None:
        self._ring = Ring(area, "S", HmacKey(key), buffers or Buffers(), reserve=0)
        ring = self._ring
        ring.target = 1 if ring.count < 4 else 2
        self._index = {}  # name -> address * 1024 + payload length
        self._live = 0  # bytes of records that count
        usable = ring.sector_size - SECTOR_HEADER
        self.capacity = usable * 2 // 5 if ring.count == 2 else (ring.count - 2) * usable * 3 // 4
        self._from = -1  # the sector that is being emptied
        self._from_pos = 0
        self._from_last = 0
        self.findings = ring.findings
        self.damaged_to = 0  # the newest sequence that could not be read at the start and was not dealt with; 0: none
        self.unreadable = []  # names whose values no reading could find; who reports one takes it out
        self._sure = None  # names whose newest record follows that one
        if ring.oldest >= 0:
            self._read_all()

    @property
    def broken(self) -> bool:
        """Whether the flash did not answer when it was recovered: what is stored is not known until another start."""
        return self._ring.broken

    @property
    def erasing(self) -> bool:
        """Whether an erase is under way beside the loop: `idle` ends it."""
        return self._ring.erasing is not None

    def _read_all(self) -> None:
        """Read every record once: in sequence, under its tag. What is missing or carries another tag is damage."""
        ring = self._ring
        newest = {}  # name: sequence
        healed = []
        sector = ring.oldest
        last = -1
        damaged = 0
        tag = bytearray(8)
        while True:
            self._begin(sector)
            if ring.state[sector] == DATA and ring.read_header(sector) == DATA:
                tag[:] = ring.header_view[36:44]
                chained = True
            else:
                chained = False
            if last >= 0 and self._from_last > last:
                damaged = self._from_last
            last = self._from_last
            while self._step():
                at = self._from_pos - ring.length - RECORD_OVERHEAD
                sound = ring.loaded > last + 1 or not chained or ring.follows(tag)  # behind a gap the tag before is not known
                if ring.loaded > last + 1 or not sound:
                    damaged = ring.loaded - sound
                last = ring.loaded
                chained = True
                tag[:] = ring.view[PAYLOAD + ring.length : PAYLOAD + ring.length + 8]
                name = self._note(at) if sound else b""
                newest[name] = last
                if sector * ring.sector_size + at in ring.healed:
                    healed.append(name)
            if sector == ring.head:
                break
            sector = ring.next_data(sector)
        if last < ring.sequence:
            damaged = ring.sequence
        self._from = -1
        accepted = self.get(ACCEPTED) if damaged else None
        if damaged > (int.from_bytes(accepted, "little") if accepted else 0):
            self.damaged_to = damaged
            self._sure = {name for name in newest if newest[name] > damaged}
        self._write_anew(healed)

    def _write_anew(self, names: list) -> None:
        """Store again what was read only because a flipped bit could be put right."""
        for name in names:
            if name in self._index:
                try:
                    self._append(name, self._read(name), 0)
                except (JournalFull, OSError):
                    return

    def unsure(self, name: str) -> bool:
        """Whether this name may have another value than `get` returns: its newest record may be among what cannot be read."""
        if name in self.unreadable:
            return True
        return self._sure is not None and name.encode() not in self._sure

    def damage(self) -> bytes:
        """The value to be stored under ACCEPTED once the damage was reported and what may follow from it was prevented."""
        return self.damaged_to.to_bytes(4, "little")

    def _begin(self, sector: int) -> None:
        """Stand before the first record of a sector."""
        before = self._from_last
        self._from = sector
        self._from_pos = SECTOR_HEADER
        self._from_last = self._ring.begin_of(sector, before)

    def _step(self) -> bool:
        """Load the next record of the sector begun; False at its end."""
        ring = self._ring
        limit = ring.pos if self._from == ring.head else ring.sector_size
        at = ring.advance(self._from * ring.sector_size, self._from_pos, limit, self._from_last)
        if at < 0:
            return False
        self._from_pos = at + ring.length + RECORD_OVERHEAD
        self._from_last = ring.loaded
        return True

    def _note(self, at: int) -> bytes:
        """Take the record that stands in the buffer and begins at `at` of the sector begun into the index; returns its name."""
        ring = self._ring
        if ring.kind != KIND_EVENT or ring.length < 1:
            return b""
        size = ring.record[PAYLOAD] & ~_GONE
        name = bytes(ring.view[PAYLOAD + 1 : PAYLOAD + 1 + size])
        self._place(name, self._from * ring.sector_size + at, ring.length, ring.record[PAYLOAD] & _GONE != 0)
        return name

    def _place(self, name: bytes, address: int, length: int, gone: bool) -> None:
        old = self._index.get(name)
        if old is not None:
            self._live -= (old & 1023) + RECORD_OVERHEAD
        if gone:
            self._index.pop(name, None)
        else:
            self._index[name] = address << 10 | length
            self._live += length + RECORD_OVERHEAD

    def names(self) -> "list[str]":
        """All names that have a value."""
        return [name.decode() for name in self._index]

    def get(self, name: str) -> "bytes | None":
        """The value, or None if there is none. One that cannot be read is None as well, and its name stands in `unreadable`."""
        raw = name.encode()
        if raw not in self._index:
            return None
        try:
            return self._read(raw)
        except OSError:
            if name not in self.unreadable:
                self.unreadable.append(name)
            return None

    def _read(self, raw: bytes) -> bytes:
        """The value that stands where the index says. Raises OSError if no reading finds it there."""
        ring = self._ring
        where = self._index[raw]
        address = where >> 10
        at = address % ring.sector_size
        found = False
        for _ in range(READINGS):
            found = ring.load_any(address - at, at) and ring.length == where & 1023
            if found:
                break
            ring.pause()
        if not found and not self._walk_to(address):
            raise OSError(EIO)
        if ring.view[PAYLOAD + 1 : PAYLOAD + 1 + len(raw)] != raw:
            raise OSError(EIO)
        return bytes(ring.view[PAYLOAD + 1 + len(raw) : PAYLOAD + ring.length])

    def _walk_to(self, address: int) -> bool:
        """Load the record that begins at `address`, all before it in its sector first: so a flipped bit in it can be put right."""
        ring = self._ring
        going_on = (self._from, self._from_pos, self._from_last)
        self._from_last = 0
        self._begin(address // ring.sector_size)
        found = False
        while not found and self._step():
            found = self._from * ring.sector_size + self._from_pos - ring.length - RECORD_OVERHEAD == address
        self._from, self._from_pos, self._from_last = going_on
        return found

    def put(self, name: str, value: "bytes | bytearray") -> None:
        """Store a value; durable on return. Raises JournalFull if there is no room, OSError if the flash fails."""
        raw = name.encode()
        if not 0 < len(raw) <= MAX_NAME:
            raise ValueError("name of a value must have 1 to %d bytes" % MAX_NAME)
        length = 1 + len(raw) + len(value)
        where = self._index.get(raw)
        old = 0 if where is None else (where & 1023) + RECORD_OVERHEAD
        if self._live - old + length + RECORD_OVERHEAD > self.capacity:
            raise JournalFull("state store: no room for %s" % name)
        self._append(raw, value, 0)

    def delete(self, name: str) -> None:
        """Forget a value durably; nothing happens if there is none."""
        raw = name.encode()
        if raw in self._index:
            self._append(raw, b"", _GONE)

    def _append(self, raw: bytes, value: "bytes | bytearray", flag: int) -> None:
        ring = self._ring
        length = 1 + len(raw) + len(value)
        if PAYLOAD + length + 12 > len(ring.record):
            raise ValueError("value of %d bytes is too long" % len(value))
        ring.record[PAYLOAD] = len(raw) | flag
        ring.record[PAYLOAD + 1 : PAYLOAD + 1 + len(raw)] = raw
        ring.record[PAYLOAD + 1 + len(raw) : PAYLOAD + length] = value
        head = ring.head
        self._store(raw, length, flag)
        if ring.head != head and ring.ready == 0:
            # The last ready sector was opened: make the oldest one free for `idle` while there is certainly room for it.
            try:
                while ring.oldest != ring.head and not self._evacuate(1000):
                    pass
            except JournalFull:
                return

    def _store(self, raw: bytes, length: int, flag: int) -> None:
        ring = self._ring
        ring.append(KIND_EVENT, length)
        address = ring.head * ring.sector_size + ring.pos - length - RECORD_OVERHEAD
        self._place(raw, address, length, flag != 0)
        if self._sure is not None:
            self._sure.add(raw)
            if raw == ACCEPTED.encode():
                self._sure = None

    def _evacuate(self, copies: int) -> bool:
        """Copy what counts out of the oldest sector, at most `copies` records; True when nothing in there counts any more."""
        ring = self._ring
        if self._from != ring.oldest:
            self._from_last = 0
            self._begin(ring.oldest)
        while self._step():
            at = self._from_pos - ring.length - RECORD_OVERHEAD
            if ring.kind != KIND_EVENT or ring.length < 1 or ring.record[PAYLOAD] & _GONE:
                continue
            name = bytes(ring.view[PAYLOAD + 1 : PAYLOAD + 1 + ring.record[PAYLOAD]])
            where = self._index.get(name)
            if where is None or where >> 10 != self._from * ring.sector_size + at:
                continue
            try:
                self._store(name, ring.length, 0)
            except (JournalFull, OSError):
                self._from = -1
                raise
            copies -= 1
            if copies <= 0:
                return False
        self._from = -1
        ring.retire_oldest()
        return True

    def idle(self) -> bool:
        """Housekeeping: at most one erase, or a few copies. True if it erased, or an erase is under way."""
        ring = self._ring
        if ring.erase_one(ring.target, False):
            return True
        if ring.ready < ring.target and 0 <= ring.oldest != ring.head:
            try:
                if self._evacuate(_COPIES_A_CALL):
                    return ring.erase_one(ring.target, False)
            except (JournalFull, OSError):
                return False
        return False
