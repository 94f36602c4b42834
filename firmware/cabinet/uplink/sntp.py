"""Time from the network (SNTP, RFC 4330) over UDP, without blocking.

Wall time dates events and certificates; it never decides safety. An answer counts only if it comes from the server asked, repeats the
random stamp of the question, and carries a time that can be; whether the clock follows it is decided in timekeeper.py.
"""

import asyncio
import socket

from cabinet.core import ticks
from cabinet.uplink.dns import is_numeric
from cabinet.uplink.waiting import Readable

_FROM_1900_TO_1970_S = 2208988800
_EARLIEST_S = 1577836800  # 2020: an older time cannot be true
_ERA_S = 1 << 32


def question(stamp: bytes) -> bytes:
    """A request; `stamp` are 8 random bytes in place of the cabinet's time, which is not disclosed."""
    return b"\x23" + bytes(39) + stamp


def answer(data: bytes, stamp: bytes) -> "int | None":
    """Unix seconds from a response; None if it does not answer this request, or cannot be used."""
    if len(data) < 48 or data[24:32] != stamp:
        return None
    if data[0] >> 6 == 3 or data[0] & 7 != 4 or not 0 < data[1] < 16:  # clock unset, not a server, or a kiss-of-death
        return None
    seconds = data[40] << 24 | data[41] << 16 | data[42] << 8 | data[43]
    if not data[40] & 0x80:  # the counter wraps in 2036
        seconds += _ERA_S
    seconds -= _FROM_1900_TO_1970_S
    return seconds if seconds >= _EARLIEST_S else None


class Sntp:
    """Asks `servers` (names or addresses) in turn every `period_s`; `take(server, unix seconds)` returns whether it was accepted."""

    def __init__(self, servers: list, clock, random_bytes, take, resolver=None, period_s: int = 3600, port: int = 123) -> None:
        self._servers = servers
        self._clock = clock
        self._random_bytes = random_bytes
        self._take = take
        self._resolver = resolver
        self._period_s = period_s
        self._port = port
        self.answers = 0
        self.failures = 0
        self.state_text = "not asked"

    async def run(self) -> None:
        """For ever: asks again soon until a time was accepted, then at its period."""
        pause_s = 4
        while True:
            if await self.round():
                pause_s = self._period_s
            else:
                pause_s = min(pause_s * 2, self._period_s)
            await asyncio.sleep_ms(pause_s * 1000)

    async def round(self) -> bool:
        """Ask the servers one after the other until an answer is accepted."""
        for server in self._servers:
            try:
                seconds = await self.ask(server)
            except (OSError, ValueError) as error:
                self.failures += 1
                self.state_text = str(error)
                continue
            if self._take(server, seconds):
                self.state_text = "synchronised"
                return True
            self.state_text = "not believed: " + server
        return False

    async def ask(self, server: str, timeout_ms: int = 3000) -> int:
        """One question; returns Unix seconds. Raises OSError."""
        address = server
        if not is_numeric(address):
            if self._resolver is None:
                raise OSError("no resolver for " + address)
            address = await self._resolver.lookup(address)
        try:
            seconds = await asyncio.wait_for_ms(self._exchange(address), timeout_ms)
        except asyncio.TimeoutError:
            raise OSError("no answer from " + server) from None
        self.answers += 1
        return seconds

    async def _exchange(self, address: str) -> int:
        stamp = self._random_bytes(8)
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.connect(socket.getaddrinfo(address, self._port, 0, socket.SOCK_DGRAM)[0][-1])
            asked_ms = self._clock.ticks_ms()
            sock.send(question(stamp))
            while True:
                await Readable(sock)
                data = sock.recv(128)
                found = answer(data, stamp) if data else None
                if found is not None:
                    return found + ticks.diff(self._clock.ticks_ms(), asked_ms) // 2000
        finally:
            sock.close()
