"""One MQTT connection, from connect to its end. Nothing in here waits without a deadline.

One task writes (and nobody else does), one reads, one handles commands, and the caller of `run` watches the deadlines. Whatever goes
wrong ends the session with a reason in words; the next session goes on at the journal's cursor.
"""

import asyncio
import json

from cabinet.core import ticks
from cabinet.uplink import meter
from cabinet.uplink.codec import CONNACK, PINGRESP, PUBACK, PUBLISH, SUBACK, Framer, ProtocolError, answer_id
from cabinet.uplink.drain import Message
from cabinet.uplink.flight import ALARM, RESULT, RETAINED, Flights

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.uplink.codec import Message as InboundMessage

_REFUSALS = ("", "protocol version refused", "client id refused", "server unavailable", "wrong user or password", "not authorised")
_TICK_MS = 50
_PACE_MS = 50  # a command each so often, but for the first ones of a burst
_BURST_MS = 20 * _PACE_MS
_INBOX = 24  # commands waiting; what comes beyond is dropped, and the sender asks again with the same id
_BESIDE = 24  # answers and alarms in flight
_PACKETS_A_TURN = 16


class Session:
    """Runs once; make a new one for the next connection."""

    def __init__(self, uplink) -> None:
        self.uplink = uplink
        self.options = uplink.options
        self._clock = uplink.clock
        self._codec = uplink.codec
        self._drain = uplink.drain
        self._flights = Flights(self.options.window)
        self._framer: "Framer" = uplink.framer
        self._topics = uplink.topics
        self._wake = asyncio.Event()
        self._inbox = []  # messages not yet handled
        self._dropped = bytearray()  # acknowledgements of messages that will not be handled
        self._answers = []  # encoded payloads of results and bare PUBACKs, in order: (payload or None, puback)
        self._reader: "Any" = None
        self._writer: "Any" = None
        self.reason = ""
        self.established = False
        self.accepted = False  # by the broker's CONNACK
        self.silent = False  # ended because an answer was missing
        self.left = False  # ended by ourselves
        self._subscribe_pid = 0
        self._ping_due = False
        self._ping_ms = None
        self._writing_ms = None
        self._begin_ms = self._sent_ms = self._received_ms = self._progress_ms = self._clock.ticks_ms()
        self._paced_ms = self._begin_ms  # until when the commands so far would last, one each _PACE_MS
        self.acknowledged = 0

    def wake(self) -> None:
        """Something may be there to send."""
        self._wake.set()

    def end(self, reason: str) -> None:
        """The session is over; the first reason counts."""
        if not self.reason:
            self.reason = reason
        self._wake.set()

    async def run(self) -> str:
        """Connect, work, and return why it ended."""
        options = self.options
        try:
            self._reader, self._writer = await asyncio.wait_for_ms(
                self.uplink.network.connect(options.host, options.port, options.tls), options.connect_ms
            )
        except asyncio.TimeoutError:
            return "no connection within %d ms" % options.connect_ms
        except (OSError, ValueError) as error:
            return "no connection: %s" % error
        self._framer.reset()
        self._begin_ms = self._sent_ms = self._received_ms = self._progress_ms = self._clock.ticks_ms()
        tasks = [asyncio.create_task(self._guard(work)) for work in (self._write_all(), self._read_all(), self._handle_all())]
        try:
            while not self.reason:
                await asyncio.sleep_ms(_TICK_MS)
                self._check_deadlines()
                self._drain.flush_due()
                if self.established and (self._drain.alarmed() or self._drain.ready(0) or self._drain.ready(1)):
                    self._wake.set()
        except Exception as error:  # a defect here must not end the uplink
            self.end("failed: %r" % error)
        finally:
            self.established = False
            for task in tasks:
                task.cancel()
            await self._close()
        return self.reason

    async def _guard(self, work) -> None:
        try:
            await work
        except ProtocolError as error:
            self.end("protocol: %s" % error)
        except OSError as error:
            self.end("line: %s" % error)
        except MemoryError:
            self._drain.narrow()
            self.end("out of memory")
        except ValueError as error:  # the TLS library's reason why the broker is not verified
            self.end("tls: %s" % str(error).strip() if self.options.tls is not None else "failed: %r" % error)
        except Exception as error:
            self.end("failed: %r" % error)

    async def _close(self) -> None:
        try:
            self._writer.close()
            await self._writer.wait_closed()
        except Exception as error:
            print("uplink: close:", repr(error))

    # deadlines

    def _check_deadlines(self) -> None:
        options = self.options
        now_ms = self._clock.ticks_ms()
        if self._writing_ms is not None and ticks.diff(now_ms, self._writing_ms) > options.answer_ms:
            self._missed("line takes nothing for")
        elif not self.accepted:
            if ticks.diff(now_ms, self._begin_ms) > options.answer_ms:
                self._missed("no CONNACK within")
        elif len(self._flights) and ticks.diff(now_ms, self._progress_ms) > options.answer_ms:
            self._drain.narrow()
            self._missed("no PUBACK within")
        elif self._ping_ms is not None:
            if ticks.diff(now_ms, self._ping_ms) > options.answer_ms and ticks.diff(now_ms, self._received_ms) > options.answer_ms:
                self._missed("no PINGRESP within")
        elif options.keepalive_s:
            half_ms = options.keepalive_s * 500
            if ticks.diff(now_ms, self._sent_ms) >= half_ms or ticks.diff(now_ms, self._received_ms) >= half_ms:
                self._ping_ms = now_ms
                self._ping_due = True
                self._wake.set()

    def _missed(self, what: str) -> None:
        self.silent = True
        self.end("%s %d ms" % (what, self.options.answer_ms))

    # outbound: the one writer

    async def _send(self, data: bytearray, kind: int = meter.SESSION) -> None:
        self._writing_ms = self._sent_ms = self._clock.ticks_ms()
        self.uplink.bytes_out += len(data)
        self.uplink.meter.count(kind, len(data))
        self._writer.write(data)
        await self._writer.drain()
        self._writing_ms = None

    async def _send_retained(self, topic: bytes, payload: bytes, kind: int = meter.SESSION) -> None:
        await self._send_tracked(topic, payload, kind, RETAINED, 0, 0, True)

    async def _send_tracked(
        self, topic: bytes, payload: bytes, kind: int, ring: int, last: int = 0, count: int = 0, retain: bool = False, dup: bool = False
    ) -> None:
        if not len(self._flights):
            self._progress_ms = self._clock.ticks_ms()
        pid = self._flights.take_pid()
        self._flights.sent(pid, ring, last, count)
        begin_us = self._clock.ticks_us()
        data = self._codec.publish(topic, payload, pid, retain, dup)
        self.uplink.slice(begin_us)
        await self._send(data, kind)

    async def _write_all(self) -> None:
        topics = self._topics
        await self._send(self._codec.connect(topics.online, b"0"))
        while not self.accepted:
            await self._pause()
        self._subscribe_pid = self._flights.take_pid()
        await self._send(self._codec.subscribe(topics.commands, self._subscribe_pid))
        await self._send_retained(topics.birth, json.dumps(self.uplink.birth_message()).encode())
        await self._send_retained(topics.online.encode(), b"1")
        self._drain.start()
        self.uplink.states.all_due()
        self.established = True
        self.uplink.session_up()
        while True:
            if not await self._write_next():
                await self._pause()

    async def _pause(self) -> None:
        await self._wake.wait()
        self._wake.clear()

    async def _write_next(self) -> bool:
        """Send what is most urgent. False: nothing can be sent now."""
        if self._ping_due:
            self._ping_due = False
            await self._send(self._codec.ping())
            return True
        if self._dropped:
            dropped, self._dropped = self._dropped, bytearray()
            await self._send(dropped)
            return True
        room = self._flights.beside < _BESIDE  # alarms and answers have places of their own, and leave the window to the events
        if room and self._drain.alarmed():
            alarm = self._drain.alarm()
            if alarm:
                await self._send_tracked(self._topics.alarms, alarm[1].encode(), meter.EVENTS, ALARM, alarm[0])
                return True
        if self._answers:
            payload, puback = self._answers[0]
            if payload is None or room:
                self._answers.pop(0)
                if payload is not None:
                    await self._send_tracked(self._topics.results, payload, meter.COMMANDS, RESULT)
                if puback:
                    await self._send(bytearray(puback))
                return True
        if not self._flights.free:
            return False
        if self._drain.ready(0):
            return await self._write_events(0)
        due = None if self.uplink.meter.thrifty(meter.STATES) else self.uplink.states.take()
        if due is not None:
            await self._send_retained(self._topics.slot(due[0]), json.dumps(due[1]).encode(), meter.STATES)
            return True
        if self._drain.ready(1) and not self.uplink.meter.thrifty(meter.TELEMETRY):
            return await self._write_events(1)
        return False

    async def _write_events(self, ring: int) -> bool:
        message = Message()
        while self._drain.take(ring, message):
            await asyncio.sleep_ms(0)
        if not message.count:
            return False
        dup = self._drain.sent(ring, message)
        kind = meter.TELEMETRY if ring else meter.EVENTS
        await self._send_tracked(self._topics.events[ring], message.payload(), kind, ring, message.last, message.count, False, dup)
        return True

    # inbound

    async def _read_all(self) -> None:
        framer = self._framer
        while not self.reason:
            count = await self._reader.readinto(framer.space())
            if count is None:
                continue
            if not count:
                self.end("closed by the broker")
                return
            self.uplink.bytes_in += count
            self._received_ms = self._clock.ticks_ms()
            framer.filled(count)
            packet = framer.next()
            taken = 0
            while packet is not None:
                self._packet(packet, framer.body)
                taken += 1
                if not taken % _PACKETS_A_TURN:
                    await asyncio.sleep_ms(5 if self._dropped else 0)
                while len(self._dropped) > 1024:  # the line does not take our answers: take no more questions
                    await asyncio.sleep_ms(5)
                packet = framer.next()

    def _packet(self, packet: memoryview, body: int) -> None:
        kind = packet[0] & 0xF0
        if not self.accepted:
            self._connack(packet, body)
        elif kind == PUBACK:
            self._puback(answer_id(packet, body, 2))
        elif kind == PUBLISH:
            self._inbound_message(self._codec.message(packet, body), self._framer.cut)
        elif kind == PINGRESP:
            if len(packet) != body or packet[0] & 0x0F or self._ping_ms is None:
                raise ProtocolError("PINGRESP with content" if len(packet) != body else "PINGRESP unasked")
            self._ping_ms = None
        elif kind == SUBACK:
            if answer_id(packet, body, 3) != self._subscribe_pid:
                raise ProtocolError("SUBACK of nothing")
            self._subscribe_pid = -1
            self.uplink.subscribed(packet[body + 2] <= 1)
        else:
            raise ProtocolError("packet of type %d" % (packet[0] >> 4))

    def _connack(self, packet: memoryview, body: int) -> None:
        if packet[0] != CONNACK or len(packet) != body + 2 or packet[body] > 1:
            raise ProtocolError("no CONNACK but 0x%02x" % packet[0])
        code = packet[body + 1]
        if code:
            raise ProtocolError(_REFUSALS[code] if code < len(_REFUSALS) else "refused with code %d" % code)
        self.accepted = True
        self._wake.set()

    def _puback(self, pid: int) -> None:
        try:
            arrived = self._flights.acknowledged(pid)
        except KeyError:
            raise ProtocolError("PUBACK of packet id %d, which is not in flight" % pid) from None
        if self._flights.overtaken:
            raise ProtocolError("a PUBACK was left out")
        self._progress_ms = self._received_ms
        self.acknowledged += 1
        if arrived:
            ring, sequence, count = arrived
            if ring == ALARM:
                self._drain.reported(sequence)
            else:
                self._drain.arrived(ring, sequence, count)
                self._drain.widen()
        self._wake.set()

    def _inbound_message(self, message: "InboundMessage", cut: int) -> None:
        """Queue it; if it was cut, or in a flood, acknowledge and drop it, so that the acknowledgements of our events behind it are not
        held up.
        """
        if cut:
            self.uplink.meter.count(meter.COMMANDS, cut)
        elif len(self._inbox) < _INBOX:
            self._inbox.append(message)
            self.uplink.meter.count(meter.COMMANDS, len(message.payload))
            return
        self.uplink.commands_dropped += 1
        self._dropped.extend(message.puback)
        self._wake.set()

    async def _handle_all(self) -> None:
        """Commands one by one; floods at a walking pace, so that neither the drain nor the rest of the cabinet feels them."""
        while True:
            if not self._inbox or len(self._answers) > 8:
                await asyncio.sleep_ms(20)
                continue
            begin_us = self._clock.ticks_us()
            message = self._inbox.pop(0)
            if message.topic == self._topics.commands:
                result = self.uplink.desk.handle(message.payload, message.retained)
                self._answers.append((json.dumps(result).encode(), message.puback))
            else:
                self.uplink.strange += 1
                self._answers.append((None, message.puback))
            self.uplink.slice(begin_us)
            self._wake.set()
            now_ms = self._clock.ticks_ms()
            ahead_ms = ticks.diff(self._paced_ms, now_ms)
            if not 0 <= ahead_ms <= 2 * _BURST_MS:  # the last command lies back a while
                ahead_ms = 0
            self._paced_ms = ticks.add(now_ms, ahead_ms + _PACE_MS)
            await asyncio.sleep_ms(_PACE_MS if ahead_ms >= _BURST_MS else 0)
