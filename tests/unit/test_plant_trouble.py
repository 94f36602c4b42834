"""The story of trouble is seeded, of every kind, and ends."""

from plant.cabinet_world import DANGERS, FAULTS, World
from plant.trouble import DANGER_TROUBLE, SLOT_TROUBLE, Trouble


def hours_of(seed, every=2.0, seconds=3000, without=()):
    world = World(12, 1)
    trouble = Trouble(world, seed, every, without)
    for _ in range(seconds):
        world.now += 1.0  # the models may stand still: only the story is wanted
        world.queue.clear()
        trouble.step()
    return world, trouble


def test_every_kind_of_trouble_comes_and_is_counted():
    world, trouble = hours_of(1)
    for kind, _, _, _ in SLOT_TROUBLE + DANGER_TROUBLE:
        assert trouble.counts.get(kind, 0) > 0, kind
    assert trouble.total == sum(trouble.counts.values()) > 1000
    assert set(r[0] for r in SLOT_TROUBLE) == set(FAULTS) - {"none"}
    assert set(r[0] for r in DANGER_TROUBLE) == set(DANGERS)


def test_the_same_seed_gives_the_same_trouble_and_another_seed_another():
    assert hours_of(3, seconds=500)[1].counts == hours_of(3, seconds=500)[1].counts
    assert hours_of(3, seconds=500)[1].counts != hours_of(4, seconds=500)[1].counts


def test_what_is_left_out_does_not_come():
    _, trouble = hours_of(1, without=("smoke", "hot", "walk_away", "weather"))
    for kind in ("smoke", "hot", "walk_away", "weather"):
        assert kind not in trouble.counts


def test_settling_ends_all_that_stands():
    world, trouble = hours_of(1)
    trouble.settle()
    assert not world.faults and not any(world.dangers.values()) and world.ambient_c == 24.0
    before = trouble.total
    for _ in range(100):
        world.now += 1.0
        trouble.step()
    assert trouble.total == before


def test_the_models_live_through_trouble_without_a_controller():
    world = World(6, 2)
    trouble = Trouble(world, 2, 3.0)
    world.auto_target = 1000
    for _ in range(4000):
        world.step(0.1)
        trouble.step()
    assert world.auditor.unaccounted() == 0 and world.auditor.count == 0
