"""Hostile bytes into packs that are driven by profiles, and hostile files into the reader of compiled profiles.

fuzz_devices.py runs these targets together with its own."""

from __future__ import annotations

import random
import struct
from typing import Any

from cabinet.bus.can_bus import CanBus
from cabinet.bus.crc16 import crc16
from cabinet.bus.framed_bus import FramedBus, put_check
from cabinet.bus.modbus_bus import ModbusBus
from cabinet.core.reading import CELLS_UNKNOWN, TEMPERATURE_UNKNOWN
from cabinet.devices.profiles import form, reader
from cabinet.devices.profiles.pack_can import ProfileCan
from cabinet.devices.profiles.pack_modbus import ProfileModbus
from cabinet.devices.profiles.pack_serial import ProfileSerial
from swapcab.paths import ROOT
from swapcab.profile.compile import compiled
from swapcab.profile.dbc import Wish, convert
from swapcab.profile.guess import Meaning
from swapcab.profile.source import FOLDER, check, load

FAULTS = {"", "timeout", "crc", "exception", "foreign", "implausible", "frozen"}
READING = {  # attribute: quantity
    "pack_mv": form.PACK_MV, "current_ma": form.CURRENT_MA, "soc_pct": form.SOC_PCT, "soh_pct": form.SOH_PCT,
    "cell_min_mv": form.CELL_MIN_MV, "cell_max_mv": form.CELL_MAX_MV, "temp_min_ddegc": form.TEMP_MIN, "temp_max_ddegc": form.TEMP_MAX,
    "charge_limit_ma": form.CHARGE_LIMIT_MA, "charge_limit_mv": form.CHARGE_LIMIT_MV, "cycles": form.CYCLES,
    "cell_count": form.CELL_COUNT, "nominal_mv": form.NOMINAL_MV, "capacity_mah": form.CAPACITY_MAH,
}  # fmt: skip


class Bus:
    """What a CAN port is to the bus."""

    bitrate = 250_000
    stream = None

    def send(self, can_id: int, extended: bool, data: bytes) -> bool:
        """Takes all."""
        return True

    def recv(self, frame: Any) -> bool:
        """Nothing by itself."""
        return False

    def set_filters(self, filters: list) -> None:
        """Takes all."""

    def state(self) -> int:
        """Good."""
        return 0

    def restart(self) -> None:
        """Never needed."""


class HandClock:
    """Moved by hand."""

    us = 10_000_000

    def ticks_us(self) -> int:
        """Microseconds."""
        return self.us & 0x3FFFFFFF

    def ticks_ms(self) -> int:
        """Milliseconds."""
        return (self.us // 1000) & 0x3FFFFFFF


def profiles() -> list[Any]:
    """All that ship, and one that was imported and can prove itself."""
    trees = [load(path) for path in sorted(FOLDER.glob("*.json"))]
    wish = Wish("nimbus", "NIMBUS", True, (1, 48), challenge=True)
    trees.append(convert(ROOT / "docs/examples/nimbus.dbc", {"Sigma": Meaning("soh_pct")}, wish).tree)
    return [reader.read(compiled(check(tree))) for tree in trees]


def ranges(profile: Any) -> dict[int, tuple[int, int]]:
    """What the profile states of each quantity."""
    found: dict[int, tuple[int, int]] = dict(enumerate(form.RANGES))
    fields = profile.fields
    for f in range(0, len(fields), form.FIELD_WORDS):
        low, high = fields[f + form.F_MIN], fields[f + form.F_MAX]
        if fields[f] == form.NUMBER:
            found[fields[f + form.F_TO]] = (min(low, 0), max(high, 0))  # 0: not told yet
    return found


def check_pack(pack: Any, stated: dict[int, tuple[int, int]]) -> None:
    """Whatever came, a reading is within the stated ranges, whole, and nobody's word is taken for another's."""
    reading = pack.reading
    for name, quantity in READING.items():
        low, high = stated[quantity]
        unknown = TEMPERATURE_UNKNOWN if name.startswith("temp_") else CELLS_UNKNOWN if name.startswith("cell_m") else low
        if getattr(reading, name) == unknown:
            continue
        assert low <= getattr(reading, name) <= high, (pack.profile.name, name, getattr(reading, name))
    assert reading.cell_min_mv <= reading.cell_max_mv and reading.temp_min_ddegc <= reading.temp_max_ddegc
    assert 0 <= reading.alarm_bits < 1 << 13 and 0 <= reading.state_bits < 8 and 0 <= reading.chemistry <= 2
    assert len(reading.serial) <= 16 and all("!" <= c <= "~" for c in reading.serial + reading.maker)
    if reading.identity_taken_ms is not None:
        assert reading.serial and 1 <= reading.cell_count <= 32
    assert pack.fault in FAULTS and pack.name and pack.bus.name


def likely(source: random.Random, size: int) -> bytearray:
    """Bytes that are often plausible: small words among random ones."""
    data = bytearray(source.randbytes(size)) if source.random() < 0.3 else bytearray(size)
    for _ in range(source.randrange(size // 2 + 2)):
        if size >= 2:
            word = source.choice((0, 1, 16, 100, 300, 3300, 5280, 30_000, 0x2020, 0x4142, 65_535, source.randrange(65_536)))
            struct.pack_into(source.choice(("<H", ">H")), data, source.randrange(size - 1), word)
    return data


def put(fields: Any, f: int, frame: bytearray, value: int) -> None:
    """Write a raw value into the bits of a field."""
    at, size, how = fields[f + form.F_AT], fields[f + form.F_BYTES], fields[f + form.F_HOW]
    if at + size > len(frame):
        return
    order = "big" if how & form.BIG else "little"
    bits, shift = fields[f + form.F_BITS] or size * 8, fields[f + form.F_SHIFT]
    mask = (1 << bits) - 1 << shift
    whole = int.from_bytes(frame[at : at + size], order) & ~mask | value << shift & mask
    frame[at : at + size] = (whole & (1 << size * 8) - 1).to_bytes(size, order)


def good_frame(source: random.Random, profile: Any, page: int) -> bytearray:
    """What a real pack might say on this page."""
    frame = bytearray(8)
    pages, fields = profile.pages, profile.fields
    p = page * form.PAGE_WORDS
    for index in range(pages[p + form.P_FIRST], pages[p + form.P_FIRST] + pages[p + form.P_COUNT]):
        f = index * form.FIELD_WORDS
        if fields[f] == form.NUMBER or form.CELL <= fields[f] <= form.TEMP:
            low, high = max(fields[f + form.F_MIN], -30_000), min(fields[f + form.F_MAX], 60_000)
            value = source.randrange(low, max(low, high) + 1)
            for item in range(max(1, fields[f + form.F_LIST])):
                moved = list(fields[f : f + form.FIELD_WORDS])
                moved[form.F_AT] += item * moved[form.F_BYTES]
                put(moved, 0, frame, value * fields[f + form.F_DEN] // (fields[f + form.F_NUM] or 1) - fields[f + form.F_ADD])
        elif form.SERIAL_TEXT <= fields[f] <= form.MAKER_TEXT:
            at, count = fields[f + form.F_AT], max(0, fields[f + form.F_LIST])
            frame[at : at + count] = b"FUZZ123456789012"[:count]
    frame = frame[:8].ljust(8, b"\0")
    if pages[p + form.P_MUX] >= 0:
        put(fields, pages[p + form.P_MUX_FIELD] * form.FIELD_WORDS, frame, pages[p + form.P_MUX])
    return frame


class ProfileCanTarget:
    """One pack; frames of its own identifiers with any contents, and others."""

    def __init__(self, source: random.Random, profile: Any) -> None:
        self.source = source
        self.clock: Any = HandClock()
        port: Any = Bus()
        self.bus = CanBus("fuzz", port, self.clock)
        self.profile = profile
        self.pack = ProfileCan(self.bus, profile.first, self.clock, profile)
        self.stated = ranges(profile)
        node = 0 if profile.shift == form.NO_NODE else profile.first << profile.shift
        self.ids = [can_id + node for can_id in profile.first_page] + [profile.proof_b + node] * bool(profile.proof)
        self.node = node

    def round(self) -> int:
        """Some frames; how many."""
        source = self.source
        if source.random() < 0.02:
            self.pack.set_need(0)
        self.pack.set_need(source.choice((50, 200, 500)))
        for _ in range(40):
            if source.random() < 0.8:
                page = source.randrange(self.profile.page_count)
                if self.profile.flags & form.POLLED and self.pack.asked >= 0 and source.random() < 0.7:
                    page = self.pack.asked
                can_id = self.profile.pages[page * form.PAGE_WORDS] + self.node
                data = good_frame(source, self.profile, page)
                if source.random() < 0.1:
                    data[source.randrange(8)] = source.choice((0, 0x7F, 0x80, 0xFF))
            else:
                can_id = source.choice(self.ids)
                data = likely(source, 8)
            length = 8 if source.random() < 0.98 else source.randrange(9)
            self.pack.on_frame(can_id, data, length, self.clock.ticks_ms())
            if source.random() < 0.3:
                self.clock.us += source.choice((1000, 50_000, 120_000))
                self.pack.tick(self.clock.ticks_ms())
        self.bus.step()
        check_pack(self.pack, self.stated)
        return 40


class AnyLine:
    """A line whose units say anything, valid frames with any contents among them."""

    baud = 115200
    stream = None

    def __init__(self, source: random.Random, mutated: Any) -> None:
        self.source = source
        self.mutated = mutated
        self.data = b""
        self.pack: Any = None
        self.frames = 0

    def write(self, data: Any) -> int:
        """The answer that the request deserves, then mutated."""
        self.frames += 1
        answer = bytes(self.modbus(bytes(data)) if isinstance(self.pack, ProfileModbus) else self.framed())
        self.data += self.mutated(self.source, answer)
        return len(data)

    def readinto(self, buf: bytearray) -> int:
        """What there is."""
        count = min(len(buf), len(self.data))
        buf[:count] = self.data[:count]
        self.data = self.data[count:]
        return count

    def modbus(self, request: bytes) -> bytes:
        """A read's answer."""
        unit, function, _, count = struct.unpack(">BBHH", request[:6])
        body = bytes([unit, function, 2 * count]) + bytes(likely(self.source, 2 * count))
        if self.source.random() < 0.05:
            body = bytes([unit, function | 0x80, self.source.randrange(256)])
        return body + struct.pack("<H", crc16(body, 0, len(body)))

    def framed(self) -> bytes:
        """An answer with the right beginning, length and check."""
        pack, source = self.pack, self.source
        profile = pack.profile
        p = pack.page * form.PAGE_WORDS
        begin = profile.pages[p + form.P_BEGIN]
        size = profile.pool[begin]
        length = profile.pages[p + form.P_LENGTH]
        least = profile.pages[p + form.P_MIN]
        payload = length - (1 if length else 0) if length > 0 else least + source.randrange(70)
        frame = bytearray(payload + 2)
        frame[:payload] = likely(source, payload)
        frame[:size] = profile.pool[begin + 2 : begin + 2 + size]
        if length < 0:
            frame[-length] = (payload + 2 - profile.pages[p + form.P_PLUS]) & 0xFF
        end = put_check(profile.answer_check, frame, profile.check_from, payload)
        tail = begin + 2 + size
        after = bytearray(profile.pool[tail + 2 : tail + 2 + profile.pool[tail]])
        if profile.pool[tail + 1] != 255:
            after[profile.pool[tail + 1]] = pack.address
            after += struct.pack("<H", crc16(after, 0, len(after)))
        return bytes(frame[:end]) + bytes(after)


class ProfileLineTarget:
    """One pack on a Modbus line or on one with frames of its own."""

    def __init__(self, source: random.Random, profile: Any, mutated: Any) -> None:
        self.source = source
        self.clock: Any = HandClock()
        line: Any = AnyLine(source, mutated)
        self.line = line
        modbus = profile.bus == form.MODBUS
        self.bus: Any = ModbusBus("fuzz", line, self.clock) if modbus else FramedBus("fuzz", line, self.clock)
        self.pack = line.pack = (ProfileModbus if modbus else ProfileSerial)(self.bus, profile.first, self.clock, profile)
        self.stated = ranges(profile)

    def round(self) -> int:
        """Some transactions; how many frames they were."""
        before = self.line.frames
        if self.source.random() < 0.2:
            self.pack.set_need(0)
        self.pack.set_need(5)
        while self.line.frames - before < 20:
            self.pack.fails = 0
            self.clock.us += max(self.bus.step(), 100)
        check_pack(self.pack, self.stated)
        return self.line.frames - before


class ProfileFileTarget:
    """Compiled profiles, changed anywhere, with a right check value: refused by name, or harmless to the pack that they drive."""

    def __init__(self, source: random.Random, files: list[bytes]) -> None:
        self.source = source
        self.files = files
        self.used = 0

    def round(self) -> int:
        """Some files; frames of all sorts into the packs of those that are let through."""
        source = self.source
        for _ in range(4):
            data = bytearray(source.choice(self.files))
            for _ in range(source.randrange(1, 5)):
                data[source.randrange(len(data))] = source.choice((0, 1, 0x7F, 0x80, 0xFF, source.randrange(256)))
            if source.random() < 0.05:
                data = data[: source.randrange(len(data))] + source.randbytes(source.randrange(9))
            if len(data) > 2:
                data[-2:] = struct.pack("<H", crc16(data, 0, len(data) - 2))
            try:
                profile = reader.read(bytes(data))
            except reader.ProfileError:
                continue
            if profile.bus == form.CAN:
                self.used += 1
                ProfileCanTarget(source, profile).round()
        return 4


def targets(source: random.Random, mutated: Any) -> list[Any]:
    """One for each profile, and one for hostile files."""
    found: list[Any] = []
    for profile in profiles():
        if profile.bus == form.CAN:
            found.append(ProfileCanTarget(source, profile))
        else:
            found.append(ProfileLineTarget(source, profile, mutated))
    found.append(ProfileFileTarget(source, [compiled(check(load(path))) for path in sorted(FOLDER.glob("*.json"))]))
    return found
