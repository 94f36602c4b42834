"""Questions to a name server and what comes back, good and hostile. The part that talks is in test_board_dns_mp.py."""

import sys

ROOT = __file__.replace("\\", "/")[: -len("tests/unit/test_board_dns.py")] or "./"
sys.path[:0] = [ROOT + "boards/nucleo_h743zi2"]

from dns_client import answer, question  # noqa: E402

sys.path.remove(ROOT + "boards/nucleo_h743zi2")

QUERY = question("broker.example.org", 0x1234)


def reply(records=b"", count=0, head=b"\x12\x34\x81\x80", body=None):
    """An answer with `records` behind the question."""
    return head + b"\x00\x01" + bytes((count >> 8, count & 255)) + b"\0\0\0\0" + (QUERY[12:] if body is None else body) + records


def record(data, kind=1, name=b"\xc0\x0c"):
    """A resource record."""
    return name + bytes((0, kind, 0, 1, 0, 0, 0, 60, 0, len(data))) + data


def test_a_question_is_as_the_standard_says():
    assert QUERY == b"\x12\x34\x01\x00\x00\x01\0\0\0\0\0\0\x06broker\x07example\x03org\0\0\x01\0\x01"


def test_what_is_no_host_name_is_refused():
    for name in ("", "a..b", "x" * 64 + ".org", ".".join(["a" * 60] * 5)):
        try:
            question(name, 1)
            refused = False
        except ValueError:
            refused = True
        assert refused, name


def test_the_first_address_counts():
    assert answer(QUERY, reply(record(b"\xc0\x00\x02\x07") + record(b"\xc0\x00\x02\x08"), 2)) == "192.0.2.7"


def test_an_alias_before_the_address_is_passed_over():
    assert answer(QUERY, reply(record(b"\x03mq1\xc0\x13", 5) + record(b"\xc0\x00\x02\x09", 1, b"\x03mq1\xc0\x13"), 2)) == "192.0.2.9"


def test_the_case_of_letters_does_not_matter():
    assert answer(QUERY, reply(record(b"\xc0\x00\x02\x07"), 1, body=QUERY[12:].replace(b"broker", b"BROKER"))) == "192.0.2.7"


def test_an_answer_to_another_question_does_not_count():
    good = record(b"\xc0\x00\x02\x07")
    assert answer(QUERY, reply(good, 1, head=b"\x12\x35\x81\x80")) is None
    assert answer(QUERY, reply(good, 1, body=QUERY[12:].replace(b"broker", b"bribed"))) is None
    assert answer(QUERY, QUERY) is None


def test_errors_and_cut_answers_do_not_count():
    good = record(b"\xc0\x00\x02\x07")
    assert answer(QUERY, reply(good, 1, head=b"\x12\x34\x81\x83")) is None
    assert answer(QUERY, reply(good, 1, head=b"\x12\x34\x83\x80")) is None


def test_no_length_of_a_good_answer_breaks_the_reader():
    whole = reply(record(b"\x03mq1\xc0\x13", 5) + record(b"\xc0\x00\x02\x07"), 2)
    assert answer(QUERY, whole) == "192.0.2.7"
    for length in range(len(whole)):
        assert answer(QUERY, whole[:length]) is None


def test_no_changed_byte_breaks_the_reader():
    whole = reply(record(b"\xc0\x00\x02\x07"), 1)
    for at in range(len(whole)):
        for value in (0, 1, 0x3F, 0x40, 0x80, 0xC0, 0xFF):
            changed = bytearray(whole)
            changed[at] = value
            answer(QUERY, changed)
