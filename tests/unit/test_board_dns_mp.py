"""The board's name lookup against a name server on this machine, and CAN as something that asyncio can wait on."""

import asyncio
import socket
import sys

ROOT = __file__.replace("\\", "/")[: -len("tests/unit/test_board_dns_mp.py")] or "./"
sys.path[:0] = [ROOT + "boards/nucleo_h743zi2"]

from dns_client import DnsClient  # noqa: E402
from stm32_can import CanLine  # noqa: E402

sys.path.remove(ROOT + "boards/nucleo_h743zi2")


class Server:
    """A name server that answers as it is told."""

    def __init__(self, replies):
        self.replies = replies
        self.asked = 0
        self.sock = None
        for port in range(15353, 15453):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                sock.bind(socket.getaddrinfo("127.0.0.1", port, 0, socket.SOCK_DGRAM)[0][-1])
                self.sock, self.port = sock, port
                break
            except OSError:
                sock.close()
        self.sock.setblocking(False)

    async def run(self):
        """For ever."""
        while True:
            try:
                query, peer = self.sock.recvfrom(512)
                self.asked += 1
                reply = self.replies.pop(0) if self.replies else None
                if reply is not None:
                    self.sock.sendto(reply(query), peer)
            except OSError:
                pass
            await asyncio.sleep_ms(1)


def good(query):
    """192.0.2.7."""
    return query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:] + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\x00\x02\x07"


def forged(query):
    """An answer with another id."""
    return bytes((query[0] ^ 1,)) + good(query)[1:]


def ask(replies, names):
    """What the client finds for each of `names`, and how often the server was asked."""

    async def run():
        server = Server(replies)
        task = asyncio.create_task(server.run())
        client = DnsClient(lambda: "127.0.0.1", server.port, 60)
        found = []
        for name in names:
            try:
                found.append(await client.lookup(name))
            except OSError:
                found.append(None)
        task.cancel()
        server.sock.close()
        return found, server.asked

    return asyncio.run(run())


def test_a_name_is_found():
    assert ask([good], ["broker.example.org"]) == (["192.0.2.7"], 1)


def test_a_lost_answer_is_asked_for_again():
    assert ask([None, good], ["broker.example.org"]) == (["192.0.2.7"], 2)


def test_a_forged_answer_is_not_believed():
    assert ask([forged, forged, forged], ["broker.example.org"]) == ([None], 3)


def test_the_last_good_address_serves_while_the_name_server_is_down():
    assert ask([good], ["broker.example.org", "broker.example.org", "other.example.org"])[0] == ["192.0.2.7", "192.0.2.7", None]


class Can:
    """As much of machine.CAN as is needed to wait on it."""

    FLAG_RTR, FLAG_EXT_ID, RECV_ERR_OVERRUN = 1, 2, 2

    def __init__(self):
        self.pending = 0

    def set_filters(self, filters):
        """Nothing to filter."""

    def get_counters(self, into):
        """Only what waits."""
        into[6] = self.pending


class Wait:
    """One bare yield until `stream` can be read."""

    def __init__(self, stream):
        self.stream = stream
        self.asked = False

    def __iter__(self):
        return self

    def __next__(self):
        if self.asked:
            raise StopIteration
        self.asked = True
        return asyncio.core._io_queue.queue_read(self.stream)


def test_a_task_that_waits_for_can_frames_wakes_when_one_comes_and_lets_others_run():
    can = Can()
    line = CanLine(can, 250000)
    seen = []

    async def reader():
        await Wait(line.stream)
        seen.append("frame")

    async def run():
        task = asyncio.create_task(reader())
        for _ in range(5):
            await asyncio.sleep_ms(1)
            seen.append("tick")
        can.pending = 1
        await task

    asyncio.run(run())
    assert seen == ["tick"] * 5 + ["frame"]
