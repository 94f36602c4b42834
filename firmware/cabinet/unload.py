"""Modules that are needed once, or now and then, need not stay in memory."""

import gc
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

START = "cabinet.startup"  # a package that is needed at start only
MARK = "ONLY_AT_START"  # what a module of another package declares that is needed at start only


def unload(name: str) -> "ModuleType | None":
    """Forget a module: the next import reads it from flash again. Returns the module, None if it was not there.

    The next collection frees it if nothing holds a class or a function of it: each holds the whole module.
    """
    module = sys.modules.pop(name, None)
    package, _, last = name.rpartition(".")
    if module is not None and hasattr(sys.modules.get(package), last):
        delattr(sys.modules[package], last)
    return module


def unload_start() -> None:
    """Forget all that was needed at start only: the package START, and every module that declares MARK."""
    for name in list(sys.modules):
        if name == START or name.startswith(START + ".") or MARK in dir(sys.modules[name]):
            module = unload(name)
            for attribute in dir(module):  # a stale pointer on the stack may still hold the module, but then it holds nothing
                if not attribute.startswith("__"):
                    delattr(module, attribute)
    gc.collect()
