# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
"""The uplink alone for days of virtual time, against a broker and a line on which everything goes wrong, again and again.

The uplink is the real one; its journal is in memory and drops nothing, so that each ring must arrive without a gap, in order and
unchanged, however often it is cut off. Started by tests/system/scenarios/chaos_virtual.py.
"""

import asyncio
import gc

from ram_journal import RamJournal  # pyright: ignore[reportMissingImports]

from cabinet.core import events
from cabinet.uplink.uplink import Uplink, UplinkOptions
from plant.rng import Rng
from virtual.broker import MODES, Broker
from virtual.timebase import VirtualClock, VirtualTime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
WRAPS_AFTER_MS = 20 * 3_600_000  # the clock's ticks wrap so long after the start
HARMS = ("garble", "swallow", "twice")
ACTS = MODES + HARMS + ("half_close", "lie", "flood", "restart", "clock")
LIES = (
    b"\x40\x02\x7f\xff",  # PUBACK of what was never sent
    b"\x40\x02\x00\x00",
    b"\x90\x03\x00\x01\x00",
    b"\x30\xff\xff\xff\x7f",  # a packet of 256 MB begins
    b"\x30\xff\xff\xff\xff\x7f",
    b"\x32\x04\xff\xff\x00\x00",
    b"\x30\x05\x00\x02\xff\xfe{",
    b"\xf0\x00",
    b"\xd0\x01\x00",
)


NUMBERED = {"pack.accepted": "pack_mv", "fault.raised": "value", "telemetry.slot": "current_ma"}  # in which field we put the sequence


class Violated(Exception):
    """What must never happen has happened."""


class Weather(Broker):
    """The broker, with what can befall single bytes: "garble", "swallow", "twice"."""

    def __init__(self, time: VirtualTime, rng: Rng, on_event) -> None:
        super().__init__(time, rng, on_event)
        self.harm = ""
        self.alarms = 0

    def _deliver(self, what: tuple) -> None:
        stream, data = what
        if self.harm == "swallow":
            return
        if self.harm == "garble":
            data = bytes([byte ^ 0xA5 for byte in data])
        super()._deliver((stream, data))
        if self.harm == "twice":
            super()._deliver((stream, data))

    def _publish(self, topic: str, payload: bytes) -> None:
        if topic.endswith("/alarms"):
            self.alarms += 1
        super()._publish(topic, payload)

    def half_close(self) -> None:
        """The cabinet is told that nothing more will come."""
        if self._stream is not None:
            self._stream.end()

    def lie(self, data: bytes) -> None:
        """Bytes that nobody asked for."""
        if self._stream is not None:
            self._answer(self._stream, data)


class Run:
    """One seed."""

    def __init__(self, seed: int, hours: float) -> None:
        self.time = VirtualTime()
        self.time.install()
        self.clock = VirtualClock(self.time, (1 << 30) - WRAPS_AFTER_MS)
        self.rng = Rng(seed)
        self.dice = Rng(seed + 1)
        self.journal = RamJournal()
        self.broker = Weather(self.time, Rng(seed + 2), self.received)
        self.end_us = int(hours * HOUR_US)
        self.last = {"A": 0, "B": 0}
        self.repeats = self.commands = self.starts = self.sessions = self.failures = 0
        self.acts = {}
        self.heap = []  # kept, once an hour when nothing waits to be sent
        self.uplink: "Any" = None
        self.task: "Any" = None

    def received(self, ring: str, envelope: dict) -> None:
        """Called by the broker with every event."""
        sequence = envelope["seq"]
        expected = self.last[ring] + 1
        if sequence > expected:
            raise Violated("ring %s: %d comes where %d is missing" % (ring, sequence, expected))
        field = NUMBERED.get(envelope["type"])
        if field and envelope["data"][field] != sequence:
            raise Violated("ring %s: %d has another content: %s" % (ring, sequence, envelope["data"]))
        if sequence < expected:
            self.repeats += 1
        else:
            self.last[ring] = sequence

    def _command(self, command: dict) -> tuple:
        self.commands += 1
        return True, ""

    def start(self) -> None:
        """The cabinet starts, with what its journal holds."""
        self.starts += 1
        self.journal.boot += 1
        self.journal.urgent.clear()
        options = UplinkOptions("cab-0001", "broker")
        metered = self.rng.below(2)
        options.compact = bool(metered)
        options.gather_ms = 15_000 * metered
        options.keepalive_s = 600 if metered else 60
        options.batch = 1 + self.rng.below(16)
        options.window = 1 + self.rng.below(16)
        self.uplink = Uplink(self.broker, self.clock, self.journal, options, lambda: {"firmware": "test"}, self.dice.data, self._command)
        self.task = asyncio.create_task(self.uplink.run())

    def stop(self) -> None:
        """Its power goes."""
        self.sessions += self.uplink.sessions
        self.failures += self.uplink.failures
        self.task.cancel()
        self.broker.lost_power()

    def happen(self) -> None:
        """Something to tell: mostly of ring A, an alarm now and then, telemetry of all slots."""
        journal = self.journal
        pick = self.rng.below(100)
        if pick < 3:
            journal.append(events.make("fault.raised", 1, "", "smoke", "danger", journal.head(0) + 1, 1))
        elif pick < 60:
            journal.append(events.make("pack.accepted", pick % 12 + 1, "SC12345678", journal.head(0) + 1, 253, 41))
        else:
            for slot in range(1, 4):
                journal.append(events.make("telemetry.slot", slot, "", 50, 54321, journal.head(1) + 1, 250, 3391, 3402))
        self.uplink.publish_state(pick % 12 + 1, {"state": "full" if pick < 50 else "charging"})
        self.uplink.notify()

    def worsen(self) -> int:
        """One misfortune, chosen by chance; seconds until it is over."""
        act = self.rng.choice(ACTS)
        self.acts[act] = self.acts.get(act, 0) + 1
        if act in MODES:
            self.broker.set_mode(act)
        elif act in HARMS:
            self.broker.harm = act
        elif act == "half_close":
            self.broker.half_close()
        elif act == "lie":
            self.broker.lie(self.rng.choice(LIES))
        elif act == "flood":
            for number in range(200):
                self.broker.command({"id": "f%d-%d" % (self.time.now_us // 1000, number), "kind": "unlock", "slot": 1})
        elif act == "clock":
            self.clock.known = self.rng.below(3)
            self.clock.wall_offset_s += self.rng.below(100_000) - 50_000
        else:
            self.stop()
            self.start()
        if not self.rng.below(200):
            return 3600
        return 1 + self.rng.below(20) if self.rng.below(4) else 20 + self.rng.below(300)

    def mend(self) -> None:
        """The misfortune is over; a connection on which bytes were lost is, too: TCP leaves nothing out."""
        broker = self.broker
        lossy = broker.harm == "swallow" or broker.mode == "mute"
        broker.harm = ""
        broker.set_mode("reset" if lossy else "up")

    def _weigh(self) -> None:
        if self.uplink.backlog() < 8:
            self.broker.results.clear()
            gc.collect()
            self.heap.append(gc.mem_alloc())

    async def main(self) -> None:
        """Until the time is up and everything has been drained."""
        self.start()
        time = self.time
        next_event = next_act = 0
        next_hour = HOUR_US
        bad = False
        while time.now_us < self.end_us:
            soonest = min(next_event, next_act)
            await asyncio.sleep_ms(max(1, (soonest - time.now_us) // 1000))
            if time.now_us >= next_event:
                self.happen()
                next_event = time.now_us + (2 + self.rng.below(40)) * SECOND_US
            if time.now_us >= next_act:
                if bad:
                    self.mend()
                    next_act = time.now_us + (5 + self.rng.below(120)) * SECOND_US
                else:
                    next_act = time.now_us + self.worsen() * SECOND_US
                bad = not bad
            if time.now_us >= next_hour:
                next_hour += HOUR_US
                self._weigh()
        self.mend()
        limit = time.now_us + HOUR_US
        while self.uplink.backlog() and time.now_us < limit:
            await asyncio.sleep_ms(1000)
        self._weigh()
        self.stop()


def forget_what_was_not_acknowledged() -> None:
    """A defect, to see whether it is noticed: after a reconnect the drain goes on where it was."""
    from cabinet.uplink.drain import Drain

    whole = Drain.start

    def start(drain: Drain) -> None:
        before = list(drain._read)
        whole(drain)
        drain._read = before

    Drain.start = start


def main(words: dict) -> dict:
    """One seed: {"seed": 1, "hours": 100, "broken": 0}."""
    from virtual.sim import prepare

    prepare()
    if words.get("broken"):
        forget_what_was_not_acknowledged()
    run = Run(words["seed"], words["hours"])
    error = ""
    try:
        asyncio.run(run.main())
    except Violated as violated:
        error = str(violated)
    journal = run.journal
    lost = [journal.head(ring) - run.last[letter] for ring, letter in ((0, "A"), (1, "B"))]
    return {
        "seed": words["seed"], "ok": not error and lost == [0, 0], "violation": error, "hours": run.time.now_us / HOUR_US,
        "events_a": journal.head(0), "events_b": journal.head(1), "lost": sum(lost), "repeats": run.repeats, "alarms": run.broker.alarms,
        "acts": run.acts, "starts": run.starts, "sessions": run.sessions, "failures": run.failures, "commands": run.commands,
        "heap": run.heap, "turns": run.time.turns,
    }  # fmt: skip
