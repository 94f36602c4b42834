"""An I2C bus and a register-level model of the MCP23017, written from data sheet DS20001952C. Both interpreters."""

import errno


class I2c:
    """What `machine.I2C` offers: memory reads and writes; a missing chip does not acknowledge."""

    def __init__(self) -> None:
        self.chips = {}
        self.transfers = 0

    def writeto_mem(self, address: int, register: int, data) -> None:
        """Address, register, then data; the chip counts the register up by itself."""
        chip = self._chip(address)
        chip.point(register)
        for byte in data:
            chip.write(byte)

    def readfrom_mem_into(self, address: int, register: int, buf) -> None:
        """The same, reading."""
        chip = self._chip(address)
        chip.point(register)
        for i in range(len(buf)):
            buf[i] = chip.read()

    def _chip(self, address: int):
        self.transfers += 1
        chip = self.chips.get(address)
        if chip is None or not chip.powered:
            raise OSError(errno.ENODEV)
        return chip


IODIR, IPOL, GPINTEN, DEFVAL, INTCON, IOCON, GPPU, INTF, INTCAP, GPIO, OLAT = range(11)


class Mcp23017Model:
    """Two ports of 8 pins. `pins` holds the levels that the outside drives onto pins that are inputs."""

    def __init__(self) -> None:
        self.powered = True
        self.pins = 0
        self.floating = 0  # pins that nobody drives: they read the pull-up
        self.driven_history = []  # (pin mask that is driven, levels) after each change, for glitches
        self.reset()

    def reset(self) -> None:
        """Power-on or the /RESET pin: IODIR all ones, everything else 0."""
        self.registers = [[0, 0] for _ in range(11)]
        self.registers[IODIR] = [0xFF, 0xFF]
        self._pointer = 0

    def point(self, register: int) -> None:
        """The register address byte."""
        self._pointer = register

    def _where(self):
        """(register, port) under the pointer: paired with IOCON.BANK = 0, apart with BANK = 1."""
        pointer = self._pointer
        if self.registers[IOCON][0] & 0x80:
            port, register = pointer >> 4, pointer & 0x0F
        else:
            register, port = pointer >> 1, pointer & 1
        return (register, port) if register < 11 and port < 2 else (None, 0)

    def _advance(self) -> None:
        if not self.registers[IOCON][0] & 0x20:  # SEQOP
            self._pointer = (self._pointer + 1) % 0x16

    def write(self, byte: int) -> None:
        """A data byte in."""
        register, port = self._where()
        if register == IOCON:
            self.registers[IOCON] = [byte, byte]
        elif register == GPIO:
            self.registers[OLAT][port] = byte
        elif register is not None and register not in (INTF, INTCAP):
            self.registers[register][port] = byte
        self._advance()
        driven = (~self._both(IODIR) & 0xFFFF, self._both(OLAT) & ~self._both(IODIR) & 0xFFFF)
        if not self.driven_history or self.driven_history[-1] != driven:
            self.driven_history.append(driven)

    def read(self) -> int:
        """A data byte out."""
        register, port = self._where()
        value = 0
        if register == GPIO:
            value = (self.levels() ^ (self._both(IPOL) & self._both(IODIR))) >> (8 * port) & 0xFF
        elif register is not None:
            value = self.registers[register][port]
        self._advance()
        return value

    def levels(self) -> int:
        """The levels on the pins."""
        direction = self._both(IODIR)
        outside = (self.pins & ~self.floating) | (self.floating & self._both(GPPU))
        return (outside & direction) | (self._both(OLAT) & ~direction & 0xFFFF)

    def _both(self, register: int) -> int:
        return self.registers[register][0] | self.registers[register][1] << 8
