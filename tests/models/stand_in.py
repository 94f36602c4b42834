"""Importing a board against stand-ins for its port's modules. Both interpreters."""

import sys

# the board's own modules and those that take the time from `time`: imported anew for each world
SHARED = ("chips.chip_clock", "chips.serial_line", "chips.interface", "chips.board_parts", "chips.gpio_board")


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Module:
    """A module that is filled with attributes."""


def empty_module() -> "Any":
    """One."""
    return Module()


class Resolver:
    """Whom the board would ask for names."""

    def __init__(self, server, port, clock, random_bytes) -> None:
        self.server = server

    async def lookup(self, name):
        """Who would have been asked for what."""
        return self.server + " knows " + name


async def dial(host, port, tls=None, resolver=None):
    """What the board hands on: nothing is opened here."""
    return (host, port, tls, resolver)


def uplink_modules() -> dict:
    """Stand-ins for the two modules with which a board opens streams."""
    dialler, resolver = empty_module(), empty_module()
    dialler.dial, resolver.Resolver = dial, Resolver
    return {"cabinet.uplink.dial": dialler, "cabinet.uplink.resolver": resolver}


def load(world, stand_ins: dict, folder: str, names: tuple, first: str):
    """The module `first` of a board; what was imported before stays as it was. Its modules get the world's `time`."""
    time = stand_ins.pop("time")  # the interpreter's own modules need theirs
    names = names + SHARED
    kept = {name: sys.modules.get(name) for name in tuple(stand_ins) + names}
    for name in names:
        sys.modules.pop(name, None)
    sys.modules.update(stand_ins)
    sys.path.insert(0, folder)
    try:
        module = __import__(first)
        world.time = time
        for name in names:
            loaded: Any = sys.modules.get(name)
            if loaded is not None and hasattr(loaded, "time"):
                loaded.time = time
        return module
    finally:
        sys.path.remove(folder)
        for name, before in kept.items():
            if before is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = before
