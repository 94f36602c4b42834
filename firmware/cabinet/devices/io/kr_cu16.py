"""Kerong KR-CU16: 16 locks with feedback on a board that times the pulse itself, with the time that was set in it."""

from micropython import const

from cabinet.devices.io.lock_board import LockBoard

CHANNELS = const(16)
_PERIOD_MS = const(100)
_ASK = const(0x30)
_UNLOCK = const(0x31)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.kerong_bus import KerongBus
    from cabinet.ports import Clock


class KrCu16(LockBoard):
    """Board 0 to 15. It feels the hook of each lock; doors, packs and dangers are read elsewhere (SlotInputs.feedback)."""

    def __init__(self, bus: "KerongBus", board: int, clock: "Clock") -> None:
        self.board = board
        self.latches = 0  # bit n: lock n + 1 is locked
        self.heard_ms = None
        LockBoard.__init__(self, bus, board + 1, "lock board {}".format(board), clock, CHANNELS, _PERIOD_MS)

    def send_pulse(self, channel: int, ms: int) -> bool:
        """An order, once: it may have been carried out although no answer comes, so whether the door opens is what counts."""
        self._drop(channel)
        self._pulsing = -1
        self.again = True
        return self.bus.order(self.board << 4 | channel, _UNLOCK)

    def ask(self, now_ms: int) -> bool:
        """All hooks."""
        return self.bus.order(self.board << 4, _ASK)

    def take(self, buf: "bytearray", at: int, now_ms: int) -> str:
        """A status; it also answers an order."""
        self.latches = buf[at] | buf[at + 1] << 8
        self.heard_ms = now_ms
        self.stats.renewed(now_ms)
        return ""

    def lost(self, reason: str, now_ms: int) -> None:
        """No good answer: after a while the latches are not known."""
        if self.fails >= 3:
            self.heard_ms = None
