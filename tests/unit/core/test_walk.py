"""Random riders, random faults and power cuts against the core; tests/fixtures/core_cabinet.py checks the invariants at every step.

A tiny generator keeps the walk the same under both interpreters; a failing seed stands in the message and replays.
"""

from random_walk import Walk

SEEDS = 3


def test_whatever_riders_and_luck_do_the_invariants_hold_and_the_cabinet_serves_in_the_end():
    completed = 0
    for seed in range(1, SEEDS + 1):
        try:
            cabinet = Walk(seed).run()
        except AssertionError as error:
            raise AssertionError("seed %d: %s" % (seed, error)) from None
        completed += cabinet.names().count("swap.completed")
    assert completed >= 3, completed


def test_events_tell_a_story_without_gaps():
    for seed in range(11, 13):
        cabinet = Walk(seed).run()
        ordered = ended = 0
        for name, _, data in cabinet.log:
            if name == "swap.ordered":
                assert ordered == ended, "a swap began before the last one ended"
                ordered += 1
                assert data["swap"] == ordered
            elif name in ("swap.completed", "swap.cancelled"):
                ended += 1
                assert data["swap"] == ended
        assert ordered == ended
