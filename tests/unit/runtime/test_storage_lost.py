"""What cannot be recorded for long does not go on: charging ends, nothing begins, and all comes back with the flash."""

from core_cabinet import Cabinet, Pack
from loop_bench import bench

from cabinet.core import events
from cabinet.runtime.control_loop import STORE_LIMIT_MS


class Clock:
    def __init__(self):
        self.now = 5000

    def ticks_ms(self):
        return self.now


def test_a_charge_that_runs_ends_when_nothing_can_be_recorded_any_more_and_begins_again():
    cabinet = Cabinet(3, {2: Pack("B", 50)})
    assert cabinet.run(lambda: cabinet.state(2) == "charging", 8000)
    slot = cabinet.control.slots[1]
    cabinet.control.storage_ok = False
    cabinet.tick()
    assert slot.charge_ma > 0
    cabinet.control.storage_lost = True
    cabinet.tick()
    assert slot.charge_ma == 0 and slot.why_code == "storage_fault"
    cabinet.control.storage_ok, cabinet.control.storage_lost = True, False
    assert cabinet.run(lambda: slot.charge_ma > 0, 3000)


def test_storage_counts_as_lost_once_something_has_waited_for_the_limit():
    world, loop, _ = bench()
    loop._clock = clock = Clock()
    world.flash_error = OSError(5)
    world.events.append(events.make("door.closed", 1))
    loop.step()
    assert not world.storage_lost
    clock.now += STORE_LIMIT_MS - 1
    loop.step()
    assert not world.storage_lost
    clock.now += 1
    loop.step()
    assert world.storage_lost
    world.flash_error = None
    loop.step()
    assert not world.storage_lost and world.storage_ok
    clock.now += 5 * STORE_LIMIT_MS
    world.flash_error = OSError(5)
    world.events.append(events.make("door.closed", 1))
    loop.step()
    assert not world.storage_lost  # the time counts from the first refusal


def test_a_ring_that_is_nearly_full_takes_no_evidence_but_everything_else():
    world, loop, _ = bench()
    world.put_frames = lambda out: None
    world.level = 90
    for _ in range(2):
        world.events.append(events.make("fault.raised", 1, "SN", "temp_hot", "quarantine", 620, 600))
        world.events.append(events.make("evidence.taken", 1, "SN", "temp_hot", "quarantine", 620, 600, 1000, "1", b"\x01", b""))
        loop.step()
        world.level = 89
    assert world.done == ["step", "fault.raised", "step", "fault.raised", "evidence.taken"]
    assert world.storage_ok
