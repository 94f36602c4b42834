"""Answers into values by the tables of a profile. Integers only; nothing is allocated for plausible values."""

from array import array

from micropython import const

# of form.py; folded only where they are private
_PAGE_WORDS = const(13)
_FIELD_WORDS = const(15)
_P_MUX = const(1)
_P_MUX_FIELD = const(2)
_P_FIRST = const(4)
_P_COUNT = const(5)
_P_MIN = const(7)
_F_TO = const(1)
_F_AT = const(2)
_F_BYTES = const(3)
_F_HOW = const(4)
_F_SHIFT = const(5)
_F_BITS = const(6)
_F_ADD = const(7)
_F_NUM = const(8)
_F_DEN = const(9)
_F_MIN = const(10)
_F_MAX = const(11)
_F_INDEX = const(12)
_F_LIST = const(13)
_F_ABSENT = const(14)
_BIG = const(1)
_SIGNED = const(2)
_INVERT = const(4)
_NUMBER = const(0)
_BIT = const(1)
_CELL = const(2)
_TEMP = const(3)
_SERIAL_TEXT = const(4)
_MAKER_TEXT = const(5)
_CELL_MASK = const(7)
_MAX_CELLS = const(32)
_MAX_TEMPS = const(16)
_SERIAL_SIZE = const(32)
_MAKER_SIZE = const(8)
_QUANTITIES = const(17)
_CELL_COUNT = const(12)

_TEMP_MIN = const(6)
_TEMP_MAX = const(7)
_NOTHING = const(-0x3FFFFFFF)  # in the place of a value that the pack does not have
_BROKEN = const(-0x3FFFFFFE)  # of a thermometer that reports what cannot be
_TOO_MUCH = const(0x3FFFFFFF)  # stands for 32-bit values that no quantity can hold: they would have to be allocated
NO_CELL = const(0xFFFF)  # a place of the list that the pack does not use
NO_TEMP = const(-0x8000)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.devices.profiles.profile import Profile


class Values:
    """What the answers of one pack have reported so far; a reading is made of it when all pages are there."""

    def __init__(self, profile: "Profile") -> None:
        self.profile = profile
        self.numbers = array("i", [0] * _QUANTITIES)
        self.bits = array("i", [0] * profile.page_count)
        kinds = profile.kinds  # room only for what the profile has
        self.cells = array("H", [0] * (_MAX_CELLS if kinds >> _CELL & 1 else 0))
        self.cells_end = 0  # cells that were reported
        self.temps = array("h", [0] * (_MAX_TEMPS if kinds >> _TEMP & 1 else 0))
        self.temps_end = 0
        self.serial = bytearray(_SERIAL_SIZE if kinds >> _SERIAL_TEXT & 1 else 0)
        self.maker = bytearray(_MAKER_SIZE if kinds >> _MAKER_TEXT & 1 else 0)
        self.known = 0  # quantities that were reported, a bit each
        self.lost = 0  # thermometers beyond what there can be, in the last answer
        self.clear()

    def clear(self) -> None:
        """Forget everything but what the profile fixes."""
        numbers = self.numbers
        for index in range(len(numbers)):
            numbers[index] = 0
        self.known = self.lost = 0
        for to, value in self.profile.fixed:
            numbers[to] = value
            self.known |= 1 << to
        for index in range(len(self.bits)):
            self.bits[index] = 0
        self.cells_end = self.temps_end = 0
        for index in range(len(self.cells)):
            self.cells[index] = NO_CELL
        for index in range(len(self.temps)):
            self.temps[index] = NO_TEMP
        for index in range(len(self.serial)):
            self.serial[index] = 0
        for index in range(len(self.maker)):
            self.maker[index] = 0


def raw(fields: array, f: int, buf: "bytes | bytearray", at: int) -> int:
    """What stands in the bits of a field whose page begins at buf[at]."""
    size = fields[f + _F_BYTES]
    how = fields[f + _F_HOW]
    bits = fields[f + _F_BITS]
    if size == 1:
        value = buf[at]
        if bits:
            value = value >> fields[f + _F_SHIFT] & (1 << bits) - 1
            return value - (1 << bits) if how & _SIGNED and value >> bits - 1 else value
        return value - 256 if how & _SIGNED and value & 0x80 else value
    if size == 2 and not bits:
        value = buf[at] << 8 | buf[at + 1] if how & _BIG else buf[at] | buf[at + 1] << 8
        return value - 65536 if how & _SIGNED and value & 0x8000 else value
    step = 1
    if not how & _BIG:
        at += size - 1
        step = -1
    value = buf[at]  # the highest byte
    if not bits and how & _SIGNED and value & 0x80:
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
        value = value >> fields[f + _F_SHIFT] & (1 << bits) - 1
        if how & _SIGNED and value >> bits - 1:
            value -= 1 << bits
    return value


def _wide(fields: array, f: int, buf: "bytes | bytearray", at: int, step: int) -> int:
    """Bits out of four bytes of which the highest is large: without the bits that do not belong to the field."""
    bits = fields[f + _F_BITS]
    shift = fields[f + _F_SHIFT]
    value = 0
    for k in range(4):
        value = value << 8 | buf[at + k * step]
    value = value >> shift & (1 << bits) - 1
    if fields[f + _F_HOW] & _SIGNED and value >> bits - 1:
        value -= 1 << bits
    return value if -_TOO_MUCH <= value <= _TOO_MUCH else _TOO_MUCH


def scaled(fields: array, f: int, value: int) -> int:
    """A raw value in the unit of its quantity, rounded down."""
    value = (value + fields[f + _F_ADD]) * fields[f + _F_NUM]
    den = fields[f + _F_DEN]
    return value if den == 1 else value // den


def find_page(profile: "Profile", page: int, buf: "bytes | bytearray", length: int) -> int:
    """The page that a CAN frame carries, of those of its identifier which begin at `page`; -1 if it is none of them."""
    pages = profile.pages
    first = pages[page * _PAGE_WORDS]
    while page < profile.page_count:
        p = page * _PAGE_WORDS
        if pages[p] != first:
            return -1
        mux = pages[p + _P_MUX]
        if mux < 0 or length >= pages[p + _P_MIN] and raw(
            profile.fields, pages[p + _P_MUX_FIELD] * _FIELD_WORDS, buf, profile.fields[pages[p + _P_MUX_FIELD] * _FIELD_WORDS + _F_AT]
        ) == mux:
            return page
        page += 1
    return -1


def take(profile: "Profile", page: int, buf: "bytes | bytearray", at: int, length: int, values: Values) -> bool:
    """Take a page of `length` bytes that begins at buf[at], as a whole: False, and `values` are as before, if anything in it is not
    plausible."""
    pages = profile.pages
    fields = profile.fields
    p = page * _PAGE_WORDS
    if length < pages[p + _P_MIN]:
        return False
    scratch = profile.scratch
    first = pages[p + _P_FIRST] * _FIELD_WORDS
    count = pages[p + _P_COUNT]
    f = first
    k = 0
    while k < count:
        kind = fields[f]
        if kind == _NUMBER:
            value = raw(fields, f, buf, at + fields[f + _F_AT])
            if value == fields[f + _F_ABSENT]:
                scratch[k] = _NOTHING
            else:
                value = (value + fields[f + _F_ADD]) * fields[f + _F_NUM]
                den = fields[f + _F_DEN]
                if den != 1:
                    value //= den
                if not fields[f + _F_MIN] <= value <= fields[f + _F_MAX]:
                    if not _TEMP_MIN <= fields[f + _F_TO] <= _TEMP_MAX:
                        return False
                    value = _BROKEN
                scratch[k] = value
        elif _CELL <= kind <= _TEMP and not _list_good(fields, f, buf, at, length):
            return False
        f += _FIELD_WORDS
        k += 1
    bits = 0
    numbers = values.numbers
    f = first
    k = 0
    while k < count:
        kind = fields[f]
        if kind == _NUMBER:
            _take_number(fields, f, scratch[k], values)
        elif kind == _BIT:
            value = raw(fields, f, buf, at + fields[f + _F_AT])
            if fields[f + _F_ABSENT] >= 0:
                value &= fields[f + _F_ABSENT]
            if (value >= fields[f + _F_MIN]) != (fields[f + _F_HOW] & _INVERT != 0):
                bits |= 1 << fields[f + _F_TO]
        elif _CELL <= kind <= _TEMP:
            _take_list(fields, f, buf, at, length, values)
        elif kind == _CELL_MASK:
            numbers[_CELL_COUNT] = _ones(buf, at + fields[f + _F_AT], fields[f + _F_BYTES])
        elif _SERIAL_TEXT <= kind <= _MAKER_TEXT:
            _take_text(fields, f, buf, at, length, values)
        f += _FIELD_WORDS
        k += 1
    values.bits[page] = bits
    return True


def _take_number(fields: array, f: int, value: int, values: Values) -> None:
    to = fields[f + _F_TO]
    values.lost &= ~(1 << _MAX_TEMPS + to)
    if value > _BROKEN:
        values.numbers[to] = value
        values.known |= 1 << to
    elif fields[f + _F_INDEX]:  # not the second source of a quantity
        values.known &= ~(1 << to)
        if value == _BROKEN:
            values.lost |= 1 << _MAX_TEMPS + to


def forget_page(profile: "Profile", page: int, values: Values) -> None:
    """An optional page does not come any more: what it reported is not known."""
    pages = profile.pages
    p = page * _PAGE_WORDS
    f = pages[p + _P_FIRST] * _FIELD_WORDS
    fields = profile.fields
    for _ in range(pages[p + _P_COUNT]):
        kind = fields[f]
        if kind == _NUMBER:
            values.known &= ~(1 << fields[f + _F_TO])
        elif _CELL <= kind <= _TEMP:
            items = values.cells if kind == _CELL else values.temps
            count = fields[f + _F_LIST]
            first = fields[f + _F_INDEX]
            for index in range(first, first + count if count > 0 else len(items)):
                items[index] = NO_CELL if kind == _CELL else NO_TEMP
        f += _FIELD_WORDS
    values.bits[page] = 0


def list_size(fields: array, f: int, buf: "bytes | bytearray", at: int, length: int) -> int:
    """How many items a list has in this answer; -1 if they do not fit."""
    count = fields[f + _F_LIST]
    if count > 0:
        return count
    room = (_MAX_CELLS if fields[f] == _CELL else _MAX_TEMPS) - fields[f + _F_INDEX]
    there = (length - fields[f + _F_AT]) // fields[f + _F_BYTES]
    if count == -1:
        return there if there <= room else -1
    count = buf[at - 2 - count]
    return count if count <= room and count <= there else -1


def _list_good(fields: array, f: int, buf: "bytes | bytearray", at: int, length: int) -> bool:
    count = list_size(fields, f, buf, at, length)
    if count < 0:
        return False
    absent = fields[f + _F_ABSENT]
    size = fields[f + _F_BYTES]
    at += fields[f + _F_AT]
    for _ in range(count):
        value = raw(fields, f, buf, at)
        at += size
        if value != absent and not fields[f + _F_MIN] <= scaled(fields, f, value) <= fields[f + _F_MAX] and fields[f] == _CELL:
            return False  # one broken thermometer of several is lost alone; the cells are one measurement
    return True


def _take_list(fields: array, f: int, buf: "bytes | bytearray", at: int, length: int, values: Values) -> None:
    count = list_size(fields, f, buf, at, length)
    absent = fields[f + _F_ABSENT]
    size = fields[f + _F_BYTES]
    at += fields[f + _F_AT]
    index = fields[f + _F_INDEX]
    if fields[f] == _CELL:
        for _ in range(count):
            value = raw(fields, f, buf, at)
            at += size
            values.cells[index] = NO_CELL if value == absent else scaled(fields, f, value)
            index += 1
        if index > values.cells_end or fields[f + _F_LIST] < 0:
            values.cells_end = index
        return
    for _ in range(count):
        value = raw(fields, f, buf, at)
        at += size
        values.lost &= ~(1 << index)
        if value == absent:
            values.temps[index] = NO_TEMP
        else:
            value = scaled(fields, f, value)
            if not fields[f + _F_MIN] <= value <= fields[f + _F_MAX]:
                values.lost |= 1 << index
                value = NO_TEMP
            values.temps[index] = value
        index += 1
    if index > values.temps_end or fields[f + _F_LIST] < 0:
        values.temps_end = index


def _take_text(fields: array, f: int, buf: "bytes | bytearray", at: int, length: int, values: Values) -> None:
    text = values.serial if fields[f] == _SERIAL_TEXT else values.maker
    index = fields[f + _F_INDEX]
    count = fields[f + _F_LIST]
    start = at + fields[f + _F_AT]
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
