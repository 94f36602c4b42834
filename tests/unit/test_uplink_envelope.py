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
