"""Nothing that is needed at start only stays in memory while the cabinet runs."""

import json
import os
import sys

import main
from nucleo_app import SECRETS, SETTINGS, RunningClock
from stm32_modules import World, load
from tree import ROOT

import cabinet
import cabinet.app

NEEDED_ONCE = ("cabinet.devices.profiles.reader", "cabinet.core.rule_table", "cabinet.core.option_table", "cabinet.store.recovery")
OWN = ("Settings", "SlotWiring", "Secrets", "Wiring", "Driver", "Bus", "Row")  # classes of the package


class Start:
    """`main.main` on the NUCLEO board up to the moment at which the cabinet would run: its application, and what was unloaded."""

    def __init__(self):
        self.app = None
        self.unloaded = {}  # name: (module, what it held)
        self._real = main.unload_start
        world = World()
        module = load(world, ROOT + "boards/nucleo_h743zi2", ("board", "pins", "stm32_can", "stm32_parts"))
        clock = RunningClock()
        world.time.ticks_ms, world.time.ticks_us = clock.ticks_ms, clock.ticks_us
        path = "/tmp/swapcab-unload-" + os.urandom(4).hex()
        os.mkdir(path)
        run, sys.modules["board"], main.unload_start = cabinet.app.App.run, module, self._unload_start
        cabinet.app.App.run = lambda app: self._ends(app)
        try:
            for name, tree in (("settings", SETTINGS), ("secrets", SECRETS)):
                with open(path + "/" + name + ".json", "w") as file:
                    json.dump(tree, file)
            self.code = main.main(path)
        finally:
            cabinet.app.App.run, main.unload_start = run, self._real
            del sys.modules["board"]
            for name in ("settings", "secrets"):
                os.remove(path + "/" + name + ".json")
            os.rmdir(path)

    async def _ends(self, app):
        self.app = app
        return "the test ends here"

    def _unload_start(self):
        before = {name: (module, [getattr(module, a) for a in dir(module) if a[:2] != "__"]) for name, module in sys.modules.items()}
        self._real()
        for name in before:
            if name not in sys.modules:
                self.unloaded[name] = before[name]


def held(root):
    """All objects that can be reached from this one through attributes, lists, tuples and dictionaries."""
    found, waiting = {}, [root]
    while waiting:
        item = waiting.pop()
        if id(item) in found:
            continue
        found[id(item)] = item
        if isinstance(item, (list, tuple, set)):
            waiting.extend(item)
        elif isinstance(item, dict):
            waiting.extend(item.values())
        elif hasattr(item, "__dict__"):
            waiting.extend(item.__dict__.values())
    return found.values()


def test_the_package_of_the_start_and_what_is_declared_as_needed_once_is_unloaded():
    start = Start()
    assert start.code == main.EXIT_FAILED and start.app is not None
    for name in ("settings", "load", "wiring", "driver_registry", "address_check"):
        assert "cabinet.startup." + name in start.unloaded, name
    for name in NEEDED_ONCE[1:]:
        assert name in start.unloaded, name
    left = [name for name in sys.modules if name.startswith("cabinet.startup") or name in NEEDED_ONCE]
    assert left == [] and not hasattr(cabinet, "startup"), left


def test_what_was_unloaded_holds_nothing_any_more():
    for name, (module, _) in Start().unloaded.items():
        assert [attribute for attribute in dir(module) if attribute[:2] != "__"] == [], name


def test_the_application_holds_no_object_class_or_function_of_the_start():
    start = Start()
    own = {}  # classes and functions that the package of the start has made
    for name, (_, things) in start.unloaded.items():
        if name.startswith("cabinet.startup."):
            for thing in things:
                if type(thing) is type(held) or isinstance(thing, type) and thing.__name__ in OWN:
                    own[id(thing)] = thing
    assert len(own) > 20
    for item in held(start.app):
        assert id(item) not in own and id(type(item)) not in own, (type(item), item)
