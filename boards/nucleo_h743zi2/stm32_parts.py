"""Clock, watchdog, heartbeat, random source and network interface on MicroPython's STM32 port."""

import errno
import os
import time

import machine
import network
import pyb

from cabinet.uplink.dial import dial
from cabinet.uplink.resolver import Resolver

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import Clock

_MASK = (1 << 30) - 1
_FIRST_YEAR = 2025  # an RTC that shows less has lost its time: it starts in 2000 or 2015
_SECONDS_1970_TO_2000 = 946684800
_DNS_PORT = 53


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


class Dog:
    """The independent watchdog. Once started it cannot be stopped."""

    def __init__(self, timeout_ms: int) -> None:
        if not 100 <= timeout_ms <= 32000:
            raise ValueError("watchdog time of %d ms is not allowed; allowed: 100 to 32000" % timeout_ms)
        self._wdt = machine.WDT(id=0, timeout=timeout_ms)

    def feed(self) -> None:
        """Postpone the reset."""
        self._wdt.feed()


class RelayHeartbeat:
    """The output into a charge pump: only its edges hold the relay, neither of its levels does."""

    def __init__(self, pin: "Any") -> None:
        self._pin = pin
        self._level = 0
        self._dropped = False
        pin(0)

    def toggle(self) -> None:
        """One half period."""
        if not self._dropped:
            self._level ^= 1
            self._pin(self._level)

    def drop(self) -> None:
        """Let the relay fall now, until the next reset."""
        self._dropped = True
        self._level = 0
        self._pin(0)


def true_random(count: int) -> bytes:
    """Bytes of the hardware generator. Raises OSError where it is missing or stuck.

    `os.urandom` alone would not do: an image without the generator gives pseudo-random numbers under that name, and a
    generator that does not answer gives zeros.
    """
    if not hasattr(pyb, "rng"):
        raise OSError(errno.ENODEV, "this image has no hardware random source (pyb.rng)")
    data = os.urandom(count)
    run = 1
    for i in range(1, len(data)):
        run = run + 1 if data[i] == data[i - 1] else 1
        if run == 5:  # once in 4 thousand million bytes by chance
            raise OSError(errno.EIO, "the hardware random source is stuck")
    if len(data) != count or (count and pyb.rng() == pyb.rng() == pyb.rng()):
        raise OSError(errno.EIO, "the hardware random source is stuck")
    return data


def reset_cause() -> str:
    """power_on, watchdog, soft, hard or unknown."""
    cause = machine.reset_cause()
    for value, name in (
        (machine.PWRON_RESET, "power_on"),
        (machine.WDT_RESET, "watchdog"),
        (machine.SOFT_RESET, "soft"),
        (machine.HARD_RESET, "hard"),
    ):
        if cause == value:
            return name
    return "unknown"


class Lan:
    """The Ethernet interface with DHCP. Activating it without a cable takes 30 ms (10 s before MicroPython 1.27)."""

    def __init__(self, clock: "Clock") -> None:
        self._clock = clock
        self._nic: "Any" = network.LAN()  # the stubs know little of it
        self._nic.active(True)
        self._resolver: "Resolver | None" = None
        self._name_server = ""

    def is_up(self) -> bool:
        """Whether the link is up and has an address."""
        return bool(self._nic.isconnected())

    async def connect(self, host: str, port: int, tls: "dict | None") -> "tuple[Any, Any]":
        """An asyncio (reader, writer) pair. Raises OSError."""
        if not self.is_up():
            raise OSError(errno.EHOSTUNREACH, "no Ethernet link or no address yet")
        server = self._nic.ifconfig()[3]
        if self._resolver is None or server != self._name_server:  # DHCP may name another one at any time
            self._resolver, self._name_server = Resolver(server, _DNS_PORT, self._clock, true_random), server
        return await dial(host, port, tls, self._resolver)
