"""Every profile against decoders and encoders that others wrote: cantools for CAN, pymodbus for register maps.

`python tests/system/wire/profile_differential.py --count 100000` runs whole; test_profile_differential.py runs a sample. The DBC files in
tests/data/dbc/ are written by hand from the makers' tables; a signal that a profile maps bears the name of the quantity.
"""

from __future__ import annotations

import argparse
import math
import random
import struct
import sys
from typing import Any

import cantools
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.register_message import ReadHoldingRegistersResponse

from cabinet.bus.modbus_bus import ModbusBus
from cabinet.devices.profiles import decode, form, reader
from cabinet.devices.profiles.pack_modbus import ProfileModbus
from swapcab.paths import ROOT
from swapcab.profile.compile import compiled
from swapcab.profile.source import check, find, load

CAN_PROFILES = ("daly-can", "jbd-can", "pylontech-can", "swap-80")
FACTORS = {"V": 1000, "mV": 1, "A": 1000, "mA": 1, "degC": 10, "Ah": 1000, "%": 1, "": 1}
BROKEN = decode.NO_TEMP
EXTRA_ALARMS = {  # one signal, two alarms
    "OverTemperature": ("charge_over_temperature", "discharge_over_temperature"),
    "UnderTemperature": ("charge_under_temperature", "discharge_under_temperature"),
}


# by profile: bits beside alarms that mean nothing dangerous, by byte; others without a meaning count as an internal fault
IGNORED = {"daly-can": (0x45, 0x55, 0xF5, 0x05), "jbd-can": (0xFF, 0xFF, 0xFF, 0xFF)}


def unmapped(name: str, message: Any, data: bytes) -> bool:
    """Whether a bit is set in a byte with alarm flags that no signal and no exception names."""
    mapped: dict[int, int] = {}
    flags: set[int] = set()
    for signal in message.signals:
        if not signal.name.startswith(("alarm_", "state_")) and signal.name not in EXTRA_ALARMS:
            continue
        if signal.multiplexer_ids and data[0] not in signal.multiplexer_ids:
            continue
        for bit in range(signal.start, signal.start + signal.length):
            mapped[bit // 8] = mapped.get(bit // 8, 0) | 1 << bit % 8
        if signal.length < 8 and not signal.name.startswith("state_"):
            flags.add(signal.start // 8)
            if name == "swap-80":
                flags.add(2)  # its flags are a word of 16 bits, of which the DBC file names two
    ignored = IGNORED.get(name, ())
    return any(data[at] & ~mapped.get(at, 0) & ~(ignored[at] if at < len(ignored) else 0) & 0xFF for at in flags)


def profile(name: str) -> Any:
    """A shipped profile, compiled and loaded."""
    return reader.read(compiled(check(load(find(name)))))


def in_range(name: str, value: int, lowest: int | None = None) -> bool:
    """Whether a reading may hold it."""
    quantity = {"cell": "cell_min_mv", "temp": "temp_min_ddegc"}.get(name, name)
    low, high = form.RANGES[form.QUANTITIES.index(quantity)]
    return max(low, lowest if lowest is not None else low) <= value <= high


def expected(message: Any, data: bytes, lowest: dict[str, int]) -> tuple[dict[str, int], int] | None:
    """What the frame tells by cantools, in a reading's units; None if anything is not plausible."""
    reported = message.decode(data, decode_choices=False, allow_truncated=True)
    numbers: dict[str, int] = {}
    bits = 0
    signals = {s.name: s for s in message.signals}
    for name, value in reported.items():
        stem = name.rpartition("_")[0] if name[-1].isdigit() else name
        if name.startswith(("alarm_", "state_")):
            word = name.partition("_")[2]
            word = word[:-2] if word[-1].isdigit() else word
            bits |= (1 << form.BITS.index(word)) if value else 0
        elif name in EXTRA_ALARMS:
            for word in EXTRA_ALARMS[name]:
                bits |= (1 << form.BITS.index(word)) if value else 0
        elif stem in ("cell", "temp") or name in form.QUANTITIES:
            scaled = math.floor(float(value) * FACTORS[signals[name].unit or ""] + 1e-6)
            if name.startswith("temp_") and not in_range(stem if stem == "temp" else name, scaled, lowest.get(name)):
                numbers[name] = BROKEN  # a thermometer that reports what cannot be is lost alone
                continue
            if not in_range(stem if stem in ("cell", "temp") else name, scaled, lowest.get(name)):
                return None
            numbers[name] = scaled
        elif stem == "serial":
            numbers[name] = int(value)
    return numbers, bits


def told_by(values: Any, name: str) -> int:
    """The same from our decoder."""
    stem, _, index = name.rpartition("_")
    if stem == "cell" and index.isdigit():
        return values.cells[int(index)]
    if stem == "temp" and index.isdigit():
        return values.temps[int(index)]
    if stem == "serial" and index.isdigit():
        return values.serial[int(index)]
    if name.startswith("temp_") and not values.known >> form.QUANTITIES.index(name) & 1:
        return BROKEN
    return values.numbers[form.QUANTITIES.index(name)]


def some_frame(source: random.Random, length: int) -> bytes:
    """Random; half of the time with small words, as real values are."""
    data = bytearray(source.randbytes(length))
    if source.random() < 0.6:
        small = source.choice((0, 1))
        for at in range(small, length, 2):
            data[at] = source.randrange(32)
    if source.random() < 0.3:
        word = struct.pack(">H" if source.random() < 0.5 else "<H", source.choice((0, 30_000, 29_000, 100, 3300, 300, 65_535, 32_768)))
        at = source.randrange(max(1, length - 1))
        data[at : at + 2] = word[: length - at]
    return bytes(data)


def can_frames(name: str, count: int, seed: int) -> dict[str, int]:
    """`count` random frames of one profile; how many were plausible. AssertionError at the first difference."""
    p = profile(name)
    database: Any = cantools.database.load_file(ROOT / "tests/data/dbc" / f"{name}.dbc")
    lowest = {"pack_mv": 10_000} if name == "pylontech-can" else {}
    source = random.Random(seed)
    done = {"frames": 0, "plausible": 0, "refused": 0}
    messages = []
    for message in database.messages:
        first = p.first_page[message.frame_id & (~0xFF if p.flags & form.EXTENDED else 0x7FF)]
        muxes = [m.mux for m in _pages(p, first)]
        messages.append((message, first, muxes))
    while done["frames"] < count:
        message, first, muxes = source.choice(messages)
        data = some_frame(source, message.length)
        if muxes[0] >= 0:
            data = bytes([source.choice(muxes)]) + data[1:]
        values = decode.Values(p)
        page = decode.find_page(p, first, data, len(data))
        assert page >= 0, f"{name}: {message.name} has a page for {data.hex()}"
        before = (bytes(values.numbers), bytes(values.cells), bytes(values.temps), bytes(values.serial))
        took = decode.take(p, page, data, 0, len(data), values)
        wanted = expected(message, data, lowest)
        done["frames"] += 1
        assert took == (wanted is not None), f"{name}: {message.name} {data.hex()}: taken {took}, by cantools {wanted}"
        if wanted is None:
            done["refused"] += 1
            assert before == (bytes(values.numbers), bytes(values.cells), bytes(values.temps), bytes(values.serial)), "nothing was kept"
            continue
        done["plausible"] += 1
        numbers, bits = wanted
        bits |= 1 << form.BITS.index("internal") if unmapped(name, message, data) else 0
        ours = {key: told_by(values, key) for key in numbers}
        assert ours == numbers, f"{name}: {message.name} {data.hex()}: {ours}, by cantools {numbers}"
        assert values.bits[page] == bits, f"{name}: {message.name} {data.hex()}: bits {values.bits[page]:x}, by cantools {bits:x}"
    return done


class _Mux:
    def __init__(self, mux: int) -> None:
        self.mux = mux


def _pages(p: Any, first: int) -> list[_Mux]:
    found = []
    ident = p.pages[first * form.PAGE_WORDS]
    for page in range(first, p.page_count):
        if p.pages[page * form.PAGE_WORDS] != ident:
            break
        found.append(_Mux(p.pages[page * form.PAGE_WORDS + form.P_MUX]))
    return found


class HandClock:
    """Moved by hand."""

    us = 10_000_000

    def ticks_us(self) -> int:
        """Microseconds."""
        return self.us & 0x3FFFFFFF

    def ticks_ms(self) -> int:
        """Milliseconds."""
        return (self.us // 1000) & 0x3FFFFFFF


class PymodbusSlave:
    """pymodbus decodes the request and encodes the answer out of a byte-addressed image, as a JK-PB has it."""

    baud = 115200
    stream = None

    def __init__(self) -> None:
        self.requests = FramerRTU(DecodePDU(True))
        self.answers = FramerRTU(DecodePDU(False))
        self.image = b""
        self.answer = b""
        self.reads: list[tuple[int, int]] = []

    def write(self, data: memoryview) -> int:
        """A request."""
        raw = bytes(data)
        used, pdu = self.requests.handleFrame(raw, 0, 0)
        assert used == len(raw) and pdu is not None and pdu.function_code == 3, "pymodbus takes the frame"
        self.reads.append((pdu.address, pdu.count))
        at = pdu.address - 0x1000
        words = struct.unpack(f">{pdu.count}H", self.image[at : at + 2 * pdu.count])
        self.answer = self.answers.buildFrame(ReadHoldingRegistersResponse(registers=list(words), dev_id=pdu.dev_id))
        return len(raw)

    def readinto(self, buf: bytearray) -> int:
        """The answer."""
        count = len(self.answer)
        buf[:count] = self.answer
        self.answer = b""
        return count


JK_ALARMS = {
    1: 4, 2: 11, 3: 11, 4: 0, 5: 2, 6: 8, 7: 10, 8: 4, 9: 5, 10: 11, 11: 1, 12: 3, 13: 9, 14: 10, 15: 6, 16: 11, 17: 11, 20: 11, 21: 4,
    25: 9, 0: 11, 22: 11, 23: 11, 24: 11, 26: 11, 27: 11, 28: 11, 29: 11, 30: 11, 31: 11,
}  # fmt: skip  # bit of the maker: bit of a reading


def jk_image(source: random.Random) -> tuple[bytes, dict[str, int] | None]:
    """A random JK-PB status, and by the maker's table what a reading must be; None where it is not plausible."""
    image = bytearray(source.randbytes(0x400))
    count = source.randrange(1, 33)
    cells = [source.randrange(2500, 3700) if source.random() < 0.999 else source.randrange(65536) for _ in range(32)]
    struct.pack_into(">32H", image, 0x200, *[c if i < count else 0 for i, c in enumerate(cells)])
    struct.pack_into(">I", image, 0x240, (1 << count) - 1)
    pack_mv = source.choice((source.randrange(1_000_001), source.randrange(1 << 32), source.randrange(20_000, 90_000)))
    widest = source.choice((1_000_001, 1 << 31, 40_000))
    current = source.randrange(-widest, widest)
    wild = source.randrange(-32_768, 32_768) if source.random() < 0.1 else 250
    temps = [source.choice((source.randrange(-400, 900), wild, -2000)) for _ in "ab"]
    struct.pack_into(">I", image, 0x290, pack_mv)
    struct.pack_into(">ihh", image, 0x298, current, *temps)
    alarms = source.getrandbits(32)
    soc, soh = source.randrange(101 + source.randrange(20)), source.randrange(151 + source.randrange(20))
    struct.pack_into(">I", image, 0x2A0, alarms)
    image[0x2A6], image[0x2A7] = source.randrange(3), soc
    capacity, cycles, limit = source.randrange(1_000_001), source.randrange(65_536), source.randrange(1_000_001)
    struct.pack_into(">I", image, 0x2AC, capacity)
    struct.pack_into(">I", image, 0x2B0, cycles)
    image[0x2B8], image[0x2C0], image[0x2C1] = soh, source.randrange(2), source.randrange(2)
    struct.pack_into(">I", image, 0x2C, limit)
    used = cells[:count]
    there = [t for t in temps if -600 <= t <= 2000]
    fits = pack_mv <= 1_000_000 and abs(current) <= 1_000_000 and soc <= 100 and soh <= 150 and max(used) <= 6000
    if not fits:
        return bytes(image), None
    coldest, hottest = (min(there), max(there)) if there else (-9999, -9999)
    bits = 0
    for theirs, ours in JK_ALARMS.items():
        bits |= (alarms >> theirs & 1) << ours
    return bytes(image), {
        "pack_mv": pack_mv, "current_ma": current, "soc_pct": soc, "soh_pct": soh, "cell_min_mv": min(used), "cell_max_mv": max(used),
        "temp_min_ddegc": coldest, "temp_max_ddegc": hottest, "alarm_bits": bits, "cycles": cycles,
        "charge_limit_ma": limit if image[0x2C0] else 0,
        "state_bits": (image[0x2C0] != 0) | (image[0x2C1] != 0) << 1 | (image[0x2A6] != 0) << 2,
    }  # fmt: skip


def modbus_images(count: int, seed: int) -> dict[str, int]:
    """`count` random register images of a JK-PB served by pymodbus; each is read back whole and exact, or refused whole."""
    source = random.Random(seed)
    clock: Any = HandClock()
    slave: Any = PymodbusSlave()
    p = profile("jk-pb-modbus")
    bus = ModbusBus("jk", slave, clock)
    pack = ProfileModbus(bus, 3, clock, p)
    done = {"images": 0, "plausible": 0, "refused": 0}
    while done["images"] < count:
        slave.image, wanted = jk_image(source)
        slave.reads.clear()
        pack.set_need(0)
        pack.set_need(500)
        pack.fails = 0
        pack.reading.taken_ms = None
        while len(slave.reads) < 4 and not pack.fails:
            clock.us += max(bus.step(), 100)
        for _ in range(40):
            clock.us += max(bus.step(), 100)
            if pack.fails or pack.reading.taken_ms is not None:
                break
        done["images"] += 1
        assert all(registers <= 40 for _, registers in slave.reads), "never more registers than the device takes"
        if wanted is None:
            done["refused"] += 1
            assert pack.reading.taken_ms is None, "refused as a whole"
            continue
        done["plausible"] += 1
        assert pack.reading.taken_ms is not None, f"{wanted} was not read; fault {pack.fault}"
        ours = {key: getattr(pack.reading, key) for key in wanted}
        assert ours == wanted
    return done


def main() -> int:
    """Rows of what was run."""
    from swapcab.rows import Row, publish

    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=100_000, help="frames of each CAN profile; a tenth of it are the register images")
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    rows = []
    for name in CAN_PROFILES:
        done = can_frames(name, given.count, given.seed)
        rows.append(Row(f"{name}: frames like cantools", done["frames"], "", f"{given.count}", done["frames"] >= given.count))
        rows.append(Row(f"{name}: of them plausible", done["plausible"], "", "> 0", done["plausible"] > 0))
    done = modbus_images(given.count // 10, given.seed)
    wanted = given.count // 10
    rows.append(Row("jk-pb-modbus: images served by pymodbus", done["images"], "", f"{wanted}", done["images"] >= wanted))
    rows.append(Row("jk-pb-modbus: of them plausible", done["plausible"], "", "> 0", done["plausible"] > 0))
    rows.append(Row("mismatches", 0, "", "0", True))
    return 0 if publish(rows, "profiles against cantools and pymodbus", "profile-differential") else 1


if __name__ == "__main__":
    sys.exit(main())
