"""As much of CBOR (RFC 8949) as an event needs, written into a buffer that exists already.

Integers up to 64 bits, text, byte strings, booleans, null and arrays, all in the shortest form.
"""

_MAX_U64 = (1 << 64) - 1


def put_head(buf: bytearray, at: int, major: int, value: int) -> int:
    """Write a head of major type 0..7; returns the position after it."""
    major <<= 5
    if value < 24:
        buf[at] = major | value
        return at + 1
    if value < 0x100:
        buf[at] = major | 24
        size = 1
    elif value < 0x10000:
        buf[at] = major | 25
        size = 2
    elif value < 0x100000000:
        buf[at] = major | 26
        size = 4
    elif value <= _MAX_U64:
        buf[at] = major | 27
        size = 8
    else:
        raise ValueError("integer of more than 64 bits")
    at += size
    for i in range(size):
        buf[at - i] = value & 0xFF
        value >>= 8
    return at + 1


def put_int(buf: bytearray, at: int, value: int) -> int:
    """Write an integer."""
    return put_head(buf, at, 0, value) if value >= 0 else put_head(buf, at, 1, -1 - value)


def put_bytes(buf: bytearray, at: int, value: "bytes | bytearray | memoryview", major: int = 2) -> int:
    """Write a byte string (or, with major 3, text that is UTF-8 already)."""
    at = put_head(buf, at, major, len(value))
    end = at + len(value)
    if end > len(buf):
        raise ValueError("no room")
    buf[at:end] = value
    return end


def put_text(buf: bytearray, at: int, value: str, limit: int) -> int:
    """Write text, cut at a character boundary to at most `limit` bytes."""
    raw = value.encode()
    if len(raw) > limit:
        while limit and raw[limit] & 0xC0 == 0x80:
            limit -= 1
        raw = raw[:limit]
    return put_bytes(buf, at, raw, 3)


def put_value(buf: bytearray, at: int, value: object, limit: int) -> int:
    """Write None, a boolean, an integer, bytes, or anything else as text. `limit` holds for text; bytes are never cut."""
    if value is None or value is True or value is False:
        buf[at] = 0xF6 if value is None else 0xF5 if value else 0xF4
        return at + 1
    if isinstance(value, int):
        return put_int(buf, at, value)
    if isinstance(value, (bytes, bytearray)):
        return put_bytes(buf, at, value)
    return put_text(buf, at, value if isinstance(value, str) else str(value), limit)


class Reader:
    """Takes values one after the other out of a buffer. Raises ValueError for anything that it does not know."""

    def __init__(self, buf: "bytes | bytearray | memoryview", at: int, end: int) -> None:
        self.buf = buf
        self.at = at
        self.end = end

    def head(self) -> "tuple[int, int]":
        """(major type, value) of the next item."""
        if self.at >= self.end:
            raise ValueError("ends early")
        first = self.buf[self.at]
        self.at += 1
        value = first & 31
        if value < 24:
            return first >> 5, value
        if value > 27:
            raise ValueError("indefinite or reserved length")
        size = 1 << (value - 24)
        if self.at + size > self.end:
            raise ValueError("ends early")
        value = 0
        for _ in range(size):
            value = value << 8 | self.buf[self.at]
            self.at += 1
        return first >> 5, value

    def array(self) -> int:
        """The number of items of an array."""
        major, value = self.head()
        if major != 4:
            raise ValueError("not an array")
        return value

    def integer(self) -> int:
        """An integer."""
        value = self.value()
        if not isinstance(value, int) or value is True or value is False:
            raise ValueError("not an integer")
        return value

    def value(self) -> "int | str | bytes | bool | None":
        """The next scalar."""
        start = self.at
        major, value = self.head()
        if major == 0:
            return value
        if major == 1:
            return -1 - value
        if major == 2 or major == 3:
            begin = self.at
            if value > self.end - begin:
                raise ValueError("ends early")
            self.at += value
            raw = bytes(self.buf[begin : self.at])
            return raw if major == 2 else _text(raw)
        if major == 7 and self.at == start + 1 and 20 <= value <= 22:
            return None if value == 22 else value == 21
        raise ValueError("unknown item")


def _text(raw: bytes) -> str:
    try:
        return str(raw, "utf-8")
    except UnicodeError as e:
        raise ValueError("text is not UTF-8") from e
