# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
"""Virtual time under asyncio: when every task waits, the clock jumps to the instant at which the next thing happens.

`asyncio.core.ticks` and the loop's IO queue are replaced. Things outside the firmware (wires, physics, the broker) are entries
of `at()`; they run between tasks, at their instants. Each turn of the loop costs TURN_US, so that nothing can spin for ever
at one instant, and as a processor would.
"""

import asyncio
from asyncio import core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TURN_US = 250  # what one turn of the loop costs
EPOCH_MS = 1 << 40  # ahead of the machine's own ticks, which asyncio's C part puts into tasks that are due at once
MASK = 0x3FFFFFFF


class VirtualTime:
    """The clock, and the agenda of the world outside."""

    map = {0: 0}  # asyncio's own loop looks here whether anything might ever happen again

    def __init__(self) -> None:
        self.now_us = 0
        self.turns = 0
        self._agenda = []  # [instant, order, function, argument], soonest last
        self._order = 0
        self.woken = False  # something outside has woken a task
        self.on_error = None  # called with the exception of a task that nobody waits for

    def install(self) -> None:
        """Take over asyncio; all tasks of before are forgotten."""
        core._task_queue = core.TaskQueue()
        core._io_queue = self
        core.cur_task = None
        core.ticks = self._loop_ticks
        if hasattr(core, "Loop"):
            core.Loop.set_exception_handler(lambda loop, context: self.on_error and self.on_error(context["exception"]))

    def run(self, main: "Any") -> "Any":
        """asyncio's loop on virtual time, in half the steps: until `main` ends. What it returns is returned, what it raises is raised."""
        queue = core._task_queue
        task_ended = core.CancelledError, Exception
        agenda = self._agenda
        while True:
            while True:
                self.turns += 1
                task = queue.peek()
                now = self.now_us
                wait_ms = task.ph_key - EPOCH_MS - now // 1000
                if wait_ms > 0:
                    self.pass_until((now // 1000 + wait_ms) * 1000, True)
                    continue
                now += TURN_US
                if agenda and agenda[-1][0] <= now:
                    self.pass_until(now)
                else:
                    self.now_us = now
                break
            task = queue.pop()
            core.cur_task = task
            error = task.data
            try:
                if not error:
                    task.coro.send(None)
                elif task.state is None:
                    task.data = error
                    self.on_error(error)  # nobody has waited for it
                else:
                    task.data = None
                    task.coro.throw(error)
            except task_ended as ended:
                if task is main:
                    core.cur_task = None
                    if isinstance(ended, StopIteration):
                        return ended.value
                    raise
                self._ended(task, ended)

    @staticmethod
    def _ended(task: "Any", ended: BaseException) -> None:
        waited_for = False
        if task.state is True:
            task.state = None
        else:
            while task.state.peek():
                core._task_queue.push(task.state.pop(), EPOCH_MS - 1)
                waited_for = True
            task.state = False
        if not waited_for and not isinstance(ended, (core.CancelledError, StopIteration)):
            core._task_queue.push(task, EPOCH_MS - 1)
        task.data = ended

    def _loop_ticks(self) -> int:
        return EPOCH_MS + self.now_us // 1000

    def at(self, instant_us: int, function: "Any", argument: "Any" = None) -> list:
        """Call `function(argument)` at an instant. Returns an entry for `cancel`."""
        self._order += 1
        entry = [instant_us, self._order, function, argument]
        agenda = self._agenda
        index = len(agenda)
        while index and agenda[index - 1][0] <= instant_us:
            index -= 1
        agenda.insert(index, entry)
        return entry

    def after(self, delay_us: int, function: "Any", argument: "Any" = None) -> list:
        """The same, some time from now."""
        return self.at(self.now_us + delay_us, function, argument)

    def cancel(self, entry: list) -> None:
        """Strike an entry."""
        entry[2] = None

    def pass_until(self, target_us: int, stop_if_woken: bool = False) -> None:
        """Let time pass for the world outside; no task runs meanwhile."""
        agenda = self._agenda
        self.woken = False
        while agenda and agenda[-1][0] <= target_us:
            entry = agenda.pop()
            if entry[0] > self.now_us:
                self.now_us = entry[0]
            if entry[2] is not None:
                entry[2](entry[3])
                if stop_if_woken and self.woken and self.now_us < target_us:
                    return
        if target_us > self.now_us:
            self.now_us = target_us

    def wait_io_event(self, dt: int) -> None:
        """For asyncio's own loop (`run` does not ask); `dt`: milliseconds until the next task is due."""
        self.turns += 1
        if dt > 0:
            self.pass_until((self.now_us // 1000 + dt) * 1000, True)
        else:
            self.pass_until(self.now_us + TURN_US)


class VirtualClock:
    """ports.Clock. `wall_offset_s` moves what it takes for the time of day; `known` is its quality."""

    def __init__(self, time: VirtualTime, start_ms: int = 0) -> None:
        self._time = time
        self._base_us = time.now_us - start_ms * 1000
        self.wall_offset_s = 1_760_000_000
        self.known = 2

    def ticks_ms(self) -> int:
        """Milliseconds modulo 2**30."""
        return (self._time.now_us - self._base_us) // 1000 & MASK

    def ticks_us(self) -> int:
        """Microseconds modulo 2**30."""
        return self._time.now_us - self._base_us & MASK

    def wall_s(self) -> int:
        """Seconds since 1970, 0 if unknown."""
        return self.wall_offset_s + self._time.now_us // 1_000_000 if self.known else 0

    def quality(self) -> int:
        """See ports.Clock."""
        return self.known


class Stream:
    """One end of a virtual TCP connection, as asyncio's reader and writer."""

    def __init__(self, time: VirtualTime, on_bytes: "Any") -> None:
        self._time = time
        self._on_bytes = on_bytes  # called with (stream, bytes) when the writer drains
        self._in = bytearray()
        self._out = bytearray()
        self._news = asyncio.Event()
        self.ended = False
        self.broken = 0  # an errno
        self.stuck = False  # takes nothing more: drain waits

    def deliver(self, data: bytes) -> None:
        """Bytes arrive."""
        self._in.extend(data)
        self._wake()

    def end(self, error: int = 0) -> None:
        """The other end closes, or the line breaks with an error."""
        self.ended = True
        self.broken = error
        self._wake()

    def _wake(self) -> None:
        self._time.woken = True
        self._news.set()

    async def readinto(self, buf: memoryview) -> int:
        """What has arrived; 0 at the end."""
        while not self._in:
            if self.broken:
                raise OSError(self.broken)
            if self.ended:
                return 0
            self._news.clear()
            await self._news.wait()
        count = min(len(buf), len(self._in))
        buf[:count] = self._in[:count]
        self._in = self._in[count:]
        return count

    def write(self, data: bytes) -> None:
        """Collected until `drain`."""
        self._out.extend(data)

    async def drain(self) -> None:
        """Hand over."""
        while self.stuck:
            await asyncio.sleep_ms(100)
            if self.ended:
                break
        if self.ended:
            raise OSError(self.broken or 104)
        data = bytes(self._out)
        self._out = bytearray()
        self._on_bytes(self, data)

    def close(self) -> None:
        """We close."""
        self.ended = True
        self._on_bytes(self, b"")

    async def wait_closed(self) -> None:
        """Nothing to wait for."""
