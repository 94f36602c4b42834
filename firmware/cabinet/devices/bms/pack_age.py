"""When what is known of a pack is too old to be kept, or no longer measured."""

from micropython import const

from cabinet.core import ticks

_FROZEN_POLLS = const(3)
_FROZEN_MS = const(1_000)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.core.reading import PackReading

IDENTITY_PERIOD_MS = const(30_000)  # between two looks at who it is
STALE_MS = const(20_000)  # after this a reading is forgotten, so that it can never become young again


def check_age(reading: "PackReading", now_ms: int) -> None:
    """Forget a reading long before the tick counter wraps."""
    taken = reading.taken_ms
    if taken is not None and ticks.diff(now_ms, taken) > STALE_MS:
        reading.taken_ms = None
    taken = reading.identity_taken_ms
    if taken is not None and ticks.diff(now_ms, taken) > STALE_MS + IDENTITY_PERIOD_MS:
        reading.clear()


def moves(pack: "Any", counter: int, now_ms: int) -> bool:
    """Whether a BMS still measures, judged by its counter.

    `pack` is its driver, with a `reading`, `same` (polls without a new measurement; 0: none yet) and `new_ms` (when the counter last
    changed).
    """
    reading = pack.reading
    if reading.taken_ms is None and pack.same == 0 or counter != reading.counter:
        reading.counter = counter
        pack.same = 1
        pack.new_ms = now_ms
        return True
    if pack.same < 255:
        pack.same += 1
    if pack.same <= _FROZEN_POLLS or 0 <= ticks.diff(now_ms, pack.new_ms) <= _FROZEN_MS:
        return True
    pack.new_ms = ticks.add(now_ms, -_FROZEN_MS - 1)  # it must not wrap while the counter stands still
    if reading.taken_ms is not None and ticks.diff(now_ms, reading.taken_ms) > STALE_MS:
        reading.taken_ms = None  # not check_age: that may clear the counter, which would look new then
    return False
