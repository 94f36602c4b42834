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
COLLECT_EVERY_MS = 200
COLLECT_BELOW_BYTES = 24576  # sooner, if this little (or half of what the last collection left) is free: never by surprise


class LoopProfiler:
    """Maxima since start, in microseconds; `reset()` begins anew."""

    def __init__(self, clock: "Clock") -> None:
        self._clock = clock
        self.slice_us = [0] * len(NAMES)
        self.reset()
        self.heap_peak = 0  # allocated at the most, what waits to be collected included
        self._low_bytes = COLLECT_BELOW_BYTES
        self.heap_live = 0  # allocated at the most right after a collection

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

    def collect(self) -> None:
        """Collect garbage now, where it harms nobody, and note the heap's peak."""
        used = gc.mem_alloc()
        if used > self.heap_peak:
            self.heap_peak = used
        began = self.start()
        gc.collect()
        self.stop(COLLECT, began)
        self._low_bytes = min(COLLECT_BELOW_BYTES, gc.mem_free() // 2)
        live = gc.mem_alloc()
        if live > self.heap_live:
            self.heap_live = live

    async def run(self) -> None:
        """The ticker: how late it is woken is how long the loop was held. Collects garbage on its schedule."""
        since_collect_ms = 0
        while True:
            before = self._clock.ticks_us()
            await asyncio.sleep_ms(TICK_MS)
            late = ((self._clock.ticks_us() - before) & 0x3FFFFFFF) - TICK_MS * 1000
            if late > self.gap_us:
                self.gap_us = late
            since_collect_ms += TICK_MS
            if since_collect_ms >= COLLECT_EVERY_MS or gc.mem_free() < self._low_bytes:
                since_collect_ms = 0
                self.collect()
