"""The account of events at the end of a run: what counts as lost, pending, dropped, altered or never stored."""

from typing import Any

import pytest

from swapcab.journal.image import EVENT, RawRecord, RingImage, Sector
from swapcab.sim import account as sim_account
from swapcab.sim.account import Account


def envelope(sequence: int, kind: str = "door.opened", **data: Any) -> dict[str, Any]:
    return {"ring": "B", "seq": sequence, "type": kind, "data": data}


@pytest.fixture(autouse=True)
def contents(monkeypatch):
    """What the image holds, by sequence."""
    known: dict[int, dict] = {}
    monkeypatch.setattr(sim_account, "decode", lambda ring, record, cabinet: known[record.sequence])
    return known


class Held(Sector):
    """A sector whose records are given, not read."""

    given: list[RawRecord]

    @property
    def records(self) -> list[RawRecord]:
        """Those."""
        return self.given


def image_of(sequences: list[int], acked: int) -> RingImage:
    records = [RawRecord(0, EVENT, sequence, b"", b"", 0) for sequence in sequences]
    sector = Held(0, 1, 0, 0, 1, 1, b"", b"", b"")
    sector.given = records
    return RingImage("B", [sector], acked=acked, head=max(sequences, default=0))


def account_of(contents: dict, on_flash: list[dict], received: list[dict], acked: int) -> Account:
    contents.update({event["seq"]: event for event in on_flash})
    account = Account()
    image = image_of([event["seq"] for event in on_flash], acked)
    sim_account._one_ring(account, "B", image, {event["seq"]: event for event in received}, "cab")
    return account


def test_everything_received_is_nothing_lost(contents):
    events = [envelope(1), envelope(2)]
    account = account_of(contents, events, events, 2)
    assert (account.stored, account.lost, account.pending, account.altered) == (2, 0, 0, 0)


def test_an_event_beyond_the_cursor_that_nobody_has_is_pending(contents):
    account = account_of(contents, [envelope(1), envelope(2)], [envelope(1)], 1)
    assert (account.pending, account.lost) == (1, 0)


def test_an_event_that_was_taken_for_acknowledged_and_that_nobody_has_is_lost(contents):
    account = account_of(contents, [envelope(1), envelope(2)], [envelope(2)], 2)
    assert account.lost == 1 and "event 1" in account.examples[0]


def test_an_event_that_is_neither_on_flash_nor_received_is_lost(contents):
    account = account_of(contents, [envelope(2)], [envelope(2)], 0)
    assert account.lost == 1


def test_dropped_telemetry_is_not_lost_if_a_gap_event_names_it(contents):
    reported = envelope(3, "journal.gap", **{"from": 1, "to": 2, "count": 2})
    account = account_of(contents, [reported], [reported], 3)
    assert (account.dropped, account.lost) == (2, 0)


def test_an_event_that_arrived_with_another_content_is_altered(contents):
    account = account_of(contents, [envelope(1, slot=3)], [envelope(1, slot=4)], 1)
    assert account.altered == 1


def test_an_event_that_arrived_and_is_not_in_the_journal_was_reported_too_early(contents):
    account = account_of(contents, [envelope(1)], [envelope(1), envelope(2)], 1)
    assert account.unstored == 1
