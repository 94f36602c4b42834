"""A charger that never stops by itself is guarded in the whole application: if it gets out of hand, the heartbeat of its relay rests.

What a charger does when no frame reaches it is taken from the plant, which does not know the firmware's rows.
"""

import json

from nucleo_app import SECRETS, SETTINGS
from spi_bus import Clock
from stm32_modules import World, load
from tree import ROOT

from cabinet.app import App
from cabinet.startup import driver_registry, settings
from plant.charger import Charger
from plant.npb import IOUT_SET, VOUT_SET, NpbCharger
from plant.pack import Pack

HEARTBEAT = "E9"
STEP_MS = 100
LONG_MS = 30_000


def elcon():
    """An Elcon that has just been told to give."""
    charger = Charger(1)
    charger.command(56.0, 10.0, True)
    return charger


def npb():
    """An NPB that has just been told to give."""
    charger = NpbCharger(0, installed=True)
    charger.step(0.1, None)
    charger.values[VOUT_SET], charger.values[IOUT_SET] = 5600, 1000
    charger.write("Operation", 1)
    return charger


PLANT = {"elcon": elcon, "npb": npb}  # driver: a charger of its kind that gives current


def gives_for_ms(charger):
    """How long current flows after the last frame; LONG_MS: it does not end."""
    pack = Pack("P", 1)
    charger.step(STEP_MS / 1000, pack)
    assert charger.energised, "the model does not give current at all"
    for elapsed in range(STEP_MS, LONG_MS, STEP_MS):
        charger.step(STEP_MS / 1000, pack)
        if not charger.energised:
            return elapsed
    return LONG_MS


def model_of(row):
    """A charger of this row that gives current."""
    assert row.name in PLANT, "PLANT in tests/unit/startup/test_mains_guard_mp.py wants a model of %r" % row.name
    return PLANT[row.name]()


def rows():
    """Those of the chargers."""
    return [row for row in driver_registry.DRIVERS if row.section == "charger"]


def tree_with(*drivers):
    """Settings of four slots: the chargers of the first two have the first driver, those of the others the last one."""
    tree = json.loads(json.dumps(SETTINGS))
    tree["cabinet"]["mains_relay"] = "heartbeat"
    first = 1
    for group, driver in zip(tree["groups"], (drivers[0], drivers[-1])):
        row = driver_registry.driver(driver)
        group["charger"] = {"bus": "can", "driver": driver, "first_address": min(row.highest - 3, 100) + first - 1}
        first += 2
    return tree


def app_with(*drivers):
    """(the application with these chargers, none of which answers; its clock; the hardware)."""
    world = World()
    clock = Clock()
    board = load(world, ROOT + "boards/nucleo_h743zi2", ("board", "pins", "stm32_can", "stm32_parts"))
    world.time.ticks_ms, world.time.ticks_us = clock.ticks_ms, clock.ticks_us
    given = settings.parse(json.dumps(tree_with(*drivers)))
    return App(board.Board("/flash"), given, settings.parse_secrets(json.dumps(SECRETS)), "00"), clock, world


def held_for_ms(clock, world, app):
    """How long the heartbeat goes on while the supervisor looks and nothing else does; LONG_MS: it does not end."""
    for elapsed in range(0, LONG_MS, STEP_MS):
        before = sum(1 for name, _ in world.log if name == HEARTBEAT)
        level = world.pins[HEARTBEAT].level
        assert app.supervisor.check(), app.supervisor.failed
        written = sum(1 for name, _ in world.log if name == HEARTBEAT) - before
        if not written or world.pins[HEARTBEAT].level == level:
            return elapsed
        clock.pass_ms(STEP_MS)
    return LONG_MS


def test_the_row_of_each_charger_says_what_the_charger_does_when_no_frame_reaches_it():
    for row in rows():
        flows_ms = gives_for_ms(model_of(row))
        if row.stops_ms is None:
            assert flows_ms == LONG_MS, row.name
        else:
            assert flows_ms <= row.stops_ms < row.blind_ms, (row.name, flows_ms)


def test_a_charger_that_never_stops_by_itself_loses_its_mains_when_it_is_not_heard():
    for row in rows():
        app, clock, world = app_with(row.name)
        stops = gives_for_ms(model_of(row)) < LONG_MS
        held_ms = held_for_ms(clock, world, app)
        if stops:
            assert held_ms == LONG_MS, "%s: its mains is cut although it stops by itself" % row.name
        else:
            assert held_ms < row.blind_ms, "%s: nothing takes its mains (%d ms)" % (row.name, held_ms)
            assert [event.name for event in app.control.events] == ["mains.cut"]


def test_one_charger_of_many_is_enough():
    for drivers in (("elcon", "npb"), ("npb", "elcon")):
        app, clock, world = app_with(*drivers)
        assert held_for_ms(clock, world, app) < LONG_MS, drivers


def test_without_a_relay_such_a_charger_is_refused():
    for row in rows():
        tree = tree_with(row.name)
        del tree["cabinet"]["mains_relay"]
        try:
            settings.parse(json.dumps(tree))
        except settings.SettingsError as error:
            assert gives_for_ms(model_of(row)) == LONG_MS and error.path == "cabinet.mains_relay" and row.name in str(error)
        else:
            assert gives_for_ms(model_of(row)) < LONG_MS, row.name


def test_the_interlock_waits_as_long_as_the_slowest_charger_of_the_cabinet_may_give_unseen():
    for drivers in (("elcon",), ("npb",), ("elcon", "npb")):
        app, _, _ = app_with(*drivers)
        assert app.control.options.blind_ms == max(driver_registry.driver(driver).blind_ms for driver in drivers)
