"""An MCP2515 emptied by its interrupt into a queue in RAM, and the SPI bus that it shares with other chips.

The chip has room for two frames; `cabinet.ports.CanPort` asks for 64. The INT pin calls a handler (MicroPython runs it between
two bytecodes), which fetches what is there. A user of the bus holds it meanwhile: a handler that finds it held leaves
its work to the moment of release.
"""

import io

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import CanFrame

_POLL = const(3)
_ENTRY = const(14)  # id 4, flags and length 1, data 8, one to spare
_EXTENDED = const(0x80)


class SharedBus:
    """Which device holds an SPI bus, and which queues wait until it is free."""

    def __init__(self) -> None:
        self.held = 0
        self.asked = False  # an interrupt came while the bus was held
        self._queues: "list[QueuedCan]" = []

    def add(self, queue: "QueuedCan") -> None:
        """A queue that is emptied when the bus gets free."""
        self._queues.append(queue)

    def hold(self) -> None:
        """Keep interrupt handlers off the bus; holds nest."""
        self.held += 1

    def release(self) -> None:
        """Let them on again; what came meanwhile is fetched now."""
        self.held -= 1
        while self.asked and not self.held:
            self.asked = False
            for queue in self._queues:
                queue.drain()

    def select(self, pin: "Any") -> "Select":
        """A chip-select pin that holds the bus while it is low."""
        return Select(self, pin)


class Select:
    """Called with 0 to select the chip, with 1 to let it go."""

    def __init__(self, bus: SharedBus, pin: "Any") -> None:
        self._bus = bus
        self._pin = pin
        self._low = False

    def __call__(self, level: int) -> None:
        if level:
            self._pin(1)
            if self._low:
                self._low = False
                self._bus.release()
        else:
            self._bus.hold()
            self._low = True
            self._pin(0)


class _Frame:
    def __init__(self) -> None:
        self.can_id = 0
        self.extended = False
        self.length = 0
        self.data = bytearray(8)


class Readable(io.IOBase):
    """What asyncio's poller waits on."""

    def __init__(self, queue: "QueuedCan") -> None:
        self._queue = queue

    def ioctl(self, request: int, flags: int) -> int:
        """Whether a frame waits."""
        if request != _POLL:
            return -1
        return flags & 1 if self._queue.pending() else 0


class QueuedCan:
    """`cabinet.ports.CanPort` on an MCP2515. `interrupt` is the pin at INT, an input; `irq` of it must already call `on_interrupt`."""

    def __init__(self, chip: "Any", bus: SharedBus, interrupt: "Any", frames: int = 64) -> None:
        self.bitrate = chip.bitrate
        self.stream = Readable(self)
        self.lost = 0  # frames that found the queue full
        self._chip = chip
        self._bus = bus
        self._interrupt = interrupt
        self._frame = _Frame()
        self._slots = frames + 1
        self._ring = bytearray(self._slots * _ENTRY)
        self._head = 0  # written by `drain` only
        self._tail = 0  # written by `recv` only
        bus.add(self)

    @property
    def overruns(self) -> int:
        """Frames lost because the chip or the queue was full, as far as they can be counted."""
        return self._chip.overruns + self.lost

    def on_interrupt(self, _pin: "Any") -> None:
        """The INT pin has fallen."""
        if self._bus.held:
            self._bus.asked = True
        else:
            self.drain()

    def drain(self) -> None:
        """Fetch what the chip holds, in a handler or at another chip's release. Neither can do anything about one that answers
        no more: the next `recv` raises the error, since INT remains low."""
        try:
            self._fetch()
        except OSError:
            return

    def _fetch(self) -> None:
        """Fetch what the chip holds. Raises OSError if it answers no more."""
        bus = self._bus
        frame = self._frame
        bus.hold()
        try:
            while self._chip.recv(frame):
                self._keep(frame)
        finally:
            bus.release()

    def _keep(self, frame: _Frame) -> None:
        following = (self._head + 1) % self._slots
        if following == self._tail:
            self.lost += 1
            return
        ring, at = self._ring, self._head * _ENTRY
        can_id = frame.can_id
        for i in range(4):
            ring[at + i] = can_id >> (8 * i) & 0xFF
        ring[at + 4] = frame.length | (_EXTENDED if frame.extended else 0)
        for i in range(frame.length):
            ring[at + 5 + i] = frame.data[i]
        self._head = following

    def pending(self) -> bool:
        """Whether a frame waits. INT that is low all the time is fetched here: its edge was missed. Raises OSError if the chip
        answers no more."""
        if self._head == self._tail and not self._interrupt():
            self._fetch()
        return self._head != self._tail

    def recv(self, frame: "CanFrame") -> bool:
        """Fill `frame` with the next received frame; False if there is none."""
        if not self.pending():
            return False
        ring, at = self._ring, self._tail * _ENTRY
        frame.can_id = ring[at] | ring[at + 1] << 8 | ring[at + 2] << 16 | ring[at + 3] << 24
        frame.extended = ring[at + 4] & _EXTENDED != 0
        frame.length = length = ring[at + 4] & 0x0F
        target = frame.data
        for i in range(length):
            target[i] = ring[at + 5 + i]
        self._tail = (self._tail + 1) % self._slots
        return True

    def send(self, can_id: int, extended: bool, data: "bytes | bytearray | memoryview") -> bool:
        """Queue a frame; False if there is no room."""
        self._bus.hold()
        try:
            return self._chip.send(can_id, extended, data)
        finally:
            self._bus.release()

    def set_filters(self, filters: "list[tuple[int, int, bool]]") -> None:
        """Acceptance filters as (id, mask, extended). What does not fit into two masks and six filters accepts everything."""
        self._bus.hold()
        try:
            self._chip.set_filters(filters)
        finally:
            self._bus.release()

    def state(self) -> int:
        """0 error-active, 1 warning, 2 error-passive, 3 bus-off or not on the bus."""
        self._bus.hold()
        try:
            return self._chip.state()
        finally:
            self._bus.release()

    def restart(self) -> None:
        """Leave bus-off; what waited to be sent is dropped."""
        self._bus.hold()
        try:
            self._chip.restart()
        finally:
            self._bus.release()
