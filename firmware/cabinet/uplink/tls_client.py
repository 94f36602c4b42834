"""TLS over a connected socket: a verified server or no stream. Imported only where TLS is on.

A handshake's public-key work cannot be divided, but it comes in slices: `Gate` lets the library have one TLS record at a time, and
between two records everything else goes on. `tls["turn"]`, if there is one, places the slices (see runtime/slices.py).

The host that answers chooses the certificates whose signatures are checked before any is accepted, and with them how long a slice
lasts. So only a handshake of an ordinary size is listened to.
"""

import asyncio
import binascii
import io

from cabinet.uplink.waiting import Readable, Writable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CHANGE_CIPHER = 20
_HEADER = 5
_CLOSE = 4  # MP_STREAM_CLOSE
HANDSHAKE_BYTES = 6144  # of the server; with a chain such as public authorities issue it takes 3 to 5 KB


def context(tls: dict) -> "Any":
    """A client context that verifies the server, always. Raises ValueError or OSError if it cannot be set up as asked."""
    import tls as library  # pyright: ignore[reportMissingImports]

    if not tls.get("ca"):
        raise ValueError("tls: no certificate authority is configured")
    made = library.SSLContext(library.PROTOCOL_TLS_CLIENT)
    made.verify_mode = library.CERT_REQUIRED
    for certificate in _der(tls["ca"]):
        made.load_verify_locations(certificate)
    if tls.get("cert"):
        made.load_cert_chain(_der(tls["cert"])[0], _der(tls["key"])[-1])  # openssl puts the curve's parameters before a key
    return made


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


class Gate(io.IOBase):  # pyright: ignore[reportUntypedBaseClass]
    """What the TLS library takes for the socket. During the handshake it hands out one record, then nothing until `turn()`."""

    def __init__(self, sock: "Any") -> None:
        self._sock = sock
        self._header = bytearray(_HEADER)
        self._at = 0  # bytes of the header that have come
        self._left = 0  # bytes of the record that are to come
        self._sum = 0  # bytes of all records that have been announced
        self._may = False
        self._ciphered = False  # what comes next is encrypted: the server's Finished, which ends the handshake
        self.shaking = True
        self.answered = False  # anything that may be TLS came in
        self.over = False  # the handshake is too long: nothing more is handed out

    def turn(self) -> None:
        """One more record may pass."""
        self._may = True

    def readinto(self, buf: "Any") -> "int | None":
        """For the library."""
        if self.shaking and (self.over or not self._may):
            return None
        count = self._sock.readinto(buf)
        if count and self.shaking:
            self._follow(buf, count)
        return count

    def _follow(self, buf: "Any", count: int) -> None:
        """The library asks for a header, then for exactly the rest of the record."""
        if self._left:
            self._left -= count
        else:
            self.answered = True
            self._header[self._at:self._at + count] = buf[:count]
            self._at += count
            if self._at < _HEADER:
                return
            self._at = 0
            self._left = self._header[3] << 8 | self._header[4]
            self._sum += _HEADER + self._left
            self.over = self._sum > HANDSHAKE_BYTES
        if not self._left:
            self._may = False
            self.shaking = not self._ciphered
            self._ciphered = self._header[0] == _CHANGE_CIPHER

    def write(self, buf: "Any") -> "int | None":
        """For the library."""
        return self._sock.write(buf)

    def ioctl(self, request: int, argument: int) -> int:
        """For the library: closing only. Waiting is done on the socket itself."""
        if request == _CLOSE:
            self._sock.close()
            return 0
        return -1


class TlsStream:
    """What session needs of an asyncio stream. It waits on the socket, which costs less than to ask the TLS library again and again."""

    def __init__(self, sock: "Any", wrapped: "Any") -> None:
        self._sock = sock
        self._tls = wrapped
        self._out = b""

    async def readinto(self, buf: memoryview) -> int:
        """Some bytes; 0 at the end."""
        await asyncio.sleep_ms(0)  # what the library has decrypted already would never let others in
        while True:
            count = self._tls.readinto(buf)
            if count is not None:
                return count
            await Readable(self._sock)

    def write(self, data: "bytes | bytearray") -> None:
        """To be sent by the next `drain`."""
        self._out += bytes(data)

    async def drain(self) -> None:
        """Send it all."""
        rest = memoryview(self._out)
        self._out = b""
        while len(rest):
            count = self._tls.write(rest)
            if count:
                rest = rest[count:]
            else:
                await Writable(self._sock)
        await asyncio.sleep_ms(0)

    def close(self) -> None:
        """Nothing more will be read or written."""
        self._tls.close()

    async def wait_closed(self) -> None:
        """It is closed already."""


async def wrap(sock: "Any", made: "Any", name: str, turn: "Any" = None) -> TlsStream:
    """Handshake on a connected non-blocking socket; the certificate must bear `name`. Raises OSError with the reason."""
    gate = Gate(sock)
    one = bytearray(1)
    try:
        wrapped = made.wrap_socket(gate, server_hostname=name, do_handshake_on_connect=False)
        while True:
            if turn is not None:
                await turn.wait()
            try:
                count = wrapped.readinto(one)  # as far as one record leads
            finally:  # a handshake that fails ends its slice too
                if turn is not None:
                    turn.done()
            if count is not None:
                raise OSError("closed in the handshake" if not count else "data before the first request")
            if gate.over:
                raise OSError("the server's handshake is longer than %d bytes: too many certificates" % HANDSHAKE_BYTES)
            if not gate.shaking:
                return TlsStream(sock, wrapped)
            gate.turn()
            await Readable(sock)
    except (OSError, ValueError) as error:
        text = "tls: %s" % str(error).strip()
        if not gate.answered and ("RESET" in text or "closed" in text):
            text += ", no TLS answer: a plain-text port?"
    raise OSError(text)
