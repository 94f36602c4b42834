"""Hardware faults of the emulated board's chips: each changes a model or a pin, never the code under test. Of the lines: line_faults.py.

`config["faults"]` has {what: kind}; the words of the host's command line and what they stand for are in emulator/faults.py.
"""

import time

from ds3231_model import Ds3231Model
from line_faults import faulty
from w25q_model import SECTOR

_RTC = 0x68
_BAD_SECTOR = 5
_DAY_S = 86400
_ERROR_FLAGS, _BUS_OFF, _ERROR_PASSIVE = 0x2D, 0x20, 0x15
_TRNG_STATUS, _TRNG_DATA, _TRNG_FAILED = 0x400F0104, 0x400F0114, 0x02
_FREE_BLOCKS = 2


def put(hardware, machine, network, config) -> None:
    """All that hang on the chips and lines."""
    faults = config["faults"]
    for what in faults:
        kind = faults[what]
        if what == "rtc":
            _rtc(hardware, kind)
        elif what == "flash":
            _flash(hardware, config["flash_select"], kind)
        elif what == "can":
            _can(hardware, config["can"][0], kind)
        elif what == "random":
            machine.mem32 = BadGenerator(kind)
        elif what == "expander":
            hardware.i2c.chips.pop(0x20)
        elif what == "network":
            network.WIZNET5K.isconnected = lambda nic: False
        elif what.startswith("line "):
            hardware.faulty_lines[what[5:]] = faulty(kind)


def slow_clock(stand_in, ppm: int) -> None:
    """`time` of an MCU whose crystal is so far off.

    The queue of asyncio is C and counts true time, so the rest of asyncio has to: it is imported first."""
    __import__("asyncio")
    ticks_ms, ticks_us = time.ticks_ms, time.ticks_us

    def off_ms() -> int:
        now = ticks_ms()
        return now + now * ppm // 1000000

    def off_us() -> int:
        now = ticks_us()
        return now + now * ppm // 1000000

    stand_in("time", time, ticks_ms=off_ms, ticks_us=off_us)


def full_disk(statvfs):
    """`os.statvfs` of a file system with hardly anything free."""

    def full(path):
        said = list(statvfs(path))
        said[3] = said[4] = _FREE_BLOCKS
        return tuple(said)

    return full


def _rtc(hardware, kind: str) -> None:
    from machine_module import set_rtc

    chip = hardware.i2c.chips[_RTC]
    if kind == "missing":
        hardware.i2c.chips.pop(_RTC)
    elif kind == "empty":
        chip.cell_empty()
    elif kind == "ahead":
        set_rtc(chip, time.time() + _DAY_S)
    elif kind == "stopped":
        stopped = Stopped(hardware.clock)
        set_rtc(stopped, time.time() - _DAY_S)
        hardware.i2c.chips[_RTC] = stopped


class Stopped(Ds3231Model):
    """Its crystal does not swing and its flag does not say so: a cold solder joint."""

    def _run(self) -> None:
        pass


def _flash(hardware, select: str, kind: str) -> None:
    chip = hardware.selects[select]
    if kind == "missing":
        hardware.selects[select] = None
    elif kind == "wrong":
        chip.jedec = b"\xc8\x40\x16"
    elif kind == "protected":
        chip.protect = 0x1C
    elif kind == "busy":
        chip.stuck_busy = True
    elif kind == "wires":
        peek, dice = chip.peek, Dice()
        chip.peek = lambda address: peek(address) ^ (dice.below(500) == 0)
    elif kind == "sector":
        chip.peek = WornSector(chip.peek)


class WornSector:
    """A sector with a cell that no longer erases."""

    def __init__(self, peek) -> None:
        self._peek = peek

    def __call__(self, address: int) -> int:
        found = self._peek(address)
        return found & 0xFE if address == _BAD_SECTOR * SECTOR + 77 else found


class Dice:
    """Cheap and always the same."""

    def __init__(self) -> None:
        self._state = 1

    def below(self, limit: int) -> int:
        self._state = (self._state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self._state >> 8) % limit


def _can(hardware, wired: list, kind: str) -> None:
    _name, select, interrupt = wired
    chip = hardware.selects[select]
    if kind == "missing":
        hardware.selects[select] = None
        hardware.interrupts.pop(interrupt)
    elif kind == "interrupt":
        hardware.interrupts[interrupt] = Unconnected(chip)
    elif kind == "crystal":
        chip.oscillator_hz //= 2
        _cut_off(chip, _ERROR_PASSIVE)  # it receives nothing that it can decode, and no node acknowledges
    elif kind == "open":
        _cut_off(chip, _ERROR_PASSIVE)
    elif kind == "short":
        _cut_off(chip, _BUS_OFF)


class Unconnected:
    """The interrupt pin: pulled up, whatever the chip says."""

    def __init__(self, chip) -> None:
        self._chip = chip

    def run(self) -> None:
        """The chip goes on."""
        self._chip.run()

    def interrupt(self) -> int:
        """High."""
        return 1


def _cut_off(chip, flags: int) -> None:
    """Nothing passes; the error counters say so once something was to be sent."""

    def run() -> None:
        registers = chip.registers
        if chip.mode() == 0 and (flags == _BUS_OFF or (registers[0x30] | registers[0x40] | registers[0x50]) & 8):
            registers[_ERROR_FLAGS] |= flags

    chip.run = run


class BadGenerator:
    """`machine.mem32` with a random generator that fails its own tests, or whose output never changes."""

    def __init__(self, kind: str) -> None:
        self._status = _TRNG_FAILED if kind == "dead" else 1

    def __getitem__(self, address: int) -> int:
        if address == _TRNG_STATUS:
            return self._status
        return 0x5A5A5A5A if _TRNG_DATA <= address < _TRNG_DATA + 24 else 0

    def __setitem__(self, address: int, value: int) -> None:
        pass
