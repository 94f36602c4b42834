"""A sample of power cuts through the chip drivers; `python tests/robustness/powercut/through_drivers.py --cuts 20000` runs the whole."""



import through_drivers


def test_nothing_that_was_reported_as_stored_is_lost_in_power_cuts_of_the_flash_chip():
    life = through_drivers.run(through_drivers.Flash, 60, 7)
    assert (life.lost, life.disorder, life.state_lost) == (0, 0, 0) and life.stored > 100


def test_nothing_that_was_reported_as_stored_is_lost_in_power_cuts_of_the_fram():
    life = through_drivers.run(through_drivers.Fram, 60, 7)
    assert (life.lost, life.disorder, life.state_lost) == (0, 0, 0) and life.stored > 100
