"""HMAC-SHA256 (RFC 2104) and HKDF-SHA256 (RFC 5869); MicroPython has neither."""

from hashlib import sha256

_BLOCK_BYTES = 64
_IPAD = 0x36
_OPAD = 0x5C


class HmacKey:
    """A key with its two padded blocks, so that each message costs two hashes and no padding.

    MicroPython's hash objects cannot be copied, hence the blocks are kept and not the states.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) > _BLOCK_BYTES:
            key = sha256(key).digest()
        key = key + bytes(_BLOCK_BYTES - len(key))
        self._inner = bytes(b ^ _IPAD for b in key)
        self._outer = bytes(b ^ _OPAD for b in key)

    def mac(self, *parts: "bytes | bytearray | memoryview") -> bytes:
        """32 bytes over the concatenation of `parts`."""
        inner = sha256(self._inner)
        for part in parts:
            inner.update(part)
        outer = sha256(self._outer)
        outer.update(inner.digest())
        return outer.digest()


def hmac_sha256(key: bytes, *parts: "bytes | bytearray | memoryview") -> bytes:
    """32 bytes over the concatenation of `parts`."""
    return HmacKey(key).mac(*parts)


def hkdf_sha256(ikm: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """`length` bytes derived from `ikm`. Raises ValueError above the 8,160 bytes that RFC 5869 allows."""
    if not 0 < length <= 255 * 32:
        raise ValueError("HKDF length %d is outside 1..8160" % length)
    prk = HmacKey(hmac_sha256(salt or bytes(32), ikm))
    out = b""
    block = b""
    counter = 1
    while len(out) < length:
        block = prk.mac(block, info, bytes([counter]))
        out += block
        counter += 1
    return out[:length]


def equal(a: bytes, b: bytes) -> bool:
    """Compare without telling by the time taken where they differ."""
    if len(a) != len(b):
        return False
    difference = 0
    for x, y in zip(a, b):
        difference |= x ^ y
    return difference == 0
