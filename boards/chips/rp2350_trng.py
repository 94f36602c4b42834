"""The true random number generator of the RP2350, by its registers. From the RP2350 data sheet, chapter 12.12.

Why not `os.urandom`: on this port it gives the output of a fast generator that is no cryptographic one and only seeded from the
hardware. Here the block's own tests stay on (von Neumann balancer, repeated blocks, autocorrelation), and three
collections of 192 bits are hashed into 32 bytes.
"""

import errno
import hashlib

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import Clock

_BASE = const(0x400F0000)
_STATUS = const(0x104)
_CLEAR = const(0x108)
_CHAIN = const(0x10C)
_DATA = const(0x114)
_ENABLE = const(0x12C)
_SAMPLE = const(0x130)
_DEBUG = const(0x138)
_RESET = const(0x140)
_VALID = const(0x01)
_ERRORS = const(0x0E)
_SAMPLE_CLOCKS = const(200)  # data sheet: at least a few tens of system clocks, since these are faster than the ring oscillator
_COLLECTIONS = const(3)
_LIMIT_MS = const(100)
_TICKS_MASK = const((1 << 30) - 1)


class Trng:
    """`memory`: 32-bit registers by address, as `machine.mem32`."""

    def __init__(self, memory: "Any", clock: "Clock") -> None:
        self._memory = memory
        self._clock = clock
        self._ready = False
        self._words = bytearray(24)

    def random_bytes(self, count: int) -> bytes:
        """Raises OSError if the generator does not deliver or its tests fail three times on end."""
        out = b""
        while len(out) < count:
            digest = hashlib.sha256()
            for _ in range(_COLLECTIONS):
                digest.update(self._collect())
            out += digest.digest()
        return out[:count]

    def _set_up(self) -> None:
        memory = self._memory
        memory[_BASE + _RESET] = 1
        memory[_BASE + _ENABLE] = 0
        memory[_BASE + _DEBUG] = 0  # all tests on
        memory[_BASE + _CHAIN] = 0
        memory[_BASE + _SAMPLE] = _SAMPLE_CLOCKS
        memory[_BASE + _CLEAR] = 0x0F
        memory[_BASE + _ENABLE] = 1
        self._ready = True

    def _collect(self) -> bytearray:
        memory = self._memory
        for _ in range(3):
            if not self._ready:
                self._set_up()
            began = self._clock.ticks_ms()
            while not memory[_BASE + _STATUS] & (_VALID | _ERRORS):
                if (self._clock.ticks_ms() - began) & _TICKS_MASK > _LIMIT_MS:
                    self._ready = False
                    raise OSError(errno.EIO, "random source: the TRNG delivers nothing")
            if memory[_BASE + _STATUS] & _ERRORS:
                self._ready = False
                continue
            words = self._words
            for i in range(6):
                word = memory[_BASE + _DATA + 4 * i]
                for k in range(4):
                    words[4 * i + k] = word >> (8 * k) & 0xFF
            memory[_BASE + _CLEAR] = 0x0F
            if words != bytes(24):
                return words
            self._ready = False
        raise OSError(errno.EIO, "random source: the TRNG fails its own tests")
