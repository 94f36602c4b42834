"""The slcan adapter: any bytes may come in, only well-formed frames come out."""

from slcan import SlcanPort

from cabinet.bus.can_bus import Frame


class Line:
    stream = None

    def __init__(self, data=b"", piece=1000):
        self.data = data
        self.piece = piece
        self.out = b""

    def readinto(self, buf):
        n = min(len(buf), len(self.data), self.piece)
        buf[:n] = self.data[:n]
        self.data = self.data[n:]
        return n

    def write(self, data):
        self.out += bytes(data)
        return len(data)


def received(data, piece=1000):
    port = SlcanPort(Line(data, piece), 250_000)
    frame = Frame()
    frames = []
    while port.recv(frame):
        frames.append((frame.can_id, frame.extended, bytes(frame.data[: frame.length])))
    return frames, port


def test_the_channel_is_opened_at_its_bit_rate():
    line = Line()
    SlcanPort(line, 250_000)
    assert line.out == b"\r\r\rC\rS5\rO\r"


def test_a_bit_rate_that_adapters_do_not_have_is_refused():
    try:
        SlcanPort(Line(), 240_000)
    except ValueError as error:
        assert "240000" in str(error)
    else:
        raise AssertionError("accepted")


def test_frames_of_both_kinds_are_read_in_whatever_pieces_they_come():
    data = b"T18FF10090801FF02AB00000364\rt1232BEEF\rT00000001" + b"0\r"
    expected = [
        (0x18FF1009, True, bytes([1, 0xFF, 2, 0xAB, 0, 0, 3, 0x64])),
        (0x123, False, b"\xbe\xef"),
        (1, True, b""),
    ]
    data = data.replace(b"T18FF100908", b"T18FF10098")
    for piece in (1, 2, 7, 1000):
        assert received(data, piece)[0] == expected


def test_a_time_stamp_at_the_end_is_ignored():
    assert received(b"t12311142F0\r")[0] == [(0x123, False, b"\x11")]


def test_what_is_no_frame_is_counted_and_skipped():
    for bad in (b"T18FF1009\r", b"T18FF10099001122334455667788\r", b"T18FG1009100\r", b"t8001AA\r", b"TFFFFFFFF0\r", b"t1231ZZ\r", b"hi\r",
                b"t" * 200 + b"\r", b"t12321\r"):
        frames, port = received(bad + b"t0010\r")
        assert frames == [(1, False, b"")], bad
        assert port.bad_lines == 1, bad


def test_acknowledgements_are_no_frames():
    frames, port = received(b"\rz\rZ\r\x07V1013\rF04\r")
    assert frames == [] and port.bad_lines == 0 and port.refused == 1
    assert port.state() == 1


def test_bus_off_and_error_passive_are_told():
    assert received(b"F80\r")[1].state() == 3
    assert received(b"F20\r")[1].state() == 2
    assert received(b"F00\r")[1].state() == 0


def test_frames_are_written_as_the_protocol_says():
    line = Line()
    port = SlcanPort(line, 500_000)
    line.out = b""
    port.send(0x1806E5F4, True, bytes([3, 0xD4, 0, 0xA0, 0, 0, 0, 0]))
    port.send(0x7FF, False, b"\x01")
    assert line.out == b"T1806E5F4803D400A000000000\rt7FF101\r"
