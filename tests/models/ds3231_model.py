"""Register-level model of the DS3231, written from data sheet 19-5170: time in BCD that runs with the clock, the oscillator-stop flag.

Hangs on `i2c_bus.I2c`. Both interpreters.
"""

DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _bcd(value):
    return value // 10 * 16 + value % 10


class Ds3231Model:
    """The chip. `rate_ppm`: how much faster than true it runs."""

    def __init__(self, clock) -> None:
        self.clock = clock
        self.powered = True
        self.rate_ppm = 0
        self.stuck = False  # a fault: writes are acknowledged and forgotten
        self.registers = bytearray(0x13)
        self._pointer = 0
        self.cell_empty()

    def cell_empty(self) -> None:
        """Supply and cell were gone: 2000-01-01, the flag is up."""
        self.registers[:] = bytes(0x13)
        self.registers[0x03] = 1
        self.registers[0x04] = self.registers[0x05] = 1
        self.registers[0x0E], self.registers[0x0F] = 0x1C, 0x88
        self.registers[0x11], self.registers[0x12] = 23, 0x40
        self._since_us = self.clock.now_us

    def supply_back(self, away_s) -> None:
        """The supply was gone for a while; the cell is good."""
        self._run()
        if self.registers[0x0E] & 0x80:  # the oscillator was told to stand still on the cell
            self.registers[0x0F] |= 0x80
        else:
            for _ in range(away_s):
                self._second()

    def point(self, register) -> None:
        """The register address byte: the time is latched."""
        self._run()
        self._pointer = register

    def write(self, byte) -> None:
        """A data byte in."""
        at = self._pointer
        self._pointer = (at + 1) % 0x13
        if self.stuck:
            return
        if at == 0:
            self._since_us = self.clock.now_us  # writing the seconds starts the second anew
        if at == 0x0F:
            byte = (byte & 0x08) | (self.registers[at] & byte & 0x83) | (self.registers[at] & 0x04)  # flags can only be cleared
        if at < 0x11:
            self.registers[at] = byte

    def read(self) -> int:
        """A data byte out."""
        value = self.registers[self._pointer]
        self._pointer = (self._pointer + 1) % 0x13
        return value

    def _run(self) -> None:
        passed = (self.clock.now_us - self._since_us) * (1000000 + self.rate_ppm) // 1000000 // 1000000
        for _ in range(passed):
            self._second()
        self._since_us += passed * 1000000 * 1000000 // (1000000 + self.rate_ppm)

    def _second(self) -> None:
        r = self.registers
        if not self._up(0, 59, 0) or not self._up(1, 59, 0) or not self._hour():
            return
        r[3] = r[3] % 7 + 1
        month, year = self._of(5, 0x1F), self._of(6, 0xFF)
        days = DAYS[month - 1] + (1 if month == 2 and year % 4 == 0 else 0)
        if self._up(4, days, 1) and self._up(5, 12, 1):
            self._up(6, 99, 0)

    def _of(self, register, mask) -> int:
        value = self.registers[register] & mask
        return value // 16 * 10 + value % 16

    def _up(self, register, last, first) -> bool:
        """Count up; True if it wrapped."""
        value = self._of(register, 0xFF) + 1
        self.registers[register] = _bcd(first if value > last else value)
        return value > last

    def _hour(self) -> bool:
        r = self.registers
        if not r[2] & 0x40:
            return self._up(2, 23, 0)
        hour, afternoon = self._of(2, 0x1F) % 12 + 1, r[2] & 0x20
        if hour == 12:
            afternoon ^= 0x20
        r[2] = 0x40 | afternoon | _bcd(hour)
        return hour == 12 and not afternoon
