"""A file mixed with a stream of bytes made from the controller's own number: out of sight, and useless on another controller.

16 B nonce, 16 B HMAC-SHA256 (truncated) of nonce and contents, contents XOR HMAC-SHA256 stream. The number is no secret, so
this hides keys from listings and backups, not from somebody who may run programs on the controller.
"""

from cabinet.trust.hmac import hmac_sha256

ONLY_AT_START = True  # see unload.py

_NONCE = 16
_TAG = 16
_BLOCK = 32


def _mixed(data: bytes, key: bytes, nonce: bytes) -> bytes:
    out = bytearray(data)
    for start in range(0, len(out), _BLOCK):
        stream = hmac_sha256(key, nonce + start.to_bytes(4, "big"))
        for i in range(start, min(start + _BLOCK, len(out))):
            out[i] ^= stream[i - start]
    return bytes(out)


def seal(text: bytes, number: bytes, nonce: bytes) -> bytes:
    """`number`: the controller's own; `nonce`: 16 random bytes."""
    if len(nonce) != _NONCE:
        raise ValueError("a nonce has 16 bytes")
    key = hmac_sha256(b"swapcab sealed 1", number)
    return nonce + hmac_sha256(key, b"tag" + nonce + text)[:_TAG] + _mixed(text, key, nonce)


def unseal(data: bytes, number: bytes) -> bytes:
    """The contents. Raises ValueError for another controller's file or a damaged one."""
    key = hmac_sha256(b"swapcab sealed 1", number)
    nonce = data[:_NONCE]
    text = _mixed(data[_NONCE + _TAG :], key, nonce)
    if len(data) < _NONCE + _TAG or hmac_sha256(key, b"tag" + nonce + text)[:_TAG] != data[_NONCE : _NONCE + _TAG]:
        raise ValueError("sealed for another controller, or damaged")
    return text
