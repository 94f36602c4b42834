"""Riders, the auditor and the accounts, driven by a controller of forty lines that sees the models directly."""

from plant import rider as riders
from plant.cabinet_world import BAD_KINDS, World
from plant.frames import CanNodes, RtuUnits, sealed
from plant.rng import Rng


class ToyController:
    """Swaps packs without looking at a wire. Each flag is a way to be wrong."""

    def __init__(self, world, careless=(), deaf=False):
        self.world = world
        self.careless = careless
        self.deaf = deaf
        self.step_name = "idle"
        self.in_slot = None
        self.since = 0.0
        for slot in world.slots:
            if slot.pack is not None:
                slot.pack.answered = True

    def good(self, slot):
        pack = slot.pack
        return pack.kind == "genuine" or "proof" in self.careless

    def step(self, dt):
        world = self.world
        self.since += dt
        for slot in world.slots:
            if slot.connected and slot.talks and slot is not self.in_slot and self.good(slot) and slot.pack.soc < 0.999:
                slot.charger.command(slot.pack.allowed_charge_mv() / 1000.0, min(15.0, slot.pack.allowed_charge_ma() / 1000.0), True)
            elif slot.charger.started and "stop" not in self.careless:
                slot.charger.command(0.0, 0.0, False)
        tokens, world.kiosk_out = world.kiosk_out, []
        if tokens and not self.deaf and self.step_name == "idle":
            empty = [s for s in world.slots if s.pack is None]
            full = [s for s in world.slots if s.pack is not None and s.pack.soc > 0.95 and s.pack.kind == "genuine"]
            if not empty or not full:
                world.hear(0, "no_full_pack", "No full pack is ready. Please come back later.")
                return
            self.go("insert", empty[0])
        if self.step_name == "insert" and self.since > 1.0 and self.in_slot.door_closed:
            if self.in_slot.pack is None:
                self.step_name, self.in_slot = "idle", None
            else:
                self.go("check")
        elif self.step_name == "check" and self.since > 0.5:
            self.in_slot.pack.answered = self.in_slot.pack.kind not in ("dead_bms",)
            hot = self.in_slot.pack.temp_c > 60.0
            if hot and "hot" not in self.careless:
                world.hear(self.in_slot.number, "kept", "This pack is not safe. It stays here.")
                self.step_name, self.in_slot = "idle", None
            elif not self.good(self.in_slot):
                self.go("back", self.in_slot)
            else:
                full = [
                    s
                    for s in world.slots
                    if s.pack is not None and s.pack.soc > 0.95 and s is not self.in_slot and s.pack.kind == "genuine"
                ]
                full[0].charger.command(0.0, 0.0, False)
                full[0].charger.step(0.0, None)
                self.go("take", full[0])
        elif self.step_name in ("back", "take") and self.since > 1.0 and self.in_slot.door_closed:
            self.step_name, self.in_slot = "idle", None

    def go(self, name, slot=None):
        self.step_name = name
        self.since = 0.0
        if slot is not None:
            self.in_slot = slot
            slot.pulse(300)


def run(world, controller, until, limit_s=4000.0, dt=0.05):
    """Step both until a condition holds."""
    while not until():
        assert world.now < limit_s, world.snapshot()["riders"]
        world.step(dt)
        if controller is not None:
            controller.step(dt)


def names(world):
    return set(v["name"] for v in world.auditor.violations)


def make_room(world, slots):
    """Take packs out of the cabinet and put them on the road."""
    for slot in world.slots[:slots]:
        if slot.pack is not None:
            world.field.append(slot.pack)
            slot.pack = None


def a_visit(world, controller, kind):
    """One rider comes and goes."""
    visits = world.visits
    world.bring(kind)
    run(world, controller, lambda: world.visits > visits)


def raises(error, function, *arguments):
    try:
        function(*arguments)
    except error:
        return True
    return False


def test_riders_swap_until_the_target_is_reached_and_no_pack_is_lost():
    world = World(12, 1)
    world.auto_target = 20
    run(world, ToyController(world), lambda: world.counts["completed"] == 20)
    assert world.auditor.report()["violations"] == []
    assert world.auditor.unaccounted() == 0
    assert world.counts["refused"] == 0 and world.counts["abandoned"] == 0


def a_story(seed):
    """What comes out of five swaps."""
    world = World(6, seed)
    world.auto_target = 5
    world.auto_bad_every = 3
    run(world, ToyController(world), lambda: world.counts["completed"] == 5)
    return world.now, [(s.pack.serial, s.pack.soc) if s.pack else None for s in world.slots], dict(world.counts)


def test_the_same_seed_tells_the_same_story():
    assert a_story(5) == a_story(5)


def test_bad_packs_are_given_back_and_leave_with_their_owners():
    world = World(12, 2)
    controller = ToyController(world)
    for kind in BAD_KINDS:
        a_visit(world, controller, kind)
    assert world.counts["refused"] == len(BAD_KINDS)
    assert sorted(p.kind for p in world.taken_away) == sorted(k for k in BAD_KINDS if k != "hot")
    kept = [s.pack.kind for s in world.slots if s.pack is not None and s.pack.kind != "genuine"]
    assert kept == ["hot"] and world.auditor.unaccounted() == 0
    assert names(world) == set()


def test_dawdlers_and_those_who_walk_away_leave_no_pack_unaccounted():
    world = World(12, 3)
    make_room(world, 6)
    controller = ToyController(world)
    for kind in ("dawdle", "walk_away", "normal", "walk_away", "walk_away", "normal", "walk_away", "walk_away", "dawdle"):
        a_visit(world, controller, kind)
        assert world.auditor.unaccounted() == 0
    assert world.counts["abandoned"] >= 3 and world.counts["completed"] >= 4
    assert names(world) == set()


def test_a_door_left_open_is_shut_by_a_passer_by():
    world = World(4, 1)
    world.slots[0].pulse(300)
    run(world, None, lambda: bool(world.open_doors()), 5.0)
    run(world, None, lambda: not world.open_doors(), 60.0)


def test_a_collector_takes_what_the_operator_opens_and_leaves_hot_packs():
    world = World(12, 1)
    world.slots[1].pack.temp_c = 70.0
    cold, hot = world.slots[0].pack, world.slots[1].pack
    collector = world.bring("service")
    run(world, None, lambda: collector.at_cabinet)
    for slot in world.slots[:2]:
        slot.pulse(300)
        run(world, None, lambda: bool(world.open_doors()))
        run(world, None, lambda: not world.open_doors())
    run(world, None, lambda: world.visits == 1)
    assert world.slots[0].pack is None and cold in world.field
    assert world.slots[1].pack is hot and names(world) == {"hot_pack_released"}
    assert world.auditor.unaccounted() == 0 and sum(world.counts.values()) == 0


def test_a_rider_at_a_dead_cabinet_shows_the_card_again_and_then_leaves():
    world = World(12, 1)
    rider = world.bring("normal")
    run(world, ToyController(world, deaf=True), lambda: world.visits == 1, 120.0)
    assert rider.shown > 2 and rider.ending == riders.ABANDONED and world.auditor.unaccounted() == 0


def test_a_rider_whose_pack_is_inside_a_dead_cabinet_tries_again_after_a_minute():
    world = World(12, 1)
    controller = ToyController(world)
    rider = world.bring("normal")
    run(world, controller, lambda: rider.inserted and not world.open_doors())
    controller.deaf = True
    controller.step_name = "idle"  # the controller has forgotten everything
    shown = rider.shown
    run(world, controller, lambda: rider.shown > shown, 120.0)
    controller.go("take", [s for s in world.slots if s.pack is not None and s.pack is not rider.own][0])
    run(world, controller, lambda: world.visits == 1, 400.0)
    assert rider.ending == riders.COMPLETED
    assert world.auditor.unaccounted() == 0


def test_a_rider_who_gets_the_own_pack_back_tries_again():
    world = World(12, 1)
    controller = ToyController(world)
    rider = world.bring("normal")
    run(world, controller, lambda: rider.inserted and not world.open_doors())
    controller.go("back", controller.in_slot)
    run(world, controller, lambda: world.visits == 1, 200.0)
    assert rider.tries == 1 and rider.ending == riders.COMPLETED


def test_unknown_riders_faults_and_dangers_are_refused():
    world = World(4, 1)
    assert raises(ValueError, world.bring, "king")
    assert raises(ValueError, world.set_fault, 1, "haunted")
    assert raises(ValueError, world.set_fault, 5, "dead")
    assert raises(ValueError, world.set_danger, "meteor", True)


def test_a_fault_of_a_pack_ends_with_the_pack_it_was_given_to():
    world = World(6, 1)
    slot = world.slots[0]
    for kind in ("frozen", "lie", "sensor_stuck", "unbalanced", "hot"):
        pack = slot.pack
        offsets = list(pack.offsets_mv)
        world.set_fault(1, kind)
        sick = (pack.frozen, pack.lying, pack.stuck_sensor, pack.heater_w > 0.0, pack.spread_mv() > 300)
        assert sum(sick) == 1
        slot.pack, world.slots[1].pack = world.slots[1].pack, slot.pack  # it is somewhere else when the fault ends
        world.set_fault(1, "none")
        assert not (pack.frozen or pack.lying or pack.stuck_sensor or pack.heater_w) and pack.offsets_mv == offsets
        assert not world.faults and not world.sick


# ---- the auditor bites


def plugged(world, kind="genuine", number=1, soc=0.5):
    """A pack of a kind in a slot, in place of what was there."""
    slot = world.slots[number - 1]
    if slot.pack is not None:
        world.field.append(slot.pack)
    slot.pack = world.fleet.make(kind, soc, 25.0)
    slot.pack.answered = True
    return slot


def drive(world, slot, volts=56.8, amps=5.0, seconds=1.0, before=None):
    """Command a charger every step, whatever happens."""
    end = world.now + seconds
    while world.now < end:
        slot.charger.command(volts, amps, True)
        if before is not None:
            before(slot)
        world.step(0.05)


def test_current_into_a_genuine_pack_is_no_violation():
    world = World(4, 1)
    slot = plugged(world)
    drive(world, slot, slot.pack.allowed_charge_mv() / 1000.0, seconds=20.0)
    assert slot.pack.soc > 0.5 and names(world) == set()


def test_current_into_bad_packs_is_seen():
    for kind in ("clone", "unknown_chemistry", "dead_bms"):
        world = World(4, 1)
        drive(world, plugged(world, kind))
        assert "charge_bad_pack" in names(world), kind


def test_current_into_an_unproven_pack_is_seen():
    world = World(4, 1)
    slot = plugged(world)
    slot.pack.answered = False
    drive(world, slot)
    assert names(world) == {"charge_unproven"}


def test_current_into_a_hot_pack_is_seen_after_its_grace():
    world = World(4, 1)
    slot = plugged(world)
    slot.pack.state = 1
    slot.pack.frozen = True  # its own BMS does not protect it
    slot.pack.temp_c = 65.0
    drive(world, slot, slot.pack.allowed_charge_mv() / 1000.0, seconds=2.0)
    assert names(world) == set()
    drive(world, slot, slot.pack.allowed_charge_mv() / 1000.0, seconds=3.0)
    assert names(world) == {"charge_hot_pack", "charge_over_current"}  # a hot pack allows none


def test_a_charger_that_stays_on_with_the_door_open_or_the_slot_empty_is_seen():
    world = World(4, 1)
    slot = plugged(world)
    drive(world, slot, seconds=1.0)
    slot.pulse(300)
    drive(world, slot, seconds=2.0)
    assert names(world) == {"unlocked_under_load", "charge_door_open"}
    world = World(4, 1)
    slot = plugged(world)
    world.field.append(slot.pack)
    slot.pack = None
    drive(world, slot, seconds=6.0)
    assert names(world) == {"charge_empty_slot"}


def test_too_much_current_and_too_high_a_set_point_are_seen():
    world = World(4, 1)
    slot = plugged(world)
    slot.pack.temp_c = 3.0
    drive(world, slot, slot.pack.allowed_charge_mv() / 1000.0, 9.0, 6.0)
    assert names(world) == {"charge_over_current"}
    world = World(4, 1)
    slot = plugged(world)
    drive(world, slot, slot.pack.allowed_charge_mv() / 1000.0 + 1.0, 2.0, 4.0)
    assert "charge_set_point" in names(world)


def test_current_in_smoke_is_seen_after_five_seconds():
    world = World(4, 1)
    slot = plugged(world)
    world.set_danger("smoke", True)
    volts = slot.pack.allowed_charge_mv() / 1000.0
    drive(world, slot, volts, seconds=4.5)
    assert names(world) == set()
    drive(world, slot, volts, seconds=2.0)
    assert names(world) == {"charge_in_danger"}


def test_a_charger_that_never_stops_is_seen():
    world = World(4, 1)
    slot = plugged(world)
    drive(world, slot, slot.pack.allowed_charge_mv() / 1000.0)
    slot.charger.COMMAND_LIFE = 100.0
    slot.charger.age = 101.0
    slot.charger.step = lambda *a: 5.0  # welded
    slot.charger.out_a = 5.0
    world.step(0.1)
    assert "charge_no_command" in names(world)


def test_two_open_doors_a_door_without_a_pulse_and_a_hot_pack_behind_an_open_door_are_seen():
    world = World(4, 1)
    world.slots[0].pulse(300)
    world.slots[1].pulse(300)
    run(world, None, lambda: world.now > 1.0)
    assert {"two_doors", "pulse_with_door_open"} == names(world)
    world = World(4, 1)
    world.slots[2].door_closed = False
    world.step(0.05)
    assert names(world) == {"door_without_pulse"}
    world = World(4, 1)
    plugged(world, "hot").pulse(300)
    world.step(0.05)
    assert names(world) == {"hot_pack_released"}


def test_a_hot_pack_that_has_said_nothing_since_it_came_is_given_back_unblamed():
    for reported in (False, True):
        world = World(4, 1)
        slot = plugged(world, "hot")
        pack, slot.pack, slot.door_closed = slot.pack, None, False
        slot.insert(pack)
        slot.door_closed = True
        units = RtuUnits(world, Rng(1))
        world.set_fault(slot.number, "crc")
        world.step(0.5)
        request = sealed(bytes((slot.number, 3, 1, 0, 0, 8)))
        assert units.answer(request) is not None and not slot.reported
        if reported:
            world.set_fault(slot.number, "none")
            assert units.answer(request) is not None
        world.step(0.2)
        slot.pulse(300)
        world.step(0.05)
        assert names(world) == ({"hot_pack_released"} if reported else set())


def test_a_pack_on_can_has_told_of_itself_once_all_frames_of_a_reading_went_out_in_its_own_name():
    world = World(4, 1)
    slot = [s for s in world.slots[world.modbus_slots :] if s.pack is not None][0]
    node = CanNodes(world, Rng(1)).nodes[slot.number]
    pack, slot.pack, slot.door_closed = slot.pack, None, False
    slot.insert(pack)
    slot.door_closed = True
    world.step(20.0)
    world.set_fault(slot.number, "foreign")
    sent = []
    for tenth in range(1, 20):
        node.poll(tenth / 10, sent)
    assert len(sent) > 20 and not slot.reported
    world.set_fault(slot.number, "none")
    before = len(sent)
    node.poll(2.01, sent)
    assert len(sent) > before and not slot.reported
    for tenth in range(21, 27):
        node.poll(tenth / 10, sent)
    assert slot.reported


def test_who_gave_a_pack_into_a_technicians_door_and_is_asked_for_one_leaves():
    world = World(12, 1)
    rider = world.bring("normal")
    run(world, None, lambda: world.rider is rider and rider.state == "waiting")
    first, second = [slot for slot in world.slots if slot.pack is None][:2]
    first.pulse(300)
    run(world, None, lambda: rider.inserted and first.door_closed and rider.state == "waiting")
    world.hear(second.number, "put_pack_in", "Put your pack in.")
    second.pulse(300)
    run(world, None, lambda: rider.state in ("leaving", "gone"))
    assert second.door_closed and second.pack is None and rider.ending == "abandoned"


def test_who_brought_a_bad_pack_takes_nothing_that_the_operator_opens_while_it_is_refused():
    world = World(12, 1)
    rider = world.bring("clone")
    run(world, None, lambda: world.rider is rider and rider.state == "waiting")
    empty = [slot for slot in world.slots if slot.pack is None][0]
    empty.pulse(300)
    run(world, None, lambda: rider.inserted and empty.door_closed and rider.state == "waiting")
    world.hear(empty.number, "pack_unknown", "This pack is not known here.")
    world.slots[4].pulse(300)
    run(world, None, lambda: bool(world.open_doors()))
    run(world, None, lambda: not world.open_doors() and rider.state == "waiting")
    assert not rider.hands and world.slots[4].pack is not None
    empty.pulse(300)
    run(world, None, lambda: world.visits == 1)
    assert rider.ending == "refused" and names(world) == set()


def test_a_technician_sends_a_waiting_rider_away_and_leaves_one_before_an_open_door_alone():
    world = World(12, 1)
    rider = world.bring("normal")
    run(world, None, lambda: rider.state == "waiting")
    world.slots[0].pulse(300)
    run(world, None, lambda: rider.state == "handling")
    rider.send_away()
    assert rider.state == "handling"
    run(world, None, lambda: rider.state == "waiting")
    rider.send_away()
    run(world, None, lambda: world.visits == 1)
    assert rider.ending == "abandoned" and world.auditor.unaccounted() == 0


def test_a_bad_pack_handed_to_another_rider_is_seen():
    for kind, name in (("clone", "bad_pack_handed_out"), ("genuine", "unproven_pack_handed_out")):
        world = World(4, 1)
        slot = plugged(world, kind)
        slot.pack.answered = False
        world.handed_out(None, slot, slot.pack)
        assert names(world) == {name}


def test_a_full_pack_given_for_a_bad_one_is_seen():
    world = World(12, 1)
    a_visit(world, ToyController(world, careless=("proof",)), "clone")
    assert "bad_pack_accepted" in names(world) and world.counts["completed"] == 1


def test_a_pack_that_vanishes_or_doubles_is_unaccounted():
    world = World(4, 1)
    slot = plugged(world)
    pack, slot.pack = slot.pack, None
    assert world.auditor.unaccounted() == 1
    world.field.extend([pack, pack])
    assert world.auditor.unaccounted() == 1
    world.field.pop()
    assert world.auditor.unaccounted() == 0


def test_a_breach_is_recorded_once_until_its_condition_has_gone():
    world = World(4, 1)
    slot = plugged(world, "clone")
    drive(world, slot, seconds=3.0)
    assert len(world.auditor.violations) == 1
    slot.charger.command(0.0, 0.0, False)
    run(world, None, lambda: world.now > 5.0)
    drive(world, slot, seconds=3.0)
    assert len(world.auditor.violations) == 2
