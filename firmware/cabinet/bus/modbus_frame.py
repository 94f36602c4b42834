"""Modbus RTU frames in buffers that are used again and again: requests are put into one, answers are found in another."""

from micropython import const

from cabinet.bus.crc16 import crc16

READ_COILS = const(1)
READ_DISCRETE = const(2)
READ_HOLDING = const(3)
READ_INPUT = const(4)
WRITE_COIL = const(5)
WRITE_ONE = const(6)
WRITE_MANY = const(16)
WRITE_MANY_MAX = const(54)  # bytes that fit a request buffer of 64


def put_request(tx: bytearray, function: int, start: int, value: int) -> None:
    """Function, address and count (or value); the unit address comes later."""
    tx[1] = function
    tx[2] = start >> 8
    tx[3] = start & 0xFF
    tx[4] = value >> 8
    tx[5] = value & 0xFF


def put_registers(tx: bytearray, data: "bytes | bytearray") -> int:
    """What is to be written, behind put_request(WRITE_MANY); returns the length so far."""
    size = len(data)
    tx[6] = size
    for i in range(size):
        tx[7 + i] = data[i]
    return 7 + size


def close(tx: bytearray, unit: int, size: int) -> int:
    """Address and check value; returns the length of the whole frame."""
    tx[0] = unit
    crc = crc16(tx, 0, size)
    tx[size] = crc & 0xFF
    tx[size + 1] = crc >> 8
    return size + 2


def answer_size(function: int, count: int) -> int:
    """Length of a good answer."""
    if function <= READ_DISCRETE:
        return 5 + ((count + 7) >> 3)
    return 5 + (count << 1) if function <= READ_INPUT else 8


def find_answer(rx: bytearray, have: int, tx: bytearray, want: int) -> int:
    """Where in rx[:have] the answer of `want` bytes to the request in tx (or an exception) begins; -1 if it is not there.

    It may stand behind bytes that somebody else sent."""
    unit = tx[0]
    function = tx[1]
    for at in range(have - 4):
        if rx[at] != unit or rx[at + 1] & 0x7F != function:
            continue
        if rx[at + 1] & 0x80:
            size = 5
        elif function <= READ_INPUT and rx[at + 2] != want - 5:
            continue
        else:
            size = want
        end = at + size
        if end <= have and crc16(rx, at, end - 2) == rx[end - 2] | rx[end - 1] << 8:
            return at
    return -1


def is_frame(rx: bytearray, have: int) -> bool:
    """Whether rx[:have] is a whole frame of anybody."""
    return have >= 5 and crc16(rx, 0, have - 2) == rx[have - 2] | rx[have - 1] << 8


def is_echo_of(rx: bytearray, at: int, tx: bytearray) -> bool:
    """Whether the answer to a write repeats what was asked."""
    return rx[at + 2] == tx[2] and rx[at + 3] == tx[3] and rx[at + 4] == tx[4] and rx[at + 5] == tx[5]
