"""A clock whose wall time comes from an RTC chip: `cabinet.ports.Clock` for boards whose MCU forgets the time without supply."""

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MASK = (1 << 30) - 1
_AGAIN_MS = 600000  # the chip is asked anew so often: its crystal is better than the MCU's, and the ticks wrap after 12 days
_EARLIEST_S = 1735689600  # 2025


class ChipClock:
    """`open_chip()` gives the RTC (`unix_s`, `set`) and may raise OSError: then the time is unknown until it is synchronised.

    The chip is opened when wall time is first asked for, and read every ten minutes; in between the MCU's ticks count on.
    """

    def __init__(self, open_chip: "Any") -> None:
        self._time: "Any" = time  # the stubs make ticks opaque
        self._open_chip = open_chip
        self._chip: "Any" = None
        self._quality = -1  # not asked yet
        self._base_s = 0
        self._base_ms = 0
        self._owed = False  # the chip did not take the time it was given: what it shows is older than what is known here
        self.fault = ""  # why the chip gives no time

    def ticks_ms(self) -> int:
        """Milliseconds modulo 2**30."""
        return self._time.ticks_ms() & _MASK

    def ticks_us(self) -> int:
        """Microseconds modulo 2**30."""
        return self._time.ticks_us() & _MASK

    def wall_s(self) -> int:
        """Seconds since 1970-01-01 UTC, or 0 if unknown."""
        if not self.quality():
            return 0
        passed_ms = (self.ticks_ms() - self._base_ms) & _MASK
        if passed_ms > _AGAIN_MS:
            if self._owed or not self._from_chip():  # carry on from the last base
                self._base_s += passed_ms // 1000
                self._base_ms = (self._base_ms + passed_ms // 1000 * 1000) & _MASK
                if self._owed:
                    self._to_chip(self._base_s)
            passed_ms = (self.ticks_ms() - self._base_ms) & _MASK
        return self._base_s + passed_ms // 1000

    def quality(self) -> int:
        """0 unknown, 1 kept by the chip, 2 synchronised since the start."""
        if self._quality < 0:
            self._quality = 0
            self._from_chip()
        return self._quality

    def synchronise(self, unix_s: int) -> None:
        """Set the chip from a source of time that is trusted. A chip that does not take it makes the time no worse."""
        if unix_s < _EARLIEST_S:
            raise ValueError("a time before 2025 is no time")
        self._base_s, self._base_ms, self._quality = unix_s, self.ticks_ms(), 2
        self._to_chip(unix_s)

    def _opened(self) -> "Any":
        if self._chip is None:
            self._chip = self._open_chip()
        return self._chip

    def _to_chip(self, unix_s: int) -> None:
        """Set the chip; one that fails is set again with the running time, and not read before that has succeeded."""
        self._owed = True
        try:
            self._opened().set(unix_s)
            self._owed, self.fault = False, ""
        except OSError as error:
            self._lost(error)

    def _from_chip(self) -> bool:
        """Take the chip's time over; False if it has none."""
        try:
            seconds = self._opened().unix_s()
        except OSError as error:
            self._lost(error)
            return False
        if not seconds:
            self.fault = "the RTC chip was never set, or its cell is empty"
            return False
        self._base_s, self._base_ms, self.fault = seconds, self.ticks_ms(), ""
        if not self._quality:
            self._quality = 1
        return True

    def _lost(self, error: OSError) -> None:
        self._chip = None
        self.fault = "RTC chip: %s" % error
