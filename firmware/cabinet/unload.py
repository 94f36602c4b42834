"""Modules that are needed once, or now and then, need not stay in memory."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def let_go(name: str) -> "ModuleType | None":
    """Forget a module: who imports it again reads it from flash again. Returns it, None if it was not there.

    It goes with the next collection, if nobody holds a class or a function of it: each holds the whole module.
    """
    module = sys.modules.pop(name, None)
    package, _, last = name.rpartition(".")
    if module is not None and hasattr(sys.modules.get(package), last):
        delattr(sys.modules[package], last)
    return module
