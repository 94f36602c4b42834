"""Checks that need hands or a jig: doors, locks, presence switches, the chargers' mains relay."""

from __future__ import annotations

from swapcab.bench.common import FAIL, PASS, SKIP, Bench, Result
from swapcab.bench.link import BoardError

PULSE_SHARE = 0.25
RELAY_HOLD_MS = 3000
RELAY_FALL_S = 2.0


def inputs(bench: Bench) -> list[Result]:
    """Each door and presence switch, worked by hand or jig: it must change, and no other with it."""
    results: list[Result] = []
    others = sorted({group["io"]["driver"] for group in bench.settings.get("groups", [])} - {"slot-board"})
    for driver in others:
        step = "try doors and locks by hand in the running cabinet: the bench knows slot boards only"
        results.append(Result("inputs", f"doors and locks on {driver}", SKIP, "not tried", "", step))
    if not bench.hands.present():
        step = "run with an operator or a test jig (--jig PORT)"
        if bench.boards():
            results.append(Result("inputs", "doors and presence", SKIP, "nobody there to work them", "", step))
        return results
    for (bus, unit), slots in bench.boards().items():
        for slot in slots:
            results += _locks_and_door(bench, bus, unit, slot)
    return results


def _bits(bench: Bench, bus: str, unit: int) -> int:
    counts = bench.ask(bus, unit, 2, 0, 32, 3)
    if not counts["good"]:
        raise BoardError("OSError", f"slot board {unit} does not answer")
    return int.from_bytes(bytes.fromhex(counts["data"])[1:5], "little")


def _comes(bench: Bench, bus: str, unit: int, mask: int, wanted: int) -> bool:
    ends = bench.link.now() + bench.hands.limit_s
    while bench.link.now() < ends:
        if _bits(bench, bus, unit) & mask == wanted:
            return True
        bench.link.wait(0.2)
    return False


def _locks_and_door(bench: Bench, bus: str, unit: int, slot: int) -> list[Result]:
    """The lock is pulsed, its feedback and the door must follow; then the door is shut, and a pack moved in and out."""
    channel = (slot - 1) % 8
    results = []
    before = _bits(bench, bus, unit)
    if not before >> channel & 1:
        bench.hands.ask_for("door", f"{slot} shut")
        if not _comes(bench, bus, unit, 1 << channel, 1 << channel):
            step = "magnet and switch of the door, its wires to the slot board"
            return [Result("inputs", f"door {slot}", FAIL, "always open", f"door switch of slot {slot}", step)]
        before = _bits(bench, bus, unit)
    results += _pulse(bench, bus, unit, slot, before)
    if _bits(bench, bus, unit) >> channel & 1:
        bench.hands.ask_for("door", f"{slot} open")
    if not _comes(bench, bus, unit, 1 << channel, 0):
        step = "magnet and switch of the door, its wires to the slot board; the lock, if the door did not come"
        return [*results, Result("inputs", f"door {slot}", FAIL, "always shut", f"door switch of slot {slot}", step)]
    moved = (before ^ _bits(bench, bus, unit)) & 0xFF & ~(1 << channel)
    if moved:
        others = ", ".join(str(slot - channel + i) for i in range(8) if moved >> i & 1)
        step = "two doors on one wire, or wires exchanged at the slot board"
        return [*results, Result("inputs", f"door {slot}", FAIL, f"doors {others} moved too", f"door wires of slot {slot}", step)]
    results += _presence(bench, bus, unit, slot)
    bench.hands.ask_for("door", f"{slot} shut")
    if not _comes(bench, bus, unit, 1 << channel | 0x100 << channel, 1 << channel | 0x100 << channel):
        step = "the latch does not fall in, or its switch does not follow"
        return [*results, Result("inputs", f"door {slot}", FAIL, "does not latch", f"latch of slot {slot}", step)]
    return [*results, Result("inputs", f"door {slot}", PASS, "opens, shuts, latches")]


def _pulse(bench: Bench, bus: str, unit: int, slot: int, before: int) -> list[Result]:
    channel, wanted_ms = (slot - 1) % 8, bench.settings["pulse_ms"]
    output, part = f"slot board {unit}, output {channel + 1}", f"lock of slot {slot}"
    answer = bench.ask(bus, unit, 6, 0x0100 + channel, wanted_ms)
    if not answer["good"]:
        step = "type and firmware of the slot board"
        return [Result("lock", f"lock {slot}", FAIL, "the pulse was not taken", output, step)]
    began, left_ms = bench.link.now(), 1
    while left_ms and bench.link.now() - began < 10:
        bench.link.wait(0.05)
        counts = bench.ask(bus, unit, 3, 0x0100 + channel, 1)
        if counts["good"]:
            left_ms = int.from_bytes(bytes.fromhex(counts["data"])[1:3], "big")
    if left_ms:
        step = "the solenoid would burn: take its supply away; exchange the slot board"
        return [Result("lock", f"lock {slot}", FAIL, "the pulse does not end", output, step)]
    measured = bench.hands.pulse_ms(slot)
    if measured is not None and abs(measured - wanted_ms) > PULSE_SHARE * wanted_ms:
        step = "the lock's supply and fuse, if 0; else exchange the slot board"
        return [Result("lock", f"lock {slot}", FAIL, f"{measured} ms, {wanted_ms} wanted", output, step)]
    bench.link.wait(0.5)
    if before >> (8 + channel) & 1 and _bits(bench, bus, unit) >> (8 + channel) & 1:
        step = "the lock's supply and fuse, its solenoid, its mechanics; then its feedback switch"
        return [Result("lock", f"lock {slot}", FAIL, "the latch did not move", part, step)]
    return [Result("lock", f"lock {slot}", PASS, f"{measured} ms" if measured is not None else f"{wanted_ms} ms by the board's own count")]


def _presence(bench: Bench, bus: str, unit: int, slot: int) -> list[Result]:
    mask = 0x10000 << (slot - 1) % 8
    first = _bits(bench, bus, unit) & mask
    for moves, wanted in ((("out", 0), ("in", mask)) if first else (("in", mask), ("out", 0)))[:2]:
        bench.hands.ask_for("pack", f"{slot} {moves}")
        if not _comes(bench, bus, unit, mask, wanted):
            always = "on" if wanted == 0 else "off"
            step = "the switch behind the pack, its lever and its wires"
            return [Result("inputs", f"presence {slot}", FAIL, f"always {always}", f"presence switch of slot {slot}", step)]
    return [Result("inputs", f"presence {slot}", PASS, "follows the pack")]


def relay(bench: Bench) -> list[Result]:
    """The mains relay closes on the heartbeat and falls when the loop is wedged."""
    seen: list[bool | None] = []
    at_rest = bench.hands.relay_closed()
    if at_rest is None:
        step = "run with an operator or a test jig (--jig PORT)"
        return [Result("relay", "mains relay", SKIP, "nobody there to look at it", "", step)]
    part = "mains relay of the chargers"
    if at_rest:
        step = "the relay is welded or bridged: chargers have no independent shutdown. Exchange it before anything is charged"
        return [Result("relay", "mains relay", FAIL, "closed without a heartbeat", part, step)]

    def look() -> None:
        bench.link.wait(RELAY_HOLD_MS / 2000)
        seen.append(bench.hands.relay_closed())

    bench.link.call("relay", RELAY_HOLD_MS, meanwhile=look)
    if not seen[0]:
        step = "emergency stop and smoke contact in its coil, the coil's 24 V, the charge pump's diodes and capacitor, the heartbeat pin"
        where = "heartbeat, charge pump or coil of the " + part
        return [Result("relay", "mains relay", FAIL, "does not close on the heartbeat", where, step)]
    bench.link.wait(RELAY_FALL_S)
    if bench.hands.relay_closed():
        step = "the relay is welded, or the charge pump's capacitor or resistor is wrong: it must fall within a second"
        return [Result("relay", "mains relay", FAIL, f"still closed {RELAY_FALL_S:g} s after the last beat", part, step)]
    return [Result("relay", "mains relay", PASS, "closes on the heartbeat, falls when the loop is wedged")]
