"""How a pack proves its identity: HMAC-SHA256 with a key of its own, derived from the fleet's master secret.

MicroPython has neither `hmac` nor `sha256.copy()`, so both constructions (RFC 2104, RFC 5869) stand here in full; the tests compare
them with the standard library's.
"""

import hashlib

BLOCK = 64
DIGEST = 32
CONTEXT = b"SPL1"
FLEET_MASTER = hashlib.sha256(b"swapcab simulator, not a secret").digest()


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """RFC 2104."""
    if len(key) > BLOCK:
        key = hashlib.sha256(key).digest()
    key = key + bytes(BLOCK - len(key))
    inner = hashlib.sha256(bytes([b ^ 0x36 for b in key]))
    inner.update(message)
    outer = hashlib.sha256(bytes([b ^ 0x5C for b in key]))
    outer.update(inner.digest())
    return outer.digest()


def hkdf_sha256(secret: bytes, info: bytes, length: int = DIGEST) -> bytes:
    """RFC 5869 with an empty salt, for at most one block of output."""
    if length > DIGEST:
        raise ValueError("one block only")
    extracted = hmac_sha256(bytes(DIGEST), secret)
    return hmac_sha256(extracted, info + b"\x01")[:length]


def pack_key(fleet_master: bytes, serial: str) -> bytes:
    """The key of one pack; only the pack and the keeper of the fleet's master secret have it."""
    return hkdf_sha256(fleet_master, b"swapcab pack" + serial.encode())


def pack_mac(key: bytes, nonce: bytes, serial: str) -> bytes:
    """What a pack answers to `nonce` (32 bytes)."""
    name = serial.encode()
    return hmac_sha256(key, CONTEXT + nonce + name + bytes(16 - len(name)))
