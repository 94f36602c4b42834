"""Power cuts in the journal as it runs on a board: through the W25Q and MB85RS drivers, down to the chips' commands.

`python tests/robustness/powercut/through_drivers.py --cuts 20000` prints the table and writes build/powercut-chips.json;
test_through_drivers.py runs a sample. A cut comes at a random operation of the chip and leaves a random share of it done;
the next start must have every event that was reported as stored, once and in order. Acknowledgements and the state store
are cut likewise.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from typing import Any

import mb85rs_model
import w25q_model
from chips.mb85rs import MB85RS
from chips.w25q import W25Q
from spi_bus import Clock, Select, Spi

from cabinet.core import events
from cabinet.store.journal import Journal
from cabinet.store.state import StateStore

KEY = bytes(range(32))
AREAS = ((0, 48 * 1024), (48 * 1024, 32 * 1024), (80 * 1024, 32 * 1024))  # ring A, ring B, state
CUTS = (w25q_model.PowerCut, mb85rs_model.PowerCut)
REFUSED = 43  # the code of the event that carries the numbers


class BoardClock(Clock):
    """As the journal wants it."""

    def quality(self) -> int:
        """Unknown."""
        return 0

    def wall_s(self) -> int:
        """Unknown."""
        return 0


class Flash:
    """A W25Q with short times: a cut is counted in operations."""

    name = "W25Q"

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.clock = BoardClock()
        self.model = w25q_model.W25QModel(self.clock, program_us=30, sector_erase_us=60)

    def arm(self) -> None:
        """The next start or run ends in a cut, or not: often in the middle of the recovery."""
        self.model.cut_in = self.dice.randrange(1, 8 if self.dice.random() < 0.4 else 40)
        self.model.cut_share_pct = self.dice.randrange(101)

    def disarm(self) -> None:
        """The supply is good from now on."""
        self.model.cut_in = 0

    def chip(self) -> Any:
        """The driver after a start."""
        spi = Spi(self.clock)
        return W25Q(spi, Select(spi, self.model), self.clock)


class Fram:
    """An MB85RS: a cut is counted in bytes."""

    name = "MB85RS"

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.clock = BoardClock()
        self.model = mb85rs_model.Mb85rsModel()

    def arm(self) -> None:
        """As for the flash."""
        self.model.cut_after = self.dice.randrange(1, 600 if self.dice.random() < 0.5 else 12000)

    def disarm(self) -> None:
        """As for the flash."""
        self.model.cut_after = 0

    def chip(self) -> Any:
        """The driver after a start."""
        spi = Spi(self.clock)
        return MB85RS(spi, Select(spi, self.model))


class Run:
    """One controller's life: starts, stores, acknowledges, is cut, and is checked at every start."""

    def __init__(self, part: Flash | Fram, dice: random.Random) -> None:
        self.part = part
        self.dice = dice
        self.cuts = 0
        self.stored = 0
        self.lost = 0
        self.disorder = 0
        self.state_lost = 0
        self.unacknowledged: list[int] = []  # numbers reported as stored and not acknowledged
        self.ack_tried = 0  # up to this number an acknowledgement was under way, perhaps stored, when the supply went
        self.next = 0
        self.state = b"0"
        self.state_tried = b"0"

    def open(self) -> tuple[Journal, StateStore]:
        """A start of the controller."""
        chip = self.part.chip()
        areas = [chip.area(*area) for area in AREAS]
        return Journal(areas[0], areas[1], KEY, self.part.clock), StateStore(areas[2])

    def life(self) -> None:
        """From one cut to the next."""
        self.part.arm()
        try:
            journal, state = self.open()
            for _ in range(self.dice.randrange(1, 12)):
                self.next += 1
                journal.append(events.make("swap.refused", 1, "P1", self.next, "test"))
                self.stored += 1
                self.unacknowledged.append(self.next)
                if self.dice.random() < 0.5:
                    journal.idle()
                    state.idle()
                if self.dice.random() < 0.3:
                    self.state_tried = str(self.next).encode()
                    state.put("swap", self.state_tried)
                    self.state = self.state_tried
                if self.dice.random() < 0.2:
                    head = journal.head(events.RING_A)
                    self.ack_tried = self.next
                    journal.ack(events.RING_A, head)
                    self.unacknowledged.clear()
        except CUTS:
            self.cuts += 1
        self.part.disarm()

    def check(self) -> None:
        """What a start with a good supply finds."""
        journal, state = self.open()
        found, at = [], journal.acked(events.RING_A)
        while True:
            record = journal.read(events.RING_A, at)
            if record is None:
                break
            self.disorder += record.sequence != at + 1
            at = record.sequence
            if record.event.code == REFUSED:
                found.append(record.event.values[0])
        self.disorder += found != sorted(set(found))
        there = set(found)
        missing = [number for number in self.unacknowledged if number not in there]
        if missing and max(missing) <= self.ack_tried and not any(number <= self.ack_tried for number in found):
            self.unacknowledged = [number for number in self.unacknowledged if number > self.ack_tried]
        else:
            self.lost += len(missing)
        kept = state.get("swap") or b"0"
        self.state_lost += kept not in (self.state, self.state_tried)
        self.state = self.state_tried = kept
        if journal.level_pct(events.RING_A) > 60:
            journal.ack(events.RING_A, journal.head(events.RING_A))
            self.unacknowledged.clear()
        for _ in range(4):
            journal.idle()
            state.idle()


def run(part_class: type[Flash] | type[Fram], cuts: int, seed: int) -> Run:
    """At least `cuts` power cuts on one chip."""
    dice = random.Random(seed)
    life = Run(part_class(dice), dice)
    while life.cuts < cuts:
        life.life()
        life.check()
    return life


def main() -> int:
    """The long run."""
    from swapcab.rows import Row, publish

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--cuts", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rows = []
    for part_class in (Flash, Fram):
        began = time.monotonic()
        life = run(part_class, options.cuts, options.seed)
        name = part_class.name
        rows += [
            Row(f"{name}: power cuts", life.cuts, "", f">= {options.cuts}", life.cuts >= options.cuts),
            Row(f"{name}: events reported as stored", life.stored),
            Row(f"{name}: of these lost", life.lost, "", "0", life.lost == 0),
            Row(f"{name}: breaks of order or sequence", life.disorder, "", "0", life.disorder == 0),
            Row(f"{name}: stored states lost", life.state_lost, "", "0", life.state_lost == 0),
            Row(f"{name}: time", round(time.monotonic() - began, 1), "s"),
        ]
    return 0 if publish(rows, "Power cuts through the chip drivers", "powercut-chips") else 1


if __name__ == "__main__":
    sys.exit(main())
