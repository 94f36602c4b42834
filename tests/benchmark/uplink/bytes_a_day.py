"""Bytes on the wire for a day of a 12-slot cabinet with 200 swaps: real encoding, TCP, IP and TLS headers computed.

A swap is made of typical moments, whose events are stored in the same step; on a metered line the events of 15 s are gathered into one
message, alarms excepted.
"""

from __future__ import annotations

import binascii
import json
import random
import socket
import struct
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / part) for part in ("firmware", "tests/shims", "build/lib", "tools")]
sys.modules.update({"usocket": socket, "ustruct": struct, "ubinascii": binascii})  # type: ignore[dict-item]

from cabinet.core import events  # noqa: E402
from cabinet.uplink import envelope, meter  # noqa: E402
from cabinet.uplink.codec import Codec  # noqa: E402
from cabinet.uplink.states import SlotStates  # noqa: E402

CABINET = "kigali-0042"
SWAPS = 200
SLOTS = 12
DAY_S = 86400
PACK = "SC10293847AB"
# TCP and IPv4 headers 40 each way, TLS record 29; PUBACK 4 in its own segment, and the TCP acknowledgement of it
MESSAGE = 40 + 29
ANSWER = 40 + 29 + 4 + 40
PING = (40 + 29 + 2) * 2 + 40
HANDSHAKE = 5000

GATHERED = ((0, 4), (4, 7), (7, 9), (9, 10))  # moments of a swap within 15 s of each other
# one swap: moments, each with the events that come together
SWAP = (
    (("swap.ordered", 7, "1f3a9c02", "rider"), ("swap.step", 7, "open_empty"), ("lock.pulsed", "swap", 500)),
    (("door.opened",), ("swap.step", 7, "insert")),
    (("pack.inserted",),),
    (("door.closed",), ("swap.step", 7, "check")),
    (("pack.identified", "ACME", 1, 16, 18, 97, 412),),
    (("pack.proven", "hmac"), ("pack.accepted", 51234, 281, 18), ("swap.step", 7, "release"), ("lock.pulsed", "swap", 500)),
    (("door.opened",), ("charge.started", 57600, 10000, 18)),
    (("pack.removed", 100),),
    (("door.closed",), ("swap.completed", 7, 3, PACK, 18, 5, PACK, 100)),
    (("charge.stopped", "full", 100),),
)


class Record:
    """As the journal would hand it out."""

    def __init__(self, sequence: int, event: object) -> None:
        self.sequence = sequence
        self.boot = 37
        self.ticks_ms = 123456789
        self.time_s = 1_700_000_000
        self.quality = 2
        self.event = event


class Line:
    """Adds up what a day costs."""

    def __init__(self) -> None:
        self.codec = Codec(CABINET)
        self.by_kind: dict[str, int] = {}
        self.messages = 0
        self.sequence = 4_000_000

    def add(self, kind: str, count: int) -> None:
        """Bytes of a kind."""
        self.by_kind[kind] = self.by_kind.get(kind, 0) + count

    def publish(self, kind: str, topic: str, payload: bytes) -> None:
        """One QoS 1 message with its answer."""
        self.messages += 1
        self.add(kind, len(self.codec.publish(f"swapcab/v1/{CABINET}/{topic}".encode(), payload, 7)) + MESSAGE + ANSWER)

    def send_events(self, kind: str, ring: int, moment: list, gathered: bool) -> None:
        """The events of one moment."""
        texts = []
        before = None
        for event in moment:
            self.sequence += 1
            record = Record(self.sequence, event)
            whole = before is None or not gathered
            texts.append(envelope.encode(json.dumps(CABINET), ring, record) if whole else envelope.encode_after(before, record))
            before = record
        topic = "events/b" if ring else "events/a"
        if gathered and len(texts) > 1:
            self.publish(kind, topic, ("[" + ",".join(texts) + "]").encode())
        else:
            for text in texts:
                self.publish(kind, topic, text.encode())

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.by_kind.values())


class Clock:
    """The second of the day."""

    now_s = 0

    def ticks_ms(self) -> int:
        """For the states."""
        return self.now_s * 1000 & 0x3FFFFFFF


def view(now_s: int, slot: int, dice: random.Random) -> dict:
    """A slot that charges for two hours, rests, and is emptied; with the noise of a real one."""
    phase = (now_s + slot * 1100) % 14400
    charging = phase < 7200
    return {
        "slot": slot, "state": "charging" if charging else "full", "pack": PACK, "soc_pct": 20 + phase // 90 if charging else 100,
        "soh_pct": 97, "pack_mv": 51000 + phase // 3 + dice.randrange(60) if charging else 57000 + dice.randrange(20),
        "current_ma": 10000 + dice.randrange(300) if charging else 0, "temp_max_ddegc": 280 + phase // 180 if charging else 300,
        "charge_mv": 57600 if charging else 0, "charge_ma": 10000 if charging else 0, "door_closed": True, "locked": True,
        "why": "" if charging else "full", "why_text": "", "winner": "", "faults": [],
    }  # fmt: skip


def day(telemetry_s: int, gathered: bool, keepalive_s: int, state_pause_s: int) -> Line:
    """A day with those settings."""
    line = Line()
    dice = random.Random(1)
    for _ in range(SWAPS):
        spans = GATHERED if gathered else [(index, index + 1) for index in range(len(SWAP))]
        for moment in [sum(SWAP[first:last], ()) for first, last in spans]:
            line.send_events("events", 0, [events.make(row[0], 3, PACK, *row[1:]) for row in moment], gathered)
    for _ in range(0, DAY_S, telemetry_s):
        made = [events.make("telemetry.slot", slot + 1, PACK, 55, 54321, 9876, 291, 3391, 3402) for slot in range(SLOTS)]
        line.send_events("telemetry", 1, [*made, events.make("telemetry.cabinet", 0, "", 4200, 5, 12, 81234)], True)
    clock = Clock()
    states = SlotStates(clock, state_pause_s * 1000)
    for clock.now_s in range(0, DAY_S, 10):
        for slot in range(1, SLOTS + 1):
            states.update(slot, view(clock.now_s, slot, dice))
        due = states.take()
        while due:
            line.publish("slot states", f"slots/{due[0]}", json.dumps(due[1]).encode())
            due = states.take()
    busy = min(line.messages, DAY_S * 2 // keepalive_s)  # at worst each message spares one ping
    line.add("keep-alive", max(0, DAY_S * 2 // keepalive_s - busy // 2) * PING)
    line.add("session (4 a day)", 4 * (HANDSHAKE + 600))
    return line


def naive() -> int:
    """Everything of every slot each 10 s, one message a slot."""
    line = Line()
    dice = random.Random(1)
    for now_s in range(0, DAY_S, 100):  # a tenth of them, which are alike
        for slot in range(1, SLOTS + 1):
            line.publish("all", f"slots/{slot}", json.dumps(view(now_s, slot, dice)).encode())
    return line.total * 10


def rows() -> list[tuple[str, int, str, str, bool | None]]:
    """For the benchmark's table."""
    made: list[tuple[str, int, str, str, bool | None]] = []
    metered = day(3600, True, 600, 1800)
    usual = day(60, False, 60, 60)
    made.append(("a day on a metered line (see docs/uplink.md)", metered.total // 1000, "kB", "< 1,000", metered.total < 1_000_000))
    made += [(f"  {kind}", count // 1000, "kB", "", None) for kind, count in metered.by_kind.items()]
    made.append(("a day with the default settings", usual.total // 1000, "kB", "", None))
    made += [(f"  {kind}", count // 1000, "kB", "", None) for kind, count in usual.by_kind.items()]
    made.append(("a day of publishing everything each 10 s", naive() // 1000, "kB", "", None))
    return made


if __name__ == "__main__":
    assert meter.OVERHEAD == MESSAGE + ANSWER, MESSAGE + ANSWER
    for row in rows():
        print(*row[:4])
