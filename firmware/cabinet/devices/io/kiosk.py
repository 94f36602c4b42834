"""The rider's terminal: tokens come in as text lines, sentences go out."""

from micropython import const

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
        self._out = []
        self._sent = 0

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

    def say(self, slot: int, code: str, sentence: str) -> None:
        """Queue a sentence for the rider; the oldest is dropped if the terminal does not take them."""
        if len(self._out) >= _QUEUE_MAX:
            self._out.pop(1 if self._sent else 0)
        text = "S:{}:{}:{}\n".format(slot, code, sentence.replace("\n", " "))
        self._out.append(text.encode())

    def flush(self) -> None:
        """Hand over as much as the line takes."""
        while self._out:
            data = self._out[0]
            try:
                self._sent += self.line.write(data[self._sent :] if self._sent else data)
            except OSError:
                self.fault = "timeout"
                return
            if self._sent < len(data):
                return
            self._out.pop(0)
            self._sent = 0
