"""TCP and TLS of a Linux or macOS machine."""

from cabinet.uplink.dial import dial
from cabinet.uplink.resolver import Resolver

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
    """See ports.Network. Names are looked up without blocking: `getaddrinfo` would hold the loop for seconds."""

    def __init__(self, clock: "Clock", random_bytes: "Callable[[int], bytes]") -> None:
        self._resolver = Resolver(name_server(), _DNS_PORT, clock, random_bytes)

    def is_up(self) -> bool:
        """The machine looks after its interfaces itself."""
        return True

    async def connect(self, host: str, port: int, tls: "dict | None") -> "tuple[Any, Any]":
        """A (reader, writer) pair; see cabinet.uplink.dial for `tls`."""
        return await dial("127.0.0.1" if host == "localhost" else host, port, tls, self._resolver)
