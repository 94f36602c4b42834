"""Brokers that misbehave: the session ends with a reason, memory stays bounded, no event counts as delivered."""

from __future__ import annotations

import asyncio
import json
import random
import struct
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from patience import PATIENCE_S

from swapcab.paths import MICROPYPATH, ROOT

ALONE = ROOT / "tests" / "benchmark" / "uplink" / "uplink_alone.py"
CONNACK = b"\x20\x02\x00\x00"


class Guest:
    """One connection of the cabinet, seen from the broker."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def packet(self) -> tuple[int, bytes]:
        """(first byte, body) of the next packet."""
        first = (await self.reader.readexactly(1))[0]
        length = shift = 0
        while True:
            byte = (await self.reader.readexactly(1))[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return first, await self.reader.readexactly(length)

    async def send(self, data: bytes) -> None:
        """Bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def welcome(self) -> None:
        """A good beginning: CONNACK, SUBACK."""
        await self.packet()
        await self.send(CONNACK)
        _, body = await self.packet()
        await self.send(b"\x90\x03" + body[:2] + b"\x01")

    async def acknowledge(self) -> bytes:
        """Wait for the next publish and acknowledge it; its topic and payload."""
        while True:
            first, body = await self.packet()
            if first & 0xF0 == 0x30:
                at = 2 + struct.unpack("!H", body[:2])[0]
                await self.send(b"\x40\x02" + body[at : at + 2])
                return body

    async def behave(self) -> None:
        """Acknowledge all there is."""
        while True:
            await self.acknowledge()

    async def mute(self) -> None:
        """Take everything, say nothing."""
        while await self.reader.read(65536):
            pass


Behaviour = Callable[[Guest], Awaitable[None]]


class HostileBroker:
    """Meets each connection with the next behaviour of the list, the last one for all that follow."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self.behaviours = list(behaviours)
        self.connections = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self._run, args=(ready,), daemon=True).start()
        ready.wait(PATIENCE_S)

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._meet, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behaviour = self.behaviours[min(self.connections, len(self.behaviours) - 1)]
        self.connections += 1
        try:
            await behaviour(Guest(reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def stop(self) -> None:
        """End the connections and the thread."""
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(self._loop)])
        self._loop.call_soon_threadsafe(self._loop.call_later, 0.1, self._loop.stop)


def cabinet_meets(*behaviours: Behaviour, **options: object) -> dict:
    """What the cabinet says after it has met that broker."""
    broker = HostileBroker(*behaviours)
    program = Path(sys.executable).with_name("micropython")
    env = {"MICROPYPATH": MICROPYPATH}
    given = {"host": "127.0.0.1", "port": broker.port, "seconds": PATIENCE_S, "events": 100}
    given.update(answer_ms=600000, connect_ms=600000, backoff_first_ms=50)
    command = [str(program), "-X", "heapsize=384k", str(ALONE), json.dumps({**given, **options})]
    done = subprocess.run(command, capture_output=True, env=env)
    broker.stop()
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


async def good(guest: Guest) -> None:
    """As it should be."""
    await guest.welcome()
    await guest.behave()


def after_connack(data: bytes) -> Behaviour:
    """Bytes in answer to the first publish of a session that began well."""

    async def behave(guest: Guest) -> None:
        await guest.welcome()
        await guest.packet()
        await guest.send(data)
        await guest.mute()

    return behave


async def mute_from_the_start(guest: Guest) -> None:
    await guest.mute()


async def mute_after_connack(guest: Guest) -> None:
    await guest.packet()
    await guest.send(CONNACK)
    await guest.mute()


async def hangs_up_at_once(guest: Guest) -> None:
    await guest.packet()  # what is unread would turn the end into a reset


async def does_not_read(guest: Guest) -> None:
    await guest.welcome()
    await asyncio.sleep(PATIENCE_S)


async def sends_garbage(guest: Guest) -> None:
    await guest.send(random.Random(1).randbytes(100000))
    await guest.mute()


async def refuses(guest: Guest) -> None:
    await guest.packet()
    await guest.send(b"\x20\x02\x00\x05")


async def hangs_up_in_the_middle_of_a_mebibyte(guest: Guest) -> None:
    await guest.welcome()
    await guest.acknowledge()
    await guest.send(publish(ON_COMMANDS, b"x" * (1 << 20), 1)[: 1 << 19])
    await asyncio.sleep(0.1)


async def acknowledges_twice(guest: Guest) -> None:
    await guest.welcome()
    body = await guest.acknowledge()
    at = 2 + struct.unpack("!H", body[:2])[0]
    await guest.send(b"\x40\x02" + body[at : at + 2])
    await guest.mute()


async def leaves_one_acknowledgement_out(guest: Guest) -> None:
    await guest.welcome()
    left_out = False
    while True:
        first, body = await guest.packet()
        if first & 0xF0 == 0x30:
            at = 2 + struct.unpack("!H", body[:2])[0]
            if not left_out and b"/events/a" in body[:at]:
                left_out = True
            else:
                await guest.send(b"\x40\x02" + body[at : at + 2])


async def hangs_up_after_one_event(guest: Guest) -> None:
    await guest.welcome()
    for _ in range(4):
        await guest.acknowledge()


HANG_UP = "closed by the broker"  # or the error of a write, if that comes first


def pass_only(reason: str, behaviour: Behaviour) -> pytest.param:  # type: ignore[valid-type]
    """One row of the table below."""
    return pytest.param(behaviour, reason, id=reason.replace(" ", "_"))


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        pass_only("protocol: not authorised", refuses),
        pass_only(HANG_UP, hangs_up_at_once),
        pass_only(HANG_UP, hangs_up_after_one_event),
        pass_only("protocol: ", sends_garbage),
        pass_only(HANG_UP, hangs_up_in_the_middle_of_a_mebibyte),
        pass_only("protocol: packet of 2097151 bytes, at most 1024 are taken", after_connack(b"\x90\xff\xff\x7f")),
        pass_only("protocol: PUBACK of packet id 9999, which is not in flight", after_connack(b"\x40\x02\x27\x0f")),
        pass_only("protocol: acknowledgement of packet id 0", after_connack(b"\x40\x02\x00\x00")),
        pass_only("protocol: acknowledgement of 0 bytes", after_connack(b"\x40\x00")),
        pass_only("protocol: SUBACK of nothing", after_connack(b"\x90\x03\x00\x77\x00")),
        pass_only("protocol: packet of type 15", after_connack(b"\xf0\x00")),
        pass_only("protocol: packet of type 0", after_connack(b"\x00\x00")),
        pass_only("protocol: packet of type 2", after_connack(CONNACK)),
        pass_only("protocol: PINGRESP unasked", after_connack(b"\xd0\x00")),
        pass_only("protocol: remaining length of more than 4 bytes", after_connack(b"\x30\xff\xff\xff\xff\x7f")),
        pass_only("protocol: PUBLISH with a wrong topic length", after_connack(b"\x30\x04\xff\xff\x00\x00")),
        pass_only("protocol: topic is not UTF-8", after_connack(b"\x30\x05\x00\x02\xff\xfe{")),
    ],
)
def test_a_bad_session_ends_with_its_reason_and_the_next_one_delivers_everything(behaviour: Behaviour, reason: str):
    said = cabinet_meets(behaviour, behaviour, good)
    expected = ("down: " + reason, "down: line: ") if reason == HANG_UP else ("down: " + reason,)
    assert said["reasons"] and said["reasons"][0].startswith(expected), said["reasons"]
    assert (said["backlog"], said["acked_a"]) == (0, 100)


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        pass_only("no CONNACK within 2000 ms", mute_from_the_start),
        pass_only("no PUBACK within 2000 ms", mute_after_connack),
    ],
)
def test_a_broker_that_does_not_answer_is_left_and_the_next_one_gets_everything(behaviour: Behaviour, reason: str):
    said = cabinet_meets(behaviour, good, answer_ms=2000)
    assert "down: " + reason in said["reasons"]
    assert (said["backlog"], said["acked_a"]) == (0, 100)


def test_one_bad_session_after_the_other_ends_with_its_reason():
    bad = {
        "PUBACK of packet id 2, which is not in flight": acknowledges_twice,
        "acknowledgement of 3 bytes": after_connack(b"\x40\x03\x00\x01\x00"),
        "acknowledgement of 2 bytes": after_connack(b"\x90\x02\x00\x01"),
        "PINGRESP with content": after_connack(b"\xd0\x01\x00"),
        "PUBLISH with QoS 2": after_connack(b"\x34\x06\x00\x01a\x00\x01x"),
        "PUBLISH with packet id 0": after_connack(b"\x32\x06\x00\x01a\x00\x00x"),
        "PUBLISH too short": after_connack(b"\x30\x01\x00"),
        "topic with a forbidden character": after_connack(b"\x30\x04\x00\x01#x"),
        "PUBLISH with a wrong topic length": after_connack(publish(b"t" * 1100, b"x", 1)),
        "packet of 1024 bytes, at most 1024 are taken": after_connack(b"\x40\x80\x08"),
        "packet of 268435455 bytes, at most 1024 are taken": after_connack(b"\xd0\xff\xff\xff\x7f"),
    }
    said = cabinet_meets(*bad.values(), good, backoff_first_ms=200, backoff_max_ms=200)
    assert said["reasons"] == ["down: protocol: " + reason for reason in bad]
    assert (said["backlog"], said["acked_a"]) == (0, 100)


def test_a_single_acknowledgement_that_never_comes_ends_the_session():
    said = cabinet_meets(leaves_one_acknowledgement_out, good, events=400, batch=1, window=4)
    assert said["reasons"] == ["down: protocol: a PUBACK was left out"]
    assert (said["backlog"], said["acked_a"], said["sessions"]) == (0, 400, 2)


def publish(topic: bytes, payload: bytes, number: int) -> bytes:
    """A PUBLISH with QoS 1 of any size."""
    body = struct.pack("!H", len(topic)) + topic + struct.pack("!H", number) + payload
    length, made = len(body), bytearray(b"\x32")
    while True:
        made.append(length & 0x7F | (0x80 if length > 0x7F else 0))
        length >>= 7
        if not length:
            return bytes(made) + body


ON_COMMANDS = b"swapcab/v1/cab-1/commands"
NO_COMMANDS = (
    b"{", b"\xff\xfe", b"null", b"[]", b"0", b'""', b"{}", b"[" * 500, b'{"id": "\xc3\x28"}', b'{"id": "a"', b"\x00" * 100,
    b'{"id": 5, "kind": []}',
    b'{"id": "a", "kind": "unlock", "slot": 1e9}', b'{"id": "a", "kind": "unlock", "slot": 99999999999999999999999}',
)  # fmt: skip


def test_commands_of_any_size_and_content_are_answered_and_the_session_goes_on():
    sizes = [1, 2, 3, 100, 127, 128, 129, 511, 512, 513, 900, 960]
    sent = [*(b"x" * size for size in sizes), *NO_COMMANDS]
    acknowledged: set[int] = set()

    async def odd(guest: Guest) -> None:
        await guest.welcome()
        for number, payload in enumerate(sent, 1):
            await guest.send(publish(ON_COMMANDS, payload, number))
            while number not in acknowledged:
                first, body = await guest.packet()
                if first == 0x40:
                    acknowledged.add(struct.unpack("!H", body)[0])
                elif first & 0xF0 == 0x30:
                    at = 2 + struct.unpack("!H", body[:2])[0]
                    await guest.send(b"\x40\x02" + body[at : at + 2])
        for size in (1, 2, 200, 900):  # topics that nobody asked for
            await guest.send(publish(b"t" * size, b"", 1))
        await guest.behave()

    said = cabinet_meets(odd, fresh=30, fresh_ms=50)
    assert acknowledged == set(range(1, len(sent) + 1))
    assert (said["backlog"], said["failures"], said["commands"]) == (0, 0, [])
    assert said["commands_refused"] == len(sent)


def test_retained_commands_of_any_size_are_read_past_and_the_backlog_drains():
    sizes = (1000, 2000, 65536, 1 << 20)
    acknowledged: list[int] = []

    async def keeps_large_ones(guest: Guest) -> None:
        await guest.welcome()
        for number, size in enumerate(sizes, 1):
            await guest.send(b"\x33" + publish(ON_COMMANDS, b"x" * size, number)[1:])
        await guest.send(publish(ON_COMMANDS, b'{"id": "a", "kind": "clear"}', 9))
        while True:
            first, body = await guest.packet()
            if first == 0x40:
                acknowledged.append(struct.unpack("!H", body)[0])
            elif first & 0xF0 == 0x30:
                at = 2 + struct.unpack("!H", body[:2])[0]
                await guest.send(b"\x40\x02" + body[at : at + 2])

    said = cabinet_meets(keeps_large_ones, events=300, batch=2, fresh=30, fresh_ms=50)
    assert (said["backlog"], said["failures"], said["sessions"], said["commands"]) == (0, 0, 1, ["a"])
    assert said["commands_dropped"] == len(sizes) and acknowledged[:4] == [1, 2, 3, 4]


def test_a_broker_that_speaks_byte_by_byte_is_understood():
    async def slowly(guest: Guest) -> None:
        whole = guest.send

        async def send(data: bytes) -> None:
            for byte in data:
                await whole(bytes((byte,)))
                await asyncio.sleep(0.001)

        guest.send = send  # type: ignore[method-assign]
        await guest.welcome()
        await guest.behave()

    said = cabinet_meets(slowly)
    assert (said["backlog"], said["failures"], said["sessions"]) == (0, 0, 1)


def test_ten_megabytes_that_nobody_asked_for_leave_the_memory_alone():
    async def pour(guest: Guest) -> None:
        await guest.welcome()
        rubbish = (b"\x30\x8f\x07\x00\x01t" + b"x" * 908) * 100  # QoS 0: nothing holds the sender back

        async def pouring() -> None:
            for _ in range(110):
                await guest.send(rubbish)

        task = asyncio.create_task(pouring())
        await guest.behave()
        await task

    said = cabinet_meets(pour, good, events=300, batch=2)
    assert said["backlog"] == 0 and said["acked_a"] == 300


def test_a_line_that_takes_nothing_ends_the_session():
    said = cabinet_meets(does_not_read, good, events=60000, batch=16, window=64, batch_bytes=65536, answer_ms=2000)
    assert said["reasons"][0] in ("down: line takes nothing for 2000 ms", "down: no PUBACK within 2000 ms")
    assert said["backlog"] == 0


def test_an_event_that_nobody_acknowledged_stays_in_the_journal():
    said = cabinet_meets(mute_after_connack, answer_ms=500, refusals=1)
    assert said["acked_a"] == 0 and said["head_a"] == 100
    assert said["failures"] >= 1


def test_a_flood_of_commands_neither_ends_the_drain_nor_the_process():
    async def flood(guest: Guest) -> None:
        await guest.welcome()
        topic = b"swapcab/v1/cab-1/commands"

        async def pour() -> None:
            for number in range(1, 2000):
                text = json.dumps({"id": f"f{number}", "kind": "unlock", "slot": 3}).encode()
                body = struct.pack("!H", len(topic)) + topic + struct.pack("!H", number) + text
                await guest.send(bytes((0x32, len(body))) + body)

        pouring = asyncio.create_task(pour())
        try:
            await guest.behave()
        finally:
            pouring.cancel()

    said = cabinet_meets(flood, flood, flood, good, events=300)
    assert said["backlog"] == 0
    assert len(said["commands"]) == len(set(said["commands"]))


def test_acknowledgements_in_reverse_order_are_as_good():
    async def reverse(guest: Guest) -> None:
        await guest.welcome()
        held: list[bytes] = []
        while True:
            try:
                first, body = await asyncio.wait_for(guest.packet(), 0.1)
            except asyncio.TimeoutError:
                if held:
                    await guest.send(b"".join(reversed(held)))
                    held.clear()
                continue
            if first & 0xF6 == 0x32:
                at = 2 + struct.unpack("!H", body[:2])[0]
                held.append(b"\x40\x02" + body[at : at + 2])

    said = cabinet_meets(reverse, events=200, batch=3)
    assert (said["backlog"], said["sessions"], said["failures"]) == (0, 1, 0)


def test_a_broker_that_refuses_the_subscription_still_gets_the_events():
    async def no_commands(guest: Guest) -> None:
        await guest.packet()
        await guest.send(CONNACK)
        _, body = await guest.packet()
        await guest.send(b"\x90\x03" + body[:2] + b"\x80")
        await guest.behave()

    said = cabinet_meets(no_commands)
    assert said["backlog"] == 0 and said["failures"] == 0
    assert said["state"] == "connected, commands refused by the broker"
