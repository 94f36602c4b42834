"""Answers into values by the tables of a profile. Integers only; nothing is allocated for plausible values."""

from array import array

from micropython import const

from cabinet.devices.profiles.form import (
    BIG,
    BIT,
    CELL,
    CELL_COUNT,
    CELL_MASK,
    F_ABSENT,
    F_ADD,
    F_AT,
    F_BITS,
    F_BYTES,
    F_DEN,
    F_HOW,
    F_INDEX,
    F_LIST,
    F_MAX,
    F_MIN,
    F_NUM,
    F_SHIFT,
    F_TO,
    FIELD_WORDS,
    INVERT,
    MAKER_SIZE,
    MAKER_TEXT,
    MAX_CELLS,
    MAX_TEMPS,
    NUMBER,
    P_COUNT,
    P_FIRST,
    P_MIN,
    P_MUX,
    P_MUX_FIELD,
    PAGE_WORDS,
    QUANTITIES,
    SERIAL_SIZE,
    SERIAL_TEXT,
    SIGNED,
    TEMP,
)

_TOO_MUCH = const(0x3FFFFFFF)  # stands for 32-bit values that no quantity can hold: they would have to be allocated
NO_CELL = const(0xFFFF)  # a place of the list that the pack does not use
NO_TEMP = const(-0x8000)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.devices.profiles.form import Profile


class Values:
    """What the answers of one pack have told so far; a reading is made of it when all pages are there."""

    def __init__(self, profile: "Profile") -> None:
        self.profile = profile
        self.numbers = array("i", [0] * len(QUANTITIES))
        self.bits = array("i", [0] * profile.page_count)
        self.cells = array("H", [0] * MAX_CELLS)
        self.cells_end = 0  # cells that were told
        self.temps = array("h", [0] * MAX_TEMPS)
        self.temps_end = 0
        self.serial = bytearray(SERIAL_SIZE)
        self.maker = bytearray(MAKER_SIZE)
        self.clear()

    def clear(self) -> None:
        """Forget everything but what the profile fixes."""
        numbers = self.numbers
        for index in range(len(numbers)):
            numbers[index] = 0
        for to, value in self.profile.fixed:
            numbers[to] = value
        for index in range(len(self.bits)):
            self.bits[index] = 0
        self.cells_end = self.temps_end = 0
        for index in range(MAX_CELLS):
            self.cells[index] = NO_CELL
        for index in range(MAX_TEMPS):
            self.temps[index] = NO_TEMP
        for index in range(SERIAL_SIZE):
            self.serial[index] = 0
        for index in range(MAKER_SIZE):
            self.maker[index] = 0


def raw(fields: array, f: int, buf: "bytes | bytearray", at: int) -> int:
    """What stands in the bits of a field whose page begins at buf[at]."""
    size = fields[f + F_BYTES]
    how = fields[f + F_HOW]
    bits = fields[f + F_BITS]
    step = 1
    if not how & BIG:
        at += size - 1
        step = -1
    value = buf[at]  # the highest byte
    if not bits and how & SIGNED and value & 0x80:
        value -= 256
    if size == 4 and not -0x40 <= value < 0x40:
        if not bits:
            return _TOO_MUCH
        return _wide(fields, f, buf, at, step)
    while size > 1:
        size -= 1
        at += step
        value = value << 8 | buf[at]
    if bits:
        value = value >> fields[f + F_SHIFT] & (1 << bits) - 1
        if how & SIGNED and value >> bits - 1:
            value -= 1 << bits
    return value


def _wide(fields: array, f: int, buf: "bytes | bytearray", at: int, step: int) -> int:
    """Bits out of four bytes of which the highest is large: without the bits that do not belong to the field."""
    bits = fields[f + F_BITS]
    shift = fields[f + F_SHIFT]
    value = 0
    for k in range(4):
        value = value << 8 | buf[at + k * step]
    value = value >> shift & (1 << bits) - 1
    if fields[f + F_HOW] & SIGNED and value >> bits - 1:
        value -= 1 << bits
    return value if -_TOO_MUCH <= value <= _TOO_MUCH else _TOO_MUCH


def scaled(fields: array, f: int, value: int) -> int:
    """A raw value in the unit of its quantity, rounded down."""
    value = (value + fields[f + F_ADD]) * fields[f + F_NUM]
    den = fields[f + F_DEN]
    return value if den == 1 else value // den


def find_page(profile: "Profile", page: int, buf: "bytes | bytearray", length: int) -> int:
    """The page that a CAN frame carries, of those of its identifier which begin at `page`; -1 if it is none of them."""
    pages = profile.pages
    first = pages[page * PAGE_WORDS]
    while page < profile.page_count:
        p = page * PAGE_WORDS
        if pages[p] != first:
            return -1
        mux = pages[p + P_MUX]
        if mux < 0 or length >= pages[p + P_MIN] and raw(
            profile.fields, pages[p + P_MUX_FIELD] * FIELD_WORDS, buf, profile.fields[pages[p + P_MUX_FIELD] * FIELD_WORDS + F_AT]
        ) == mux:
            return page
        page += 1
    return -1


def take(profile: "Profile", page: int, buf: "bytes | bytearray", at: int, length: int, values: Values) -> bool:
    """Take a page of `length` bytes that begins at buf[at], as a whole: False, and `values` are as before, if anything in it is not
    plausible."""
    pages = profile.pages
    fields = profile.fields
    p = page * PAGE_WORDS
    if length < pages[p + P_MIN]:
        return False
    first = pages[p + P_FIRST] * FIELD_WORDS
    end = first + pages[p + P_COUNT] * FIELD_WORDS
    for f in range(first, end, FIELD_WORDS):
        kind = fields[f]
        if kind == NUMBER:
            value = scaled(fields, f, raw(fields, f, buf, at + fields[f + F_AT]))
            if not fields[f + F_MIN] <= value <= fields[f + F_MAX]:
                return False
        elif CELL <= kind <= TEMP and not _list_good(fields, f, buf, at, length):
            return False
    bits = 0
    for f in range(first, end, FIELD_WORDS):
        kind = fields[f]
        if kind == NUMBER:
            values.numbers[fields[f + F_TO]] = scaled(fields, f, raw(fields, f, buf, at + fields[f + F_AT]))
        elif kind == BIT:
            if (raw(fields, f, buf, at + fields[f + F_AT]) != 0) != (fields[f + F_HOW] & INVERT != 0):
                bits |= 1 << fields[f + F_TO]
        elif CELL <= kind <= TEMP:
            _take_list(fields, f, buf, at, length, values)
        elif kind == CELL_MASK:
            values.numbers[CELL_COUNT] = _ones(buf, at + fields[f + F_AT], fields[f + F_BYTES])
        elif SERIAL_TEXT <= kind <= MAKER_TEXT:
            _take_text(fields, f, buf, at, length, values)
    values.bits[page] = bits
    return True


def list_size(fields: array, f: int, buf: "bytes | bytearray", at: int, length: int) -> int:
    """How many items a list has in this answer; -1 if they do not fit."""
    count = fields[f + F_LIST]
    if count > 0:
        return count
    room = (MAX_CELLS if fields[f] == CELL else MAX_TEMPS) - fields[f + F_INDEX]
    there = (length - fields[f + F_AT]) // fields[f + F_BYTES]
    if count == -1:
        return there if there <= room else -1
    count = buf[at - 2 - count]
    return count if count <= room and count <= there else -1


def _list_good(fields: array, f: int, buf: "bytes | bytearray", at: int, length: int) -> bool:
    count = list_size(fields, f, buf, at, length)
    if count < 0:
        return False
    absent = fields[f + F_ABSENT]
    size = fields[f + F_BYTES]
    at += fields[f + F_AT]
    for _ in range(count):
        value = raw(fields, f, buf, at)
        at += size
        if value != absent and not fields[f + F_MIN] <= scaled(fields, f, value) <= fields[f + F_MAX]:
            return False
    return True


def _take_list(fields: array, f: int, buf: "bytes | bytearray", at: int, length: int, values: Values) -> None:
    count = list_size(fields, f, buf, at, length)
    absent = fields[f + F_ABSENT]
    size = fields[f + F_BYTES]
    at += fields[f + F_AT]
    index = fields[f + F_INDEX]
    if fields[f] == CELL:
        for _ in range(count):
            value = raw(fields, f, buf, at)
            at += size
            values.cells[index] = NO_CELL if value == absent else scaled(fields, f, value)
            index += 1
        if index > values.cells_end or fields[f + F_LIST] < 0:
            values.cells_end = index
        return
    for _ in range(count):
        value = raw(fields, f, buf, at)
        at += size
        values.temps[index] = NO_TEMP if value == absent else scaled(fields, f, value)
        index += 1
    if index > values.temps_end or fields[f + F_LIST] < 0:
        values.temps_end = index


def _take_text(fields: array, f: int, buf: "bytes | bytearray", at: int, length: int, values: Values) -> None:
    text = values.serial if fields[f] == SERIAL_TEXT else values.maker
    index = fields[f + F_INDEX]
    count = fields[f + F_LIST]
    start = at + fields[f + F_AT]
    end = at + length if count < 0 else start + count
    while start < end and index < len(text):
        text[index] = buf[start]
        start += 1
        index += 1
    if count < 0:
        while index < len(text):
            text[index] = 0
            index += 1


def _ones(buf: "bytes | bytearray", at: int, size: int) -> int:
    count = 0
    for k in range(size):
        byte = buf[at + k]
        while byte:
            count += byte & 1
            byte >>= 1
    return count
