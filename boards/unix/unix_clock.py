"""The clock of a Linux or macOS machine."""

import time

_MASK = 0x3FFFFFFF


class UnixClock:
    """See ports.Clock. The machine keeps its wall clock synchronised; `synchronise` moves the firmware's, and never the machine's."""

    _offset_s = 0

    def ticks_ms(self) -> int:
        """Milliseconds modulo 2**30."""
        return time.ticks_ms() & _MASK  # type: ignore

    def ticks_us(self) -> int:
        """Microseconds modulo 2**30."""
        return time.ticks_us() & _MASK  # type: ignore

    def wall_s(self) -> int:
        """Seconds since 1970."""
        return int(time.time()) + self._offset_s

    def synchronise(self, unix_s: int) -> None:
        """What `wall_s` returns from now on."""
        if unix_s < 1735689600:
            raise ValueError("a time before 2025 is no time")
        self._offset_s = unix_s - int(time.time())

    def quality(self) -> int:
        """Synchronised."""
        return 2
