"""Each row of the safety table, tripped in the firmware's core, leaves evidence from which `swapcab replay` reaches the same verdict.

Whoever adds a row adds what trips it to TRIGGERS.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from core_cabinet import Cabinet, Pack, bring, cabinet_with_full_packs

from cabinet.core import evidence, rule_words, rules
from cabinet.store import event_codec
from swapcab.replay import command as replay_cli
from swapcab.replay.verdicts import Numbers, Slot, core, replay

LONGEST_MS = 140_000


class Bench:
    """Three packs, the one in slot 2 at 50 % and charging, slot 4 empty; remembers all evidence."""

    def __init__(self, cabinet: Cabinet | None = None) -> None:
        self.found: list[Any] = []
        self.cabinet = cabinet or Cabinet(4, {1: Pack("A", 99), 2: Pack("B", 50), 3: Pack("C", 99)})
        step = self.cabinet.control.step

        def stepping(now_ms: int) -> None:
            step(now_ms)
            self.found.extend(event for event in self.cabinet.control.events if event.code == evidence.TAKEN)

        self.cabinet.control.step = stepping
        self.slot = self.cabinet.control.slots[1]
        if cabinet is None:
            assert self.cabinet.run(lambda: self.cabinet.state(2) == "charging", 8000)
            self.cabinet.run(limit_ms=2000)

    @property
    def pack(self) -> dict[str, Any]:
        """What the pack in slot 2 tells."""
        return self.cabinet.packs[2].values

    def always(self, apply: Callable[[], None]) -> None:
        """Do something to the readings whenever they were renewed."""
        sense = self.cabinet.sense

        def sensing() -> None:
            sense()
            apply()

        self.cabinet.sense = sensing

    def pass_time(self, minutes: int) -> None:
        """In large steps."""
        for _ in range(minutes * 6):
            self.cabinet.now_ms += 9950
            self.cabinet.tick()

    def evidence_of(self, rule: str) -> Any:
        """The first event about this rule; runs until there is one."""
        self.cabinet.run(lambda: any(event.values[0] == rule for event in self.found), LONGEST_MS)
        return next((event for event in self.found if event.values[0] == rule), None)


def envelope_of(event: Any) -> dict[str, Any]:
    """As it comes out of the journal."""
    buf = bytearray(600)
    size = event_codec.encode(buf, 0, 1, 1 << 29, 1_760_000_000, 2, event)
    return event_codec.to_envelope("test", 0, event_codec.decode(7, buf, 0, size))


def reported(**values: int) -> Callable[[Bench], None]:
    """The pack in slot 2 tells this."""
    return lambda bench: bench.pack.update(values)


def read(reading: str, **values: Any) -> Callable[[Bench], None]:
    """A reading of slot 2 (or of the cabinet) has these values."""

    def apply(bench: Bench) -> None:
        def write() -> None:
            owner = bench.cabinet.control.cabinet if reading == "cabinet" else getattr(bench.slot, reading)
            for name, value in values.items():
                setattr(owner, name, value(bench) if callable(value) else value)

        bench.always(write)

    return apply


def both(first: Callable[[Bench], None], second: Callable[[Bench], None]) -> Callable[[Bench], None]:
    """One and the other."""

    def apply(bench: Bench) -> None:
        first(bench)
        second(bench)

    return apply


def resting(then: Callable[[Bench], None]) -> Callable[[Bench], None]:
    """Slot 2 is not charged any more."""

    def apply(bench: Bench) -> None:
        bench.cabinet.control.command("disable", 2, bench.cabinet.now_ms)
        bench.cabinet.run(limit_ms=500)
        then(bench)

    return apply


def danger(bit: int) -> Callable[[Bench], None]:
    """A danger input."""
    return lambda bench: setattr(bench.cabinet, "danger_bits", 1 << bit)


def heats(ddegc: int, seconds: int, first: int | None = None) -> Callable[[Bench], None]:
    """So much more each second."""

    def apply(bench: Bench) -> None:
        bench.cabinet.run(limit_ms=65_000)
        if first is not None:
            bench.pack.update(temp_max_ddegc=first, temp_min_ddegc=first)
        for _ in range(seconds):
            bench.pack["temp_max_ddegc"] += ddegc
            bench.pack["temp_min_ddegc"] += ddegc
            bench.cabinet.run(limit_ms=1000)

    return apply


def drifts(mv: int) -> Callable[[Bench], None]:
    """The pack in slot 1 loses so much in one cell after half an hour at rest."""

    def apply(bench: Bench) -> None:
        bench.pass_time(32)
        bench.cabinet.packs[1].values["cell_min_mv"] -= mv

    return apply


def _set(bench: Bench, name: str, value: Any) -> None:
    setattr(bench.slot, name, value)


TRIGGERS: dict[str, Callable[[Bench], None]] = {
    "cell_ov_hard": reported(cell_max_mv=3800),
    "cell_ov": reported(cell_max_mv=3650),
    "cell_precharge": reported(cell_min_mv=2500),
    "cell_deep": reported(cell_min_mv=2000),
    "class_high": reported(pack_mv=60001),
    "class_low": reported(pack_mv=20000),
    "cell_sum": reported(pack_mv=56000),
    "over_own": read("pack", current_ma=17000, charge_limit_ma=15000),
    "over_current": read("pack", current_ma=60000),
    "temp_warm": reported(temp_max_ddegc=400),
    "temp_high": reported(temp_max_ddegc=450, temp_min_ddegc=440),
    "temp_hot": reported(temp_max_ddegc=600, temp_min_ddegc=590),
    "temp_runaway": reported(temp_max_ddegc=700, temp_min_ddegc=690),
    "temp_cool": reported(temp_min_ddegc=50, temp_max_ddegc=60),
    "temp_low": reported(temp_min_ddegc=0, temp_max_ddegc=10),
    "temp_spread": reported(temp_max_ddegc=440, temp_min_ddegc=240),
    "rise_fast": heats(11, 8, 600),
    "rise_high": heats(2, 40),
    "rise_note": heats(1, 40),
    "rise_neighbours": heats(1, 50),
    "spread_mid": resting(reported(cell_min_mv=3100, pack_mv=51000)),
    "spread_any": resting(reported(cell_min_mv=2990, pack_mv=51000)),
    "soft_short": drifts(20),
    "spread_growth": drifts(12),
    "soh_low": reported(soh_pct=80),
    "soh_end": reported(soh_pct=70),
    "cycles_high": reported(cycles=3000),
    "chemistry": reported(chemistry=7),
    "implausible": reported(soc_pct=101),
    "serial_changed": lambda bench: setattr(bench.cabinet.packs[2], "serial", "X"),
    "alarm_stop": reported(alarm_bits=1 << 4),
    "alarm_fault": reported(alarm_bits=1 << 11),
    "alarm_note": reported(alarm_bits=1 << 12),
    "pack_silent": lambda bench: setattr(bench.cabinet.packs[2], "answers", False),
    "frozen": read("pack", counter=5),
    "off_current": resting(read("pack", current_ma=-2000)),
    "no_current": both(read("pack", current_ma=0), read("charger", output_ma=0)),
    "charge_long": lambda bench: setattr(bench.slot.measures, "charged_ms", 21_599_900),
    "contact_warn": read("charger", output_mv=lambda bench: bench.pack["pack_mv"] + bench.slot.pack.current_ma * 8 // 100 + 20),
    "contact_bad": read("charger", output_mv=lambda bench: bench.pack["pack_mv"] + bench.slot.pack.current_ma * 15 // 100 + 20),
    "volt_differs": both(
        read("pack", current_ma=2000), read("charger", output_ma=2000, output_mv=lambda bench: bench.pack["pack_mv"] + 4100)
    ),
    "current_differs": read("pack", current_ma=1000),
    "current_sign": read("pack", current_ma=-2000),
    "contact_worse": lambda bench: bench.slot.measures.__dict__.update(contact_first_16=20 * 16, contact_16=61 * 16),
    "neighbour_hot": lambda bench: bench.cabinet.packs[1].values.update(temp_max_ddegc=620, temp_min_ddegc=600),
    "charger_silent": lambda bench: bench.cabinet.charger_dead.add(2),
    "charger_fault": read("charger", fault_bits=1),
    "charger_hot": read("charger", fault_bits=2),
    "charger_input": read("charger", fault_bits=4),
    "charger_note": read("charger", fault_bits=8),
    "charger_temp": read("charger", temp_ddegc=800),
    "charger_over": read("charger", output_mv=lambda bench: bench.slot.charge_mv + 1500, output_ma=9000),
    "charger_runs_on": resting(read("charger", output_ma=1000)),
    "io_silent": lambda bench: setattr(bench.cabinet, "io_dead", True),
    "lock_disagrees": lambda bench: bench.cabinet.latched.update({2: False}),
    "door_forced": lambda bench: bench.cabinet.doors.update({2: False}),
    "door_left_open": lambda bench: bench.cabinet.doors.update({2: False}),
    "door_stuck": lambda bench: _set(bench, "stuck", True),
    "compartment_warm": read("io", temp_ddegc=550),
    "compartment_hot": read("io", temp_ddegc=700),
    "compartment_blind": read("io", temp_ddegc=None, temp_lost=True),
    "cabinet_blind": read("cabinet", temp_ddegc=None, temp_lost=True),
    "cabinet_silent": read("cabinet", taken_ms=None),
    "smoke": danger(0),
    "water": danger(1),
    "emergency_stop": danger(2),
    "tilt": danger(3),
    "gas": danger(4),
    "ground_fault": danger(5),
    "fan": danger(6),
    "mains_lost": danger(7),
    "cabinet_warm": read("cabinet", temp_ddegc=450),
    "cabinet_hot": read("cabinet", temp_ddegc=550),
    "mains_over": read("cabinet", mains_mv=264000),
    "mains_severe": read("cabinet", mains_mv=270000),
    "mains_under": read("cabinet", mains_mv=166000),
    "mains_current": read("cabinet", mains_ma=60000),
    "mains_short": read("cabinet", mains_ma=80000),
}


def brought(pack: Pack) -> Bench:
    """A rider brings a pack."""
    cabinet = cabinet_with_full_packs()
    bench = Bench(cabinet)
    bring(cabinet, pack)
    return bench


def _marked() -> Bench:
    cabinet = Cabinet(3, {2: Pack("B", 50)})
    cabinet.control.quarantined_serials.append("B")
    return Bench(cabinet)


def _ghost() -> Bench:
    bench = Bench()

    def answers() -> None:
        bench.cabinet.control.slots[3].pack.taken_ms = bench.cabinet.now_ms

    bench.cabinet.run(limit_ms=1000)
    bench.always(answers)
    return bench


BENCHES: dict[str, Callable[[], Bench]] = {
    "duplicate": lambda: Bench(Cabinet(3, {1: Pack("SAME", 50), 2: Pack("SAME", 50)})),
    "proof_failed": lambda: brought(Pack("FALSE", 30, genuine=False)),
    "marked": _marked,
    "unidentified": lambda: brought(Pack("", 30)),
    "unproven": lambda: brought(Pack("MUTE", 30, genuine=None)),
    "ghost": _ghost,
}


def trip(rule: str) -> Any:
    """Evidence of a rule, from the core."""
    if rule in BENCHES:
        return BENCHES[rule]().evidence_of(rule)
    assert rule in TRIGGERS, f"TRIGGERS in tests/unit/tools/test_evidence.py wants a row for the rule {rule}"
    bench = Bench()
    TRIGGERS[rule](bench)
    return bench.evidence_of(rule)


@pytest.mark.parametrize("rule", rules.IDS)
def test_the_evidence_of_every_rule_leads_to_the_same_verdict(rule: str) -> None:
    event = trip(rule)
    assert event is not None, "did not trip"
    envelope = json.loads(json.dumps(envelope_of(event)))
    verdict = replay(envelope)
    assert verdict.same, (verdict, envelope)
    assert verdict.rule == rule and verdict.decision == rules.REACTIONS[rules.reaction(rules.index_of(rule))]
    assert verdict.lines[0].endswith(rule_words.of_rule(rules.index_of(rule)))
    assert len(bytes.fromhex(envelope["data"]["state"])) < 300  # leaves room for frames


@pytest.mark.parametrize(("name", "value", "state"), [("pack_present", False, "fault"), ("taken_ms", None, "unseen")])
def test_so_does_that_of_a_pack_that_burns_where_nobody_sees_one(name: str, value: Any, state: str) -> None:
    bench = Bench() if state == "fault" else Bench(Cabinet(3, {2: Pack("B", 50)}))
    bench.always(lambda: setattr(bench.slot.io, name, value))
    bench.cabinet.run(limit_ms=12_000)
    assert bench.slot.state_name == state
    bench.pack.update(temp_max_ddegc=700)
    event = bench.evidence_of("temp_runaway")
    assert event is not None, "did not trip"
    verdict = replay(json.loads(json.dumps(envelope_of(event))))
    assert verdict.same and verdict.rule == "temp_runaway", verdict


@pytest.mark.parametrize("rule", ["cell_ov", "temp_high", "smoke", "lock_disagrees", "charger_over", "rise_high"])
def test_a_reading_that_was_not_held_long_enough_does_not_lead_there(rule: str) -> None:
    envelope = envelope_of(trip(rule))
    envelope["data"]["held_ms"] = rules.debounce_ms(rules.index_of(rule)) - 1
    assert not replay(envelope).same


def test_evidence_that_was_changed_does_not_lead_there() -> None:
    event = trip("cell_ov")
    envelope = envelope_of(event)
    envelope["data"]["decision"] = "note"
    assert not replay(envelope).same
    envelope = envelope_of(event)
    envelope["data"]["value"] += 1
    assert replay(envelope).differences == ["the reading is 3650 here, 3651 in the cabinet"]
    envelope = envelope_of(event)
    raw = bytearray.fromhex(envelope["data"]["state"])
    at = bytes(raw).find(_number(3650))
    raw[at : at + 2] = _number(3649)
    envelope["data"]["state"] = raw.hex()
    assert replay(envelope).reached == ""


def _number(value: int) -> bytes:
    out = bytearray()
    evidence.put(out, value)
    return bytes(out)


def test_a_tightened_limit_is_taken_from_the_evidence() -> None:
    limits = core("core.limits").LimitSet({"cell_ov": {"LFP": 3500}})
    cabinet = Cabinet(2, {1: Pack("A", 50)})
    cabinet.limits = limits
    cabinet.boot({})
    bench = Bench(cabinet)
    cabinet.settle()
    cabinet.packs[1].values["cell_max_mv"] = 3520
    envelope = envelope_of(bench.evidence_of("cell_ov"))
    assert envelope["data"]["limit"] == 3500 and envelope["data"]["limits"].endswith("+1")
    assert replay(envelope).same


def test_a_pack_that_is_rejected_for_what_stood_before_leaves_evidence_too() -> None:
    cabinet = cabinet_with_full_packs()
    cabinet.packs[2].values["soh_pct"] = 70
    bench = Bench(cabinet)
    cabinet.run(limit_ms=3000)
    assert cabinet.state(2) == "refused"
    cabinet.cut_power()
    cabinet.packs[2].values["temp_max_ddegc"] = 650
    bench = Bench(cabinet)
    assert bench.evidence_of("temp_hot") is not None
    cabinet.packs[2].values["temp_max_ddegc"] = 250
    cabinet.cut_power()  # the latch outlives it
    bench = Bench(cabinet)
    cabinet.settle()
    event = bench.evidence_of("temp_hot")
    envelope = envelope_of(event)
    assert envelope["data"]["decision"] == "quarantined" and "held_ms" not in envelope["data"]
    verdict = replay(envelope)
    assert verdict.same, verdict
    assert "stood before" in verdict.lines[1]


def test_evidence_is_told_once_for_a_fault_and_once_for_a_pack_that_is_rejected_later() -> None:
    bench = Bench()
    reported(soh_pct=70)(bench)
    bench.cabinet.run(limit_ms=5000)
    assert [event.values[0] for event in bench.found] == ["soh_low", "soh_end"]
    assert bench.found[0].values[-2] is bench.found[1].values[-2]  # what core knew is kept once


def test_the_state_is_unpacked_as_it_was_packed() -> None:
    bench = Bench()
    reported(cell_max_mv=3650)(bench)
    event = bench.evidence_of("cell_ov")
    s, limits = bench.slot, core("core.limits").LimitSet()
    again = Slot(envelope_of(event), limits, Numbers(event.values[-2]))
    for name in evidence.PACK:
        assert getattr(again.s.pack, name) == getattr(s.pack, name), name
    assert again.s.pack.serial == again.s.serial == "B" and again.s.left is not None and again.s.right is not None
    assert again.s.state == core("core.slot").CHARGING and again.s.shut is True


def test_the_command_reads_exports_and_single_events(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    envelope = envelope_of(trip("temp_hot"))
    single = tmp_path / "event.json"
    single.write_text(json.dumps(envelope, indent=2))
    export = tmp_path / "export.jsonl"
    export.write_text(json.dumps(envelope) + "\n" + json.dumps({**envelope, "seq": 8, "type": "boot.started", "data": {}}) + "\n")
    for file in (single, export):
        assert replay_cli.run(str(file)) == 0
        assert "1 reached again" in capsys.readouterr().out
    envelope["data"]["value"] = 1
    single.write_text(json.dumps(envelope))
    assert replay_cli.run(str(single), as_json=True) == 1
    assert json.loads(capsys.readouterr().out)["events"][0]["differences"]
    assert replay_cli.run(str(single), rule="smoke") == 2
    assert replay_cli.run(str(tmp_path / "none.json")) == 2


def test_evidence_of_format_1_reaches_the_same_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """As firmware 0.1 wrote it: without `temp_lost` of the slot board and of the cabinet."""
    for name in ("IO", "CABINET"):
        monkeypatch.setattr(evidence, name, tuple(n for n in getattr(evidence, name) if n != "temp_lost"))
    monkeypatch.setattr(evidence, "FORMAT", 1)
    bench = Bench()
    reported(cell_max_mv=4400)(bench)
    event = next(event for event in (bench.evidence_of(rule) for rule in rules.IDS) if event is not None)
    monkeypatch.undo()
    assert event.values[-2][0] == 1
    assert replay(envelope_of(event)).same


def test_frames_of_another_pack_are_called_that() -> None:
    """Frames carry the serial number of their reading."""
    bench = Bench()
    reported(cell_max_mv=4400)(bench)
    event = next(event for event in (bench.evidence_of(rule) for rule in rules.IDS) if event is not None)
    frames = bytearray()
    evidence.put_owner(frames, 70_000, "ANOTHER")
    event.values = (*event.values[:-1], bytes(frames))
    verdict = replay(envelope_of(event))
    assert not verdict.same and "the frames are those of another pack" in verdict.differences
    assert any("frames of ANOTHER, 70000 ms old" in line for line in verdict.lines)
