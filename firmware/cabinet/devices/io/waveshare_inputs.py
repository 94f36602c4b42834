"""Modbus boards with eight digital inputs each (Waveshare and alike): four of them make the switches of eight slots.

Addresses a, a + 1, a + 2, a + 3: doors, latches, packs, dangers. The fourth is there for the first eight slots only.
"""

from micropython import const

from cabinet.bus.modbus_frame import READ_DISCRETE
from cabinet.bus.polled_client import SILENT_AFTER, PolledClient
from cabinet.core import ticks
from cabinet.devices.io.inputs import SlotInputs

_PERIOD_MS = const(100)
_OLD_MS = const(400)  # the four are looked at one after the other
_WHAT = ("doors", "latches", "packs", "dangers")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.modbus_bus import ModbusBus
    from cabinet.ports import Clock


class EightInputs(PolledClient):
    """One board; `owner` is notified when it has answered."""

    def __init__(self, bus: "ModbusBus", address: int, name: str, clock: "Clock", owner: "WaveshareInputs") -> None:
        self.bits = 0
        self.heard_ms = None
        self._owner = owner
        PolledClient.__init__(self, bus, address, name)
        self.period_ms = _PERIOD_MS
        self.due_ms = clock.ticks_ms()

    def compose(self, now_ms: int) -> bool:
        """All eight."""
        return self.bus.read(READ_DISCRETE, 0, 8)

    def accept(self, buf: "bytearray", at: int, now_ms: int) -> str:
        """There they are."""
        self.bits = buf[at]
        self.heard_ms = now_ms
        self.stats.renewed(now_ms)
        self._owner.renew(now_ms)
        return ""

    def lost(self, reason: str, now_ms: int) -> None:
        """No good answer."""
        if self.fails >= SILENT_AFTER:
            self.heard_ms = None
        self._owner.inputs.check_age(now_ms)


class WaveshareInputs:
    """The boards of eight slots."""

    def __init__(self, bus: "ModbusBus", address: int, clock: "Clock", first_slot: int) -> None:
        self.inputs = SlotInputs(first_slot)
        count = 4 if first_slot == 1 else 3
        self.boards = [EightInputs(bus, address + k, "{} of slot {} on".format(_WHAT[k], first_slot), clock, self) for k in range(count)]

    def watched(self) -> "list[EightInputs]":
        """The boards."""
        return self.boards

    def renew(self, now_ms: int) -> None:
        """Take them over when all have answered lately: half a picture is none."""
        boards = self.boards
        for board in boards:
            received = board.heard_ms
            if received is None or not 0 <= ticks.diff(now_ms, received) <= _OLD_MS:
                return
        self.inputs.take(boards[0].bits, boards[1].bits, boards[2].bits, boards[3].bits if len(boards) > 3 else 0, now_ms)
