"""In the process that tries one mutant: call it, and all other functions, without mutmut's detour.

mutmut asks at each call which mutant is meant, which takes most of the time of these tests. This stands as conftest.py beside
the tests that are copied for it, and puts for each function what its detour would call into its place. A name that it misses still works.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType

PREFIX, SUFFIX, ORIGINAL = "mutants_", "__mutmut", "_mutmut_orig"


def resolve(module: ModuleType, mutant: str, found: dict) -> None:
    """Put the originals, and the mutant, into a module and its classes. `found`: from each detour to what it would call."""
    for key, versions in list(vars(module).items()):
        if not key.startswith(PREFIX + "x"):
            continue
        name = key[len(PREFIX) : -len(SUFFIX)]
        owner: object = module
        if "ǁ" in name:
            _, owner_name, name = name.split("ǁ")
            owner = getattr(module, owner_name)
        else:
            name = name.removeprefix("x_")
        chosen = versions.get(mutant, versions[ORIGINAL])
        found[getattr(owner, name)] = chosen
        setattr(owner, name, staticmethod(chosen) if isinstance(vars(owner)[name], staticmethod) else chosen)


def replaced(value: object, found: dict) -> object:
    """The same with each detour replaced, in tables as well."""
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(replaced(part, found) for part in value)
    return found.get(value, value) if callable(value) else value


def pytest_collection_finish(session: object) -> None:
    """Everything has been imported."""
    where, _, mutant = os.environ.get("MUTANT_UNDER_TEST", "").rpartition(".")
    if SUFFIX not in mutant:
        return
    found: dict = {}
    core = [module for name, module in list(sys.modules.items()) if name.startswith("cabinet.core.") and module is not None]
    for module in core:
        resolve(module, mutant if module.__name__ == where else ORIGINAL, found)
    for module in core:
        for name, value in list(vars(module).items()):
            if isinstance(value, tuple) or callable(value):
                try:
                    setattr(module, name, replaced(value, found))
                except TypeError:
                    continue
