"""Quantities of a slot and of the cabinet: what the safety table compares, worked out from the readings at each step.

Sign convention: see the quantities in rules.py; a quantity whose small values are dangerous is stored negated. What is not
known is UNKNOWN.
"""

from array import array

from micropython import const

from cabinet.core import reading, rules, slot_state, ticks
from cabinet.core.limits import TARGETS
from cabinet.core.rule_table import position
from cabinet.core.rules import UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.core.options import Options
    from cabinet.core.reading import CabinetReading, ChargerReading
    from cabinet.core.slot_state import SlotMeasures, SlotState

# Where each quantity stands among the values. The build puts the numbers in place of the calls (swapcab.compile.inline).
_CELL_MAX = position("cell_max_mv")
_CELL_MIN = position("cell_min_mv")
_CLASS_HIGH = position("class_high_mv")
_CLASS_LOW = position("class_low_mv")
_CELL_SUM = position("cell_sum_mv")
_OVER_OWN = position("over_own_ma")
_CHARGE = position("charge_ma")
_TEMP_MAX = position("temp_max_ddegc")
_TEMP_MIN = position("temp_min_ddegc")
_TEMP_SPREAD = position("temp_spread_ddegc")
_RISE_3S = position("rise_3s_ddegc")
_RISE_60S = position("rise_60s_ddegc")
_RISE_NEIGHBOURS = position("rise_over_neighbours_ddegc")
_SPREAD_MID = position("spread_mid_mv")
_SPREAD_REST = position("spread_rest_mv")
_SPREAD_HOUR = position("spread_hour_mv")
_SPREAD_DAY = position("spread_day_mv")
_SOH = position("soh_pct")
_CYCLES = position("cycles")
_CHEMISTRY = position("chemistry_unknown")
_IMPLAUSIBLE = position("implausible")
_SERIAL_CHANGED = position("serial_changed")
_DUPLICATE = position("duplicate")
_PROOF_FAILED = position("proof_failed")
_MARKED = position("marked")
_ALARM_STOP = position("alarm_stop")
_ALARM_FAULT = position("alarm_fault")
_ALARM_NOTE = position("alarm_note")
_SILENT = position("silent_ms")
_UNIDENTIFIED = position("unidentified_ms")
_UNPROVEN = position("unproven_ms")
_FROZEN = position("frozen_ms")
_OFF_CURRENT = position("off_current_ma")
_NO_CURRENT = position("no_current_ms")
_CHARGE_S = position("charge_s")
_CONTACT = position("contact_mohm")
_VOLT_DIFFERS = position("volt_differs_mv")
_CURRENT_DIFFERS = position("current_differs_ma")
_CURRENT_SIGN = position("current_sign")
_NEIGHBOUR_HOT = position("neighbour_hot")
_CHARGER_SILENT = position("charger_silent_ms")
_CHARGER_HARDWARE = position("charger_hardware")
_CHARGER_HOT = position("charger_hot_flag")
_CHARGER_INPUT = position("charger_input")
_CHARGER_NOTE = position("charger_note")
_CHARGER_TEMP = position("charger_ddegc")
_CHARGER_OVER = position("charger_over_mv")
_CHARGER_OFF = position("charger_off_ma")
_IO_SILENT = position("io_silent_ms")
_LOCK_DISAGREES = position("lock_disagrees")
_FORCED = position("forced")
_OPEN = position("open_ms")
_GHOST = position("ghost")
_STUCK = position("stuck")
_COMPARTMENT = position("compartment_ddegc")
_CONTACT_RISE = position("contact_rise_mohm")
_COMPARTMENT_BLIND = position("compartment_blind")
_CABINET_SILENT = position("cabinet_silent_ms")
_DANGERS = position("smoke")  # and in the order of _DANGER_BITS: smoke, gas, water, emergency stop, tilt, ground fault, fan, mains lost
_CABINET_TEMP = position("cabinet_ddegc")
_MAINS_HIGH = position("mains_high_mv")
_MAINS_LOW = position("mains_low_mv")
_MAINS_CURRENT = position("mains_ma")
_CABINET_BLIND = position("cabinet_blind")
_NO_COUNTER = const(-1)  # in SlotMeasures.counter: this pack has not reported its counter yet
_NEVER_FILLED = const(-2)  # in SlotMeasures.counter: no quantity was ever worked out
_FIRST_SLOT_QUANTITY = position("neighbour_hot")  # those of the pack stand before it, and go with the pack

_ALARMS_STOP = const(0x133)  # cell and pack over-voltage, charge over- and under-temperature, charge over-current
_ALARMS_FAULT = const(0xC00)  # short circuit, internal fault
_DANGER_BITS = (
    reading.CABINET_SMOKE,
    reading.CABINET_GAS,
    reading.CABINET_WATER,
    reading.CABINET_EMERGENCY_STOP,
    reading.CABINET_TILT,
    reading.CABINET_GROUND_FAULT,
    reading.CABINET_FAN,
    reading.CABINET_MAINS_LOST,
)

_LONG_MS = const(1 << 28)  # an age is never longer: the counter wraps
_HUGE = const(1000000)  # 1 kV, 1 kA: nothing in a cabinet comes near
_STEADY = const(10)  # 0.1 degC in 60 s: the clear level of what looks at temperatures that rise
_COLDEST = const(-400)  # 0.1 degC; sensors of packs tell nothing beyond these
_HOTTEST = const(1500)
_CELL_MOST_MV = const(5500)
_REST_MA = const(500)
_SETTLE_MS = const(1800000)  # cells are left alone for half an hour before their spread counts as resting
_HOUR_MS = const(3600000)
_DAY_MS = const(86400000)
_MOVES_MS = const(4000)  # a counter that is no older moves: packs at rest are asked every one and a half seconds
_CHARGING_MA = const(1000)  # a charger that gives this much, and a pack, must agree
_CONTACT_MA = const(3000)  # so much must flow that the drop at the connector says something
_CONTACT_EVERY_MS = const(60000)  # of charging
CONTACT_SAMPLES = 16  # behind the first mean
_BOOT_GRACE_MS = const(50000)  # after a restart all packs are identified and proven at once: that takes longer


# instants that SlotMeasures keeps
_AT_HEARD = const(0)
_AT_CHARGER_HEARD = const(1)
_AT_IO_HEARD = const(2)
_AT_OPEN = const(3)
_AT_COUNTER = const(4)
_AT_NO_CURRENT = const(5)
_AT_REST = const(6)
_AT_HOUR = const(7)
_AT_DAY = const(8)
_AT_CHARGE_STEP = const(9)
_AT_FAST = const(10)
_AT_SLOW = const(11)


def age(instants: array, index: int, now_ms: int) -> int:
    """Milliseconds since an instant: never more than three days, so that the wrap of the counter does no harm."""
    ms = ticks.diff(now_ms, instants[index])
    if ms < 0 or ms > _LONG_MS:
        instants[index] = ticks.add(now_ms, -_LONG_MS)
        return _LONG_MS
    return ms


def begin_occupancy(m: "SlotMeasures", now_ms: int) -> None:
    """Another pack, or the same one after the door was open: forget what was known."""
    at = m.instants
    at[_AT_HEARD] = now_ms
    m.counter = _NO_COUNTER
    at[_AT_NO_CURRENT] = now_ms
    at[_AT_REST] = now_ms
    m.hour_mv = m.day_mv = UNKNOWN
    m.charged_ms = 0
    m.fast_count = m.slow_count = 0
    forget_pack(m)


def wait_from(m: "SlotMeasures", now_ms: int) -> None:
    """The pack has been woken: its silence counts from now."""
    m.instants[_AT_HEARD] = now_ms


def restart_charge_time(m: "SlotMeasures") -> None:
    """Count the time of this charge from 0."""
    m.charged_ms = 0


def restore_contact(m: "SlotMeasures", mean_16: int, first_16: int) -> None:
    """Take up the connector's resistance as it was kept: sixteenths of a milliohm; a first mean of 0 was not taken yet."""
    m.contact_16 = mean_16
    m.contact_first_16 = -CONTACT_SAMPLES if mean_16 and not first_16 else first_16


def forget_pack(m: "SlotMeasures") -> None:
    """The quantities of the pack are not known."""
    values = m.values
    for index in range(_FIRST_SLOT_QUANTITY):
        values[index] = UNKNOWN


def fill(slot: "SlotState", options: "Options", now_ms: int) -> bool:
    """Work out all quantities of a slot. False if the pack's reading cannot be used at this step."""
    m = slot.measures
    at = m.instants
    if m.counter == _NEVER_FILLED:
        m.counter = _NO_COUNTER
        at[_AT_CHARGER_HEARD] = at[_AT_IO_HEARD] = at[_AT_HEARD] = at[_AT_CHARGE_STEP] = at[_AT_OPEN] = now_ms
    _fill_slot(m, slot, now_ms)
    values = m.values
    values[_CONTACT_RISE] = (m.contact_16 - m.contact_first_16) >> 4 if m.contact_first_16 > 0 else UNKNOWN
    if slot.has_pack:
        _fill_occupied(m, slot, now_ms)
        if slot.pack_fresh and _fill_pack(m, slot, options, now_ms):
            return True
        _compare(m, None, 0, 0)  # an old reading must not be compared with what the charger does now
        return False
    unseen = slot.state == slot_state.UNSEEN or slot.unexpected_pack(now_ms)
    if unseen and reading.is_fresh(slot.pack.taken_ms, now_ms, options.stale_pack_ms):
        _fill_dangers(m, slot, now_ms)  # no switch shows a pack, but one answers
    return False


def _fill_slot(m: "SlotMeasures", slot: "SlotState", now_ms: int) -> None:
    at = m.instants
    values = m.values
    io = slot.io
    if slot.io_fresh:
        at[_AT_IO_HEARD] = now_ms
        values[_IO_SILENT] = 0
        values[_LOCK_DISAGREES] = 1 if io.door_closed != io.lock_locked else 0
        values[_COMPARTMENT] = UNKNOWN if io.temp_ddegc is None else io.temp_ddegc
        values[_COMPARTMENT_BLIND] = 1 if io.temp_lost else 0
    else:
        values[_IO_SILENT] = age(at, _AT_IO_HEARD, now_ms)
        values[_LOCK_DISAGREES] = values[_COMPARTMENT] = values[_COMPARTMENT_BLIND] = UNKNOWN
    if slot.shut or slot.state == slot_state.UNSEEN:
        at[_AT_OPEN] = now_ms
        values[_OPEN] = 0
    else:
        values[_OPEN] = age(at, _AT_OPEN, now_ms)
    values[_FORCED] = 1 if slot.forced else 0
    values[_STUCK] = 1 if slot.stuck else 0
    values[_GHOST] = 1 if slot.unexpected_pack(now_ms) else 0
    left = slot.left
    right = slot.right
    values[_NEIGHBOUR_HOT] = 1 if (left is not None and left.thermal) or (right is not None and right.thermal) else 0
    charger = slot.charger
    if slot.charger_fresh and charger.taken_ms is not None:
        at[_AT_CHARGER_HEARD] = charger.taken_ms
        bits = charger.fault_bits
        on = slot.charge_ma > 0
        values[_CHARGER_SILENT] = 0
        values[_CHARGER_HARDWARE] = bits & 1
        values[_CHARGER_HOT] = bits >> 1 & 1
        values[_CHARGER_INPUT] = bits >> 2 & 1
        values[_CHARGER_NOTE] = 1 if on and bits & 0x18 else 0
        values[_CHARGER_TEMP] = UNKNOWN if charger.temp_ddegc is None else charger.temp_ddegc
        values[_CHARGER_OVER] = 0 if not on else charger.output_mv - slot.charge_mv if charger.output_ma > 500 else UNKNOWN
        values[_CHARGER_OFF] = 0 if on else charger.output_ma
    else:
        values[_CHARGER_SILENT] = age(at, _AT_CHARGER_HEARD, now_ms)
        values[_CHARGER_HARDWARE] = values[_CHARGER_HOT] = values[_CHARGER_INPUT] = values[_CHARGER_NOTE] = UNKNOWN
        values[_CHARGER_TEMP] = values[_CHARGER_OVER] = values[_CHARGER_OFF] = UNKNOWN


def _fill_occupied(m: "SlotMeasures", slot: "SlotState", now_ms: int) -> None:
    """What can be said of a pack that is there, whether it answers or not."""
    at = m.instants
    values = m.values
    if slot.pack_fresh:
        at[_AT_HEARD] = now_ms
        values[_SILENT] = 0
    else:
        values[_SILENT] = age(at, _AT_HEARD, now_ms)
    grace_ms = _BOOT_GRACE_MS if slot.present_at_boot else 0
    values[_UNIDENTIFIED] = slot.age(now_ms) - grace_ms if slot.state == slot_state.IDENTIFYING and slot.pack_fresh else 0
    if slot.state == slot_state.CHECKING and slot.proof <= slot_state.PENDING:
        values[_UNPROVEN] = _LONG_MS if slot.challenges_exhausted else slot.age(now_ms) - grace_ms
    else:
        values[_UNPROVEN] = 0
    values[_PROOF_FAILED] = 1 if slot.proof == slot_state.FAILED else 0
    values[_MARKED] = 1 if slot.serial_quarantined else 0
    values[_DUPLICATE] = 1 if slot.duplicate else 0
    step_ms = age(at, _AT_CHARGE_STEP, now_ms)
    at[_AT_CHARGE_STEP] = now_ms
    if slot.charge_ma > 0:
        minute = m.charged_ms // _CONTACT_EVERY_MS
        m.charged_ms += (step_ms + 1) // 2 if _is_slow(slot) else step_ms
        if m.charged_ms // _CONTACT_EVERY_MS != minute:
            _follow_contact(m, values[_CONTACT])  # of the last step; UNKNOWN is far below 0
    elif slot.is_full:
        m.charged_ms = 0
    values[_CHARGE_S] = m.charged_ms // 1000


def _is_slow(slot: "SlotState") -> bool:
    """Whether cold, budget or charger leave at most half of what the chemistry would take: such a charge takes longer, and
    its time counts half, as the safety timer of TI's charger ICs does (BQ25910, BQ25601D: data sheets).
    """
    pack = slot.pack
    return pack.chemistry in TARGETS and slot.charge_ma * 2000 <= pack.capacity_mah * TARGETS[pack.chemistry][1]


def _fill_pack(m: "SlotMeasures", slot: "SlotState", options: "Options", now_ms: int) -> bool:
    """The quantities of a fresh reading. False if it cannot be true: nothing is permitted on such values, and what was known stands."""
    at = m.instants
    values = m.values
    pack = slot.pack
    if _implausible(slot):
        values[_IMPLAUSIBLE] = 1
        _fill_dangers(m, slot, now_ms)
        return False
    values[_IMPLAUSIBLE] = 0
    cell_min = pack.cell_min_mv
    cell_max = pack.cell_max_mv
    pack_mv = pack.pack_mv
    current = pack.current_ma
    hottest = pack.temp_max_ddegc
    values[_CELL_MAX] = cell_max if cell_max != reading.CELLS_UNKNOWN else UNKNOWN
    values[_CELL_MIN] = -cell_min if cell_min != reading.CELLS_UNKNOWN else UNKNOWN
    values[_CHARGE] = current
    values[_OVER_OWN] = current - pack.charge_limit_ma if current > 0 else 0
    if hottest != reading.TEMPERATURE_UNKNOWN:
        values[_TEMP_MAX] = hottest
        values[_TEMP_MIN] = -pack.temp_min_ddegc
        values[_TEMP_SPREAD] = hottest - pack.temp_min_ddegc
    else:
        values[_TEMP_MAX] = values[_TEMP_MIN] = values[_TEMP_SPREAD] = UNKNOWN
    values[_SOH] = -pack.soh_pct
    values[_CYCLES] = pack.cycles
    alarms = pack.alarm_bits
    values[_ALARM_STOP] = 1 if alarms & _ALARMS_STOP else 0
    values[_ALARM_FAULT] = 1 if alarms & _ALARMS_FAULT else 0
    values[_ALARM_NOTE] = 1 if alarms & ~(_ALARMS_STOP | _ALARMS_FAULT) else 0
    high = pack_mv - options.class_max_mv
    low = options.class_min_mv * 6 // 10 - pack_mv
    if slot.identified:
        count = pack.cell_count
        nominal = pack.nominal_mv
        high = max(high, nominal - options.class_max_mv)
        low = max(low, options.class_min_mv - nominal)
        values[_CHEMISTRY] = 0 if pack.chemistry in TARGETS else 1
        whole = cell_max != reading.CELLS_UNKNOWN
        values[_CELL_SUM] = max(count * cell_min - pack_mv, pack_mv - count * cell_max) if whole else UNKNOWN
        values[_SERIAL_CHANGED] = 1 if pack.serial != slot.serial else 0
    values[_CLASS_HIGH] = high
    values[_CLASS_LOW] = low
    if pack.counter != m.counter:
        m.counter = pack.counter
        at[_AT_COUNTER] = now_ms
    frozen_ms = age(at, _AT_COUNTER, now_ms)
    values[_FROZEN] = frozen_ms if frozen_ms > _MOVES_MS else 0
    _fill_charge(m, slot, pack_mv, current, cell_max, now_ms)
    if cell_max != reading.CELLS_UNKNOWN:
        _fill_rest(m, current, cell_max - cell_min, pack.soc_pct, now_ms)
    else:
        values[_SPREAD_MID] = values[_SPREAD_REST] = values[_SPREAD_HOUR] = values[_SPREAD_DAY] = UNKNOWN
    if hottest != reading.TEMPERATURE_UNKNOWN:
        _fill_rise(m, slot, hottest, now_ms)
    else:
        m.fast_count = m.slow_count = 0
        values[_RISE_3S] = values[_RISE_60S] = values[_RISE_NEIGHBOURS] = UNKNOWN
    return True


def _fill_dangers(m: "SlotMeasures", slot: "SlotState", now_ms: int) -> None:
    """Of a reading that cannot be true as a whole: what would be dangerous if this part of it were."""
    values = m.values
    pack = slot.pack
    hottest = max(pack.temp_max_ddegc, pack.temp_min_ddegc)  # unknown lies below all
    if hottest >= _COLDEST:
        values[_TEMP_MAX] = hottest = min(hottest, _HOTTEST)
        _fill_rise(m, slot, hottest, now_ms)
    if 0 <= pack.cell_max_mv <= _CELL_MOST_MV:
        values[_CELL_MAX] = pack.cell_max_mv
    values[_ALARM_STOP] = 1 if pack.alarm_bits & _ALARMS_STOP else 0
    values[_ALARM_FAULT] = 1 if pack.alarm_bits & _ALARMS_FAULT else 0


def _implausible(slot: "SlotState") -> bool:
    pack = slot.pack
    cells_known = pack.cell_min_mv != reading.CELLS_UNKNOWN or pack.cell_max_mv != reading.CELLS_UNKNOWN
    temps_known = pack.temp_min_ddegc != reading.TEMPERATURE_UNKNOWN or pack.temp_max_ddegc != reading.TEMPERATURE_UNKNOWN
    return (
        (cells_known and not 0 <= pack.cell_min_mv <= pack.cell_max_mv <= _CELL_MOST_MV)
        or not 0 <= pack.pack_mv <= _HUGE
        or not -_HUGE <= pack.current_ma <= _HUGE
        or not 0 <= pack.charge_limit_ma <= _HUGE
        or not 0 <= pack.nominal_mv <= _HUGE
        or not 0 <= pack.soc_pct <= 100
        or not 0 <= pack.soh_pct <= 150  # some count a new pack's as more than its nominal capacity
        or (temps_known and not _COLDEST <= pack.temp_min_ddegc <= pack.temp_max_ddegc <= _HOTTEST)
        or (slot.identified and not 0 < pack.cell_count <= 32)
    )


def _fill_charge(m: "SlotMeasures", slot: "SlotState", pack_mv: int, current: int, cell_max: int, now_ms: int) -> None:
    at = m.instants
    values = m.values
    if slot.charge_ma > 0:
        values[_OFF_CURRENT] = 0
        if current >= 200 or cell_max >= slot.cell_target_mv - 50:
            at[_AT_NO_CURRENT] = now_ms
        values[_NO_CURRENT] = age(at, _AT_NO_CURRENT, now_ms)
        _compare(m, slot.charger if slot.charger_fresh else None, pack_mv, current)
    else:
        values[_OFF_CURRENT] = current if current >= 0 else -current
        at[_AT_NO_CURRENT] = now_ms
        values[_NO_CURRENT] = 0
        _compare(m, None, pack_mv, current)


def _compare(m: "SlotMeasures", charger: "ChargerReading | None", pack_mv: int, current: int) -> None:
    """What charger and pack tell of the same voltage and the same current; None: the charger is off or not known."""
    values = m.values
    if charger is None or charger.output_ma < _CHARGING_MA:
        values[_VOLT_DIFFERS] = values[_CURRENT_DIFFERS] = values[_CURRENT_SIGN] = UNKNOWN
    else:
        differs = charger.output_mv - pack_mv
        values[_VOLT_DIFFERS] = differs if differs >= 0 else -differs
        differs = charger.output_ma - current
        values[_CURRENT_DIFFERS] = (differs if differs >= 0 else -differs) - charger.output_ma // 10
        values[_CURRENT_SIGN] = 1 if current <= -_REST_MA else 0
    if charger is None or current < _CONTACT_MA:
        values[_CONTACT] = UNKNOWN
        return
    values[_CONTACT] = (charger.output_mv - pack_mv) * 1000 // current


def _follow_contact(m: "SlotMeasures", mohm: int) -> None:
    """One more sample of the connector's resistance: the mean follows it slowly."""
    if not 0 < mohm < 1000:
        return
    if not m.contact_16:
        m.contact_16 = mohm << 4
        m.contact_first_16 = -CONTACT_SAMPLES
    else:
        m.contact_16 += ((mohm << 4) - m.contact_16) // 8
    if m.contact_first_16 < 0:
        m.contact_first_16 += 1
        if not m.contact_first_16:
            m.contact_first_16 = m.contact_16


def _fill_rest(m: "SlotMeasures", current: int, spread: int, soc_pct: int, now_ms: int) -> None:
    at = m.instants
    values = m.values
    if current > _REST_MA or current < -_REST_MA:
        at[_AT_REST] = now_ms
        m.hour_mv = m.day_mv = UNKNOWN
        values[_SPREAD_MID] = values[_SPREAD_REST] = values[_SPREAD_HOUR] = values[_SPREAD_DAY] = UNKNOWN
        return
    values[_SPREAD_REST] = spread
    values[_SPREAD_MID] = spread if 20 <= soc_pct <= 80 else UNKNOWN
    if age(at, _AT_REST, now_ms) < _SETTLE_MS:
        return
    if m.hour_mv == UNKNOWN or age(at, _AT_HOUR, now_ms) >= _HOUR_MS:
        at[_AT_HOUR] = now_ms
        m.hour_mv = spread
    if m.day_mv == UNKNOWN or age(at, _AT_DAY, now_ms) >= _DAY_MS:
        at[_AT_DAY] = now_ms
        m.day_mv = spread
    values[_SPREAD_HOUR] = spread - m.hour_mv
    values[_SPREAD_DAY] = spread - m.day_mv


def _fill_rise(m: "SlotMeasures", slot: "SlotState", hottest: int, now_ms: int) -> None:
    at = m.instants
    values = m.values
    if m.fast_count == 0 or age(at, _AT_FAST, now_ms) >= 1000:
        at[_AT_FAST] = now_ms
        m.fast[m.fast_count & 3] = hottest
        m.fast_count = m.fast_count + 1 if m.fast_count < 7 else 4
    if m.slow_count == 0 or age(at, _AT_SLOW, now_ms) >= 10000:
        at[_AT_SLOW] = now_ms
        slow = m.slow
        if m.slow_count == 7:
            for index in range(6):
                slow[index] = slow[index + 1]
            m.slow_count = 6
        slow[m.slow_count] = hottest
        m.slow_count += 1
    # the oldest sample lies 3 to 4 s, or up to 60 to 70 s, back
    if hottest < 600:
        values[_RISE_3S] = 0
    else:
        values[_RISE_3S] = hottest - m.fast[m.fast_count & 3] if m.fast_count >= 4 else UNKNOWN
    rise = hottest - m.slow[0]
    values[_RISE_60S] = rise
    others = UNKNOWN
    if slot.left is not None:
        others = slot.left.measures.values[_RISE_60S]
    if slot.right is not None:
        right = slot.right.measures.values[_RISE_60S]
        if right != UNKNOWN and (others == UNKNOWN or right > others):
            others = right
    # a neighbour that cools down says nothing about this pack, nor does one that is not there: but a pack that keeps its
    # temperature is no different from anybody
    if others != UNKNOWN:
        values[_RISE_NEIGHBOURS] = rise - others if others > 0 else rise
    else:
        values[_RISE_NEIGHBOURS] = rise if rise <= _STEADY else UNKNOWN


class CabinetMeasures:
    """The quantities of the cabinet as a whole."""

    def __init__(self) -> None:
        self.values = array("i", [UNKNOWN] * rules.QUANTITIES)
        self._at = array("i", [0])
        self._first = True

    @property
    def heard_ms(self) -> int:
        """When the cabinet's inputs were last fresh."""
        return self._at[0]

    def fill(self, cabinet: "CabinetReading", fresh: bool, now_ms: int) -> None:
        """Work out everything at this instant."""
        values = self.values
        if self._first:
            self._first = False
            self._at[0] = now_ms
        if not fresh:
            values[_CABINET_SILENT] = age(self._at, 0, now_ms)
            return
        self._at[0] = now_ms
        values[_CABINET_SILENT] = 0
        bits = cabinet.danger_bits
        index = _DANGERS
        for bit in _DANGER_BITS:
            values[index] = 1 if bits & bit else 0
            index += 1
        values[_CABINET_TEMP] = UNKNOWN if cabinet.temp_ddegc is None else cabinet.temp_ddegc
        values[_CABINET_BLIND] = 1 if cabinet.temp_lost else 0
        mains = cabinet.mains_mv
        values[_MAINS_HIGH] = UNKNOWN if mains is None else mains
        values[_MAINS_LOW] = UNKNOWN if mains is None else -mains
        values[_MAINS_CURRENT] = UNKNOWN if cabinet.mains_ma is None else cabinet.mains_ma
