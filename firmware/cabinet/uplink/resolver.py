"""Names to IPv4 addresses over UDP, without blocking: `getaddrinfo` would hold up the loop for seconds on every port.

One question at a time, with a random id, from a fresh socket each; an answer counts only if it comes from the server asked and
repeats id and question. Answers are cached for their time to live, within bounds, and the last known address serves on
when no name server answers.
"""

import asyncio
import socket
from asyncio import core

from cabinet.core import ticks

_TYPE_A = b"\x00\x01\x00\x01"
_MAX_NAMES = 8
_MIN_TTL_S = 30
_MAX_TTL_S = 86400


def question(name: str, identity: int) -> bytes:
    """A DNS request for the address of a name. Raises ValueError for what is no host name."""
    labels = b""
    for label in name.rstrip(".").split("."):
        raw = label.encode()
        if not 0 < len(raw) < 64 or len(raw) != len(label):
            raise ValueError("not a host name: " + name)
        labels += bytes((len(raw),)) + raw
    if len(labels) > 253:
        raise ValueError("host name too long")
    return bytes((identity >> 8, identity & 255)) + b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + labels + b"\x00" + _TYPE_A


def _skip_name(data: bytes, at: int) -> int:
    while data[at]:
        if data[at] & 0xC0 == 0xC0:
            return at + 2
        if data[at] & 0xC0:
            raise ValueError("label")
        at += 1 + data[at]
    return at + 1


def answer(data: bytes, asked: bytes) -> "tuple[str, int] | None":
    """(address, seconds to live) from a DNS response to `asked`; None if it is no answer to it. OSError: the name does not exist."""
    end = len(asked)
    if len(data) < end or data[:2] != asked[:2] or data[2] & 0xF8 != 0x80:
        return None
    if data[4:6] != b"\x00\x01" or data[12:end].lower() != asked[12:].lower():
        return None
    code = data[3] & 15
    if code == 3:
        raise OSError("the name does not exist")
    if code:
        raise OSError("the name server refuses, code %d" % code)
    at = end
    try:
        for _ in range(data[6] << 8 | data[7]):
            at = _skip_name(data, at)
            kind = data[at:at + 4]
            ttl = data[at + 4] << 24 | data[at + 5] << 16 | data[at + 6] << 8 | data[at + 7]
            size = data[at + 8] << 8 | data[at + 9]
            at += 10
            if at + size > len(data):
                return None
            if kind == _TYPE_A and size == 4:
                return "%d.%d.%d.%d" % tuple(data[at:at + 4]), ttl
            at += size  # aliases come before the address that they lead to
    except (IndexError, ValueError):
        return None
    raise OSError("the name has no IPv4 address")


class _Readable:
    def __init__(self, sock) -> None:
        self._sock = sock
        self._asked = False

    def __iter__(self):
        return self

    def __next__(self):
        if self._asked:
            raise StopIteration
        self._asked = True
        return core._io_queue.queue_read(self._sock)

    __await__ = __iter__


class Resolver:
    """Asks one name server; `clock` and `random_bytes` are ports."""

    def __init__(self, server: str, port: int, clock, random_bytes, timeout_ms: int = 2000, tries: int = 3) -> None:
        self._server = server
        self._port = port
        self._clock = clock
        self._random_bytes = random_bytes
        self._timeout_ms = timeout_ms
        self._tries = tries
        self._cache = {}  # name: (address, since, milliseconds to live)
        self.asked = 0

    async def lookup(self, name: str) -> str:
        """The address of a name. Raises OSError."""
        now_ms = self._clock.ticks_ms()
        known = self._cache.get(name)
        if known and 0 <= ticks.diff(now_ms, known[1]) < known[2]:
            return known[0]
        why = "no name server answers"
        for _ in range(self._tries):
            self.asked += 1
            try:
                found = await asyncio.wait_for_ms(self._ask(name), self._timeout_ms)
            except asyncio.TimeoutError:
                continue
            except OSError as error:
                why = str(error)
                break
            if len(self._cache) >= _MAX_NAMES:
                self._cache.clear()
            life_s = min(max(found[1], _MIN_TTL_S), _MAX_TTL_S)
            self._cache[name] = (found[0], now_ms, life_s * 1000)
            return found[0]
        if known:
            return known[0]
        raise OSError("%s: %s" % (name, why))

    async def _ask(self, name: str) -> "tuple[str, int]":
        dice = self._random_bytes(2)
        asked = question(name, dice[0] << 8 | dice[1])
        address = socket.getaddrinfo(self._server, self._port, 0, socket.SOCK_DGRAM)[0][-1]
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.connect(address)  # the kernel lets only this server's datagrams through
            sock.send(asked)
            while True:
                await _Readable(sock)
                data = sock.recv(512)
                found = answer(data, asked) if data else None
                if found:
                    return found
        finally:
            sock.close()
