"""Checks of the lines: who answers on RS485 and CAN, and how; which part that accuses."""

from __future__ import annotations

import contextlib
from typing import Any

from swapcab.bench.common import FAIL, PASS, SKIP, Bench, Result
from swapcab.bench.controller import BoardError
from swapcab.bench.slot_wiring import Board, boards

SILENCE_TRIES = 5


def boards_of_slots(bench: Bench) -> list[Result]:
    """Each line with boards of locks or switches: who answers, and how; expanders, too."""
    results: list[Result] = []
    lines: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    wirings = bench.wirings()
    for board in boards(wirings):
        if not board.on_rs485:
            results.append(_expander(bench, board))
        elif lines.get(board.bus) != []:
            try:
                lines[board.bus] = lines.get(board.bus, []) + board.probe(bench, SILENCE_TRIES)
            except BoardError as error:
                lines[board.bus] = []
                step = "look at the port's name in settings.json and at docs/boards.md for the pins of the line"
                results.append(Result("rs485", f"line {board.bus}", FAIL, str(error), f"serial port of line {board.bus}", step))
    for bus, answers in lines.items():
        judged = judge_line(bus, answers)
        results += judged
        if not answers or any(result.status == FAIL for result in judged):
            bench.faulty_lines.add(bus)
    for board in boards(wirings):
        mine = [wiring for wiring in wirings if wiring.switches == board]
        with contextlib.suppress(BoardError):  # said above
            bits = board.bits(bench) if mine else 0
            bench.packs_seen |= {wiring.slot for wiring in mine if bits >> (16 + wiring.channel) & 1}
    return results


def _expander(bench: Bench, board: Board) -> Result:
    try:
        return Result("rs485", board.name, PASS, f"{board.bits(bench):032b}")
    except BoardError as error:
        bench.faulty_lines.add(board.bus)
        step = "supply, wires and address pins of the MCP23017, pull-ups of SDA and SCL (docs/boards.md)"
        return Result("rs485", board.name, FAIL, error.text, f"I/O expander of {board.name}", step)


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
