"""Checks of the lines: who answers on RS485 and CAN, and how; which part that accuses."""

from __future__ import annotations

from typing import Any

from swapcab.bench.common import FAIL, PASS, SKIP, Bench, Result
from swapcab.bench.link import BoardError

SILENCE_TRIES = 5


def slot_boards(bench: Bench) -> list[Result]:
    """Each line of slot boards: who answers, and how."""
    results: list[Result] = []
    by_bus: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for bus, unit in bench.boards():
        try:
            by_bus.setdefault(bus, []).append((unit, bench.ask(bus, unit, 2, 0, 32, SILENCE_TRIES)))
        except BoardError as error:
            by_bus.setdefault(bus, [])
            step = "look at the port's name in settings.json and at docs/boards.md for the pins of the line"
            results.append(Result("rs485", f"line {bus}", FAIL, str(error), f"serial port of line {bus}", step))
            break
    for bus, answers in by_bus.items():
        results += judge_line(bus, [(f"slot board {unit}", counts) for unit, counts in answers])
    for (bus, unit), slots in bench.boards().items():
        counts = dict(by_bus[bus]).get(unit, {})
        if counts.get("good"):
            bits = int.from_bytes(bytes.fromhex(counts["data"])[1:5], "little")
            bench.packs_seen |= {slot for slot in slots if bits >> (16 + (slot - 1) % 8) & 1}
    return results


def packs(bench: Bench) -> list[Result]:
    """The lines of the packs, as far as packs are in."""
    by_bus: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    expected = bench.devices("pack", "pack-link-modbus")
    for slot, (bus, unit) in expected.items():
        if slot in bench.packs_seen:
            by_bus.setdefault(bus, []).append((f"pack of slot {slot}", bench.ask(bus, unit, 3, 0x0100, 8, SILENCE_TRIES)))
    results = [result for bus, answers in by_bus.items() for result in judge_line(bus, answers)]
    for bus in sorted({bus for bus, _unit in expected.values()} - set(by_bus)):
        step = "put a pack into one slot of this line and run the bench again"
        results.append(Result("rs485", f"line {bus}", SKIP, "no pack is in", "", step))
    return results


def judge_line(bus: str, answers: list[tuple[str, dict[str, Any]]]) -> list[Result]:
    """What the way in which the devices of a line answer says of the line, or of one of them."""
    if not answers:
        return []
    line = f"RS485 line {bus}"

    def all_are(kind: str) -> bool:
        return all(counts[kind] == SILENCE_TRIES for _name, counts in answers)

    total = {kind: sum(counts[kind] for _name, counts in answers) for kind in ("good", "crc", "silent", "echo", "refused", "garbage")}
    figure = ", ".join(f"{count} {kind}" for kind, count in total.items() if count)
    asked = SILENCE_TRIES * len(answers)
    if total["good"] == asked:
        return [Result("rs485", f"line {bus}", PASS, f"{len(answers)} devices, {asked} of {asked} answers, {answers[0][1]['ms']} ms")]
    if total["echo"]:
        step = "wire /RE of the transceiver to its DE: the controller must not hear itself"
        return [Result("rs485", f"line {bus}", FAIL, figure, f"{line}: driver enable of the transceiver", step)]
    if all_are("silent"):
        step = "exchange A and B at one end (the usual mistake); then the devices' supply, the driver-enable pin, baud rate and addresses"
        return [Result("rs485", f"line {bus}", FAIL, figure, f"{line}: A and B swapped, or open", step)]
    disturbed = [name for name, counts in answers if counts["crc"] + counts["garbage"]]
    if len(disturbed) == len(answers) and (len(answers) > 1 or total["good"]):
        step = "120 ohms between A and B at both ends and nowhere else, bias at one place, stubs short, third wire connected"
        return [Result("rs485", f"line {bus}", FAIL, figure, f"{line}: termination or bias", step)]
    results = []
    for name, counts in answers:
        if counts["good"] == SILENCE_TRIES:
            continue
        said = ", ".join(f"{counts[kind]} {kind}" for kind in total if counts[kind])
        if counts["refused"]:
            step = "it speaks, but not this protocol: look at its type and firmware"
        elif counts["silent"] == SILENCE_TRIES:
            step = "its supply, its address and its plug; then exchange it"
        else:
            step = "its plug and stub; then exchange it"
        results.append(Result("rs485", f"line {bus}", FAIL, said, f"{name} on {line}", step))
    return results


def can_lines(bench: Bench) -> list[Result]:
    """Each CAN line: the controller chip, the wires, the chargers."""
    results = []
    for bus, port, baud in bench.lines("can"):
        try:
            found = bench.link.call("can", port, baud, 2500)
        except BoardError as error:
            step = "supply and crystal of the CAN controller, its chip select, the port's name in settings.json (docs/boards.md)"
            results.append(Result("can", f"line {bus}", FAIL, str(error), f"CAN controller {port}", step))
            continue
        results += judge_can(bench, bus, found)
    return results


def judge_can(bench: Bench, bus: str, found: dict[str, Any]) -> list[Result]:
    """What a CAN controller's state and what it heard say."""
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
    heard = {int(can_id, 16) for can_id in found["heard"]}
    chargers = bench.devices("charger", "elcon").items()
    silent = [slot for slot, (on, address) in chargers if on == bus and 0x18FF5000 | address not in heard]
    if silent:
        slots = ", ".join(map(str, silent))
        step = "its mains, its plug on the bus, its address"
        return [Result("can", f"line {bus}", FAIL, figure, f"charger of slot {slots} on {line}", step)]
    results = [Result("can", f"line {bus}", PASS, f"{figure}, {len(heard)} ids")]
    if found["overruns"]:
        step = "the CAN controller's interrupt pin is not connected, or the bus carries more than it can keep"
        results = [Result("can", f"line {bus}", FAIL, figure, f"{line}: interrupt of the CAN controller", step)]
    return results
