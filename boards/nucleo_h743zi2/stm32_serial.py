"""Serial lines on STM32 UARTs.

How the port behaves (read in MicroPython's ports/stm32/uart.c, 1.28): `write` returns when the last stop bit has left the
shift register, and there is no IRQ_TXIDLE. So the driver-enable pin is simply lowered after `write`, a few microseconds
after the last bit; no interrupt is needed. The price: the loop stands still for the length of a frame, 0.7 ms for
8 bytes at 115,200 baud, 8.3 ms at 9,600. A Modbus frame must go out in one piece; a plain line takes 32 bytes at a time.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_AT_A_TIME = 32


class SerialPort:
    """A UART as `cabinet.ports.SerialLine`. The UART must have been opened with timeout=0."""

    def __init__(self, uart: "Any", baud: int) -> None:
        self.stream = uart
        self.baud = baud

    def write(self, data: "bytes | bytearray | memoryview") -> int:
        """Send a first part; returns when it is on the wire, and how much it was."""
        return self._send(memoryview(data)[:_AT_A_TIME] if len(data) > _AT_A_TIME else data)

    def _send(self, data: "bytes | bytearray | memoryview") -> int:
        try:
            return self.stream.write(data) or 0
        except OSError:
            return 0  # the transmitter stands still: the answer will be missed and counted as a timeout

    def readinto(self, buf: "bytearray | memoryview") -> int:
        """What has arrived, up to len(buf); 0 if nothing has."""
        # Never ask for more than is there: the port would wait 2 ms or more for a next character.
        count = self.stream.any()
        if not count:
            return 0
        if count > len(buf):
            count = len(buf)
        return self.stream.readinto(buf, count) or 0


class Rs485Line(SerialPort):
    """A UART with a half-duplex transceiver: `drive` is the pin on DE and /RE."""

    def __init__(self, uart: "Any", baud: int, drive: "Any") -> None:
        super().__init__(uart, baud)
        self._drive = drive
        drive(0)

    def write(self, data: "bytes | bytearray | memoryview") -> int:
        """Take the line, send all of it, let it go."""
        self._drive(1)
        try:
            return self._send(data)
        finally:
            self._drive(0)
