"""A network interface of `network` as `cabinet.ports.Network`: Ethernet and Wi-Fi alike."""

import errno

from cabinet.uplink.dial import dial
from cabinet.uplink.resolver import Resolver

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import Clock

_DNS_PORT = 53


class Interface:
    """Opens streams once the interface has an address. `hint`: what to check when it has none."""

    def __init__(self, name: str, nic: "Any", clock: "Clock", random_bytes: "Any", hint: str) -> None:
        self.name = name
        self._nic = nic
        self._clock = clock
        self._random_bytes = random_bytes
        self._hint = hint
        self._resolver: "Resolver | None" = None
        self._name_server = ""

    def is_up(self) -> bool:
        """Whether the link is up and has an address."""
        return bool(self._nic.isconnected())

    async def lookup(self, name: str) -> str:
        """The address of a host name, asked of the server that DHCP named. Raises OSError."""
        server = self._nic.ifconfig()[3]
        if self._resolver is None or server != self._name_server:  # DHCP may name another one at any time
            self._resolver, self._name_server = Resolver(server, _DNS_PORT, self._clock, self._random_bytes), server
        return await self._resolver.lookup(name)

    async def connect(self, host: str, port: int, tls: "dict | None") -> "tuple[Any, Any]":
        """An asyncio (reader, writer) pair. Raises OSError."""
        if not self.is_up():
            raise OSError(errno.EHOSTUNREACH, self._hint)
        return await dial(host, port, tls, self)
