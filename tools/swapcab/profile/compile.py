"""A checked profile as the bytes that the firmware loads (firmware/cabinet/devices/profiles/form.py)."""

from __future__ import annotations

import importlib
import struct
import sys
from pathlib import Path
from typing import Any

from swapcab.paths import ROOT
from swapcab.profile.source import FOLDER, Checked, Field, ProfileMistake, check, load
from swapcab.profile.words import form

reader: Any = importlib.import_module("cabinet.devices.profiles.reader")
crc16: Any = importlib.import_module("cabinet.bus.crc16").crc16


def compiled(checked: Checked) -> bytes:
    """The bytes. Raises ProfileMistake if the firmware would refuse them."""
    pool = bytearray()
    fields: list[Field] = []
    pages = b""
    for page in checked.pages:
        first = len(fields)
        fields += page.fields
        pages_mux = -1
        if page.mux_field is not None:
            pages_mux = len(fields)
            fields.append(page.mux_field)
        ask = begins = 0
        if checked.bus == form.SERIAL:
            ask = _pooled(pool, page.ask, (page.ask_end, 255))
            begins = _pooled(pool, page.begins, page.tail, *([page.other] if page.other is not None else []))
        elif checked.flags & form.POLLED:
            ask = _pooled(pool, page.ask)
        pages += struct.pack(
            form.PAGE, page.ident, page.mux, pages_mux, page.flags, first, len(page.fields), page.request, page.least, ask, page.length,
            page.plus, begins, page.every_ms,
        )  # fmt: skip
    table = b"".join(
        struct.pack(
            form.FIELD, f.kind, f.to, f.at, f.size, f.how, f.shift, f.bits, f.add, f.num, f.den, f.low, f.high, f.index, f.count, f.absent
        )
        for f in fields
    )
    texts = b"".join(bytes([len(t)]) + t.encode() for t in (checked.name, checked.maker, checked.dummy))
    kinds = bytes([checked.checks[0] | checked.checks[2] << 4, checked.checks[3] | checked.checks[1] << 4])
    fixed = bytes([len(checked.fixed)]) + b"".join(struct.pack("<Bi", to, value) for to, value in checked.fixed)
    body = texts + kinds + fixed + pages + table + bytes(pool)
    head = struct.pack(
        form.HEAD, form.MAGIC, form.FORMAT, checked.bus, form.HEAD_SIZE + len(body) + 2, len(checked.pages), checked.flags, checked.proof,
        checked.shift, checked.request_shift, checked.first, checked.last, checked.read_max, checked.rest_ms, checked.lost_ms, len(fields),
        len(pool), *checked.proof_ids, checked.keep_alive,
    )  # fmt: skip
    data = head + body
    data += struct.pack("<H", crc16(data, 0, len(data)))
    try:
        reader.read(data)
    except reader.ProfileError as error:
        raise ProfileMistake(checked.name, str(error)) from None
    return data


def _pooled(pool: bytearray, *templates: tuple[bytes, int]) -> int:
    """One template behind the other; the place of the first."""
    data = b"".join(bytes([len(t), place]) + t for t, place in templates)
    at = pool.find(data)
    if at < 0:
        at = len(pool)
        pool += data
    return at


def main() -> int:
    """Compile all profiles that ship into build/profiles; returns an exit code."""
    folder = ROOT / "build" / "profiles"
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(FOLDER.glob("*.json")):
        try:
            data = compiled(check(load(path)))
        except ProfileMistake as error:
            print(f"profiles: {path.relative_to(ROOT)}: {error}", file=sys.stderr)
            return 1
        target = folder / f"{path.stem}.profile"
        if not target.is_file() or target.read_bytes() != data:
            part = target.with_suffix(f".{Path(sys.argv[0]).stem}.part")
            part.write_bytes(data)
            part.replace(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
