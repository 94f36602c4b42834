"""A battery pack with its BMS: what the cells do, and what the BMS allows and reports.

Time comes in as `dt` (seconds). Charging is faster than life by `speed`, which multiplies nothing but the integration of charge:
voltages, currents, heat and the BMS run in real time.
"""

from plant import proof
from plant.status import Status

LFP = 1
NMC = 2
UNKNOWN = 7  # a chemistry code that no controller has

# alarm bits as on the pack link
CELL_OVER_VOLTAGE = 1 << 0
CELL_UNDER_VOLTAGE = 1 << 1
PACK_OVER_VOLTAGE = 1 << 2
PACK_UNDER_VOLTAGE = 1 << 3
CHARGE_OVER_TEMPERATURE = 1 << 4
CHARGE_UNDER_TEMPERATURE = 1 << 5
DISCHARGE_OVER_TEMPERATURE = 1 << 6
DISCHARGE_UNDER_TEMPERATURE = 1 << 7
CHARGE_OVER_CURRENT = 1 << 8
INTERNAL = 1 << 11
IMBALANCE = 1 << 12

CHARGE_SWITCH = 1 << 0
DISCHARGE_SWITCH = 1 << 1
BALANCING = 1 << 2

_STOPS_CHARGE = CELL_OVER_VOLTAGE | PACK_OVER_VOLTAGE | CHARGE_OVER_TEMPERATURE | CHARGE_UNDER_TEMPERATURE | CHARGE_OVER_CURRENT | INTERNAL
_STOPS_DISCHARGE = CELL_UNDER_VOLTAGE | PACK_UNDER_VOLTAGE | DISCHARGE_OVER_TEMPERATURE | DISCHARGE_UNDER_TEMPERATURE | INTERNAL

# open-circuit voltage of a cell (V) over state of charge; below zero is deep discharge
_OCV = {
    LFP: (
        (-0.10, 1.50), (-0.02, 2.20), (0.0, 2.70), (0.05, 3.05), (0.10, 3.18), (0.20, 3.24), (0.30, 3.275), (0.50, 3.30), (0.70, 3.33),
        (0.90, 3.345), (0.97, 3.36), (1.0, 3.42),
    ),
    NMC: (
        (-0.10, 1.60), (-0.02, 2.50), (0.0, 3.00), (0.05, 3.35), (0.10, 3.45), (0.20, 3.55), (0.30, 3.61), (0.40, 3.66), (0.50, 3.72),
        (0.60, 3.81), (0.70, 3.91), (0.80, 4.00), (0.90, 4.08), (1.0, 4.16),
    ),
}  # fmt: skip

# per cell and chemistry: charge voltage, over-voltage trip and release, under-voltage trip and release (V)
_CELL = {LFP: (3.55, 3.75, 3.40, 2.50, 2.90), NMC: (4.20, 4.25, 4.10, 3.00, 3.30)}
# warmest limit (deg C): share of the capacity (C) that may be charged there; above the last: none
_CHARGE_BY_TEMPERATURE = {
    LFP: ((0, 0.0), (5, 0.1), (10, 0.2), (15, 0.4), (45, 0.5), (55, 0.25), (60, 0.1)),
    NMC: ((0, 0.0), (5, 0.1), (15, 0.3), (40, 0.5), (45, 0.3), (50, 0.1)),
}
_OVER_TEMPERATURE = {LFP: (60.0, 55.0), NMC: (55.0, 50.0)}


def ocv(chemistry: int, soc: float) -> float:
    """Open-circuit voltage of one cell in volts."""
    table = _OCV.get(chemistry, _OCV[LFP])
    if soc <= table[0][0]:
        return table[0][1]
    for i in range(1, len(table)):
        high, v_high = table[i]
        if soc <= high:
            low, v_low = table[i - 1]
            return v_low + (v_high - v_low) * (soc - low) / (high - low)
    return table[-1][1]


class Pack:
    """One pack. `kind` is "genuine" or what is wrong with the pack; it is for the world alone and never on the wire."""

    HEAT_CAPACITY = 9000.0  # J/K, about 10 kg
    COOLING = 0.8  # W/K to the compartment's air
    MEASURES = 0.2  # s between two measurements of the BMS
    BURNT_C = 90.0  # where a heater that a fault has lit goes out
    PROOF_TIME = 0.04  # s that the BMS needs for a proof

    def __init__(
        self,
        serial: str,
        chemistry: int = LFP,
        cells: int = 16,
        capacity_mah: int = 30000,
        key: "bytes | None" = None,
        kind: str = "genuine",
    ) -> None:
        self.serial = serial
        self.kind = kind
        self.maker = "OPENPACK"
        self.chemistry = chemistry  # as the BMS reports it
        self.cell_type = chemistry if chemistry in _OCV else LFP  # the real one
        self.cells = cells
        self.capacity_mah = capacity_mah
        self.nominal_mv = cells * (3200 if self.cell_type == LFP else 3600)
        self.firmware = 0x0103
        self.key = key
        self.soc = 0.5
        self.soh = 0.97
        self.cycles = 100
        self.temp_c = 25.0
        self.heater_w = 0.0  # a fault: heat without a current
        self.current_a = 0.0
        self.charged_ah = 0.0  # of the real pack, as if charging took its real time
        self.alarms = 0
        self.state = CHARGE_SWITCH | DISCHARGE_SWITCH
        self.counter = 0
        self.offsets_mv = [0] * cells
        self.sensor_offsets = [0.0, -0.4, 0.3, -0.8]
        self.r_cell = 0.0015 * 30000 / capacity_mah  # ohm at rest in the middle of the curve
        self.bms_dead = False
        self.frozen = False  # the BMS repeats its last measurement
        self.lying = False  # the BMS reports a pack voltage that is not the sum of its cells
        self.stuck_sensor = False  # one temperature sensor hangs at its lowest value
        self._weak_cell_mv = None  # what the cell of an unbalanced pack had before
        self.nonce = None
        self.mac = None
        self.answered = False  # has given a proof, right or wrong, since it came
        self._proof_left = 0.0
        self._unmeasured = 0.0
        self._cell_mv = []
        self._cells_at = -1
        self._held = None
        self._held_of = None  # what it was made of

    # ---- cells

    def resistance(self) -> float:
        """Ohm of the whole pack; rises at both ends of the curve."""
        r = self.r_cell
        if self.soc > 0.9:
            r *= 1.0 + 25.0 * ((self.soc - 0.9) * 10.0) ** 4
        elif self.soc < 0.1:
            r *= 1.0 + 2.0 * (0.1 - self.soc) * 10.0
        if self.temp_c < 15.0:
            r *= 1.0 + (15.0 - self.temp_c) * 0.03
        return r * self.cells

    def accepts_a(self, limit_a: float, limit_v: float, line_ohm: float) -> float:
        """The current that flows from a source of `limit_v` which holds `limit_a` at most. None flows backwards."""
        if not self.state & CHARGE_SWITCH:
            return 0.0
        current = (limit_v - self.rest_v()) / (self.resistance() + line_ohm)
        return min(limit_a, current) if current > 0.0 else 0.0

    def rest_v(self) -> float:
        """Open-circuit voltage of the pack."""
        return ocv(self.cell_type, self.soc) * self.cells

    def volts(self) -> float:
        """Voltage at the terminals."""
        return self.rest_v() + self.current_a * self.resistance()

    def cell_mv(self) -> list:
        """Voltage of every cell; computed at most once a step, on demand."""
        if self._cells_at != self.counter:
            base = self.volts() / self.cells * 1000.0
            self._cell_mv = [max(0, int(base + o)) for o in self.offsets_mv]
            self._cells_at = self.counter
        return self._cell_mv

    def temps_ddegc(self) -> list:
        """Temperature sensors, 0.1 deg C."""
        temps = [int((self.temp_c + o) * 10.0) for o in self.sensor_offsets]
        if self.stuck_sensor:
            temps[-1] = -400
        return temps

    def step(self, dt: float, current_a: float, ambient_c: float, speed: float = 1.0) -> None:
        """`current_a` has been flowing (+ = charge) for `dt`. Heat and BMS follow at the pace of the BMS; `dt` 0 makes it measure now."""
        self.current_a = current_a
        if current_a:
            amount_ah = current_a * dt * speed / 3600.0
            self.charged_ah += amount_ah
            self.soc = min(1.0, self.soc + amount_ah * 1000.0 / (self.capacity_mah * self.soh))
        if self._proof_left > 0.0:
            self._proof_left -= dt
            if self._proof_left <= 0.0:
                self.mac = self._answer()
                self.answered = self.mac is not None
        self._unmeasured += dt
        if dt and self._unmeasured < self.MEASURES:
            return
        passed = self._unmeasured
        self._unmeasured = 0.0
        heat_w = current_a * current_a * self.r_cell * self.cells + self.heater_w
        self.temp_c += (heat_w - (self.temp_c - ambient_c) * self.COOLING) * passed / self.HEAT_CAPACITY
        if self.heater_w and self.temp_c > self.BURNT_C:
            self.heater_w = 0.0
        if not self.frozen:
            self.counter = (self.counter + 1) & 0xFFFF
            self._protect()

    def afflict(self, vice: str) -> None:
        """Give the pack a defect: hot, unbalanced, frozen, lie or sensor_stuck. Other words do nothing."""
        self.frozen = vice == "frozen"
        self.lying = vice == "lie"
        self.stuck_sensor = vice == "sensor_stuck"
        self.heater_w = 2.0 * self.HEAT_CAPACITY if vice == "hot" else 0.0  # 2 K/s
        if vice == "unbalanced":
            self._weak_cell_mv = self.offsets_mv[self.cells // 2]
            self.offsets_mv[self.cells // 2] = -350

    def cure(self) -> None:
        """Undo `afflict`. The pack stays hot until it has cooled down."""
        self.afflict("")
        if self._weak_cell_mv is not None:
            self.offsets_mv[self.cells // 2] = self._weak_cell_mv
            self._weak_cell_mv = None

    # ---- BMS

    def _protect(self) -> None:
        charge_v, over, over_back, under, under_back = _CELL[self.cell_type]
        cell = self.volts() / self.cells
        alarms = self.alarms
        alarms = _trip(alarms, CELL_OVER_VOLTAGE, cell >= over, cell < over_back)
        alarms = _trip(alarms, PACK_OVER_VOLTAGE, cell >= over, cell < over_back)
        alarms = _trip(alarms, CELL_UNDER_VOLTAGE, cell <= under, cell > under_back)
        alarms = _trip(alarms, PACK_UNDER_VOLTAGE, cell <= under, cell > under_back)
        hot, hot_back = _OVER_TEMPERATURE[self.cell_type]
        alarms = _trip(alarms, CHARGE_OVER_TEMPERATURE, self.temp_c >= hot, self.temp_c < hot_back)
        alarms = _trip(alarms, DISCHARGE_OVER_TEMPERATURE, self.temp_c >= hot + 5.0, self.temp_c < hot_back + 5.0)
        alarms = _trip(alarms, CHARGE_UNDER_TEMPERATURE, self.temp_c < 0.0, self.temp_c > 3.0)
        alarms = _trip(alarms, CHARGE_OVER_CURRENT, self.current_a * 1000.0 > self.capacity_mah * 1.2, self.current_a <= 0.0)
        spread = self.spread_mv()
        alarms = _trip(alarms, IMBALANCE, spread > 300, spread < 200)
        self.alarms = alarms
        state = 0
        if not alarms & _STOPS_CHARGE:
            state |= CHARGE_SWITCH
        if not alarms & _STOPS_DISCHARGE:
            state |= DISCHARGE_SWITCH
        if spread > 10 and cell > charge_v - 0.1:
            state |= BALANCING
        self.state = state

    def spread_mv(self) -> int:
        """Between the highest and the lowest cell."""
        return max(self.offsets_mv) - min(self.offsets_mv)

    def allowed_charge_ma(self) -> int:
        """What the BMS lets in now, by temperature, voltage and state of charge."""
        if not self.state & CHARGE_SWITCH or self.soc >= 0.9995:
            return 0
        rate = 0.0
        for below, share in _CHARGE_BY_TEMPERATURE[self.cell_type]:
            if self.temp_c < below:
                rate = share
                break
        if self.soc < 0.0:
            rate = min(rate, 0.05)
        elif self.soc > 0.95:
            rate = min(rate, max(0.05, (1.0 - self.soc) * 10.0))
        return int(self.capacity_mah * rate)

    def allowed_charge_mv(self) -> int:
        """Charge voltage of the pack."""
        return int(_CELL[self.cell_type][0] * 1000 * self.cells)

    def allowed_discharge_ma(self) -> int:
        """What may be drawn."""
        return self.capacity_mah if self.state & DISCHARGE_SWITCH else 0

    def challenge(self, nonce: bytes) -> None:
        """Begin a proof; it is ready some tens of milliseconds later."""
        self.nonce = bytes(nonce)
        self.mac = None
        self._proof_left = self.PROOF_TIME

    def proof_status(self) -> int:
        """0 idle, 1 busy, 2 ready, 3 error (a pack without a key)."""
        if self.nonce is None:
            return 0
        if self._proof_left > 0.0:
            return 1
        return 2 if self.mac is not None else 3

    def _answer(self) -> "bytes | None":
        if self.key is None or self.nonce is None:
            return None
        return proof.pack_mac(self.key, self.nonce, self.serial)

    def status(self) -> Status:
        """What the BMS reports now (or forever, if it is frozen). Made anew only if something has changed."""
        held = self._held
        if held is not None and self.frozen:
            return held
        measured = self.counter, self.current_a, self.soc, self.soh, self.temp_c
        now = measured + (self.alarms, self.state, self.cycles, self.lying, self.stuck_sensor)
        if held is None or now != self._held_of:
            self._held = held = Status(self)
            self._held_of = now
        return held


def _trip(alarms: int, bit: int, on: bool, off: bool) -> int:
    if on:
        return alarms | bit
    if off:
        return alarms & ~bit
    return alarms
