"""MQTT packets made and read by umqtt.simple over a memory object."""

import struct
import sys

try:
    import usocket  # noqa: F401
except ImportError:  # CPython: the library's names of three modules
    import binascii
    import socket

    sys.modules.update({"usocket": socket, "ustruct": struct, "ubinascii": binascii})

from cabinet.uplink.codec import Codec, Framer, ProtocolError, answer_id


def refuses(work, *arguments):
    """The reason with which something is refused."""
    try:
        work(*arguments)
    except ProtocolError as error:
        return str(error)
    raise ValueError("was not refused")


def framed(data):
    """All packets of a stream, fed in one piece."""
    framer = Framer(256)
    framer.space()[: len(data)] = data
    framer.filled(len(data))
    return framer.next(), framer.body


def test_connect_is_complete_and_carries_a_retained_will():
    packet = bytes(Codec("cab-1", "user", "pass", 60).connect("p/cab-1/online", b"0"))
    assert packet[0] == 0x10 and packet[1] == len(packet) - 2
    assert packet[2:9] == b"\x00\x04MQTT\x04"
    flags = packet[9]
    assert flags == 0x80 | 0x40 | 0x20 | 0x08 | 0x04 | 0x02
    assert packet[10:12] == struct.pack("!H", 60)
    assert packet[12:] == b"\x00\x05cab-1\x00\x0ep/cab-1/online\x00\x010\x00\x04user\x00\x04pass"


def test_connect_can_be_made_again_for_the_next_connection():
    codec = Codec("cab-1", None, None, 60)
    assert codec.connect("t", b"0") == codec.connect("t", b"0")


def test_publish_counts_bytes_not_characters():
    packet = bytes(Codec("c").publish("grün/a".encode(), "20 °C".encode(), 7))
    assert packet == b"\x32\x11\x00\x07gr\xc3\xbcn/a\x00\x0720 \xc2\xb0C"


def test_publish_of_all_sizes_has_the_right_length():
    codec = Codec("c")
    for size in (0, 1, 122, 123, 124, 127, 128, 5000, 16380, 16390):
        packet = bytes(codec.publish(b"t", b"x" * size, 1))
        length = shift = 0
        at = 1
        while True:
            length |= (packet[at] & 0x7F) << shift
            shift += 7
            at += 1
            if not packet[at - 1] & 0x80:
                break
        assert length == len(packet) - at == size + 5


def test_duplicates_and_retained_messages_are_marked():
    codec = Codec("c")
    assert codec.publish(b"t", b"", 1)[0] == 0x32
    assert codec.publish(b"t", b"", 1, dup=True)[0] == 0x3A
    assert codec.publish(b"t", b"", 1, retain=True)[0] == 0x33
    assert codec.publish(b"t", b"", 0)[0] == 0x30


def test_packet_ids_are_those_asked_for_up_to_the_last():
    codec = Codec("c")
    for pid in (1, 2, 65535, 1):
        assert bytes(codec.publish(b"t", b"", pid))[5:7] == struct.pack("!H", pid)
        assert bytes(codec.subscribe("t", pid))[2:4] == struct.pack("!H", pid)


def test_ping():
    codec = Codec("c")
    codec.connect("t", b"0")
    assert bytes(codec.ping()) == b"\xc0\x00"


def test_an_inbound_message_is_read_and_its_acknowledgement_kept_back():
    packet, body = framed(b"\x33\x09\x00\x03a/b\x12\x34hi")
    message = Codec("c").message(packet, body)
    assert (message.topic, message.payload, message.retained, message.puback) == ("a/b", b"hi", True, b"\x40\x02\x12\x34")
    packet, body = framed(b"\x30\x05\x00\x03a/b")
    message = Codec("c").message(packet, body)
    assert (message.payload, message.retained, message.puback) == (b"", False, b"")


def test_messages_that_cannot_be_right_are_refused():
    codec = Codec("c")
    for data, reason in (
        (b"\x34\x07\x00\x01a\x00\x01hi", "PUBLISH with QoS 2"),
        (b"\x36\x07\x00\x01a\x00\x01hi", "PUBLISH with QoS 3"),
        (b"\x38\x03\x00\x01a", "PUBLISH of QoS 0 with DUP"),
        (b"\x30\x00", "PUBLISH too short"),
        (b"\x30\x01\x00", "PUBLISH too short"),
        (b"\x32\x03\x00\x01a", "PUBLISH too short"),
        (b"\x30\x03\x00\x02a", "PUBLISH with a wrong topic length"),
        (b"\x30\x03\xff\xffa", "PUBLISH with a wrong topic length"),
        (b"\x30\x02\x00\x00", "PUBLISH with a wrong topic length"),
        (b"\x32\x05\x00\x01a\x00\x00", "PUBLISH with packet id 0"),
        (b"\x30\x04\x00\x02\xff\xfe", "topic is not UTF-8"),
        (b"\x30\x04\x00\x02a\x00", "topic with a forbidden character"),
        (b"\x30\x04\x00\x02a#", "topic with a forbidden character"),
    ):
        packet, body = framed(data)
        assert refuses(codec.message, packet, body) == reason, data
    packet, body = framed(b"\x30\x03\x00\x01a")
    assert codec.message(packet, body).topic == "a"  # and it goes on as if nothing had been


def test_acknowledgements_are_checked():
    assert answer_id(b"\x40\x02\x01\x02", 2, 2) == 0x102
    assert answer_id(b"\x90\x03\x00\x05\x01", 2, 3) == 5
    assert refuses(answer_id, b"\x40\x03\x01\x02\x03", 2, 2) == "acknowledgement of 3 bytes"
    assert refuses(answer_id, b"\x41\x02\x01\x02", 2, 2) == "acknowledgement of 2 bytes"
    assert refuses(answer_id, b"\x40\x02\x00\x00", 2, 2) == "acknowledgement of packet id 0"


def fed(framer, stream, piece, take):
    """Give a framer a stream in pieces; what `take` makes of each packet."""
    made = []
    at = 0
    while at < len(stream):
        space = framer.space()
        count = min(piece, len(space), len(stream) - at)
        assert count > 0
        space[:count] = stream[at : at + count]
        framer.filled(count)
        at += count
        packet = framer.next()
        while packet is not None:
            made.append(take(packet))
            packet = framer.next()
    return made


def test_packets_are_cut_out_of_a_stream_however_it_arrives():
    stream = b"\x40\x02\x00\x01\xd0\x00" + b"\x30\x80\x01\x00\x01a" + b"x" * 125 + b"\x40\x02\x00\x02"
    for piece in (1, 2, 3, 7, 50, len(stream)):
        framer = Framer(140)
        sizes = fed(framer, stream, piece, lambda packet, framer=framer: (packet[0], len(packet), framer.body))
        assert sizes == [(0x40, 4, 2), (0xD0, 2, 2), (0x30, 131, 3), (0x40, 4, 2)]


def large(flags, rest, length_bytes):
    """A PUBLISH on a/b with packet id 0x1234 (QoS 1) and so many bytes behind it."""
    body = b"\x00\x03a/b" + (b"\x12\x34" if flags & 6 else b"") + b"\x40" * rest
    length = len(body)
    head = bytearray((0x30 | flags,))
    for left in range(length_bytes - 1, -1, -1):
        head.append(length & 0x7F | (0x80 if left else 0))
        length >>= 7
    return bytes(head) + body


def test_a_message_that_is_too_large_is_read_past_and_can_be_acknowledged():
    codec = Codec("c")
    for rest, length_bytes in ((125, 2), (126, 3), (140, 2), (1000, 2), (16400, 3), (16400, 4)):
        stream = b"\x40\x02\x00\x01" + large(3, rest, length_bytes) + b"\x40\x02\x00\x02" + large(0, rest, length_bytes)
        for piece in (1, 3, 7, 50, 139, len(stream)):
            framer = Framer(128)

            def taken(packet, framer=framer):
                if packet[0] & 0xF0 != 0x30:
                    return answer_id(packet, framer.body, 2), framer.cut
                message = codec.message(packet, framer.body)
                return message.topic, message.payload, message.retained, message.puback, framer.cut

            assert fed(framer, stream + b"\x40\x02\x00\x03", piece, taken) == [
                (1, 0),
                ("a/b", b"", True, b"\x40\x02\x12\x34", rest + 7),
                (2, 0),
                ("a/b", b"", False, b"", rest + 5),
                (3, 0),
            ]


def test_a_framer_forgets_what_it_was_reading_past():
    framer = Framer(128)
    assert fed(framer, large(2, 1000, 2)[:500], 100, bytes) == []
    framer.reset()
    assert fed(framer, b"\xd0\x00", 2, lambda packet: (bytes(packet), framer.cut)) == [(b"\xd0\x00", 0)]


def test_any_other_packet_that_is_too_large_is_refused_from_its_header_alone():
    assert refuses(framed, b"\x40\xff\x01") == "packet of 255 bytes, at most 256 are taken"
    assert refuses(framed, b"\x90\xff\xff\xff\x7f").startswith("packet of 268435455 bytes")
    assert refuses(framed, b"\x30\xff\xff\xff\xff\x01") == "remaining length of more than 4 bytes"
    assert refuses(framed, b"\x30\xff\x01\x00\xff") == "PUBLISH with a wrong topic length"


def test_a_framer_forgets_the_last_connection():
    framer = Framer(16)
    framer.space()[:2] = b"\x30\x05"
    framer.filled(2)
    assert framer.next() is None
    framer.reset()
    framer.space()[:2] = b"\xd0\x00"
    framer.filled(2)
    assert framer.next() == b"\xd0\x00"
