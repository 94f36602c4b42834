"""The account of events: what stands on flash, read by its format and not by the firmware, against what arrived."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swapcab.journal import image as journal_image
from swapcab.journal.events import decode
from swapcab.sim.network import Net

ARRIVAL_LIMIT_S = 120.0


@dataclass
class Account:
    """`lost`: nobody received it, and the firmware took it for acknowledged or no longer has it."""

    stored: int = 0  # sequences given out, both rings
    received: int = 0
    pending: int = 0  # on flash, beyond the cursor, not received: the next start sends it
    dropped: int = 0  # oldest telemetry given up, and told in a journal.gap event
    lost: int = 0
    unstored: int = 0  # received, and not in the journal: reported before it was durable
    altered: int = 0  # received with another content than the journal has
    duplicated: int = 0
    order_violations: int = 0
    invalid: int = 0  # against the published schemas
    journal_faults: int = 0
    examples: list[str] = field(default_factory=list)


def settled_account(folder: Path, net: Net) -> Account:
    """The account after the firmware has stopped. What the broker still holds on a busy machine is waited for before it counts as lost."""
    limit = time.monotonic() + ARRIVAL_LIMIT_S
    account = take_account(folder, net)
    while account.lost and time.monotonic() < limit:
        net.settle()
        account = take_account(folder, net)
    return account


def take_account(folder: Path, net: Net) -> Account:
    """What was stored and what has arrived, at this moment."""
    receiver = net.receiver
    if receiver is None:
        raise ValueError("the receiver never started")
    key = bytes.fromhex(json.loads((folder / "secrets.json").read_text())["device_key"])
    with receiver.lock:
        arrived = {(envelope["ring"], envelope["seq"]): envelope for envelope in receiver.latest}
        account = Account(
            received=receiver.received,
            duplicated=receiver.duplicates,
            order_violations=receiver.order_violations,
            invalid=receiver.invalid_count,
            examples=list(receiver.invalid[:5]) + [f"out of order: ring {text}" for text in receiver.misordered][:10],
        )
    image_file = folder / "flash.bin"
    images = journal_image.verify(image_file.read_bytes(), key) if image_file.is_file() else {}
    for ring, image in images.items():
        account.journal_faults += len(image.faults)
        account.examples += [f"journal ring {ring}: {fault.kind}: {fault.words}" for fault in image.faults[:3]]
        _one_ring(account, ring, image, {seq: envelope for (of, seq), envelope in arrived.items() if of == ring}, net.cabinet)
    return account


def _one_ring(account: Account, ring: str, image: journal_image.RingImage, arrived: dict[int, dict[str, Any]], cabinet: str) -> None:
    on_flash = {record.sequence: record for record in image.events}
    account.stored += image.head
    for sequence in sorted(set(arrived) - set(range(1, image.head + 1))):
        account.unstored += 1
        account.examples.append(f"ring {ring}: event {sequence} was received and is not in the journal")
    told = _told_as_dropped(ring, on_flash, arrived, cabinet)
    for sequence in range(1, image.head + 1):
        if sequence in arrived:
            record = on_flash.get(sequence)
            if record and _plain(decode(ring, record, cabinet)) != arrived[sequence]:
                account.altered += 1
                account.examples.append(f"ring {ring}: event {sequence} arrived with another content")
        elif sequence in told:
            account.dropped += 1
        elif sequence in on_flash and sequence > image.acked:
            account.pending += 1
        else:
            account.lost += 1
            account.examples.append(f"ring {ring}: event {sequence} was not received, cursor {image.acked}")


def _told_as_dropped(ring: str, on_flash: dict, arrived: dict[int, dict[str, Any]], cabinet: str) -> set[int]:
    """Sequences that a journal.gap event of this ring names."""
    events = [*arrived.values(), *(decode(ring, record, cabinet) for record in on_flash.values())]
    told: set[int] = set()
    for event in events:
        if event["type"] == "journal.gap":
            told.update(range(event["data"]["from"], event["data"]["to"] + 1))
    return told


def _plain(envelope: dict[str, Any]) -> dict[str, Any]:
    """As JSON has it."""
    return json.loads(json.dumps(envelope))
