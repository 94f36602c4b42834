"""MQTT 3.1.1 packets, encoded and decoded by `umqtt.simple` without its ever touching a socket.

The library's module global `socket` is replaced by a maker of memory objects. Going out, the input is empty: the method
writes its whole request into memory and is stopped by `Dry` where it would wait for the answer. Coming in, `wait_msg` is
called only with a complete and checked packet, so that it never waits either. The library itself stays unmodified.

`Framer` cuts the byte stream into packets and bounds their size; every check that the library leaves out is made here.
"""

import umqtt.simple as _umqtt  # pyright: ignore[reportMissingImports]
from micropython import const

CONNACK = const(0x20)
PUBLISH = const(0x30)
PUBACK = const(0x40)
SUBACK = const(0x90)
PINGRESP = const(0xD0)

_DUP = const(0x08)
MAX_TOPIC = const(110)  # the library writes the length of a SUBSCRIBE into one byte


class ProtocolError(Exception):
    """The other end sent something that no MQTT 3.1.1 broker may send. The session cannot go on."""


class Dry(Exception):
    """The library wants to read where nothing has been put: its request is complete."""


def _nothing(self: object, *arguments: object) -> None:
    """What a socket would do and memory need not."""


class _Memory:
    """What the library takes for a socket."""

    connect = settimeout = setblocking = close = _nothing

    def __init__(self) -> None:
        self.out = bytearray()
        self.inp: "bytes | memoryview" = b""
        self.pos = 0

    def write(self, data, count=None) -> int:
        if count is None:
            count = len(data)
            self.out.extend(data)
        else:
            self.out.extend(data[:count])
        return count

    def read(self, count: int) -> bytes:
        end = self.pos + count
        if end > len(self.inp):
            raise Dry()
        data = bytes(self.inp[self.pos:end])
        self.pos = end
        return data


class _MemorySockets:
    """What the library takes for the module `socket`."""

    def __init__(self) -> None:
        self.made = _Memory()

    def socket(self, *arguments: object) -> _Memory:
        self.made = _Memory()
        return self.made

    def getaddrinfo(self, host: object, port: object, *arguments: object) -> list:
        return [(0, 0, 0, "", (host, port))]


def _to_bytes(text: "str | bytes | None") -> "bytes | None":
    return text.encode() if isinstance(text, str) else text


class Message:
    """One PUBLISH from the broker. `puback` is what must be sent once it has been handled; empty for QoS 0."""

    def __init__(self, topic: str, payload: bytes, retained: bool, puback: bytes) -> None:
        self.topic = topic
        self.payload = payload
        self.retained = retained
        self.puback = puback


class Codec:
    """Encodes requests and decodes what `Framer` has cut out. Keeps no session state."""

    def __init__(self, client_id: str, user: "str | None" = None, password: "str | None" = None, keepalive_s: int = 60) -> None:
        self._client = _umqtt.MQTTClient(
            _to_bytes(client_id), "", 1, user=_to_bytes(user), password=_to_bytes(password or ""), keepalive=keepalive_s
        )
        self._client.set_callback(self._keep)
        self._sock = self._client.sock = _Memory()  # type: ignore
        self._topic = b""
        self._payload = b""

    def _keep(self, topic: bytes, payload: bytes, *more: object) -> None:
        self._topic = topic
        self._payload = payload

    def _take(self) -> bytearray:
        out = self._sock.out
        self._sock.out = bytearray()
        return out

    def connect(self, will_topic: str, will: bytes) -> bytearray:
        """CONNECT with a clean session and a retained last will of QoS 1."""
        self._client.set_last_will(will_topic.encode(), will, retain=True, qos=1)
        sockets = _MemorySockets()
        before = _umqtt.socket
        _umqtt.socket = sockets
        try:
            self._client.connect(clean_session=True)
        except Dry:
            pass
        finally:
            _umqtt.socket = before
        self._sock = sockets.made
        self._client.sock = self._sock  # type: ignore
        return self._take()

    def publish(self, topic: bytes, payload: "bytes | bytearray", pid: int, retain: bool = False, dup: bool = False) -> bytearray:
        """PUBLISH; QoS 1 with that packet id, QoS 0 if the id is 0."""
        self._client.pid = pid - 1
        try:
            self._client.publish(topic, payload, retain, 1 if pid else 0)
        except Dry:
            pass
        out = self._take()
        if dup:
            out[0] |= _DUP
        return out

    def subscribe(self, topic: str, pid: int) -> bytearray:
        """SUBSCRIBE with QoS 1."""
        if len(topic) > MAX_TOPIC:
            raise ValueError("topic too long")
        self._client.pid = pid - 1
        try:
            self._client.subscribe(topic.encode(), 1)
        except Dry:
            pass
        return self._take()

    def ping(self) -> bytearray:
        """PINGREQ."""
        self._client.ping()
        return self._take()

    def message(self, packet: "bytes | memoryview", body: int) -> Message:
        """A complete PUBLISH whose variable header begins at `body`. Raises ProtocolError."""
        flags = packet[0]
        qos = (flags >> 1) & 3
        if qos > 1:
            raise ProtocolError("PUBLISH with QoS %d" % qos)
        if not qos and flags & _DUP:
            raise ProtocolError("PUBLISH of QoS 0 with DUP")
        need = 2 if qos else 0
        if len(packet) < body + 2 + need:
            raise ProtocolError("PUBLISH too short")
        end = body + 2 + (packet[body] << 8 | packet[body + 1])
        if end == body + 2 or end + need > len(packet):
            raise ProtocolError("PUBLISH with a wrong topic length")
        if qos and not packet[end] | packet[end + 1]:
            raise ProtocolError("PUBLISH with packet id 0")
        self._sock.inp = packet
        self._sock.pos = 0
        try:
            self._client.wait_msg()
        except Dry:
            raise ProtocolError("PUBLISH incomplete") from None
        finally:
            self._sock.inp = b""
        puback = bytes(self._take())
        topic, payload = self._topic, self._payload
        self._topic = self._payload = b""
        try:
            name = str(topic, "utf-8")
        except UnicodeError:
            raise ProtocolError("topic is not UTF-8") from None
        if "\0" in name or "#" in name or "+" in name:
            raise ProtocolError("topic with a forbidden character")
        return Message(name, payload, bool(flags & 1), puback)


def answer_id(packet: "bytes | memoryview", body: int, length: int) -> int:
    """The packet id of a PUBACK (length 2) or SUBACK (length 3). Raises ProtocolError."""
    if len(packet) - body != length or packet[0] & 0x0F:
        raise ProtocolError("acknowledgement of %d bytes" % (len(packet) - body))
    pid = packet[body] << 8 | packet[body + 1]
    if not pid:
        raise ProtocolError("acknowledgement of packet id 0")
    return pid


class Framer:
    """Cuts packets out of the stream, in one buffer that never grows.

    Fill what `space()` gives, say how much with `filled(n)`, then call `next()` until it returns None. A packet is
    valid until the next call. `body` is where its variable header begins. Of a PUBLISH that is too large only the beginning is kept, as
    one without a payload: so it can be acknowledged and forgotten. A broker would send it again at the start of each session otherwise.
    """

    def __init__(self, limit: int) -> None:
        self._buf = bytearray(limit)
        self._view = memoryview(self._buf)
        self._start = 0
        self._end = 0
        self._skip = 0  # bytes of a PUBLISH that are still to be read past
        self._cutting = 0
        self.body = 0
        self.cut = 0  # size of the packet if only its beginning is here

    def reset(self) -> None:
        """Forget what has come in: a new connection begins."""
        self._start = self._end = self._skip = self._cutting = 0

    def space(self) -> memoryview:
        """Where to read into; never empty after `next()` has returned None."""
        if self._start:
            rest = self._end - self._start
            if rest:
                self._view[:rest] = bytes(self._view[self._start:self._end])
            self._start = 0
            self._end = rest
        return self._view[self._end:]

    def filled(self, count: int) -> None:
        """`count` bytes have been written to the start of `space()`."""
        if self._skip:
            past = min(count, self._skip)
            self._skip -= past
            count -= past
            if count:  # what follows moves to where it would stand without the gap
                at = self._end + past
                self._view[self._end:self._end + count] = bytes(self._view[at:at + count])
        self._end += count

    def next(self) -> "memoryview | None":
        """The next complete packet, or None. Raises ProtocolError for a length that cannot be right or is too large."""
        if self._skip:
            return None
        buf = self._buf
        start = self._start
        end = self._end
        length = shift = 0
        at = start + 1
        while True:
            if at >= end:
                return None
            byte = buf[at]
            at += 1
            length |= (byte & 0x7F) << shift
            if not byte & 0x80:
                break
            shift += 7
            if shift > 21:
                raise ProtocolError("remaining length of more than 4 bytes")
        if at - start + length > len(buf):
            if buf[start] & 0xF0 != PUBLISH:
                raise ProtocolError("packet of %d bytes, at most %d are taken" % (length, len(buf)))
            self._cut_short(at, length)
            return None
        stop = at + length
        if stop > end:
            return None
        self.cut, self._cutting = self._cutting, 0
        self.body = at - start
        self._start = stop
        return self._view[start:stop]

    def _cut_short(self, at: int, length: int) -> None:
        """Once topic and packet id of a PUBLISH that is too large are here, make it one that ends behind them, and skip its rest."""
        buf = self._buf
        kept = 2  # from `at` on
        if at + kept > self._end:
            return
        kept += (buf[at] << 8 | buf[at + 1]) + (2 if buf[self._start] & 6 else 0)
        if at - self._start + kept >= len(buf):
            raise ProtocolError("PUBLISH with a wrong topic length")
        if at + kept > self._end:
            return
        self._cutting = length
        self._skip = at + length - self._end
        self._end = at + kept
        for place in range(self._start + 1, at):  # in as many bytes as before
            buf[place] = kept & 0x7F | (0x80 if place < at - 1 else 0)
            kept >>= 7
