"""Several network interfaces as one, in order of preference. Imported only where the settings name more than one.

An interface is as good as what came through it: a session that the broker never accepted, or that ended because an answer was missing,
counts against it, whatever its link light says. Then the next one is tried at once. While a less preferred one carries the uplink,
the better ones are tried with a TCP connection to the broker beside it; one that has answered three times in a row takes over.
"""

import asyncio

from cabinet.core import ticks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SHUN_FIRST_MS = 30000
_SHUN_LONGEST_MS = 900000
_PROBE_MS = 10000
_LISTEN_MS = 1000  # a refused connection shows as an error when it is read
_PROOFS = 3


def _is_up(network: "Any") -> bool:
    """Whether it has an address; one that is gone altogether (a modem that hung up) must not take the others with it."""
    try:
        return network.is_up()
    except OSError:
        return False


class Interfaces:
    """As one ports.Network. `networks` in the order of preference; `return_ms`: for how long a better one must have answered."""

    def __init__(self, clock: "Any", networks: list, return_ms: int) -> None:
        self._clock = clock
        self._networks = networks
        self._return_ms = return_ms
        self._at = 0
        self._shun_ms = [0] * len(networks)  # how long it is left alone after its failure; 0: nothing is known against it
        self._since_ms = [0] * len(networks)
        self._proofs = [0] * len(networks)
        self._begin_ms = 0

    @property
    def name(self) -> str:
        """Of the one in use."""
        return self._networks[self._at].name

    def is_up(self) -> bool:
        """Whether any of them has an address."""
        return any([_is_up(network) for network in self._networks])

    async def lookup(self, name: str) -> str:
        """The address of a name, asked by the one in use."""
        return await self._networks[self._at].lookup(name)

    async def connect(self, host: str, port: int, tls: "dict | None") -> "tuple[Any, Any]":
        """By the best of those that are up. Raises OSError."""
        self._use(self._choose())
        self._begin_ms = self._clock.ticks_ms()
        return await self._networks[self._at].connect(host, port, tls)

    def _rest_ms(self, index: int) -> int:
        """For how long an interface is still to be left alone."""
        shun_ms = self._shun_ms[index]
        passed_ms = ticks.diff(self._clock.ticks_ms(), self._since_ms[index])
        return shun_ms - passed_ms if 0 <= passed_ms < shun_ms else 0  # below 0: its failure lies back more than six days

    def _choose(self) -> int:
        best = -1
        for index, network in enumerate(self._networks):
            if _is_up(network) and (best < 0 or self._rest_ms(index) < self._rest_ms(best)):
                best = index
        return max(best, 0)

    def _use(self, index: int) -> None:
        if index != self._at:
            self._at = index
            for other in range(len(self._proofs)):
                self._proofs[other] = 0

    def ended(self, received: bool) -> bool:
        """A session ended; `heard`: the broker answered to the last. True if another interface is to be tried at once."""
        at = self._at
        now_ms = self._clock.ticks_ms()
        if received:
            self._shun_ms[at] = 0
            return False
        lived_ms = ticks.diff(now_ms, self._begin_ms)
        again = 0 <= lived_ms < 2 * self._shun_ms[at]
        self._shun_ms[at] = min(2 * self._shun_ms[at], _SHUN_LONGEST_MS) if again else _SHUN_FIRST_MS
        self._since_ms[at] = now_ms
        other = self._choose()
        return other != at and not self._rest_ms(other)

    async def run(self, uplink: "Any") -> None:
        """For ever: test the preferred ones while another carries the uplink."""
        while True:
            await asyncio.sleep_ms(self._return_ms // _PROOFS)
            for index in range(self._at):
                if not uplink.connected:
                    break
                good = _is_up(self._networks[index]) and await self._answers(self._networks[index], uplink.options)
                self._proofs[index] = self._proofs[index] + 1 if good else 0
                if self._proofs[index] >= _PROOFS:
                    self._since_ms[index] = ticks.add(self._clock.ticks_ms(), -self._shun_ms[index])  # no longer left alone
                    uplink.leave("back to " + self._networks[index].name)
                    break

    async def _answers(self, network: "Any", options: "Any") -> bool:
        """Whether the broker's port is reached."""
        stream = None
        try:
            stream = (await asyncio.wait_for_ms(network.connect(options.host, options.port, None), _PROBE_MS))[0]
            count = await asyncio.wait_for_ms(stream.readinto(bytearray(1)), _LISTEN_MS)
            return bool(count)
        except asyncio.TimeoutError:
            return stream is not None  # connected, and no error came
        except (OSError, ValueError):
            return False
        finally:
            if stream is not None:
                stream.close()
                await stream.wait_closed()  # which is what closes the socket
