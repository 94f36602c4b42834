"""What is wired to the controller directly, or to expanders beside it: inputs are read again and again, locks are pulsed."""

import asyncio

from micropython import const

_PERIOD_MS = const(20)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import Board, Clock, InputPort, PulsePort


class PinBus:
    """The inputs and outputs of one of the board's ports."""

    kind = "pins"
    cells = None  # there are no packs here

    def __init__(self, name: str, board: "Board", port: str, clock: "Clock") -> None:
        self.name = name
        self.board = board
        self.port = port
        self.clock = clock
        self.clients: "list[Any]" = []
        self.reads = 0

    def attach(self, client: "Any") -> None:
        """Called by the constructor of a device whose `poll(now_ms)` is to be called."""
        self.clients.append(client)

    def inputs(self, index: int) -> "InputPort":
        """The 32 inputs of eight slots. Raises ValueError where the board has none."""
        inputs: "Any" = getattr(self.board, "inputs", None)
        if inputs is None:
            raise ValueError("bus {}: the board {} has no inputs of its own".format(self.name, self.board.name))
        return inputs(self.port, index)

    def pulses(self, index: int) -> "PulsePort":
        """Lock outputs. Raises ValueError where the hardware times no pulses."""
        pulses: "Any" = getattr(self.board, "pulses", None)
        if pulses is None:
            raise ValueError("bus {}: the board {} times no lock pulses by itself, and this program must not".format(
                self.name, self.board.name))
        return pulses(self.port, index)

    async def run(self) -> None:
        """For ever."""
        while True:
            self.step()
            await asyncio.sleep_ms(_PERIOD_MS)

    def step(self) -> None:
        """Read all inputs."""
        now_ms = self.clock.ticks_ms()
        for client in self.clients:
            client.poll(now_ms)
            self.reads += 1

    def totals(self) -> dict:
        """How often inputs were read."""
        return {"name": self.name, "kind": self.kind, "reads": self.reads}
