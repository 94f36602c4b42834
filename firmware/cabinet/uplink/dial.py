"""Opens a TCP or TLS stream without ever holding up the loop. Boards with a BSD-like socket module use it for `Network.connect`.

Unlike `asyncio.open_connection` it looks names up without blocking, switches Nagle's algorithm off, verifies TLS servers or
fails, and closes what it opened when it is cancelled half-way.
"""

import binascii
import socket
from asyncio.stream import Stream  # pyright: ignore[reportMissingImports]
from errno import EINPROGRESS

from cabinet.uplink.dns import is_numeric
from cabinet.uplink.waiting import Writable

_IPPROTO_TCP = 6  # MicroPython's socket module does not name them
_TCP_NODELAY = 1


def tls_context(tls: dict):
    """A client context that verifies the server, always. Raises ValueError or OSError if it cannot be set up as asked."""
    import tls as library  # pyright: ignore[reportMissingImports]

    if not tls.get("ca"):
        raise ValueError("tls: no certificate authority is configured")
    context = library.SSLContext(library.PROTOCOL_TLS_CLIENT)
    context.verify_mode = library.CERT_REQUIRED
    for certificate in _der(tls["ca"]):
        context.load_verify_locations(certificate)
    if tls.get("cert"):
        context.load_cert_chain(_der(tls["cert"])[0], _der(tls["key"])[0])
    return context


def _der(given: "str | bytes") -> list:
    """The DER content of what was given as bytes, PEM text or the name of a file: the library reads nothing else."""
    if isinstance(given, str) and "-----BEGIN" not in given:
        with open(given, "rb") as file:
            given = file.read()
    data = given.encode() if isinstance(given, str) else given
    if b"-----BEGIN" not in data:
        return [data]
    found = []
    for part in data.split(b"-----BEGIN ")[1:]:
        _, _, rest = part.partition(b"-----")
        found.append(binascii.a2b_base64(rest.partition(b"-----END")[0].replace(b"\n", b"").replace(b"\r", b"")))
    return found


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
    if tls is None:
        context = None
    elif context is None:
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
        if tls is not None and context is not None:
            name = tls.get("hostname") or host
            wrapped = context.wrap_socket(sock, server_hostname=name, do_handshake_on_connect=False)
            wrapped.setblocking(False)
            stream = Stream(wrapped)
        return stream, stream
    except BaseException:
        sock.close()
        raise
