"""What the uplink's parsers make of bytes, in words that can be compared: for CPython and MicroPython, see fuzz_both.py.

`micropython wire_verdicts.py` takes lines "KIND HEX" and prints one verdict a line.
"""

import binascii
import sys

from cabinet.uplink import dns
from cabinet.uplink.codec import ProtocolError
from cabinet.uplink.session import Session
from cabinet.uplink.sntp import answer as sntp_answer
from cabinet.uplink.uplink import Uplink, UplinkOptions

ASKED = dns.question("broker.example.org", 0x1234)
STAMP = b"ABCDEFGH"


class Clock:
    """Stands still in 2023."""

    def ticks_ms(self):
        return 0

    def ticks_us(self):
        return 0

    def wall_s(self):
        return 1_700_000_000

    def quality(self):
        return 2


class Journal:
    """Empty."""

    boot = 1
    urgent = []

    def acked(self, ring):
        return 0

    head = backlog = acked

    def ack(self, ring, sequence):
        raise AssertionError("a cursor moved for an event that was never sent")


def carry_out(command):
    """Whatever it is."""
    return True, ""


UPLINK = Uplink(None, Clock(), Journal(), UplinkOptions("cab-1", "127.0.0.1"), dict, bytes, carry_out)


def connection(data):
    """Packets taken, commands and their answers, and why the session ended."""
    session = Session(UPLINK)
    framer = UPLINK.framer
    framer.reset()
    at = taken = 0
    end = ""
    try:
        while at < len(data):
            space = framer.space()
            piece = min(len(space), len(data) - at, 700)
            space[:piece] = data[at : at + piece]
            framer.filled(piece)
            at += piece
            packet = framer.next()
            while packet is not None:
                session._packet(packet, framer.body)
                taken += 1
                packet = framer.next()
    except ProtocolError as error:
        end = str(error)
    inbox = [(binascii.hexlify(one.topic.encode()), len(one.payload), one.retained) for one in session._inbox]
    return f"{taken}; {inbox}; {end}"


def command(data):
    """Whether a command is carried out; why not may differ, since MicroPython's parser reads on where CPython's gives up."""
    result = UPLINK.desk.handle(data, False)
    return f"carried out {result['id']}" if result["accepted"] else "refused"


def name(data):
    """The address in a DNS answer."""
    try:
        return str(dns.answer(data, ASKED))
    except OSError as error:
        return str(error)


def moment(data):
    """The time in an SNTP answer."""
    return str(sntp_answer(data, STAMP))


KINDS = {"M": connection, "C": command, "D": name, "S": moment}


def verdict(kind, data):
    """One line of words."""
    return KINDS[kind](data).replace("\n", " ")


if __name__ == "__main__":
    for line in sys.stdin:
        words = line.split()
        print(verdict(words[0], binascii.unhexlify(words[1]) if len(words) > 1 else b""))
