"""A small seeded generator that gives the same numbers under CPython and MicroPython."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Rng:
    """xorshift32. Not for secrets."""

    def __init__(self, seed: int) -> None:
        self._state = ((seed * 2654435761) ^ 0x9E3779B9) & 0xFFFFFFFF or 1
        for _ in range(8):
            self.bits()

    def bits(self) -> int:
        """32 random bits."""
        x = self._state
        x ^= (x << 13) & 0xFFFFFFFF
        x ^= x >> 17
        x ^= (x << 5) & 0xFFFFFFFF
        self._state = x
        return x

    def unit(self) -> float:
        """A number in [0, 1)."""
        return (self.bits() >> 8) / 16777216

    def between(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * self.unit()

    def below(self, count: int) -> int:
        """An integer in 0 .. count - 1."""
        return (self.bits() >> 4) % count

    def choice(self, items: "list | tuple") -> "Any":
        """One of `items`."""
        return items[self.below(len(items))]

    def data(self, count: int) -> bytes:
        """`count` random bytes."""
        return bytes([self.bits() >> 11 & 0xFF for _ in range(count)])
