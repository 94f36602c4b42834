"""Seeded troubles of every kind: each is put in, stands for a while and is taken away again."""


class Troubles:
    """Draws one trouble after the other."""

    def __init__(self, sim: object, kinds: "tuple | list", every_s: int) -> None:
        self.sim = sim
        self.kinds = kinds
        self.every_s = every_s
        self.counts = {}
        self.running = False

    def stop(self) -> None:
        """No more."""

    def start(self) -> None:
        """Again."""
