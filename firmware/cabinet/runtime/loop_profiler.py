"""How long the loop was held, and by what: the largest gap of a ticker, and the longest slice of each kind of work."""

import asyncio
import gc

TICK_MS = 10
TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.ports import Clock

# kinds of work that are timed; the index is what the callers pass
CONTROL = 0
JOURNAL = 1
ERASE = 2
COLLECT = 3
STATUS = 4
TLS = 5
NAMES = ("control", "journal", "erase", "collect", "status", "tls")
# A collection costs a walk over the live heap and a sweep over all of it, gc.mem_free() one more walk (1.05 M instructions at
# 450 KiB on a Cortex-M3). So nothing here asks the heap between two collections: the next one is due when, at the rate measured
# between the last two, half of what was free is used.
COLLECT_MIN_MS = 100
COLLECT_MAX_MS = 2000
FIRST_COLLECT_MS = 200


def collect_after_ms(allocated: int, in_ms: int, free: int) -> int:
    """When the next collection is due: half of the `free` bytes are used by then, if `allocated` bytes in `in_ms` was the usual rate."""
    if allocated <= 0:
        return COLLECT_MAX_MS
    return max(COLLECT_MIN_MS, min(COLLECT_MAX_MS, in_ms * (free // 2) // allocated))


class LoopProfiler:
    """Maxima since start, in microseconds; `reset()` begins anew."""

    def __init__(self, clock: "Clock") -> None:
        self._clock = clock
        self.slice_us = [0] * len(NAMES)
        self.reset()
        self.heap_peak = 0  # allocated at the most, what waits to be collected included
        self.heap_live = 0  # allocated at the most right after a collection
        self.heap_free = 0  # free right after the last collection
        self.collect_every_ms = FIRST_COLLECT_MS
        self._live = 0  # allocated right after the last collection
        self._total_bytes = 0

    def reset(self) -> None:
        """Forget the maxima."""
        self.gap_us = 0
        for kind in range(len(NAMES)):
            self.slice_us[kind] = 0

    def start(self) -> int:
        """The instant to be given to `stop`."""
        return self._clock.ticks_us()

    def stop(self, kind: int, started_us: int) -> None:
        """A slice of work of this kind ended now."""
        taken = (self._clock.ticks_us() - started_us) & 0x3FFFFFFF
        if taken > self.slice_us[kind]:
            self.slice_us[kind] = taken

    def collect(self, since_ms: int = FIRST_COLLECT_MS) -> None:
        """Collect garbage now, between two slices of work, and note the heap's peak. `since_ms`: time since the last collection."""
        used = gc.mem_alloc()
        if used > self.heap_peak:
            self.heap_peak = used
        began = self.start()
        gc.collect()
        self.stop(COLLECT, began)
        live = gc.mem_alloc()
        if not self._total_bytes:
            self._total_bytes = live + gc.mem_free()
        self.heap_free = self._total_bytes - live
        if live > self.heap_live:
            self.heap_live = live
        self.collect_every_ms = collect_after_ms(used - self._live, since_ms, self.heap_free)
        self._live = live
        # the net under a burst: it collects in the middle of a slice, but before an allocation fails
        gc.threshold(self.heap_free * 3 // 4)

    async def run(self) -> None:
        """The ticker: how late it is woken is how long the loop was held. Collects garbage when it is due."""
        since_ms = 0
        while True:
            before = self._clock.ticks_us()
            await asyncio.sleep_ms(TICK_MS)
            late = ((self._clock.ticks_us() - before) & 0x3FFFFFFF) - TICK_MS * 1000
            if late > self.gap_us:
                self.gap_us = late
            since_ms += TICK_MS
            if since_ms >= self.collect_every_ms:
                self.collect(since_ms)
                since_ms = 0
