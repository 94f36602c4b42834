"""CAN dispatch: frames go to the device that owns the identifier, commands wait in a short queue.

The queue holds one frame for each identifier: a newer set-point replaces an older one that has not gone out yet, and
what switches something off goes to the front, and out at once. Extended (29-bit) identifiers are meant unless STANDARD is added.
"""

import asyncio

from micropython import const

from cabinet.core import ticks

STANDARD = const(0x20000000)  # added to an 11-bit identifier
_GROUP = const(0x1FFFF8FF)  # a group: all but bits 8 to 10
TICK_MS = const(100)
_QUEUE = const(48)
_BURST = const(24)  # frames handled before others may run
_BUSY_MS = const(2)
_QUIET_MS = const(5)
_RESTART_MS = const(1000)
_FRAME_BITS = const(131)  # extended, 8 data bytes, without stuffing

_PASSIVE_MS = const(1000)  # so long error-passive is no passing trouble

STATE_ERROR_PASSIVE = const(2)
STATE_BUS_OFF = const(3)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.can_client import CanClient
    from cabinet.bus.cell_view import CellView
    from cabinet.ports import CanPort, Clock


class Frame:
    """A received frame, reused for all."""

    def __init__(self) -> None:
        self.can_id = 0
        self.extended = True
        self.length = 0
        self.data = bytearray(8)


class CanBus:
    """One CAN line and the devices on it."""

    cells: "CellView | None" = None  # where packs show their cells, if anybody looks

    def __init__(self, name: str, port: "CanPort", clock: "Clock") -> None:
        self.name = name
        self.port = port
        self.clock = clock
        self.clients = []
        self.received = 0
        self.sent = 0
        self.unknown = 0  # frames that no device wants
        self.dropped = 0  # frames that found no room in the queue
        self.state = 0  # of the controller, as ports.CanPort reports it
        self.passive = 0  # times it became error-passive
        self.bus_off = 0
        self.load_permille = 0
        self.fault = ""  # "", or timeout, error_passive, bus_off
        self.bus = self  # for those who watch devices
        self.kept = bytearray()  # what devices keep of their last frames: one piece of memory for all
        self._owners = {}
        self._groups = {}  # owners of eight identifiers at once
        self._frame = Frame()
        self._ids = [0] * _QUEUE
        self._lengths = bytearray(_QUEUE)
        self._data = bytearray(8 * _QUEUE)
        self._out = bytearray(8)
        self._first = 0
        self._count = 0
        now = clock.ticks_ms()
        self._tick_ms = now
        self._window_ms = now
        self._restart_ms = now
        self._passive_ms = now
        self._bits = 0
        self._filtered = False

    def attach(self, client: "CanClient", can_ids: "tuple[int, ...]", groups: "tuple[int, ...]" = ()) -> None:
        """Called by the device's constructor; see CanClient."""
        owners = self._owners
        for can_id in can_ids:
            owner = owners.get(can_id) or (None if can_id & STANDARD else self._groups.get(can_id & _GROUP))
            if owner is not None:
                raise ValueError("bus {}: CAN id 0x{:x} of {} is taken by {}".format(self.name, can_id, client.name, owner.name))
        for group in groups:
            for can_id in [group] + list(owners):
                owner = self._groups.get(group) if can_id == group else owners[can_id]
                if owner is not None and not can_id & STANDARD and can_id & _GROUP == group:
                    raise ValueError("bus {}: CAN id 0x{:x} of {} is taken by {}".format(self.name, can_id, client.name, owner.name))
        for can_id in can_ids:
            owners[can_id] = client
        for group in groups:
            self._groups[group] = client
        self.clients.append(client)

    def send(self, can_id: int, data: "bytes | bytearray", length: int = 8, first: bool = False, replace: bool = True) -> bool:
        """Queue a frame; False if there is no room. `first`: ahead of all others, and at once if the port takes it. `replace`: only
        the newest frame of this identifier counts."""
        ids = self._ids
        if replace:
            for i in range(self._count):
                slot = (self._first + i) % _QUEUE
                if ids[slot] == can_id:
                    self._fill(slot, can_id, data, length)
                    if first:
                        self._flush()
                    return True
        if self._count >= _QUEUE:
            self.dropped += 1
            return False
        if first:
            slot = self._first = (self._first - 1) % _QUEUE
        else:
            slot = (self._first + self._count) % _QUEUE
        self._count += 1
        self._fill(slot, can_id, data, length)
        if first:
            self._flush()  # now: the control round that switches off has yet to write to flash, and no other task runs meanwhile
        return True

    def _fill(self, slot: int, can_id: int, data: "bytes | bytearray", length: int) -> None:
        self._ids[slot] = can_id
        self._lengths[slot] = length
        kept = self._data
        at = slot << 3
        for i in range(length):
            kept[at + i] = data[i]

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep_ms(self.step())

    def step(self) -> int:
        """Do what can be done now; returns the milliseconds until it is worth coming back."""
        now = self.clock.ticks_ms()
        if not self._filtered:
            self._filtered = True
            try:
                self.port.set_filters(acceptance(list(self._owners) + [group | kind << 8 for group in self._groups for kind in range(8)]))
            except OSError:
                self._trouble()  # the port places them when it is restarted
        handled = self._take_frames(now)
        if not 0 <= ticks.diff(now, self._tick_ms) < TICK_MS:
            self._tick_ms = now
            for client in self.clients:  # first: they withdraw what nobody renews, whatever becomes of the controller
                client.tick(now)
            self._watch(now)
        self._flush()
        if handled >= _BURST:
            return 0
        return _BUSY_MS if handled or self._count else _QUIET_MS

    def _take_frames(self, now: int) -> int:
        frame = self._frame
        port = self.port
        owners = self._owners
        groups = self._groups
        handled = 0
        size = 0
        try:
            while handled < _BURST and port.recv(frame):
                handled += 1
                length = frame.length
                size += length
                can_id = frame.can_id
                if frame.extended:
                    client = groups.get(can_id & _GROUP)
                    if client is None:
                        client = owners.get(can_id)
                else:
                    client = owners.get(can_id | STANDARD)
                if client is None:
                    self.unknown += 1
                else:
                    spare = client.on_frame(can_id, frame.data, length, now)
                    if spare is not None:
                        frame.data = spare
        except OSError:
            self._trouble()
        if handled:
            self._bits += (_FRAME_BITS - 64) * handled + 8 * size
            self.received += handled
        return handled

    def _flush(self) -> None:
        port = self.port
        while self._count:
            slot = self._first
            can_id = self._ids[slot]
            kept = self._data
            data = self._out
            at = slot << 3
            length = self._lengths[slot]
            for i in range(length):
                data[i] = kept[at + i]
            try:
                extended = not can_id & STANDARD
                if not port.send(can_id if extended else can_id & 0x7FF, extended, data if length == 8 else data[:length]):
                    return
            except OSError:
                self._trouble()
                return
            self._first = (slot + 1) % _QUEUE
            self._count -= 1
            self.sent += 1
            self._bits += _FRAME_BITS - 64 + 8 * length

    def _trouble(self) -> None:
        """The port raised. Bus-off says more, and stands until `_watch` sees the controller on the bus again."""
        if self.fault != "bus_off":
            self.fault = "timeout"

    def _watch(self, now: int) -> None:
        try:
            state = self.port.state()
        except OSError:
            state = STATE_BUS_OFF  # a controller that answers no more is off the bus too, and a restart is all that can help
        if state == STATE_ERROR_PASSIVE and self.state != state:
            self.passive += 1
            self._passive_ms = now
        self.state = state
        if state == STATE_BUS_OFF:
            if self.fault != "bus_off":
                self.fault = "bus_off"
                self.bus_off += 1
                self._restart_ms = now
            elif ticks.diff(now, self._restart_ms) >= _RESTART_MS:
                self._restart_ms = now
                try:
                    self.port.restart()
                except OSError:
                    pass  # still gone: again in a second
        elif state == STATE_ERROR_PASSIVE:
            if ticks.diff(now, self._passive_ms) >= _PASSIVE_MS:
                self.fault = "error_passive"  # it receives, but a device that disturbs the line may drive it off the bus
        else:
            self.fault = ""
        elapsed = ticks.diff(now, self._window_ms)
        if elapsed < 0:
            self._window_ms = now
        elif elapsed >= 1000:
            # bits per second against the bit rate, in per mille
            self.load_permille = self._bits * 1000 // (elapsed * (self.port.bitrate // 1000))
            self._bits = 0
            self._window_ms = now

    def totals(self) -> dict:
        """Load of the last second, and totals."""
        return {
            "name": self.name,
            "kind": "can",
            "load_permille": self.load_permille,
            "received": self.received,
            "sent": self.sent,
            "unknown": self.unknown,
            "dropped": self.dropped,
            "state": self.state,
            "passive": self.passive,
            "bus_off": self.bus_off,
            "fault": self.fault,
        }


def acceptance(can_ids: "dict | list", limit: int = 14) -> "list[tuple[int, int, bool]]":
    """At most `limit` (id, mask, extended) filters that let all `can_ids` pass; what else passes is dropped by dispatch.

    As many low bits are left open as it takes: they are node numbers. The two kinds of identifiers are never joined."""
    open_bits = 0
    while True:
        mask = ~((1 << open_bits) - 1)
        found = {}
        for can_id in can_ids:
            found[can_id & mask] = None
        if len(found) <= limit or open_bits >= 29:
            break
        open_bits += 1
    filters = []
    for can_id in found:
        if can_id & STANDARD:
            filters.append((can_id & 0x7FF, 0x7FF & mask, False))
        else:
            filters.append((can_id & 0x1FFFFFFF, 0x1FFFFFFF & mask, True))
    return filters
