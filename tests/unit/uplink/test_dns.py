"""DNS questions and answers. The resolver's waiting is tested in test_uplink_resolver_mp.py."""

import struct

from cabinet.uplink.dns import answer, is_numeric, question


def reply(asked, records, flags=0x8180, count=None):
    """A response with records (name, type, ttl, data)."""
    body = b"".join([name + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data for name, kind, ttl, data in records])
    return asked[:2] + struct.pack("!HHHHH", flags, 1, len(records) if count is None else count, 0, 0) + asked[12:] + body


POINTER = b"\xc0\x0c"
ASKED = question("broker.example.org", 0x1234)


def test_a_question_is_as_rfc_1035_wants_it():
    expected = b"\x12\x34\x01\x00\x00\x01" + bytes(6) + b"\x06broker\x07example\x03org\x00\x00\x01\x00\x01"
    assert question("broker.example.org", 0x1234) == expected


def test_names_that_are_none_are_refused():
    for name in ("", ".", "a..b", "a" * 64, "ü.org", ".".join(["a" * 60] * 5)):
        try:
            question(name, 1)
        except ValueError:
            continue
        raise ValueError("was taken: " + name)


def test_an_address_is_found_behind_aliases():
    alias = (POINTER, 5, 60, b"\x01x\xc0\x13")
    assert answer(reply(ASKED, [alias, (b"\x01x\xc0\x13", 1, 300, b"\x0a\x00\x00\x07")]), ASKED) == ("10.0.0.7", 300)


def test_upper_and_lower_case_do_not_matter():
    changed = reply(ASKED, [(POINTER, 1, 9, b"\x01\x02\x03\x04")]).replace(b"example", b"eXaMpLe")
    assert answer(changed, ASKED) == ("1.2.3.4", 9)


def test_answers_to_other_questions_are_passed_over():
    good = [(POINTER, 1, 300, b"\x0a\x00\x00\x07")]
    assert answer(reply(question("broker.example.net", 0x1234), good), ASKED) is None
    assert answer(reply(question("broker.example.org", 0x1235), good), ASKED) is None
    assert answer(reply(ASKED, good, flags=0x0100), ASKED) is None
    assert answer(b"", ASKED) is None


def test_a_name_without_address_is_an_error_that_says_so():
    for data, words in (
        (reply(ASKED, [], flags=0x8183), "does not exist"),
        (reply(ASKED, [], flags=0x8182), "refuses, code 2"),
        (reply(ASKED, []), "no IPv4 address"),
        (reply(ASKED, [(POINTER, 28, 1, bytes(16))]), "no IPv4 address"),
    ):
        try:
            answer(data, ASKED)
        except OSError as error:
            assert words in str(error), str(error)
        else:
            raise ValueError("no error")


def test_answers_cut_short_anywhere_do_no_harm():
    whole = reply(ASKED, [(POINTER, 5, 60, b"\x01x\xc0\x13"), (POINTER, 1, 300, b"\x0a\x00\x00\x07")])
    for size in range(len(whole)):
        assert answer(whole[:size], ASKED) is None
    for wrong in (b"\x40", b"\xff", b"\x80"):
        assert answer(reply(ASKED, [(wrong, 1, 300, b"\x0a\x00\x00\x07")]), ASKED) in (None, ("10.0.0.7", 300))


def test_numeric_addresses_are_told_from_names():
    assert is_numeric("127.0.0.1") and is_numeric("255.255.255.255")
    for name in ("localhost", "1.2.3", "1.2.3.256", "1.2.3.4.5", "a.b.c.d", "", "1.2.3.-4", "::1"):
        assert not is_numeric(name)
