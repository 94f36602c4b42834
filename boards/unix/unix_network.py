"""TCP and TLS of a Linux or macOS machine, by whatever way it has or by one interface of it."""

import os
import socket

from cabinet.uplink.dial import dial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cabinet.ports import Clock

_RESOLV_CONF = "/etc/resolv.conf"
_DNS_PORT = 53
_SOL_SOCKET = 1  # Linux
_SO_BINDTODEVICE = 25
_NICS = "/sys/class/net"


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
    """See ports.Network. `name`: "" for the machine's own routing, an address of the machine, or (Linux) an interface such as eth0."""

    def __init__(self, clock: "Clock", random_bytes: "Callable[[int], bytes]", name: str = "") -> None:
        self.name = name
        self._clock = clock
        self._random_bytes = random_bytes
        self._resolver: "Any" = None
        self._is_address = name.replace(".", "").isdigit()
        if name and not self._is_address:
            there = [row[0] for row in os.ilistdir(_NICS)]
            if name not in there:
                raise ValueError("no network interface %s on this machine; it has: %s" % (name, ", ".join(sorted(there))))

    def is_up(self) -> bool:
        """Whether the interface has a link; without one by name the machine looks after that itself."""
        if not self.name or self._is_address:
            return True
        with open("%s/%s/operstate" % (_NICS, self.name)) as file:
            return file.read().strip() in ("up", "unknown")  # loopback and tunnels do not know

    def _bind(self, sock: "Any") -> None:
        if self._is_address:
            sock.bind(socket.getaddrinfo(self.name, 0)[0][-1])
        else:
            sock.setsockopt(_SOL_SOCKET, _SO_BINDTODEVICE, self.name.encode() + b"\0")

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
        return await dial(host, port, tls, self, self._bind if self.name else None)
