"""Names to IPv4 addresses over UDP, without blocking: `getaddrinfo` would hold up the loop for seconds on every port.

One question at a time, with a random id, from a fresh socket each; an answer counts only if it comes from the server asked and
repeats id and question. Answers are cached for their time to live, within bounds, and the last known address serves on
when no name server answers.
"""

import asyncio
import socket

from cabinet.core import ticks
from cabinet.uplink.dns import answer, question
from cabinet.uplink.waiting import Readable

_MAX_NAMES = 8
_MIN_TTL_S = 30
_MAX_TTL_S = 60  # a connection lasts for days: a new question may follow a failure with the last address, whatever its time to live


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
                await Readable(sock)
                data = sock.recv(512)
                found = answer(data, asked) if data else None
                if found:
                    return found
        finally:
            sock.close()
