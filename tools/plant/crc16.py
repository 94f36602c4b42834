"""CRC-16 of Modbus, by table. Portable."""


def _entry(byte: int) -> int:
    crc = byte
    for _ in range(8):
        crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


_TABLE = tuple([_entry(n) for n in range(256)])


def crc16(data: bytes) -> int:
    """The number whose low byte goes out first."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc
