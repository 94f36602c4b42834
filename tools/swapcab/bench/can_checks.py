"""Checks of the CAN lines: controller, wires, chargers."""

from __future__ import annotations

from typing import Any

from swapcab.bench import drivers
from swapcab.bench.common import FAIL, PASS, SKIP, Bench, Result
from swapcab.bench.controller import BoardError

LISTEN_MS = 8000  # a charger that has just got its mains needs a few seconds
NPB_LIMIT_MS = 10000
ASKED = ("npb",)  # drivers of chargers that the bench asks itself
NPB_FAULTS = 0xB6
NPB_WORDS = {0x02: "too hot", 0x04: "over-voltage", 0x10: "short circuit", 0x20: "mains out of range", 0x80: "too hot inside"}
NPB_CURVE, NPB_EEPROM_OFF = 0x0080, 0x0400


def can_lines(bench: Bench) -> list[Result]:
    """Each CAN line: the controller chip, the wires, the chargers."""
    results = []
    for bus, port, baud in bench.lines("can"):
        try:
            chargers = [can_id for can_ids in drivers.status_ids(bench.settings.get("groups", []), bus).values() for can_id in can_ids]
            found = bench.controller.call("can", port, baud, LISTEN_MS, chargers)
        except BoardError as error:
            step = "supply and crystal of the CAN controller, its chip select, the port's name in settings.json (docs/boards.md)"
            results.append(Result("can", f"line {bus}", FAIL, str(error), f"CAN controller {port}", step))
            continue
        judged = judge_can(bench, bus, found)
        results += judged
        if all(result.status == PASS for result in judged):
            results += _npb(bench, bus, port, baud, bool(found["frames"]))
            results += _not_asked(bench, bus)
    return results


def _not_asked(bench: Bench, bus: str) -> list[Result]:
    """Chargers that speak only when they are asked, in a way that the bench does not have."""
    step = "watch the slot's line in `swapcab bench --running`: the firmware's own driver asks it"
    return [Result("can", f"charger {slot}", SKIP, f"the bench cannot ask chargers of the kind {row.name}", f"charger of slot {slot}", step)
            for slot, row, _address in drivers.on_bus(bench.settings.get("groups", []), "charger", bus)
            if not row.speaks and row.name not in ASKED]


def _npb(bench: Bench, bus: str, port: str, baud: int, others: bool) -> list[Result]:
    """Chargers that send only when they are asked. `others`: whether anything else was received on the line."""
    slots = {address: slot for slot, (on, address) in bench.devices("charger", "npb").items() if on == bus}
    if not slots:
        return []
    found = bench.controller.call("npb", port, baud, sorted(slots), NPB_LIMIT_MS)
    if not others and all(said[0] < 0 for said in found.values()):
        step = "the relay's contact and the chargers' mains; the interrupt pin from the CAN controller to the MCU; then the address pins"
        part = f"CAN line {bus}: mains of the chargers, or interrupt of the CAN controller"
        return [Result("can", "chargers", FAIL, f"none of {len(slots)} answers", part, step)]
    results = []
    for address, slot in sorted(slots.items()):
        faults, curve, config = found[str(address)]
        part = f"charger of slot {slot} on CAN line {bus}"
        what = f"charger {slot}"
        if faults < 0:
            step = "its mains (the relay was closed meanwhile), its plug on the bus, its address pins"
            results.append(Result("can", what, FAIL, "no answer", part, step))
        elif faults & NPB_FAULTS:
            named = ", ".join(words for bit, words in NPB_WORDS.items() if faults & bit)
            step = "air and mains of the charger, what hangs at its output; then exchange it"
            results.append(Result("can", what, FAIL, named, part, step))
        elif curve < 0 or config < 0:
            results.append(Result("can", what, FAIL, "answers in part", part, "its type and firmware: an NPB with CAN has all three"))
        elif curve & NPB_CURVE:
            step = "set it up as a power supply, curve off (docs/devices.md): the firmware refuses it as it is"
            results.append(Result("can", what, FAIL, "its charging curve is on", part, step))
        else:
            kept = "" if config & NPB_EEPROM_OFF else "; its set-up is still to be done, which the firmware does"
            results.append(Result("can", what, PASS, f"answers, off, no fault{kept}"))
    return results


def judge_can(bench: Bench, bus: str, found: dict[str, Any]) -> list[Result]:
    """What a CAN controller's state and what it received show."""
    line = f"CAN line {bus}"
    figure = f"{found['frames']} frames, {('active', 'warning', 'passive', 'off')[found['state']]}, {found['overruns']} overruns"
    if found["state"] == 3:
        step = "measure CANH and CANL against each other and ground: a short, or a device that holds the bus; then all bit rates"
        return [Result("can", f"line {bus}", FAIL, figure, f"{line}: shorted, or another bit rate", step)]
    if not found["frames"] and not found["state"] and not bench.speakers(bus):
        figure += ", what was sent was acknowledged, nobody speaks unasked"
        return [Result("can", f"line {bus}", PASS, figure)]
    if not found["frames"] and not found["state"]:  # somebody acknowledged what was sent, so the wires are good
        step = "the interrupt pin from the CAN controller to the MCU; then whether any charger or pack has supply"
        return [Result("can", f"line {bus}", FAIL, figure, f"{line}: interrupt of the CAN controller", step)]
    if not found["frames"]:
        step = "60 ohms between CANH and CANL with the supply off, both wires, the transceiver's supply, the chargers' supply"
        return [Result("can", f"line {bus}", FAIL, figure, f"{line}: open, no termination, or nobody there", step)]
    if found["state"]:
        step = "termination at both ends, stubs short, the third wire connected, one bit rate"
        return [Result("can", f"line {bus}", FAIL, figure, f"{line}: termination or disturbed", step)]
    received = {int(can_id, 16) for can_id in found["received"]}
    silent = [slot for slot, can_ids in drivers.status_ids(bench.settings.get("groups", []), bus).items() if received.isdisjoint(can_ids)]
    if silent:
        slots = ", ".join(map(str, silent))
        step = "its mains, its plug on the bus, its address"
        return [Result("can", f"line {bus}", FAIL, figure, f"charger of slot {slots} on {line}", step)]
    results = [Result("can", f"line {bus}", PASS, f"{figure}, {len(received)} ids")]
    if found["overruns"]:
        step = "the CAN controller's interrupt pin is not connected, or the bus carries more than it can keep"
        results = [Result("can", f"line {bus}", FAIL, figure, f"{line}: interrupt of the CAN controller", step)]
    return results
