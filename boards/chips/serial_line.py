"""Serial lines on `machine.UART`, plain and with a half-duplex RS485 transceiver.

The driver-enable pin is lowered once the last bit is out, without an interrupt: on STM32 `write` returns then (there is no
IRQ_TXIDLE), elsewhere `flush` waits for it. The price: the loop stands still for the length of a frame, 0.7 ms for 8 bytes
at 115,200 baud, 8.3 ms at 9,600. A Modbus frame must go out in one piece; a plain line takes 32 bytes at a time.
"""

import time

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
        """Hand over a first part; returns how much it was."""
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
    """A UART with a half-duplex transceiver: `drive` is the pin on DE and /RE.

    `last_characters`: for so long `flush` returns too early; 1 on RP2, whose `flush` may return while the last one is sent.
    """

    def __init__(self, uart: "Any", baud: int, drive: "Any", last_characters: int = 0) -> None:
        super().__init__(uart, baud)
        self._drive = drive
        self._rest_us = -(-last_characters * 10000000 // baud)
        drive(0)

    def write(self, data: "bytes | bytearray | memoryview") -> int:
        """Take the line, send all of it, let it go."""
        self._drive(1)
        try:
            sent = self._send(data)
            if sent:
                self._last_bit()
            return sent
        finally:
            self._drive(0)

    def _last_bit(self) -> None:
        try:
            self.stream.flush()
        except OSError:
            return  # it takes longer than it ever may: let the line go
        if self._rest_us:
            sleep_us: "Any" = time
            sleep_us.sleep_us(self._rest_us)
