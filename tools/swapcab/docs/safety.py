# ruff: noqa: E501  rows of tables
"""docs/safety.md from the tables of firmware/cabinet/core: `python -m swapcab.docs.safety [--check]`."""

import importlib
import sys
from types import ModuleType

from swapcab.docs import reaction as gen_reaction
from swapcab.paths import ROOT, use_firmware

TARGET = ROOT / "docs" / "safety.md"

# what the quantities of the table mean: name -> (unit, meaning)
QUANTITIES = {
    "cell_max_mv": ("mV", "highest cell voltage"),
    "cell_min_mv": ("mV", "lowest cell voltage"),
    "class_high_mv": ("mV", "measured or nominal pack voltage above the class of the slot"),
    "class_low_mv": ("mV", "measured or nominal pack voltage below the class of the slot"),
    "cell_sum_mv": ("mV", "pack voltage outside cell count times lowest and highest cell"),
    "over_own_ma": ("mA", "charge current above what the pack allows"),
    "charge_ma": ("mA", "charge current"),
    "temp_max_ddegc": ("0.1 degC", "highest temperature in the pack"),
    "temp_min_ddegc": ("0.1 degC", "lowest temperature in the pack"),
    "temp_spread_ddegc": ("0.1 degC", "between the sensors of the pack"),
    "rise_3s_ddegc": ("0.1 degC", "temperature rise in 3 s, from 60 degC on"),
    "rise_60s_ddegc": ("0.1 degC", "temperature rise in 60 s"),
    "rise_over_neighbours_ddegc": ("0.1 degC", "temperature rise in 60 s above that of the neighbours"),
    "spread_mid_mv": ("mV", "cell spread at rest, 20 to 80 % charged"),
    "spread_rest_mv": ("mV", "cell spread at rest"),
    "spread_hour_mv": ("mV", "growth of the cell spread in an hour at rest"),
    "spread_day_mv": ("mV", "growth of the cell spread in a day at rest"),
    "soh_pct": ("%", "state of health"),
    "cycles": ("", "charge cycles"),
    "chemistry_unknown": ("flag", "the pack tells a chemistry that has no limits here"),
    "implausible": ("flag", "values that cannot be true"),
    "serial_changed": ("flag", "another serial number behind a shut door"),
    "duplicate": ("flag", "a serial number that another slot has as well"),
    "proof_failed": ("flag", "the pack failed its proof of identity"),
    "marked": ("flag", "the serial number was put into quarantine earlier"),
    "alarm_stop": ("flag", "BMS alarm that forbids charging"),
    "alarm_fault": ("flag", "BMS alarm: short circuit or internal fault"),
    "alarm_note": ("flag", "any other BMS alarm"),
    "silent_ms": ("ms", "time without fresh data of a pack that is there (fresh: see `stale_pack_ms`, `stale_rest_ms`)"),
    "unidentified_ms": ("ms", "time without the identity of a pack that answers"),
    "unproven_ms": ("ms", "time without a proof of an identified pack"),
    "frozen_ms": ("ms", "time with the measurement counter standing still"),
    "off_current_ma": ("mA", "current, either way, with the charger off"),
    "no_current_ms": ("ms", "time with the charger on and no current"),
    "charge_s": ("s", "length of the charge"),
    "contact_mohm": ("mOhm", "resistance between charger and pack"),
    "volt_differs_mv": ("mV", "voltage of the charger against that of the pack, while current flows"),
    "current_differs_ma": ("mA", "current of the charger against that of the pack, beyond a tenth of it"),
    "current_sign": ("flag", "the pack tells that it is discharged while the charger tells that it gives current"),
    "neighbour_hot": ("flag", "thermal alarm in a neighbouring slot"),
    "charger_silent_ms": ("ms", "time without an answer of the charger"),
    "charger_hardware": ("flag", "charger reports a hardware fault"),
    "charger_hot_flag": ("flag", "charger reports over-temperature"),
    "charger_input": ("flag", "charger reports wrong input voltage"),
    "charger_note": ("flag", "charger reports missing battery or lost commands while it should charge"),
    "charger_ddegc": ("0.1 degC", "charger temperature"),
    "charger_over_mv": ("mV", "charger output above the voltage that was permitted"),
    "charger_off_ma": ("mA", "charger output current while it is to be off"),
    "io_silent_ms": ("ms", "time without door, lock and presence data"),
    "lock_disagrees": ("flag", "door shut but not locked, or open and locked"),
    "forced": ("flag", "door opened without a pulse"),
    "open_ms": ("ms", "time that the door has been open"),
    "ghost": ("flag", "the presence switch says empty, but a BMS answers, or the pack has vanished behind a shut door"),
    "stuck": ("flag", "door did not open after all pulses"),
    "compartment_blind": ("flag", "the sensor of the compartment is there and tells no temperature"),
    "cabinet_blind": ("flag", "the sensor of the cabinet is there and tells no temperature"),
    "compartment_ddegc": ("0.1 degC", "compartment temperature"),
    "contact_rise_mohm": ("mOhm", "mean resistance of the slot's connector over its first mean"),
    "cabinet_silent_ms": ("ms", "time without the cabinet's own inputs"),
    "smoke": ("flag", "smoke detector"),
    "gas": ("flag", "gas detector"),
    "water": ("flag", "water sensor"),
    "emergency_stop": ("flag", "emergency stop"),
    "tilt": ("flag", "tilt sensor"),
    "ground_fault": ("flag", "ground fault"),
    "fan": ("flag", "fan fault"),
    "mains_lost": ("flag", "mains lost"),
    "cabinet_ddegc": ("0.1 degC", "cabinet temperature"),
    "mains_high_mv": ("mV", "mains voltage"),
    "mains_low_mv": ("mV", "mains voltage"),
    "mains_ma": ("mA", "mains current, where a meter tells it"),
}

SOURCES = {
    "LibreSolar": "read: LibreSolar/bms-firmware, app/src/bms_common.c",
    "zld08": "read: lengli221/zld08, public C firmware of a cabinet in use",
    "foxBMS": "read: foxBMS 2 v1.6, battery_cell_cfg.h and diag_cfg.c (its numbers belong to a placeholder cell)",
    "Lishen": "read: data sheets of Lishen LP54173207 (LFP, 3.65 V) and Lishen 18650 (NMC, 4.23 V)",
    "NCR18650GA": "read: data sheet of NCR18650GA (cell never above 70 degC)",
    "Alpha": "read: manual of Alpha APL48-50LFP, p. 12 (charge rate by temperature)",
    "Elcon": "read: several public implementations of the TC/Elcon CAN protocol",
    "chnbia": "read: chnbia.com (cabinets work from 0 to 55 degC)",
    "productgrowth": "read: productgrowth.in (second-hand: 80 % ends life as a swap pack)",
    "zld08,tightened": "read: lengli221/zld08 gives 10 s; taken stricter here",
    "recall": "general knowledge that nobody checked: confirm it with the maker of your cells",
    "proposal": "chosen for Swapcab: confirm it with the maker of your cells",
}

HEAD = """<!-- generated by `python -m swapcab.docs.safety`; edit firmware/cabinet/core instead -->
# Safety

What follows is generated from the code that decides. Limit set version {version}.

**No number here has been tried on hardware.** Rows whose source is *recall* or *proposal* were read nowhere: whoever
deploys a cabinet must confirm them, and all others too, with the makers of cells, packs and chargers. The firmware is
one layer: it does not replace the protection in the pack, the charger's own limits, fuses, the mains relay that the
heartbeat holds, smoke detection, or a fire concept for the site.

## How it works

- **Quantities** are worked out from the readings at each step (every 50 ms). What is not known trips nothing and
  clears nothing, and the times of its rules stand still meanwhile; that a reading is missing or old is a quantity of
  its own, and the interlock asks for fresh data besides. One value that cannot be true makes the pack implausible;
  temperature, highest cell and alarms of the same reading are judged all the same.
- **A rule trips** when its quantity reaches the limit and stays there for the debounce time. **It clears** when the
  quantity has come back to the clear level and stayed there for the clear time. Some latch: until the pack leaves the
  slot, or until service clears them (and then only if the clear condition holds). What only service may clear
  outlives a power cut, also after it was lifted, until its clear condition has held.
- **Reactions** form a ladder: {reactions}. At *give_back* a pack is given back if a rider has just brought it, and
  otherwise kept, neither charged nor handed out. At *quarantine* no rider gets the door open, and the serial number
  is remembered. *stop_cabinet* switches off every charger and ends swaps.
- **Thermal rules** ({thermal}) also stop the neighbouring slots, and bar the door for service as long as they stand.
- **Limits are hard caps.** A setting (`limits`, docs/settings.md) may tighten one and never loosens it. A pack whose
  chemistry is not known gets the stricter of the two limits, and is given back.
- Each charge permit is the least of what pack, chemistry, temperature, faults, settings and power budget allow,
  recomputed at every step.

## When a charger may run

The interlock (`core/interlock.py`) asks in this order, and tells the first that fails: cabinet not stopped, no
cabinet fault that stops charging, fresh door data, pack present, door shut, no fault that stops charging, lock shut,
fresh pack data, identity known and unchanged, identity proven, pack accepted, fresh charger data, flash takes events,
slot in service, pack not being handed out, not full, the pack itself allows charging, and the plan has power for it.

## When a door may open

Fresh door data, door shut, no thermal alarm in the slot; for a rider also: cabinet not stopped, no quarantine, slot
in service, and an empty slot for a pack to be put in, or a proven, accepted and full pack to be taken out. Then for
everybody: no current flows, no other door stands open or has just been pulsed, and at most three pulses a minute. One
pulse a step at most. A door left open for longer than `left_open_ms` no longer holds up the others.

## Charge targets

| chemistry | V a cell | largest current, C | source |
|---|---|---|---|
{targets}

In the cold: {cold}. Source: Alpha (LFP); for NMC the same is a proposal.
Where a rule derates as well, the lower of both currents counts, not their product.

The time of a charge (`charge_long`) counts half while its current is at most half of the largest one above, whether cold, budget or the
charger keeps it there: as the safety timer of charger ICs does (TI BQ25910 and BQ25601D, data sheets). So six hours become at most twelve."""


def _value(value: int, unit: str) -> str:
    """A number with its unit, as people read it."""
    if unit == "flag":
        return "yes" if value else "no"
    if unit == "0.1 degC":
        return f"{value / 10:g} degC"
    if unit == "mV" and abs(value) >= 2000:
        return f"{value / 1000:g} V"
    if unit == "mA" and abs(value) >= 1000:
        return f"{value / 1000:g} A"
    if unit == "ms" and abs(value) >= 1000:
        return f"{value / 1000:g} s"
    return f"{value} {unit}".strip()


def _pair(lfp: int, nmc: int, unit: str) -> str:
    """One value where both chemistries have the same."""
    return _value(lfp, unit) if lfp == nmc else f"LFP {_value(lfp, unit)}, NMC {_value(nmc, unit)}"


def wanted() -> list[str]:
    """Rows that other files still owe to the rules and quantities of the table."""
    use_firmware()
    rules = importlib.import_module("cabinet.core.rules")
    rule_words = importlib.import_module("cabinet.core.rule_words")
    codes = importlib.import_module("cabinet.core.reason_codes").codes()
    written = {line.split(" ", 1)[0] for line in rule_words.WORDS.splitlines()}
    wants = [f"firmware/cabinet/core/rule_words.py wants a line for the rule {name}" for name in rules.IDS if name not in written]
    for name in rules.quantity_names():
        if name not in QUANTITIES:
            wants.append(f"tools/swapcab/docs/safety.py wants a row in QUANTITIES for {name}")
    for rule in range(rules.COUNT):
        if rules.source(rule) not in SOURCES:
            wants.append(f"tools/swapcab/docs/safety.py wants a row in SOURCES for {rules.source(rule)}, which {rules.IDS[rule]} names")
        if rules.reason(rule) not in codes:
            wants.append(f"firmware/cabinet/core/reason_codes.py wants a row for {rules.reason(rule)}, which {rules.IDS[rule]} names")
    return wants


def render() -> str:
    """The page as text."""
    use_firmware()
    rules = importlib.import_module("cabinet.core.rules")
    limits = importlib.import_module("cabinet.core.limits")
    words = importlib.import_module("cabinet.core.reason_codes")
    rule_words = importlib.import_module("cabinet.core.rule_words")
    names = rules.quantity_names()
    chemistries = {code: name for name, code in limits.CHEMISTRY_NAMES.items()}
    targets = "\n".join(f"| {chemistries[c]} | {row[0] / 1000:g} | {row[1] / 1000:g} | {row[2]} |" for c, row in limits.TARGETS.items())
    cold = ", ".join(f"below {t / 10:g} degC {'not at all' if not p else f'at most {p / 1000:g} C'}" for t, p in limits.COLD_TIERS)
    thermal = ", ".join(f"`{rules.IDS[rule]}`" for rule in rules.THERMAL)
    parts = [HEAD.format(version=limits.VERSION, reactions=", ".join(rules.REACTIONS), thermal=thermal, targets=targets, cold=cold)]
    titles = (("pack", "Pack"), ("slot", "Slot and charger"), ("cabinet", "Cabinet"))
    latches = {"free": "", "stay": "latches until the pack leaves", "service": "latches until service clears it"}
    for scope, title in titles:
        head = ("rule", "quantity", "trips at", "for", "clears at", "for", "reaction", "source", "words")
        lines = [f"\n## {title}\n", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
        for rule in range(rules.COUNT):
            if rules.SCOPES[rules.scope(rule)] != scope:
                continue
            unit, meaning = QUANTITIES[names[rules.quantity(rule)]]
            sign = "" if unit == "flag" else ("≥ " if rules.side(rule) > 0 else "≤ ")
            back = "" if unit == "flag" else ("≤ " if rules.side(rule) > 0 else "≥ ")
            limit = sign + _pair(rules.level(rule, 0), rules.level(rule, 1), unit)
            clear = back + _pair(rules.level(rule, 2), rules.level(rule, 3), unit)
            reaction = rules.REACTIONS[rules.reaction(rule)]
            if rules.derate_pct(rule):
                reaction += f" to {rules.derate_pct(rule)} %"
            latch = latches[rules.LATCHES[rules.latch(rule)]]
            cells = (
                f"`{rules.IDS[rule]}`", meaning, limit, _value(rules.debounce_ms(rule), "ms"), clear, _value(rules.clear_ms(rule), "ms"),
                reaction + ("; " + latch if latch else ""), rules.source(rule), rule_words.of_rule(rule),
            )  # fmt: skip
            lines.append("| " + " | ".join(cells) + " |")
        parts.append("\n".join(lines) + "\n")
    used = {rules.source(rule) for rule in range(rules.COUNT)}
    parts.append("\n## Sources\n\n| name | what it is |\n|---|---|\n")
    parts.append("".join(f"| {name} | {SOURCES[name]} |\n" for name in SOURCES if name in used))
    parts.append(gen_reaction.render(rules))
    parts.append("\n## Reason codes\n\nWhat a rider, the panel and the broker are told, and the code of OCPP 2.1's battery swap block.\n")
    parts.append("\n| code | sentence | OCPP 2.1 |\n|---|---|---|\n")
    for code in words.codes():
        sentence = words.sentence(code).replace("lot 0", "lot N")
        parts.append(f"| `{code}` | {sentence} | {words.ocpp(code)} |\n")
    parts.append(_ocpp(words))
    return "".join(parts)


OCPP = """
## OCPP 2.1 battery swap

What a gateway makes of our events. `requestId` is the number of the swap, `evseId` the slot, `idToken` the (shortened) token; a rider's
several packs are several swaps in a row. OCPP's BatterySwap has neither a time nor an offline flag: both go into `customData`.

| OCPP 2.1 | from |
|---|---|
| RequestBatterySwap | command `swap`; the answer is Accepted with `ok`, else Rejected with `statusInfo.reasonCode` from the table above, or our own code (20 characters at most) where OCPP has none |
| BatterySwap, BatteryIn | `pack.accepted` of the slot in `swap.step` checking_in (In-Out), or `swap.completed` (Out-In): `in_slot`, `in_pack`, `in_soc_pct` |
| BatterySwap, BatteryOut | `swap.completed` (In-Out), or `swap.step` opening_in after taking_out (Out-In): `out_slot`, `out_pack`, `out_soc_pct` |
| BatterySwap, BatteryOutTimeout | `swap.cancelled` with `out_timeout` |
| nothing: the rider put no pack in | `swap.cancelled` with `in_timeout` or `no_pack` |
| SwapOrder | setting `swap_order`: 0 In-Out, 1 Out-In |
| Timeout[In], Timeout[Out] | settings `in_ms`, `out_ms` |
| TargetSoC, MaxSoc | settings `full_soc_pct`, `charge_stop_soc_pct` |
| Connector.AvailabilityState | slot state: empty is Available; fault, disabled and open are Unavailable; all others Occupied |

| reason code of OCPP | ours |
|---|---|
"""


def _ocpp(words: ModuleType) -> str:
    """Both directions of the reason codes."""
    ours: dict[str, list[str]] = {}
    for code in words.codes():
        theirs = words.ocpp(code)
        if theirs and theirs != "BatteryOutTimeout":  # the type of an event
            ours.setdefault(theirs, []).append(f"`{code}`")
    return OCPP + "".join(f"| {theirs} | {', '.join(codes)} |\n" for theirs, codes in ours.items())


def main() -> int:
    """Write the page, or check that it is current. What is missing for it is named."""
    wants = wanted()
    if wants:
        print("\n".join(wants))
        return 1
    text = render()
    if "--check" in sys.argv[1:]:
        if not TARGET.exists() or TARGET.read_text() != text:
            print(f"{TARGET.relative_to(ROOT)} is not current: run `python -m swapcab.docs.safety`")
            return 1
        return 0
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
