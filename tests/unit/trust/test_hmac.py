"""Published vectors: RFC 4231 (HMAC-SHA256) and RFC 5869 (HKDF-SHA256)."""

from binascii import hexlify, unhexlify

from cabinet.trust.hmac import equal, hkdf_sha256, hmac_sha256
from cabinet.trust.proof import PackProof, pack_key, proof_mac

RFC4231 = (
    (b"\x0b" * 20, b"Hi There", b"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (b"Jefe", b"what do ya want for nothing?", b"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    (b"\xaa" * 20, b"\xdd" * 50, b"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        b"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
)


def test_hmac_agrees_with_rfc4231():
    for key, data, expected in RFC4231:
        assert hexlify(hmac_sha256(key, data)) == expected


def test_hmac_of_parts_is_that_of_their_concatenation():
    assert hmac_sha256(b"k", b"one", b"", b"two") == hmac_sha256(b"k", b"onetwo")


def test_hkdf_agrees_with_rfc5869_cases_1_and_3():
    okm = hkdf_sha256(b"\x0b" * 22, bytes(range(13)), unhexlify("f0f1f2f3f4f5f6f7f8f9"), 42)
    assert hexlify(okm) == b"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    okm = hkdf_sha256(b"\x0b" * 22, b"", b"", 42)
    assert hexlify(okm) == b"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"


def test_hkdf_refuses_a_length_outside_the_rfc():
    for length in (0, 255 * 32 + 1):
        try:
            hkdf_sha256(b"k", b"", b"", length)
        except ValueError:
            continue
        raise AssertionError("length %d was taken" % length)


def test_equal_tells_bytes_apart():
    assert equal(b"abc", b"abc")
    assert not equal(b"abc", b"abd")
    assert not equal(b"abc", b"ab")


def test_a_genuine_pack_is_proven_and_every_other_answer_is_not():
    master = b"\x01" * 32
    proof = PackProof(master, lambda n: b"\x5a" * n)
    nonce = proof.nonce()
    mac = proof_mac(pack_key(master, "SN1"), nonce, "SN1")
    assert proof.check("SN1", nonce, mac)
    assert not proof.check("SN2", nonce, mac)  # another pack's name
    assert not proof.check("SN1", b"\x00" * 32, mac)  # a replay
    assert not proof.check("SN1", nonce, mac[:-1])
    assert not proof.check("SN1", nonce, None)
    assert not proof.check("", nonce, mac)
    assert not proof.check("S" * 17, nonce, mac)


def test_a_fleet_master_of_the_wrong_length_is_refused():
    try:
        PackProof(b"short", lambda n: bytes(n))
    except ValueError as error:
        assert "fleet_master" in str(error)
    else:
        raise AssertionError("taken")
