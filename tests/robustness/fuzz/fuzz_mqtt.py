"""Hostile bytes into every parser of the uplink: MQTT packets, commands, DNS answers, SNTP answers. Only the named refusals may come out.

`python tests/robustness/fuzz/fuzz_mqtt.py --count 10000000 --seed 1` gives the MQTT parser that many packets, and a quarter as many
answers to each of the DNS and SNTP parsers, in some minutes; test_fuzz_mqtt.py runs a sample.
"""

from __future__ import annotations

import argparse
import json
import random
import struct
import sys
import time
from collections import Counter

from cabinet.uplink import dns
from cabinet.uplink.codec import CONNACK, ProtocolError
from cabinet.uplink.session import Session
from cabinet.uplink.sntp import answer as sntp_answer
from cabinet.uplink.uplink import Uplink, UplinkOptions

TOPIC = b"swapcab/v1/cab-1/commands"
ASKED = dns.question("broker.example.org", 0x1234)
DNS_ANSWER = (
    ASKED[:2]
    + b"\x81\x80\x00\x01\x00\x02\x00\x00\x00\x00"
    + ASKED[12:]
    + b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x04\x01x\xc0\x13"
    + b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x01"
)
SNTP_ANSWER = b"\x24\x02\x06\xec" + bytes(20) + b"ABCDEFGH" + b"\xe9\x00\x00\x00\x00\x00\x00\x00" * 2


class Clock:
    """Stands still."""

    def ticks_ms(self) -> int:
        """Always the same."""
        return 0

    def ticks_us(self) -> int:
        """Always the same."""
        return 0

    def wall_s(self) -> int:
        """A day in 2023."""
        return 1_700_000_000

    def quality(self) -> int:
        """Synchronised."""
        return 2


class Journal:
    """Empty, but for the few events that each connection has in flight."""

    boot = 1
    sent = 0
    urgent = ()

    def acked(self, ring: int) -> int:
        """Nothing."""
        return 0

    head = backlog = acked

    def ack(self, ring: int, sequence: int) -> None:
        """May only be called for what was sent."""
        if ring or not 0 < sequence <= self.sent:
            raise AssertionError("a cursor moved for an event that was never sent")


class Fuzz:
    """Makes inputs and counts what came of them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.carried_out = 0
        self.refused = 0
        self.packets = 0
        self.acknowledged = 0
        self.inputs: Counter[str] = Counter()  # by parser
        self.journal = Journal()
        self.uplink = Uplink(None, Clock(), self.journal, UplinkOptions("cab-1", "127.0.0.1"), dict, lambda count: bytes(count), self._do)

    def _do(self, command: dict) -> tuple[bool, str]:
        self.carried_out += 1
        assert set(command) <= {"id", "kind", "slot", "token", "expires"}
        slot = command.get("slot")
        assert slot is None or (isinstance(slot, int) and 1 <= slot <= 255)
        return True, ""

    def _command(self) -> bytes:
        pick = self.random.choice
        command = {
            "id": pick(["r" + str(self.random.randrange(1 << 30))] * 9 + ["a", "x" * 36, "x" * 37, "", 5, None, "ü"]),
            "kind": pick(["swap", "unlock", "enable", "disable", "clear"] * 2 + ["format", None, 3, []]),
            "slot": pick([1, 12, 2, 3, 255, 7] * 2 + [0, -1, 256, True, None, 1.5, "1", 1 << 70, [1], {}]),
            "expires": pick([1_800_000_000] * 4 + [None, 1, 1_800_000_000, -1, 1 << 40, "x"]),
        }
        for name in list(command):
            if self.random.random() < 0.15:
                del command[name]
        if self.random.random() < 0.1:
            command["more"] = pick([1, "[" * 200, {"a": {"b": []}}])
        return json.dumps(command).encode()

    def _length(self, length: int) -> bytes:
        made = bytearray()
        while True:
            made.append(length & 0x7F | (0x80 if length > 0x7F else 0))
            length >>= 7
            if not length:
                return bytes(made)

    def packet(self) -> bytes:
        """Something that was valid once, or never."""
        kind = self.random.choice((0, 1, 2, 3, 4, 5, 5, 5, 6, 6, 6, 7, 8))
        pid = struct.pack("!H", self.random.choice([0, 1, 2, 16, 17, 255, 256, 65535]))
        if kind == 0:
            return bytes((0x20, 2, self.random.choice([0, 0, 1, 2]), self.random.choice([0, 0, 1, 5, 6, 255])))
        if kind == 1:
            return b"\x40\x02" + pid
        if kind == 2:
            return b"\x90\x03" + pid + bytes((self.random.choice([0, 1, 2, 0x80]),))
        if kind == 3:
            return b"\xd0\x00"
        if kind == 4:
            return self.random.randbytes(self.random.randrange(1, 40))
        topic = self.random.choice([TOPIC] * 15 + [b"", b"a", b"#", b"\xff", b"x" * 200])
        payload = self._command() if kind < 7 else self.random.randbytes(self.random.randrange(300 if kind == 7 else 3000))
        flags = self.random.choice([0, 0, 2, 2, 2, 2, 2, 2, 3, 0x0A, 1, 4, 6, 8])
        body = struct.pack("!H", len(topic)) + topic + (pid if flags & 6 else b"") + payload
        return bytes((0x30 | flags,)) + self._length(len(body)) + body

    def mutated(self, data: bytes) -> bytes:
        """With some bytes changed, cut out or put in."""
        made = bytearray(data)
        for _ in range(self.random.choice([0, 0, 0, 0, 0, 1, 1, 2, 5])):
            at = self.random.randrange(len(made)) if made else 0
            what = self.random.randrange(4)
            if what == 0 and made:
                made[at] = self.random.randrange(256)
            elif what == 1 and made:
                made[at] ^= 1 << self.random.randrange(8)
            elif what == 2:
                del made[at : at + self.random.randrange(1, 6)]
            else:
                made[at:at] = self.random.randbytes(self.random.randrange(1, 6))
        return bytes(made)

    def connection(self) -> None:
        """One connection: a few packets in pieces of any size, until it is refused."""
        session = Session(self.uplink)
        framer = self.uplink.framer
        framer.reset()
        self.journal.sent = self.random.choice((0, 0, 1, 2, 16))
        for sequence in range(1, self.journal.sent + 1):
            session._flights.sent(session._flights.take_pid(), 0, sequence, 1)
        stream = b"\x20\x02\x00\x00" if self.random.random() < 0.9 else b""
        count = self.random.randrange(1, 8)
        for _ in range(count):
            stream += self.mutated(self.packet())
        self.inputs["MQTT"] += count
        at = 0
        try:
            while at < len(stream):
                space = framer.space()
                assert len(space)
                piece = min(len(space), len(stream) - at, self.random.choice([1, 3, 50, 1000]))
                space[:piece] = stream[at : at + piece]
                framer.filled(piece)
                at += piece
                packet = framer.next()
                while packet is not None:
                    self.packets += 1
                    session._packet(packet, framer.body)
                    packet = framer.next()
        except ProtocolError:
            self.refused += 1
        assert session.accepted or stream[:1] != bytes((CONNACK,)) or self.refused
        for message in session._inbox:
            if message.topic == self.uplink.topics.commands:
                json.dumps(self.uplink.desk.handle(message.payload, message.retained))
        assert len(session._inbox) <= 24
        self.acknowledged += session.acknowledged
        self.uplink.drain.flush()

    def name_answer(self) -> None:
        """One DNS answer."""
        self.inputs["DNS"] += 1
        try:
            found = dns.answer(self.mutated(DNS_ANSWER), ASKED)
        except OSError:
            return
        assert found is None or dns.is_numeric(found[0])

    def time_answer(self) -> None:
        """One SNTP answer."""
        self.inputs["SNTP"] += 1
        found = sntp_answer(self.mutated(SNTP_ANSWER), b"ABCDEFGH")
        assert found is None or 1_577_836_800 <= found < 1 << 33

    def run(self, count: int) -> None:
        """Until the MQTT parser has been given so many packets."""
        while self.inputs["MQTT"] < count:
            self.connection()
            self.name_answer()
            self.time_answer()


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    from swapcab.rows import Row, publish

    fuzz = Fuzz(options.seed)
    begin = time.monotonic()
    escape = ""
    try:
        fuzz.run(options.count)
    except Exception as error:
        escape = f"{error!r} after {dict(fuzz.inputs)} inputs, seed {options.seed}"
    given = fuzz.inputs
    rows = [
        Row("packets given to the MQTT parser", given["MQTT"], "", f">= {options.count:,}", given["MQTT"] >= options.count),
        Row("answers given to the DNS parser", given["DNS"]),
        Row("answers given to the SNTP parser", given["SNTP"]),
        Row("complete packets among them", fuzz.packets),
        Row("acknowledgements of events in flight", fuzz.acknowledged),
        Row("connections refused", fuzz.refused),
        Row("commands carried out", fuzz.carried_out),
        Row("escapes", escape or 0, "", "0", not escape),
        Row("time", round(time.monotonic() - begin, 1), "s"),
    ]
    return 0 if publish(rows, "Hostile bytes into the uplink's parsers", "fuzz-mqtt") else 1


if __name__ == "__main__":
    sys.exit(main())
