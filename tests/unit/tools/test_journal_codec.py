"""The firmware's CBOR beside cbor2, and hostile bytes into its decoder."""

import cbor2
from hypothesis import given, settings
from hypothesis import strategies as st

from cabinet.core.events import Event
from cabinet.store import cbor, event_codec

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(1 << 64), (1 << 64) - 1), st.text(max_size=20), st.binary(max_size=20))


@given(st.lists(SCALARS, max_size=20))
def test_what_the_firmware_writes_cbor2_reads_and_the_other_way_round(values: list) -> None:
    """Byte for byte the same, as both write the shortest form."""
    buf = bytearray(2000)
    at = cbor.put_head(buf, 3, 4, len(values))
    for value in values:
        at = cbor.put_value(buf, at, value, 1000)
    written = bytes(buf[3:at])
    assert cbor2.loads(written) == values
    assert written == cbor2.dumps(values)
    reader = cbor.Reader(written, 0, len(written))
    assert [reader.value() for _ in range(reader.array())] == values
    assert reader.at == reader.end


@given(
    st.integers(1, 60000),
    st.integers(0, (1 << 30) - 1),
    st.integers(0, 1 << 33),
    st.integers(0, 2),
    st.integers(0, 500),
    st.integers(0, 99),
    st.text(max_size=300),
    st.lists(SCALARS, max_size=8),
)
def test_an_event_comes_back_or_its_overlong_text_cut(
    boot: int, ticks: int, time_s: int, quality: int, code: int, slot: int, pack: str, values: list
) -> None:
    """All fields, and never more than fits a record."""
    buf = bytearray(600)
    length = event_codec.encode(buf, 14, boot, ticks, time_s, quality, Event(code, slot, pack, tuple(values)))
    assert length <= 512
    record = event_codec.decode(7, buf, 14, 14 + length)
    assert (record.sequence, record.boot, record.ticks_ms, record.time_s, record.quality) == (7, boot, ticks, time_s, quality)
    assert (record.event.code, record.event.slot) == (code, slot)
    assert pack.startswith(record.event.pack)
    assert len(record.event.values) == len(values)
    for value, found in zip(values, record.event.values, strict=True):
        if isinstance(value, str):
            assert isinstance(found, str) and value.startswith(found)
            assert found == value or len(found.encode()) > 400 // (len(values) + 1) - 4
        else:
            assert found == value


@settings(max_examples=500)
@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_without_an_exception(noise: bytes) -> None:
    """A record that passes its CRC but says nothing known still comes out, as code 0 with its bytes."""
    record = event_codec.decode(1, noise, 0, len(noise))
    envelope = event_codec.to_envelope("c", 0, record)
    assert envelope["type"]


@settings(max_examples=500)
@given(st.binary(min_size=1, max_size=60))
def test_the_decoder_agrees_with_cbor2_on_what_it_takes(noise: bytes) -> None:
    """Whatever the reader accepts as a scalar cbor2 reads alike."""
    reader = cbor.Reader(noise, 0, len(noise))
    try:
        value = reader.value()
    except ValueError:
        return
    assert cbor2.loads(noise[: reader.at]) == value
