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
