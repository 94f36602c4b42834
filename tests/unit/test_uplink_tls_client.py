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
