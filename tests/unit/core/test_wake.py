"""A pack that sleeps when it is put in is woken; one that cannot be woken is given back in time."""

from core_cabinet import Pack, bring, cabinet_with_full_packs, take
from devices_bench import Bench
from loop_bench import bench as loop_bench


def sleeper(cabinet, wakes_after):
    """A pack that answers after so many wake requests; the instants of all of them."""
    pack = Pack("SLEEPER", 15, answers=False)
    asked = []
    check = cabinet.check

    def checking():
        check()
        for s in cabinet.control.slots:
            if s.wants_wake:
                asked.append(cabinet.now_ms)
                if len(asked) >= wakes_after:
                    pack.answers = True

    cabinet.check = checking
    return pack, asked


def test_a_sleeping_pack_is_woken_and_swapped():
    for wakes in (1, 2):
        cabinet = cabinet_with_full_packs()
        pack, asked = sleeper(cabinet, wakes)
        bring(cabinet, pack)
        assert take(cabinet)[1].serial == "FULL-4"
        assert len(asked) == wakes
        assert [code for _, code in cabinet.said].count("waking") == wakes
        assert "fault.raised" not in cabinet.names()


def test_a_pack_that_cannot_be_woken_is_given_back_and_the_rider_is_told_why():
    cabinet = cabinet_with_full_packs()
    pack, asked = sleeper(cabinet, 99)
    number = bring(cabinet, pack)
    put_in_ms = cabinet.now_ms
    assert take(cabinet) == (number, pack)
    assert len(asked) == 2
    assert cabinet.run(lambda: not cabinet.control.swap.active, 5000)
    assert cabinet.last("swap.cancelled")[2]["reason"] == "pack_silent"
    reported = [row for row in cabinet.log if row[0] == "fault.raised"][0][2]
    assert reported["rule"] == "pack_silent" and asked[1] - put_in_ms < 4000
    assert cabinet.now_ms - put_in_ms < 15000


def test_a_pack_that_was_heard_in_its_stay_gets_no_more_time_for_being_woken():
    cabinet = cabinet_with_full_packs()
    cabinet.packs[4].answers = False
    began = cabinet.now_ms
    slot = cabinet.control.slots[3]
    assert cabinet.run(lambda: "pack_silent" in slot.faults.names(), 40000)
    assert cabinet.now_ms - began <= cabinet.options.stale_rest_ms + 5000 + 100  # as before


def test_a_pack_that_wakes_up_may_sleep_and_be_woken_again():
    cabinet = cabinet_with_full_packs()
    slot = cabinet.control.slots[3]
    for _ in range(2):
        cabinet.packs[4].answers = False
        assert cabinet.run(lambda: slot.wants_wake, 30000)
        cabinet.packs[4].answers = True
        assert cabinet.run(lambda: slot.pack_fresh and slot.wake_requests == 0, 5000)


def test_the_control_loop_wakes_the_pack_when_core_wants_it():
    world, loop, slot = loop_bench()
    woken = []
    world.wake = lambda: woken.append(1)
    loop.step()
    assert woken == []
    slot.wants_wake = True
    loop.step()
    slot.wants_wake = False
    loop.step()
    assert woken == [1]


def test_drivers_put_a_request_on_the_wire():
    bench = Bench()
    bench.run(1.0)
    requests = bench.links[0].stats.requests
    bench.links[0].set_need(60000)
    bench.run(0.5)
    bench.links[0].wake()
    bench.run(0.1)
    assert bench.links[0].stats.requests > requests
    sent = bench.can_bus.sent
    bench.links[5].wake()
    bench.run(0.05)
    assert bench.can_bus.sent > sent
