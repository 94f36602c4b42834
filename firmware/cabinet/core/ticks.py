"""Intervals on a millisecond counter that wraps.

Every board clock counts modulo 2**30 (the smallest period that a MicroPython port has), so that a difference is
right as long as the two instants lie less than 2**29 ms (6.2 days) apart. Whoever keeps an instant for longer must
forget it in time: an old reading is marked as unknown, never left to become young again.
"""

PERIOD_MS = 1 << 30
_HALF = PERIOD_MS >> 1
_MASK = PERIOD_MS - 1


def diff(later_ms: int, earlier_ms: int) -> int:
    """Milliseconds from `earlier_ms` to `later_ms`; negative if it lies in the future."""
    return ((later_ms - earlier_ms + _HALF) & _MASK) - _HALF


def add(ticks_ms: int, delta_ms: int) -> int:
    """The instant `delta_ms` after (or, negative, before) `ticks_ms`."""
    return (ticks_ms + delta_ms) & _MASK
