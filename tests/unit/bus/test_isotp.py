"""Time limits of one exchange by ISO-TP."""

from cabinet.bus.isotp import DONE, FAILED, LISTENING, IsoTp

REQUEST = b"\x01" + b"A" * 32
MAC = b"\x41" + b"m" * 32


class Bus:
    def send(self, can_id, frame, length, first=False, replace=True):
        return True


def asked():
    """An exchange whose request has gone out whole at 10 ms."""
    tp = IsoTp(Bus(), 1)
    tp.start(REQUEST, 0)
    tp.on_frame(bytearray(b"\x30\x00\x00\xcc\xcc\xcc\xcc\xcc"), 8, 10)
    assert tp.state == LISTENING
    return tp


def pass_time(tp, start_ms, end_ms):
    for now_ms in range(start_ms, end_ms, 10):
        tp.tick(now_ms)


def answer(tp, now_ms):
    tp.on_frame(bytearray(b"\x10\x21" + MAC[:6]), 8, now_ms)
    for k in range(4):
        part = MAC[6 + 7 * k : 13 + 7 * k]
        tp.on_frame(bytearray(bytes([0x21 + k]) + part + bytes(7 - len(part))), 8, now_ms)


def test_a_slow_pack_is_heard_in_the_exchange_that_asked_it():
    for think_ms in (100, 2050, 4000, 4900):
        tp = asked()
        pass_time(tp, 20, think_ms)
        answer(tp, think_ms)
        assert tp.state == DONE and bytes(tp.answer[: tp.length]) == MAC, think_ms


def test_a_pack_that_says_nothing_is_given_up_after_five_seconds():
    tp = asked()
    pass_time(tp, 20, 5000)
    assert tp.state == LISTENING
    pass_time(tp, 5000, 5030)
    assert tp.state == FAILED


def test_an_answer_that_breaks_off_is_given_up_after_a_second():
    tp = asked()
    tp.on_frame(bytearray(b"\x10\x21" + MAC[:6]), 8, 100)
    pass_time(tp, 110, 1090)
    assert tp.state != FAILED
    pass_time(tp, 1090, 1120)
    assert tp.state == FAILED
