"""The text of an envelope says what store's dictionary says."""

import json

from cabinet.core import event_words, events
from cabinet.core.events import Event
from cabinet.store import event_codec
from cabinet.uplink import envelope


def same(record, ring):
    """Both forms of a record, compared."""
    text = envelope.encode(json.dumps('cab "1"'), ring, record)
    assert json.loads(text) == event_codec.to_envelope('cab "1"', ring, record), text


def test_every_event_type_looks_the_same_as_from_the_journal():
    samples = {"int": -42, "str": 'a"b\\c\n°', "bool": True}
    for code, (name, ring, _, fields) in events.EVENTS.items():
        values = tuple([samples[event_words.explain(name, field)[0]] for field in fields.split()])
        same(event_codec.Record(7, 2, 123456, 1_700_000_000, 2, Event(code, 3, "SC1", values)), ring)


def test_unknown_values_are_left_out_and_unknown_times_are_null():
    record = event_codec.Record(7, 2, 0, 0, 0, events.make("pack.refused", 0, "", None, "too_hot", None, 0))
    same(record, 0)
    text = json.loads(envelope.encode('"c"', 0, record))
    assert text["data"] == {"reason": "too_hot", "limit": 0} and text["time"] is None and text["slot"] is None and text["pack"] is None


def test_an_event_of_a_newer_firmware_is_handed_on():
    same(event_codec.Record(1, 1, 1, 1, 1, Event(999, 1, "", (1, "x", None, True))), 0)


def test_a_damaged_record_is_handed_on_as_it_is():
    same(event_codec.decode(5, b"\xff\x00garbage", 0, 9), 0)


def test_a_strange_quality_of_time_is_unknown():
    same(event_codec.Record(1, 1, 1, 1, 9, events.make("door.opened", 1)), 0)


def test_in_an_array_what_is_the_same_as_before_may_be_left_out():
    records = [
        event_codec.Record(7, 2, 100, 1_700_000_000, 2, events.make("door.closed", 3, "SC1")),
        event_codec.Record(8, 2, 100, 1_700_000_000, 2, events.make("pack.inserted", 3, "SC1")),
        event_codec.Record(9, 2, 150, 1_700_000_001, 2, events.make("door.opened", 4)),
        event_codec.Record(10, 3, 5, 0, 0, events.make("link.down", 0, "", "cut")),
        event_codec.Record(11, 3, 9, 0, 7, Event(999, 255, "x", (1, b"a"))),
    ]
    whole = json.loads(envelope.encode('"c"', 0, records[0]))
    assert len(envelope.encode_after(records[0], records[1])) < 60
    for before, record in zip(records, records[1:]):
        whole = dict(whole)
        whole.update(json.loads(envelope.encode_after(before, record)))
        assert whole == event_codec.to_envelope("c", 0, record)
