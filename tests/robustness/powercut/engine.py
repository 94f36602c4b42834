# ruff: noqa: UP031 (runs under MicroPython)
"""Cuts the power at every program and erase operation of a run, in several torn ways, and again during recovery.

Runs under MicroPython on the firmware's own code: `micropython tests/robustness/powercut/engine.py JSON`. Each operation of the run
is a branching point: the flash is copied, the operation is left torn in the copy, a new journal is built on it, and the
model says whether that may be. Now and then the run itself goes on from such a branch, weak cells and all.
"""

import gc
import json
import random
import sys
import time

import mutants
from glitch_flash import spoil
from model import Model, content_of
from nor_flash import NorFlash, PowerCut, tear_erase, tear_program

from cabinet.core import events
from cabinet.store.area import AreaPart
from cabinet.store.journal import Journal, JournalFull

KEY = bytes(range(32))
TEARS = ("none", "whole", "front", "back", "bits", "weak", "faint")
WRONG_READINGS = ("bit", "noise", "ff", "00")
INTERNAL = tuple([events.CODES[name] for name in events.CODES if name.startswith("journal.")])
ACK_BATCH = 10


class Clock:
    """Time is of no account here."""

    def ticks_ms(self):
        """Ticks."""
        return 1

    def wall_s(self):
        """Unknown."""
        return 0

    def quality(self):
        """Unknown."""
        return 0


class Tapped(NorFlash):
    """Flash that tells before each operation."""

    tap = None
    wrong = 0  # one reading in so many is wrong; 0: none

    def read(self, address, buf):
        """See NorFlash."""
        NorFlash.read(self, address, buf)
        if self.wrong and random.getrandbits(16) % self.wrong == 0:
            spoil(buf, WRONG_READINGS[random.getrandbits(8) & 3])

    def program(self, address, data):
        """See NorFlash."""
        if self.tap is not None:
            self.tap(tear_program, address, data)
        NorFlash.program(self, address, data)

    def erase(self, address):
        """See NorFlash."""
        if self.tap is not None:
            self.tap(tear_erase, address)
        NorFlash.erase(self, address)

    def disturb(self, dice):
        """Lose a bit somewhere in blank space."""
        at = dice.getrandbits(24) % (self.size - 64)
        if at % self.sector_size > 64 and self.cells[at : at + 64] == b"\xff" * 64:
            self.cells[at + 32] &= ~(1 << dice.getrandbits(3)) & 0xFF


class Beside(Tapped):
    """Flash that erases beside the loop: an erase ends a few looks later, and a cut meanwhile tears it too."""

    pending = -1
    looks = 0

    def begin_erase(self, address):
        """See chips/w25q.py."""
        if self.tap is not None:
            self.tap(tear_erase, address)
        self.pending = address
        self.looks = 3

    def busy(self):
        """Whether an erase is under way."""
        if self.pending < 0:
            return False
        self.looks -= 1
        if self.looks > 0:
            return True
        address, self.pending = self.pending, -1
        NorFlash.erase(self, address)
        return False


class Failed(Exception):
    """The journal did what it must not do."""


class Run:
    """One run with its branches."""

    def __init__(self, options, report):
        self.options = options
        self.report = report
        self.dice = random
        random.seed(options["seed"])
        self.sector = options["sector"]
        self.sectors_a = options["sectors_a"]
        self.sectors_b = options["sectors_b"]
        self.flash = self.new_flash(None)
        self.second = options.get("second", 1)  # every n-th operation of a recovery is cut, 0: none
        self.cuts = 0
        self.seconds = 0
        self.operations = 0
        self.erases = 0
        self.boots = 0
        self.duplicates_max = 0
        self.adopted = 0
        self.phase = 0
        self.journal = None
        self.model = Model()
        self.switch = None  # the branch from which the run is to go on
        self.progressed = 0
        self.strict = True

    def new_flash(self, image):
        """A flash of the size of this run."""
        kind = Beside if self.options.get("beside") else Tapped
        return kind((self.sectors_a + self.sectors_b) * self.sector, self.sector, 256, image)

    def open(self, flash):
        """A journal on a flash."""
        self.boots += 1
        flash.wrong = self.options.get("wrong", 0)
        try:
            return self.open_journal(flash)
        finally:
            flash.wrong = 0

    def open_journal(self, flash):
        """The same, with whatever readings the flash gives."""
        size_a = self.sectors_a * self.sector
        area_b = AreaPart(flash, size_a, self.sectors_b * self.sector)
        return Journal(AreaPart(flash, 0, size_a), area_b, KEY, Clock(), self.options.get("checkpoint", 64))

    # --- the run

    def go(self):
        """All events; returns the figures."""
        self.flash.tap = self.branch
        self.model.doing = ("boot",)
        self.start()
        self.settle()
        n = 0
        while n < self.options["events"]:
            n += 1
            if self.dice.getrandbits(2):
                event = events.make("swap.step", n % 12, "PK%05d" % n, n, "y" * (self.dice.getrandbits(7) % 90))
            elif n % 50 == 1:
                event = events.make("fault.raised", n % 12, "", "cell_high", "stop", n, 3650)
            else:
                event = events.make("telemetry.slot", n % 12, "PK%05d" % n, n, 52000, -n, 251, 3301, 3312)
            if self.options.get("disturb") and self.dice.getrandbits(16) % self.options["disturb"] == 0:
                self.flash.disturb(self.dice)
            self.step(("append", event.ring, (event.code, event.slot, event.pack, event.values)), event)
            for ring in (0, 1):
                if self.journal.backlog(ring) >= ACK_BATCH + 3 and (self.dice.getrandbits(3) or ring == 0) and n % 400 < 340:
                    self.step(("ack", ring, min(self.journal.acked(ring) + ACK_BATCH, self.journal.head(ring))), None)
            for _ in range(1 + self.dice.getrandbits(1)):
                self.step(("idle",), None)
        self.flash.tap = None
        return self.figures(True)

    def step(self, doing, event):
        """One call; the run may be thrown onto another branch in the middle of it."""
        self.model.doing = doing
        try:
            if doing[0] == "append":
                self.journal.append(event)
            elif doing[0] == "ack":
                self.journal.ack(doing[1], doing[2])
            else:
                self.journal.idle()
        except JournalFull:
            pass
        except PowerCut:
            self.take_branch()
            self.start()
            self.check(self.journal, self.model, "went on from a branch")
        self.settle()

    def take_branch(self):
        """Go on with a torn copy."""
        self.flash, self.model = self.switch
        self.switch = None
        self.flash.tap = self.branch
        self.flash.boot()

    def start(self):
        """A journal on the flash of the run, however often the power goes meanwhile."""
        while True:
            try:
                self.journal = self.open(self.flash)
                return
            except PowerCut:
                self.take_branch()

    def settle(self):
        """The call has returned: what it reported is now a promise."""
        model = self.model
        doing = model.doing
        model.doing = None
        model.boot = self.journal.boot
        if doing and doing[0] == "ack":
            model.acked[doing[1]] = max(model.acked[doing[1]], min(doing[2], self.journal.acked(doing[1])))
        for ring in (0, 1):
            stored = model.stored[ring]
            while len(stored) - 1 < self.journal.head(ring):
                record = self.journal.read(ring, len(stored) - 1)
                if record is None or record.sequence != len(stored):
                    raise Failed("event %d is not there right after it was stored" % len(stored))
                content = content_of(record)
                if not is_internal(content) and not (doing and doing[0] == "append" and doing[2] == content) and self.strict:
                    raise Failed("stored %s while in %s" % (content, doing))
                if content[0] == 2 and ring == 1:
                    model.dropped[1] = max(model.dropped[1], content[3][1])
                stored.append(content)

    # --- branches

    def branch(self, tear, *operation):
        """The power goes in this operation: in every torn way."""
        self.operations += 1
        flash = self.flash
        flash.tap = None
        erasing = tear is tear_erase
        if erasing:
            self.erases += 1
        for kind in TEARS:
            torn = self.copy_of(flash)
            torn.tear = kind
            self.tear_all(torn, tear, operation)
            self.cuts += 1
            image = bytes(torn.cells)
            weak = dict(torn.weak)
            journal = self.boot_and_check(torn, kind)
            recovery_operations = torn.operations
            if kind in ("weak", "faint") or self.phase % 8 == 0:
                self.live_on(torn, journal, kind, self.sector // 40 if erasing else 2)
            if self.second:
                self.cut_again(image, weak, recovery_operations, kind)
            self.phase += 1
        if self.options.get("adopt") and self.dice.getrandbits(16) % self.options["adopt"] == 0:
            torn = self.copy_of(flash)
            torn.tear = TEARS[self.dice.getrandbits(8) % len(TEARS)]
            self.tear_all(torn, tear, operation)
            self.switch = (torn, self.model)
            self.adopted += 1
            raise PowerCut()
        if self.cuts - self.progressed > 500:
            self.progressed = self.cuts
            self.report(self.figures(False))
        flash.tap = self.branch

    def tear_all(self, torn, tear, operation):
        """The operation, and the erase that is under way beside it."""
        tear(torn, *operation)
        beside = getattr(self.flash, "pending", -1)
        if beside >= 0:
            tear_erase(torn, beside)

    def copy_of(self, flash):
        """The same cells once more."""
        other = self.new_flash(flash.cells)
        if flash.weak:
            other.weak = dict(flash.weak)
        return other

    def boot_and_check(self, flash, kind):
        """Power comes back."""
        try:
            journal = self.open(flash)
        except PowerCut:
            raise
        except Exception as error:
            raise Failed("boot fails after cut '%s' in %s: %s" % (kind, self.model.doing, repr(error))) from error
        self.check(journal, self.model, kind)
        return journal

    def check(self, journal, model, kind):
        """The model's verdict."""
        words = model.wrong(journal, is_internal)
        if words:
            raise Failed("after cut '%s' in %s: %s" % (kind, model.doing, words))
        for ring in (0, 1):
            again = 0
            doing = model.doing
            if doing and doing[0] == "ack" and doing[1] == ring:
                again = max(0, doing[2] - journal.acked(ring))
            self.duplicates_max = max(self.duplicates_max, again)

    def cut_again(self, image, weak, operations, kind):
        """A second cut at every operation of the recovery (one torn way each, in turn), then a third boot."""
        at = 1 + self.phase % self.second
        while at <= operations:
            torn = self.new_flash(image)
            torn.weak = dict(weak)
            torn.tear = TEARS[(at + self.phase) % len(TEARS)]
            torn.cut_at = at
            try:
                self.open(torn)
            except PowerCut:
                self.cuts += 1
                self.seconds += 1
            torn.boot()
            both = kind + "+" + torn.tear
            journal = self.boot_and_check(torn, both)
            if torn.weak and (at + self.phase // 7) % 4 == 0 or (at + self.phase) % 16 == 0:
                self.live_on(torn, journal, both)
            at += self.second

    def live_on(self, flash, journal, kind, count=2):
        """Store `count` events twice after the recovery, let weak cells change, and look again.

        After a torn erase enough of them that the sector comes into use."""
        model = self.model.copy()
        outer = (self.model, self.journal)
        self.model, self.journal = model, journal
        self.strict = False
        self.settle()
        self.strict = True
        try:
            for round_ in range(2):
                for n in range(count):
                    event = events.make("swap.step", 9, "AFTER%d" % n, round_, kind)
                    model.doing = ("append", event.ring, (event.code, event.slot, event.pack, event.values))
                    try:
                        journal.append(event)
                    except JournalFull:
                        journal.idle()
                    self.settle()
                flash.boot()
                journal = self.journal = self.boot_and_check(flash, kind + " and living on")
        finally:
            self.model, self.journal = outer

    def figures(self, done):
        """What there is to tell."""
        return {
            "done": done,
            "events": len(self.model.stored[0]) + len(self.model.stored[1]) - 2,
            "operations": self.operations,
            "erases": self.erases,
            "cuts": self.cuts,
            "second_cuts": self.seconds,
            "boots": self.boots,
            "adopted": self.adopted,
            "duplicates_max": self.duplicates_max,
            "failed": "",
        }


def is_internal(content):
    """Whether the journal itself wrote this."""
    return content[0] in INTERNAL


def main(options):
    """One run; a JSON line now and then, and one at the end."""
    mutants.apply(options.get("mutant", ""))

    def report(figures):
        print(json.dumps(figures))

    run = Run(options, report)
    start = time.time()
    try:
        figures = run.go()
    except Failed as error:
        figures = run.figures(True)
        figures["failed"] = str(error)
    figures["seconds"] = time.time() - start
    gc.collect()
    report(figures)
    return 1 if figures["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
