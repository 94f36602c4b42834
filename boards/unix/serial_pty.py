"""A serial device or pseudo-terminal of a Linux or macOS machine as a `SerialLine` that never blocks.

Reads return at once (VMIN = VTIME = 0). Writes go out only while the other end reads: what it does not take for long is
dropped, as a wire would. A device that vanishes (adapter pulled out, simulator restarted) is opened again once a second.
"""

import select
import sys
import termios
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MAC = sys.platform == "darwin"
_VMIN = 16 if _MAC else 6
_VTIME = 17 if _MAC else 5
_LINUX_SPEEDS = {1200: 9, 2400: 11, 4800: 12, 9600: 13, 19200: 14, 38400: 15}
_UNREAD_MAX = 3000  # bytes written since the other end last gave a sign of life
_RETRY_MS = 1000
_CHECK_EVERY = 64  # reads


class SerialPty:
    """One line; see ports.SerialLine."""

    def __init__(self, path: str, baud: int) -> None:
        self.path = path
        self.baud = baud
        self.stream: "Any" = None
        self.reopened = 0
        self.dropped = 0  # bytes
        self.close_errors = 0
        self._unread = 0
        self._empty = 0
        self._tried_ms = 0
        self._poller = select.poll()
        self._open()

    def _open(self) -> None:
        stream = open(self.path, "r+b", 0)
        fd = stream.fileno()
        termios.setraw(fd)
        attributes = termios.tcgetattr(fd)
        speed = self.baud if _MAC else getattr(termios, "B{}".format(self.baud), _LINUX_SPEEDS.get(self.baud))
        if speed is None:
            stream.close()
            raise ValueError("{}: baud rate {} is not one of this machine".format(self.path, self.baud))
        attributes[4] = attributes[5] = speed
        attributes[6][_VMIN] = 0
        attributes[6][_VTIME] = 0
        termios.tcsetattr(fd, termios.TCSANOW, attributes)
        self._poller.register(stream, select.POLLOUT)
        self._unread = 0
        self.stream = stream

    def _lose(self) -> None:
        stream = self.stream
        self.stream = None
        self._tried_ms = time.ticks_ms()
        if stream is not None:
            self._poller.unregister(stream)
            try:
                stream.close()
            except OSError:
                self.close_errors += 1

    def _ready(self) -> bool:
        if self.stream is not None:
            return True
        if time.ticks_diff(time.ticks_ms(), self._tried_ms) < _RETRY_MS:
            return False
        self._tried_ms = time.ticks_ms()
        try:
            self._open()
        except OSError:
            return False
        self.reopened += 1
        return True

    def write(self, data: "bytes | bytearray | memoryview") -> int:
        """Hand over `data`; 0 if the other end does not take anything."""
        if not self._ready():
            return 0
        size = len(data)
        if self._unread < _UNREAD_MAX or time.ticks_diff(time.ticks_ms(), self._tried_ms) >= _RETRY_MS:
            for _, event in self._poller.ipoll(0):
                if event & (select.POLLHUP | select.POLLERR):
                    self._lose()
                    return 0
                try:
                    self.stream.write(data)
                except OSError:
                    self._lose()
                    return 0
                self._unread += size
                self._tried_ms = time.ticks_ms()
                return size
        self.dropped += size
        return 0

    def readinto(self, buf: "bytearray | memoryview") -> int:
        """What has arrived; 0 if nothing has."""
        if not self._ready():
            return 0
        try:
            count = self.stream.readinto(buf) or 0
        except OSError:
            self._lose()
            return 0
        if count:
            self._unread = 0
            self._empty = 0
        else:
            self._empty += 1
            if self._empty >= _CHECK_EVERY:  # nothing to read, or is the other end closed?
                self._empty = 0
                for _, event in self._poller.ipoll(0):
                    if event & (select.POLLHUP | select.POLLERR):
                        self._lose()
        return count
