"""Faults of the emulated board's serial lines: their wires, their transceiver, and inputs of the slot board at their end."""

import io

from uart_line import Line


def sealed(frame) -> bytearray:
    """With the CRC of Modbus."""
    crc = 0xFFFF
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return bytearray(frame) + bytes((crc & 0xFF, crc >> 8))


class FaultyLine(io.IOBase):
    """A UART whose wires or transceiver are at fault, or at whose end a board's inputs hang that are. `kind`:

    silent: nothing goes out and nothing comes back (A and B swapped); crc: in every second answer a bit is wrong (no termination);
    echo: it receives its own frames (receiver not switched off); garbage: each answer is noise (no bias);
    bit N 0 U, bit N 1 U: an input of board U is stuck; burning: a lock pulse never ends.
    """

    def __init__(self, path: str, baudrate: int, kind: str) -> None:
        self._line = Line(path, baudrate)
        self._kind = kind.split()
        self._request = b""
        self._held = bytearray()
        self._asked = 0

    def write(self, data) -> int:
        """Onto the wire, or not."""
        self._request, self._held = bytes(data), bytearray()
        self._asked += 1
        if self._kind[0] == "silent":
            return len(data)
        if self._kind[0] == "echo":
            self._held.extend(data)
        return self._line.write(data)

    def _fetch(self) -> None:
        chunk = self._line.read()
        if chunk and self._kind[0] != "silent":
            self._held.extend(chunk)

    def _whole(self) -> bool:
        """Whether an answer is there that can be spoilt as a whole."""
        held = self._held
        if self._kind[0] == "echo":
            return True
        size = 5 if len(held) > 1 and held[1] & 0x80 else held[2] + 5 if len(held) > 2 and held[1] < 5 else 8
        return len(held) >= size

    def any(self) -> int:
        """How many bytes wait."""
        self._fetch()
        return len(self._held) if self._whole() else 0

    def readinto(self, buf, count=None):
        """Fill `buf`; None if nothing waits."""
        size = min(self.any(), len(buf) if count is None else count)
        if not size:
            return None
        out = self._spoilt()
        buf[:size] = memoryview(out)[:size]
        self._held = out[size:]
        return size

    def read(self, count=-1):
        """Bytes, or None."""
        buf = bytearray(self.any())
        return bytes(buf) if buf and self.readinto(buf) else None

    def _spoilt(self) -> bytearray:
        held, kind, request = self._held, self._kind, self._request
        if kind[0] == "garbage":
            return bytearray(b"\x00\xff\x00")
        if kind[0] == "crc" and self._asked % 2 == 0 and len(held) > 4:
            held[-3] ^= 0x10
        elif kind[0] == "bit" and request[1:2] == b"\x02" and request[0] == int(kind[3]) and len(held) > 7:
            at, mask = 3 + int(kind[1]) // 8, 1 << int(kind[1]) % 8
            held[at] = held[at] | mask if kind[2] == "1" else held[at] & ~mask
            return sealed(held[:-2])
        elif kind[0] == "burning" and request[1:2] == b"\x03" and len(held) == 7:
            return sealed(held[:3] + b"\x01\x2c")
        return held

    def txdone(self) -> bool:
        """Whether the last bit is out."""
        return True

    def flush(self) -> None:
        """Wait until it is."""

    def ioctl(self, request: int, flags: int) -> int:
        """For select.poll."""
        if request != 3:
            return 0 if request in (1, 11) else -1
        return (flags & 4) | (flags & 1 if self.any() else 0)


def faulty(kind: str):
    """What opens a line with this fault."""
    return lambda path, baudrate: FaultyLine(path, baudrate, kind)
