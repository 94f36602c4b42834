"""What is counted, and when it is written."""


from nor_flash import NorFlash

from cabinet.core import events
from cabinet.runtime.bookkeeping import Bookkeeping
from cabinet.store.ledger import Ledger
from cabinet.store.ring import JournalFull
from cabinet.store.state import StateStore

SWAPS, REFUSED, PULSES, CHARGES, PACKS_REFUSED, STARTS, MINUTES = range(7)
WALL_S = 1767225600


class Clock:
    """Set by the test."""

    now_ms = (1 << 30) - 5000  # about to wrap

    def ticks_ms(self):
        return self.now_ms & ((1 << 30) - 1)

    def wall_s(self):
        return WALL_S


class Shelf:
    """A ledger that notes what it is told, and refuses if told so."""

    def __init__(self):
        self.counts = [0] * 7
        self.done = []
        self.error = None

    def flush(self):
        self.done.append("flush")
        if self.error:
            raise self.error

    def saw_pack(self, *row):
        self.done.append(row)
        if self.error:
            raise self.error


def bench():
    clock = Clock()
    shelf = Shelf()
    return clock, shelf, Bookkeeping(clock, shelf)


def identified(serial, cycles=120, soh_pct=96):
    return events.make("pack.identified", 3, serial, "ACME", "LFP", 16, 55, soh_pct, cycles)


def refused(serial):
    return events.make("pack.refused", 3, serial, "temp_hot", "hot", 700, 600)


def pulsed():
    return events.make("lock.pulsed", 1, "", "rider_in", 300)


def test_each_event_is_counted_under_its_position_and_others_are_not():
    for name, position in (
        ("swap.completed", SWAPS), ("swap.refused", REFUSED), ("lock.pulsed", PULSES), ("charge.started", CHARGES),
        ("pack.refused", PACKS_REFUSED), ("boot.started", STARTS), ("charge.stopped", None), ("door.opened", None),
    ):
        _, shelf, books = bench()
        books.on_stored(events.make(name, 1))
        assert shelf.counts == [int(i == position) for i in range(7)]


def test_charge_time_is_added_up_over_all_slots_and_across_the_wrap_of_the_clock():
    clock, shelf, books = bench()
    for pause_ms, event in (
        (0, events.make("charge.started", 1)), (90000, events.make("charge.started", 2)),
        (60000, events.make("charge.stopped", 1, "", "full", 100)), (30000, events.make("charge.stopped", 2, "", "full", 100)),
    ):
        for _ in range(pause_ms // 200):
            clock.now_ms += 200
            books.keep()
        books.on_stored(event)
    clock.now_ms += 3600000
    books.keep()
    assert shelf.counts[MINUTES] == 4  # 2.5 and 1.5


def test_charge_time_counts_while_it_runs():
    clock, shelf, books = bench()
    books.on_stored(events.make("charge.started", 1))
    for _ in range(10):
        clock.now_ms += 60000
        books.keep()
    assert shelf.counts[MINUTES] == 10


def test_a_start_or_stop_that_is_told_twice_counts_once():
    clock, shelf, books = bench()
    books.on_stored(events.make("charge.stopped", 1, "", "full", 100))
    for _ in range(2):
        books.on_stored(events.make("charge.started", 1))
    clock.now_ms += 120000
    books.keep()
    for _ in range(2):
        books.on_stored(events.make("charge.stopped", 1, "", "full", 100))
    clock.now_ms += 600000
    books.keep()
    assert shelf.counts[MINUTES] == 2


def test_an_event_writes_nothing_and_counters_are_written_once_a_minute():
    clock, shelf, books = bench()
    books.keep()
    for _ in range(300):
        assert shelf.done == ["flush"]
        books.on_stored(pulsed())
        clock.now_ms += 200
        books.keep()
    assert shelf.done == ["flush", "flush"]
    assert shelf.counts[PULSES] == 300


def test_packs_are_written_one_at_a_time():
    _, shelf, books = bench()
    books.keep()
    books.on_stored(identified("S1", 101, 91))
    books.on_stored(refused("S1"))
    assert shelf.done == ["flush"]
    books.keep()
    assert shelf.done[1:] == [("S1", WALL_S, 101, 91, False)]
    books.keep()
    books.keep()
    assert shelf.done[2:] == [("S1", WALL_S, 0, 0, True)]


def test_what_is_not_known_of_a_pack_harms_nobody():
    _, shelf, books = bench()
    books.keep()
    for event in (identified("S1", None, None), identified(""), identified("x" * 25), refused("")):
        books.on_stored(event)
    for _ in range(4):
        books.keep()
    assert shelf.done[1:] == [("S1", WALL_S, 0, 0, False)]


def test_while_flash_refuses_packs_wait_in_bounds_and_nothing_is_tried_again_for_a_minute():
    for error in (OSError(5), JournalFull("full")):
        clock, shelf, books = bench()
        books.keep()
        shelf.error = error
        for n in range(100):
            books.on_stored(identified("S%d" % n))
        for _ in range(299):
            books.keep()
            clock.now_ms += 200
        assert len(shelf.done) == 2
        shelf.error = None
        clock.now_ms += 200
        for _ in range(100):
            books.keep()
        assert [row[0] for row in shelf.done[2:]] == ["S%d" % n for n in range(32)]


def test_the_swap_in_progress_always_finds_room_beside_busy_books():
    clock = Clock()
    store = StateStore(NorFlash(32768))
    books = Bookkeeping(clock, Ledger(store))
    for n in range(600):
        clock.now_ms += 200
        books.on_stored(identified("S%d" % n))
        books.on_stored(pulsed())
        store.put("swap", bytes([n % 256]) * 100)
        if not store.idle():
            books.keep()
    assert store.get("swap") == bytes([599 % 256]) * 100
    assert len(store.names()) == 8


def test_a_swap_is_written_at_once_but_not_hammered_at_a_flash_that_refuses():
    clock, shelf, books = bench()
    books.keep()
    shelf.done.clear()
    clock.now_ms += 200
    books.keep()
    assert shelf.done == []
    books.on_stored(events.make("swap.completed", 1))
    shelf.error = JournalFull("no room")
    for _ in range(4):
        clock.now_ms += 200
        books.on_stored(events.make("swap.completed", 1))
        books.keep()
    assert shelf.done == ["flush"]
    shelf.error = None
    clock.now_ms += 61000
    books.keep()
    books.on_stored(events.make("swap.refused", 1))
    books.keep()
    assert shelf.done == ["flush", "flush"] and shelf.counts[SWAPS] == 5
