"""Register-level model of the MCP2515, written from data sheet DS20001801J, and a CAN bus whose frames take their time.

Modelled: the SPI instructions, modes, acceptance masks and filters with both id lengths, rollover and overflow of the two
receive buffers, priorities of the three transmit buffers, bit timing as far as it decides whether frames are understood,
error counters and flags.
"""

from spi_bus import Clock

CANSTAT, CANCTRL, TEC, REC = 0x0E, 0x0F, 0x1C, 0x1D
CNF3, CNF2, CNF1, CANINTE, CANINTF, EFLG = 0x28, 0x29, 0x2A, 0x2B, 0x2C, 0x2D
TXB, RXB = (0x30, 0x40, 0x50), (0x60, 0x70)
FILTERS = (0x00, 0x04, 0x08, 0x10, 0x14, 0x18)


class Mcp2515Model:
    """The chip, with a crystal."""

    def __init__(self, clock: Clock, oscillator_hz: int = 16000000) -> None:
        self.clock = clock
        self.oscillator_hz = oscillator_hz
        self.dominant = False  # the bus is held dominant: normal mode is never reached
        self.sent = []
        self.lost = 0
        self.reset()

    def reset(self) -> None:
        """Power-on or the RESET instruction: configuration mode."""
        self.registers = bytearray(128)
        self.registers[CANCTRL] = 0x87
        self.registers[CANSTAT] = 0x80
        self._in = bytearray()

    # SPI

    def select(self) -> None:
        """Chip select falls."""
        self._in = bytearray()

    def exchange(self, byte: int) -> int:
        """One byte in, one byte out."""
        self._in.append(byte)
        position = len(self._in) - 1
        if position == 0:
            return 0xFF
        command = self._in[0]
        if command == 0x03 and position >= 2:
            return self.peek(self._in[1] + position - 2)
        if command & 0xF9 == 0x90:
            start = RXB[command >> 2 & 1] + (6 if command & 2 else 1)
            return self.registers[start + position - 1]
        if command == 0xA0:
            return self._quick_status()
        if command == 0x02 and position >= 2:
            self._write((self._in[1] + position - 2) & 0x7F, byte)
        elif command & 0xF8 == 0x40 and command & 7 < 6:
            start = TXB[(command & 7) >> 1] + (6 if command & 1 else 1)
            self.registers[start + position - 1] = byte
        elif command == 0x05 and position == 3:
            register, mask = self._in[1], self._in[2]
            self._write(register, (self.registers[register] & ~mask) | (byte & mask))
        return 0xFF

    def deselect(self) -> None:
        """Chip select rises."""
        if not self._in:
            return
        command = self._in[0]
        if command == 0xC0:
            self.reset()
        elif command & 0xF8 == 0x80:
            for i in range(3):
                if command & 1 << i and self.mode() == 0:
                    self.registers[TXB[i]] |= 0x08
        elif command & 0xF9 == 0x90:
            self.registers[CANINTF] &= ~(1 << (command >> 2 & 1)) & 0xFF

    def peek(self, register: int) -> int:
        """A register as SPI reads it: CANSTAT and CANCTRL appear in every row."""
        register &= 0x7F
        low = register & 0x0F
        return self.registers[low] if low in (CANSTAT, CANCTRL) else self.registers[register]

    def _quick_status(self) -> int:
        flags = self.registers[CANINTF]
        status = flags & 3
        for i in range(3):
            status |= (1 if self.registers[TXB[i]] & 0x08 else 0) << (2 + 2 * i)
            status |= (flags >> (2 + i) & 1) << (3 + 2 * i)
        return status

    def _write(self, register: int, value: int) -> None:
        low = register & 0x0F
        if low == CANSTAT:
            return
        if low == CANCTRL:
            self.registers[CANCTRL] = value
            if not (self.dominant and value & 0xE0 == 0):
                self.registers[CANSTAT] = value & 0xE0
            if value & 0x10:
                for buffer in TXB:
                    self.registers[buffer] &= ~0x08 & 0xFF
            return
        only_config = register < 0x0C or 0x10 <= register < 0x1C or 0x20 <= register < 0x2B
        if only_config and self.mode() != 4:
            return
        if register == EFLG:
            value = (self.registers[EFLG] & 0x3F) | (value & 0xC0)
        if register in TXB:
            value = (self.registers[register] & 0x70) | (value & 0x0B)
        self.registers[register] = value

    # The bus side

    def mode(self) -> int:
        """0 normal, 4 configuration."""
        return self.registers[CANSTAT] >> 5

    def interrupt(self) -> int:
        """The INT pin: low while an enabled flag is set."""
        return 0 if self.registers[CANINTF] & self.registers[CANINTE] else 1

    def bitrate(self) -> int:
        """What the timing registers make of the crystal."""
        one, two, three = self.registers[CNF1], self.registers[CNF2], self.registers[CNF3]
        quanta = 1 + (two & 7) + 1 + (two >> 3 & 7) + 1 + (three & 7) + 1
        return self.oscillator_hz // (2 * ((one & 0x3F) + 1) * quanta)

    def sample_point_pct(self) -> int:
        """Where a bit is sampled."""
        two, three = self.registers[CNF2], self.registers[CNF3]
        before = 1 + (two & 7) + 1 + (two >> 3 & 7) + 1
        return 100 * before // (before + (three & 7) + 1)

    def transmit(self):
        """The frame that wins next, as (id, extended, data); None if none waits. Highest priority, then highest number."""
        if self.mode() != 0:
            return None
        best = None
        for i in range(3):
            control = self.registers[TXB[i]]
            if control & 0x08 and (best is None or control & 3 >= self.registers[TXB[best]] & 3):
                best = i
        if best is None:
            return None
        base = TXB[best]
        self.registers[base] &= ~0x08 & 0xFF
        self.registers[CANINTF] |= 4 << best
        can_id, extended = self._id_at(base + 1)
        length = self.registers[base + 5] & 0x0F
        frame = (can_id, extended, bytes(self.registers[base + 6 : base + 6 + length]))
        self.sent.append(frame)
        return frame

    def deliver(self, can_id: int, extended: bool, data: bytes, remote: bool = False) -> None:
        """A frame from the bus, past the filters into a buffer, or lost."""
        if self.mode() != 0:
            return
        first, second = self._accepts(0, can_id, extended, data), self._accepts(1, can_id, extended, data)
        full = self.registers[CANINTF]
        if first and not full & 1:
            self._store(0, can_id, extended, data, remote)
        elif (first and self.registers[RXB[0]] & 0x04) or second:
            if not full & 2:
                self._store(1, can_id, extended, data, remote)
            else:
                self.registers[EFLG] |= 0x80 if not first or self.registers[RXB[0]] & 0x04 else 0x40
                self.lost += 1
        elif first:
            self.registers[EFLG] |= 0x40
            self.lost += 1

    def _id_at(self, register: int):
        high, low = self.registers[register], self.registers[register + 1]
        can_id = high << 3 | low >> 5
        if low & 0x08:
            return can_id << 18 | (low & 3) << 16 | self.registers[register + 2] << 8 | self.registers[register + 3], True
        return can_id, False

    def _wide(self, register: int) -> int:
        """A mask or filter as 29 bits, id 11 bits on top."""
        r = self.registers
        return (r[register] << 3 | r[register + 1] >> 5) << 18 | (r[register + 1] & 3) << 16 | r[register + 2] << 8 | r[register + 3]

    def _accepts(self, buffer: int, can_id: int, extended: bool, data: bytes) -> bool:
        if self.registers[RXB[buffer]] & 0x60 == 0x60:
            return True
        mask = self._wide(0x20 + 4 * buffer)
        if extended:
            have = can_id
        else:  # for standard frames the low mask bits apply to the first two data bytes
            have = can_id << 18 | (data[0] if data else 0) << 8 | (data[1] if len(data) > 1 else 0)
        for register in FILTERS[:2] if buffer == 0 else FILTERS[2:]:
            if bool(self.registers[register + 1] & 0x08) != extended:
                continue
            if (self._wide(register) ^ have) & mask == 0:
                return True
        return False

    def _store(self, buffer: int, can_id: int, extended: bool, data: bytes, remote: bool) -> None:
        base = RXB[buffer]
        r = self.registers
        if extended:
            r[base + 1] = can_id >> 21
            r[base + 2] = (can_id >> 13) & 0xE0 | 0x08 | (can_id >> 16) & 3
            r[base + 3], r[base + 4] = (can_id >> 8) & 0xFF, can_id & 0xFF
        else:
            r[base + 1], r[base + 2] = can_id >> 3, (can_id << 5) & 0xE0 | (0x10 if remote else 0)
        r[base + 5] = len(data) | (0x40 if remote and extended else 0)
        for i in range(len(data)):
            r[base + 6 + i] = data[i]
        r[CANINTF] |= 1 << buffer


class Wire:
    """A CAN bus on which frames arrive one after the other, as fast as the bit rate allows, while the clock runs."""

    def __init__(self, clock: Clock, model: Mcp2515Model, bitrate: int) -> None:
        self.clock = clock
        self.model = model
        self.bitrate = bitrate
        self.queue = []
        self.free_us = 0

    def frame_us(self, extended: bool, data: bytes) -> int:
        """Length of a frame with the gap behind it, without stuff bits: the fastest that it can be."""
        return ((67 if extended else 47) + 8 * len(data)) * 1000000 // self.bitrate

    def run(self) -> None:
        """Bring the bus up to the present: call after time has passed."""
        while self.queue and self.free_us + self.frame_us(self.queue[0][1], self.queue[0][2]) <= self.clock.now_us:
            can_id, extended, data = self.queue.pop(0)
            self.free_us += self.frame_us(extended, data)
            if self.model.bitrate() == self.bitrate:
                self.model.deliver(can_id, extended, data)
