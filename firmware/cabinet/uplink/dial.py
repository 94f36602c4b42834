"""Opens a TCP or TLS stream without ever holding up the loop. Boards with a BSD-like socket module use it for `Network.connect`.

Unlike `asyncio.open_connection` it looks names up without blocking, switches Nagle's algorithm off, verifies TLS servers or
fails, and closes what it opened when it is cancelled half-way.
"""

import socket
from asyncio.stream import Stream
from errno import EINPROGRESS

from cabinet.uplink.dns import is_numeric
from cabinet.uplink.waiting import Writable

_IPPROTO_TCP = 6  # MicroPython's socket module does not name them
_TCP_NODELAY = 1


def tls_context(tls: dict):
    """A client context that verifies the server, always. Raises ValueError or OSError if it cannot be set up as asked."""
    import tls as library

    if not tls.get("ca"):
        raise ValueError("tls: no certificate authority is configured")
    context = library.SSLContext(library.PROTOCOL_TLS_CLIENT)
    context.verify_mode = library.CERT_REQUIRED
    context.load_verify_locations(_content(tls["ca"]))
    if tls.get("cert"):
        context.load_cert_chain(_content(tls["cert"]), _content(tls["key"]))
    return context


def _content(given: "str | bytes") -> bytes:
    if isinstance(given, bytes):
        return given
    if "-----BEGIN" in given:
        return given.encode()
    with open(given, "rb") as file:
        return file.read()


async def dial(host: str, port: int, tls: "dict | None" = None, resolver=None, context=None) -> tuple:
    """(reader, writer). `resolver` has `async lookup(name) -> str`; without one, only numeric addresses are taken.

    With `tls`, the certificate must be signed by tls["ca"] and bear tls["hostname"] (or `host`); there is no way round it.
    Certificates and keys are given as bytes, PEM text, or the name of a file.
    """
    address = host
    if not is_numeric(host):
        if resolver is None:
            raise OSError("no resolver for " + host)
        address = await resolver.lookup(host)
    if tls is not None and context is None:
        context = tls_context(tls)
    info = socket.getaddrinfo(address, port, 0, socket.SOCK_STREAM)[0]  # numeric: nobody is asked
    sock = socket.socket(info[0], info[1], info[2])
    stream = None
    try:
        sock.setblocking(False)
        try:
            sock.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
        except (OSError, ValueError, AttributeError):
            pass  # a port without the option is slower, not wrong
        try:
            sock.connect(info[-1])
        except OSError as error:
            if error.errno != EINPROGRESS:
                raise
        await Writable(sock)
        stream = Stream(sock)
        if tls is not None:
            name = tls.get("hostname") or host
            wrapped = context.wrap_socket(sock, server_hostname=name, do_handshake_on_connect=False)
            wrapped.setblocking(False)
            stream = Stream(wrapped)
        return stream, stream
    except BaseException:
        sock.close()
        raise
