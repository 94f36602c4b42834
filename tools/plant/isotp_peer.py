"""The pack's end of ISO 15765-2: receives one request, sends one answer, both of at most 64 bytes. Portable; time is passed in seconds.

The wire end uses the can-isotp package instead; this file is for simulators that run in one process without it.
"""

FILL = b"\xcc"
MAX_LENGTH = 64
TIMEOUT = 1.0  # s between two frames of one message


def _pad(data: bytes) -> bytes:
    return data + FILL * (8 - len(data))


class IsoTpPeer:
    """One end of one link."""

    def __init__(self) -> None:
        self.aborted = 0  # messages that were given up
        self._reset()

    def _reset(self) -> None:
        self._incoming = None  # bytes of a request so far
        self._wanted = 0
        self._next = 0
        self._outgoing = b""  # bytes of the answer that are still to go
        self._number = 0
        self._may_send = False
        self._block = 0  # frames left in the block, 0 = no limit
        self._gap = 0.0
        self._at = 0.0

    @property
    def busy(self) -> bool:
        """True while a message is on its way."""
        return self._incoming is not None or bool(self._outgoing)

    def receive(self, data: bytes, now: float, out: list) -> "bytes | None":
        """A frame from the host. Frames to send are appended to `out`; returns a whole request when there is one."""
        kind = data[0] >> 4 if data else 15
        self._at = now
        if kind == 0:
            length = data[0] & 15
            self._incoming = None
            return bytes(data[1 : 1 + length]) if 0 < length < len(data) else None
        if kind == 1 and len(data) == 8:
            length = (data[0] & 15) << 8 | data[1]
            if not 8 <= length <= MAX_LENGTH:
                out.append(_pad(b"\x32\x00\x00"))  # overflow
                self._incoming = None
                return None
            self._incoming = bytes(data[2:8])
            self._wanted = length
            self._next = 1
            out.append(_pad(b"\x30\x00\x00"))
        elif kind == 2 and self._incoming is not None:
            if data[0] & 15 != self._next:
                self._incoming = None
                self.aborted += 1
                return None
            self._next = (self._next + 1) & 15
            self._incoming += bytes(data[1:])
            if len(self._incoming) >= self._wanted:
                whole = self._incoming[: self._wanted]
                self._incoming = None
                return whole
        elif kind == 3 and self._outgoing and len(data) >= 3:
            self._flow(data)
        return None

    def _flow(self, data: bytes) -> None:
        status = data[0] & 15
        if status == 0:
            self._may_send = True
            self._block = data[1]
            step = data[2]
            self._gap = step / 1000.0 if step <= 127 else 0.001
        elif status == 2:
            self._outgoing = b""
            self.aborted += 1

    def send(self, message: bytes, now: float, out: list) -> None:
        """Begin to send; the rest follows with `poll`."""
        self._at = now
        if len(message) < 8:
            out.append(_pad(bytes((len(message),)) + message))
            return
        out.append(bytes((0x10 | len(message) >> 8, len(message) & 0xFF)) + message[:6])
        self._outgoing = message[6:]
        self._number = 1
        self._may_send = False

    def poll(self, now: float, out: list) -> None:
        """Send what may be sent; give up what hangs."""
        while self._outgoing and self._may_send and now - self._at >= self._gap:
            out.append(_pad(bytes((0x20 | self._number,)) + self._outgoing[:7]))
            self._outgoing = self._outgoing[7:]
            self._number = (self._number + 1) & 15
            self._at = now
            if self._block:
                self._block -= 1
                if not self._block:
                    self._may_send = False
            if self._gap:
                break
        if self.busy and now - self._at > TIMEOUT:
            self._reset()
            self.aborted += 1
