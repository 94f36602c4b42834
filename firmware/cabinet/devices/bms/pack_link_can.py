"""A pack that speaks the Swapcab pack link over CAN (docs/pack-link.md)."""

import struct

from micropython import const

from cabinet.bus.can_client import CanClient
from cabinet.bus.isotp import challenge
from cabinet.core import ticks
from cabinet.devices.bms import pack_link
from cabinet.devices.bms.pack_age import check_age, moves
from cabinet.devices.bms.pack_link import MAGIC, PackLink, i16_le, u16_le

_BASE = const(0x18FF1000)
_ISOTP_TX = const(0x18DA00F4)
_ISOTP_RX = const(0x18DAF400)

# kinds: the byte above the node id, from 0x10 on; 0x16 is the identity
_STATUS = const(0x10)
_IDENTITY = const(0x16)
_CELLS = const(2)
_TEMPERATURES = const(3)
_ALARMS = const(4)
_CELL_LIST = const(5)

_ALL_KINDS = const(0x1F)
_PARTS = const(0x7F)  # identity parts 0..6
_SIDE_MS = const(1_500)  # the slower frames may be this old when a status frame completes a reading
_LOST_MS = const(1_500)  # without any frame
_UNKNOWN_MS = const(3_200)  # as long as the pack is not identified: an identity round takes 1.4 s, and one may have just begun
_WAKE = b"\x02\x3e\x80\x00\x00\x00\x00\x00"  # a request of two bytes that asks for nothing
_COUNTER_JUMP = const(100)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.can_bus import CanBus
    from cabinet.bus.cell_view import CellView
    from cabinet.ports import Clock


class PackLinkCan(CanClient, PackLink):
    """The pack at one node id (= slot number). It sends by itself; set_need says whether to listen."""

    def __init__(self, bus: "CanBus", node: int, clock: "Clock") -> None:
        if not 1 <= node <= 0xEF:
            raise ValueError("CAN node id of a pack is {}, allowed are 1 to 239".format(node))
        self.clock = clock
        self.node = node
        self._begin()
        self.period_ms = 0
        self._frames = bytearray(40)  # the last frame of each kind
        self._fresh = 0  # bit per kind: came in the present half of _SIDE_MS
        self._before = 0  # or in the one before it
        self._identity = bytearray(49)
        self._parts = 0
        self._since_ms = 0  # listening, or last good status
        self._heard_ms = 0  # listening, or last frame
        self._wrong = 0
        self.tp = None  # there while a challenge is under way
        self._half_ms = clock.ticks_ms()
        CanClient.__init__(self, bus, "pack {}".format(node), (_ISOTP_RX | node,), (_BASE | node,))

    def set_need(self, period_ms: int) -> None:
        """More than 0: listen; the pack's own pace holds. 0: ignore it, and forget whatever was known."""
        if period_ms == self.period_ms:
            return
        if period_ms <= 0 or self.period_ms == 0:
            self._forget()
        self.period_ms = max(period_ms, 0)

    def _forget(self) -> None:
        self._forget_pack()
        self._forget_frames()
        self._wrong = 0
        self.fault = ""
        self._since_ms = self._heard_ms = self._half_ms = self.clock.ticks_ms()
        self.tp = None
        self.stats.restart()

    def _forget_frames(self) -> None:
        self._parts = 0
        self._fresh = 0
        self._before = 0

    async def prove(self, nonce: bytes) -> "bytes | None":
        """Have the pack answer a challenge: the 32-byte MAC, or None if it does not in time."""
        return await challenge(self, _ISOTP_TX | self.node << 8, nonce)

    def wake(self) -> None:
        """A frame that is addressed to it wakes a BMS that sleeps; what it says in answer does not matter."""
        self.bus.send(_ISOTP_TX | self.node << 8, _WAKE)

    def put_frames(self, out: bytearray) -> None:
        """The last frame of each kind."""
        for kind in range(5):
            if (self._fresh | self._before) >> kind & 1:
                out.extend(struct.pack(">BBI", 2, 12, _BASE | kind << 8 | self.node))
                out.extend(self._frames[kind * 8 : kind * 8 + 8])

    # ---- called by the bus ----

    def on_frame(self, can_id: int, data: "bytearray", length: int, now_ms: int) -> "bytearray | None":
        """One frame of this pack."""
        if not self.period_ms:
            return None
        self._heard_ms = now_ms
        kind = (can_id >> 8 & 0xFF) - _STATUS
        if length != 8 or kind < 0 or kind > _CELL_LIST:
            self._other_frame(can_id, data, length, now_ms)
            return None
        if kind == 0:
            good = data[6] <= 100 and data[7] <= 150
        elif kind == _CELLS:
            good = data[0] | data[1] << 8 <= data[2] | data[3] << 8 <= pack_link.CELL_MV_MAX
        elif kind == _TEMPERATURES:
            good = pack_link.temperatures_plausible(i16_le(data, 0), i16_le(data, 2))
        elif kind == _ALARMS:
            good = data[3] < 0x10
        elif kind == _CELL_LIST:
            view = self.bus.cells
            if view is not None and view.owner is self:
                self._show_cells(view, data)
            return None
        else:
            good = True
        if not good:
            self._wrong_frame("implausible")
            return None
        self._frames[kind << 3 : (kind << 3) + 8] = data
        self._fresh |= 1 << kind
        if kind == 0 and self._fresh | self._before == _ALL_KINDS:
            self._complete(now_ms)
        return None

    def _other_frame(self, can_id: int, data: "bytearray", length: int, now_ms: int) -> None:
        if can_id & 0xFF0000 == 0xDA0000:
            if self.tp is not None:
                self.tp.on_frame(data, length, now_ms)
        elif length != 8:
            self._wrong_frame("implausible")
        elif can_id >> 8 & 0xFF == _IDENTITY:
            self._take_identity_part(data, now_ms)

    def _show_cells(self, view: "CellView", data: "bytearray") -> None:
        first = data[0] * 3
        for i in range(3):
            mv = u16_le(data, 1 + 2 * i)
            if mv and not view.cell(first + i, mv):
                self._wrong_frame("implausible")
                return

    def tick(self, now_ms: int) -> None:
        """Time limits."""
        if self.tp is not None:
            self.tp.tick(now_ms)
        if not self.period_ms:
            return
        if ticks.diff(now_ms, self._half_ms) >= _SIDE_MS >> 1:
            self._half_ms = now_ms
            self._before = self._fresh
            self._fresh = 0
        silent = ticks.diff(now_ms, self._heard_ms) > _LOST_MS
        limit_ms = _UNKNOWN_MS if self.reading.identity_taken_ms is None else _LOST_MS
        if silent or ticks.diff(now_ms, self._since_ms) > limit_ms:
            if self.fault in ("", "frozen"):
                self.fault = "timeout"
                self.stats.timeouts += 1
            check_age(self.reading, now_ms)
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

    def _complete(self, now_ms: int) -> None:
        """A status frame makes a whole reading, if the others are there and young."""
        reading = self.reading
        if self.refused or reading.identity_taken_ms is None:
            return
        kept = self._frames  # status 0, limits 8, cells 16, temperatures 24, alarms 32
        counter = kept[0]
        had = reading.taken_ms is not None
        old = reading.counter
        self._since_ms = now_ms
        if not moves(self, counter, now_ms):
            self.stats.failed("frozen")
            self.fault = "frozen"
            return
        if had and (counter - old) & 0xFF > _COUNTER_JUMP:
            self._parts = 0  # restarted, or another pack: the next round of identity frames decides
        reading.state_bits = kept[1]
        reading.pack_mv = (kept[2] | kept[3] << 8) * 10
        reading.current_ma = i16_le(kept, 4) * 10
        reading.soc_pct = kept[6]
        reading.soh_pct = kept[7]
        reading.charge_limit_ma = (kept[8] | kept[9] << 8) * 10
        reading.charge_limit_mv = (kept[10] | kept[11] << 8) * 10
        reading.cycles = kept[14] | kept[15] << 8
        reading.cell_min_mv = kept[16] | kept[17] << 8
        reading.cell_max_mv = kept[18] | kept[19] << 8
        reading.temp_min_ddegc = i16_le(kept, 24)
        reading.temp_max_ddegc = i16_le(kept, 26)
        reading.alarm_bits = kept[32] | kept[33] << 8 | kept[34] << 16 | kept[35] << 24
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
        fault = self._identify(
            identity, 14, 30, identity[2], identity[3], u16_le(identity, 4) * 10, u16_le(identity, 7) * 10, now_ms
        )
        if fault:
            self._wrong_frame(fault)
            if fault == "foreign":
                self.fault = fault
                self._since_ms = now_ms
