"""The checks of a bench in their order. Each asks the controller, judges, and names the faulty part and the next step.

A check is a function of a `Bench` that returns a list of `Result`s, or raises BoardError, which the check's own words explain.
"""

from __future__ import annotations

from collections.abc import Callable

from swapcab.bench.can_checks import can_lines
from swapcab.bench.common import FAIL, Bench, Result
from swapcab.bench.controller import BoardError, OutOfMemory, Unforeseen
from swapcab.bench.controller_checks import clock, identity, journal, loop, memory, network, random_source, watchdog
from swapcab.bench.line_checks import boards_of_slots, packs
from swapcab.bench.slot_checks import inputs, relay

CHECKS: tuple[tuple[str, str, Callable[[Bench], list[Result]]], ...] = (
    ("identity", "what it is", identity),
    ("memory", "memory", memory),
    ("random", "random source", random_source),
    ("clock", "clocks", clock),
    ("flash", "journal area", journal),
    ("rs485", "boards of locks and switches", boards_of_slots),
    ("packs", "packs", packs),
    ("can", "CAN and chargers", can_lines),
    ("inputs", "doors, locks, presence", inputs),
    ("relay", "mains relay", relay),
    ("network", "network and broker", network),
    ("loop", "loop and scan time", loop),
    ("watchdog", "watchdog", watchdog),
)


def run(bench: Bench, wanted: set[str], report: Callable[[str, list[Result] | None], None]) -> list[Result]:
    """All checks that are wanted; `report` is called before each (None) and after it. Raises LinkError when the controller is gone."""
    results: list[Result] = []
    for name, title, check in CHECKS:
        if wanted and name not in wanted and name != "identity":
            continue
        report(name, None)
        try:
            found = check(bench)
        except OutOfMemory as error:
            step = "use bytecode in flash (own image or ROMFS), or a module with more RAM; the check itself was not done"
            found = [Result(name, title, FAIL, str(error), "RAM of the controller", step)]
        except (BoardError, Unforeseen) as error:
            step = "this is no known fault: keep this sheet and report it to the makers"
            found = [Result(name, title, FAIL, str(error), f"{title} (unknown fault)", step)]
        results += found
        report(name, found)
    return results
