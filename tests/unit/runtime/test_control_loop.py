"""The order that safety asks for: stops at once, then flash, then whatever energises something."""

from loop_bench import bench

from cabinet.core import events


def test_what_happened_is_on_flash_before_a_lock_is_pulsed_or_charging_begins():
    world, loop, slot = bench()
    slot.charge_mv, slot.charge_ma, slot.pulse = 54000, 5000, True
    world.events.append(events.make("lock.pulsed", 1, "", "rider_in", 300))
    world.saved = b"swap"
    loop.step()
    assert world.done == ["step", "snapshot", "lock.pulsed", "charge 5000", "pulse"]
    assert world.events == []


def test_a_charger_without_a_permit_is_stopped_before_anything_is_written():
    world, loop, slot = bench()
    world.set_ma = 5000
    world.events.append(events.make("charge.stopped", 1, "", "temp_hot", 50))
    loop.step()
    assert world.done == ["step", "charge 0", "charge.stopped"]


def test_while_flash_refuses_nothing_new_is_energised_and_nothing_is_forgotten():
    world, loop, slot = bench()
    world.flash_error = OSError(5)
    slot.charge_mv, slot.charge_ma, slot.pulse = 54000, 5000, True
    world.events.append(events.make("lock.pulsed", 1, "", "rider_in", 300))
    world.saved = b"swap"
    world.events.append(events.make("door.stuck", 1, "", 3))
    loop.step()
    assert world.done == ["step", "take back"], "a pulse that cannot be recorded is not given"
    assert not world.storage_ok and not world.stored and loop.storage_error
    world.flash_error = None
    loop.step()
    assert world.done[2:] == ["step", "probe", "snapshot", "door.stuck", "charge 5000"], "and not told of later"
    assert world.storage_ok and world.stored


def test_while_flash_refuses_a_running_charge_is_still_told_of_a_lower_set_point_and_of_its_end():
    world, loop, slot = bench()
    world.set_ma = 5000
    world.flash_error = OSError(5)
    slot.charge_mv, slot.charge_ma = 54000, 2000
    world.events.append(events.make("door.closed", 1))
    loop.step()
    slot.charge_mv = slot.charge_ma = 0
    loop.step()
    assert world.done == ["step", "charge 2000", "step", "charge 0"]


def test_in_a_full_journal_alarms_pass_what_waits():
    world, loop, slot = bench()
    world.full = True
    world.events.append(events.make("door.closed", 1))
    world.events.append(events.make("pack.quarantined", 1, "SN", "temp_hot", 700, 600))
    loop.step()
    assert world.done == ["step", "pack.quarantined"]
    assert not world.storage_ok
    world.full = False
    loop.step()
    assert world.done[1:] == ["pack.quarantined", "step", "door.closed"]
    assert world.storage_ok


def test_a_ring_that_is_full_to_the_last_takes_no_new_business_but_ends_what_is_under_way():
    world, loop, slot = bench()
    world.level = 100
    slot.pulse = True
    world.events.append(events.make("lock.pulsed", 1, "", "rider_out", 300))
    loop.step()
    assert world.done == ["step", "lock.pulsed", "pulse"]
    assert not world.storage_ok
    world.level = 99
    slot.pulse = False
    loop.step()
    assert world.storage_ok


def test_events_are_kept_within_bounds_while_flash_refuses_and_the_loss_is_counted():
    world, loop, slot = bench()
    world.flash_error = OSError(5)
    for number in range(100):
        world.events.append(events.make("door.closed", 1 + number % 12))
        loop.step()
    assert loop.dropped_events == 100 - 64


def test_whoever_keeps_the_books_hears_of_an_event_once_it_is_on_flash():
    world, loop, _ = bench()
    received = []
    loop.on_stored = lambda event: received.append((event.name, world.done[-1]))
    world.flash_error = OSError(5)
    world.events.append(events.make("swap.completed", 1))
    loop.step()
    assert received == []
    world.flash_error = None
    loop.step()
    loop.step()
    assert received == [("swap.completed", "swap.completed")]


class Doubtful:
    """A store in which one record cannot be read."""

    unreadable = ()

    def unsure(self, name):
        return name == "marked0"

    def damage(self):
        return b"up to here"


def test_unreadable_state_puts_every_slot_out_of_service_and_is_reported():
    world, loop, _ = bench()
    ordered = []
    world.restore = lambda records, now_ms: True
    world.command = lambda kind, number, now_ms: ordered.append((kind, number))
    loop._state = Doubtful()
    loop.restore()
    assert ordered == [("disable", 1)]
    assert [(e.name, e.values) for e in world.events] == [("state.damaged", ("marked0", "out_of_service"))]
    assert loop._records == {"~damage": b"up to here"}
