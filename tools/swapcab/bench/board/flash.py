# ruff: noqa: UP031, UP037 (runs under MicroPython)
"""The areas of journal and state: readable, and what holds nothing is tried."""

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from swapcab.bench.board.unit import Unit


def journal(unit: "Unit", name: str, letter: str, most: int) -> dict:
    """Read an area twice; try up to `most` sectors that hold nothing, and leave them as they were."""
    from cabinet.store import layout

    area = unit.board.flash(name)
    magic = layout.magic(letter)
    header = bytearray(layout.SECTOR_HEADER)
    kinds = [0] * 5
    free, unstable = [], 0
    for base in range(0, area.size, area.sector_size):
        area.read(base, header)
        first = bytes(header)
        area.read(base, header)
        unstable += first != header
        kind = layout.classify(header, magic)
        kinds[kind] += 1
        if kind == layout.DIRTY and not _blank(area, base):
            free.insert(0, (base, kind, first[: layout.FMT_SIZE]))  # given up, or it did not erase: looked at first
            del free[most:]
        elif kind in (layout.READY, layout.DIRTY) and len(free) < most:
            free.append((base, kind, first[: layout.FMT_SIZE]))
    bad = []
    unit.erase_ms = 0
    for base, kind, mark in free:
        if not _try_sector(unit, area, base):
            bad.append(base // area.sector_size)
        elif kind == layout.READY:
            layout.put_fmt(header, magic, struct.unpack("<I", mark[4:8])[0] + 2)
            area.program(base, header[: layout.FMT_SIZE])
    return {"sectors": sum(kinds), "with_records": kinds[3] + kinds[4], "ready": kinds[2], "tried": len(free),
            "bad": bad, "unstable": unstable, "erase_ms": unit.erase_ms, "beside": hasattr(area, "begin_erase")}


def _blank(area: "Any", base: int) -> bool:
    buf = bytearray(64)
    for at in range(base, base + area.sector_size, 64):
        area.read(at, buf)
        if buf != b"\xff" * 64:
            return False
    return True


def _try_sector(unit: "Unit", area: "Any", base: int) -> bool:
    """Erase, write both patterns, erase."""
    try:
        _erase(unit, area, base)
        if not _blank(area, base):
            return False
        page = bytearray(area.page_size)
        back = bytearray(area.page_size)
        for pattern in (0x55, 0x00):
            for i in range(len(page)):
                page[i] = pattern
            for at in (base, base + area.sector_size - area.page_size):
                area.program(at, page)
                area.read(at, back)
                if back != page:
                    return False
        _erase(unit, area, base)
        return _blank(area, base)
    except OSError:
        return False


def _erase(unit: "Unit", area: "Any", base: int) -> None:
    began = unit.board.clock.ticks_ms()
    area.erase(base)
    unit.erase_ms = max(unit.erase_ms, unit.passed_ms(began))
