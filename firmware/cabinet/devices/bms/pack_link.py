"""What the two carriers of the Swapcab pack link share: plausibility, identity, the frozen measurement counter."""

from micropython import const

from cabinet.core.reading import CHEMISTRY_LFP, CHEMISTRY_NMC, CHEMISTRY_UNKNOWN, PackReading

MAGIC = const(0x5350)
_CELLS_MAX = const(32)
_MV_MAX = const(1_000_000)
_MA_MAX = const(1_000_000)
CELL_MV_MAX = const(6_000)
_DDEGC_MIN = const(-600)
_DDEGC_MAX = const(2_000)
_CHEMISTRIES = (CHEMISTRY_LFP, CHEMISTRY_NMC)


def u16_be(buf: "bytearray", at: int) -> int:
    """Big endian."""
    return buf[at] << 8 | buf[at + 1]


def i16_be(buf: "bytearray", at: int) -> int:
    """Big endian, two's complement."""
    return ((buf[at] << 8 | buf[at + 1]) ^ 0x8000) - 0x8000


def u16_le(buf: "bytearray", at: int) -> int:
    """Little endian."""
    return buf[at] | buf[at + 1] << 8


def i16_le(buf: "bytearray", at: int) -> int:
    """Little endian, two's complement."""
    return ((buf[at] | buf[at + 1] << 8) ^ 0x8000) - 0x8000


def text_length(buf: "bytearray", at: int, size: int) -> int:
    """Length of the printable, zero-padded ASCII text in buf[at:at + size]; -1 if it is anything else."""
    length = 0
    while length < size and 0x20 < buf[at + length] < 0x7F:
        length += 1
    for i in range(length, size):
        if buf[at + i]:
            return -1
    return length


def same_text(kept: str, buf: "bytearray", at: int, length: int) -> bool:
    """True if buf[at : at + length] holds these ASCII characters; allocates nothing."""
    if len(kept) != length:
        return False
    i = 0
    while i < length and ord(kept[i]) == buf[at + i]:
        i += 1
    return i == length


def temperatures_plausible(low: int, high: int) -> bool:
    """In 0.1 degC."""
    return _DDEGC_MIN <= low <= high <= _DDEGC_MAX


def cells_plausible(low_mv: int, high_mv: int) -> bool:
    """Lowest and highest cell voltage."""
    return low_mv <= high_mv <= CELL_MV_MAX


def power_plausible(pack_mv: int, current_ma: int) -> bool:
    """Pack voltage and current."""
    return 0 <= pack_mv <= _MV_MAX and -_MA_MAX <= current_ma <= _MA_MAX


class PackLink:
    """State of one slot's pack on either carrier, a part of its driver: one object less for each slot. `reading` is written by
    the driver and nowhere else."""

    def _begin(self) -> None:
        self.reading = PackReading()
        self.refused = False  # another pack answered in the place of the one that was identified; until set_need(0)
        self.same = 0  # polls without a new measurement
        self.new_ms = 0  # when the counter last changed

    def _forget_pack(self) -> None:
        """The pack is gone."""
        self.reading.clear()
        self.refused = False
        self.same = 0

    def _identify(
        self,
        buf: "bytearray",
        serial_at: int,
        maker_at: int,
        chemistry: int,
        cells: int,
        nominal_mv: int,
        capacity_mah: int,
        now_ms: int,
    ) -> str:
        """Take an identity; the fault that it shows, or ""."""
        reading = self.reading
        if chemistry not in _CHEMISTRIES:
            chemistry = CHEMISTRY_UNKNOWN
        length = text_length(buf, serial_at, 16)
        maker = text_length(buf, maker_at, 8)
        if length < 1 or maker < 0 or not 1 <= cells <= _CELLS_MAX or not nominal_mv or not capacity_mah:
            return "implausible"
        if reading.identity_taken_ms is None:
            if self.refused:
                return "foreign"
            reading.serial = str(bytes(buf[serial_at : serial_at + length]), "ascii")
            reading.maker = str(bytes(buf[maker_at : maker_at + maker]), "ascii")
        elif (
            not same_text(reading.serial, buf, serial_at, length)
            or not same_text(reading.maker, buf, maker_at, maker)
            or reading.chemistry != chemistry  # charge voltage and current follow from these four: a pack that changes them is another
            or reading.cell_count != cells
            or reading.nominal_mv != nominal_mv
            or reading.capacity_mah != capacity_mah
        ):
            self._refuse()
            return "foreign"
        reading.chemistry = chemistry
        reading.cell_count = cells
        reading.nominal_mv = nominal_mv
        reading.capacity_mah = capacity_mah
        reading.identity_taken_ms = now_ms
        return ""

    def _refuse(self) -> None:
        """Believe nothing that comes from here until the pack has been taken out."""
        self.reading.clear()
        self.refused = True
