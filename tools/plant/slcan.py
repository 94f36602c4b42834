"""The adapter that the controller opens: LAWICEL's ASCII protocol (slcan) on a pty, with a CAN hub behind it. CPython only."""

from collections.abc import Callable
from pathlib import Path

from plant.wire_pty import PtyPort

OK = b"\r"
BELL = b"\a"
_BITRATES = {"0": 10000, "1": 20000, "2": 50000, "3": 100000, "4": 125000, "5": 250000, "6": 500000, "7": 750000, "8": 1000000}


class SlcanAdapter:
    """The adapter's end of the pty: frames of the host go to `on_frame`. The channel is closed until the host opens it."""

    def __init__(self, link: Path, bitrate: int, on_frame: Callable[[int, bool, bytes], None]) -> None:
        self.port = PtyPort(link, self._received)
        self.bitrate = bitrate
        self.on_frame = on_frame
        self.open = False
        self.listen_only = False
        self.host_bitrate = 0
        self.frames_in = 0
        self.frames_out = 0
        self.errors = 0
        self._buffer = b""

    def _received(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\r")
        if len(self._buffer) > 64:
            self._buffer = b""
            self.errors += 1
        for line in lines:
            answer = self._line(line.decode("latin-1").strip("\n"))
            if answer == BELL:
                self.errors += 1
            self.port.write(answer)

    def _line(self, line: str) -> bytes:
        """One command; returns the answer."""
        if not line:
            return OK
        kind = line[0]
        if kind in "tTrR":
            return self._frame(line)
        if kind == "C":
            if len(line) > 1:
                return BELL
            self.open = False
            self.port.forget_unread()
            return OK
        if kind in "OL":
            self.open = True
            self.listen_only = kind == "L"
            return OK
        if kind == "S":
            rate = _BITRATES.get(line[1:])
            if self.open or rate is None:
                return BELL
            self.host_bitrate = rate
            return OK
        if kind == "V":
            return b"V1013\r"
        if kind == "N":
            return b"NSWAP\r"
        if kind == "F":
            return b"F00\r" if self.open else BELL
        if kind in "ZsMmXWU":
            return BELL if self.open else OK
        return BELL

    def _frame(self, line: str) -> bytes:
        if not self.open or self.listen_only:
            return BELL
        extended = line[0] in "TR"
        digits = 8 if extended else 3
        try:
            can_id = int(line[1 : 1 + digits], 16)
            length = int(line[1 + digits], 10)
            data = bytes.fromhex(line[2 + digits :]) if line[0] in "tT" else b""
        except (ValueError, IndexError):
            return BELL
        if length > 8 or len(data) != (length if line[0] in "tT" else 0) or can_id >= (1 << 29 if extended else 1 << 11):
            return BELL
        self.frames_in += 1
        if self.host_bitrate and self.host_bitrate != self.bitrate:
            return BELL  # no bus speed of this adapter
        if line[0] in "tT":
            self.on_frame(can_id, extended, data)
        return b"Z\r" if extended else b"z\r"

    def send(self, frames: list[tuple[int, bool, bytes]]) -> None:
        """Frames from the bus to the host, in one piece."""
        if not self.open or (self.host_bitrate and self.host_bitrate != self.bitrate):
            return
        self.frames_out += len(frames)
        self.port.write(b"".join([encode(*f) for f in frames]))


def encode(can_id: int, extended: bool, data: bytes) -> bytes:
    """A frame as a line of the adapter."""
    if extended:
        return b"T%08X%d%s\r" % (can_id, len(data), data.hex().upper().encode())
    return b"t%03X%d%s\r" % (can_id, len(data), data.hex().upper().encode())


class CanHub:
    """The bus: every other node and adapter receives what one sends."""

    def __init__(self) -> None:
        self.nodes: list[Callable[[int, bool, bytes], None]] = []
        self.adapters: list[SlcanAdapter] = []
        self.frames = 0

    def attach(self, node: Callable[[int, bool, bytes], None]) -> None:
        """Another listener."""
        self.nodes.append(node)

    def adapter(self, link: Path, bitrate: int) -> SlcanAdapter:
        """Another adapter on its own pty."""
        made = SlcanAdapter(link, bitrate, lambda i, e, d: self._from_adapter(made, i, e, d))
        self.adapters.append(made)
        return made

    def _from_adapter(self, source: SlcanAdapter, can_id: int, extended: bool, data: bytes) -> None:
        self.frames += 1
        for other in self.adapters:
            if other is not source:
                other.send([(can_id, extended, data)])
        for node in self.nodes:
            node(can_id, extended, data)

    def send(self, frames: list[tuple[int, bool, bytes]]) -> None:
        """Frames of the plant's nodes to all adapters."""
        if frames:
            self.frames += len(frames)
            for adapter in self.adapters:
                adapter.send(frames)
