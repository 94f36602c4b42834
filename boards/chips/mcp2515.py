"""MCP2515 CAN controller on SPI as `CanPort`, for boards whose MCU has none or one too few. From data sheet DS20001801J.

Received frames keep their order, sent frames too. The chip has room for two received frames: at 500 kbit/s the third
comes about half a millisecond after the first, so the loop must come by often, or the bus carry little. Lost frames
are counted. Give the INT pin as `interrupt` to spare the poller a question over SPI each time.
"""

import errno
import io

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import CanFrame, Clock

_RESET = b"\xc0"
_READ_STATUS = b"\xa0"
_READ = const(0x03)
_WRITE = const(0x02)
_BIT_MODIFY = const(0x05)
_READ_RX = (0x90, 0x94)
_LOAD_TX = (0x40, 0x42, 0x44)
_REQUEST = (b"\x81", b"\x82", b"\x84")

_CANSTAT = const(0x0E)
_CANCTRL = const(0x0F)
_CNF3 = const(0x28)
_CANINTE = const(0x2B)
_EFLG = const(0x2D)
_RXB0CTRL = const(0x60)
_RXB1CTRL = const(0x70)
_FILTERS = (0x00, 0x04, 0x08, 0x10, 0x14, 0x18)
_MASKS = (0x20, 0x24)

_MODE = const(0xE0)
_MODE_CONFIG = const(0x80)
_AFTER_RESET = const(0x87)
_ABORT_ALL = const(0x10)
_RX0, _RX1 = const(0x01), const(0x02)  # in the answer to READ STATUS
_TX_BUSY = (0x04, 0x10, 0x40)
_TX_ANY = const(0x54)
_OVERFLOWS = const(0xC0)
_BUS_OFF = const(0x20)
_PASSIVE = const(0x18)
_WARNING = const(0x01)
_EXTENDED = const(0x08)  # in SIDL
_STANDARD_REMOTE = const(0x10)  # in SIDL of a received frame
_REMOTE = const(0x40)  # in DLC
_ACCEPT_ALL = const(0x60)
_ROLLOVER = const(0x04)
_TICKS_MASK = const((1 << 30) - 1)
_MODE_MS = const(20)
_ALL_ONES = const(0xFF)
_ROUNDS = const(8)  # frames thrown away in one call: on a busy line without filters there is always another
_RESET_US = const(5000)

_POLL = const(3)


def timing(oscillator_hz: int, bitrate: int) -> "tuple[int, int, int]":
    """CNF1, CNF2, CNF3 for exactly `bitrate`, sampled at or just before 87.5 %. Raises ValueError if the crystal cannot do it."""
    for quanta in (16, 20, 25, 24, 18, 15, 14, 12, 10, 9, 8):
        divider = 2 * quanta * bitrate
        if bitrate <= 0 or oscillator_hz % divider:
            continue
        prescaler = oscillator_hz // divider
        if not 1 <= prescaler <= 64:
            continue
        second = max(2, (quanta + 7) // 8)
        before = quanta - 1 - second
        first = min(8, before - 1)
        propagation = before - first
        if propagation <= 8 and first + propagation >= second:
            return prescaler - 1, 0x80 | (first - 1) << 3 | (propagation - 1), second - 1
    raise ValueError("no exact timing for %d bit/s with a crystal of %d Hz" % (bitrate, oscillator_hz))


class Readable(io.IOBase):
    """What asyncio's poller waits on."""

    def __init__(self, chip: "MCP2515") -> None:
        self._chip = chip

    def ioctl(self, request: int, flags: int) -> int:
        """Whether a frame waits."""
        if request != _POLL:
            return -1
        return flags & 1 if self._chip.pending() else 0


class MCP2515:
    """The chip. `select` is called with 0 to select it; `interrupt()` is 0 while a frame waits.

    Raises OSError if no chip answers. A bus that is held dominant is no error here: `state` reports it.
    """

    def __init__(
        self, spi: "Any", select: "Any", clock: "Clock", bitrate: int, oscillator_hz: int = 16000000, interrupt: "Any" = None
    ) -> None:
        self._spi = spi
        self._select = select
        self._clock = clock
        self._interrupt = interrupt
        self.bitrate = bitrate
        self.stream = Readable(self)
        self.overruns = 0  # frames lost because both receive buffers were full
        self._timing = timing(oscillator_hz, bitrate)
        self._filters: "list[tuple[int, int, bool]]" = []
        self._head = bytearray(3)
        self._byte = bytearray(1)
        self._out = bytearray(14)
        self._in = bytearray(13)
        self._next_tx = 2
        self._second_first = False
        self._deaf = True
        select(1)
        self._start()

    def send(self, can_id: int, extended: bool, data: "bytes | bytearray | memoryview") -> bool:
        """Queue a frame; False if there is no room."""
        length = len(data)
        if length > 8 or not 0 <= can_id < (1 << 29 if extended else 1 << 11):
            raise ValueError("no classic CAN frame")
        # Of buffers with the same priority the chip sends the highest first. Filled downwards they keep the order;
        # only when all three are empty may the round begin again.
        status = self._status()
        if not status & _TX_ANY:
            self._next_tx = 2
        number = self._next_tx
        if number < 0 or status & _TX_BUSY[number]:
            return False
        out = self._out
        out[0] = _LOAD_TX[number]
        self._put_id(out, 1, can_id, extended)
        out[5] = length
        for i in range(length):
            out[6 + i] = data[i]
        self._select(0)
        self._spi.write(memoryview(out)[: 6 + length])
        self._select(1)
        self._send(_REQUEST[number])
        self._next_tx = number - 1
        return True

    def recv(self, frame: "CanFrame") -> bool:
        """Fill `frame` with the next received frame; False if there is none. Raises OSError if the chip answers no more."""
        for _ in range(_ROUNDS):
            status = self._status()
            # An open wire reads as ones. A status of ones can be, but not in CANSTAT: its bits 4 and 0 always read 0.
            if status == _ALL_ONES and self._read(_CANSTAT) == _ALL_ONES:
                raise OSError(errno.EIO, "MCP2515: answers no more: check supply, wiring and chip select")
            status &= _RX0 | _RX1
            if not status:
                return False
            if status == _RX0 | _RX1:
                self._count_overruns()
            if status & _RX0 and not (self._second_first and status & _RX1):
                self._fetch(0)
                # The second buffer fills only while the first is full: what is in it now is older than what comes into the first.
                self._second_first = bool(self._status() & _RX1)
            else:
                self._fetch(1)
                self._second_first = False
            if not self._deaf and self._decode(frame):
                return True
        return False

    def pending(self) -> bool:
        """Whether a frame waits."""
        if self._interrupt is not None:
            return not self._interrupt()
        return bool(self._status() & (_RX0 | _RX1))

    def set_filters(self, filters: "list[tuple[int, int, bool]]") -> None:
        """Acceptance filters as (id, mask, extended). What does not fit into two masks and six filters accepts everything."""
        self._filters = list(filters)
        self._start()

    def state(self) -> int:
        """0 error-active, 1 warning, 2 error-passive, 3 bus-off or not on the bus (held dominant, no power)."""
        self._count_overruns()
        if self._read(_CANSTAT) & _MODE:
            return 3
        flags = self._read(_EFLG)
        if flags & _BUS_OFF:
            return 3
        if flags & _PASSIVE:
            return 2
        return 1 if flags & _WARNING else 0

    def restart(self) -> None:
        """Leave bus-off; what waited to be sent is dropped."""
        self._start()

    def _start(self) -> None:
        self._send(_RESET)
        began = self._clock.ticks_us()  # the chip needs 128 cycles of its crystal
        while True:
            late = (self._clock.ticks_us() - began) & _TICKS_MASK > _RESET_US  # before the read, see w25q.py
            if self._read(_CANSTAT) & _MODE == _MODE_CONFIG and self._read(_CANCTRL) == _AFTER_RESET:
                break
            if late:
                raise OSError(errno.ENODEV, "MCP2515: no chip answers: check supply, crystal, wiring and chip select")
        self._next_tx = 2
        self._second_first = False
        first, second, third = self._timing
        for register, value in ((_CNF3, third), (_CNF3 + 1, second), (_CNF3 + 2, first)):
            self._write(register, value)
            if self._read(register) != value:
                raise OSError(errno.EIO, "MCP2515: does not keep what is written")
        self._place_filters()
        self._write(_CANINTE, _RX0 | _RX1)
        self._write(_CANCTRL, 0)  # normal mode, as soon as the bus has been idle for 11 bits
        began = self._clock.ticks_ms()
        while True:
            late = (self._clock.ticks_ms() - began) & _TICKS_MASK > _MODE_MS
            if not self._read(_CANSTAT) & _MODE or late:
                return

    def _place_filters(self) -> None:
        self._deaf = not self._filters
        placed = self._fit()
        accept = 0 if placed else _ACCEPT_ALL
        self._write(_RXB0CTRL, accept | _ROLLOVER)
        self._write(_RXB1CTRL, accept)
        if not placed:
            return
        out = bytearray(6)
        for group, (mask, wanted) in enumerate(placed):
            self._put_id(out, 2, mask, True)
            out[3] &= ~_EXTENDED & 0xFF
            self._write_id(_MASKS[group], out)
            for i, register in enumerate(_FILTERS[:2] if group == 0 else _FILTERS[2:]):
                can_id, extended = wanted[i] if i < len(wanted) else wanted[0]
                self._put_id(out, 2, can_id, extended)
                self._write_id(register, out)

    def _fit(self) -> "list[tuple[int, list]]":
        """[(mask, filters) of the first buffer, of the second], or nothing if it does not fit."""
        groups: "list[tuple[int, list]]" = []
        for can_id, mask, extended in self._filters:
            wide = mask & 0x1FFFFFFF if extended else (mask & 0x7FF) << 18
            for known, members in groups:
                if known == wide:
                    members.append((can_id & mask, extended))
                    break
            else:
                groups.append((wide, [(can_id & mask, extended)]))
        if not groups or len(groups) > 2:
            return []
        if len(groups) == 1:
            mask, members = groups[0]
            if len(members) > 6:
                return []
            return [(mask, members[:2]), (mask, members[2:] or members[:1])]
        if len(groups[0][1]) > 2:
            groups.reverse()
        return groups if len(groups[0][1]) <= 2 and len(groups[1][1]) <= 4 else []

    def _fetch(self, number: int) -> None:
        self._byte[0] = _READ_RX[number]  # reads from the id on and frees the buffer at the end
        self._select(0)
        self._spi.write(self._byte)
        self._spi.readinto(self._in)
        self._select(1)

    def _decode(self, frame: "CanFrame") -> bool:
        data = self._in
        low = data[1]
        extended = bool(low & _EXTENDED)
        if data[4] & _REMOTE if extended else low & _STANDARD_REMOTE:
            return False
        can_id = data[0] << 3 | low >> 5
        if extended:
            can_id = can_id << 18 | (low & 3) << 16 | data[2] << 8 | data[3]
        length = min(data[4] & 0x0F, 8)
        frame.can_id = can_id
        frame.extended = extended
        frame.length = length
        target = frame.data
        for i in range(length):
            target[i] = data[5 + i]
        return True

    def _count_overruns(self) -> None:
        flags = self._read(_EFLG) & _OVERFLOWS
        if flags:
            self.overruns += 1
            self._modify(_EFLG, flags, 0)

    @staticmethod
    def _put_id(out: bytearray, at: int, can_id: int, extended: bool) -> None:
        if extended:
            out[at] = can_id >> 21
            out[at + 1] = (can_id >> 13) & 0xE0 | _EXTENDED | (can_id >> 16) & 3
            out[at + 2] = (can_id >> 8) & 0xFF
            out[at + 3] = can_id & 0xFF
        else:
            out[at] = can_id >> 3
            out[at + 1] = (can_id << 5) & 0xE0
            out[at + 2] = out[at + 3] = 0

    def _write_id(self, register: int, out: bytearray) -> None:
        out[0], out[1] = _WRITE, register
        self._send(out)

    def _status(self) -> int:
        self._select(0)
        self._spi.write(_READ_STATUS)
        self._spi.readinto(self._byte)
        self._select(1)
        return self._byte[0]

    def _read(self, register: int) -> int:
        head = self._head
        head[0], head[1] = _READ, register
        self._select(0)
        self._spi.write(memoryview(head)[:2])
        self._spi.readinto(self._byte)
        self._select(1)
        return self._byte[0]

    def _write(self, register: int, value: int) -> None:
        head = self._head
        head[0], head[1], head[2] = _WRITE, register, value
        self._send(head)

    def _modify(self, register: int, mask: int, value: int) -> None:
        self._send(bytes((_BIT_MODIFY, register, mask, value)))

    def _send(self, data: "bytes | bytearray") -> None:
        self._select(0)
        self._spi.write(data)
        self._select(1)
