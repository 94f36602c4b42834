"""How long to wait before the next attempt: doubling, with a limit, and spread so that a fleet does not come back at once."""


class Backoff:
    """Delay n lies anywhere between half and the whole of min(first * 2**n, limit)."""

    def __init__(self, first_ms: int, limit_ms: int, random_bytes) -> None:
        self._first_ms = first_ms
        self._limit_ms = limit_ms
        self._random_bytes = random_bytes
        self._step = 0

    def reset(self) -> None:
        """The last attempt was worth it."""
        self._step = 0

    def next_ms(self) -> int:
        """The delay before the next attempt."""
        whole = min(self._first_ms << self._step, self._limit_ms)
        if whole < self._limit_ms:
            self._step += 1
        half = whole // 2
        return whole - half + self.part_of(half)

    def part_of(self, whole: int) -> int:
        """Anything from nothing to less than the whole; the whole if the board has no random numbers at the moment."""
        try:
            dice = self._random_bytes(2)
        except OSError:
            return whole
        return whole * (dice[0] << 8 | dice[1]) >> 16
