"""TCP and TLS of a Linux or macOS machine, by whatever way it has."""

from cabinet.uplink.dial import dial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cabinet.ports import Clock

_RESOLV_CONF = "/etc/resolv.conf"
_DNS_PORT = 53


def name_server(path: str = _RESOLV_CONF) -> str:
    """The first name server of the machine, or the loopback address if none is configured."""
    try:
        with open(path) as file:
            for line in file:
                words = line.split()
                if len(words) > 1 and words[0] == "nameserver" and ":" not in words[1]:
                    return words[1]
    except OSError:
        pass
    return "127.0.0.1"


class UnixNetwork:
    """See ports.Network."""

    name = ""
    bind: "Any" = None  # called with each socket before it connects; see unix_interface.py

    def __init__(self, clock: "Clock", random_bytes: "Callable[[int], bytes]") -> None:
        self._clock = clock
        self._random_bytes = random_bytes
        self._resolver: "Any" = None

    def is_up(self) -> bool:
        """The machine manages its interfaces itself."""
        return True

    async def lookup(self, name: str) -> str:
        """The address of a name."""
        if name == "localhost":
            return "127.0.0.1"
        if self._resolver is None:
            from cabinet.uplink.resolver import Resolver

            self._resolver = Resolver(name_server(), _DNS_PORT, self._clock, self._random_bytes)
        return await self._resolver.lookup(name)

    async def connect(self, host: str, port: int, tls: "dict | None") -> "tuple[Any, Any]":
        """A (reader, writer) pair; see cabinet.uplink.dial for `tls`. Names are looked up without blocking."""
        return await dial(host, port, tls, self, self.bind)
