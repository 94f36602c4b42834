"""Journal record -> JSON envelope, version 1, as text. See docs/events.md.

The same envelope as store's `to_envelope`, but written directly: no dictionary is built on the way, since a backlog of
thousands of records goes through here.
"""

import json

from cabinet.core.events import EVENTS

TIME_QUALITY = ("unknown", "rtc", "sync")
_FORM = (
    '{"v":1,"cabinet":%s,"boot":%d,"ring":"%s","seq":%d,"time":%s,"tq":"%s","ticks":%d,'
    '"type":"%s","slot":%s,"pack":%s,"data":%s}'
)


def _value(value: object) -> str:
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        value = value.hex()
    return json.dumps(value)


def _data(event) -> str:
    row = EVENTS.get(event.code)
    if row is None:  # written by a newer firmware: hand on what is there
        return '{"values":[' + ",".join([_value(value) for value in event.values]) + "]}"
    parts = []
    for field, value in zip(row[3].split(), event.values):
        if value is not None:
            parts.append('"' + field + '":' + _value(value))
    return "{" + ",".join(parts) + "}"


def encode(cabinet: str, ring: int, record) -> str:
    """One envelope as JSON text. `cabinet` is the cabinet id as a JSON string, quotes included."""
    event = record.event
    row = EVENTS.get(event.code)
    quality = record.quality
    return _FORM % (
        cabinet,
        record.boot,
        "B" if ring else "A",
        record.sequence,
        record.time_s if record.time_s else "null",
        TIME_QUALITY[quality] if 0 <= quality < 3 else "unknown",
        record.ticks_ms,
        row[0] if row else "unknown.%d" % event.code,
        event.slot if event.slot else "null",
        json.dumps(event.pack) if event.pack else "null",
        _data(event),
    )


def encode_after(before, record) -> str:
    """The envelope of `record` in an array behind that of `before`: fields that are the same are left out."""
    event = record.event
    other = before.event
    row = EVENTS.get(event.code)
    parts = ['{"seq":%d,"type":"%s"' % (record.sequence, row[0] if row else "unknown.%d" % event.code)]
    if record.boot != before.boot:
        parts.append('"boot":%d' % record.boot)
    if record.time_s != before.time_s:
        parts.append('"time":%d' % record.time_s if record.time_s else '"time":null')
    if record.quality != before.quality:
        parts.append('"tq":"%s"' % (TIME_QUALITY[record.quality] if 0 <= record.quality < 3 else "unknown"))
    if record.ticks_ms != before.ticks_ms:
        parts.append('"ticks":%d' % record.ticks_ms)
    if event.slot != other.slot:
        parts.append('"slot":%d' % event.slot if event.slot else '"slot":null')
    if event.pack != other.pack:
        parts.append('"pack":' + (json.dumps(event.pack) if event.pack else "null"))
    parts.append('"data":' + _data(event) + "}")
    return ",".join(parts)
