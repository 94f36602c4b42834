"""A stored event's payload as its JSON envelope, with the firmware's own vocabulary."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from swapcab.paths import use_firmware

if TYPE_CHECKING:
    from swapcab.journal.image import RawRecord

try:
    import cbor2
except ImportError:
    cbor2 = None
_CBOR_ERRORS = () if cbor2 is None else (cbor2.CBORError,)
QUALITIES = ("unknown", "rtc", "sync")


def decode(ring: str, record: RawRecord, cabinet: str) -> dict[str, Any]:
    """The JSON envelope of a stored event."""
    codec, fields = _codec()
    try:
        boot, ticks, time_s, quality, code, slot, pack, *values = _loads(record.payload)
        name, names = fields[code]
        pairs = zip(names, values, strict=False)
        data = {n: v.hex() if isinstance(v, bytes) else v for n, v in pairs if v is not None}
    except (ValueError, TypeError, KeyError, EOFError, OverflowError, RecursionError, *_CBOR_ERRORS):
        read = codec.decode(record.sequence, record.payload, 0, len(record.payload))
        return codec.to_envelope(cabinet, 0 if ring == "A" else 1, read)
    return {
        "v": 1,
        "cabinet": cabinet,
        "boot": boot,
        "ring": ring,
        "seq": record.sequence,
        "time": time_s or None,
        "tq": QUALITIES[quality] if 0 <= quality < 3 else QUALITIES[0],
        "ticks": ticks,
        "type": name,
        "slot": slot or None,
        "pack": pack or None,
        "data": data,
    }


@cache
def _codec() -> tuple[Any, dict[int, tuple[str, list[str]]]]:
    """The firmware's own decoder and its vocabulary."""
    use_firmware()
    from cabinet.core.events import EVENTS, fields_of
    from cabinet.store import event_codec

    return event_codec, {code: (row[0], fields_of(code)) for code, row in EVENTS.items()}


def _loads(payload: bytes) -> Any:
    """CBOR by cbor2 where it is installed (a year in a minute), else by the firmware's decoder."""
    if cbor2 is None:
        raise ValueError("no cbor2")
    return cbor2.loads(payload)
