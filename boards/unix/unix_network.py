"""TCP and TLS of a Linux or macOS machine."""

import asyncio
import errno
import select
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_IPPROTO_TCP = 6
_TCP_NODELAY = 1
_CONNECT_MS = 10_000
_POLL_MS = 5


class UnixNetwork:
    """See ports.Network."""

    def is_up(self) -> bool:
        """The machine looks after its interfaces itself."""
        return True

    async def connect(self, host: str, port: int, tls: "dict | None") -> tuple:
        """A (reader, writer) pair. `tls`: {"ca": file, "cert": file, "key": file, "hostname": str}; "ca" must be there."""
        info = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0]
        sock = socket.socket(info[0], info[1], info[2])
        try:
            sock.setblocking(False)
            sock.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
            try:
                sock.connect(info[-1])
            except OSError as error:
                if error.errno != errno.EINPROGRESS:
                    raise
            await _connected(sock)
            stream = sock if tls is None else _secure(sock, host, tls)
        except BaseException:
            sock.close()
            raise
        pair = asyncio.StreamReader(stream)
        return pair, pair


async def _connected(sock: "Any") -> None:
    poller = select.poll()
    poller.register(sock, select.POLLOUT)
    for _ in range(_CONNECT_MS // _POLL_MS):
        for _, event in poller.ipoll(0):
            if event & (select.POLLERR | select.POLLHUP):
                raise OSError(errno.ECONNREFUSED)
            return
        await asyncio.sleep_ms(_POLL_MS)
    raise OSError(errno.ETIMEDOUT)


def _secure(sock: "Any", host: str, options: dict) -> "Any":
    import tls  # type: ignore

    if not options.get("ca"):
        raise ValueError("tls.ca is missing: a broker is not trusted without a certificate to check it by")
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = tls.CERT_REQUIRED
    context.load_verify_locations(_content(options["ca"]))
    if options.get("cert"):
        context.load_cert_chain(_content(options["cert"]), _content(options["key"]))
    secured = context.wrap_socket(sock, server_hostname=options.get("hostname") or host, do_handshake_on_connect=False)
    secured.setblocking(False)
    return secured


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
