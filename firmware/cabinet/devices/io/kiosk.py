"""The rider's terminal: tokens come in as text lines, sentences go out."""

from micropython import const

from cabinet.unload import unload

_TOKEN_MAX = const(128)
_QUEUE_MAX = const(8)
_LF = const(10)
_CR = const(13)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.ports import SerialLine


class KioskLine:
    """Non-blocking: call `take` and `flush` (or only `poll`) from the control loop."""

    def __init__(self, line: "SerialLine") -> None:
        self.line = line
        self.fault = ""
        self.lines_refused = 0  # too long, or not a token
        self._chunk = bytearray(64)
        self._buf = bytearray(_TOKEN_MAX + 2)
        self._length = 0
        self._overflow = False
        self._at = 0  # what of the chunk is still to be looked at
        self._count = 0
        self._out = []  # (slot, code)
        self._line = b""  # what of the present line the terminal has not taken yet

    def take(self) -> "str | None":
        """The next token that a rider presented, or None."""
        while True:
            if self._at >= self._count:
                self._at = 0
                try:
                    self._count = self.line.readinto(self._chunk) or 0
                    self.fault = ""
                except OSError:
                    self._count = 0
                    self.fault = "timeout"
                if not self._count:
                    return None
            while self._at < self._count:
                byte = self._chunk[self._at]
                self._at += 1
                if byte == _LF:
                    token = self._end_of_line()
                    if token:
                        return token
                elif byte == _CR:
                    continue
                elif not 0x20 < byte < 0x7F or self._length >= len(self._buf):
                    self._overflow = True
                else:
                    self._buf[self._length] = byte
                    self._length += 1

    def _end_of_line(self) -> "str | None":
        length = self._length
        buf = self._buf
        good = not self._overflow and length > 2 and buf[0] == 0x54 and buf[1] == 0x3A  # "T:"
        self._length = 0
        self._overflow = False
        if good:
            return str(bytes(buf[2:length]), "ascii")
        if length:
            self.lines_refused += 1
        return None

    def say(self, slot: int, code: str) -> None:
        """Queue what the rider is to read; the oldest is dropped if the terminal does not take them."""
        if len(self._out) >= _QUEUE_MAX:
            self._out.pop(0)
        self._out.append((slot, code))

    def flush(self) -> None:
        """Hand over as much as the line takes."""
        while self._line or self._out:
            if not self._line:
                self._line = _line(*self._out.pop(0))
            try:
                taken = self.line.write(self._line)
            except OSError:
                self.fault = "timeout"
                return
            self._line = self._line[taken:]
            if self._line:
                return


def _line(slot: int, code: str) -> bytes:
    """The sentence for a code. A few are said in a swap, so their table is read when one is, and unloaded: it takes up 4 KB."""
    from cabinet.core import reason_codes

    text = "S:{}:{}:{}\n".format(slot, code, reason_codes.sentence(code, slot))
    unload("cabinet.core.reason_codes")
    return text.encode()
