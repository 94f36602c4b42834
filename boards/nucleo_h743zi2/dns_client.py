"""Looks up IPv4 addresses without holding up the loop: lwIP's own `getaddrinfo` would stand still for up to ten seconds.

Answers are checked (id, question, length) and the last good address of a name is kept, so that a name server that is
down does not cut off a broker that is up. Who must be sure whom he talks to uses TLS.
"""

import asyncio
import errno
import os
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

_TRIES = 3
_WAIT_MS = 2000
_POLL_MS = 20
_MAX_KEPT = 4


def question(name: str, ident: int) -> bytes:
    """A query for the A record of `name`. Raises ValueError for what is no host name."""
    out = bytearray((ident >> 8, ident & 0xFF, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0))
    labels = name.rstrip(".").split(".")
    for label in labels:
        raw = label.encode()
        if not 1 <= len(raw) <= 63:
            raise ValueError("no host name: %s" % name[:80])
        out.append(len(raw))
        out.extend(raw)
    out.extend(b"\x00\x00\x01\x00\x01")
    if len(out) > 12 + 255 + 4:
        raise ValueError("host name too long")
    return bytes(out)


def answer(query: bytes, reply: "bytes | memoryview") -> "str | None":
    """The first address in `reply`, or None if it is no good answer to `query`."""
    end = len(query)
    if len(reply) < end or reply[0] != query[0] or reply[1] != query[1]:
        return None
    if not reply[2] & 0x80 or reply[2] & 0x02 or reply[3] & 0x0F or reply[4] or reply[5] != 1:
        return None  # no answer, cut short, an error, or not one question
    for i in range(12, end):
        if _lower(reply[i]) != _lower(query[i]):
            return None
    at = end
    for _ in range(min(reply[6] << 8 | reply[7], 32)):
        at = _after_name(reply, at)
        if at < 0 or at + 10 > len(reply):
            return None
        kind, group = reply[at] << 8 | reply[at + 1], reply[at + 2] << 8 | reply[at + 3]
        length = reply[at + 8] << 8 | reply[at + 9]
        at += 10
        if at + length > len(reply):
            return None
        if kind == 1 and group == 1 and length == 4:
            return "%d.%d.%d.%d" % (reply[at], reply[at + 1], reply[at + 2], reply[at + 3])
        at += length
    return None


def _lower(byte: int) -> int:
    return byte + 32 if 65 <= byte <= 90 else byte


def _after_name(reply: "bytes | memoryview", at: int) -> int:
    while at < len(reply):
        length = reply[at]
        if length == 0:
            return at + 1
        if length & 0xC0 == 0xC0:
            return at + 2
        if length & 0xC0:
            return -1
        at += 1 + length
    return -1


class DnsClient:
    """`server` returns the address of the name server, which DHCP may change, and its port is 53 but in tests."""

    def __init__(self, server: "Callable[[], str]", port: int = 53, wait_ms: int = _WAIT_MS) -> None:
        self._server = server
        self._port = port
        self._wait_ms = wait_ms
        self._known: "dict[str, str]" = {}

    async def lookup(self, name: str) -> str:
        """The address of `name`. Raises OSError if nobody knows it, ValueError if it is no host name."""
        for _ in range(_TRIES):
            ident = os.urandom(2)
            query = question(name, ident[0] << 8 | ident[1])
            found = await self._ask(query)
            if found is not None:
                if len(self._known) >= _MAX_KEPT and name not in self._known:
                    self._known.clear()
                self._known[name] = found
                return found
        if name in self._known:
            return self._known[name]
        raise OSError(errno.EHOSTUNREACH, "no address for " + name)

    async def _ask(self, query: bytes) -> "str | None":
        sock: "Any" = None
        try:
            info = socket.getaddrinfo(self._server(), self._port, 0, socket.SOCK_DGRAM)[0]  # numeric: nobody is asked
            sock = socket.socket(info[0], info[1], info[2])
            sock.setblocking(False)
            sock.connect(info[-1])
            sock.send(query)
            for _ in range(self._wait_ms // _POLL_MS + 1):
                try:
                    found = answer(query, sock.recv(512))
                    if found is not None:
                        return found
                except OSError as error:
                    if error.errno != errno.EAGAIN:
                        return None
                await asyncio.sleep_ms(_POLL_MS)
        except OSError:
            pass
        finally:
            if sock is not None:
                sock.close()
        return None
