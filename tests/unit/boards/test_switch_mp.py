"""The switch between two copies of the firmware: what counts against a copy, what does not, and one that hangs."""

import asyncio
import sys

import switch

OLD, NEW = "/app_a", "/app_b"


class Namespace:
    """A module that is filled with attributes."""


class Copy:
    """A whole copy."""

    def __init__(self, path, sequence):
        self.path, self.sequence = path, sequence


class Bench:
    """A board with copies whose counts of tries stay in RAM; `main` is what each start runs."""

    def __init__(self, counts, main, platform="rp2"):
        self.counts = counts
        self.main = main
        self.timers = []
        self.slept = []
        self.resets = 0
        self.noted = 0
        self.interrupted = False  # Ctrl-C during the pause
        copies = {path: Copy(path, 1 + list(sorted(counts)).index(path)) for path in counts}
        bench = self

        class Timer:
            """Fires when the test says so."""

            ONE_SHOT, PERIODIC = 0, 1

            def __init__(self, number):
                self.number, self.how, self.armed = number, {}, False
                bench.timers.append(self)

            def init(self, **how):
                if platform == "esp32" and how.get("hard"):
                    raise ValueError("hard Timers are not implemented")
                self.how, self.armed = how, True

            def deinit(self):
                self.armed = False

        machine = sys.modules["machine"] = Namespace()
        machine.Timer = Timer
        machine.reset = self._reset
        system = Namespace()
        system.path, system.modules, system.platform = [], sys.modules, platform
        system.print_exception = lambda error: None
        switch.sys = system
        switch.vfs, switch.time = Namespace(), Namespace()
        switch.vfs.mount = lambda copy, place: None
        switch.time.sleep = self._sleep
        switch.copy_at = lambda path: copies.get(path)
        switch.tries = lambda copy: self.counts[copy.path]
        switch.note = self._note
        firmware = sys.modules["main"] = Namespace()
        firmware.main = lambda folder: self.main(self)

    def _reset(self):
        self.resets += 1
        raise SystemExit

    def _sleep(self, seconds):
        if self.interrupted:
            raise KeyboardInterrupt
        self.slept.append(seconds)

    def _note(self, copy, count):
        self.noted += 1
        self.counts[copy.path] = count

    def fire(self):
        """The time of the newest timer is over."""
        assert self.timers[-1].armed
        self.timers[-1].how["callback"](self.timers[-1])

    def start(self):
        """(the copy that was started, "reset", "prompt" or "interrupted")."""
        copy, count = switch.choose()
        try:
            switch.start(copy, count)
        except SystemExit:
            return copy.path, "reset"
        except KeyboardInterrupt:
            return copy.path, "interrupted"
        return copy.path, "prompt"


def returns(code):
    """A firmware that ends with this."""
    return lambda bench: code


def test_hardware_that_does_not_answer_is_never_held_against_a_copy():
    for counts, runs in (({OLD: 0}, OLD), ({OLD: -1}, OLD), ({OLD: -1, NEW: 0}, NEW), ({OLD: -1, NEW: 2}, NEW), ({OLD: 3}, OLD)):
        before = dict(counts)
        bench = Bench(counts, returns(switch.HARDWARE))
        for _ in range(8):
            assert bench.start() == (runs, "reset")
        assert bench.counts == before and bench.slept == [switch.PAUSE_S] * 8
        assert bench.noted == 0 if before[runs] == switch.PROVEN else bench.noted == 16


def test_ctrl_c_during_the_pause_reaches_the_prompt():
    bench = Bench({OLD: 0}, returns(switch.HARDWARE))
    bench.interrupted = True
    assert bench.start() == (OLD, "interrupted") and bench.resets == 0 and bench.counts == {OLD: 0} and not bench.timers[0].armed


def fails(bench):
    """A firmware that is broken."""
    raise OSError(19)  # outside of where main says what it is: a fault of the firmware


def test_three_starts_that_end_in_an_exception_bring_the_other_copy_back():
    bench = Bench({OLD: -1, NEW: 0}, fails)
    assert [bench.start() for _ in range(3)] == [(NEW, "reset")] * 3
    bench.main = hangs_never
    assert bench.start()[0] == OLD and bench.counts == {OLD: -1, NEW: 3}


def hangs_never(bench):
    """A firmware that runs until the test ends it."""

    async def run():
        await asyncio.sleep(0)
        raise KeyboardInterrupt

    asyncio.run(run())


def hangs(bench):
    """A firmware that never comes back before it has started its watchdog."""
    bench.fire()


def test_a_copy_on_trial_that_hangs_is_reset_and_gives_way():
    for platform, number, hard in (("rp2", -1, True), ("esp32", 1, None)):
        bench = Bench({OLD: -1, NEW: 0}, hangs, platform)
        assert [bench.start() for _ in range(3)] == [(NEW, "reset")] * 3
        how = bench.timers[0].how
        assert (bench.timers[0].number, how["mode"], how["period"], how.get("hard")) == (number, 0, switch.START_MS, hard)
        bench.main = hangs_never
        assert bench.start() == (OLD, "interrupted") and len(bench.timers) == 3  # the proven one has all the time it needs


def test_the_timer_is_stopped_when_tasks_run_and_whenever_the_prompt_is_free():
    armed = []

    def comes_up(bench):
        async def run():
            armed.append(bench.timers[-1].armed)
            raise KeyboardInterrupt

        assert bench.timers[-1].armed
        asyncio.run(run())

    bench = Bench({OLD: 0}, comes_up)
    assert bench.start() == (OLD, "interrupted") and armed == [False]
    for main, end in ((returns(switch.SETTINGS), "prompt"), (hangs_never, "interrupted")):
        bench = Bench({OLD: 0}, main)
        assert bench.start() == (OLD, end) and len(bench.timers) == 1 and not bench.timers[0].armed and bench.counts == {OLD: 0}
