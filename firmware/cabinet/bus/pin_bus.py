"""What is wired to the controller directly: its inputs are looked at again and again."""

import asyncio

from micropython import const

_PERIOD_MS = const(20)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import Clock


class PinBus:
    """The inputs of one kind."""

    kind = "pins"
    cells = None  # there are no packs here

    def __init__(self, name: str, clock: "Clock") -> None:
        self.name = name
        self.clock = clock
        self.clients: "list[Any]" = []
        self.reads = 0

    def attach(self, client: "Any") -> None:
        """Called by a device's constructor."""
        self.clients.append(client)

    async def run(self) -> None:
        """For ever."""
        while True:
            self.step()
            await asyncio.sleep_ms(_PERIOD_MS)

    def step(self) -> None:
        """Look at all inputs."""
        now_ms = self.clock.ticks_ms()
        for client in self.clients:
            client.poll(now_ms)
            self.reads += 1

    def totals(self) -> dict:
        """How often it has looked."""
        return {"name": self.name, "kind": self.kind, "reads": self.reads}

    def stats(self) -> dict:
        """The totals, and each device's counters."""
        return dict(self.totals(), devices={c.name: c.stats.as_dict() for c in self.clients})
