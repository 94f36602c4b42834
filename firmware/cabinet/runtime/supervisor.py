"""Who must be alive for the cabinet to be safe.

A critical task reports in time or the watchdog is not fed and the heartbeat that holds the chargers' mains relay ends;
its death is fatal. Any other task that ends is started again after a pause and the fact is journaled.
"""

import asyncio

from cabinet.core import events, ticks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import Clock, Heartbeat, Watchdog

CHECK_EVERY_MS = 100
_RESTART_FIRST_MS = 500
_RESTART_LONGEST_MS = 30000
_CALM_MS = 60000  # a task that ran this long is started again at once the next time


class Critical:
    """One critical task and the instant of its last report."""

    def __init__(self, name: str, limit_ms: int, now_ms: int) -> None:
        self.name = name
        self.limit_ms = limit_ms
        self.reported_ms = now_ms
        self.dead = ""
        self.excused_ms = 0  # its next report may be late by so much


class Supervisor:
    """Starts the tasks, watches them, feeds the watchdog and toggles the heartbeat while all is well."""

    def __init__(self, clock: "Clock", watchdog: "Watchdog", heartbeat: "Heartbeat", on_event: "Any") -> None:
        self._clock = clock
        self._watchdog = watchdog
        self._heartbeat = heartbeat
        self._on_event = on_event  # called with an events.Event
        self._critical = []
        self.failed = ""  # what keeps the watchdog from being fed
        self._excused_ms = 0
        self.mains_wanted: "Any" = None  # called with ticks_ms: whether the chargers' mains relay may be held; None: always

    def critical(self, name: str, run: "Any", limit_ms: int) -> Critical:
        """Start `run(critical)`; it must call `report(critical)` at least every `limit_ms`."""
        task = Critical(name, limit_ms, self._clock.ticks_ms())
        self._critical.append(task)
        asyncio.create_task(self._run_critical(task, run))
        return task

    def restartable(self, name: str, run: "Any", *values: object) -> None:
        """Start `run(*values)` and start it again whenever it ends."""
        asyncio.create_task(self._run_restartable(name, run, values))

    def report(self, task: Critical) -> None:
        """The task is alive and has done its round."""
        task.reported_ms = self._clock.ticks_ms()
        task.excused_ms = self._excused_ms

    def excuse(self, held_ms: int) -> None:
        """The loop is about to be held by known work: reports may be late by so much. Serves watchdog and heartbeat first.

        0: the work is over. Each task stays excused until its next report, because the supervisor may look before it had its turn.
        """
        self._excused_ms = held_ms
        if held_ms:
            self.check()
            for task in self._critical:
                task.excused_ms = held_ms

    async def _run_critical(self, task: Critical, run: "Any") -> None:
        try:
            await run(task)
            task.dead = "ended"
        except Exception as error:
            task.dead = _name_of(error)
            self._heartbeat.drop()
        self.check()

    async def _run_restartable(self, name: str, run: "Any", values: tuple) -> None:
        pause_ms = _RESTART_FIRST_MS
        while True:
            began = self._clock.ticks_ms()
            try:
                await run(*values)
                error = "ended"
            except Exception as caught:
                error = _name_of(caught)
            self._on_event(events.make("task.restarted", 0, "", name, error))
            if ticks.diff(self._clock.ticks_ms(), began) > _CALM_MS:
                pause_ms = _RESTART_FIRST_MS
            await asyncio.sleep_ms(pause_ms)
            pause_ms = min(2 * pause_ms, _RESTART_LONGEST_MS)

    def check(self) -> bool:
        """Whether every critical task lives and has reported in time. Feeds and toggles only then, for good reason."""
        now = self._clock.ticks_ms()
        for task in self._critical:
            if task.dead:
                self.failed = task.name + ": " + task.dead
            elif ticks.diff(now, task.reported_ms) > task.limit_ms + task.excused_ms:
                self.failed = task.name + ": no report for %d ms" % ticks.diff(now, task.reported_ms)
        if self.failed:
            self._heartbeat.drop()  # once a critical task failed only a reset helps
            return False
        self._watchdog.feed()
        if self.mains_wanted is None or self.mains_wanted(now):
            self._heartbeat.toggle()
        else:
            self._heartbeat.rest()  # no stall: it goes on when the mains is wanted again
        return True

    async def run(self) -> str:
        """Watch until a critical task fails; returns what failed, and the watchdog bites."""
        while self.check():
            await asyncio.sleep_ms(CHECK_EVERY_MS)
        return self.failed


def _name_of(error: Exception) -> str:
    return ("%s: %s" % (type(error).__name__, error))[:80]
