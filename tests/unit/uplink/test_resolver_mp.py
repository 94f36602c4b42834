"""Names looked up over UDP without holding up the loop, against a small name server in the same process."""

import asyncio
import os
import socket
import time

from cabinet.uplink.resolver import Resolver
from cabinet.uplink.waiting import Readable


class Clock:
    offset_ms = 0

    def ticks_ms(self):
        return (time.ticks_ms() + self.offset_ms) & 0x3FFFFFFF


class Server:
    """Answers with `reply(question)`; nothing if that is None."""

    def __init__(self, reply):
        self.reply = reply
        self.asked = 0
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.port = 20000 + (os.urandom(2)[0] << 8 | os.urandom(2)[1]) % 40000
        self.sock.bind(socket.getaddrinfo("127.0.0.1", self.port)[0][-1])
        self.task = asyncio.create_task(self.run())

    async def run(self):
        while True:
            await Readable(self.sock)
            data, where = self.sock.recvfrom(512)
            self.asked += 1
            for packet in self.reply(data):
                self.sock.sendto(packet, where)

    def stop(self):
        self.task.cancel()
        self.sock.close()


def with_address(data, address=b"\x0a\x00\x00\x09", ttl=60):
    """An answer with one address."""
    head = data[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00"
    return head + data[12:] + b"\xc0\x0c\x00\x01\x00\x01" + ttl.to_bytes(4, "big") + b"\x00\x04" + address


def test_a_name_is_asked_once_and_then_known_for_its_time_to_live():
    async def work():
        server, clock = Server(lambda data: [with_address(data)]), Clock()
        resolver = Resolver("127.0.0.1", server.port, clock, os.urandom)
        for _ in range(3):
            assert await resolver.lookup("broker.test") == "10.0.0.9"
        assert server.asked == 1
        clock.offset_ms = 61000
        await resolver.lookup("broker.test")
        assert server.asked == 2
        server.stop()

    asyncio.run(work())


def test_an_address_is_asked_for_again_after_a_minute_however_long_it_was_to_live():
    async def work():
        moved = []
        server, clock = Server(lambda data: [with_address(data, b"\x0a\x00\x00\x0a" if moved else b"\x0a\x00\x00\x09", 86400)]), Clock()
        resolver = Resolver("127.0.0.1", server.port, clock, os.urandom)
        assert await resolver.lookup("broker.test") == "10.0.0.9"
        moved.append(True)
        clock.offset_ms = 61000  # nobody answers at the old address, and the uplink tries again
        assert await resolver.lookup("broker.test") == "10.0.0.10"
        server.stop()

    asyncio.run(work())


def test_forged_answers_are_passed_over():
    async def work():
        def reply(data):
            wrong_id = bytes((data[0] ^ 1,)) + data[1:]
            return [with_address(wrong_id, b"\x06\x06\x06\x06"), b"", b"\x00", with_address(data)]

        server = Server(reply)
        assert await Resolver("127.0.0.1", server.port, Clock(), os.urandom).lookup("broker.test") == "10.0.0.9"
        server.stop()

    asyncio.run(work())


def test_a_silent_name_server_costs_tries_and_not_the_loop():
    async def work():
        server = Server(lambda data: [])
        resolver = Resolver("127.0.0.1", server.port, Clock(), os.urandom, timeout_ms=300, tries=2)
        ran = 0

        async def others():
            nonlocal ran
            while True:
                ran += 1
                await asyncio.sleep_ms(5)

        beside = asyncio.create_task(others())
        try:
            await resolver.lookup("broker.test")
        except OSError as error:
            assert "no name server answers" in str(error)
        else:
            raise ValueError("an address from nobody")
        assert server.asked == 2 and ran > 1
        beside.cancel()
        server.stop()

    asyncio.run(work())


def test_the_last_known_address_serves_while_no_name_server_answers():
    async def work():
        mute = []
        server, clock = Server(lambda data: [] if mute else [with_address(data)]), Clock()
        resolver = Resolver("127.0.0.1", server.port, clock, os.urandom, timeout_ms=2000, tries=1)
        await resolver.lookup("broker.test")
        mute.append(True)
        clock.offset_ms = 3_600_000
        assert await resolver.lookup("broker.test") == "10.0.0.9"
        server.stop()

    asyncio.run(work())
