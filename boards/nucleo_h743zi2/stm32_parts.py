"""Clock, random source and network interface on MicroPython's STM32 port."""

import errno
import os
import time

import machine
import network
import pyb
from chips.board_parts import refuse_stuck

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MASK = (1 << 30) - 1
_FIRST_YEAR = 2025  # an RTC that shows less has lost its time: it starts in 2000 or 2015
_SECONDS_1970_TO_2000 = 946684800


class RtcClock:
    """Ticks from the system timer, wall time from the RTC (32 kHz crystal; keeps time without supply if VBAT has a cell)."""

    def __init__(self) -> None:
        self._time: "Any" = time  # the stubs make ticks opaque
        self._rtc = machine.RTC()
        self._synchronised = False
        self._epoch_s = _SECONDS_1970_TO_2000 if time.gmtime(0)[0] == 2000 else 0

    def ticks_ms(self) -> int:
        """Milliseconds modulo 2**30."""
        return self._time.ticks_ms() & _MASK

    def ticks_us(self) -> int:
        """Microseconds modulo 2**30."""
        return self._time.ticks_us() & _MASK

    def wall_s(self) -> int:
        """Seconds since 1970-01-01 UTC, or 0 if unknown."""
        return int(time.time()) + self._epoch_s if self.quality() else 0

    def quality(self) -> int:
        """0 unknown, 1 kept by the RTC, 2 synchronised since the start."""
        if self._synchronised:
            return 2
        return 1 if self._rtc.datetime()[0] >= _FIRST_YEAR else 0

    def synchronise(self, unix_s: int) -> None:
        """Set the RTC from a source of time that is trusted."""
        if unix_s < 1735689600:
            raise ValueError("a time before 2025 is no time")
        year, month, day, hour, minute, second, weekday = time.gmtime(unix_s - self._epoch_s)[:7]
        self._rtc.datetime((year, month, day, weekday + 1, hour, minute, second, 0))
        self._synchronised = True


def true_random(count: int) -> bytes:
    """Bytes of the hardware generator. Raises OSError where it is missing or stuck.

    `os.urandom` alone would not do: an image without the generator gives pseudo-random numbers under that name, and a
    generator that does not answer gives zeros.
    """
    if not hasattr(pyb, "rng"):
        raise OSError(errno.ENODEV, "this image has no hardware random source (pyb.rng)")
    data = os.urandom(count)
    if len(data) != count or (count and pyb.rng() == pyb.rng() == pyb.rng()):
        raise OSError(errno.EIO, "the hardware random source is stuck")
    return refuse_stuck(data)


def lan() -> "Any":
    """The Ethernet interface with DHCP, active. Without a cable that takes 30 ms (10 s before MicroPython 1.27)."""
    nic: "Any" = network.LAN()  # the stubs know little of it
    nic.active(True)
    return nic
