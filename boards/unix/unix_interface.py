"""One interface of a machine: by an address of it, or (Linux) by its name, such as eth0 or ppp0."""

import os
import socket

from unix_network import UnixNetwork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SOL_SOCKET = 1  # Linux
_SO_BINDTODEVICE = 25
_NICS = "/sys/class/net"


class UnixInterface(UnixNetwork):
    """See ports.Network. Raises ValueError for an interface that the machine does not have."""

    def __init__(self, clock: "Any", random_bytes: "Any", name: str) -> None:
        super().__init__(clock, random_bytes)
        self.name = name
        self._is_address = name.replace(".", "").isdigit()
        if not self._is_address:
            try:
                there = sorted([row[0] for row in os.ilistdir(_NICS)])  # type: ignore[attr-defined]
            except OSError:
                there = []
            if name not in there:
                raise ValueError("no network interface %s on this machine; it has: %s" % (name, ", ".join(there)))

    def is_up(self) -> bool:
        """Whether it has a link; a setting that is an address counts as up."""
        if self._is_address:
            return True
        try:
            with open("%s/%s/operstate" % (_NICS, self.name)) as file:
                return file.read().strip() in ("up", "unknown")  # loopback and tunnels do not know
        except OSError:  # ppp0 is not there while the modem does not dial
            return False

    def bind(self, sock: "Any") -> None:
        """So that the stream goes out by this interface."""
        if self._is_address:
            sock.bind(socket.getaddrinfo(self.name, 0)[0][-1])
        else:
            sock.setsockopt(_SOL_SOCKET, _SO_BINDTODEVICE, self.name.encode() + b"\0")
