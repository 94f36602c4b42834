"""What is known of a pack, a charger, a slot's I/O and the cabinet, and how old it is.

Readings are allocated once and written in place by the device that owns them. `taken_ms` is the instant (board ticks,
see core.ticks) at which the last complete and plausible answer arrived; None means: never, or too long ago to count.
A device writes a reading only as a whole: a frame that fails any check leaves it as it was.
"""

from cabinet.core import ticks

# chemistry codes, as on the pack link (docs/pack-link.md)
CHEMISTRY_UNKNOWN = 0
CHEMISTRY_LFP = 1
CHEMISTRY_NMC = 2

# alarm bits, the same for every maker's BMS after decoding
ALARM_CELL_OVER_VOLTAGE = 1 << 0
ALARM_CELL_UNDER_VOLTAGE = 1 << 1
ALARM_PACK_OVER_VOLTAGE = 1 << 2
ALARM_PACK_UNDER_VOLTAGE = 1 << 3
ALARM_CHARGE_OVER_TEMPERATURE = 1 << 4
ALARM_CHARGE_UNDER_TEMPERATURE = 1 << 5
ALARM_DISCHARGE_OVER_TEMPERATURE = 1 << 6
ALARM_DISCHARGE_UNDER_TEMPERATURE = 1 << 7
ALARM_CHARGE_OVER_CURRENT = 1 << 8
ALARM_DISCHARGE_OVER_CURRENT = 1 << 9
ALARM_SHORT_CIRCUIT = 1 << 10
ALARM_INTERNAL = 1 << 11
ALARM_IMBALANCE = 1 << 12

# in the place of what a pack does not report, or reports with broken sensors
CELLS_UNKNOWN = -1  # cell_min_mv, cell_max_mv
TEMPERATURE_UNKNOWN = -9999  # temp_min_ddegc, temp_max_ddegc

# pack state bits
STATE_CHARGE_SWITCH_ON = 1 << 0
STATE_DISCHARGE_SWITCH_ON = 1 << 1
STATE_BALANCING = 1 << 2

# charger fault bits
CHARGER_HARDWARE = 1 << 0
CHARGER_OVER_TEMPERATURE = 1 << 1
CHARGER_INPUT_VOLTAGE = 1 << 2
CHARGER_NO_BATTERY = 1 << 3
CHARGER_COMMUNICATION = 1 << 4

# cabinet input bits (True in a bit = the danger is there)
CABINET_SMOKE = 1 << 0
CABINET_WATER = 1 << 1
CABINET_EMERGENCY_STOP = 1 << 2
CABINET_TILT = 1 << 3
CABINET_GAS = 1 << 4
CABINET_GROUND_FAULT = 1 << 5
CABINET_FAN = 1 << 6
CABINET_MAINS_LOST = 1 << 7


def is_fresh(taken_ms: "int | None", now_ms: int, limit_ms: int) -> bool:
    """True if something was taken at all and not longer than `limit_ms` ago."""
    return taken_ms is not None and 0 <= ticks.diff(now_ms, taken_ms) <= limit_ms


class PackReading:
    """One pack as its BMS reports it. Current is positive when charging."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything: the pack left, or its data are too old to be believed."""
        self.taken_ms = None  # type: int | None # status values below
        self.identity_taken_ms = None  # type: int | None # serial, maker, chemistry, cell count, nominal voltage, capacity
        self.serial = ""
        self.maker = ""
        self.chemistry = CHEMISTRY_UNKNOWN
        self.cell_count = 0
        self.nominal_mv = 0
        self.capacity_mah = 0
        self.counter = 0  # changes with every measurement of the BMS; a frozen BMS repeats it
        self.state_bits = 0
        self.alarm_bits = 0
        self.pack_mv = 0
        self.current_ma = 0
        self.soc_pct = 0
        self.soh_pct = 0
        self.cell_min_mv = 0
        self.cell_max_mv = 0
        self.temp_min_ddegc = 0
        self.temp_max_ddegc = 0
        self.charge_limit_ma = 0  # what the pack allows now (SOP)
        self.charge_limit_mv = 0
        self.cycles = 0

    def is_whole(self) -> bool:
        """Whether cells and temperatures are known: without them a pack is watched, and neither charged nor handed out."""
        return self.cell_max_mv != CELLS_UNKNOWN and self.temp_max_ddegc != TEMPERATURE_UNKNOWN


class ChargerReading:
    """One charger channel as it reports itself."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.taken_ms = None  # type: int | None
        self.output_mv = 0
        self.output_ma = 0
        self.fault_bits = 0
        self.temp_ddegc = None  # type: int | None # most chargers do not tell


class SlotReading:
    """Door, lock and presence switch of one compartment."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.taken_ms = None  # type: int | None
        self.door_closed = False
        self.lock_locked = False
        self.pack_present = False
        self.temp_ddegc = None  # type: int | None # compartment, where there is a sensor
        self.temp_lost = False  # there is a sensor, and it reports nothing


class CabinetReading:
    """What concerns all slots at once."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.taken_ms = None  # type: int | None
        self.danger_bits = 0
        self.temp_ddegc = None  # type: int | None
        self.temp_lost = False  # there is a sensor, and it reports nothing
        self.mains_mv = None  # type: int | None
        self.mains_ma = None  # type: int | None
