"""A flash that refuses for a while in the middle of a swap: what was not recorded was not done, and what was not done is not told of."""


from core_cabinet import Pack, cabinet_with_full_packs

from cabinet.core import ticks
from cabinet.runtime.control_loop import ControlLoop, SlotParts


class LoopProfiler:
    def start(self):
        return 0

    def stop(self, what, began):
        pass


class Bench:
    """The real loop and core before a model of a cabinet; a flash that can be told to refuse."""

    def __init__(self):
        self.cabinet = cabinet_with_full_packs(4)
        self.refuses = False
        self.events = []  # (name, slot) on flash
        self.pulses = []  # slots whose locks really had one
        parts = [SlotParts(n, Device(self, n), Device(self, n), Device(self, n), 0) for n in range(1, 5)]
        for part in parts:
            part.proving = True  # proofs are given below, at once
        self.loop = ControlLoop(self, self.cabinet.control, parts, self, self, None, LoopProfiler(), 300)
        self.run(ms=500)

    # clock, journal, state
    def ticks_ms(self):
        return self.cabinet.now_ms

    def append(self, event):
        if self.refuses:
            raise OSError(5)
        self.events.append((event.name, event.slot))

    def put(self, name, value):
        if self.refuses:
            raise OSError(5)

    def level_pct(self, ring):
        return 0

    def run(self, until=None, ms=60000):
        """Step until something holds; whether it came to that."""
        cabinet = self.cabinet
        for _ in range(ms // 50):
            if until and until():
                return True
            cabinet.now_ms = ticks.add(cabinet.now_ms, 50)
            cabinet.sense()
            self.loop.step()
            for s in cabinet.control.slots:
                cabinet.current[s.number] = s.charge_ma if s.number in cabinet.packs else 0
                if s.wants_proof:
                    cabinet.control.proof_result(s.number, s.serial, True, cabinet.now_ms)
        return False

    def state(self):
        return self.cabinet.control.swap_view()["state"]

    def count(self, name):
        return len([row for row in self.events if row[0] == name])


class Device:
    set_ma = 0

    def __init__(self, bench, number):
        self.bench = bench
        self.number = number

    def set(self, mv, ma):
        self.set_ma = ma

    def pulse(self, channel, ms):
        assert not self.bench.refuses
        self.bench.pulses.append(self.number)
        self.bench.cabinet.doors[self.number] = False

    def set_need(self, period_ms):
        pass


def test_no_pulse_is_counted_or_told_of_that_was_not_given_and_the_swap_ends_well():
    for state in ("opening_in", "checking_in", "taking_out"):
        for refused_ms in (50, 2000, 12000, 40000):
            bench = Bench()
            cabinet = bench.cabinet
            if state == "opening_in":
                bench.run(lambda c=cabinet: c.control.order("anna", "rider", c.now_ms)[0])
                bench.refuses = True
                bench.run(ms=refused_ms)
                bench.refuses = False
            else:
                assert cabinet.control.order("anna", "rider", cabinet.now_ms) == (True, "ok")
            assert bench.run(cabinet.open_doors), (state, refused_ms)
            number = cabinet.open_doors()[0]
            bench.run(ms=500)
            cabinet.packs[number] = Pack("MINE", 20)
            bench.run(ms=500)
            cabinet.doors[number] = True
            if state == "checking_in":
                assert bench.run(lambda b=bench: b.state() == "checking_in")
                bench.refuses = True
                bench.run(ms=refused_ms)
                bench.refuses = False
            assert bench.run(cabinet.open_doors), (state, refused_ms)
            number = cabinet.open_doors()[0]
            assert cabinet.packs[number].serial != "MINE"
            if state == "taking_out":
                bench.refuses = True
                bench.run(ms=min(refused_ms, 12000))
                bench.refuses = False
            cabinet.packs.pop(number)
            bench.run(ms=500)
            cabinet.doors[number] = True
            assert bench.run(lambda b=bench: b.state() == "none"), (state, refused_ms)
            bench.run(ms=1000)
            assert bench.count("swap.completed") == 1 and bench.count("door.stuck") == 0, (state, refused_ms)
            assert len(bench.pulses) == bench.count("lock.pulsed") == 2, (state, refused_ms, bench.events)
            assert [s.stuck for s in cabinet.control.slots] == [False] * 4


def test_after_minutes_the_swap_has_ended_and_no_door_opens_to_nobody():
    bench = Bench()
    cabinet = bench.cabinet
    assert cabinet.control.order("anna", "rider", cabinet.now_ms) == (True, "ok")
    assert bench.run(cabinet.open_doors)
    number = cabinet.open_doors()[0]
    bench.run(ms=500)
    cabinet.packs[number] = Pack("MINE", 20)
    bench.run(ms=500)
    cabinet.doors[number] = True
    assert bench.run(lambda: bench.state() == "checking_in")
    bench.refuses = True
    assert bench.run(lambda: bench.state() == "opening_out")
    bench.run(ms=60000)
    assert bench.state() == "opening_out"
    assert bench.run(lambda: bench.state() == "none", 200000)
    bench.refuses = False
    bench.run(ms=60000)
    assert bench.pulses == [number] and not cabinet.open_doors()
    assert (bench.count("lock.pulsed"), bench.count("swap.cancelled"), bench.count("door.stuck")) == (1, 1, 0)


def test_a_flash_that_refused_a_pulse_counts_as_lost_after_ten_seconds_and_as_sound_once_it_answers():
    bench = Bench()
    cabinet = bench.cabinet
    assert cabinet.control.command("unlock", 2, cabinet.now_ms) == (True, "ok")
    bench.refuses = True
    for _ in range(9900 // 50):
        bench.run(ms=50)
        assert not cabinet.control.stored and not cabinet.control.storage_lost
    bench.run(ms=500)
    assert not cabinet.control.stored and cabinet.control.storage_lost
    bench.refuses = False
    bench.run(ms=200)
    assert cabinet.control.stored and not cabinet.control.storage_lost and bench.pulses == [] and bench.count("lock.pulsed") == 0
