"""Which offered time the clock follows, and what is said about it."""

from cabinet.store.ring import JournalFull
from cabinet.uplink.timekeeper import Timekeeper

NOW = 1_800_000_000


class Clock:
    """Counts on from what it was set to."""

    def __init__(self, wall_s=0, quality=0):
        self.now_ms = 1000
        self._wall_s = wall_s
        self._set_ms = self.now_ms
        self._quality = quality

    def ticks_ms(self):
        return self.now_ms & 0x3FFFFFFF

    def quality(self):
        return self._quality

    def wall_s(self):
        return self._wall_s + (self.now_ms - self._set_ms) // 1000 if self._quality else 0

    def synchronise(self, unix_s):
        self._wall_s, self._set_ms, self._quality = unix_s, self.now_ms, 2


class Store:
    def __init__(self):
        self.values = {}
        self.fails = False

    def get(self, name):
        return self.values.get(name)

    def put(self, name, value):
        if self.fails:
            raise JournalFull("no room")
        self.values[name] = value


def keeper(servers=1, wall_s=0, quality=0, store=None):
    """A timekeeper, its clock, and what it said."""
    said = []
    clock = Clock(wall_s, quality)
    return Timekeeper(clock, store or Store(), said.append, servers), clock, said


def rows(said):
    return [(event.name,) + tuple(event.values) for event in said]


def test_the_first_time_is_taken_and_told():
    times, clock, said = keeper()
    assert times.offer("a", NOW) and clock.quality() == 2 and clock.wall_s() == NOW
    assert rows(said) == [("time.set", None, NOW, "a")]


def test_drift_is_corrected_without_a_word_and_a_step_is_told():
    times, clock, said = keeper()
    times.offer("a", NOW)
    clock.now_ms += 3_600_000
    assert times.offer("a", NOW + 3601) and clock.wall_s() == NOW + 3601
    assert len(said) == 1
    assert times.offer("a", NOW + 3651) and rows(said)[1] == ("time.set", NOW + 3601, NOW + 3651, "a")


def test_times_that_cannot_be_are_refused_and_told_once():
    times, clock, said = keeper()
    for _ in range(3):
        assert not times.offer("a", 1_600_000_000)
    assert not times.offer("a", 5_000_000_000)
    assert clock.quality() == 0
    assert rows(said) == [("time.refused", "a", 1_600_000_000, "impossible")]


def test_an_rtc_is_confirmed_and_its_drift_corrected():
    times, clock, said = keeper(wall_s=NOW - 20, quality=1)
    assert times.offer("a", NOW) and rows(said) == [("time.set", NOW - 20, NOW, "a")]


def test_a_single_server_that_jumps_must_say_it_three_times():
    times, clock, said = keeper()
    times.offer("a", NOW)
    taken = []
    for step in range(3):
        clock.now_ms += 60_000
        taken.append(times.offer("a", NOW - 500_000 + step * 60))
    assert taken == [False, False, True]
    assert rows(said)[1:] == [("time.refused", "a", NOW - 500_000, "jump"), ("time.set", NOW + 180, NOW - 499_880, "a")]


def test_a_server_that_walks_away_step_by_step_of_jumps_is_not_followed():
    times, clock, said = keeper()
    times.offer("a", NOW)
    for step in range(1, 50):
        clock.now_ms += 60_000
        assert not times.offer("a", NOW + step * 1_000_000)
    assert clock.wall_s() == NOW + 49 * 60


def test_of_several_servers_one_alone_sets_nothing():
    times, clock, said = keeper(servers=2)
    for _ in range(5):
        assert not times.offer("liar", NOW + 9_000_000)
    assert clock.quality() == 0
    assert not times.offer("b", NOW)
    assert times.offer("c", NOW + 1) and clock.wall_s() == NOW + 1


def test_never_back_behind_the_last_stored_time_without_a_second_opinion():
    store = Store()
    times, clock, _ = keeper(store=store)
    assert times.offer("a", NOW)
    times, clock, said = keeper(store=store)  # another start, clock unset
    assert not times.offer("a", NOW - 10_000) and clock.quality() == 0
    assert rows(said) == [("time.refused", "a", NOW - 10_000, "jump")]
    assert times.offer("a", NOW + 30)


def test_flash_that_refuses_costs_only_the_memory_of_it():
    store = Store()
    store.fails = True
    times, clock, _ = keeper(store=store)
    assert times.offer("a", NOW) and clock.wall_s() == NOW
