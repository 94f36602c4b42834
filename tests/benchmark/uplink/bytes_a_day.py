"""Bytes on the wire for a day of a 12-slot cabinet with 200 swaps: real encoding, TCP, IP and TLS headers computed.

A swap is made of typical moments, whose events are stored in the same step; with the default settings the events of a minute are gathered
into one message. day.py measures the same with the whole firmware on virtual time, which takes half an hour.
"""

from __future__ import annotations

import json
import random

from cabinet.core import events
from cabinet.runtime import upkeep
from cabinet.startup import settings as config
from cabinet.uplink import envelope, meter
from cabinet.uplink.codec import Codec
from cabinet.uplink.states import SlotStates

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

GATHERED = ((0, 9), (9, 10))  # moments of a swap within a minute of each other
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


CYCLE_S = DAY_S * SLOTS // SWAPS  # of a slot: a pack comes, charges, rests and goes
DOORS = ((0, "out", False), (12, "empty", True), (18, "in", False), (33, "checking", True), (39, "charging", True))


def view(now_s: int, slot: int, dice: random.Random) -> dict:
    """A slot from which a full pack is taken and into which an empty one is put, which charges and rests; with the noise of a real one."""
    phase = (now_s + slot * 433) % CYCLE_S
    state, door = "full", True
    for begin_s, name, shut in DOORS:
        if phase >= begin_s:
            state, door = name, shut
    known = phase >= 33
    if phase >= 4000:
        state = "full"
    charging = state == "charging"
    return {
        "slot": slot, "state": state, "pack": PACK if known else None, "soc_pct": min(100, 20 + phase // 50) if known else None,
        "soh_pct": 97 if known else None, "pack_mv": 51000 + min(phase, 4000) * 3 // 2 + dice.randrange(60) if known else None,
        "current_ma": (10000 + dice.randrange(300) if charging else 0) if known else None,
        "temp_max_ddegc": 280 + min(phase, 4000) // 100 if known else None, "charge_mv": 57600 if charging else 0,
        "charge_ma": 10000 if charging else 0, "door_closed": door, "locked": door, "why": "" if charging else state,
        "winner": "", "faults": [],
    }  # fmt: skip


class Records:
    """Telemetry by exception, by the firmware's own rule."""

    def __init__(self, clock: Clock, settings: dict) -> None:
        self.made: list = []
        holder = type("Settings", (), settings)
        control = type("Control", (), {"slots": [None] * SLOTS})
        self.rule = upkeep.Telemetry(holder, clock, control, None, None)

    def look(self, slot: int, seen: dict) -> None:
        """A slot's turn."""
        if seen["pack"] is None:
            return
        mv = seen["pack_mv"]
        values = (seen["soc_pct"], mv, seen["current_ma"], seen["temp_max_ddegc"], mv // 16 - 8, mv // 16 + 8)
        if self.rule._due(slot, self.rule._bands, values):
            self.made.append(events.make("telemetry.slot", slot, PACK, *values))

    def look_at_cabinet(self, power_w: int) -> None:
        """The whole."""
        if self.rule._due(0, self.rule._power, (power_w,)):
            self.made.append(events.make("telemetry.cabinet", 0, "", power_w, 5, 12, 81234))


def defaults(section: tuple, **other: object) -> dict:
    """The settings of a section as they are if nobody says anything."""
    return {**{row[0]: row[2] for row in section}, **other}


def day(uplink: dict, telemetry: dict) -> Line:
    """A day with those settings."""
    line = Line()
    dice = random.Random(1)
    gathered = bool(uplink["gather_s"])
    for _ in range(SWAPS):
        spans = GATHERED if gathered else [(index, index + 1) for index in range(len(SWAP))]
        for moment in [sum(SWAP[first:last], ()) for first, last in spans]:
            line.send_events("events", 0, [events.make(row[0], 3, PACK, *row[1:]) for row in moment], gathered)
    clock = Clock()
    states = SlotStates(clock, uplink["state_pause_s"] * 1000, uplink["state_settle_s"] * 1000)
    records = Records(clock, telemetry)
    for clock.now_s in range(0, DAY_S, 5):
        power_w = 0
        for slot in range(1, SLOTS + 1):
            seen = view(clock.now_s, slot, dice)
            power_w += seen["charge_ma"] * 57 // 1000
            states.update(slot, seen)
            if clock.now_s % telemetry["period_s"] == 0:
                records.look(slot, seen)
        if clock.now_s % telemetry["period_s"] == 0:
            records.look_at_cabinet(power_w)
        if records.made and (clock.now_s % max(5, telemetry["gather_s"]) == 0 or len(records.made) >= uplink["batch"]):
            line.send_events("telemetry", 1, records.made, uplink["compact"] == "on")
            records.made = []
        due = states.take()
        while due:
            line.publish("slot states", f"slots/{due[0]}", json.dumps(due[1]).encode())
            due = states.take()
    pings = DAY_S * 2 // uplink["keepalive_s"]
    line.add("keep-alive", max(0, pings - min(line.messages, pings) // 2) * PING)  # at worst two messages spare one ping
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
    usual = day(defaults(config.UPLINK), defaults(config.TELEMETRY))
    often = {name: 0 for name in ("soc_pct", "voltage_mv", "current_ma", "temp_ddegc", "cell_mv", "power_w")}
    free_uplink = defaults(config.UPLINK, gather_s=0, state_settle_s=0, state_pause_s=60, keepalive_s=60, compact="off")
    free = day(free_uplink, defaults(config.TELEMETRY, heartbeat_s=60, gather_s=1, **often))
    made.append(("a day with the default settings", usual.total // 1000, "kB", "< 1,000", usual.total < 1_000_000))
    made += [(f"  {kind}", count // 1000, "kB", "", None) for kind, count in usual.by_kind.items()]
    made.append(("a day on a free line (each event at once, everything each minute)", free.total // 1000, "kB", "", None))
    made += [(f"  {kind}", count // 1000, "kB", "", None) for kind, count in free.by_kind.items()]
    made.append(("a day of publishing everything each 10 s", naive() // 1000, "kB", "", None))
    return made


if __name__ == "__main__":
    assert meter.OVERHEAD == MESSAGE + ANSWER, MESSAGE + ANSWER
    for row in rows():
        print(*row[:4])
