"""When Python itself fails: the heartbeat falls, the watchdog is not fed, and the reason is known."""

import asyncio

from cabinet.runtime import loop_profiler
from cabinet.runtime.slices import Slices
from cabinet.runtime.supervisor import Supervisor


class Clock:
    now = 0

    def ticks_ms(self):
        return self.now


class Watchdog:
    fed = 0

    def feed(self):
        self.fed += 1


class Heartbeat:
    toggled = 0
    rests = 0
    dropped = False

    def toggle(self):
        self.toggled += 1

    def rest(self):
        self.rests += 1

    def drop(self):
        self.dropped = True


def supervised():
    events = []
    clock, watchdog, heartbeat = Clock(), Watchdog(), Heartbeat()
    return Supervisor(clock, watchdog, heartbeat, events.append), clock, watchdog, heartbeat, events


async def for_ever(task=None):
    await asyncio.Event().wait()


def test_a_task_that_reports_in_time_keeps_the_watchdog_fed():
    async def story():
        supervisor, clock, watchdog, heartbeat, _ = supervised()
        task = supervisor.critical("control", for_ever, 500)
        for _ in range(5):
            clock.now += 400
            supervisor.report(task)
            assert supervisor.check()
        assert watchdog.fed == heartbeat.toggled == 5
        assert not heartbeat.dropped

    asyncio.run(story())


def test_while_the_mains_is_not_wanted_the_heartbeat_rests_and_goes_on_afterwards():
    async def story():
        supervisor, _, watchdog, heartbeat, _ = supervised()
        for wanted in (True, False, False, True):
            supervisor.mains_wanted = lambda now_ms, wanted=wanted: wanted
            assert supervisor.check()
        assert (heartbeat.toggled, heartbeat.rests, heartbeat.dropped, watchdog.fed) == (2, 2, False, 4)

    asyncio.run(story())


def test_a_task_that_does_not_report_drops_the_heartbeat_and_ends_the_run():
    async def story():
        supervisor, clock, watchdog, heartbeat, _ = supervised()
        supervisor.critical("control", for_ever, 500)
        clock.now += 500
        assert supervisor.check()
        clock.now += 1
        failed = await supervisor.run()
        assert failed == "control: no report for 501 ms"
        assert heartbeat.dropped
        assert watchdog.fed == 1

    asyncio.run(story())


def test_once_failed_a_late_report_does_not_bring_the_heartbeat_back():
    async def story():
        supervisor, clock, watchdog, heartbeat, _ = supervised()
        task = supervisor.critical("control", for_ever, 500)
        clock.now += 600
        assert not supervisor.check()
        supervisor.report(task)
        assert not supervisor.check()
        assert watchdog.fed == 0 and heartbeat.toggled == 0

    asyncio.run(story())


def test_the_death_of_a_critical_task_is_fatal_at_once():
    async def broken(task):
        raise MemoryError("no room")

    async def ended(task):
        return

    async def story():
        for run, said in ((broken, "MemoryError: no room"), (ended, "ended")):
            supervisor, _, watchdog, heartbeat, _ = supervised()
            supervisor.critical("control", run, 500)
            await asyncio.sleep_ms(0)
            await asyncio.sleep_ms(0)
            assert heartbeat.dropped
            assert await supervisor.run() == "control: " + said
            assert watchdog.fed == 0

    asyncio.run(story())


def test_any_other_task_is_started_again_and_the_fact_is_told():
    async def story():
        supervisor, _, watchdog, _, events = supervised()
        again = asyncio.Event()
        runs = []

        async def flaky():
            runs.append(1)
            if len(runs) == 1:
                raise OSError(5)
            again.set()
            await for_ever()

        supervisor.restartable("uplink", flaky)
        await again.wait()
        assert events[0].name == "task.restarted"
        assert events[0].values[0] == "uplink" and "OSError" in events[0].values[1]
        assert supervisor.check()

    asyncio.run(story())


def test_known_work_may_hold_the_loop_for_as_long_as_it_was_announced_and_no_longer():
    async def story():
        supervisor, clock, watchdog, heartbeat, _ = supervised()
        task = supervisor.critical("control", for_ever, 500)
        supervisor.excuse(1000)
        assert watchdog.fed == heartbeat.toggled == 1  # served before the work begins
        clock.now += 1500
        assert supervisor.check()
        supervisor.excuse(0)
        supervisor.report(task)
        clock.now += 501
        assert not supervisor.check() and heartbeat.dropped

    asyncio.run(story())


def test_the_excuse_of_a_task_lasts_until_its_own_next_report():
    async def story():
        supervisor, clock, _, heartbeat, _ = supervised()
        first = supervisor.critical("control", for_ever, 500)
        supervisor.critical("other", for_ever, 500)
        supervisor.excuse(1000)
        clock.now += 1200
        supervisor.excuse(0)
        assert supervisor.check() and not heartbeat.dropped, "nobody had a turn yet"
        supervisor.report(first)
        assert supervisor.check(), "the other had none yet"
        clock.now += 301
        assert not supervisor.check() and supervisor.failed == "other: no report for 1501 ms"

    asyncio.run(story())


def test_a_slice_of_work_begins_right_after_a_control_round():
    class Loop:
        rounded = None

    class LoopProfiler:
        done = []

        def start(self):
            return 7

        def stop(self, kind, began):
            self.done.append((kind, began))

    async def story():
        supervisor, clock, watchdog, _, _ = supervised()
        supervisor.critical("control", for_ever, 500)
        loop, profiler = Loop(), LoopProfiler()
        slices = Slices(loop, supervisor, profiler)
        loop.rounded.set()  # a round that is long over does not count
        waiting = asyncio.create_task(slices.wait())
        for _ in range(5):
            await asyncio.sleep_ms(0)
        assert not waiting.done() and watchdog.fed == 0
        loop.rounded.set()
        await waiting
        assert watchdog.fed == 1
        clock.now += 1900
        assert supervisor.check()
        slices.done()
        assert profiler.done == [(loop_profiler.TLS, 7)]
        assert supervisor.check(), "the control task had no turn yet to report"
        clock.now += 101
        assert not supervisor.check(), "a task that hangs is found once its excuse is used up"

    asyncio.run(story())
