"""Wait for a socket without a stream object around it. One bare yield of MicroPython's scheduler each."""

import asyncio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Wait:
    def __init__(self, sock) -> None:
        self._sock = sock
        self._asked = False

    def __iter__(self):
        return self

    def __await__(self) -> "Any":
        return self


class Readable(_Wait):
    """`await Readable(sock)`: something can be read, or the socket has failed."""

    def __next__(self):
        if self._asked:
            raise StopIteration
        self._asked = True
        return asyncio.core._io_queue.queue_read(self._sock)  # pyright: ignore[reportAttributeAccessIssue]


class Writable(_Wait):
    """`await Writable(sock)`: it is connected and takes data, or it has failed."""

    def __next__(self):
        if self._asked:
            raise StopIteration
        self._asked = True
        return asyncio.core._io_queue.queue_write(self._sock)  # pyright: ignore[reportAttributeAccessIssue]
