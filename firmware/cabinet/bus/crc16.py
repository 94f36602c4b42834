"""CRC-16/MODBUS, table driven."""

from array import array


def _entry(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return value


TABLE = array("H", [_entry(i) for i in range(256)])


def crc16(buf: "bytes | bytearray | memoryview", start: int, end: int) -> int:
    """The check value of buf[start:end]; it goes on the wire low byte first."""
    table = TABLE
    crc = 0xFFFF
    for i in range(start, end):
        crc = (crc >> 8) ^ table[(crc ^ buf[i]) & 0xFF]
    return crc
