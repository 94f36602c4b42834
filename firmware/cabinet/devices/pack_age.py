"""When what is known of a pack is too old to be kept."""

from micropython import const

from cabinet.core import ticks

TYPE_CHECKING = False
if TYPE_CHECKING:
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
