"""The console's line as a device: it never takes more than the port has room for now, so that no host can hold the loop.

MicroPython's own print() waits for a host that holds a USB port and does not read it (500 ms a piece on RP2, micropython 1.26
shared/tinyusb/mp_usbd_cdc.c) and for each byte of a UART (87 us at 115,200 baud). `poll` says whether the next piece has room.
"""

import select
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TYPE_CHECKING = False
if TYPE_CHECKING:
    pass

TURN_US = 2000  # what one turn may cost
TURN_BYTES = 64


class ConsolePort:
    """Standard output, a bounded number of bytes a turn; standard input, of which it matters only whether something came."""

    def __init__(self, us_per_byte: int, piece: int, always: bool) -> None:
        self._out: "Any" = sys.stdout.buffer
        self._in: "Any" = sys.stdin.buffer
        self._room = select.poll()
        self._room.register(sys.stdout, select.POLLOUT)
        self._came = select.poll()
        if not always:
            self._came.register(sys.stdin, select.POLLIN)
        self.always = always  # somebody reads all the time: a simulator, a log file
        self._piece = piece
        self._most = max(piece, TURN_BYTES if not us_per_byte else min(TURN_BYTES, TURN_US // us_per_byte))
        self._one = bytearray(1)

    def asked(self) -> bool:
        """Whether anything was received since the last call. It is read and forgotten: the console takes no commands."""
        came = False
        for _ in range(TURN_BYTES):
            if not self._came.poll(0):
                break
            if not self._in.read(1):
                break  # the end of a file
            came = True
        return came

    def write(self, data: "memoryview") -> int:
        """Bytes of `data` that the port took now; 0 if it has no room. Raises OSError if the port is gone."""
        most = min(len(data), self._most)
        done = 0
        while done < most and self._room.poll(0):
            if self._piece == 1:
                self._one[0] = data[done]
                self._out.write(self._one)
                done += 1
            else:
                step = min(self._piece, len(data) - done)
                self._out.write(data[done : done + step])
                done += step
        return done
