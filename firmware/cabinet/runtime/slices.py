"""Places work that holds the loop and cannot be divided (public-key operations) where it harms least, and measures it.

Each slice begins right after a control round, and is announced to the supervisor: watchdog and heartbeat have just been served then, and
a round that is late by as much as `HELD_MS` is not taken for a dead control loop.
"""

import asyncio

from cabinet.runtime import loop_profiler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.runtime.control_loop import ControlLoop
    from cabinet.runtime.loop_profiler import LoopProfiler
    from cabinet.runtime.supervisor import Supervisor

HELD_MS = 1500  # with the limit of a report less than half of the watchdog's time


class Slices:
    """`await wait()`, one slice of work, `done()`."""

    def __init__(self, loop: "ControlLoop", supervisor: "Supervisor", profiler: "LoopProfiler") -> None:
        self._rounded = loop.rounded = asyncio.Event()
        self._supervisor = supervisor
        self._profiler = profiler
        self._began = 0

    async def wait(self) -> None:
        """Until a control round has just ended."""
        self._rounded.clear()
        await self._rounded.wait()
        self._supervisor.excuse(HELD_MS)
        self._began = self._profiler.start()

    def done(self) -> None:
        """The slice is over."""
        self._profiler.stop(loop_profiler.TLS, self._began)
        self._supervisor.excuse(0)
