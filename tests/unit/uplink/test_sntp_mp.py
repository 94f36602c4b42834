"""Time asked over UDP against a small server in the same process."""

import asyncio
import os
import socket
import time

from cabinet.uplink.sntp import Sntp
from cabinet.uplink.waiting import Readable


class Clock:
    def ticks_ms(self):
        return time.ticks_ms() & 0x3FFFFFFF


def serve(port, seconds):
    """A server that sends garbage, then an answer to somebody else, then the answer."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])

    async def work():
        while True:
            await Readable(sock)
            data, where = sock.recvfrom(64)
            head = b"\x24\x01" + bytes(22)
            tail = bytes(8) + (seconds + 2208988800).to_bytes(4, "big") + bytes(4)
            for packet in (b"x", head + b"somebody" + tail, head + data[40:48] + tail):
                sock.sendto(packet, where)

    return sock, asyncio.create_task(work())


def sntp(port, take, servers=("127.0.0.1",)):
    """Asks that port."""
    return Sntp(list(servers), Clock(), os.urandom, take, port=port)


def test_the_time_is_taken_from_the_right_answer():
    async def work():
        port = 20000 + int.from_bytes(os.urandom(2), "big") % 40000
        sock, task = serve(port, 1_700_000_123)
        reported = []

        def take(server, seconds):
            reported.append((server, seconds))
            return True

        asked = sntp(port, take)
        assert await asked.round()
        assert reported == [("127.0.0.1", 1_700_000_123)] and asked.state_text == "synchronised"
        task.cancel()
        sock.close()

    asyncio.run(work())


def test_the_next_server_is_asked_where_one_is_silent_or_not_believed():
    async def work():
        port = 20000 + int.from_bytes(os.urandom(2), "big") % 40000
        sock, task = serve(port, 1_700_000_123)
        reported = []

        def take(server, seconds):
            reported.append(server)
            return len(reported) == 2

        asked = sntp(port, take, ("no.name.without.resolver", "127.0.0.1", "127.0.0.1"))
        assert await asked.round()
        assert (len(reported), asked.failures, asked.answers) == (2, 1, 2)
        task.cancel()
        sock.close()

    asyncio.run(work())


def test_silence_is_an_error_and_no_time():
    async def work():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        port = 20000 + int.from_bytes(os.urandom(2), "big") % 40000
        sock.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
        try:
            await sntp(port, None).ask("127.0.0.1", 50)
        except OSError as error:
            assert "no answer" in str(error)
        else:
            raise ValueError("a time from nobody")
        sock.close()

    asyncio.run(work())
