"""ISO-TP (ISO 15765-2), normal fixed addressing: one message of at most 64 bytes each way, one exchange at a time."""

import asyncio

from micropython import const

from cabinet.core import ticks

MESSAGE_MAX = const(64)
_TIMEOUT_MS = const(1000)  # N_Bs, N_Cr
_CHALLENGE_MS = const(5_000)  # for a whole challenge
_PAD = const(0xCC)
_WAIT_MAX = const(8)

# what is under way
IDLE = const(0)
_WAIT_FLOW = const(1)
_SENDING = const(2)
LISTENING = const(3)
RECEIVING = const(4)
DONE = const(5)
FAILED = const(6)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.bus.can_bus import CanBus


class IsoTp:
    """Sends a request and collects its answer. `on_frame` and `tick` drive it."""

    def __init__(self, bus: "CanBus", tx_id: int) -> None:
        self.bus = bus
        self.tx_id = tx_id
        self.state = IDLE
        self.length = 0  # of the answer, once DONE
        self.answer = None
        self._request = b""
        self._frame = bytearray(8)
        self._sent = 0
        self._sequence = 0
        self._block = 0  # frames left in the peer's block, 0 = no limit
        self._limited = False
        self._gap_ms = 0
        self._waits = 0
        self._since_ms = 0
        self._want = 0

    def start(self, request: bytes, now_ms: int) -> bool:
        """Begin an exchange. False if the request is too long or the bus takes nothing."""
        size = len(request)
        if not 1 <= size <= MESSAGE_MAX:
            return False
        self._request = request
        self.answer = bytearray(MESSAGE_MAX)
        self.length = 0
        self._since_ms = now_ms
        self._waits = 0
        frame = self._frame
        if size <= 7:
            frame[0] = size
            self._put(frame, 1, 0, size)
            self.state = LISTENING
        else:
            frame[0] = 0x10 | size >> 8
            frame[1] = size & 0xFF
            self._put(frame, 2, 0, 6)
            self._sent = 6
            self._sequence = 1
            self.state = _WAIT_FLOW
        if not self.bus.send(self.tx_id, frame, 8, False, False):
            self.state = FAILED
            return False
        return True

    def stop(self) -> None:
        """Forget the exchange."""
        self.state = IDLE
        self.answer = None
        self._request = b""

    def _put(self, frame: bytearray, to: int, start: int, count: int) -> None:
        request = self._request
        for i in range(to, 8):
            k = i - to
            frame[i] = request[start + k] if k < count else _PAD

    def on_frame(self, data: bytearray, length: int, now_ms: int) -> None:
        """A frame of the peer."""
        if length < 1:
            return
        kind = data[0] >> 4
        state = self.state
        if kind == 3:
            if state == _WAIT_FLOW and length >= 3:
                self._flow(data, now_ms)
        elif state == RECEIVING and kind == 2:
            self._consecutive(data, length, now_ms)
        elif state in (LISTENING, RECEIVING) and kind == 0:
            size = data[0] & 15
            if 1 <= size <= 7 and size < length:
                self._keep(data, 1, 0, size)
                self._want = self.length = size
                self.state = DONE
        elif state in (LISTENING, RECEIVING) and kind == 1 and length == 8:
            size = (data[0] & 15) << 8 | data[1]
            if not 8 <= size <= MESSAGE_MAX:
                self._answer_flow(2)  # overflow
                self.state = FAILED
                return
            self._want = size
            self._keep(data, 2, 0, 6)
            self.length = 6
            self._sequence = 1
            self._since_ms = now_ms
            self.state = RECEIVING
            self._answer_flow(0)

    def _answer_flow(self, status: int) -> None:
        frame = self._frame
        frame[0] = 0x30 | status
        frame[1] = 0  # whole message at once
        frame[2] = 0  # no pause needed
        for i in range(3, 8):
            frame[i] = _PAD
        self.bus.send(self.tx_id, frame, 8, False, False)

    def _keep(self, data: bytearray, start: int, to: int, count: int) -> None:
        answer = self.answer
        if answer is None:
            return
        for i in range(count):
            answer[to + i] = data[start + i]

    def _consecutive(self, data: bytearray, length: int, now_ms: int) -> None:
        if data[0] & 15 != self._sequence & 15:
            self.state = FAILED
            return
        count = min(self._want - self.length, 7)
        if length < count + 1:
            self.state = FAILED
            return
        self._keep(data, 1, self.length, count)
        self.length += count
        self._sequence += 1
        self._since_ms = now_ms
        if self.length >= self._want:
            self.state = DONE

    def _flow(self, data: bytearray, now_ms: int) -> None:
        status = data[0] & 15
        self._since_ms = now_ms
        if status == 0:
            self._limited = data[1] > 0
            self._block = data[1]
            gap = data[2]
            self._gap_ms = gap if gap <= 127 else 1  # F1..F9 are 100..900 us; reserved values mean 127, nobody uses them
            self.state = _SENDING
            self._push(now_ms)
        elif status == 1:
            self._waits += 1
            if self._waits > _WAIT_MAX:
                self.state = FAILED
        else:
            self.state = FAILED

    def _push(self, now_ms: int) -> None:
        size = len(self._request)
        frame = self._frame
        while self._sent < size:
            count = min(size - self._sent, 7)
            frame[0] = 0x20 | self._sequence & 15
            self._put(frame, 1, self._sent, count)
            if not self.bus.send(self.tx_id, frame, 8, False, False):
                return  # tick() tries again
            self._sequence += 1
            self._sent += count
            self._since_ms = now_ms
            if self._sent >= size:
                break
            if self._limited:
                self._block -= 1
                if not self._block:
                    self.state = _WAIT_FLOW
                    return
            if self._gap_ms:
                return  # one a tick: slower than asked for, never faster
        self.state = LISTENING

    def tick(self, now_ms: int) -> None:
        """Time limits, and the pauses that the peer asked for."""
        if self.state in (_WAIT_FLOW, _SENDING, LISTENING, RECEIVING):
            if self.state == _SENDING:
                self._push(now_ms)
            # an answer names no nonce: asked anew while it still thinks, a slow pack would answer the old one and seem to be a forgery
            if ticks.diff(now_ms, self._since_ms) > (_CHALLENGE_MS if self.state == LISTENING else _TIMEOUT_MS):
                self.state = FAILED


async def challenge(pack: "Any", tx_id: int, nonce: bytes) -> "bytes | None":
    """Have a pack answer the challenge of the pack link: the 32-byte MAC, or None if it does not in time.

    `pack.tp` holds the exchange while it lasts; a pack that leaves sets it to None and so takes the exchange with it."""
    if len(nonce) != 32 or not pack.period_ms or pack.tp is not None:
        return None
    clock = pack.clock
    start = clock.ticks_ms()
    tp = pack.tp = IsoTp(pack.bus, tx_id)
    tp.start(b"\x01" + nonce, start)
    pack.stats.requests += 1
    try:
        while pack.tp is tp and tp.state != DONE and tp.state != FAILED:
            if ticks.diff(clock.ticks_ms(), start) > _CHALLENGE_MS:
                break
            await asyncio.sleep_ms(10)
        answer = tp.answer
        if pack.tp is tp and tp.state == DONE and answer is not None and tp.length == 33 and answer[0] == 0x41:
            pack.stats.answered(clock.ticks_ms(), ticks.diff(clock.ticks_ms(), start))
            return bytes(answer[1:33])
        pack.stats.failed("timeout")
        return None
    finally:
        if pack.tp is tp:
            pack.tp = None
