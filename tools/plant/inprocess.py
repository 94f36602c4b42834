"""The plant's wires without a wire: a serial line, a CAN port and a kiosk with the faces of `cabinet.ports`, for a simulation in one
process on a virtual clock. Portable. `now` is a function that returns the simulation's time in seconds; nothing here waits.
"""

from plant.frames import CanNodes, RtuUnits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from plant.cabinet_world import World
    from plant.rng import Rng


def request_length(head: bytes) -> int:
    """Length of the Modbus request that begins with these bytes; 0 while more bytes are needed."""
    if len(head) < 2:
        return 0
    if head[1] in (15, 16):
        return 9 + head[6] if len(head) >= 7 else 0
    return 8


class LineInProcess:
    """A SerialLine with Modbus RTU units. Answers arrive byte by byte, at the pace of the baud rate and of the units."""

    BURST_EVERY = 2.5  # s between bursts of a babbling unit, on average
    GAP = 0.002  # s of silence after which half a request is forgotten

    def __init__(self, units: RtuUnits, now: "Callable[[], float]", rng: "Rng", baud: int = 115200) -> None:
        self.baud = baud
        self.stream = None
        self.units = units
        self.now = now
        self.rng = rng
        self.requests = 0
        self._byte = 10.0 / baud
        self._request = b""
        self._request_at = 0.0  # when its last byte will have gone out
        self._coming = []  # (time of the first byte, bytes)
        self._free_at = 0.0
        self._burst_at = 0.0

    def write(self, data: "bytes | bytearray | memoryview") -> int:
        """The master sends."""
        now = self.now()
        if now - self._request_at > self.GAP:
            self._request = b""
        start = max(now, self._request_at)
        self._request_at = start + len(data) * self._byte
        self._request += bytes(data)
        length = request_length(self._request)
        while length and len(self._request) >= length:
            whole, self._request = self._request[:length], self._request[length:]
            self.requests += 1
            answer = self.units.answer(whole)
            if answer is not None:
                self._send(answer[1], self._request_at + answer[0])
            length = request_length(self._request)
        return len(data)

    def _send(self, frame: bytes, at: float) -> None:
        at = max(at, self._free_at)
        self._free_at = at + len(frame) * self._byte
        self._coming.append((at, frame))

    def _bursts(self, now: float) -> None:
        if now < self._burst_at:
            return
        self._burst_at = now + self.BURST_EVERY * self.rng.between(0.5, 1.5)
        for unit in self.units.units():
            if self.units.fault(unit) == "babble":
                self._send(self.rng.data(4 + self.rng.below(24)), now)

    def readinto(self, buf: "bytearray | memoryview") -> int:
        """What has arrived by now."""
        now = self.now()
        self._bursts(now)
        count = 0
        while self._coming and count < len(buf):
            at, frame = self._coming[0]
            there = int((now - at) / self._byte + 1e-6)
            if there <= 0:
                break
            there = min(there, len(frame), len(buf) - count)
            buf[count : count + there] = frame[:there]
            count += there
            if there == len(frame):
                self._coming.pop(0)
            else:
                self._coming[0] = (at + there * self._byte, frame[there:])
                break
        return count


class CanInProcess:
    """A CanPort with the plant's nodes on its bus."""

    QUEUE = 64  # frames that the controller's receive queue holds; more are lost
    TICK = 0.01  # s between two checks of what is due

    def __init__(self, nodes: CanNodes, now: "Callable[[], float]", bitrate: int = 250000) -> None:
        self.bitrate = bitrate
        self.stream = None
        self.nodes = nodes
        self.now = now
        self.lost = 0
        self.sent = 0
        self._queue = []
        self._due = 0.0

    def send(self, can_id: int, extended: bool, data: "bytes | bytearray | memoryview") -> bool:
        """The controller sends; the nodes receive the frame at once."""
        self.sent += 1
        self._take(self.nodes.receive(can_id, extended, bytes(data), self.now()))
        return True

    def _take(self, frames: list) -> None:
        room = self.QUEUE - len(self._queue)
        self.lost += max(0, len(frames) - room)
        self._queue.extend(frames[:room] if room > 0 else [])

    def recv(self, frame: object) -> bool:
        """Fill `frame` with the next frame; False if there is none."""
        now = self.now()
        if now >= self._due:
            self._due = now + self.TICK
            self._take(self.nodes.poll(now))
        if not self._queue:
            return False
        frame.can_id, frame.extended, data = self._queue.pop(0)  # type: ignore[attr-defined]
        frame.length = len(data)  # type: ignore[attr-defined]
        frame.data[: len(data)] = data  # type: ignore[attr-defined]
        return True

    def set_filters(self, filters: list) -> None:
        """Everything comes through, as with an adapter."""

    def state(self) -> int:
        """Always error-active."""
        return 0

    def restart(self) -> None:
        """Nothing to leave."""
        self._queue = []


class KioskInProcess:
    """The kiosk's SerialLine."""

    def __init__(self, world: "World", baud: int = 115200) -> None:
        self.baud = baud
        self.stream = None
        self.world = world
        self._out = b""
        self._in = b""

    def write(self, data: "bytes | bytearray | memoryview") -> int:
        """Sentences of the controller."""
        lines = (self._in + bytes(data)).split(b"\n")
        self._in = lines.pop()
        for line in lines:
            parts = line.decode().split(":", 3)
            if len(parts) == 4 and parts[0] == "S":
                self.world.hear(int(parts[1]), parts[2], parts[3])
        return len(data)

    def readinto(self, buf: "bytearray | memoryview") -> int:
        """Cards that riders show."""
        for token in self.world.kiosk_out:
            self._out += b"T:" + token.encode() + b"\n"
        self.world.kiosk_out.clear()
        count = min(len(buf), len(self._out))
        buf[:count] = self._out[:count]
        self._out = self._out[count:]
        return count
