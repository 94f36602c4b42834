"""Opens a TCP or TLS stream without ever holding up the loop. Boards with a BSD-like socket module use it for `Network.connect`.

Unlike `asyncio.open_connection` it looks names up without blocking, switches Nagle's algorithm off, verifies TLS servers or
fails, and closes what it opened when it is cancelled half-way.
"""

import socket
from asyncio.stream import Stream  # pyright: ignore[reportMissingImports]
from errno import EINPROGRESS

from cabinet.uplink.waiting import Writable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_IPPROTO_TCP = 6  # MicroPython's socket module does not name them
_TCP_NODELAY = 1


async def dial(host: str, port: int, tls: "dict | None" = None, resolver: "Any" = None, bind: "Any" = None) -> tuple:
    """(reader, writer). `resolver` has `async lookup(name) -> str`; without one, only numeric addresses are taken. `bind(sock)`
    is called before connecting.

    With `tls`, the certificate must be signed by tls["ca"] and bear tls["hostname"] (or `host`); there is no way round it.
    Certificates and keys are given as bytes, PEM text, or the name of a file.
    """
    context = turn = None
    if tls is not None:
        from cabinet.uplink import tls_client

        turn = tls.get("turn")
        if turn is not None:
            await turn.wait()
        try:
            context = tls_client.context(tls)
        finally:  # a slice that fails ends too
            if turn is not None:
                turn.done()
    address = host
    if not host.replace(".", "").isdigit():
        if resolver is None:
            raise OSError("no resolver for " + host)
        address = await resolver.lookup(host)
    info = socket.getaddrinfo(address, port, 0, socket.SOCK_STREAM)[0]  # numeric: no name server is asked
    sock = socket.socket(info[0], info[1], info[2])
    try:
        sock.setblocking(False)
        try:
            sock.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
        except (OSError, ValueError, AttributeError):
            pass  # a port without the option is slower, not wrong
        if bind is not None:
            bind(sock)
        try:
            sock.connect(info[-1])
        except OSError as error:
            if error.errno != EINPROGRESS:
                raise
        await Writable(sock)
        if tls is None:
            stream = Stream(sock)
        else:
            stream = await tls_client.wrap(sock, context, tls.get("hostname") or host, turn)
        return stream, stream
    except BaseException:
        sock.close()
        raise
