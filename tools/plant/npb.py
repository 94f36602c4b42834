"""A charger channel with the protocol of the Mean Well NPB chargers: answers requests, and never stops by itself. Portable."""

import struct

from plant.charger import COMMUNICATION, HARDWARE, INPUT_VOLTAGE, OVER_TEMPERATURE, Charger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plant.pack import Pack

TO_UNIT, FROM_UNIT = 0x000C0100, 0x000C0000
ADDRESSES = 4  # two pins
OPERATION, VOUT_SET, IOUT_SET, FAULT, VOUT, IOUT, TEMPERATURE = 0x00, 0x20, 0x30, 0x40, 0x60, 0x61, 0x62
CURVE_CONFIG, SYSTEM_CONFIG = 0xB4, 0xC2
VALUES = {  # names as in npb.dbc
    "Operation": OPERATION, "VoltageSet": VOUT_SET, "CurrentSet": IOUT_SET, "FaultStatus": FAULT, "Voltage": VOUT, "Current": IOUT,
    "Temperature": TEMPERATURE, "CurveConfig": CURVE_CONFIG, "SystemConfig": SYSTEM_CONFIG,
}  # fmt: skip
NAMES = {command: name for name, command in VALUES.items()}
SETTABLE = ("VoltageSet", "CurrentSet", "CurveConfig", "SystemConfig")
POWER_ON_MASK, EEPROM_OFF = 0x0006, 0x0400
POWER_ON_OFF, POWER_ON_ON = 0, 2
CURVE_ENABLED = 0x0080


class NpbCharger(Charger):
    """Every set-point is written to the EEPROM. As delivered, the unit is on at power-on; `installed`: set to off at power-on."""

    MIN_V, MAX_V = 42.0, 80.0
    MIN_A, MAX_A = 0.5, 20.0
    COMMAND_LIFE = 1e9  # needs no repeated command
    OFF_AFTER = 1.0  # s without mains until its commands are forgotten

    def __init__(self, address: int, installed: bool = False) -> None:
        Charger.__init__(self, address)
        power_on = POWER_ON_OFF if installed else POWER_ON_ON
        self.kept = {VOUT_SET: 5760, IOUT_SET: 680, CURVE_CONFIG: 0x0004, SYSTEM_CONFIG: power_on}  # in the EEPROM
        self.values = dict(self.kept)
        self.eeprom_writes = 0
        self.powered = False
        self.dark = 3600.0  # s without mains
        self.faults = 0

    def _power_on(self) -> None:
        self.powered = True
        self.values = dict(self.kept)
        self.started = self.values[SYSTEM_CONFIG] & POWER_ON_MASK == POWER_ON_ON
        self._take_values()

    def _take_values(self) -> None:
        self.set_v = self.values[VOUT_SET] / 100.0
        self.set_a = self.values[IOUT_SET] / 100.0

    def step(self, dt: float, pack: "Pack | None", mains: bool = True, ambient_c: float = 25.0) -> float:
        """See Charger."""
        if mains:
            self.dark = 0.0
            if not self.powered:
                self._power_on()
        else:
            self.dark += dt
            if self.dark >= self.OFF_AFTER:
                self.powered = False
                self.started = False
        self.age = 0.0
        return Charger.step(self, dt, pack, mains, ambient_c)

    def receive(self, data: bytes) -> "bytes | None":
        """Receive a frame, decoded by struct; returns the answer, or None for no answer."""
        if len(data) < 2:
            return None
        command = data[0] | data[1] << 8
        if len(data) == 2:
            name, value = self.value_of(command)
            if name is None:
                return None
            return struct.pack("<HB", command, value) if command == OPERATION else struct.pack("<HH", command, value & 0xFFFF)
        name = NAMES.get(command)
        if name is not None and len(data) == (3 if command == OPERATION else 4):
            self.write(name, int.from_bytes(data[2:], "little"))
        return None

    def write(self, name: str, value: int) -> None:
        """Write a raw value by its name in npb.dbc."""
        if self.silent or not self.powered:
            return
        self.commands += 1
        if name == "Operation":
            if value or not self.stuck:
                self.started = bool(value)
        elif name in SETTABLE:
            self._write(VALUES[name], value)

    def _write(self, command: int, value: int) -> None:
        if command == VOUT_SET and not self.MIN_V <= value / 100.0 <= self.MAX_V:
            return  # ignored
        if command == IOUT_SET and not self.MIN_A <= value / 100.0 <= self.MAX_A:
            return
        self.values[command] = value
        if not self.values[SYSTEM_CONFIG] & EEPROM_OFF:
            self.kept[command] = value
            self.eeprom_writes += 1
        self._take_values()

    def fault_status(self) -> int:
        """The bits of FAULT_STATUS."""
        bits = 0 if self.started else 1 << 6
        if self.faults & OVER_TEMPERATURE:
            bits |= 1 << 1
        if self.faults & HARDWARE:
            bits |= 1 << 2
        if self.faults & INPUT_VOLTAGE:
            bits |= 1 << 5
        return bits

    def value_of(self, command: int) -> "tuple[str | None, int]":
        """(name, raw value) that a read of this command returns; (None, 0): no answer."""
        name = NAMES.get(command)
        if name is None or self.silent or not self.powered:
            return None, 0
        if command in self.values:
            return name, self.values[command]
        if command == FAULT:
            return name, self.fault_status()
        if command == VOUT:
            return name, int(self.out_v * 100 + 0.5)
        if command == IOUT:
            return name, int(self.out_a * 100 + 0.5)
        return name, int(self.temp_c * 10) if command == TEMPERATURE else int(self.started)

    @property
    def energised(self) -> bool:
        """True if the output would drive current into what is connected."""
        return self.started and not self.faults & (HARDWARE | OVER_TEMPERATURE | INPUT_VOLTAGE | COMMUNICATION)
