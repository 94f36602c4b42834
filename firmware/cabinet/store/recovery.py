"""Finding the way back after a power cut: bounded reading, then making sure that what was found stays so.

Everything read once from a cell that was being written when the power went may read differently the next time.
So what is taken for valid is programmed again with the same bytes, what is not is cleared to zero, and writing goes
on in a page that no cut can have touched.
"""

from array import array

from micropython import const

from cabinet.store import layout
from cabinet.store.layout import (
    DAMAGED,
    DATA,
    DIRTY,
    FMT_SIZE,
    KIND_ACK,
    KIND_BOOT,
    MAX_PAYLOAD,
    PAYLOAD,
    READY,
    RECORD_OVERHEAD,
    SECTOR_HEADER,
    WORD,
)

ONLY_AT_START = True  # see unload.py
_EMPTY_PASSES = const(4)  # over an area in which nothing sound stands, before it is taken for an empty one

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.store.ring import Ring


def recover(ring: "Ring") -> None:
    """Bring a ring to the state that its flash area shows. Never raises for what stands there."""
    suspects = _read_headers(ring)
    if ring.head < 0:
        _start_without_headers(ring, suspects)
    if ring.head >= 0:
        _find_oldest(ring)
        last_good = _scan_head(ring)
        last_good = _follow_damaged(ring, last_good)
        _adopt_damaged(ring)
        _harden(ring, last_good)
        if ring.state[ring.oldest] == DAMAGED:
            before = solve_before(ring, ring.oldest)
        else:
            before = ring.sequence_before(ring.oldest)
        ring.acked = min(max(ring.acked, before), ring.sequence)
    for sector in range(ring.count):
        if ring.state[sector] == DAMAGED and not _holds_records(ring, sector):
            ring.state[sector] = DIRTY
    if ring.healed:
        ring.findings.append(("healed", len(ring.healed)))
    _prepare(ring)


def _read_headers(ring: "Ring") -> int:
    """Classify all sectors, find the newest; returns how many are neither sound nor empty.

    Everything is read twice, one pass after the other, but what a CRC confirms at once; where the passes disagree, more often.
    """
    numbers = array("I", bytes(4 * ring.count))
    for sector in range(ring.count):
        ring.state[sector] = _glance(ring, sector, numbers)
    for _ in range(_EMPTY_PASSES):
        ring.pause()
        for sector in range(ring.count):
            kind = ring.state[sector]
            if kind != DATA and (_glance(ring, sector, numbers) != kind or kind == DAMAGED):
                ring.state[sector] = kind = ring.read_header(sector)
                if kind == DATA:
                    numbers[sector] = layout.u32(ring.header, 12)
        if DATA in bytes(ring.state):
            break  # else all of it may have been one long disturbance
    suspects = first = last = falls = 0
    for sector, kind in enumerate(ring.state):
        if kind == READY:
            ring.ready += 1
        elif kind == DAMAGED:
            suspects += 1
        elif kind == DATA:
            number = numbers[sector]
            if number > ring.head_number:
                ring.head = sector
                ring.head_number = number
            if number < last:
                falls += 1
            last = number
            first = first or number
    if falls > 1 or (falls and last > first):  # numbers fall once at most, from the head to the oldest
        _pass_over_left_behind(ring, numbers)
    return suspects


def _glance(ring: "Ring", sector: int, numbers: array) -> int:
    kind = ring.glance(sector)
    if kind == DATA:
        numbers[sector] = layout.u32(ring.header, 12)
    return kind


def _pass_over_left_behind(ring: "Ring", numbers: array) -> None:
    """Sectors that were given up, and could not be erased when their turn came, still hold their records of a round before.

    In the order of use numbers rise up to the head. Whatever was given up is older than everything in use: what stands
    behind a higher number was left behind, and is erased when its turn comes again.
    """
    highest = 0
    sector = ring.head
    for _ in range(ring.count):
        sector = (sector + 1) % ring.count
        if ring.state[sector] == DATA:
            if numbers[sector] < highest:
                ring.state[sector] = DIRTY
            else:
                highest = numbers[sector]


def _start_without_headers(ring: "Ring", suspects: int) -> None:
    """No sound header at all: a young journal whose only header was hurt, an empty area, or garbage."""
    for sector in range(ring.count):
        if ring.state[sector] == DAMAGED and ring.load_surely(sector * ring.sector_size, SECTOR_HEADER, 0, 16):
            ring.head = sector
            ring.head_number = 1
            return
    if suspects:
        ring.findings.append(("garbage", suspects))
        for sector in range(ring.count):
            if ring.state[sector] == DAMAGED:
                ring.state[sector] = DIRTY


def _find_oldest(ring: "Ring") -> None:
    sector = ring.head
    for _ in range(ring.count):
        sector = (sector + 1) % ring.count
        if ring.state[sector] == DATA:
            break
    ring.oldest = sector if ring.state[sector] == DATA else ring.head
    # A ready sector among those with records is out of its place: nothing that this firmware does leaves one there.
    while sector != ring.head:
        if ring.state[sector] == READY:
            ring.state[sector] = DIRTY
            ring.ready -= 1
        sector = (sector + 1) % ring.count


def _scan_head(ring: "Ring") -> int:
    """Read the head sector to its end; returns where its last sound record begins, or -1."""
    base = ring.head * ring.sector_size
    if ring.read_header(ring.head) == DATA:
        ring.sequence = layout.u32(ring.header, 16)
        ring.acked = max(ring.acked, layout.u32(ring.header, 20))
        ring.boot = max(ring.boot, layout.u32(ring.header, 24))
        ring.tag[:] = ring.header_view[36:44]
    at = SECTOR_HEADER
    last_good = -1
    while True:
        at = ring.advance(base, at, ring.sector_size, ring.sequence)
        if at < 0:
            break
        last_good = at
        end = PAYLOAD + ring.length
        ring.sequence = ring.loaded
        ring.tag[:] = ring.view[end : end + 8]
        if ring.kind == KIND_ACK:
            ring.acked = max(ring.acked, layout.u32(ring.record, PAYLOAD))
        elif ring.kind == KIND_BOOT:
            ring.boot = max(ring.boot, layout.u32(ring.record, PAYLOAD))
        at += ring.length + RECORD_OVERHEAD
        ring.pos = at
    if last_good < 0:
        ring.pos = SECTOR_HEADER
    return last_good


def _follow_damaged(ring: "Ring", last_good: int) -> int:
    """The newest records may stand in sectors whose headers were hurt: follow the sequence into them."""
    while True:
        sector = (ring.head + 1) % ring.count
        if ring.state[sector] != DAMAGED or sector == ring.oldest:
            return last_good
        if not ring.load_surely(sector * ring.sector_size, SECTOR_HEADER, ring.sequence):
            return last_good
        ring.head = sector
        ring.head_number += 1
        ring.findings.append(("damaged", 1))
        last_good = _scan_head(ring)


def _adopt_damaged(ring: "Ring") -> None:
    """Sectors before the oldest sound one whose records are still needed are kept, header or not."""
    while True:
        sector = (ring.oldest - 1) % ring.count
        if ring.state[sector] != DAMAGED or sector == ring.head:
            return
        if ring.acked >= ring.sequence_before(ring.oldest) or solve_before(ring, sector) < 0:
            return
        ring.findings.append(("damaged", 1))
        ring.oldest = sector


def _holds_records(ring: "Ring", sector: int) -> bool:
    """Whether a sector with a hurt header lies among those in use."""
    if ring.head < 0:
        return False
    return (sector - ring.oldest) % ring.count <= (ring.head - ring.oldest) % ring.count


def solve_before(ring: "Ring", sector: int) -> int:
    """The sequence before the first record of a sector whose header cannot be read; -1 if that has no sound record."""
    following = ring.sequence_before(ring.next_data(sector)) if sector != ring.head else ring.sequence
    span = ring.sector_size // RECORD_OVERHEAD
    low = max(0, following - span)
    if not ring.load_surely(sector * ring.sector_size, SECTOR_HEADER, low, span + 1):
        return -1
    return ring.loaded - 1 if ring.kind == layout.KIND_EVENT else ring.loaded


def _harden(ring: "Ring", last_good: int) -> None:
    """Make the result of this recovery the result of every later one; go on in an untouched page."""
    base = ring.head * ring.sector_size
    if ring.read_header(ring.head) == DATA:
        marked = layout.fmt_ok(ring.header, ring.magic)  # only what its CRC confirms may be programmed again
        ring.area.program(base + (0 if marked else FMT_SIZE), ring.header_view[0 if marked else FMT_SIZE : SECTOR_HEADER])
    if last_good >= 0:
        _reprogram_record(ring, base, last_good)
    for sector in range(ring.count):
        if ring.state[sector] == READY and ring.read_header(sector) == READY:
            ring.area.program(sector * ring.sector_size, ring.header_view[0:FMT_SIZE])
    start = _first_unmarked(ring, base, ring.pos)
    ring.pos = ring.spoil(start, _last_written(ring, base, start)) if start < ring.sector_size else ring.sector_size
    # The next sector may have been in the course of being opened.
    following = ring.next_ready()
    if following >= 0 and ring.pos + MAX_PAYLOAD + RECORD_OVERHEAD > ring.sector_size:
        ring.give_up(following)
    sector = ring.head
    while True:
        sector = (sector + 1) % ring.count
        if sector == ring.oldest or ring.state[sector] == READY:
            return
        if ring.state[sector] == DAMAGED:
            ring.give_up(sector)


def _first_unmarked(ring: "Ring", base: int, at: int) -> int:
    """Where writing went on after the last recovery: past the marks of 0 that it left behind."""
    while at < ring.sector_size:
        ring.area.read(base + at, ring.check_view[0:1])
        if ring.check[0]:
            break
        at += ring.page_size - at % ring.page_size
    return min(at, ring.sector_size)


def _reprogram_record(ring: "Ring", base: int, at: int) -> None:
    """Program the bytes of a sound record again, but only such as its CRC confirms."""
    last = ring.sequence - 1  # of an event; a control record carries the sequence of the event before it
    if ring.load_surely(base, at, last, 2) or ring.load_surely(base, at, last) or ring.load_surely(base, at, last + 1):
        ring.program(base + at, ring.view, WORD, ring.length + RECORD_OVERHEAD)


def _last_written(ring: "Ring", base: int, start: int) -> int:
    """The end of what may have been touched, as the longer of two readings says."""
    end = _touched(ring, base, start)
    ring.pause()
    return max(end, _touched(ring, base, start))


def _touched(ring: "Ring", base: int, start: int) -> int:
    """The end of what the last operation before the cut may have touched, whether it shows or not."""
    end = start + 1
    at = start
    while at < ring.sector_size:
        n = min(64, ring.sector_size - at)
        if not ring.blank(base + at, n):
            end = at + n
        at += n
    if start + 2 <= ring.sector_size:
        # A whole first word gives the length of the record: its last page may be written and still look blank.
        ring.area.read(base + start, ring.check_view[0:2])
        word = ring.check[0] | ring.check[1] << 8
        length = word & 0x3FF
        if word != 0xFFFF and length <= MAX_PAYLOAD:
            end = max(end, min(start + length + RECORD_OVERHEAD, ring.sector_size))
    return end


def _prepare(ring: "Ring") -> None:
    """An area that cannot take a single record yet (new, or full of garbage) gets its first sectors now."""
    wanted = min(ring.target, ring.reserve + 2)
    for _ in range(ring.count):
        if not ring.erase_one(wanted):
            return
