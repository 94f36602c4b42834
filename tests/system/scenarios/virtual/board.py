# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportMissingImports=false
"""A board in memory: serial lines that keep the pace of their baud rate, a CAN port, NOR flash, watchdog and heartbeat.

What is at the other end are the plant's own models and bus nodes (`plant.frames`).
"""

from errno import EIO

from nor_flash import NorFlash, PowerCut, tear_erase, tear_program

from virtual.timebase import VirtualClock, VirtualTime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CAN_FRAME_US = 540  # extended, eight bytes, 250 kbit/s, stuffed
_CAN_QUEUE = 24
_LATE_US = 100_000
_BUS_OFF = 3
HEARTBEAT_FALL_US = 500_000  # the relay falls if the heartbeat does not toggle for so long


class Dead(BaseException):
    """The controller has no power; whatever still runs of it must not touch the world."""


class RtuLine:
    """A serial line with Modbus units at its end."""

    stream = None

    def __init__(self, time: VirtualTime, units: "Any", rng: "Any", baud: int) -> None:
        self.baud = baud
        self._time = time
        self._units = units
        self._rng = rng
        self._char_us = (10_000_000 + baud - 1) // baud
        self._chunks = []  # [first instant, bytes, taken]
        self._free_us = 0
        self.noise = 0  # one frame in so many is damaged; 0: none
        self.cut = False  # nobody hears anybody
        self.on_request = None  # called with the request
        self.on_answer = None  # called with (request, answer, instant of the last byte)
        self.on_news = None  # called with the instant at which bytes begin to arrive

    def write(self, data: "bytes | bytearray | memoryview") -> int:
        """A request goes out. Its answer is worked out now and arrives when it can."""
        size = len(data)
        done = self._time.now_us + size * self._char_us
        if self.cut:
            return size
        request = bytes(data)
        if self.noise and not self._rng.below(self.noise):
            request = _spoilt(request, self._rng)
        if self.on_request is not None:
            self.on_request(request)
        answer = self._units.answer(request)
        if answer is not None:
            delay, frame = answer
            if self.noise and not self._rng.below(self.noise):
                frame = _spoilt(frame, self._rng)
            if not 0 < len(frame) <= 300:
                return size
            last = self.send(frame, done + int(delay * 1_000_000) + self._rng.below(1500))
            if self.on_answer is not None:
                self.on_answer(request, frame, last)
        return size

    def send(self, frame: bytes, start_us: int) -> int:
        """The far end sends, asked or not. Returns the instant of the last byte."""
        if start_us < self._free_us:
            start_us = self._free_us
        last_us = start_us + len(frame) * self._char_us
        if start_us - self._time.now_us < _LATE_US:
            self._free_us = last_us  # a unit that is late does not hold the line until then
        chunks = self._chunks
        if len(chunks) < 64:
            index = len(chunks)
            while index and chunks[index - 1][0] > start_us:
                index -= 1
            chunks.insert(index, [start_us, frame, 0])
            if self.on_news is not None:
                self.on_news(start_us)
        return last_us

    def readinto(self, buf: "bytearray | memoryview") -> int:
        """What has arrived by now."""
        chunks = self._chunks
        now = self._time.now_us
        room = len(buf)
        count = 0
        while chunks and count < room:
            chunk = chunks[0]
            frame = chunk[1]
            taken = chunk[2]
            there = (now - chunk[0]) // self._char_us
            size = len(frame)
            if there > size:
                there = size
            there -= taken
            if there <= 0:
                break
            if there > room - count:
                there = room - count
            buf[count : count + there] = frame[taken : taken + there]
            count += there
            if taken + there == size:
                chunks.pop(0)
            else:
                chunk[2] = taken + there
                break
        return count


def _spoilt(frame: bytes, rng: "Any") -> bytes:
    kind = rng.below(4)
    out = bytearray(frame)
    if kind == 0:
        out[rng.below(len(out))] ^= 1 << rng.below(8)
    elif kind == 1:
        out = out[: rng.below(len(out))]
    elif kind == 2:
        out = bytearray(rng.data(1 + rng.below(6))) + out
    else:
        out = out + bytearray(rng.data(1 + rng.below(6)))
    return bytes(out)


class KioskEnd:
    """The rider's terminal, and the line to it."""

    stream = None

    def __init__(self, baud: int, on_line: "Any") -> None:
        self.baud = baud
        self._on_line = on_line
        self._in = bytearray()
        self._out = bytearray()

    def show(self, text: bytes) -> None:
        """The terminal sends."""
        if len(self._out) < 2048:
            self._out.extend(text)

    def write(self, data: "bytes | bytearray | memoryview") -> int:
        """The controller sends."""
        self._in.extend(data)
        while True:
            end = self._in.find(b"\n")
            if end < 0:
                return len(data)
            line = bytes(self._in[:end])
            self._in = self._in[end + 1 :]
            self._on_line(line)

    def readinto(self, buf: "bytearray | memoryview") -> int:
        """What has arrived."""
        count = min(len(buf), len(self._out))
        if count:
            buf[:count] = self._out[:count]
            self._out = self._out[count:]
        return count


class CanEnd:
    """The controller's CAN port; the plant's nodes are at the other end."""

    stream = None

    def __init__(self, time: VirtualTime, nodes: "Any", rng: "Any", bitrate: int) -> None:
        self.bitrate = bitrate
        self._time = time
        self._nodes = nodes
        self._rng = rng
        self._rx = []  # (instant, id, extended, data), soonest first
        self._free_us = 0
        self._out_us = 0
        self.noise = 0  # one frame in so many is lost
        self.bus_off = False
        self.overrun = 0
        self.trouble_us = -(1 << 60)  # when it last did not work
        self.on_try = None  # called with (id, data, instant of the first bit), whether or not anybody will hear it
        self.on_send = None  # the same, if it is heard
        self.on_arrive = None  # called with (id, data, instant of the last bit)
        self.on_news = None  # called with the instant at which the first frame that waits is there

    def send(self, can_id: int, extended: bool, data: "bytes | bytearray | memoryview") -> bool:
        """See ports.CanPort."""
        now = self._time.now_us
        if self.bus_off or self.noise:
            self.trouble_us = now
        if self.bus_off or self._out_us - now > _CAN_QUEUE * _CAN_FRAME_US:
            return False
        start = self._free_us if self._free_us > now else now
        self._free_us = self._out_us = start + _CAN_FRAME_US
        data = bytes(data)
        if self.on_try is not None:
            self.on_try(can_id, data, start)
        if self.noise and not self._rng.below(self.noise):
            return True
        if self.on_send is not None:
            self.on_send(can_id, data, start)
        answers = self._nodes.receive(can_id, extended, data, self._out_us / 1_000_000)
        if answers:
            self.arrive(answers)
        return True

    def arrive(self, frames: list) -> None:
        """Nodes send."""
        now = self._time.now_us
        for can_id, extended, data in frames:
            start = self._free_us if self._free_us > now else now
            self._free_us = start + _CAN_FRAME_US
            if self.bus_off or (self.noise and not self._rng.below(self.noise)):
                continue
            if len(self._rx) >= 256:
                self.overrun += 1
                continue
            self._rx.append((self._free_us, can_id, extended, data))
            if self.on_arrive is not None:
                self.on_arrive(can_id, data, self._free_us)
        if self.on_news is not None and self._rx:
            self.on_news(self._rx[0][0])

    def first_us(self) -> int:
        """When the first frame that waits is there; 0: none waits."""
        return self._rx[0][0] if self._rx else 0

    def recv(self, frame: "Any") -> bool:
        """See ports.CanPort."""
        rx = self._rx
        if not rx or rx[0][0] > self._time.now_us:
            return False
        _, frame.can_id, frame.extended, data = rx.pop(0)
        size = len(data)
        frame.length = size
        frame.data[:size] = data
        return True

    def set_filters(self, filters: list) -> None:
        """Everything comes through; dispatch must cope."""

    def state(self) -> int:
        """See ports.CanPort."""
        return _BUS_OFF if self.bus_off else 0

    def restart(self) -> None:
        """Leaves bus-off only once the fault is gone."""


class Flash(NorFlash):
    """NOR flash that outlives the controller. `on_operation(flash)` may raise PowerCut (the cut hits this operation) or OSError."""

    def __init__(self, size: int, dice: "Any") -> None:
        NorFlash.__init__(self, size)
        self.dice = dice
        self.on_operation = None
        self.off = False
        self.lies = 0  # one reading in so many is wrong; 0: none
        self.burst = 0  # so many next readings are wrong as well

    def read(self, address: int, buf: "bytearray | memoryview") -> None:
        """See ports.FlashArea."""
        if self.off:
            raise Dead()
        buf[:] = self.cells[address : address + len(buf)]
        if self.lies:
            self._lie(buf)

    def _lie(self, buf: "bytearray | memoryview") -> None:
        """Noise, an open line, a line at rest, or one bit."""
        dice = self.dice
        if self.burst:
            self.burst -= 1
        elif dice.getrandbits(16) % self.lies:
            return
        elif not dice.getrandbits(1):
            self.burst = 1 + dice.getrandbits(8) % 9
        kind = dice.getrandbits(2)
        for at in range(len(buf)) if kind < 3 else ():
            buf[at] = dice.getrandbits(8) if kind == 0 else 0xFF if kind == 1 else 0
        if kind == 3:
            buf[dice.getrandbits(16) % len(buf)] ^= 1 << dice.getrandbits(3)

    def program(self, address: int, data: "bytes | bytearray | memoryview") -> None:
        """See ports.FlashArea."""
        self._ask(tear_program, address, data)
        NorFlash.program(self, address, data)

    def erase(self, address: int) -> None:
        """See ports.FlashArea."""
        self._ask(tear_erase, address)
        NorFlash.erase(self, address)

    def _ask(self, tear: "Any", *arguments: "Any") -> None:
        if self.off:
            raise Dead()
        if self.on_operation is None:
            return
        try:
            self.on_operation(self)
        except PowerCut:
            tear(self, *arguments)
            raise Dead() from None


class Watchdog:
    """Bites when it is not fed."""

    def __init__(self, time: VirtualTime, timeout_ms: int) -> None:
        self._time = time
        self._timeout_us = timeout_ms * 1000
        self.fed_us = time.now_us

    def feed(self) -> None:
        """See ports.Watchdog."""
        self.fed_us = self._time.now_us

    def late(self) -> bool:
        """Whether it has bitten."""
        return self._time.now_us - self.fed_us > self._timeout_us


class Heartbeat:
    """Holds the mains relay of the chargers while it toggles."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self.toggled_us = time.now_us - 10 * HEARTBEAT_FALL_US
        self.dropped = False

    def toggle(self) -> None:
        """See ports.Heartbeat."""
        self.toggled_us = self._time.now_us

    def rest(self) -> None:
        """See ports.Heartbeat."""

    def drop(self) -> None:
        """See ports.Heartbeat."""
        self.dropped = True

    def holds(self) -> bool:
        """Whether the relay is closed."""
        return not self.dropped and self._time.now_us - self.toggled_us <= HEARTBEAT_FALL_US


class VirtualBoard:
    """ports.Board over a `Sim`; one for each start of the controller."""

    name = "virtual"
    console = (0, 1, True)

    def __init__(self, sim: "Any", cause: str) -> None:
        self._sim = sim
        self._cause = cause
        self.clock = VirtualClock(sim.time, sim.rng.below(1 << 30))
        self.the_heartbeat = Heartbeat(sim.time)
        self.the_watchdog = None

    def serial(self, port: str, baud: int) -> "Any":
        """See ports.Board."""
        sim = self._sim
        if port == "rs485-packs":
            sim.packs_line = RtuLine(sim.time, sim.pack_units, sim.wire_rng, baud)
            return sim.packs_line
        if port == "rs485-io":
            sim.io_line = RtuLine(sim.time, sim.board_units, sim.wire_rng, baud)
            return sim.io_line
        if port == "kiosk":
            sim.kiosk = KioskEnd(baud, sim.received)
            return sim.kiosk
        raise ValueError("no serial port " + port)

    def can(self, port: str, bitrate: int) -> "Any":
        """See ports.Board."""
        sim = self._sim
        sim.can = CanEnd(sim.time, sim.can_nodes, sim.wire_rng, bitrate)
        return sim.can

    def flash(self, area: str) -> Flash:
        """See ports.Board."""
        return self._sim.flash[area]

    def network(self) -> "Any":
        """See ports.Board."""
        return self._sim.broker

    def watchdog(self, timeout_ms: int) -> Watchdog:
        """See ports.Board."""
        self.the_watchdog = Watchdog(self._sim.time, timeout_ms)
        return self.the_watchdog

    def heartbeat(self) -> Heartbeat:
        """See ports.Board."""
        return self.the_heartbeat

    def random_bytes(self, count: int) -> bytes:
        """Seeded: a run must replay."""
        if self._sim.no_random:
            raise OSError(EIO)
        return self._sim.nonce_rng.data(count)

    def reset_cause(self) -> str:
        """See ports.Board."""
        return self._cause
