"""Profiles of framed serial protocols against encoders written here from the makers' documents, by nothing of ours but the profile.

`python tests/system/wire/profile_frames.py --count 10000` runs whole; test_profile_frames.py runs a sample and the published examples.
"""

from __future__ import annotations

import argparse
import random
import struct
import sys
from collections.abc import Callable
from typing import Any

from pymodbus.framer import FramerRTU

from cabinet.bus.framed_bus import FramedBus
from cabinet.devices.profiles import reader
from cabinet.devices.profiles.pack_serial import ProfileSerial
from swapcab.profile.compile import compiled
from swapcab.profile.source import check, find, load

Wanted = dict[str, Any]


class HandClock:
    """Moved by hand."""

    us = 10_000_000

    def ticks_us(self) -> int:
        """Microseconds."""
        return self.us & 0x3FFFFFFF

    def ticks_ms(self) -> int:
        """Milliseconds."""
        return (self.us // 1000) & 0x3FFFFFFF


class Line:
    """Hands requests to a function, and its answer back."""

    stream = None

    def __init__(self, baud: int, answer: Callable[[bytes], bytes]) -> None:
        self.baud = baud
        self.answer = answer
        self.data = b""
        self.requests: list[bytes] = []

    def write(self, data: Any) -> int:
        """A request."""
        self.requests.append(bytes(data))
        self.data += self.answer(bytes(data))
        return len(data)

    def readinto(self, buf: bytearray) -> int:
        """What there is."""
        count = min(len(buf), len(self.data))
        buf[:count] = self.data[:count]
        self.data = self.data[count:]
        return count


def bench(name: str, answer: Callable[[bytes], bytes], address: int = 1) -> tuple[Any, Line, Any, Any]:
    """Clock, line, bus and pack."""
    checked = check(load(find(name)))
    clock: Any = HandClock()
    line: Any = Line(checked.baud, answer)
    bus = FramedBus("packs", line, clock)
    return clock, line, bus, ProfileSerial(bus, address, clock, reader.read(compiled(checked)))


def run(clock: Any, bus: Any, milliseconds: int) -> None:
    """Let time pass."""
    end = clock.us + milliseconds * 1000
    while clock.us < end:
        clock.us += max(bus.step(), 100)


# ---- JBD: DD register status length data check 77


def jbd_frame(register: int, data: bytes, status: int = 0) -> bytes:
    """An answer: the check is 0x10000 less the sum of status, length and data."""
    body = bytes([status, len(data)]) + data
    return bytes([0xDD, register]) + body + struct.pack(">H", (0x10000 - sum(body)) & 0xFFFF) + b"\x77"


class Jbd:
    """A JBD pack with random contents."""

    name, address, reads = "jbd-rs485", 1, 3

    def __init__(self, source: random.Random) -> None:
        self.source = source
        self.answers: dict[int, bytes] = {}
        self.wanted: Wanted | None = None
        self.deal()

    def deal(self) -> None:
        """Other contents; what a reading must be."""
        s = self.source
        cells = [s.randrange(2000, 4400) for _ in range(s.randrange(1, 33))]
        temps = [s.randrange(2331, 3500) for _ in range(s.randrange(1, 9))]
        barcode = "".join(chr(s.randrange(0x21, 0x7E)) for _ in range(s.randrange(1, 24))) + "~"
        volt, rest, full, cycles, date = (s.randrange(65536) for _ in range(5))
        amp, balance, protect = s.randrange(-32768, 32768), s.getrandbits(32), s.randrange(8192)
        soc, fet = s.randrange(101 + s.choice((0, 0, 0, 20))), s.randrange(4)
        basic = struct.pack(">HhHHHHIHBBBBB", volt, amp, rest, full, cycles, date, balance, protect, 0x20, soc, fet, len(cells), len(temps))
        basic += struct.pack(f">{len(temps)}H", *temps)
        self.answers = {
            0xA2: jbd_frame(0xA2, bytes([len(barcode)]) + barcode.encode()), 3: jbd_frame(3, basic),
            4: jbd_frame(4, struct.pack(f">{len(cells)}H", *cells)),
        }  # fmt: skip
        alarms = protect & 0xFFF | (0x800 if protect & 0x1000 else 0)
        self.wanted = None if soc > 100 else {
            "serial": barcode[-16:], "pack_mv": volt * 10, "current_ma": amp * 10, "capacity_mah": full * 10, "cycles": cycles,
            "soc_pct": soc, "alarm_bits": alarms, "state_bits": fet | (4 if balance else 0), "cell_count": len(cells),
            "cell_min_mv": min(cells), "cell_max_mv": max(cells), "temp_min_ddegc": min(temps) - 2731, "temp_max_ddegc": max(temps) - 2731,
        }  # fmt: skip

    def answer(self, request: bytes) -> bytes:
        """By the register; a request that is not whole gets none."""
        want = bytes([0xDD, 0xA5, request[2], 0]) + struct.pack(">H", 0x10000 - request[2]) + b"\x77"
        return self.answers.get(request[2], b"") if request == want else b""


# ---- Daly: A5 address command 08 data sum


def daly_frame(command: int, data: bytes) -> bytes:
    """An answer of the BMS, which has the address 1."""
    body = bytes([0xA5, 0x01, command, 8]) + data
    return body + bytes([sum(body) & 0xFF])


class Daly:
    """A Daly pack with random contents."""

    name, address, reads = "daly-rs485", 1, 7

    def __init__(self, source: random.Random) -> None:
        self.source = source
        self.data: dict[int, bytes] = {}
        self.wanted: Wanted | None = None
        self.deal()

    def deal(self) -> None:
        """Other contents; what a reading must be."""
        s = self.source
        volt, amp, soc = s.randrange(10001 + s.choice((0, 0, 50_000))), s.randrange(20_000, 40_001), s.randrange(1010 + s.choice((0, 50)))
        low = s.randrange(6001)
        high = s.randrange(low, 6001)
        cold = s.randrange(1, 241)  # 0: no thermometer
        hot = s.randrange(cold, 241)
        charge, discharge, cells, cycles = s.randrange(3), s.randrange(3), s.randrange(33), s.randrange(65536)
        alarms = s.randbytes(8)
        self.data = {
            0x90: struct.pack(">HHHH", volt, s.randrange(65536), amp, soc), 0x91: struct.pack(">HBHBH", high, 3, low, 1, 0),
            0x92: bytes([hot, 1, cold, 2, 0, 0, 0, 0]), 0x93: struct.pack(">BBBBI", 1, charge, discharge, s.randrange(256), 9),
            0x94: struct.pack(">BBBBBHB", cells, 2, 0, 0, 0, cycles, 0), 0x98: alarms, 0x50: struct.pack(">II", 30_000, 3200),
        }  # fmt: skip
        fits = volt <= 10_000 and soc < 1010
        bits = 0
        for byte, mask, bit in (
            (0, 0x02, 0), (0, 0x08, 1), (0, 0x30, 2), (0, 0x80, 3), (1, 0x02, 4), (1, 0x08, 5), (1, 0x20, 6), (1, 0x80, 7), (2, 0x02, 8),
            (2, 0x08, 9), (3, 0x02, 12), (4, 0xFF, 11), (5, 0xFF, 11), (7, 0xFF, 11),
            (6, 0x04, 10), (6, 0x08, 1), (6, 0xF3, 11), (3, 0xF8, 11),  # the last two have no meaning that is known
        ):  # fmt: skip
            bits |= (1 << bit) if alarms[byte] & mask else 0
        self.wanted = None if not fits else {
            "pack_mv": volt * 100, "current_ma": (30_000 - amp) * 100, "soc_pct": soc // 10, "cell_min_mv": low, "cell_max_mv": high,
            "temp_min_ddegc": (cold - 40) * 10, "temp_max_ddegc": (hot - 40) * 10, "cycles": cycles, "alarm_bits": bits,
            "state_bits": (charge != 0) | (discharge != 0) << 1,
        }  # fmt: skip

    def answer(self, request: bytes) -> bytes:
        """By the command."""
        body = bytes([0xA5, 0x40, request[2], 8]) + bytes(8)
        good = request == body + bytes([sum(body) & 0xFF]) and request[2] in self.data
        return daly_frame(request[2], self.data[request[2]]) if good else b""


# ---- JK-PB, several packs on a line: a write triggers 300 bytes without an address, then its acknowledgement


def with_crc(body: bytes) -> bytes:
    """Modbus CRC by pymodbus."""
    return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")


def jk_frame(kind: int, fields: dict[int, bytes]) -> bytes:
    """300 bytes, the sum of the first 299 in the last."""
    frame = bytearray(300)
    frame[:5] = bytes([0x55, 0xAA, 0xEB, 0x90, kind])
    for at, data in fields.items():
        frame[at : at + len(data)] = data
    frame[299] = sum(frame[:299]) & 0xFF
    return bytes(frame)


JK_BITS = {
    1: 4, 2: 11, 3: 11, 4: 0, 5: 2, 6: 8, 7: 10, 8: 4, 9: 5, 10: 11, 11: 1, 12: 3, 13: 9, 14: 10, 15: 6, 16: 11, 17: 11, 20: 11, 21: 4,
    25: 9, 0: 11, 22: 11, 23: 11, 24: 11, 26: 11, 27: 11, 28: 11, 29: 11, 30: 11, 31: 11,  # not 18 and 19: no GPS, an old password
}  # fmt: skip


class Jk:
    """One of several JK-PB packs with random contents."""

    name, address, reads = "jk-pb-bus", 3, 2

    def __init__(self, source: random.Random) -> None:
        self.source = source
        self.frames: dict[int, bytes] = {}
        self.wanted: Wanted | None = None
        self.padding = b""
        self.deal()

    def deal(self) -> None:
        """Other contents; what a reading must be."""
        s = self.source
        count = s.randrange(1, 33)
        cells = [s.randrange(2000, 4400) for _ in range(count)]
        volt, amp = s.randrange(1_000_001), s.randrange(-1_000_000, 1_000_001)
        temps = [s.choice((s.randrange(-400, 1200), -2000)) for _ in "abcd"]
        alarms, soc, soh = s.getrandbits(32), s.randrange(101), s.randrange(101)
        full, cycles, switches, balance = s.randrange(1_000_001), s.randrange(65536), (s.randrange(2), s.randrange(2)), s.randrange(3)
        serial = "".join(s.choice("123456789ABCDEF") for _ in range(s.randrange(1, 16))) + "0"  # one character throughout names nobody
        self.padding = s.choice((b"", b"\0"))
        there = [t for t in temps if t != -2000]
        self.frames = {
            0x1C: jk_frame(3, {6: b"JK_PB2A16S20P", 86: serial.encode()}),
            0x20: jk_frame(
                2,
                {
                    6: struct.pack(f"<{count}H", *cells), 70: struct.pack("<I", (1 << count) - 1), 150: struct.pack("<I", volt),
                    158: struct.pack("<ihhI", amp, *temps[:2], alarms), 256: struct.pack("<hh", *temps[2:]),
                    172: bytes([balance, soc]), 178: struct.pack("<II", full, cycles),
                    190: bytes([soh]), 198: bytes(switches),
                },
            ),
        }  # fmt: skip
        bits = 0
        for theirs, ours in JK_BITS.items():
            bits |= (alarms >> theirs & 1) << ours
        coldest, hottest = (min(there), max(there)) if there else (-9999, -9999)  # no thermometer: not known
        self.wanted = {
            "serial": serial, "cell_count": count, "pack_mv": volt, "current_ma": amp, "soc_pct": soc, "soh_pct": soh, "cycles": cycles,
            "capacity_mah": full, "cell_min_mv": min(cells), "cell_max_mv": max(cells), "temp_min_ddegc": coldest,
            "temp_max_ddegc": hottest, "alarm_bits": bits, "state_bits": switches[0] | switches[1] << 1 | (4 if balance else 0),
        }  # fmt: skip

    def answer(self, request: bytes) -> bytes:
        """A frame, perhaps one byte more, and the acknowledgement."""
        body = bytes([self.address, 0x10, 0x16, request[3], 0, 1, 2, 0, 0])
        if request != with_crc(body) or request[3] not in self.frames:
            return b""
        return self.frames[request[3]] + self.padding + with_crc(body[:6])


MAKERS = (Jbd, Daly, Jk)


def exchanges(maker: Any, count: int, seed: int) -> dict[str, int]:
    """`count` packs with random contents, each read whole and exact or refused whole. AssertionError at the first difference."""
    source = random.Random(seed)
    pack_on_line = maker(source)
    clock, line, bus, pack = bench(maker.name, pack_on_line.answer, maker.address)
    done = {"packs": 0, "plausible": 0, "refused": 0}
    for _ in range(count):
        pack_on_line.deal()
        pack.set_need(0)
        line.data = b""
        pack.set_need(500)
        asked = len(line.requests)
        for _ in range(200):
            run(clock, bus, 20)
            if pack.reading.taken_ms is not None or pack.stats.implausible or len(line.requests) > asked + maker.reads:
                break
        done["packs"] += 1
        wanted = pack_on_line.wanted
        if wanted is None:
            done["refused"] += 1
            assert pack.reading.taken_ms is None, f"{maker.name}: refused as a whole"
        else:
            done["plausible"] += 1
            assert pack.reading.taken_ms is not None, f"{maker.name}: {wanted} was not read; {pack.stats.as_dict()}"
            ours = {key: getattr(pack.reading, key) for key in wanted if key not in ("serial", "cell_count", "capacity_mah")}
            if pack.reading.serial:
                ours |= {key: getattr(pack.reading, key) for key in ("serial", "cell_count", "capacity_mah")}
            assert ours == wanted, f"{maker.name}: {ours} instead of {wanted}"
        pack.stats.implausible = 0
    return done


def main() -> int:
    """Rows of what was run."""
    from swapcab.rows import Row, publish

    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=10_000, help="packs of each maker")
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    rows = []
    for maker in MAKERS:
        done = exchanges(maker, given.count, given.seed)
        rows.append(Row(f"{maker.name}: packs as encoded", done["packs"], "", f"{given.count}", done["packs"] >= given.count))
        rows.append(Row(f"{maker.name}: of them plausible", done["plausible"], "", "> 0", done["plausible"] > 0))
    rows.append(Row("mismatches", 0, "", "0", True))
    return 0 if publish(rows, "framed profiles against encoders of their own", "profile-frames") else 1


if __name__ == "__main__":
    sys.exit(main())
