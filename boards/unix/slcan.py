"""A CAN adapter that speaks the LAWICEL (slcan) ASCII protocol on a serial line, as a `CanPort`.

Any bytes may come in: what is not a well-formed frame line is counted and skipped.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import CanFrame

_BITRATES = {10000: 0, 20000: 1, 50000: 2, 100000: 3, 125000: 4, 250000: 5, 500000: 6, 800000: 7, 1000000: 8}
_DIGITS = b"0123456789ABCDEF"
_CR = 13
_BEL = 7
_LINE_MAX = 40
_FLAGS_EVERY = 20  # calls of state(), which the bus makes ten times a second


def _values() -> bytes:
    table = bytearray(b"\xff" * 256)
    for i in range(16):
        table[_DIGITS[i]] = i
        if i > 9:
            table[_DIGITS[i] + 32] = i
    return bytes(table)


_VALUE = _values()


class SlcanPort:
    """One adapter; see ports.CanPort. It has no acceptance filters: everything comes through."""

    def __init__(self, line: "Any", bitrate: int) -> None:
        if bitrate not in _BITRATES:
            raise ValueError("CAN bit rate {} is not one of {}".format(bitrate, sorted(_BITRATES)))
        self.line = line
        self.bitrate = bitrate
        self.stream = line.stream
        self.bad_lines = 0
        self.refused = 0  # the adapter answered with BEL
        self._flags = 0
        self._asked = 0
        self._chunk = bytearray(1024)
        self._count = 0
        self._at = 0
        self._text = bytearray(_LINE_MAX)
        self._length = 0
        self._overflow = False
        self._out = bytearray(27)
        self._out[26] = _CR
        self._reopened = getattr(line, "reopened", 0)
        self._setup()

    def _setup(self) -> None:
        self.line.write("\r\r\rC\rS{}\rO\r".format(_BITRATES[self.bitrate]).encode())

    def send(self, can_id: int, extended: bool, data: "bytes | bytearray | memoryview") -> bool:
        """Hand a frame to the adapter; False if the line takes nothing."""
        reopened = getattr(self.line, "reopened", 0)
        if reopened != self._reopened:
            self._reopened = reopened
            self._setup()
        out = self._out
        size = len(data)
        if extended:
            out[0] = 0x54
            at = 1
            shift = 28
        else:
            out[0] = 0x74
            at = 1
            shift = 8
        while shift >= 0:
            out[at] = _DIGITS[can_id >> shift & 15]
            at += 1
            shift -= 4
        out[at] = _DIGITS[size]
        at += 1
        for i in range(size):
            value = data[i]
            out[at] = _DIGITS[value >> 4]
            out[at + 1] = _DIGITS[value & 15]
            at += 2
        if at == 26:
            return self.line.write(out) > 0
        line = bytes(out[:at]) + b"\r"
        return self.line.write(line) > 0

    def recv(self, frame: "CanFrame") -> bool:
        """The next frame; False if there is none."""
        chunk = self._chunk
        text = self._text
        while True:
            if self._at >= self._count:
                self._at = 0
                self._count = self.line.readinto(chunk) or 0
                if not self._count:
                    return False
            at = self._at
            count = self._count
            length = self._length
            while at < count:
                byte = chunk[at]
                at += 1
                if byte == _CR:
                    self._at = at
                    self._length = 0
                    if self._overflow:
                        self._overflow = False
                        self.bad_lines += 1
                    elif length and self._line(text, length, frame):
                        return True
                    length = 0
                elif byte == _BEL:
                    self.refused += 1
                    length = 0
                elif length < _LINE_MAX:
                    text[length] = byte
                    length += 1
                else:
                    self._overflow = True
            self._at = at
            self._length = length

    def _line(self, text: bytearray, length: int, frame: "CanFrame") -> bool:
        kind = text[0]
        if kind == 0x54:  # T: extended
            digits = 8
        elif kind == 0x74:  # t: standard
            digits = 3
        else:
            if kind == 0x46 and length == 3:  # F: status flags
                high = _VALUE[text[1]]
                low = _VALUE[text[2]]
                if high != 0xFF and low != 0xFF:
                    self._flags = high << 4 | low
            elif kind not in b"zZrRVN":
                self.bad_lines += 1
            return False
        can_id = 0
        at = 1
        if length < digits + 2:
            self.bad_lines += 1
            return False
        while at <= digits:
            value = _VALUE[text[at]]
            if value == 0xFF:
                self.bad_lines += 1
                return False
            can_id = can_id << 4 | value
            at += 1
        size = text[at] - 48
        at += 1
        # some adapters append a 16-bit time stamp
        if not 0 <= size <= 8 or length not in (at + 2 * size, at + 2 * size + 4) or can_id > (0x1FFFFFFF if digits == 8 else 0x7FF):
            self.bad_lines += 1
            return False
        data = frame.data
        for i in range(size):
            high = _VALUE[text[at]]
            low = _VALUE[text[at + 1]]
            if high == 0xFF or low == 0xFF:
                self.bad_lines += 1
                return False
            data[i] = high << 4 | low
            at += 2
        frame.can_id = can_id
        frame.extended = digits == 8
        frame.length = size
        return True

    def set_filters(self, filters: list) -> None:
        """The adapter has none that fit; dispatch drops what is not wanted."""

    def state(self) -> int:
        """As the adapter reported last; it is asked every two seconds."""
        self._asked += 1
        if self._asked >= _FLAGS_EVERY:
            self._asked = 0
            self.line.write(b"F\r")
        flags = self._flags
        if flags & 0x80:
            return 3
        if flags & 0x20:
            return 2
        return 1 if flags & 0x04 else 0

    def restart(self) -> None:
        """Close and open the channel."""
        self._flags = 0
        self._setup()
