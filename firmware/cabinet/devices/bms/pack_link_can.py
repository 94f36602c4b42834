"""A pack that speaks the Swapcab pack link over CAN (docs/pack-link.md)."""

import asyncio

from micropython import const

from cabinet.bus import isotp
from cabinet.bus.can_client import CanClient
from cabinet.bus.isotp import IsoTp
from cabinet.core import ticks
from cabinet.devices.bms import pack_link
from cabinet.devices.bms.pack_link import MAGIC, PackLink, i16_le, u16_le

_BASE = const(0x18FF1000)
_ISOTP_TX = const(0x18DA00F4)
_ISOTP_RX = const(0x18DAF400)

# functions: the byte above the node id
_STATUS = const(0x10)
_LIMITS = const(0x11)
_CELLS = const(0x12)
_TEMPERATURES = const(0x13)
_ALARMS = const(0x14)
_CELL_LIST = const(0x15)
_IDENTITY = const(0x16)

_ALL_KINDS = const(0x1F)
_PARTS = const(0x7F)  # identity parts 0..6
_SIDE_MS = const(1_500)  # the slower frames may be this old when a status frame completes a reading
_LOST_MS = const(1_500)  # without any frame
_UNKNOWN_MS = const(3_200)  # as long as the pack is not identified: an identity round takes 1.4 s, and one may have just begun
_PROVE_MS = const(5_000)
_COUNTER_JUMP = const(100)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.can_bus import CanBus
    from cabinet.ports import Clock


class PackLinkCan(CanClient):
    """The pack at one node id (= slot number). It sends by itself; set_need says whether to listen."""

    def __init__(self, bus: "CanBus", node: int, clock: "Clock") -> None:
        if not 1 <= node <= 0xEF:
            raise ValueError("CAN node id of a pack is {}, allowed are 1 to 239".format(node))
        self.clock = clock
        self.node = node
        self.link = PackLink()
        self.reading = self.link.reading
        self.period_ms = 0
        self._frames = bytearray(40)  # the last frame of each of the five kinds
        self._have = 0  # bit per kind: there since the last forgetting
        self._seen = [0, 0, 0, 0, 0]  # when
        self._identity = bytearray(49)
        self._parts = 0
        self._since_ms = 0  # listening, or last good status
        self._heard_ms = 0  # listening, or last frame
        self._wrong = 0
        self._tp = None  # there while a challenge is under way
        base = _BASE | node
        ids = [base + (k << 8) for k in range(7)]
        ids.append(_ISOTP_RX | node)
        CanClient.__init__(self, bus, "pack {}".format(node), tuple(ids))

    def set_need(self, period_ms: int) -> None:
        """More than 0: listen; the pack's own pace holds. 0: ignore it, and forget whatever was known."""
        if period_ms == self.period_ms:
            return
        if period_ms <= 0 or self.period_ms == 0:
            self._forget()
        self.period_ms = max(period_ms, 0)

    def _forget(self) -> None:
        self.link.forget()
        self._forget_frames()
        self._wrong = 0
        self.fault = ""
        self._since_ms = self._heard_ms = self.clock.ticks_ms()
        self._tp = None
        self.stats.restart()

    def _forget_frames(self) -> None:
        self._parts = 0
        self._have = 0

    async def prove(self, nonce: bytes) -> "bytes | None":
        """Have the pack answer a challenge: the 32-byte MAC, or None if it does not in time."""
        if len(nonce) != 32 or not self.period_ms or self._tp is not None:
            return None
        start = self.clock.ticks_ms()
        tp = self._tp = IsoTp(self.bus, _ISOTP_TX | self.node << 8)
        tp.start(b"\x01" + nonce, start)
        self.stats.requests += 1
        try:
            # a pack that leaves takes the exchange with it
            while self._tp is tp and tp.state != isotp.DONE and tp.state != isotp.FAILED:
                if ticks.diff(self.clock.ticks_ms(), start) > _PROVE_MS:
                    break
                await asyncio.sleep_ms(10)
            answer = tp.answer
            if self._tp is tp and tp.state == isotp.DONE and answer is not None and tp.length == 33 and answer[0] == 0x41:
                self.stats.answered(self.clock.ticks_ms(), ticks.diff(self.clock.ticks_ms(), start))
                return bytes(answer[1:33])
            self.stats.failed("timeout")
            return None
        finally:
            if self._tp is tp:
                self._tp = None

    # ---- called by the bus ----

    def on_frame(self, can_id: int, data: "bytearray", length: int, now_ms: int) -> None:
        """One frame of this pack."""
        if not self.period_ms:
            return
        self._heard_ms = now_ms
        if can_id & 0xFF0000 == 0xDA0000:
            if self._tp is not None:
                self._tp.on_frame(data, length, now_ms)
            return
        if length != 8:
            self._wrong_frame("implausible")
            return
        function = can_id >> 8 & 0xFF
        if function == _IDENTITY:
            self._take_identity_part(data, now_ms)
            return
        kind = function - _STATUS
        if 0 <= kind <= 4:
            frames = self._frames
            at = kind << 3
            if not self._plausible(function, data):
                self._wrong_frame("implausible")
                return
            for i in range(8):
                frames[at + i] = data[i]
            self._seen[kind] = now_ms
            self._have |= 1 << kind
            if kind == 0:
                self._complete(now_ms)

    def tick(self, now_ms: int) -> None:
        """Time limits."""
        if self._tp is not None:
            self._tp.tick(now_ms)
        if not self.period_ms:
            return
        silent = ticks.diff(now_ms, self._heard_ms) > _LOST_MS
        limit_ms = _UNKNOWN_MS if self.reading.identity_taken_ms is None else _LOST_MS
        if silent or ticks.diff(now_ms, self._since_ms) > limit_ms:
            if self.fault in ("", "frozen"):
                self.fault = "timeout"
                self.stats.timeouts += 1
            self.link.check_age(now_ms)
            self._since_ms = ticks.add(now_ms, -limit_ms - 1)  # neither instant may wrap while the silence lasts
            if silent:
                self._forget_frames()
                self._heard_ms = ticks.add(now_ms, -_LOST_MS - 1)

    def _wrong_frame(self, reason: str) -> None:
        self.stats.failed(reason)
        if self._wrong < 255:
            self._wrong += 1
        if self._wrong >= 3:
            self.fault = reason

    def _plausible(self, function: int, data: bytearray) -> bool:
        if function == _STATUS:
            return data[6] <= 100 and data[7] <= 150
        if function == _CELLS:
            return pack_link.cells_plausible(u16_le(data, 0), u16_le(data, 2))
        if function == _TEMPERATURES:
            return pack_link.temperatures_plausible(i16_le(data, 0), i16_le(data, 2))
        if function == _ALARMS:
            return data[3] < 0x10
        return True

    def _complete(self, now_ms: int) -> None:
        """A status frame makes a whole reading, if the others are there and young."""
        if self._have != _ALL_KINDS:
            return
        for i in range(1, 5):
            if ticks.diff(now_ms, self._seen[i]) > _SIDE_MS:
                self._have &= ~(1 << i)
                return
        reading = self.reading
        if self.link.refused or reading.identity_taken_ms is None:
            return
        frames = self._frames
        counter = frames[0]
        had = reading.taken_ms is not None
        old = reading.counter
        self._since_ms = now_ms
        if not self.link.moved(counter, now_ms):
            self.stats.failed("frozen")
            self.fault = "frozen"
            return
        if had and (counter - old) & 0xFF > _COUNTER_JUMP:
            self._parts = 0  # restarted, or another pack: the next round of identity frames tells
        reading.state_bits = frames[1]
        reading.pack_mv = u16_le(frames, 2) * 10
        reading.current_ma = i16_le(frames, 4) * 10
        reading.soc_pct = frames[6]
        reading.soh_pct = frames[7]
        reading.charge_limit_ma = u16_le(frames, 8) * 10
        reading.charge_limit_mv = u16_le(frames, 10) * 10
        reading.cycles = u16_le(frames, 14)
        reading.cell_min_mv = u16_le(frames, 16)
        reading.cell_max_mv = u16_le(frames, 18)
        reading.temp_min_ddegc = i16_le(frames, 24)
        reading.temp_max_ddegc = i16_le(frames, 26)
        reading.alarm_bits = u16_le(frames, 32) | u16_le(frames, 34) << 16
        reading.taken_ms = now_ms
        self.fault = ""
        self._wrong = 0
        self.stats.answers += 1
        self.stats.renewed(now_ms)

    def _take_identity_part(self, data: bytearray, now_ms: int) -> None:
        part = data[0]
        if part > 6:
            self._wrong_frame("implausible")
            return
        if part == 0:
            self._parts = 0  # a round begins: nothing of an earlier one is mixed in
        elif self._parts != (1 << part) - 1:
            self._parts = 0
            return
        identity = self._identity
        at = part * 7
        for i in range(7):
            identity[at + i] = data[1 + i]
        self._parts |= 1 << part
        if self._parts != _PARTS:
            return
        self._parts = 0
        if u16_le(identity, 0) != MAGIC or identity[6] != 1:
            self._wrong_frame("implausible")
            return
        # serial characters stand at 14..20, 21..27, 28..29, the maker's at 35..41, 42
        for i in range(8):
            identity[30 + i] = identity[35 + i]
        if self.reading.identity_taken_ms is None:
            self._since_ms = now_ms  # from now on readings are due
        fault = self.link.identify(
            identity, 14, 30, identity[2], identity[3], u16_le(identity, 4) * 10, u16_le(identity, 7) * 10, now_ms
        )
        if fault:
            self._wrong_frame(fault)
            if fault == "foreign":
                self.fault = fault
                self._since_ms = now_ms
