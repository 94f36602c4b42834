"""The checks of a bench in their order. Each asks the controller, judges, and names the faulty part and the next step.

A check is a function of a `Bench` that returns a list of `Result`s, or raises BoardError, which the check's own words explain.
"""

from __future__ import annotations

from collections.abc import Callable

from swapcab.bench.common import FAIL, Bench, Result
from swapcab.bench.link import BoardError, OutOfMemory, Unforeseen
from swapcab.bench.of_can import can_lines
from swapcab.bench.of_itself import clock, identity, journal, loop, memory, network, random_source, watchdog
from swapcab.bench.of_slots import inputs, relay
from swapcab.bench.of_wires import boards_of_slots, packs

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


def run(bench: Bench, wanted: set[str], told: Callable[[str, list[Result] | None], None]) -> list[Result]:
    """All checks that are wanted; `told` hears of each before (None) and after. Raises LinkError when the controller is gone."""
    results: list[Result] = []
    for name, title, check in CHECKS:
        if wanted and name not in wanted and name != "identity":
            continue
        told(name, None)
        try:
            found = check(bench)
        except OutOfMemory as error:
            step = "use bytecode in flash (own image or ROMFS), or a module with more RAM; the check itself was not done"
            found = [Result(name, title, FAIL, str(error), "RAM of the controller", step)]
        except (BoardError, Unforeseen) as error:
            step = "this is no known fault: keep what stands here and tell the makers"
            found = [Result(name, title, FAIL, str(error), f"{title} (unknown fault)", step)]
        results += found
        told(name, found)
    return results
