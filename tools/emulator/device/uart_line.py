"""A UART of the emulated board on a pseudo-terminal of the plant. One that is not there is a line with nothing on it."""

import io
import select

from serial_pty import SerialPty

_POLL = 3


class Line(io.IOBase):
    """A UART: never blocks for reading, and can be waited on."""

    def __init__(self, path: str, baudrate: int) -> None:
        self.path, self.baudrate = path, baudrate
        self._waiting = bytearray()
        self._pty = None
        self._open()

    def _open(self) -> bool:
        if self._pty is None:
            try:
                self._pty = SerialPty(self.path, self.baudrate)
                self._chunk = bytearray(256)
            except OSError:
                return False
        return True

    def _fetch(self) -> None:
        if self._open() and len(self._waiting) < 4096:
            count = self._pty.readinto(self._chunk)
            if count:
                self._waiting.extend(memoryview(self._chunk)[:count])

    def any(self) -> int:
        """How many bytes wait."""
        self._fetch()
        return len(self._waiting)

    def readinto(self, buf, count=None):
        """Fill `buf`; None if nothing waits."""
        self._fetch()
        count = min(len(buf) if count is None else count, len(self._waiting))
        if not count:
            return None
        buf[:count] = memoryview(self._waiting)[:count]
        self._waiting = self._waiting[count:]
        return count

    def read(self, count=-1):
        """Bytes, or None."""
        size = self.any()
        if not size:
            return None
        buf = bytearray(size if count < 0 else min(count, size))
        self.readinto(buf)
        return bytes(buf)

    def write(self, data) -> int:
        """Onto the wire."""
        if self._open():
            self._pty.write(data)
        return len(data)

    def txdone(self) -> bool:
        """Whether the last bit is out."""
        return True

    def flush(self) -> None:
        """Wait until it is."""

    def ioctl(self, request: int, flags: int) -> int:
        """For select.poll."""
        if request != _POLL:
            return 0 if request in (1, 11) else -1
        return (flags & select.POLLOUT) | (flags & select.POLLIN if self.any() else 0)
