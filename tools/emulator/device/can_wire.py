"""The CAN line of the plant at the pins of an MCP2515 model."""

from mcp2515_model import CANINTF, Mcp2515Model
from serial_pty import SerialPty
from slcan import SlcanPort

_BITRATES = (10000, 20000, 50000, 100000, 125000, 250000, 500000, 800000, 1000000)
_BOTH_FULL = 3


class Frame:
    """What SlcanPort fills."""

    def __init__(self) -> None:
        self.can_id = 0
        self.extended = False
        self.length = 0
        self.data = bytearray(8)


class WiredMcp2515(Mcp2515Model):
    """The chip on the bus: `run` moves frames both ways, as long as the receive buffers have room.

    Frames that come while the program does not look wait in the line. So they are not lost as a real chip would lose
    them; what that does is tested where the model's clock is the test's own.
    """

    def __init__(self, clock, path: str, oscillator_hz: int) -> None:
        super().__init__(clock, oscillator_hz)
        self._path = path
        self._port = None
        self._rate = 0
        self._frame = Frame()

    def run(self) -> None:
        """Bring the bus up to the present."""
        if self.mode() != 0 or not self._open():
            return
        while True:
            frame = self.transmit()
            if frame is None:
                break
            self.sent.clear()
            self._port.send(*frame)
        received = self._frame
        while not self.registers[CANINTF] & _BOTH_FULL and self._port.recv(received):
            self.deliver(received.can_id, received.extended, bytes(received.data[: received.length]))

    def _open(self) -> bool:
        rate = self.bitrate()
        if rate not in _BITRATES:
            return False
        if self._port is None or rate != self._rate:
            try:
                self._port = SlcanPort(SerialPty(self._path, 115200), rate)
            except OSError:
                return False
            self._rate = rate
        return True
