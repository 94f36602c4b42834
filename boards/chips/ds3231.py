"""DS3231 real-time clock on I2C: battery-backed, 2 ppm, 0 to 40 °C. From data sheet 19-5170 (Maxim, revision 10).

The chip reports whether its time can be used: the oscillator-stop flag is set at the first power and whenever the
oscillator stood, so that a clock with an empty cell is `unknown` and never wrong. Years 2000 to 2099.
"""

import errno
import time

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ADDRESS = const(0x68)
_CONTROL = const(0x0E)
_STATUS = const(0x0F)
_TEMPERATURE = const(0x11)
_NO_OSCILLATOR = const(0x80)  # in control: stands still on battery
_STOPPED = const(0x80)  # in status: has stood still since the flag was cleared
_TWELVE_HOURS = const(0x40)
_FIRST_YEAR = const(2025)
_DAYS_TO_2000 = const(10957)  # from 1970


def _from_bcd(value: int) -> int:
    return (value >> 4) * 10 + (value & 0x0F)


def _to_bcd(value: int) -> int:
    return value // 10 << 4 | value % 10


def days_from_2000(year: int, month: int, day: int) -> int:
    """Days since 2000-01-01 in the Gregorian calendar, for 2000 to 2099."""
    before = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)[month - 1]
    since = year - 2000
    leap_days = (since + 3) // 4 + (1 if month > 2 and since % 4 == 0 else 0)
    return since * 365 + leap_days + before + day - 1


class DS3231:
    """The chip. Raises OSError if it does not answer."""

    def __init__(self, i2c: "Any", address: int = _ADDRESS) -> None:
        self._i2c = i2c
        self._address = address
        self._registers = bytearray(7)
        self._byte = bytearray(1)
        self._epoch_2000 = time.gmtime(0)[0] == 2000
        if self._read(_CONTROL) & _NO_OSCILLATOR:
            self._write(_CONTROL, self._read(_CONTROL) & 0x7F)  # keep on counting on the battery

    def unix_s(self) -> int:
        """Seconds since 1970-01-01 UTC; 0 if the clock has stood still since it was set, or shows no valid time."""
        if self._read(_STATUS) & _STOPPED:
            return 0
        registers = self._registers
        self._i2c.readfrom_mem_into(self._address, 0, registers)  # the chip latches all seven at the start
        second, minute = _from_bcd(registers[0] & 0x7F), _from_bcd(registers[1] & 0x7F)
        hour = self._hour(registers[2])
        day, month, year = _from_bcd(registers[4] & 0x3F), _from_bcd(registers[5] & 0x1F), 2000 + _from_bcd(registers[6])
        if second > 59 or minute > 59 or hour > 23 or not 1 <= day <= 31 or not 1 <= month <= 12 or not _FIRST_YEAR <= year <= 2099:
            return 0
        return (_DAYS_TO_2000 + days_from_2000(year, month, day)) * 86400 + hour * 3600 + minute * 60 + second

    def set(self, unix_s: int) -> None:
        """Set the clock. Raises OSError if it does not keep what was written."""
        seconds = unix_s - 946684800 if self._epoch_2000 else unix_s
        year, month, day, hour, minute, second, weekday = time.gmtime(seconds)[:7]
        if not _FIRST_YEAR <= year <= 2099:
            raise ValueError("a time before 2025 or after 2099 is no time")
        registers = self._registers
        values = (second, minute, hour, weekday + 1, day, month, year - 2000)
        for i in range(7):
            registers[i] = _to_bcd(values[i])
        self._i2c.writeto_mem(self._address, 0, registers)
        self._write(_STATUS, self._read(_STATUS) & ~_STOPPED & 0xFF)
        if not 0 <= self.unix_s() - unix_s <= 1:
            raise OSError(errno.EIO, "DS3231: the clock does not keep what is written")

    def temperature_ddegc(self) -> int:
        """The chip's own temperature in 0.1 °C: what the inside of the controller's box has."""
        pair = bytearray(2)
        self._i2c.readfrom_mem_into(self._address, _TEMPERATURE, pair)
        quarters = (pair[0] << 8 | pair[1]) >> 6
        if quarters & 0x200:
            quarters -= 0x400
        return quarters * 10 // 4

    @staticmethod
    def _hour(register: int) -> int:
        if register & _TWELVE_HOURS:
            return _from_bcd(register & 0x1F) % 12 + (12 if register & 0x20 else 0)
        return _from_bcd(register & 0x3F)

    def _read(self, register: int) -> int:
        self._i2c.readfrom_mem_into(self._address, register, self._byte)
        return self._byte[0]

    def _write(self, register: int, value: int) -> None:
        self._byte[0] = value
        self._i2c.writeto_mem(self._address, register, self._byte)
