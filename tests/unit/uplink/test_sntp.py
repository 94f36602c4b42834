"""Time answers: believed only if they can be true."""

from cabinet.uplink.sntp import answer, question

STAMP = b"ABCDEFGH"


def reply(seconds, first=0x24, stratum=2, stamp=STAMP):
    """A server's answer."""
    return bytes((first, stratum)) + bytes(22) + stamp + bytes(8) + (seconds & 0xFFFFFFFF).to_bytes(4, "big") + bytes(4)


def test_a_question_tells_nothing_but_a_stamp():
    asked = question(STAMP)
    assert len(asked) == 48 and asked[0] == 0x23 and asked[40:] == STAMP and asked[1:40] == bytes(39)


def test_a_good_answer_is_the_time():
    assert answer(reply(1_700_000_000 + 2208988800), STAMP) == 1_700_000_000


def test_the_wrap_of_2036_is_passed():
    assert answer(reply(2_200_000_000 + 2208988800), STAMP) == 2_200_000_000


def test_answers_that_must_not_be_believed_are_passed_over():
    good = 1_700_000_000 + 2208988800
    for data in (
        b"",
        reply(good)[:47],
        reply(good, stamp=b"ABCDEFGX"),
        reply(good, first=0xE4),  # its clock is not set
        reply(good, first=0x23),  # a client, not a server
        reply(good, first=0x25),  # a broadcast
        reply(good, stratum=0),  # told to go away
        reply(good, stratum=16),
        reply(1_500_000_000 + 2208988800),  # before this firmware was written
    ):
        assert answer(data, STAMP) is None
