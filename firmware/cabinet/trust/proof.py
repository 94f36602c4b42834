"""Does a pack prove to be the one it says it is? HMAC-SHA256 over a fresh nonce with the pack's own key.

The seam for richer proofs (P-256 certificates, secure elements): `PackProof.nonce()` and `PackProof.check()` are all that
the rest of the firmware knows.
"""

from cabinet.trust.hmac import equal, hkdf_sha256, hmac_sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

NONCE_BYTES = 32
MAC_BYTES = 32
METHOD = "hmac-sha256"
_PREFIX = b"SPL1"
_SERIAL_BYTES = 16
_KEY_INFO = b"swapcab pack"


def pack_key(fleet_master: bytes, serial: str) -> bytes:
    """The key of one pack (32 bytes), as its maker derived it; see docs/pack-link.md."""
    return hkdf_sha256(fleet_master, b"", _KEY_INFO + serial.encode(), 32)


def proof_mac(key: bytes, nonce: bytes, serial: str) -> bytes:
    """What a genuine pack answers to `nonce`."""
    name = serial.encode()
    return hmac_sha256(key, _PREFIX, nonce, name, bytes(_SERIAL_BYTES - len(name)))


class PackProof:
    """Asks for and checks proofs with keys derived from the operator's fleet master secret."""

    def __init__(self, fleet_master: bytes, random_bytes: "Callable[[int], bytes]") -> None:
        if len(fleet_master) != 32:
            raise ValueError("fleet_master has %d bytes, 32 are needed: see docs/settings.md, secrets" % len(fleet_master))
        self._master = fleet_master
        self._random_bytes = random_bytes

    def nonce(self) -> bytes:
        """32 fresh bytes. Raises OSError if the board has no true random source."""
        return self._random_bytes(NONCE_BYTES)

    def check(self, serial: str, nonce: bytes, mac: "bytes | None") -> bool:
        """True if `mac` can only come from the pack named `serial`. False for any other bytes, or for none."""
        if mac is None or len(mac) != MAC_BYTES or not 0 < len(serial.encode()) <= _SERIAL_BYTES:
            return False
        return equal(mac, proof_mac(pack_key(self._master, serial), nonce, serial))
