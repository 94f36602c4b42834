"""The loop profiler asks the heap seldom, and collects before it is full."""

from cabinet.runtime import loop_profiler
from cabinet.runtime.loop_profiler import COLLECT_MAX_MS, COLLECT_MIN_MS, LoopProfiler, collect_after_ms

HEAP_BYTES = 450_000
LIVE_BYTES = 270_000


class Ended(Exception):
    """The end of the time of a test."""


class World:
    """A clock, a heap in which `bytes_per_s` are allocated, and the loop's sleep; in the place of `gc` and `asyncio`."""

    def __init__(self, bytes_per_s: int, until_ms: int) -> None:
        self.now_ms = 0
        self.bytes_per_s = bytes_per_s
        self.until_ms = until_ms
        self.used = LIVE_BYTES
        self.most = 0
        self.walks = 0
        self.collections = 0

    def ticks_us(self) -> int:
        return self.now_ms * 1000 & 0x3FFFFFFF

    async def sleep_ms(self, ms: int) -> None:
        self.now_ms += ms
        self.used += self.bytes_per_s * ms // 1000
        self.most = max(self.most, self.used)
        if self.now_ms >= self.until_ms:
            raise Ended

    def mem_alloc(self) -> int:
        self.walks += 1
        return self.used

    def mem_free(self) -> int:
        self.walks += 1
        return HEAP_BYTES - self.used

    def threshold(self, limit: int) -> None:
        self.limit = limit

    def collect(self) -> None:
        self.collections += 1
        self.used = LIVE_BYTES


def run(bytes_per_s: int, seconds: int) -> "tuple[World, LoopProfiler]":
    """The profiler's ticker for so many seconds."""
    world = World(bytes_per_s, seconds * 1000)
    kept = loop_profiler.gc, loop_profiler.asyncio
    loop_profiler.gc = loop_profiler.asyncio = world
    try:
        profiler = LoopProfiler(world)
        try:
            profiler.run().send(None)
        except Ended:
            pass
    finally:
        loop_profiler.gc, loop_profiler.asyncio = kept
    return world, profiler


def test_an_idle_cabinet_walks_the_heap_twice_in_two_seconds() -> None:
    world, _ = run(2_000, 60)
    assert 0 < world.collections <= 60_000 // COLLECT_MAX_MS + 3
    assert world.walks <= 2 * world.collections + 1


def test_a_busy_cabinet_collects_before_its_heap_is_full() -> None:
    for bytes_per_s in (20_000, 100_000, 400_000):
        world, profiler = run(bytes_per_s, 60)
        assert profiler.heap_peak <= world.most < HEAP_BYTES * 9 // 10, bytes_per_s


def test_what_it_reports_is_the_heap_after_a_collection() -> None:
    _, profiler = run(50_000, 10)
    assert (profiler.heap_live, profiler.heap_free) == (LIVE_BYTES, HEAP_BYTES - LIVE_BYTES)


def test_a_burst_is_caught_by_the_interpreters_own_threshold() -> None:
    world, profiler = run(1_000, 10)
    assert 0 < world.limit < profiler.heap_free


def test_the_time_of_the_next_collection_stays_within_its_bounds() -> None:
    assert collect_after_ms(0, 200, 100_000) == COLLECT_MAX_MS
    assert collect_after_ms(-5, 200, 100_000) == COLLECT_MAX_MS
    assert collect_after_ms(1_000_000, 200, 100_000) == COLLECT_MIN_MS
    assert collect_after_ms(50_000, 400, 100_000) == 400
