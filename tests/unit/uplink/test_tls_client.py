"""A TLS handshake in slices: each slice that begins also ends."""

import asyncio

from cabinet.uplink import tls_client


class Turn:
    """Stands for runtime/slices.py."""

    began = ended = 0

    async def wait(self):
        self.began += 1

    def done(self):
        self.ended += 1


class Library:
    """Context and wrapped socket in one; `outcome` is what the first slice of the handshake comes to."""

    def __init__(self, outcome):
        self.outcome = outcome

    def wrap_socket(self, gate, server_hostname, do_handshake_on_connect):
        return self

    def readinto(self, buf):
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def test_a_handshake_that_fails_ends_its_slice():
    async def story():
        for outcome, said in (
            (OSError("certificate verify failed"), "tls: certificate verify failed"),
            (ValueError("bad record"), "tls: bad record"),
            (0, "tls: closed in the handshake, no TLS answer: a plain-text port?"),
        ):
            turn = Turn()
            try:
                await tls_client.wrap(None, Library(outcome), "broker", turn)
                raise AssertionError("a stream came of it")
            except OSError as error:
                assert str(error) == said
            assert (turn.began, turn.ended) == (1, 1), said

    asyncio.run(story())


class Server:
    """Sends records of the given sizes and closes."""

    def __init__(self, *sizes):
        self.data = b"".join([bytes((22, 3, 3, size >> 8, size & 255)) + bytes(size) for size in sizes])

    def readinto(self, buf):
        count = min(len(buf), len(self.data))
        buf[:count] = self.data[:count]
        self.data = self.data[count:]
        return count


class Reading:
    """Reads a header, then the rest of the record, as the TLS library does; nothing ends this handshake."""

    def wrap_socket(self, gate, server_hostname, do_handshake_on_connect):
        self.gate = gate
        self.need = 0
        self.taken = 0
        return self

    def readinto(self, buf):
        while True:
            part = bytearray(self.need or 5)
            count = self.gate.readinto(part)
            if not count:
                return count
            self.taken += count
            self.need = 0 if self.need else part[3] << 8 | part[4]


async def at_once(sock):
    """In place of waiting for a socket."""


def test_a_handshake_of_more_than_an_ordinary_size_is_not_listened_to():
    async def story():
        said = "tls: the server's handshake is longer than 6144 bytes: too many certificates"
        for sizes, taken in (((6140,), 5), ((90, 4000, 2049), 4105), ((90, 4000, 333, 4, 1675, 50), 6132)):
            library = Reading()
            try:
                await tls_client.wrap(Server(*sizes), library, "broker")
                raise AssertionError("a stream came of it")
            except OSError as error:
                assert str(error) == said
            assert library.taken == taken  # the header of the record that is too much, and not a byte of it

    before = tls_client.Readable
    tls_client.Readable = at_once
    try:
        asyncio.run(story())
    finally:
        tls_client.Readable = before


def test_an_ordinary_handshake_passes_whole():
    server = Server(90, 4100, 333, 4)
    gate = tls_client.Gate(server)
    library = Reading().wrap_socket(gate, "", False)
    for _ in range(6):
        gate.turn()
        library.readinto(None)
    assert not server.data and not gate.over
