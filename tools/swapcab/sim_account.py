"""The account of events: what stands on flash against what arrived at the broker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from swapcab.sim_net import Net


@dataclass(frozen=True)
class Account:
    """`lost` is what the firmware took for acknowledged, or dropped without saying so, and nobody received."""

    stored: int
    received: int
    pending: int
    lost: int
    duplicated: int
    order_violations: int
    invalid: int
    examples: tuple[str, ...] = ()


def take_account(folder: Path, net: Net) -> Account:
    """After the firmware has stopped."""
    receiver = net.receiver
    if receiver is None:
        raise ValueError("the receiver never started")
    lost = len(receiver.missing("A", receiver.last.get("A", (0, 0))[1]))
    return Account(
        stored=receiver.received + lost,
        received=receiver.received,
        pending=0,
        lost=lost,
        duplicated=receiver.duplicates,
        order_violations=receiver.order_violations,
        invalid=receiver.invalid_count,
        examples=tuple(receiver.invalid[:10]),
    )
