"""DNS packets of the smallest kind: one question for one IPv4 address (RFC 1035)."""

_TYPE_A = b"\x00\x01\x00\x01"


def is_numeric(host: str) -> bool:
    """Whether `host` is an IPv4 address, which needs no name server."""
    parts = host.split(".")
    return len(parts) == 4 and all(part.isdigit() and int(part) < 256 for part in parts)


def question(name: str, identity: int) -> bytes:
    """A DNS request for the address of a name. Raises ValueError for what is no host name."""
    labels = b""
    for label in name.rstrip(".").split("."):
        raw = label.encode()
        if not 0 < len(raw) < 64 or len(raw) != len(label):
            raise ValueError("not a host name: " + name)
        labels += bytes((len(raw),)) + raw
    if len(labels) > 253:
        raise ValueError("host name too long")
    return bytes((identity >> 8, identity & 255)) + b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + labels + b"\x00" + _TYPE_A


def _skip_name(data: bytes, at: int) -> int:
    while data[at]:
        if data[at] & 0xC0 == 0xC0:
            return at + 2
        if data[at] & 0xC0:
            raise ValueError("label")
        at += 1 + data[at]
    return at + 1


def answer(data: bytes, asked: bytes) -> "tuple[str, int] | None":
    """(address, seconds to live) from a DNS response to `asked`; None if it is no answer to it. OSError: the name does not exist."""
    end = len(asked)
    if len(data) < end or data[:2] != asked[:2] or data[2] & 0xF8 != 0x80:
        return None
    if data[4:6] != b"\x00\x01" or data[12:end].lower() != asked[12:].lower():
        return None
    code = data[3] & 15
    if code == 3:
        raise OSError("the name does not exist")
    if code:
        raise OSError("the name server refuses, code %d" % code)
    at = end
    try:
        for _ in range(data[6] << 8 | data[7]):
            at = _skip_name(data, at)
            kind = data[at:at + 4]
            ttl = data[at + 4] << 24 | data[at + 5] << 16 | data[at + 6] << 8 | data[at + 7]
            size = data[at + 8] << 8 | data[at + 9]
            at += 10
            if at + size > len(data):
                return None
            if kind == _TYPE_A and size == 4:
                return "%d.%d.%d.%d" % tuple(data[at:at + 4]), ttl
            at += size  # aliases come before the address that they lead to
    except (IndexError, ValueError):
        return None
    raise OSError("the name has no IPv4 address")
