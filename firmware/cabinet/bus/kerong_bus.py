"""RS485 line with Kerong lock boards: frames of 5 bytes out and 9 bytes in, with a sum as check.

02 ADDRESS COMMAND 03 SUM; the address has the board in its high and the lock in its low four bits.
"""

from micropython import const

from cabinet.bus.polled_bus import PolledBus

_BEGIN = const(0x02)
_END = const(0x03)
_STATUS = const(0x35)
_ANSWER = const(9)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.polled_client import PolledClient


def is_status(buf: "bytes | bytearray", at: int) -> bool:
    """Whether a good status frame stands at buf[at:at + 9]."""
    if buf[at] != _BEGIN or buf[at + 2] != _STATUS or buf[at + 7] != _END:
        return False
    total = 0
    for i in range(8):
        total += buf[at + i]
    return total & 0xFF == buf[at + 8]


class KerongBus(PolledBus):
    """One line with up to 16 boards."""

    kind = "kerong"

    def order(self, address: int, command: int) -> bool:
        """Called from compose(): send a command; a status frame is awaited."""
        tx = self.tx
        tx[0] = _BEGIN
        tx[1] = address
        tx[2] = command
        tx[3] = _END
        tx[4] = (_BEGIN + address + command + _END) & 0xFF
        self._tx_len = 5
        self._want = _ANSWER
        return True

    def _close(self, client: "PolledClient") -> int:
        return self._tx_len

    def _find(self, client: "PolledClient") -> int:
        board = self.tx[1] >> 4
        for at in range(self._have - _ANSWER + 1):
            if is_status(self.rx, at) and self.rx[at + 1] >> 4 == board:
                return at
        return -1

    def _begun(self, client: "PolledClient") -> bool:
        return False  # a board sends its nine bytes at once

    def _whole_frame(self) -> bool:
        return self._have == _ANSWER and is_status(self.rx, 0)

    def _judge(self, client: "PolledClient", at: int) -> str:
        return client.accept(self.rx, at + 3, self.clock.ticks_ms())
