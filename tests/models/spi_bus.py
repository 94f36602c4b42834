"""An SPI bus, a chip select and a clock for the register-level chip models. Runs under CPython and MicroPython."""

_MASK = (1 << 30) - 1


class Clock:
    """Time that passes only when a test or a bus transfer lets it pass."""

    def __init__(self) -> None:
        self.now_us = 0

    def ticks_ms(self) -> int:
        """Milliseconds, as cabinet.ports.Clock counts them."""
        return (self.now_us // 1000) & _MASK

    def ticks_us(self) -> int:
        """Microseconds."""
        return self.now_us & _MASK

    def pass_ms(self, milliseconds: int) -> None:
        """Let time pass."""
        self.now_us += milliseconds * 1000


class Spi:
    """The bus side: what `machine.SPI` offers. Every byte goes to the chip that is selected; no chip reads as 0xFF."""

    def __init__(self, clock: Clock, us_per_call: int = 10) -> None:
        self.clock = clock
        self.us_per_call = us_per_call
        self.selected = None
        self.calls = 0

    def write(self, buf) -> None:
        """Send."""
        self._call()
        chip = self.selected
        if chip is not None:
            for byte in buf:
                chip.exchange(byte)

    def readinto(self, buf, write: int = 0) -> None:
        """Receive while sending `write`."""
        self._call()
        chip = self.selected
        for i in range(len(buf)):
            buf[i] = 0xFF if chip is None else chip.exchange(write)

    def write_readinto(self, out, buf) -> None:
        """Both at once."""
        self._call()
        chip = self.selected
        for i in range(len(buf)):
            buf[i] = 0xFF if chip is None else chip.exchange(out[i])

    def _call(self) -> None:
        self.calls += 1
        self.clock.now_us += self.us_per_call


class Select:
    """A chip-select pin: low selects."""

    def __init__(self, spi: Spi, chip) -> None:
        self._spi = spi
        self._chip = chip

    def __call__(self, level: int) -> None:
        if not level:
            self._spi.selected = self._chip
            if self._chip is not None:
                self._chip.select()
        elif self._spi.selected is self._chip:
            self._spi.selected = None
            if self._chip is not None:
                self._chip.deselect()
