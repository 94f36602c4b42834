"""MCP23017 I/O expander on I2C: 16 pins, bit 0 = GPA0 ... bit 15 = GPB7. Written from data sheet DS20001952C.

Safe by construction: after its own reset the chip has inputs only, so loads that need a driven level are off (wire its
/RESET to the controller's NRST, and give every load a pull-down). `configure` sets the output latches before it makes
pins outputs, so no load sees a level that nobody asked for.

Not for locks: the length of a lock pulse must not depend on this program. Locks hang on a board that times the pulse itself.
"""

import errno

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_IODIR = const(0x00)  # register pairs A, B with IOCON.BANK = 0
_IPOL = const(0x02)
_GPINTEN = const(0x04)
_IOCON_BANK_1 = const(0x05)  # IOCON, were BANK = 1; with BANK = 0 this is GPINTENB
_IOCON = const(0x0A)
_GPPU = const(0x0C)
_GPIO = const(0x12)
_OLAT = const(0x14)
_REGISTERS = const(0x16)


class MCP23017:
    """The chip. `samples`: an input counts as changed when it has shown the new level in that many polls on end."""

    def __init__(self, i2c: "Any", address: int, samples: int = 3) -> None:
        if not 0x20 <= address <= 0x27:
            raise ValueError("an MCP23017 has an address from 0x20 to 0x27")
        if not 1 <= samples <= 16:
            raise ValueError("1 to 16 samples")
        self._i2c = i2c
        self._address = address
        self._pair = bytearray(2)
        self._image = bytearray(_REGISTERS)
        self._samples = [0] * samples
        self._next = 0
        self._seen = 0
        self._outputs = 0
        self._latch = 0
        self._pull_ups = 0
        self._inverted = 0
        self.inputs = 0  # debounced levels
        self.valid = False  # whether `inputs` rests on enough samples
        self.configure()

    def configure(self, outputs: int = 0, levels: int = 0, pull_ups: int = 0, inverted: int = 0) -> None:
        """Masks of 16 bits: which pins are outputs and with which levels, which inputs have a pull-up, which read inverted.

        Raises OSError if the chip does not answer or does not keep what was written.
        """
        for mask in (outputs, levels, pull_ups, inverted):
            if not 0 <= mask <= 0xFFFF:
                raise ValueError("a mask has 16 bits")
        self.valid = False
        self._seen = 0
        self._outputs, self._latch = outputs, levels & outputs
        self._pull_ups, self._inverted = pull_ups & ~outputs, inverted & ~outputs
        self._byte(_IOCON_BANK_1, 0)  # back to BANK = 0, whatever ran before
        self._byte(_IOCON, 0)
        self._write(_GPINTEN, 0)
        self._write(_OLAT, self._latch)
        self._write(_IPOL, self._inverted)
        self._write(_GPPU, self._pull_ups)
        self._write(_IODIR, ~outputs & 0xFFFF)
        self._read_image()

    def drive(self, mask: int, levels: int) -> None:
        """Set the outputs in `mask`, the others keep their level. Raises OSError if the chip does not show what was written."""
        if mask & ~self._outputs:
            raise ValueError("not an output: mask 0x%04x" % (mask & ~self._outputs))
        latch = (self._latch & ~mask) | (levels & mask)
        self._write(_OLAT, latch)
        self._latch = latch
        self._read_image()

    def poll(self) -> bool:
        """Take a sample of the inputs and check the chip's settings; whether `inputs` changed.

        Raises OSError if the chip is gone or has lost its settings (a dip of its supply): `configure` it again then.
        """
        try:
            self._read_image()
        except OSError:
            self.valid = False
            self._seen = 0
            raise
        samples = self._samples
        samples[self._next] = self._word(_GPIO) & ~self._outputs & 0xFFFF
        self._next = (self._next + 1) % len(samples)
        if self._seen < len(samples):
            self._seen += 1
            if self._seen < len(samples):
                return False
        always, ever = 0xFFFF, 0
        for sample in samples:
            always &= sample
            ever |= sample
        before = self.inputs
        # Known for the first time: an input that bounced just then counts as low.
        self.inputs = (before & ever) | always if self.valid else always
        changed = self.inputs != before or not self.valid
        self.valid = True
        return changed

    def _read_image(self) -> None:
        self._i2c.readfrom_mem_into(self._address, 0, self._image)
        if (
            self._word(_IODIR) != ~self._outputs & 0xFFFF
            or self._word(_OLAT) != self._latch
            or self._word(_GPPU) != self._pull_ups
            or self._word(_IPOL) != self._inverted
        ):
            raise OSError(errno.EIO, "expander 0x%02x does not hold its settings" % self._address)

    def _word(self, register: int) -> int:
        return self._image[register] | self._image[register + 1] << 8

    def _write(self, register: int, value: int) -> None:
        self._pair[0] = value & 0xFF
        self._pair[1] = value >> 8
        self._i2c.writeto_mem(self._address, register, self._pair)

    def _byte(self, register: int, value: int) -> None:
        self._i2c.writeto_mem(self._address, register, bytes((value,)))
