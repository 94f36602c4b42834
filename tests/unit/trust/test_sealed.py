"""A sealed file opens on its own controller only, and not after a change."""

from cabinet.trust import sealed

NUMBER = bytes(range(8))
NONCE = bytes(range(16))
TEXT = b'{"device_key": "' + b"5a" * 32 + b'"}'


def refused(data, number=NUMBER):
    try:
        sealed.unseal(data, number)
    except ValueError:
        return True
    return False


def test_what_was_sealed_opens_with_the_same_number():
    for length in (0, 1, 31, 32, 33, len(TEXT)):
        assert sealed.unseal(sealed.seal(TEXT[:length], NUMBER, NONCE), NUMBER) == TEXT[:length]


def test_nothing_of_the_contents_can_be_read_in_the_file():
    data = sealed.seal(TEXT, NUMBER, NONCE)
    assert len(data) == len(TEXT) + 32
    for start in range(len(TEXT) - 3):
        assert TEXT[start : start + 4] not in data


def test_another_controller_and_a_changed_file_are_refused():
    data = sealed.seal(TEXT, NUMBER, NONCE)
    assert refused(data, bytes(8))
    assert refused(b"") and refused(data[:31]) and refused(data[:-1])
    for at in (0, 16, 32, len(data) - 1):
        assert refused(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


def test_a_nonce_of_another_length_is_refused():
    try:
        sealed.seal(TEXT, NUMBER, b"short")
        taken = True
    except ValueError:
        taken = False
    assert not taken
