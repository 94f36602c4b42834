"""Plausible events of a cabinet over days or a year, stored by the firmware's own journal under CPython."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from cabinet.core import events
from cabinet.core.events import Event
from cabinet.store.journal import Journal

START = 1_767_225_600  # 2026-01-01
KEY = bytes(range(32))
RULES = ("cell_high", "cell_spread", "temp_high", "not_genuine", "wrong_class", "soh_low")


class Clock:
    """Time that the generator sets."""

    def __init__(self) -> None:
        self.seconds = START

    def ticks_ms(self) -> int:
        """Milliseconds since the start, wrapped."""
        return (self.seconds - START) * 1000 & ((1 << 30) - 1)

    def ticks_us(self) -> int:
        """Microseconds, wrapped."""
        return self.ticks_ms() * 1000 & ((1 << 30) - 1)

    def wall_s(self) -> int:
        """The instant."""
        return self.seconds

    def quality(self) -> int:
        """Synchronised."""
        return 2


def swap(dice: random.Random, number: int) -> Iterator[Event]:
    """The events of one swap, or of a refusal."""
    slot, other = dice.sample(range(1, 13), 2)
    pack, full = f"SP24-{dice.randrange(900):05d}", f"SP24-{dice.randrange(900):05d}"
    soc = dice.randrange(4, 35)
    yield events.make("swap.ordered", 0, "", number, f"{dice.getrandbits(32):08x}", "rider")
    yield events.make("lock.pulsed", slot, "", "swap", 400)
    yield events.make("door.opened", slot)
    yield events.make("pack.inserted", slot)
    yield events.make("door.closed", slot)
    yield events.make("pack.identified", slot, pack, "ACME", 1, 16, soc, dice.randrange(70, 101), dice.randrange(900))
    if dice.random() < 0.03:
        rule = dice.choice(RULES)
        yield events.make("pack.refused", slot, pack, rule, rule, dice.randrange(3000, 4000), 3650)
        yield events.make("swap.cancelled", slot, pack, number, "pack_refused", "checking")
        return
    yield events.make("pack.proven", slot, pack, "hmac")
    yield events.make("pack.accepted", slot, pack, 51200, 287, soc)
    yield events.make("lock.pulsed", other, "", "swap", 400)
    yield events.make("door.opened", other)
    yield events.make("pack.removed", other, full, 98)
    yield events.make("door.closed", other)
    yield events.make("swap.completed", 0, "", number, slot, pack, soc, other, full, 98)
    yield events.make("charge.started", slot, pack, 58400, 20000, soc)


def live(
    journal: Journal,
    clock: Clock,
    days: int,
    swaps_a_day: int = 400,
    seed: int = 1,
    idle_every: int = 4,
    told: Callable[[int], None] = lambda day: None,
    reboot: Callable[[], Journal] | None = None,
) -> Journal:
    """Let `days` pass. Acknowledges by tens; restarts once a week if `reboot` makes a new journal."""
    dice = random.Random(seed)
    number = 0
    for day in range(days):
        told(day)
        if reboot is not None and day % 7 == 6:
            journal = reboot()
        if day % 7 == 6 or day == 0:
            journal.append(events.make("boot.started", 0, "", f"0.{1 + day // 120}.0", "power_on", f"2026-{1 + day // 180}", "b5e1c0de"))
        for n in range(swaps_a_day):
            clock.seconds = START + day * 86400 + n * 86400 // swaps_a_day
            number += 1
            for event in swap(dice, number):
                journal.append(event)
            if n % 100 == 50 and dice.random() < 0.05:
                slot = dice.randrange(1, 13)
                journal.append(events.make("fault.raised", slot, "", dice.choice(RULES[:3]), "stop", 612, 600))
                journal.append(events.make("fault.cleared", slot, "", "temp_high"))
            if n % 5 == 0:
                journal.append(events.make("telemetry.cabinet", 0, "", 2400, 5, 9, 120000))
            for ring in (0, 1):
                if journal.backlog(ring) >= 20:
                    journal.ack(ring, journal.head(ring) - 3)
            if n % idle_every == 0:
                journal.idle()
    return journal
