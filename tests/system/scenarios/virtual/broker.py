# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
"""A small MQTT 3.1.1 broker as a state machine, which is also the platform behind it: it records every event it is given.

As `ports.Network` it is what the board hands to the uplink. `mode` is what is wrong with it: "up", "gone" (refuses
connections), "dns" (no such name), "mute" (accepts and says nothing), "stuck" (takes no bytes), "slow" (answers late).
"""

import asyncio
import json
from errno import ECONNREFUSED, ECONNRESET

from virtual.timebase import Stream, VirtualTime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MODES = ("gone", "dns", "mute", "stuck", "slow", "reset", "link")
_CONNECT_US = 30_000


class Broker:
    """One client at a time; a new connection replaces the old one."""

    def __init__(self, time: VirtualTime, rng: "Any", on_event: "Any") -> None:
        self._time = time
        self._rng = rng
        self._on_event = on_event  # called with (ring letter, envelope)
        self.mode = "up"
        self._stream = None
        self._swallowed = None  # a connection of which bytes went nowhere: none of its later ones may arrive
        self._buf = bytearray()
        self._subscribed = False
        self._pid = 0
        self._in_us = 0  # bytes overtake each other in neither direction
        self._out_us = 0
        self.connections = 0
        self.messages = 0
        self.results = {}  # command id: answer
        self.births = 0
        self.slots = {}

    # ---- ports.Network ----

    def is_up(self) -> bool:
        """See ports.Network."""
        return self.mode != "link"

    async def connect(self, host: str, port: int, tls: "dict | None") -> tuple:
        """See ports.Network."""
        await asyncio.sleep_ms(_CONNECT_US // 1000)
        if self.mode == "gone" or self.mode == "link":
            raise OSError(ECONNREFUSED)
        if self.mode == "dns":
            await asyncio.sleep_ms(8000)
            raise OSError(-2)
        self.connections += 1
        self._buf = bytearray()
        self._subscribed = False
        self._stream = Stream(self._time, self._sent)
        self._stream.stuck = self.mode == "stuck"
        return self._stream, self._stream

    # ---- trouble ----

    def set_mode(self, mode: str) -> None:
        """What is wrong from now on."""
        self.mode = "up" if mode == "reset" else mode
        stream = self._stream
        if stream is None:
            return
        if mode in ("gone", "dns", "reset", "link"):
            self._stream = None
            stream.end(ECONNRESET)
        else:
            stream.stuck = mode == "stuck"

    def lost_power(self) -> None:
        """The client is gone without a word."""
        self._stream = None

    # ---- bytes ----

    def _delay_us(self) -> int:
        if self.mode == "slow":
            return 1_500_000 + self._rng.below(3_000_000)
        return 15_000 + self._rng.below(30_000)

    def _sent(self, stream: Stream, data: bytes) -> None:
        if data and stream is self._stream:
            self._in_us = max(self._in_us, self._time.now_us + self._delay_us() // 2)
            self._time.at(self._in_us, self._receive, (stream, data))

    def _answer(self, stream: Stream, data: bytes) -> None:
        self._out_us = max(self._out_us, self._time.now_us + self._delay_us() // 2)
        self._time.at(self._out_us, self._deliver, (stream, data))

    def _deliver(self, what: tuple) -> None:
        stream, data = what
        if not self._lost(stream):
            stream.deliver(data)

    def _receive(self, what: tuple) -> None:
        stream, data = what
        if self._lost(stream):
            return
        self._buf.extend(data)
        while True:
            packet = self._packet()
            if packet is None:
                return
            self._handle(stream, packet[0], packet[1])

    def _lost(self, stream: Stream) -> bool:
        """Whether bytes on this connection go nowhere. TCP has no gaps: once some have, so do all that follow."""
        if stream is not self._stream:
            return True
        if self.mode == "mute":
            self._swallowed = stream
        return stream is self._swallowed

    def _packet(self) -> "tuple | None":
        buf = self._buf
        length = shift = 0
        at = 1
        while True:
            if at >= len(buf):
                return None
            byte = buf[at]
            at += 1
            length |= (byte & 0x7F) << shift
            if not byte & 0x80:
                break
            shift += 7
        if len(buf) < at + length:
            return None
        packet = (buf[0], bytes(buf[at : at + length]))
        self._buf = buf[at + length :]
        return packet

    def _handle(self, stream: Stream, head: int, body: bytes) -> None:
        kind = head & 0xF0
        if kind == 0x10:
            self._answer(stream, b"\x20\x02\x00\x00")
        elif kind == 0x80:
            self._subscribed = True
            self._answer(stream, b"\x90\x03" + body[:2] + b"\x01")
        elif kind == 0xC0:
            self._answer(stream, b"\xd0\x00")
        elif kind == 0x30:
            size = body[0] << 8 | body[1]
            topic = body[2 : 2 + size].decode()
            at = 2 + size
            if head & 6:
                pid = body[at : at + 2]
                at += 2
                self._publish(topic, body[at:])
                self._answer(stream, b"\x40\x02" + pid)
            else:
                self._publish(topic, body[at:])

    def _publish(self, topic: str, payload: bytes) -> None:
        self.messages += 1
        parts = topic.split("/")
        name = parts[3]
        if name == "events":
            body = json.loads(payload)
            before = {}
            for envelope in body if isinstance(body, list) else (body,):
                before = dict(before, **envelope)  # in an array, what is the same as in the one before is left out
                self._on_event(parts[4].upper(), before)
        elif name == "results":
            answer = json.loads(payload)
            self.results[answer["id"]] = answer
        elif name == "birth":
            self.births += 1
        elif name == "slots":
            self.slots[parts[4]] = payload

    # ---- the platform ----

    def command(self, command: dict, cabinet: str = "cab-0001") -> bool:
        """Send a command; False if nobody is there to take it."""
        stream = self._stream
        if stream is None or not self._subscribed or self.mode != "up":
            return False
        self._pid = self._pid % 60000 + 1
        topic = ("swapcab/v1/%s/commands" % cabinet).encode()
        payload = json.dumps(command).encode()
        body = bytes((len(topic) >> 8, len(topic) & 255)) + topic + bytes((self._pid >> 8, self._pid & 255)) + payload
        size = bytes((len(body),)) if len(body) < 128 else bytes((len(body) & 127 | 128, len(body) >> 7))
        self._answer(stream, b"\x32" + size + body)
        return True
