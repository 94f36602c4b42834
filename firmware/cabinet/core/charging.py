"""Who is charged, and how fast: shares the power budget among the slots. What it decides is a wish; the interlock has
the last word.

The plan is made once a second. The fullest pack goes first, so that packs become ready one after another; what is
left goes to the next.
"""

from micropython import const

from cabinet.core import ticks
from cabinet.core.limits import COLD_TIERS, TARGETS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.core.options import Options
    from cabinet.core.slot_state import SlotState

_PLAN_MS = const(1000)


def target_mv(s: "SlotState") -> int:
    """Charge voltage: the lower of what the pack allows and what its chemistry allows. 0 where one of them is not known."""
    pack = s.pack
    if pack.chemistry not in TARGETS:
        return 0
    ours = TARGETS[pack.chemistry][0] * pack.cell_count
    return ours if ours < pack.charge_limit_mv else pack.charge_limit_mv


def largest_ma(s: "SlotState", options: "Options", derate_pct: int) -> int:
    """Charge current: the least of what pack, chemistry, temperature, faults and settings allow."""
    pack = s.pack
    if pack.chemistry not in TARGETS:
        return 0
    pct = s.faults.derate_pct if s.faults.derate_pct < derate_pct else derate_pct
    permille = TARGETS[pack.chemistry][1] * pct // 100
    for below_ddegc, tier in COLD_TIERS:
        if pack.temp_min_ddegc < below_ddegc:
            if tier < permille:  # the lower of both: `temp_cool` says the same of the cold, and it is not to count twice
                permille = tier
            break
    ma = pack.capacity_mah * permille // 1000
    if ma > pack.charge_limit_ma:
        ma = pack.charge_limit_ma
    return ma if ma < options.charge_ma else options.charge_ma


def power_w(mv: int, ma: int) -> int:
    """Watts, rounded up, in steps that fit a small integer of a 32-bit controller."""
    return ((mv + 99) // 100 * ((ma + 99) // 100) + 99) // 100


class ChargePlan:
    """Shares the budget anew once a second."""

    def __init__(self, slots: list, options: "Options") -> None:
        self._slots = slots
        self._options = options
        self._planned_ms = None
        self._open = bytearray(len(slots))  # slots that still wait for their share in this round
        self._mv = [0] * len(slots)  # the charge voltage that each share was reckoned with
        self.power_w = 0  # mains power that the plan may draw

    def wishes(self, s: "SlotState") -> bool:
        """Whether this slot has a pack that could be charged now."""
        return s.accepted and s.enabled and not s.is_full and not s.reserved and s.faults.stop_rule < 0 and s.identified

    def mv(self, s: "SlotState") -> int:
        """Charge voltage of this slot now, never above the one its share was reckoned with: a pack that allows more in
        between may draw it from the next plan on, when the others have been given less."""
        now_mv = target_mv(s)
        planned_mv = self._mv[s.number - 1]
        return now_mv if now_mv < planned_mv else planned_mv

    def step(self, now_ms: int, derate_pct: int) -> None:
        """Plan, if a second has passed. A slot that has lost its wish gives up its share at once."""
        for s in self._slots:
            if s.plan_ma and not self.wishes(s):
                s.plan_ma = 0
        if self._planned_ms is not None and 0 <= ticks.diff(now_ms, self._planned_ms) < _PLAN_MS:
            return
        self._planned_ms = now_ms
        self._share(derate_pct)

    def _share(self, derate_pct: int) -> None:
        options = self._options
        left_w = options.budget_w * options.charger_efficiency_pct // 100
        budget_w = left_w
        waiting = self._open
        for s in self._slots:
            wishes = self.wishes(s)
            waiting[s.number - 1] = wishes
            if not wishes:
                s.plan_ma = 0
                s.plan_why = "planning"
        while True:
            s = self._next()
            if s is None:
                break
            waiting[s.number - 1] = 0
            mv = target_mv(s)
            ma = largest_ma(s, options, derate_pct)
            s.plan_why = "temperature"
            if mv <= 0 or ma <= 0:
                s.plan_ma = 0
                continue
            if power_w(mv, ma) > left_w:
                ma = left_w * 1000 // ((mv + 999) // 1000) // 100 * 100  # rounds down twice
                s.plan_why = "budget"
                if ma < options.charge_min_ma:
                    s.plan_ma = 0
                    continue
            s.plan_ma = ma
            self._mv[s.number - 1] = mv
            left_w -= power_w(mv, ma)
        self.power_w = (budget_w - left_w) * 100 // options.charger_efficiency_pct

    def _next(self) -> "SlotState | None":
        best = None
        for s in self._slots:
            if self._open[s.number - 1] and (best is None or s.last_soc_pct > best.last_soc_pct):
                best = s
        return best


