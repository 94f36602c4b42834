"""The last good answers of the devices on a line as they were on the wire: the raw frames of evidence."""

from micropython import const

from cabinet.bus.modbus_frame import READ_INPUT

_ROOM = const(48)  # a unit: holds a status of the pack link with its length, or two short answers
_HALF = const(24)


class LastFrames:
    """Length and frame of each unit's last answers, in one buffer that does not grow once all units are known. Units count from 0."""

    def __init__(self) -> None:
        self._buf = bytearray()

    def add(self) -> None:
        """Room for one more unit."""
        self._buf.extend(bytes(_ROOM))

    def keep(self, unit: int, frame: "bytes | bytearray", at: int, size: int) -> None:
        """Keep frame[at:at + size]; a short answer to function 4 beside one to another function, one of 48 bytes and more not at all."""
        if size >= _ROOM:
            return
        buf = self._buf
        place = unit * _ROOM
        if size < _HALF and frame[at + 1] == READ_INPUT:
            if buf[place] >= _HALF:
                buf[place] = 0  # a long one that is overwritten in part
            place += _HALF
        buf[place] = size
        for index in range(at, at + size):
            place += 1
            buf[place] = frame[index]

    def put(self, unit: int, out: bytearray) -> None:
        """Append what is kept of a unit, each frame behind the bytes 1 and its length."""
        buf = self._buf
        place = unit * _ROOM
        for first in (place, place + _HALF) if buf[place] < _HALF else (place,):
            size = buf[first]
            if size:
                out.append(1)
                out.extend(memoryview(buf)[first : first + 1 + size])
