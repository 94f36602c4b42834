"""Checks that need an operator or a jig: doors, locks, presence switches, the chargers' mains relay."""

from __future__ import annotations

from collections.abc import Callable

from swapcab.bench.common import FAIL, PASS, SKIP, Bench, Result
from swapcab.bench.controller import BoardError
from swapcab.bench.slot_wiring import LOCKS, SlotWiring

OPERATOR_STEP = "run with an operator or a test jig (--jig PORT)"
PULSE_SHARE = 0.25
PULSE_MAX_MS = 2000  # what a solenoid stands
PULSE_LIMIT_S = 10
RELAY_HOLD_MS = 3000
RELAY_FALL_S = 2.0
ANSWER_LIMIT_S = 600  # for a person who is asked what the relay does


def inputs(bench: Bench) -> list[Result]:
    """Each lock, door and presence switch, worked by an operator or a jig: it must change, and no other with it."""
    wirings = bench.wirings()
    results: list[Result] = []
    for driver in sorted({group["io"]["driver"] for group in bench.settings.get("groups", [])} - set(LOCKS) - {"pins"}):
        step = "try doors and locks by hand in the running cabinet: this bench does not know their board"
        results.append(Result("inputs", f"doors and locks on {driver}", SKIP, "not tried", "", step))
    if not bench.operator.present():
        if wirings:
            results.append(Result("inputs", "doors and presence", SKIP, "no operator and no jig", "", OPERATOR_STEP))
        return results
    faulty = {wiring.slot: bench.faulty_lines & wiring.buses for wiring in wirings}
    if any(faulty.values()):
        slots = ", ".join(str(slot) for slot, lines in faulty.items() if lines)
        lines = ", ".join(sorted(set().union(*faulty.values())))
        results.append(Result("inputs", f"slots {slots}", SKIP, f"not tried: line {lines} is faulty", "", "mend the line first"))
    for wiring in wirings:
        if faulty[wiring.slot]:
            continue
        try:
            results += _lock_and_door(bench, wiring)
        except BoardError as error:
            step = "its supply and its plug; then the check rs485"
            results.append(Result("inputs", f"slot {wiring.slot}", FAIL, error.text, wiring.switches.name, step))
    return results


def _shut(bench: Bench, wiring: SlotWiring) -> bool:
    return bool(wiring.switches.bits(bench) >> wiring.channel & 1)


def _locked(bench: Bench, wiring: SlotWiring) -> bool:
    hooks = wiring.locks.hooks(bench) if wiring.locks else None
    if hooks is not None:
        return bool(hooks >> wiring.lock_channel & 1)
    return bool(wiring.switches.bits(bench) >> (8 + wiring.channel) & 1)


def _comes(bench: Bench, wanted: Callable[[], bool]) -> bool:
    ends = bench.controller.now() + bench.operator.limit_s
    while bench.controller.now() < ends:
        if wanted():
            return True
        bench.controller.wait(0.2)
    return False


def _lock_and_door(bench: Bench, wiring: SlotWiring) -> list[Result]:
    """The lock is pulsed, its feedback and the door must follow; then the door is shut, and a pack moved in and out."""
    slot, channel = wiring.slot, wiring.channel
    if not _shut(bench, wiring):
        bench.operator.ask_for("door", f"{slot} shut")
        if not _comes(bench, lambda: _shut(bench, wiring)):
            step = "magnet and switch of the door, its wires to its board"
            return [Result("inputs", f"door {slot}", FAIL, "always open", f"door switch of slot {slot}", step)]
    before = wiring.switches.bits(bench)
    results = [_pulse(bench, wiring)]
    if _shut(bench, wiring):
        bench.operator.ask_for("door", f"{slot} open")
    if not _comes(bench, lambda: not _shut(bench, wiring)):
        step = "magnet and switch of the door, its wires to its board; the lock, if the door did not come"
        return [*results, Result("inputs", f"door {slot}", FAIL, "always shut", f"door switch of slot {slot}", step)]
    moved = (before ^ wiring.switches.bits(bench)) & 0xFF & ~(1 << channel)
    if moved:
        others = ", ".join(str(slot - channel + i) for i in range(8) if moved >> i & 1)
        step = "two doors on one wire, or wires exchanged at their board"
        bench.operator.ask_for("door", f"{slot} shut")
        return [*results, Result("inputs", f"door {slot}", FAIL, f"doors {others} moved too", f"door wires of slot {slot}", step)]
    results.append(_presence(bench, wiring))
    bench.operator.ask_for("door", f"{slot} shut")
    if not _comes(bench, lambda: _shut(bench, wiring) and _locked(bench, wiring)):
        step = "the latch does not fall in, or its switch does not follow"
        return [*results, Result("inputs", f"door {slot}", FAIL, "does not latch", f"latch of slot {slot}", step)]
    return [*results, Result("inputs", f"door {slot}", PASS, "opens, shuts, latches")]


def _pulse(bench: Bench, wiring: SlotWiring) -> Result:
    what, locks, part = f"lock {wiring.slot}", wiring.locks, f"lock of slot {wiring.slot}"
    if locks is None:
        step = "a board that times pulses by itself (docs/devices.md)"
        return Result("lock", what, SKIP, "not tried: the controller would time the pulse", "", step)
    was_locked = _locked(bench, wiring)
    wanted_ms = locks.length_ms(bench.settings["pulse_ms"])
    if not locks.pulse(bench, wiring.lock_channel, bench.settings["pulse_ms"]):
        return Result("lock", what, FAIL, "the pulse was not taken", wiring.output, f"type and firmware of {locks.name}")
    if not _ends(bench, wiring, wanted_ms):
        step = f"the solenoid would burn: take its supply away; exchange {locks.name}"
        return Result("lock", what, FAIL, "the pulse does not end", wiring.output, step)
    measured = bench.operator.pulse_ms(wiring.slot)
    if measured is not None and _wrong_length(measured, wanted_ms, locks.times_itself):
        wish = f"{PULSE_MAX_MS} at most" if locks.times_itself else f"{wanted_ms} ms"
        step = f"the lock's supply and fuse, if 0; the time that is set in it, if it has one; else exchange {locks.name}"
        return Result("lock", what, FAIL, f"{measured} ms, {wish} wanted", wiring.output, step)
    bench.controller.wait(0.5)
    if was_locked and _locked(bench, wiring):
        step = "the lock's supply and fuse, its solenoid, its mechanics; then its feedback switch"
        return Result("lock", what, FAIL, "the latch did not move", part, step)
    return Result("lock", what, PASS, f"{measured} ms" if measured is not None else f"{wanted_ms} ms, not measured")


def _ends(bench: Bench, wiring: SlotWiring, wanted_ms: int) -> bool:
    """Wait until the output is off; where it cannot be asked, until it should be."""
    assert wiring.locks is not None
    began = bench.controller.now()
    while bench.controller.now() - began < PULSE_LIMIT_S:
        bench.controller.wait(0.05)
        on = wiring.locks.is_on(bench, wiring.lock_channel)
        if on is None:
            bench.controller.wait((PULSE_MAX_MS if wiring.locks.times_itself else wanted_ms) / 1000)
        if not on:
            return True
    return False


def _wrong_length(measured_ms: int, wanted_ms: int, times_itself: bool) -> bool:
    if times_itself:
        return not 0 < measured_ms <= PULSE_MAX_MS
    return abs(measured_ms - wanted_ms) > PULSE_SHARE * wanted_ms


def _presence(bench: Bench, wiring: SlotWiring) -> Result:
    def there() -> bool:
        return bool(wiring.switches.bits(bench) >> (16 + wiring.channel) & 1)

    slot = wiring.slot
    for moves, wanted in (("out", False), ("in", True)) if there() else (("in", True), ("out", False)):
        bench.operator.ask_for("pack", f"{slot} {moves}")
        if not _comes(bench, lambda wanted=wanted: there() == wanted):
            always = "off" if wanted else "on"
            step = "the switch behind the pack, its lever and its wires"
            return Result("inputs", f"presence {slot}", FAIL, f"always {always}", f"presence switch of slot {slot}", step)
    return Result("inputs", f"presence {slot}", PASS, "follows the pack")


def relay(bench: Bench) -> list[Result]:
    """The mains relay closes on the heartbeat and falls when the loop is wedged."""
    seen: list[bool | None] = []
    if bench.operator.present():
        bench.controller.wait(RELAY_FALL_S)  # the chargers may just have had their mains
    at_rest = bench.operator.relay_closed()
    if at_rest is None:
        return [Result("relay", "mains relay", SKIP, "no operator and no jig", "", OPERATOR_STEP)]
    part = "mains relay of the chargers"
    if at_rest:
        step = "the relay is welded or bridged: chargers have no independent shutdown. Exchange it before anything is charged"
        return [Result("relay", "mains relay", FAIL, "closed without a heartbeat", part, step)]

    def look() -> None:
        bench.controller.wait(RELAY_HOLD_MS / 2000)
        seen.append(bench.operator.relay_closed())

    bench.controller.call("relay", RELAY_HOLD_MS, meanwhile=look, limit_s=ANSWER_LIMIT_S)
    if not seen[0]:
        step = "emergency stop and smoke contact in its coil, the coil's 24 V, the charge pump's diodes and capacitor, the heartbeat pin"
        where = "heartbeat, charge pump or coil of the " + part
        return [Result("relay", "mains relay", FAIL, "does not close on the heartbeat", where, step)]
    bench.controller.wait(RELAY_FALL_S)
    if bench.operator.relay_closed():
        step = "the relay is welded, or the charge pump's capacitor or resistor is wrong: it must fall within a second"
        return [Result("relay", "mains relay", FAIL, f"still closed {RELAY_FALL_S:g} s after the last beat", part, step)]
    return [Result("relay", "mains relay", PASS, "closes on the heartbeat, falls when the loop is wedged")]
