"""Events on flash: a CBOR array [boot, ticks, time, quality, code, slot, pack, values...]; JSON envelopes outside."""

from cabinet.core.events import EVENTS, RING_NAMES, Event
from cabinet.store import cbor
from cabinet.store.layout import MAX_PAYLOAD

QUALITIES = ("unknown", "rtc", "sync")
_FIXED = 7
_MAX_VALUES = 24


class Record:
    """A stored event as the journal gives it back."""

    def __init__(self, sequence: int, boot: int, ticks_ms: int, time_s: int, quality: int, event: Event) -> None:
        self.sequence = sequence
        self.boot = boot
        self.ticks_ms = ticks_ms
        self.time_s = time_s  # seconds since 1970-01-01 UTC, 0 if unknown
        self.quality = quality  # see ports.Clock
        self.event = event


def encode(buf: bytearray, at: int, boot: int, ticks_ms: int, time_s: int, quality: int, event: Event) -> int:
    """Write the payload of an event into `buf` at `at`; returns its length. Overlong text is cut. Raises ValueError if it is too long."""
    values = event.values
    count = len(values)
    if count > _MAX_VALUES:
        raise ValueError("too many values")
    limit = min(96, 400 // (count + 1))
    start = at
    at = cbor.put_head(buf, at, 4, _FIXED + count)
    at = cbor.put_int(buf, at, boot)
    at = cbor.put_int(buf, at, ticks_ms)
    at = cbor.put_int(buf, at, time_s)
    at = cbor.put_int(buf, at, quality)
    at = cbor.put_int(buf, at, event.code)
    at = cbor.put_int(buf, at, event.slot)
    at = cbor.put_text(buf, at, event.pack, limit)
    for value in values:
        at = cbor.put_value(buf, at, value, limit)
    if at - start > MAX_PAYLOAD:
        raise ValueError("event is too long")
    return at - start


def decode(sequence: int, buf: "bytes | bytearray | memoryview", at: int, end: int) -> Record:
    """The record whose payload is buf[at:end]. One that cannot be read comes back with event code 0 and its bytes."""
    try:
        reader = cbor.Reader(buf, at, end)
        count = reader.array() - _FIXED
        if not 0 <= count <= _MAX_VALUES:
            raise ValueError("wrong number of items")
        boot = reader.integer()
        ticks_ms = reader.integer()
        time_s = reader.integer()
        quality = reader.integer()
        code = reader.integer()
        slot = reader.integer()
        pack = reader.value()
        values = tuple([reader.value() for _ in range(count)])
        return Record(sequence, boot, ticks_ms, time_s, quality, Event(code, slot, pack if isinstance(pack, str) else "", values))
    except ValueError:
        return Record(sequence, 0, 0, 0, 0, Event(0, 0, "", (bytes(buf[at:end]),)))


def to_envelope(cabinet_id: str, ring: int, record: Record) -> dict:
    """The JSON envelope, version 1. Events that this firmware does not know keep their values as a list."""
    event = record.event
    known = event.code in EVENTS
    if known:
        data = event.data()
        for field in data:
            if isinstance(data[field], bytes):
                data[field] = data[field].hex()
    else:
        data = {"values": [v.hex() if isinstance(v, bytes) else v for v in event.values]}
    return {
        "v": 1,
        "cabinet": cabinet_id,
        "boot": record.boot,
        "ring": RING_NAMES[ring],
        "seq": record.sequence,
        "time": record.time_s or None,
        "tq": QUALITIES[record.quality] if 0 <= record.quality < 3 else QUALITIES[0],
        "ticks": record.ticks_ms,
        "type": event.name if known else "unknown.%d" % event.code,
        "slot": event.slot or None,
        "pack": event.pack or None,
        "data": data,
    }
