"""What all packs with a profile share: pages become one reading, texts become an identity, and a second pack in the place of the first
is not believed.

Reading and identity are two things. A pack without a serial number, with a blank one or with one that names nobody is read all the same,
so that heat, voltage and alarms are watched; core never accepts it.
"""

from micropython import const

from cabinet.core.reading import (
    CELLS_UNKNOWN,
    CHEMISTRY_LFP,
    CHEMISTRY_NMC,
    CHEMISTRY_UNKNOWN,
    STATE_CHARGE_SWITCH_ON,
    TEMPERATURE_UNKNOWN,
    PackReading,
)
from cabinet.devices.bms.pack_age import moves
from cabinet.devices.profiles.decode import NO_CELL, NO_TEMP, Values, take

# of form.py; folded only where they are private
_FIELD_WORDS = const(15)
_HAS_SERIAL = const(1)
_FROM_CELLS = const(2)
_FROM_TEMPS = const(4)
_HAS_COUNTER = const(16)
_F_TO = const(1)
_BIT = const(1)
_SERIAL_SIZE = const(32)
_PACK_MV = const(0)
_CURRENT_MA = const(1)
_SOC_PCT = const(2)
_SOH_PCT = const(3)
_CELL_MIN_MV = const(4)
_CELL_MAX_MV = const(5)
_TEMP_MIN = const(6)
_TEMP_MAX = const(7)
_CHARGE_LIMIT_MA = const(8)
_CHARGE_LIMIT_MV = const(9)
_CYCLES = const(10)
_COUNTER = const(11)
_CELL_COUNT = const(12)
_NOMINAL_MV = const(13)
_CAPACITY_MAH = const(14)
_CHEMISTRY = const(15)
_NOMINAL_CELL_MV = const(16)
_STATE_SHIFT = const(16)

_CELLS_KNOWN = const(0x30)  # bits of the lowest and the highest cell in Values.known
_TEMPS_KNOWN = const(0xC0)
_ALARMS = const(0xFFFF)
_SERIAL_MAX = const(16)  # characters of a serial number that a cabinet keeps; of a longer one the last

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array
    from typing import Any

    from cabinet.bus.cell_view import CellView
    from cabinet.devices.profiles.profile import Profile

_CHEMISTRIES = (CHEMISTRY_LFP, CHEMISTRY_NMC)


class ProfilePack(Values):
    """State of one slot's pack. `reading` is written here and nowhere else."""

    def __init__(self, profile: "Profile") -> None:
        Values.__init__(self, profile)
        self.reading = PackReading()
        self.refused = False  # another pack answered in the place of the one that was identified; until forget()
        self._switched = _knows_charge_switch(profile)
        self._who = b""  # serial number as it came
        self.same = 0  # readings without a new measurement
        self.new_ms = 0

    def forget(self) -> None:
        """The pack is gone."""
        self.reading.clear()
        self.clear()
        self.refused = False
        self.same = 0

    def take(self, page: int, buf: "bytes | bytearray", at: int, length: int) -> bool:
        """One page; False if it is not plausible, and then nothing of it is kept."""
        return take(self.profile, page, buf, at, length, self)

    def identify(self, now_ms: int) -> str:
        """All pages of the identity are there: who is it? "" or the fault that it shows."""
        reading = self.reading
        serial = self.serial
        numbers = self.numbers
        cells = numbers[_CELL_COUNT]
        length = _text_end(serial)
        if length < 1 or cells < 1 or _names_nobody(serial, length, self.profile.dummy):
            return "implausible" if reading.identity_taken_ms is not None else ""
        for index in range(length, len(serial)):
            serial[index] = 0  # what stands behind the end of a text is no part of it
        chemistry = numbers[_CHEMISTRY]
        if chemistry not in _CHEMISTRIES:
            chemistry = CHEMISTRY_UNKNOWN
        nominal = numbers[_NOMINAL_MV]
        if not nominal:
            nominal = numbers[_NOMINAL_CELL_MV] * cells
        if reading.identity_taken_ms is None:
            if self.refused:
                return "foreign"
            self._who = bytes(serial)
            first = length - _SERIAL_MAX if length > _SERIAL_MAX else 0
            reading.serial = str(self._who[first:length], "ascii")
            end = _text_end(self.maker)
            reading.maker = str(bytes(self.maker[:end]), "ascii") if end > 0 else self.profile.maker
        elif (
            not _same(self._who, serial)
            or reading.cell_count != cells
            or _differs(reading.chemistry, chemistry)
            or _differs(reading.nominal_mv, nominal)
        ):
            self.refuse()
            return "foreign"
        reading.chemistry = chemistry
        reading.cell_count = cells
        reading.nominal_mv = nominal
        if not reading.capacity_mah:
            # of JK and others it is what the BMS has learnt and learns anew, so a change names no other pack; but what the charge
            # current follows from does not move during a stay either
            reading.capacity_mah = numbers[_CAPACITY_MAH]
        reading.identity_taken_ms = now_ms
        return ""

    def refuse(self) -> None:
        """Believe nothing that comes from here until the pack has been taken out."""
        self.reading.clear()
        self.refused = True

    def complete(self, now_ms: int) -> str:
        """All pages of a reading are there and young: "" if it was made of them, else the fault."""
        reading = self.reading
        profile = self.profile
        if self.refused:
            return "foreign"
        if not self._bounds():
            return "implausible"
        numbers = self.numbers
        if profile.flags & _HAS_COUNTER:
            if not moves(self, numbers[_COUNTER], now_ms):
                return "frozen"
        else:
            reading.counter = reading.counter + 1 & 0xFFFF
        bits = 0
        for page in range(profile.page_count):
            bits |= self.bits[page]
        reading.alarm_bits = bits & _ALARMS
        reading.state_bits = bits >> _STATE_SHIFT
        reading.pack_mv = numbers[_PACK_MV]
        reading.current_ma = numbers[_CURRENT_MA]
        reading.soc_pct = numbers[_SOC_PCT]
        reading.soh_pct = numbers[_SOH_PCT]
        cells_known = self.known & _CELLS_KNOWN == _CELLS_KNOWN
        reading.cell_min_mv = numbers[_CELL_MIN_MV] if cells_known else CELLS_UNKNOWN
        reading.cell_max_mv = numbers[_CELL_MAX_MV] if cells_known else CELLS_UNKNOWN
        temps_known = self.known & _TEMPS_KNOWN == _TEMPS_KNOWN
        reading.temp_min_ddegc = numbers[_TEMP_MIN] if temps_known else TEMPERATURE_UNKNOWN
        reading.temp_max_ddegc = numbers[_TEMP_MAX] if temps_known else TEMPERATURE_UNKNOWN
        off = self._switched and not reading.state_bits & STATE_CHARGE_SWITCH_ON
        reading.charge_limit_ma = 0 if off else numbers[_CHARGE_LIMIT_MA]
        reading.charge_limit_mv = numbers[_CHARGE_LIMIT_MV]
        reading.cycles = numbers[_CYCLES]
        reading.taken_ms = now_ms
        return ""

    def show(self, client: "Any", view: "CellView | None") -> None:
        """Cells and sensors, if somebody looks at this pack."""
        if view is None or view.owner is not client:
            return
        for index in range(self.cells_end):
            if self.cells[index] != NO_CELL:
                view.cell(index, self.cells[index])
        for index in range(self.temps_end):
            if self.temps[index] != NO_TEMP:
                view.temperature(index, self.temps[index])

    def _bounds(self) -> bool:
        """Lowest and highest cell and temperature, from the lists where the pack reports only these; False if they are not in order."""
        numbers = self.numbers
        flags = self.profile.flags
        if flags & _FROM_CELLS:
            end = numbers[_CELL_COUNT]
            if not 0 < end <= self.cells_end:
                end = self.cells_end
            if not _extremes(self.cells, end, NO_CELL, numbers, _CELL_MIN_MV):
                return False
            self.known |= _CELLS_KNOWN
        if flags & _FROM_TEMPS:
            if _extremes(self.temps, self.temps_end, NO_TEMP, numbers, _TEMP_MIN):
                self.known |= _TEMPS_KNOWN
            else:
                self.known &= ~_TEMPS_KNOWN  # no thermometer, or none that is sound
        known = self.known
        if known & _CELLS_KNOWN == _CELLS_KNOWN and numbers[_CELL_MIN_MV] > numbers[_CELL_MAX_MV]:
            return False
        return known & _TEMPS_KNOWN != _TEMPS_KNOWN or numbers[_TEMP_MIN] <= numbers[_TEMP_MAX]


def _knows_charge_switch(profile: "Profile") -> bool:
    fields = profile.fields
    return any(fields[f] == _BIT and fields[f + _F_TO] == _STATE_SHIFT for f in range(0, len(fields), _FIELD_WORDS))


def _extremes(items: "array", end: int, none: int, numbers: "array", to: int) -> bool:
    """Lowest and highest of items[:end] into numbers[to] and numbers[to + 1]; False if there is not one."""
    found = False
    low = high = 0
    for index in range(end):
        item = items[index]
        if item == none:
            continue
        if not found:
            found = True
            low = high = item
        elif item < low:
            low = item
        elif item > high:
            high = item
    numbers[to] = low
    numbers[to + 1] = high
    return found


def _text_end(text: bytearray) -> int:
    """Length of a printable text that ends at its first NUL, blanks before that aside; -1 if it is anything else."""
    length = 0
    size = len(text)
    while length < size and 0x20 < text[length] < 0x7F:
        length += 1
    for index in range(length, size):
        if not text[index]:
            break
        if text[index] != 0x20:
            return -1
    return length


def _names_nobody(text: bytearray, length: int, dummy: str) -> bool:
    """What the factory writes into every pack, and one character throughout, name no pack."""
    if dummy and len(dummy) == length and _same_text(dummy, text):
        return True
    index = 1
    while index < length and text[index] == text[0]:
        index += 1
    return index == length > 1


def _differs(known: int, reported: int) -> bool:
    """What is not known yet may come with a page that is no part of the identity; from then on it holds."""
    return known != 0 and known != reported


def _same(kept: bytes, text: bytearray) -> bool:
    index = 0
    while index < _SERIAL_SIZE and kept[index] == text[index]:
        index += 1
    return index == _SERIAL_SIZE


def _same_text(known: str, text: bytearray) -> bool:
    index = 0
    while index < len(known) and ord(known[index]) == text[index]:
        index += 1
    return index == len(known)
