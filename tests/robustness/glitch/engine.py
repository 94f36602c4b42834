# ruff: noqa: UP031 (runs under MicroPython)
"""Wrong readings of a journal and a state store, one trial after the other: `micropython tests/robustness/glitch/engine.py JSON`.

Uses the firmware by its public interface alone, so that an older firmware can be put in its place (MICROPYPATH). Each part
of the options is a function below; each prints JSON lines with figures, the last one with "done".
"""

import gc
import json
import random
import sys

from glitch_flash import GlitchFlash

from cabinet.core import events
from cabinet.store.area import AreaPart
from cabinet.store.journal import Journal, JournalFull
from cabinet.store.state import StateStore
from cabinet.uplink.drain import Drain, Message

KEY = bytes(range(32))
SECTOR = 4096
SECTORS_B = 4
STATE_SECTORS = 4
BURSTS = (2, 4, 10)
KINDS = ("noise", "ff", "00", "bit")
NAMES = ("latched", "cabinet", "swap", "marked0", "marked1", "counts", "contacts", "time")
TOLD = (4, events.CODES.get("journal.damaged", -1))  # journal.recovered, journal.damaged


class Clock:
    """Moves by a millisecond with each question."""

    now_ms = 1

    def ticks_ms(self):
        """Ticks."""
        self.now_ms += 1
        return self.now_ms

    def ticks_us(self):
        """Ticks."""
        return 0

    def wall_s(self):
        """Known."""
        return 1_767_225_600

    def quality(self):
        """Known."""
        return 2


def event_of(n):
    """Events of a day's kinds and sizes, both rings."""
    kind = n % 5
    slot = 1 + n % 12
    if kind == 0:
        return events.make("pack.identified", slot, "SP24-%05d" % n, "ACME", 1, 16, n % 100, 90, n & 255)
    if kind == 1:
        return events.make("telemetry.slot", slot, "SP24-%05d" % n, n % 100, 52000, -n, 251, 3301, 3312)
    if kind == 2:
        return events.make("fault.raised", slot, "SP%d" % n, "temp_hot", "stop", 600 + n % 50, 600)
    if kind == 3:
        state = bytes([n * i & 255 for i in range(60 + n % 90)])
        return events.make("evidence.taken", slot, "SP%d" % n, "temp_hot", "stop", 600, 600, 2000, "1+3", state, state[:50])
    return events.make("pack.accepted", slot, "SC%d" % n, 54321, 253, 41)


def content(record):
    """What must not change."""
    event = record.event
    return (event.code, event.slot, event.pack, event.values)


class Bench:
    """A journal and a state store on one flash, as a controller has them."""

    def __init__(self, sectors):
        self.sectors = sectors
        self.size_a = sectors * SECTOR
        self.size_b = SECTORS_B * SECTOR
        self.size = self.size_a + self.size_b + STATE_SECTORS * SECTOR

    def flash(self, image=None):
        """A flash of that size."""
        return GlitchFlash(self.size, SECTOR, 256, image)

    def journal(self, flash):
        """The journal on it."""
        return Journal(AreaPart(flash, 0, self.size_a), AreaPart(flash, self.size_a, self.size_b), KEY, Clock(), 256)

    def state(self, flash):
        """The state store on it."""
        return StateStore(AreaPart(flash, self.size_a + self.size_b, STATE_SECTORS * SECTOR), KEY)

    def build(self, fill_pct, wrap):
        """An image with a backlog: (cells, contents by (ring, sequence), acknowledged, values of the state)."""
        flash = self.flash()
        journal = self.journal(flash)
        state = self.state(flash)
        values = {}
        known = {}
        n = 0
        target = self.sectors * fill_pct // 100
        opened = 0
        head = -1
        while opened < target or n < 60:
            event = event_of(n)
            journal.append(event)
            n += 1
            if journal.rings[0].head != head:
                head = journal.rings[0].head
                opened += 1
                if wrap and opened <= target - self.sectors // 2:
                    journal.ack(0, journal.head(0) - 5)
            for _ in range(2):
                journal.idle()
            if n % 40 == 0:
                name = NAMES[n // 40 % len(NAMES)]
                values[name] = b'["%s",%d]' % (name.encode(), n)
                state.put(name, values[name])
                state.idle()
            if n % 400 == 0:
                journal = self.journal(flash)
        for name in NAMES:
            if name not in values:
                values[name] = b'["%s",0]' % name.encode()
                state.put(name, values[name])
                state.idle()
        acked = (journal.acked(0), journal.acked(1))
        for ring in (0, 1):
            after = acked[ring]
            while True:
                record = journal.read(ring, after)
                if record is None:
                    break
                after = record.sequence
                known[ring, after] = content(record)
        return bytes(flash.cells), known, acked, values, (journal.head(0), journal.head(1)), journal.boot


class Figures:
    """Counts by name; printed now and then."""

    def __init__(self):
        self.rows = {}
        self.bad = []

    def add(self, name, count=1):
        """Count something."""
        self.rows[name] = self.rows.get(name, 0) + count

    def note(self, text):
        """Keep the first few of what went wrong."""
        if len(self.bad) < 10:
            self.bad.append(text)

    def report(self, done=False):
        """One line."""
        print(json.dumps({"done": done, "rows": self.rows, "bad": self.bad}))


def live(journal):
    """A little life after a start: an event, a step of idle work."""
    for n in range(2):
        try:
            journal.append(events.make("door.opened", n + 1))
        except (JournalFull, OSError):
            return
        journal.idle()


def judge(bench, image, made, figures, where):
    """Start on the cells as they are now, without wrong readings, and compare with what was there before."""
    cells, known, acked, _, heads, boot = made
    journal = bench.journal(bench.flash(image))
    reported = False
    for ring in (0, 1):
        if journal.acked(ring) > acked[ring]:
            figures.add("starts after which more counts as acknowledged")
            figures.note("%s: acked %d, was %d" % (where, journal.acked(ring), acked[ring]))
        lost = changed = 0
        after = acked[ring]
        seen = {}
        while True:
            record = journal.read(ring, after)
            if record is None:
                break
            after = record.sequence
            seen[ring, after] = content(record)
            reported = reported or record.event.code in TOLD and after > heads[ring]
        for place in known:
            if place[0] == ring:
                if place not in seen:
                    lost += 1
                elif seen[place] != known[place]:
                    changed += 1
        if lost:
            figures.add("events lost", lost)
            figures.add("starts that lose events")
            if not reported:
                figures.add("of these without an event that says so")
            figures.note("%s: %d events of ring %d lost" % (where, lost, ring))
        if changed:
            figures.add("events renumbered or changed", changed)
            figures.note("%s: %d events of ring %d changed" % (where, changed, ring))
    if journal.boot <= boot:
        figures.add("boot numbers given twice")


def trials_of(reads, first, bits, lengths, dice):
    """(read, burst length, kind) of each trial: all bits of a header now and then, the other kinds at each read."""
    for read in range(first, reads + 1):
        for kind in KINDS:
            yield read, 1, kind
            for length in lengths:
                yield read, length, kind
        for _ in range(bits):
            yield read, 1, str(dice.getrandbits(12))


def start(options, figures):
    """Each reading of a start, wrong in each way."""
    bench = Bench(options["sectors"])
    made = bench.build(options["fill"], options.get("wrap", 0))
    image = made[0]
    figures.rows["events waiting"] = len(made[1])
    flash = bench.flash(image)
    bench.journal(flash)
    reads = flash.reads
    figures.rows["readings of a start"] = reads
    journal = bench.journal(bench.flash(image))
    flash = bench.flash(image)
    journal = bench.journal(flash)
    live(journal)
    right = bytes(flash.cells)
    right_state = (journal.head(0), journal.head(1), journal.acked(0), journal.acked(1))
    judge(bench, right, made, figures, "without a wrong reading")
    dice = random
    random.seed(options["seed"])
    every = options.get("every", 1)
    n = 0
    for read, length, kind in trials_of(reads, 1 + options.get("offset", 0), options["bits"], BURSTS, dice):
        n += 1
        if n % every:
            continue
        if options.get("most") and figures.rows.get("readings tried", 0) >= options["most"]:
            break
        figures.add("readings tried")
        flash.cells[:] = image
        flash.reads = 0
        flash.arm(read, length, kind)
        try:
            journal = bench.journal(flash)
        except (OSError, ValueError, IndexError) as error:
            figures.add("starts that fail")
            figures.note("read %d x%d %s: %s" % (read, length, kind, repr(error)))
            continue
        flash.read_rightly()
        if getattr(journal, "broken", False):
            figures.add("starts that are refused and tried again")
            continue
        live(journal)
        state = (journal.head(0), journal.head(1), journal.acked(0), journal.acked(1))
        if state != right_state or flash.cells != right:
            figures.add("starts that end otherwise than the undisturbed one")
            judge(bench, flash.cells, made, figures, "read %d x%d %s" % (read, length, kind))
        if n % 2000 == 0:
            gc.collect()
            figures.report()


def state(options, figures):
    """Each reading of the state store's start and of each `get`, wrong in each way."""
    bench = Bench(8)
    made = bench.build(50, 0)
    image, values = made[0], made[3]
    flash = bench.flash(image)
    store = bench.state(flash)
    reads = flash.reads
    for name in NAMES:
        store.get(name)
    figures.rows["readings of a start and its fetches"] = flash.reads
    random.seed(options["seed"])
    every = options.get("every", 1)
    n = 0
    for read, length, kind in trials_of(flash.reads, 1, options["bits"], BURSTS, random):
        n += 1
        if n % every:
            continue
        figures.add("readings tried")
        flash.cells[:] = image
        flash.reads = 0
        flash.arm(read, length, kind)
        try:
            store = bench.state(flash)
        except (OSError, ValueError, IndexError) as error:
            figures.add("starts that fail")
            figures.note("read %d x%d %s: %s" % (read, length, kind, repr(error)))
            continue
        if store.broken:
            figures.add("starts that are refused and tried again")
            continue
        for name in NAMES:
            value = store.get(name)
            if value != values[name]:
                unsure = getattr(store, "unsure", lambda name: False)
                if unsure(name):
                    figures.add("values refused as unreadable, and reported")
                else:
                    figures.add("states forgotten" if value is None else "states older than the newest")
                figures.note("read %d x%d %s of %d: %s reads %s" % (read, length, kind, reads, name, value))
        flash.read_rightly()
        again = bench.state(bench.flash(flash.cells))
        for name in NAMES:
            if again.get(name) != values[name]:
                figures.add("states lost for good")
                figures.note("read %d x%d %s: %s lost for good" % (read, length, kind, name))
        if n % 500 == 0:
            gc.collect()
            figures.report()


def pump(journal, clock, at=0, length=0, kind="", flash=None):
    """Drain everything; returns (sequences sent of ring A with their text, milliseconds until the last one, reported damage)."""
    drain = Drain(journal, clock, '"c"', 16, 1536, (0, 0), False)
    drain.start()
    sent = {}
    damaged = []
    began = clock.now_ms
    idle = 0
    taken = 0
    while idle < 400 and clock.now_ms - began < 120_000:
        message = Message()
        while True:
            taken += 1
            if taken == at and flash is not None:
                flash.arm(1, length, kind)
            if not drain.take(0, message):
                break
        if not message.count:
            clock.now_ms += 50
            idle += 1
            if drain.waiting(0):
                continue
            break
        idle = 0
        drain.sent(0, message)
        body = json.loads(message.payload())
        for envelope in body if isinstance(body, list) else [body]:
            sent[envelope["seq"]] = envelope
            if envelope["type"] == "journal.damaged":
                damaged.append((envelope["data"]["from"], envelope["data"]["to"]))
        drain.arrived(0, message.last, message.count)
        journal.idle()
    drain.flush()
    return sent, clock.now_ms - began, damaged


def flips(options, figures):
    """One flipped bit, for good, somewhere in a record: healed, reported, or neither."""
    bench = Bench(8)
    made = bench.build(50, 0)
    image, known, acked, values, heads, _ = made
    clean, _, _ = pump(bench.journal(bench.flash(image)), Clock())
    spots = [(at, bit) for at in range(0, bench.size, 1) for bit in range(8)]
    random.seed(options["seed"])
    blank = b"\xff" * 64
    tried = 0
    while tried < options["count"]:
        at, bit = spots[random.getrandbits(24) % len(spots)]
        if image[at & ~63 : (at & ~63) + 64] == blank:
            continue
        tried += 1
        flash = bench.flash(image)
        flash.cells[at] ^= 1 << bit
        ring_a = at < bench.size_a
        figures.add("flips in ring A" if ring_a else "flips in ring B" if at < bench.size_a + bench.size_b else "flips in the state store")
        if at >= bench.size_a + bench.size_b:
            store = bench.state(flash)
            wrong = [name for name in NAMES if store.get(name) != values[name]]
            unsure = getattr(store, "unsure", lambda name: False)
            silent = [name for name in wrong if not unsure(name)]
            if silent:
                figures.add("state: silently wrong")
                figures.note("flip at %d.%d: %s" % (at, bit, silent))
            elif wrong:
                figures.add("state: reported")
            else:
                figures.add("state: healed or unharmed")
            continue
        journal = bench.journal(flash)
        reported = any(ring.findings for ring in journal.rings)
        clock = Clock()
        sent, _, damaged = pump(journal, clock)
        reported = reported or bool(damaged)
        wrong = [q for q in clean if q <= heads[0] and (q not in sent or sent[q]["data"] != clean[q]["data"])]
        extra = {q for first, last in damaged for q in range(first, last + 1)}
        after = acked[1]
        if not ring_a:
            seen = {}
            while True:
                record = journal.read(1, after)
                if record is None:
                    break
                after = record.sequence
                seen[1, after] = content(record)
            missing = [p for p in known if p[0] == 1 and seen.get(p) != known[p]]
            wrong += [p[1] for p in missing]
        silent = [q for q in wrong if q not in extra] if ring_a else wrong
        if silent and not reported:
            figures.add("silently wrong")
            figures.note("flip at %d.%d: %s" % (at, bit, silent[:5]))
        elif wrong:
            figures.add("reported")
        else:
            figures.add("healed or unharmed")
        if tried % 50 == 0:
            gc.collect()
            figures.report()


def drain(options, figures):
    """Wrong readings in a row while a backlog drains: nothing lost, and how long until it goes on."""
    bench = Bench(16)
    made = bench.build(60, 0)
    image, heads = made[0], made[4]
    random.seed(options["seed"])
    _, undisturbed, _ = pump(bench.journal(bench.flash(image)), Clock())
    for length in (1, 2, 3, 5, 10, 20, 50, 100, 200, 500):
        worst = 0
        for kind in KINDS:
            for at in range(3, heads[0], options["step"]):
                flash = bench.flash(image)
                journal = bench.journal(flash)
                sent, took, damaged = pump(journal, Clock(), at, length, kind, flash)
                flash.read_rightly()
                figures.add("runs")
                lost = [q for q in range(1, heads[0] + 1) if q not in sent and q <= journal.acked(0)]
                if lost or damaged:
                    figures.add("events lost", len(lost))
                    figures.note("burst %d %s at %d: lost %d, damaged %s" % (length, kind, at, len(lost), damaged))
                if any(q not in sent for q in range(made[2][0] + 1, heads[0] + 1)):
                    figures.add("runs that did not end")
                worst = max(worst, took - undisturbed)
            gc.collect()
        figures.rows["ms until it goes on, burst of %d" % length] = worst
        figures.report()


PARTS = {"start": start, "state": state, "flips": flips, "drain": drain}


def main(options):
    """One part."""
    figures = Figures()
    PARTS[options["part"]](options, figures)
    figures.report(True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
