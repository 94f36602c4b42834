"""Reads compiled profiles and trusts nothing in them.

A profile comes from outside like a setting does, so everything that the interpreter relies on is checked here, once, at start:
offsets inside of answers, ranges inside of what a reading may hold, templates inside of buffers. What passes cannot make the
interpreter reach beyond a buffer. The firmware lets go of this module after the start.
"""

import struct
from array import array

from micropython import const

from cabinet.devices.crc16 import crc16
from cabinet.devices.profiles.form import (
    BIT,
    BITS,
    CAN,
    CELL,
    CELL_MIN_MV,
    CHECKS,
    EXTENDED,
    F_ADD,
    F_AT,
    F_BITS,
    F_BYTES,
    F_DEN,
    F_INDEX,
    F_KIND,
    F_LIST,
    F_MAX,
    F_MIN,
    F_NUM,
    F_SHIFT,
    F_TO,
    FIELD,
    FIELD_SIZE,
    FIELD_WORDS,
    FORMAT,
    HAS_SERIAL,
    HEAD,
    HEAD_SIZE,
    IDENTITY,
    KINDS,
    MAGIC,
    MAKER_SIZE,
    MAKER_TEXT,
    MAX_ANSWER,
    MAX_BYTES,
    MAX_CELLS,
    MAX_FIELDS,
    MAX_PAGES,
    MAX_TEMPLATE,
    MAX_TEMPS,
    MODBUS,
    MUX,
    NO_NODE,
    NUMBER,
    P_ASK,
    P_BEGIN,
    P_COUNT,
    P_EVERY,
    P_FIRST,
    P_FLAGS,
    P_ID,
    P_LENGTH,
    P_MIN,
    P_MUX,
    P_MUX_FIELD,
    P_PLUS,
    P_REQUEST,
    PAGE,
    PAGE_SIZE,
    PAGE_WORDS,
    POLLED,
    PROOF_PACK_LINK,
    QUANTITIES,
    RANGES,
    READING,
    SERIAL,
    SERIAL_SIZE,
    SERIAL_TEXT,
    TEMP,
    TEMP_MIN,
)
from cabinet.devices.profiles.profile import Profile

_NODE_BITS = const(21)


class ProfileError(ValueError):
    """A compiled profile is damaged or asks for what must not be."""


def read(data: bytes) -> Profile:
    """The profile in `data`. Raises ProfileError if anything there is not as it must be."""
    p = Profile()
    size = len(data)
    _need(HEAD_SIZE + 2 <= size <= MAX_BYTES, "its length")
    (
        magic, form, p.bus, length, p.page_count, p.flags, p.proof, p.shift, p.request_shift, p.first,
        p.last, p.read_max, p.rest_ms, p.lost_ms, fields, pool, p.proof_a, p.proof_b, p.keep_alive,
    ) = struct.unpack_from(HEAD, data, 0)  # fmt: skip
    _need(magic == MAGIC, "it is no compiled profile")
    _need(form == FORMAT, "format %d, this firmware reads %d" % (form, FORMAT))
    _need(length == size and crc16(data, 0, size - 2) == data[size - 2] | data[size - 1] << 8, "damaged")
    _need(p.bus <= SERIAL, "bus")
    _need(1 <= p.page_count <= MAX_PAGES and fields <= MAX_FIELDS, "number of pages or fields")
    at = HEAD_SIZE
    p.name, at = _text(data, at, size - 2)
    p.maker, at = _text(data, at, size - 2)
    p.dummy, at = _text(data, at, size - 2)
    _need(at + 2 <= size - 2, "its length")
    checks = data[at]
    p.request_check = checks & 15
    p.answer_check = checks >> 4
    p.check_from = data[at + 1] & 15
    p.request_check_from = data[at + 1] >> 4
    at += 2
    p.fixed, at = _fixed(data, at, size - 2)
    _need(at + p.page_count * PAGE_SIZE + fields * FIELD_SIZE + pool == size - 2, "tables")
    p.pages = array("i", [0] * (p.page_count * PAGE_WORDS))
    for index in range(p.page_count):
        _copy(p.pages, index * PAGE_WORDS, struct.unpack_from(PAGE, data, at))
        at += PAGE_SIZE
    p.fields = array("i", [0] * (fields * FIELD_WORDS))
    for index in range(fields):
        _copy(p.fields, index * FIELD_WORDS, struct.unpack_from(FIELD, data, at))
        at += FIELD_SIZE
    p.pool = data[at : at + pool]
    largest = 0
    _check_head(p)
    for index in range(fields):
        _check_field(p, index * FIELD_WORDS)
    for index in range(p.page_count):
        _check_page(p, index)
        largest = max(largest, p.pages[index * PAGE_WORDS + P_COUNT])
    p.scratch = array("i", [0] * largest)
    _need(p.need > 0, "no page of readings")
    return p


def _check_head(p: Profile) -> None:
    _need(p.proof <= PROOF_PACK_LINK and not (p.proof and p.bus == SERIAL), "proof")
    _need(not p.proof or p.flags & HAS_SERIAL, "proof without a serial number")
    _need(1 <= p.first <= p.last, "addresses")
    if p.bus == CAN:
        node = p.shift != NO_NODE
        _need(not node or p.flags & EXTENDED, "addresses in 11-bit identifiers")
        _need(p.shift <= _NODE_BITS or not node, "address shift")
        _need(p.request_shift <= _NODE_BITS or p.request_shift == NO_NODE, "address shift of requests")
        _need(node or p.first == p.last, "addresses")
        _need(p.proof_a < 1 << 29 and p.proof_b < 1 << 29, "proof")
        _need(p.keep_alive < 1 << (29 if p.flags & EXTENDED else 11), "the identifier that keeps it awake")
    elif p.bus == MODBUS:
        _need(p.last <= 247 and 1 <= p.read_max <= 125, "addresses or registers a read")
        _need(p.proof_a <= 0xFFFF and p.proof_b <= 0xFFFF, "proof")
    else:
        _need(p.last <= 247 and p.request_check < len(CHECKS) and p.answer_check < len(CHECKS), "addresses or check")
    _need(100 <= p.lost_ms <= 20000 and p.rest_ms <= 5000, "pace")


def _check_field(p: Profile, f: int) -> None:
    fields = p.fields
    kind = fields[f + F_KIND]
    size = fields[f + F_BYTES]
    bits = fields[f + F_BITS]
    shift = fields[f + F_SHIFT]
    to = fields[f + F_TO]
    index = fields[f + F_INDEX]
    count = fields[f + F_LIST]
    _need(kind < KINDS, "kind of a field")
    _need(fields[f + F_AT] <= MAX_ANSWER and (bits or not shift), "place of a field")
    if SERIAL_TEXT <= kind <= MAKER_TEXT:
        room = SERIAL_SIZE if kind == SERIAL_TEXT else MAKER_SIZE
        _need(size == 1 and (count == -1 or 1 <= count <= room - index), "a text")
        return
    _need(1 <= size <= 4 and bits <= 32 and shift + bits <= size * 8, "bits of a field")
    if kind == NUMBER or CELL <= kind <= TEMP:
        if kind == CELL:
            to = CELL_MIN_MV
        elif kind == TEMP:
            to = TEMP_MIN
        _need(to < len(QUANTITIES), "a quantity")
        low, high = RANGES[to]
        _need(low <= fields[f + F_MIN] <= fields[f + F_MAX] <= high, "a range")
        _need(1 <= fields[f + F_DEN] <= 1000000 and -1000000 <= fields[f + F_NUM] <= 1000000 and fields[f + F_NUM], "a scale")
        _need(-10000000 <= fields[f + F_ADD] <= 10000000, "an offset")
    elif kind == BIT:
        _need(to < len(BITS) and BITS[to] != "", "a bit")
    if CELL <= kind <= TEMP:
        room = MAX_CELLS if kind == CELL else MAX_TEMPS
        _need(index < room and bits == 0 and (count < 0 or 1 <= count <= room - index), "a list")


def _check_page(p: Profile, number: int) -> None:
    pages = p.pages
    q = number * PAGE_WORDS
    first = pages[q + P_FIRST]
    count = pages[q + P_COUNT]
    least = pages[q + P_MIN]
    flags = pages[q + P_FLAGS]
    total = len(p.fields) // FIELD_WORDS
    _need(first + count <= total, "fields of a page")
    _need(not flags & ~7 and pages[q + P_EVERY] <= 3600000, "a page")
    for index in range(first, first + count):
        _check_reach(p, index * FIELD_WORDS, least)
    mux = pages[q + P_MUX_FIELD]
    _need(-1 <= mux < total and (mux < 0) == (pages[q + P_MUX] < 0), "a multiplexer")
    if mux >= 0:
        _need(p.bus == CAN and p.fields[mux * FIELD_WORDS + F_KIND] == MUX, "a multiplexer")
        _check_reach(p, mux * FIELD_WORDS, least)
    if p.bus == CAN:
        _need(least <= 8, "length of a CAN frame")
        top = 29 if p.flags & EXTENDED else 11
        _need(0 <= pages[q + P_ID] < 1 << top and 0 <= pages[q + P_REQUEST] < 1 << top, "a CAN identifier")
        if pages[q + P_ID] not in p.first_page:
            p.first_page[pages[q + P_ID]] = number
        if p.flags & POLLED:
            _template(p, pages[q + P_ASK], 8)
    elif p.bus == MODBUS:
        registers = pages[q + P_REQUEST] & 0xFF
        _need(pages[q + P_REQUEST] >> 8 in (3, 4) and 1 <= registers <= p.read_max and pages[q + P_ID] <= 0xFFFF, "a read")
        _need(least == registers * 2, "length of a read")
    else:
        _check_frames(p, q, least)
    if flags & READING:
        p.need |= 1 << number
    if flags & IDENTITY:
        p.who |= 1 << number


def _check_frames(p: Profile, q: int, least: int) -> None:
    pages = p.pages
    length = pages[q + P_LENGTH]
    _template(p, _template(p, pages[q + P_ASK], MAX_TEMPLATE), 4)
    after = _template(p, pages[q + P_BEGIN], MAX_TEMPLATE)
    _template(p, after, MAX_TEMPLATE)
    begin = p.pool[pages[q + P_BEGIN]]
    _need(1 <= begin <= least <= MAX_ANSWER and p.check_from < least, "length of an answer")
    if length >= 0:
        _need(least <= length <= MAX_ANSWER, "length of an answer")
    else:
        _need(-length < least and pages[q + P_PLUS] <= 64, "length of an answer")


def _check_reach(p: Profile, f: int, least: int) -> None:
    """A field lies inside the shortest answer that is taken."""
    fields = p.fields
    kind = fields[f + F_KIND]
    at = fields[f + F_AT]
    size = fields[f + F_BYTES]
    count = fields[f + F_LIST]
    if kind in (CELL, TEMP, SERIAL_TEXT, MAKER_TEXT):
        if count > 0:
            size *= count
        else:
            size = 0  # what is there is measured when it comes
            _need(count == -1 or -2 - count < least, "the number of a list")
    _need(at + size <= least, "a field beyond the end of its frame")


def _template(p: Profile, at: int, most: int) -> int:
    """Length and place of the address, then the bytes; returns where it ends."""
    pool = p.pool
    _need(at + 2 <= len(pool), "a template")
    size = pool[at]
    _need(size <= most and at + 2 + size <= len(pool) and (pool[at + 1] == 255 or pool[at + 1] < size), "a template")
    return at + 2 + size


def _copy(target: array, at: int, values: tuple) -> None:
    for offset in range(len(values)):
        _need(-(1 << 30) <= values[offset] < 1 << 30, "a number")
        target[at + offset] = values[offset]


def _text(data: bytes, at: int, end: int) -> tuple:
    size = data[at]
    _need(size <= 32 and at + 1 + size < end, "a text")
    for character in data[at + 1 : at + 1 + size]:
        _need(0x20 < character < 0x7F, "a text")
    return str(data[at + 1 : at + 1 + size], "ascii"), at + 1 + size


def _fixed(data: bytes, at: int, end: int) -> tuple:
    count = data[at]
    _need(count <= len(QUANTITIES) and at + 1 + count * 5 <= end, "fixed values")
    found = []
    at += 1
    for _ in range(count):
        to, value = struct.unpack_from("<Bi", data, at)
        _need(to < len(QUANTITIES) and RANGES[to][0] <= value <= RANGES[to][1], "a fixed value")
        found.append((to, value))
        at += 5
    return tuple(found), at


def _need(holds: "bool | int", what: str) -> None:
    if not holds:
        raise ProfileError("the compiled profile cannot be used: %s" % what)
