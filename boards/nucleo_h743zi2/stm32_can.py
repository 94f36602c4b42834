"""CAN on `machine.CAN` (MicroPython 1.28 and later).

Why not `pyb.CAN`: on the H7 it gives the hardware no extended filters, its `recv` raises an exception for an empty
queue, and it exists on STM32 only; `machine.CAN` filters 29-bit ids in hardware (31 of them), returns None, sends by
priority of the id, and is the same on i.MX RT and Alif.

The receive FIFOs of the FDCAN hold 64 frames each, a third of a second of a cabinet's bus, so frames are not fetched by
an interrupt.
"""

import io

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import CanFrame

_POLL = 3  # the stream request of select.poll
_READABLE = 1
_RX_PENDING = 6  # in what get_counters returns


class Readable(io.IOBase):
    """Makes a CAN controller something that asyncio's poller can wait on: `machine.CAN` is no stream itself."""

    def __init__(self, can: "Any") -> None:
        self._can = can
        self._counters = [0] * 8

    def ioctl(self, request: int, flags: int) -> int:
        """Whether a frame waits."""
        if request != _POLL:
            return -1
        self._can.get_counters(self._counters)
        return flags & _READABLE if self._counters[_RX_PENDING] else 0


class CanLine:
    """A controller as `cabinet.ports.CanPort`."""

    def __init__(self, can: "Any", bitrate: int) -> None:
        self._can = can
        self.bitrate = bitrate
        self.stream = Readable(can)
        self.overruns = 0  # times the hardware FIFO has lost frames
        # 64 bytes, though classic frames have 8: the port copies as many as come in, and a CAN FD node may be on the bus.
        self._received = [0, memoryview(bytearray(64)), 0, 0]
        self.set_filters(())

    def send(self, can_id: int, extended: bool, data: "bytes | bytearray | memoryview") -> bool:
        """Queue a frame; False if there is no room, if one with the same id still waits (it would overtake), or when bus-off."""
        can = self._can
        try:
            return can.send(can_id, data, can.FLAG_EXT_ID if extended else 0) is not None
        except OSError:
            return False

    def recv(self, frame: "CanFrame") -> bool:
        """Fill `frame` with the next received frame; False if there is none."""
        can = self._can
        received = self._received
        while can.recv(received) is not None:
            if received[3] & can.RECV_ERR_OVERRUN:
                self.overruns += 1
            flags = received[2]
            data = received[1]
            length = len(data)
            if flags & can.FLAG_RTR or length > 8:
                continue
            frame.can_id = received[0]
            frame.extended = bool(flags & can.FLAG_EXT_ID)
            frame.length = length
            target = frame.data
            for i in range(length):
                target[i] = data[i]
            return True
        return False

    def set_filters(self, filters: "list[tuple[int, int, bool]] | tuple") -> None:
        """Acceptance filters as (id, mask, extended). If the hardware has too few, everything is accepted."""
        can = self._can
        try:
            can.set_filters([(can_id & mask, mask, can.FLAG_EXT_ID if extended else 0) for can_id, mask, extended in filters])
        except ValueError:
            can.set_filters(None)

    def state(self) -> int:
        """0 error-active, 1 warning, 2 error-passive, 3 bus-off (or stopped)."""
        can = self._can
        state = can.state()
        if state == can.STATE_ACTIVE:
            return 0
        if state == can.STATE_WARNING:
            return 1
        if state == can.STATE_PASSIVE:
            return 2
        return 3

    def restart(self) -> None:
        """Leave bus-off; what waited to be sent is dropped."""
        self._can.restart()
