"""Reads compiled profiles and trusts nothing in them.

A profile comes from outside like a setting does, so everything that the interpreter relies on is checked here, once, at start:
offsets inside of answers, ranges inside of what a reading may hold, templates inside of buffers. What passes cannot make the
interpreter reach beyond a buffer. The firmware lets go of this module after the start.
"""

import struct
from array import array

from micropython import const

from cabinet.bus.crc16 import crc16
from cabinet.devices.profiles.profile import Profile

ONLY_AT_START = True  # see unload.py

# of form.py; folded only where they are private
_MAGIC = b"SWPF"
_FORMAT = const(2)
_MAX_BYTES = const(8192)
_HEAD = "<4sBBHBBBBBBBBHHHHIII"
_HEAD_SIZE = const(36)
_PAGE = "<IihBHBIHHhHHI"
_PAGE_SIZE = const(32)
_PAGE_WORDS = const(13)
_FIELD = "<BBHBBBBiiiiiBhi"
_FIELD_SIZE = const(35)
_FIELD_WORDS = const(15)
_MAX_PAGES = const(30)
_MAX_FIELDS = const(250)
_MAX_ANSWER = const(400)
_MAX_TEMPLATE = const(32)
_MODBUS = const(0)
_CAN = const(1)
_SERIAL = const(2)
_HAS_SERIAL = const(1)
_EXTENDED = const(8)
_POLLED = const(32)
_NO_NODE = const(255)
_PROOF_PACK_LINK = const(1)
_P_ID = const(0)
_P_MUX = const(1)
_P_MUX_FIELD = const(2)
_P_FLAGS = const(3)
_P_FIRST = const(4)
_P_COUNT = const(5)
_P_REQUEST = const(6)
_P_MIN = const(7)
_P_ASK = const(8)
_P_LENGTH = const(9)
_P_PLUS = const(10)
_P_BEGIN = const(11)
_P_EVERY = const(12)
_READING = const(1)
_IDENTITY = const(2)
_OTHER = const(8)
_F_KIND = const(0)
_F_TO = const(1)
_F_AT = const(2)
_F_BYTES = const(3)
_F_SHIFT = const(5)
_F_BITS = const(6)
_F_ADD = const(7)
_F_NUM = const(8)
_F_DEN = const(9)
_F_MIN = const(10)
_F_MAX = const(11)
_F_INDEX = const(12)
_F_LIST = const(13)
_NUMBER = const(0)
_BIT = const(1)
_CELL = const(2)
_TEMP = const(3)
_SERIAL_TEXT = const(4)
_MAKER_TEXT = const(5)
_MUX = const(6)
_KINDS = const(8)
_MAX_CELLS = const(32)
_MAX_TEMPS = const(16)
_SERIAL_SIZE = const(32)
_MAKER_SIZE = const(8)
_QUANTITIES = const(17)
_RANGES = (
    (0, 1000000), (-1000000, 1000000), (0, 100), (0, 150), (0, 6000), (0, 6000), (-600, 2000), (-600, 2000),
    (0, 1000000), (0, 1000000), (0, 65535), (0, 65535), (0, 32), (0, 1000000), (0, 1000000), (0, 255),
    (0, 6000),
)  # fmt: skip
_CELL_MIN_MV = const(4)
_TEMP_MIN = const(6)
_CHECKS = const(5)
_FROM_CELLS = const(2)
_FROM_TEMPS = const(4)
_CELL_MAX_MV = const(5)
_TEMP_MAX = const(7)
_NOMINAL_MV = const(13)
_NOMINAL_CELL_MV = const(16)
_CELL_MASK = const(7)
_CELL_COUNT = const(12)
_BIT_MASK = const(0x71FFF)  # the bits that have a name
_NODE_BITS = const(21)
_SUFFIX = ".profile"
_BUSES = ("modbus", "can", "serial")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


class ProfileError(ValueError):
    """A compiled profile is damaged or asks for what must not be."""


def read(data: bytes) -> Profile:
    """The profile in `data`. Raises ProfileError if anything there is not as it must be."""
    p = Profile()
    size = len(data)
    _need(_HEAD_SIZE + 2 <= size <= _MAX_BYTES, "its length")
    (
        magic, form, p.bus, length, p.page_count, p.flags, p.proof, p.shift, p.request_shift, p.first,
        p.last, p.read_max, p.rest_ms, p.lost_ms, fields, pool, p.proof_a, p.proof_b, p.keep_alive,
    ) = struct.unpack_from(_HEAD, data, 0)  # fmt: skip
    _need(magic == _MAGIC, "it is no compiled profile")
    _need(form == _FORMAT, "format %d, this firmware reads %d" % (form, _FORMAT))
    _need(length == size and crc16(data, 0, size - 2) == data[size - 2] | data[size - 1] << 8, "damaged")
    _need(p.bus <= _SERIAL, "bus")
    _need(1 <= p.page_count <= _MAX_PAGES and fields <= _MAX_FIELDS, "number of pages or fields")
    at = _HEAD_SIZE
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
    _need(at + p.page_count * _PAGE_SIZE + fields * _FIELD_SIZE + pool == size - 2, "tables")
    p.pages = array("i", [0] * (p.page_count * _PAGE_WORDS))
    for index in range(p.page_count):
        _copy(p.pages, index * _PAGE_WORDS, struct.unpack_from(_PAGE, data, at))
        at += _PAGE_SIZE
    p.fields = array("i", [0] * (fields * _FIELD_WORDS))
    for index in range(fields):
        _copy(p.fields, index * _FIELD_WORDS, struct.unpack_from(_FIELD, data, at))
        at += _FIELD_SIZE
    p.pool = data[at : at + pool]
    for to, _ in p.fixed:
        _tell(p, to)
    largest = 0
    _check_head(p)
    for index in range(fields):
        _check_field(p, index * _FIELD_WORDS)
    for index in range(p.page_count):
        _check_page(p, index)
        largest = max(largest, p.pages[index * _PAGE_WORDS + _P_COUNT])
    p.scratch = array("i", [0] * largest)
    _need(p.need > 0, "no page of readings")
    _need(not p.flags & _FROM_CELLS or not p.reported & (1 << _CELL_MIN_MV | 1 << _CELL_MAX_MV), "two sources of one quantity")
    _need(not p.flags & _FROM_TEMPS or not p.reported & (1 << _TEMP_MIN | 1 << _TEMP_MAX), "two sources of one quantity")
    _need(not p.reported & 1 << _NOMINAL_MV or not p.reported & 1 << _NOMINAL_CELL_MV, "two sources of one quantity")
    return p


def _check_head(p: Profile) -> None:
    _need(p.proof <= _PROOF_PACK_LINK and not (p.proof and p.bus == _SERIAL), "proof")
    _need(not p.proof or p.flags & _HAS_SERIAL, "proof without a serial number")
    _need(1 <= p.first <= p.last, "addresses")
    if p.bus == _CAN:
        node = p.shift != _NO_NODE
        _need(not node or p.flags & _EXTENDED, "addresses in 11-bit identifiers")
        _need(p.shift <= _NODE_BITS or not node, "address shift")
        _need(p.request_shift <= _NODE_BITS or p.request_shift == _NO_NODE, "address shift of requests")
        _need(node or p.first == p.last, "addresses")
        _need(p.proof_a < 1 << 29 and p.proof_b < 1 << 29, "proof")
        _need(p.keep_alive < 1 << (29 if p.flags & _EXTENDED else 11), "the identifier that keeps it awake")
    elif p.bus == _MODBUS:
        _need(p.last <= 247 and 1 <= p.read_max <= 125, "addresses or registers a read")
        _need(p.proof_a <= 0xFFFF and p.proof_b <= 0xFFFF, "proof")
    else:
        _need(p.last <= 247 and p.request_check < _CHECKS and p.answer_check < _CHECKS, "addresses or check")
    _need(100 <= p.lost_ms <= 20000 and p.rest_ms <= 5000, "pace")


def _check_field(p: Profile, f: int) -> None:
    fields = p.fields
    kind = fields[f + _F_KIND]
    size = fields[f + _F_BYTES]
    bits = fields[f + _F_BITS]
    shift = fields[f + _F_SHIFT]
    to = fields[f + _F_TO]
    index = fields[f + _F_INDEX]
    count = fields[f + _F_LIST]
    _need(kind < _KINDS, "kind of a field")
    p.kinds |= 1 << kind
    _need(fields[f + _F_AT] <= _MAX_ANSWER and (bits or not shift), "place of a field")
    if _SERIAL_TEXT <= kind <= _MAKER_TEXT:
        room = _SERIAL_SIZE if kind == _SERIAL_TEXT else _MAKER_SIZE
        _need(size == 1 and (count == -1 or 1 <= count <= room - index), "a text")
        return
    _need(1 <= size <= 4 and bits <= 32 and shift + bits <= size * 8, "bits of a field")
    if kind == _NUMBER or _CELL <= kind <= _TEMP:
        if kind == _CELL:
            to = _CELL_MIN_MV
        elif kind == _TEMP:
            to = _TEMP_MIN
        _need(to < _QUANTITIES, "a quantity")
        low, high = _RANGES[to]
        _need(low <= fields[f + _F_MIN] <= fields[f + _F_MAX] <= high, "a range")
        _need(1 <= fields[f + _F_DEN] <= 1000000 and -1000000 <= fields[f + _F_NUM] <= 1000000 and fields[f + _F_NUM], "a scale")
        _need(-10000000 <= fields[f + _F_ADD] <= 10000000, "an offset")
        if kind == _NUMBER and index:  # of two sources of one quantity the second counts where the first has none
            _tell(p, to)
    elif kind == _BIT:
        _need(_BIT_MASK >> to & 1 and fields[f + _F_MIN] >= 1, "a bit")
    elif kind == _CELL_MASK:
        _tell(p, _CELL_COUNT)
    if _CELL <= kind <= _TEMP:
        room = _MAX_CELLS if kind == _CELL else _MAX_TEMPS
        _need(index < room and bits == 0 and (count < 0 or 1 <= count <= room - index), "a list")


def _tell(p: Profile, to: int) -> None:
    """A quantity has one source, so that its range is that of the source."""
    _need(not p.reported >> to & 1, "two sources of one quantity")
    p.reported |= 1 << to


def _check_page(p: Profile, number: int) -> None:
    pages = p.pages
    q = number * _PAGE_WORDS
    first = pages[q + _P_FIRST]
    count = pages[q + _P_COUNT]
    least = pages[q + _P_MIN]
    flags = pages[q + _P_FLAGS]
    total = len(p.fields) // _FIELD_WORDS
    _need(first + count <= total, "fields of a page")
    _need(not flags & ~15 and pages[q + _P_EVERY] <= 3600000, "a page")
    for index in range(first, first + count):
        _check_reach(p, index * _FIELD_WORDS, least)
    mux = pages[q + _P_MUX_FIELD]
    _need(-1 <= mux < total and (mux < 0) == (pages[q + _P_MUX] < 0), "a multiplexer")
    if mux >= 0:
        _need(p.bus == _CAN and p.fields[mux * _FIELD_WORDS + _F_KIND] == _MUX, "a multiplexer")
        _check_reach(p, mux * _FIELD_WORDS, least)
    if p.bus == _CAN:
        _need(least <= 8, "length of a _CAN frame")
        top = 29 if p.flags & _EXTENDED else 11
        _need(0 <= pages[q + _P_ID] < 1 << top and 0 <= pages[q + _P_REQUEST] < 1 << top, "a _CAN identifier")
        if pages[q + _P_ID] not in p.first_page:
            p.first_page[pages[q + _P_ID]] = number
        if p.flags & _POLLED:
            _template(p, pages[q + _P_ASK], 8)
    elif p.bus == _MODBUS:
        registers = pages[q + _P_REQUEST] & 0xFF
        _need(pages[q + _P_REQUEST] >> 8 in (3, 4) and 1 <= registers <= p.read_max and pages[q + _P_ID] <= 0xFFFF, "a read")
        _need(least == registers * 2, "length of a read")
    else:
        _check_frames(p, q, least)
    if flags & _READING:
        p.need |= 1 << number
    if flags & _IDENTITY:
        p.who |= 1 << number


def _check_frames(p: Profile, q: int, least: int) -> None:
    pages = p.pages
    length = pages[q + _P_LENGTH]
    _template(p, _template(p, pages[q + _P_ASK], _MAX_TEMPLATE), 4)
    after = _template(p, pages[q + _P_BEGIN], _MAX_TEMPLATE)
    other = _template(p, after, _MAX_TEMPLATE)
    if pages[q + _P_FLAGS] & _OTHER:
        _template(p, other, _MAX_TEMPLATE)
        _need(p.pool[other] == p.pool[pages[q + _P_BEGIN]], "a second beginning")
    begin = p.pool[pages[q + _P_BEGIN]]
    _need(1 <= begin <= least <= _MAX_ANSWER and p.check_from < least, "length of an answer")
    if length >= 0:
        _need(least <= length <= _MAX_ANSWER, "length of an answer")
    else:
        _need(-length < least and pages[q + _P_PLUS] <= 64, "length of an answer")


def _check_reach(p: Profile, f: int, least: int) -> None:
    """A field lies inside the shortest answer that is taken."""
    fields = p.fields
    kind = fields[f + _F_KIND]
    at = fields[f + _F_AT]
    size = fields[f + _F_BYTES]
    count = fields[f + _F_LIST]
    if kind in (_CELL, _TEMP, _SERIAL_TEXT, _MAKER_TEXT):
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
    _need(count <= _QUANTITIES and at + 1 + count * 5 <= end, "fixed values")
    found = []
    at += 1
    for _ in range(count):
        to, value = struct.unpack_from("<Bi", data, at)
        _need(to < _QUANTITIES and _RANGES[to][0] <= value <= _RANGES[to][1], "a fixed value")
        found.append((to, value))
        at += 5
    return tuple(found), at


def _need(holds: "bool | int", what: str) -> None:
    if not holds:
        raise ProfileError("the compiled profile cannot be used: %s" % what)


def load(settings: "Any", fetch: "Callable", error: "Any") -> None:
    """Fill `settings.profiles` (name -> Profile) by `fetch`, which gives the bytes of a file beside settings.json.

    Raises `error` (a SettingsError) naming the profile if one is missing or damaged, or does not fit the bus or the addresses."""
    for name in settings.profiles:
        where = "profile:" + name
        try:
            profile = read(fetch(name + _SUFFIX))
        except OSError:
            raise error("groups", where, "a profile whose file %s lies beside settings.json; `swapcab profile compile %s` writes it"
                        % (name + _SUFFIX, name))
        except ProfileError as reason:
            raise error("groups", where, "a sound profile (%s); compile it anew" % reason)
        if profile.name != name:
            raise error("groups", where, "a file with this profile; it holds %s" % profile.name)
        settings.profiles[name] = profile
    for slot in settings.slots:
        if slot.pack_driver.startswith("profile:"):
            _fits(slot, settings, error)


def _fits(slot: "Any", settings: "Any", error: "Any") -> None:
    profile = settings.profiles[slot.pack_driver[8:]]
    where = "groups (slot %d).pack" % slot.number
    kind = settings.buses[slot.pack_bus].kind
    if kind != _BUSES[profile.bus]:
        raise error(where + ".bus", slot.pack_bus, "a bus of kind %s for %s" % (_BUSES[profile.bus], slot.pack_driver))
    if not profile.first <= slot.pack_address <= profile.last:
        only = "one pack a line, with address %d" % profile.first
        many = "addresses from %d to %d" % (profile.first, profile.last)
        allowed = only if profile.first == profile.last else many
        raise error(where + ".first_address", slot.pack_address, allowed + " for " + slot.pack_driver)
