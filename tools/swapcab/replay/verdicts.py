"""Evidence put back into the firmware's own core on CPython: does it reach the verdict that the cabinet reached?

Nothing is used but the evidence event itself (docs/evidence.md): what core knew, the frames, the rule, the limit.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from swapcab.paths import use_firmware

TYPE = "evidence.taken"
FORMAT_1_LACKS = ("temp_lost",)  # of slot board and cabinet; False where it is not told
NOW_MS = 1 << 28  # any instant will do: the evidence tells ages
RTU, CAN, OWNER = 1, 2, 3
RTU_STATUS_SIZE = 47  # of the pack link
PACK_STATUS_ID, PACK_ID_MASK = 0x18FF1000, 0xFFFFF800
CHARGER_ID = 0x18FF5000
COMPARED = (
    "alarm_bits", "pack_mv", "current_ma", "soc_pct", "soh_pct", "cell_min_mv", "cell_max_mv", "temp_min_ddegc", "temp_max_ddegc",
    "charge_limit_ma", "charge_limit_mv", "cycles",
)  # fmt: skip


class EvidenceError(Exception):
    """It cannot be read; the text says why."""


@dataclass
class Verdict:
    """What the core decided here, beside what the cabinet decided."""

    rule: str
    decision: str  # of the cabinet
    reached: str = ""  # here; "" if the rule did not trip
    differences: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)  # for people

    @property
    def same(self) -> bool:
        """Whether both are the same."""
        return self.reached == self.decision and not self.differences


def core(name: str) -> Any:
    """A module of the firmware."""
    use_firmware()
    return importlib.import_module("cabinet." + name)


class Numbers:
    """Takes numbers out of a packed state. Raises EvidenceError where it ends early."""

    def __init__(self, state: bytes) -> None:
        evidence = core("core.evidence")
        if not state or not 1 <= state[0] <= evidence.FORMAT:
            raise EvidenceError(f"format {state[0] if state else 'none'} is not known here; known are 1 to {evidence.FORMAT}")
        self._left_out = FORMAT_1_LACKS if state[0] == 1 else ()
        self._state = state
        self._at = 1

    def next(self) -> int | None:
        """The next number."""
        value = shift = 0
        while True:
            if self._at >= len(self._state):
                raise EvidenceError("the state ends early")
            byte = self._state[self._at]
            self._at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        if not value:
            return None
        value -= 1
        return value >> 1 if not value & 1 else -(value + 1 >> 1)

    def named(self, names: tuple[str, ...]) -> dict[str, int | None]:
        """Several, by name."""
        return {name: self.next() for name in names if name not in self._left_out}

    def text(self) -> str:
        """A text."""
        if self._at >= len(self._state):
            raise EvidenceError("the state ends early")
        end = self._at + 1 + self._state[self._at]
        return self._state[self._at + 1 : end].decode("ascii", "replace")


def instant(age_ms: int | None) -> int | None:
    """An age as an instant before NOW_MS."""
    return None if age_ms is None else core("core.ticks").add(NOW_MS, -age_ms)


def restored(owner: Any, values: dict[str, int | None], like: Any = None) -> None:
    """Set attributes as they were: truth values where there were truth values."""
    for name, value in values.items():
        known = getattr(like or owner, name)
        setattr(owner, name, bool(value) if isinstance(known, bool) else value)


class Slot:
    """A slot of the firmware's core, as it was."""

    def __init__(self, envelope: dict[str, Any], limits: Any, numbers: Numbers) -> None:
        evidence, slots, rules = core("core.evidence"), core("core.slot"), core("core.rules")
        number = envelope.get("slot") or 1
        compiled = core("core.faults").CompiledLimits(limits, (rules.PACK, rules.SLOT))
        self.s = s = slots.SlotControl(number, compiled)
        ages = [numbers.next() for _ in range(6)]
        s.pack.taken_ms, s.pack.identity_taken_ms, s.charger.taken_ms, s.io.taken_ms = (instant(age) for age in ages[:4])
        s.since_ms, s.empty_ms = instant(ages[4]) or 0, instant(ages[5]) or 0
        restored(s.pack, numbers.named(evidence.PACK))
        restored(s.charger, numbers.named(evidence.CHARGER))
        restored(s.io, numbers.named(evidence.IO))
        s.state, s.proof, seen = numbers.next() or 0, numbers.next() or 0, numbers.next() or 0
        s.probing = seen == evidence.PROBING
        s.readings_seen = max(seen, 0)
        restored(s, numbers.named(evidence.SLOT))
        s.pack_fresh = bool(numbers.next())
        s.faults.set_chemistry(numbers.next() or 0)
        rise = rules.quantity_names().index("rise_60s_ddegc")
        for side in ("left", "right"):
            thermal, rise_60s = numbers.next(), numbers.next()
            if thermal is not None:
                neighbour = slots.SlotControl(number, compiled)
                neighbour.thermal = bool(thermal)
                neighbour.measures.values[rise] = rules.UNKNOWN if rise_60s is None else rise_60s
                setattr(s, side, neighbour)
        self._measures(s.measures, numbers, evidence, rules.UNKNOWN)
        self.options = core("core.options").Options(**numbers.named(evidence.OPTIONS))
        s.pack.serial = numbers.text()
        s.serial = envelope.get("pack") or ""
        if s.proof == slots.PROVEN:
            s.proven_serial = s.serial
        s._fault_changes = s.faults.changes
        s._io_watch = slots._NEVER_SEEN if s.state == slots.UNSEEN else slots._WATCHED

    def _measures(self, measures: Any, numbers: Numbers, evidence: Any, unknown: int) -> None:
        for index in range(len(measures.instants)):
            measures.instants[index] = instant(numbers.next()) or 0
        for name in evidence.MEASURES:
            value = numbers.next()
            setattr(measures, name, unknown if value is None else value)
        for name in evidence.LISTS:
            kept = getattr(measures, name)
            for index in range(len(kept)):
                kept[index] = numbers.next() or 0

    def judge(self) -> list[Any]:
        """One step of the core."""
        out: list[Any] = []
        self.s.judge(self.options, NOW_MS, out)
        return out

    def consequence(self) -> str:
        """What became of the slot here."""
        s = self.s
        gate = core("core.interlock").Interlock([s], self.options)
        return f"slot {s.number} becomes {s.state_name}; charging: {gate.charge_why(s) or 'allowed'}"


class Cabinet:
    """The cabinet as a whole, as it was."""

    def __init__(self, limits: Any, numbers: Numbers) -> None:
        evidence, rules = core("core.evidence"), core("core.rules")
        compiled = core("core.faults").CompiledLimits(limits, (rules.CABINET,))
        self.faults = core("core.faults").FaultSet(compiled, 0)
        self.reading = core("core.reading").CabinetReading()
        self.fresh = bool(numbers.next())
        self.reading.taken_ms = instant(numbers.next())
        self.measures = core("core.quantities").CabinetMeasures()
        self.measures._first = False
        self.measures._at[0] = instant(numbers.next()) or 0
        restored(self.reading, numbers.named(evidence.CABINET))

    def judge(self) -> list[Any]:
        """One step of the core."""
        out: list[Any] = []
        self.measures.fill(self.reading, self.fresh, NOW_MS)
        self.faults.evaluate(self.measures.values, NOW_MS, out, "")
        return out

    def consequence(self) -> str:
        """What became of the cabinet here."""
        rules = core("core.rules")
        worst = self.faults.worst
        return "the cabinet: " + (rules.REACTIONS[worst] if worst >= 0 else "nothing")


def limits_of(rule: int, limit: int, chemistry: int) -> Any:
    """The limit set with the limit that was in force. Raises EvidenceError if it is looser than this firmware's."""
    module = core("core.limits")
    limits = module.LimitSet()
    if limits.limit(rule, chemistry) == limit:
        return limits
    names = [name for name, code in module.CHEMISTRY_NAMES.items() if chemistry in (0, code)]
    try:
        return module.LimitSet({core("core.rules").IDS[rule]: {name: limit for name in names}})
    except ValueError as error:
        raise EvidenceError(f"the limit in force is looser than this firmware's: {error}") from None


def replay(envelope: dict[str, Any]) -> Verdict:
    """One evidence event. Raises EvidenceError where it cannot be understood."""
    rules, faults_module = core("core.rules"), core("core.faults")
    data = envelope.get("data", {})
    name, decision, limit = data.get("rule"), data.get("decision"), data.get("limit")
    if envelope.get("type") != TYPE or not isinstance(limit, int) or not isinstance(decision, str):
        raise EvidenceError("this is no evidence event")
    if name not in rules.IDS:
        raise EvidenceError(f"rule {name} is not known to this firmware")
    rule = rules.index_of(name)
    try:
        state, frames = bytes.fromhex(data.get("state", "")), bytes.fromhex(data.get("frames", ""))
    except ValueError:
        raise EvidenceError("state or frames are not hex") from None
    whole = rules.scope(rule) == rules.CABINET
    chemistry = 0 if whole else Slot(envelope, core("core.limits").LimitSet(), Numbers(state)).s.faults.chemistry
    limits = limits_of(rule, limit, chemistry)
    place: Any = Cabinet(limits, Numbers(state)) if whole else Slot(envelope, limits, Numbers(state))
    faults = place.faults if whole else place.s.faults
    verdict = Verdict(name, decision)
    held = data.get("held_ms")
    if held is None:
        _standing(place.s, rule, verdict)
    else:
        if rules.debounce_ms(rule):
            faults.state[rule] = faults_module._PENDING
            faults._since[rule] = instant(held)
            faults.pending += rules.reaction(rule) >= rules.GIVE_BACK
        _tripped(place.judge(), data, verdict)
    _explain(envelope, place, rule, verdict)
    if not whole:
        _check_frames(frames, place.s, verdict)
    else:
        verdict.lines += [text for text, _ in frames_of(frames)]
    return verdict


def _tripped(out: list[Any], data: dict[str, Any], verdict: Verdict) -> None:
    for event in out:
        if event.name == "fault.raised" and event.values[0] == verdict.rule:
            verdict.reached = event.values[1]
            if event.values[2] != data.get("value"):
                verdict.differences.append(f"the reading is {event.values[2]} here, {data.get('value')} in the cabinet")


def _standing(s: Any, rule: int, verdict: Verdict) -> None:
    """The fault stood already when the pack was rejected."""
    slots = core("core.slot")
    s.faults.restore(rule)
    s.state = slots.CHECKING
    s.judge(core("core.options").Options(), NOW_MS, [])
    verdict.reached = s.state_name if s.faults.active(rule) else ""


def _explain(envelope: dict[str, Any], place: Any, rule: int, verdict: Verdict) -> None:
    rules = core("core.rules")
    data = envelope["data"]
    held = data.get("held_ms")
    where = f"slot {envelope['slot']}, pack {envelope.get('pack') or 'not identified'}" if envelope.get("slot") else "cabinet"
    sign = ">=" if rules.side(rule) > 0 else "<="
    quantity = rules.quantity_names()[rules.quantity(rule)]
    if held is None:
        said = "stood before the pack was judged"
    else:
        said = f"{data.get('value')} {sign} {data['limit']}, held for {held} ms of the {rules.debounce_ms(rule)} ms that it takes"
    verdict.lines += [
        f"{where}: {core('core.rule_words').of_rule(rule)}",
        f"  rule {verdict.rule} ({quantity}), limit set {data.get('limits')}: {said}",
        f"  the cabinet decided: {verdict.decision}; the firmware's core decides here: {verdict.reached or 'nothing'}",
        f"  {place.consequence()}",
    ]


def frames_of(frames: bytes) -> list[tuple[str, tuple[int, int, bytes] | None]]:
    """What stands on a line for each frame, and (kind, CAN id, bytes) of those that are whole."""
    found: list[tuple[str, tuple[int, int, bytes] | None]] = []
    crc16 = core("bus.crc16").crc16
    at = 0
    while at + 2 <= len(frames):
        kind, size = frames[at], frames[at + 1]
        raw = frames[at + 2 : at + 2 + size]
        at += 2 + size
        if kind == RTU and len(raw) == size and size > 4:
            good = crc16(raw, 0, size - 2) == raw[-2] | raw[-1] << 8
            text = f"  RS485 unit {raw[0]} function {raw[1]}: {raw.hex()}{'' if good else '  (wrong CRC)'}"
            found.append((text, (RTU, 0, raw) if good else None))
        elif kind == CAN and len(raw) == size and size >= 4:
            can_id = int.from_bytes(raw[:4], "big")
            found.append((f"  CAN {can_id:08x}: {raw[4:].hex()}", (CAN, can_id, raw[4:])))
        elif kind == OWNER and len(raw) == size and size >= 4:
            owner = raw[4:].decode("ascii", "replace")
            text = f"  frames of {owner or 'the device'}, {int.from_bytes(raw[:4], 'big')} ms old:"
            found.append((text, (OWNER, 0, raw[4:])))
        else:
            found.append(("  a frame that cannot be read", None))
    return found


def _check_frames(frames: bytes, s: Any, verdict: Verdict) -> None:
    """The raw frames through the firmware's own drivers: do they say what the reading says?"""
    can: list[tuple[int, bytes]] = []
    for text, frame in frames_of(frames):
        verdict.lines.append(text)
        if frame is None:
            verdict.differences.append("a frame is damaged")
        elif frame[0] == OWNER:
            if frame[2] and frame[2].decode("ascii", "replace") != s.pack.serial:
                verdict.differences.append("the frames are those of another pack")
        elif frame[0] == RTU and len(frame[2]) == RTU_STATUS_SIZE and frame[2][1] == 3:
            _compare(_decode_rtu(frame[2]), s.pack, verdict, True)
        elif frame[0] == CAN and frame[1] & PACK_ID_MASK == PACK_STATUS_ID:
            can.append((frame[1], frame[2]))
    if len(can) == 5:
        _compare(_decode_can(can), s.pack, verdict, False)  # frames come one by one: some may be newer than the reading


def _compare(decoded: Any, pack: Any, verdict: Verdict, strict: bool) -> None:
    if decoded.taken_ms is None:
        return
    other = [
        f"{name} {getattr(decoded, name)} (reading: {getattr(pack, name)})"
        for name in COMPARED
        if getattr(decoded, name) != getattr(pack, name)
    ]
    if not other:
        verdict.lines.append("  the frames say what the reading says")
    elif strict:
        verdict.differences.append("the frame says otherwise than the reading: " + ", ".join(other))
    else:
        verdict.lines.append("  frames that came after the reading: " + ", ".join(other))


class _Clock:
    def ticks_ms(self) -> int:
        return NOW_MS


def _decode_rtu(frame: bytes) -> Any:
    driver = core("devices.bms.pack_link_modbus")
    pack = driver.PackLinkModbus(SimpleNamespace(attach=lambda *given: None), frame[0], _Clock())
    pack._take_status(bytearray(frame), 3, NOW_MS)
    return pack.reading


def _decode_can(frames: list[tuple[int, bytes]]) -> Any:
    driver = core("devices.bms.pack_link_can")
    pack = driver.PackLinkCan(SimpleNamespace(attach=lambda *given: None), frames[0][0] & 0xFF, _Clock())
    pack.set_need(200)
    pack.reading.identity_taken_ms = NOW_MS
    for can_id, data in sorted(frames, reverse=True):  # the status frame last: it completes the reading
        pack.on_frame(can_id, bytearray(data), len(data), NOW_MS)
    return pack.reading
