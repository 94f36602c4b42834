"""Hardware faults put into an emulated board and its cabinet, and taken out again: `swapcab emulate --fault NAME`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from emulator.cabinet import EmulatedCabinet
from emulator.fault_table import FAULTS, Fault
from emulator.host import EmulatedBoard
from emulator.jig import Jig


class FaultError(ValueError):
    """There is no such fault, or not on this board; the text says which there are."""


@dataclass(frozen=True)
class Chosen:
    """A fault at a slot."""

    name: str
    slot: int = 1

    @property
    def fault(self) -> Fault:
        """Its row."""
        return FAULTS[self.name]

    def fill(self, text: Any) -> Any:
        """{slot} and such in a text."""
        if not isinstance(text, str):
            return text
        channel = (self.slot - 1) % 8
        where = {"slot": self.slot, "unit": (self.slot - 1) // 8 + 1, "output": channel + 1}
        return text.format(door=channel, latch=8 + channel, **where)

    @property
    def part(self) -> str:
        """How the sheet begins to name it."""
        return self.fill(self.fault.part)


def parse(text: str, slots: int) -> Chosen:
    """`NAME` or `NAME:SLOT`, for a board with so many slots around it (0: none). Raises FaultError."""
    name, colon, number = text.partition(":")
    shown = text if text.isascii() and text.isprintable() and len(text) <= 40 else repr(text[:40])
    if name not in FAULTS:
        raise FaultError(f"--fault {shown}: there is none of that name; there are {', '.join(FAULTS)} (swapcab emulate --help)")
    fault = FAULTS[name]
    if fault.in_plant() and not slots:
        raise FaultError(f"--fault {shown}: that is a fault of the cabinet around the board: add --slots 4")
    if not colon:
        return Chosen(name)
    if not fault.of_slot:
        raise FaultError(f"--fault {shown}: {name} is not a fault of one slot: write it without the slot")
    if not (number.isascii() and number.isdigit() and len(number) < 4 and 1 <= int(number) <= slots):
        raise FaultError(f"--fault {shown}: the slot is a number from 1 to {slots}, as in {name}:1")
    return Chosen(name, int(number))


def check(chosen: list[Chosen]) -> None:
    """Raises FaultError for two that want the same thing."""
    taken: dict[str, str] = {}
    for one in chosen:
        fault = one.fault
        wants = [*(what for what, _ in (*fault.device, *fault.options, *fault.jig))]
        wants += [f"slot {one.slot}"] if fault.plant else ["slot board"] if fault.board else ["network"] if fault.offline else []
        for want in wants:
            if want in taken:
                raise FaultError(f"--fault: {taken[want]} and {one.name} cannot be together: both are faults of the same thing ({want})")
            taken[want] = one.name


@contextlib.contextmanager
def faulty(chosen: list[Chosen], board: EmulatedBoard, cabinet: EmulatedCabinet | None = None, jig: Jig | None = None) -> Iterator[None]:
    """The board starts anew with these faults; afterwards it is as it was, and starts once more."""
    check(chosen)
    before = board.options
    of_board = any(one.fault.device or one.fault.options for one in chosen)
    if of_board:
        device = {what: one.fill(kind) for one in chosen for what, kind in one.fault.device}
        _restart(board, replace(before, faults=device, **dict(pair for one in chosen for pair in one.fault.options)))
    plant = [one for one in chosen if one.fault.plant]
    attributes = [(name, one.fill(value)) for one in chosen for name, value in one.fault.jig]
    undo = {name: getattr(jig, name) for name, _ in attributes}
    for one in chosen:
        if cabinet and one.fault.plant:
            cabinet.ask(cmd="fault", slot=one.slot, kind=one.fault.plant)
        if cabinet and one.fault.board:
            cabinet.ask(cmd="fault", board=1, kind=one.fault.board)
        if cabinet and one.fault.offline:
            cabinet.net.cut()
    for name, value in attributes:
        setattr(jig, name, value)
    try:
        yield
    finally:
        for name, value in undo.items():
            setattr(jig, name, value)
        if cabinet:
            for one in plant:
                cabinet.ask(cmd="fault", slot=one.slot, kind="none")
            if any(one.fault.board for one in chosen):
                cabinet.ask(cmd="fault", board=1, kind="none")
            cabinet.net.restore()
        if of_board:
            _restart(board, before)


def _restart(board: EmulatedBoard, options: Any) -> None:
    board.power_off()
    board.options = options
    board.power_on()
    board.wait(lambda: board.up)
