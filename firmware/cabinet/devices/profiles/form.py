"""The compiled form of a device profile: how it is laid out, and the reader that trusts nothing in it.

`swapcab profile compile` writes it from a readable profile (docs/profiles.md). It comes from outside like a setting does, so
everything that the interpreter relies on is checked here, once, at start: offsets inside of answers, ranges inside of what a
reading may hold, templates inside of buffers. What passes cannot make the interpreter reach beyond a buffer.
"""

import struct
from array import array

from micropython import const

from cabinet.devices.crc16 import crc16

MAGIC = b"SWPF"
FORMAT = 1
MAX_BYTES = 8192
HEAD = "<4sBBHBBBBBBBBHHHHIII"  # magic, format, bus, length, pages, flags, proof, answer shift, request shift, first, last, read_max, ...
HEAD_SIZE = struct.calcsize(HEAD)
PAGE = "<IihBHBIHHhHHI"
PAGE_SIZE = struct.calcsize(PAGE)
PAGE_WORDS = const(13)
FIELD = "<BBHBBBBiiiiiBhi"
FIELD_SIZE = struct.calcsize(FIELD)
FIELD_WORDS = const(15)
MAX_PAGES = 30
MAX_FIELDS = 250
MAX_ANSWER = 400  # bytes of one frame on a serial line
MAX_TEMPLATE = 32

# buses
MODBUS = const(0)
CAN = const(1)
SERIAL = const(2)
BUSES = ("modbus", "can", "serial")

# flags of the whole profile
HAS_SERIAL = const(1)  # the pack tells who it is
FROM_CELLS = const(2)  # lowest and highest cell are found in the list of cells
FROM_TEMPS = const(4)
EXTENDED = const(8)  # 29-bit identifiers
HAS_COUNTER = const(16)  # the BMS counts its measurements
POLLED = const(32)  # CAN: answers only when asked
NO_NODE = const(255)  # address shift of a pack that has no address: one pack a line

# proof of identity
PROOF_NONE = const(0)
PROOF_PACK_LINK = const(1)  # the challenge of docs/pack-link.md

# columns of a page
P_ID = const(0)  # CAN identifier, or first register
P_MUX = const(1)  # value of the multiplexer; -1: there is none
P_MUX_FIELD = const(2)
P_FLAGS = const(3)
P_FIRST = const(4)  # fields
P_COUNT = const(5)
P_REQUEST = const(6)  # CAN: identifier of the request; Modbus: function << 8 | registers
P_MIN = const(7)  # shortest answer
P_ASK = const(8)  # where in the pool: CAN: data of the request; serial: the request, and behind it what follows its check
P_LENGTH = const(9)  # serial: length of the answer; negative: it stands in the byte -length of it ...
P_PLUS = const(10)  # ... plus so much
P_BEGIN = const(11)  # serial: where in the pool the beginning of the answer stands, and behind it what follows the answer
P_EVERY = const(12)  # ms; 0: in each round

# flags of a page
READING = const(1)  # a reading needs it
IDENTITY = const(2)
KEY = const(4)  # completes a reading that came unasked

# columns of a field
F_KIND = const(0)
F_TO = const(1)
F_AT = const(2)
F_BYTES = const(3)
F_HOW = const(4)
F_SHIFT = const(5)
F_BITS = const(6)  # 0: whole bytes
F_ADD = const(7)
F_NUM = const(8)
F_DEN = const(9)
F_MIN = const(10)
F_MAX = const(11)
F_INDEX = const(12)  # lists and texts: place of the first one
F_LIST = const(13)  # how many; -1: to the end of the answer; -2 - n: the number stands in byte n of the answer
F_ABSENT = const(14)  # list: this raw value means that there is none
NOT_ABSENT = const(-(1 << 30))

# how
BIG = const(1)
SIGNED = const(2)
INVERT = const(4)

# kinds of fields
NUMBER = const(0)
BIT = const(1)  # alarm (0 to 12) or state (16 to 18)
CELL = const(2)
TEMP = const(3)
SERIAL_TEXT = const(4)
MAKER_TEXT = const(5)
MUX = const(6)
CELL_MASK = const(7)  # as many cells as bits are set
_KINDS = const(8)

MAX_CELLS = 32
MAX_TEMPS = 16
SERIAL_SIZE = 32
MAKER_SIZE = 8

# quantities in the order of their numbers, with what a reading may hold at most
QUANTITIES = (
    "pack_mv", "current_ma", "soc_pct", "soh_pct", "cell_min_mv", "cell_max_mv", "temp_min_ddegc", "temp_max_ddegc",
    "charge_limit_ma", "charge_limit_mv", "cycles", "counter", "cell_count", "nominal_mv", "capacity_mah", "chemistry",
    "nominal_cell_mv",
)  # fmt: skip
RANGES = (
    (0, 1000000), (-1000000, 1000000), (0, 100), (0, 150), (0, 6000), (0, 6000), (-600, 2000), (-600, 2000),
    (0, 1000000), (0, 1000000), (0, 65535), (0, 65535), (0, 32), (0, 1000000), (0, 1000000), (0, 255),
    (0, 6000),
)  # fmt: skip
PACK_MV = const(0)
CURRENT_MA = const(1)
SOC_PCT = const(2)
SOH_PCT = const(3)
CELL_MIN_MV = const(4)
CELL_MAX_MV = const(5)
TEMP_MIN = const(6)
TEMP_MAX = const(7)
CHARGE_LIMIT_MA = const(8)
CHARGE_LIMIT_MV = const(9)
CYCLES = const(10)
COUNTER = const(11)
CELL_COUNT = const(12)
NOMINAL_MV = const(13)
CAPACITY_MAH = const(14)
CHEMISTRY = const(15)
NOMINAL_CELL_MV = const(16)
FIRST_IDENTITY = const(12)  # from here on quantities belong to the identity

STATE_SHIFT = const(16)
BITS = (
    "cell_over_voltage", "cell_under_voltage", "pack_over_voltage", "pack_under_voltage", "charge_over_temperature",
    "charge_under_temperature", "discharge_over_temperature", "discharge_under_temperature", "charge_over_current",
    "discharge_over_current", "short_circuit", "internal", "imbalance", "", "", "", "charge_switch", "discharge_switch", "balancing",
)  # fmt: skip

# checks of framed protocols
CHECKS = ("none", "sum8", "xor8", "negsum16_be", "crc16_modbus")


class ProfileError(ValueError):
    """A compiled profile is damaged or asks for what must not be."""


class Profile:
    """One loaded profile; all packs that speak it share it."""

    def __init__(self, data: bytes) -> None:
        """Raises ProfileError if anything in `data` is not as it must be."""
        size = len(data)
        _need(HEAD_SIZE + 2 <= size <= MAX_BYTES, "its length")
        (
            magic, form, self.bus, length, self.page_count, self.flags, self.proof, self.shift, self.request_shift, self.first,
            self.last, self.read_max, self.rest_ms, self.lost_ms, fields, pool, self.proof_a, self.proof_b, self.keep_alive,
        ) = struct.unpack_from(HEAD, data, 0)  # fmt: skip
        _need(magic == MAGIC, "it is no compiled profile")
        _need(form == FORMAT, "format %d, this firmware reads %d" % (form, FORMAT))
        _need(length == size and crc16(data, 0, size - 2) == data[size - 2] | data[size - 1] << 8, "damaged")
        _need(self.bus <= SERIAL, "bus")
        _need(1 <= self.page_count <= MAX_PAGES and fields <= MAX_FIELDS, "number of pages or fields")
        at = HEAD_SIZE
        self.name, at = _text(data, at, size - 2)
        self.maker, at = _text(data, at, size - 2)
        self.dummy, at = _text(data, at, size - 2)
        _need(at + 2 <= size - 2, "its length")
        checks = data[at]
        self.request_check = checks & 15
        self.answer_check = checks >> 4
        self.check_from = data[at + 1] & 15
        self.request_check_from = data[at + 1] >> 4
        at += 2
        self.fixed, at = _fixed(data, at, size - 2)
        _need(at + self.page_count * PAGE_SIZE + fields * FIELD_SIZE + pool == size - 2, "tables")
        self.pages = array("i", [0] * (self.page_count * PAGE_WORDS))
        for index in range(self.page_count):
            _copy(self.pages, index * PAGE_WORDS, struct.unpack_from(PAGE, data, at))
            at += PAGE_SIZE
        self.fields = array("i", [0] * (fields * FIELD_WORDS))
        for index in range(fields):
            _copy(self.fields, index * FIELD_WORDS, struct.unpack_from(FIELD, data, at))
            at += FIELD_SIZE
        self.pool = data[at : at + pool]
        self.need = 0  # pages of a reading, a bit each
        self.who = 0  # pages of the identity
        self.first_page = {}  # CAN identifier -> page
        self._check_head()
        for index in range(fields):
            self._check_field(index * FIELD_WORDS)
        for index in range(self.page_count):
            self._check_page(index)
        _need(self.need > 0, "no page of readings")

    def _check_head(self) -> None:
        _need(self.proof <= PROOF_PACK_LINK and not (self.proof and self.bus == SERIAL), "proof")
        _need(not self.proof or self.flags & HAS_SERIAL, "proof without a serial number")
        _need(1 <= self.first <= self.last, "addresses")
        if self.bus == CAN:
            node = self.shift != NO_NODE
            _need(not node or self.flags & EXTENDED, "addresses in 11-bit identifiers")
            _need(self.shift <= 21 or not node, "address shift")
            _need(self.request_shift <= 21 or self.request_shift == NO_NODE, "address shift of requests")
            _need(node or self.first == self.last, "addresses")
            _need(self.proof_a < 1 << 29 and self.proof_b < 1 << 29, "proof")
            _need(self.keep_alive < 1 << (29 if self.flags & EXTENDED else 11), "the identifier that keeps it awake")
        elif self.bus == MODBUS:
            _need(self.last <= 247 and 1 <= self.read_max <= 125, "addresses or registers a read")
            _need(self.proof_a <= 0xFFFF and self.proof_b <= 0xFFFF, "proof")
        else:
            _need(self.last <= 247 and self.request_check < len(CHECKS) and self.answer_check < len(CHECKS), "addresses or check")
        _need(100 <= self.lost_ms <= 20000 and self.rest_ms <= 5000, "pace")

    def _check_field(self, f: int) -> None:
        fields = self.fields
        kind = fields[f + F_KIND]
        size = fields[f + F_BYTES]
        bits = fields[f + F_BITS]
        shift = fields[f + F_SHIFT]
        to = fields[f + F_TO]
        index = fields[f + F_INDEX]
        count = fields[f + F_LIST]
        _need(kind < _KINDS, "kind of a field")
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

    def _check_page(self, number: int) -> None:
        pages = self.pages
        p = number * PAGE_WORDS
        first = pages[p + P_FIRST]
        count = pages[p + P_COUNT]
        least = pages[p + P_MIN]
        flags = pages[p + P_FLAGS]
        total = len(self.fields) // FIELD_WORDS
        _need(first + count <= total, "fields of a page")
        _need(not flags & ~7 and pages[p + P_EVERY] <= 3600000, "a page")
        for index in range(first, first + count):
            self._check_reach(index * FIELD_WORDS, least)
        mux = pages[p + P_MUX_FIELD]
        _need(-1 <= mux < total and (mux < 0) == (pages[p + P_MUX] < 0), "a multiplexer")
        if mux >= 0:
            _need(self.bus == CAN and self.fields[mux * FIELD_WORDS + F_KIND] == MUX, "a multiplexer")
            self._check_reach(mux * FIELD_WORDS, least)
        if self.bus == CAN:
            _need(least <= 8, "length of a CAN frame")
            top = 29 if self.flags & EXTENDED else 11
            _need(0 <= pages[p + P_ID] < 1 << top and 0 <= pages[p + P_REQUEST] < 1 << top, "a CAN identifier")
            if pages[p + P_ID] not in self.first_page:
                self.first_page[pages[p + P_ID]] = number
            if self.flags & POLLED:
                self._template(pages[p + P_ASK], 8)
        elif self.bus == MODBUS:
            registers = pages[p + P_REQUEST] & 0xFF
            _need(pages[p + P_REQUEST] >> 8 in (3, 4) and 1 <= registers <= self.read_max and pages[p + P_ID] <= 0xFFFF, "a read")
            _need(least == registers * 2, "length of a read")
        else:
            self._check_frames(p, least)
        if flags & READING:
            self.need |= 1 << number
        if flags & IDENTITY:
            self.who |= 1 << number

    def _check_frames(self, p: int, least: int) -> None:
        pages = self.pages
        length = pages[p + P_LENGTH]
        self._template(self._template(pages[p + P_ASK], MAX_TEMPLATE), 4)
        after = self._template(pages[p + P_BEGIN], MAX_TEMPLATE)
        self._template(after, MAX_TEMPLATE)
        begin = self.pool[pages[p + P_BEGIN]]
        _need(1 <= begin <= least <= MAX_ANSWER and self.check_from < least, "length of an answer")
        if length >= 0:
            _need(least <= length <= MAX_ANSWER, "length of an answer")
        else:
            _need(-length < least and pages[p + P_PLUS] <= 64, "length of an answer")

    def _check_reach(self, f: int, least: int) -> None:
        """A field lies inside the shortest answer that is taken."""
        fields = self.fields
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

    def _template(self, at: int, most: int) -> int:
        """Length and place of the address, then the bytes; returns where it ends."""
        pool = self.pool
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
