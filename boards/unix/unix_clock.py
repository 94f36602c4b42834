"""The clock of a Linux or macOS machine."""

import time

_MASK = 0x3FFFFFFF


class UnixClock:
    """See ports.Clock. The machine keeps its wall clock synchronised."""

    def ticks_ms(self) -> int:
        """Milliseconds modulo 2**30."""
        return time.ticks_ms() & _MASK  # type: ignore

    def ticks_us(self) -> int:
        """Microseconds modulo 2**30."""
        return time.ticks_us() & _MASK  # type: ignore

    def wall_s(self) -> int:
        """Seconds since 1970."""
        return int(time.time())

    def quality(self) -> int:
        """Synchronised."""
        return 2
