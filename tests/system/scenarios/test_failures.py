"""When Python itself fails: the heartbeat that holds the chargers' mains is gone in time, no current flows, the cabinet comes back.

The real firmware on the virtual clock, with the plant's relay, chargers and watchdog; see docs/simulation.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import virtual_build
import virtual_run

from swapcab.journal.cli import verdict
from swapcab.journal.source import open_journal, read_key
from swapcab.replay.verdicts import TYPE, replay
from swapcab.settings.template import secrets

START = "import sys, json; from virtual import failure; print(json.dumps(failure.main(json.loads(sys.argv[1]))))"
REPORT_MS, CHECK_MS, RELAY_MS = 1000, 100, 500  # without a report; between two looks of the supervisor; the relay falls by itself
STORE_MS = 10_000  # without a flash that takes events
PHYSICS_MS = 100  # the plant's largest step
WATCHDOG_MS = 5000


@pytest.fixture(scope="module")
def built() -> Path:
    """The firmware with the plant, compiled."""
    return virtual_build.prepare()


def failed(kind: str, seconds: int, built: Path, tmp_path: Path) -> dict[str, Any]:
    """What the plant saw, with the journal's verdict."""
    image = tmp_path / "journal.bin"
    result = virtual_run.run({"seed": 3, "kind": kind, "seconds": seconds, "image": str(image)}, out=built, start=START, heap="32m")
    assert result["ok"], f"{result['violation']}\n" + "\n".join(result.get("story", []))
    assert result["charging_a"] > 20, "nothing was charged before"
    journal = open_journal(str(image), read_key(str(secrets()["device_key"])), 4096, None, lambda n, total: None)
    assert not journal.faults, verdict(journal)
    result["events"] = list(journal.envelopes())
    for envelope in result["events"]:
        if envelope["type"] == TYPE:
            assert replay(envelope).same, envelope
    return result


@pytest.mark.parametrize(("kind", "limit_ms"), [("wedge", RELAY_MS + CHECK_MS), ("crash", CHECK_MS), ("memory", CHECK_MS)])
def test_a_loop_that_fails_lets_the_relay_fall_and_the_cabinet_starts_again(
    kind: str, limit_ms: int, built: Path, tmp_path: Path
) -> None:
    result = failed(kind, 45, built, tmp_path)
    assert result["heartbeat_ms"] <= limit_ms + PHYSICS_MS
    assert result["current_ms"] <= limit_ms + 2 * PHYSICS_MS
    assert result["restart_ms"] <= WATCHDOG_MS + 1000 + PHYSICS_MS and result["cause"] == "watchdog"
    assert result["charging_again_ms"] is not None, "not charged again"
    boots = [e["data"] for e in result["events"] if e["type"] == "boot.started"]
    assert len(boots) == 2 and boots[1]["cause"] == "watchdog"


def test_a_flash_that_takes_nothing_more_ends_charging_until_there_is_room_again(built: Path, tmp_path: Path) -> None:
    result = failed("flash_full", 110, built, tmp_path)
    limit_ms = STORE_MS + RELAY_MS + CHECK_MS
    assert result["heartbeat_ms"] <= limit_ms + PHYSICS_MS
    assert result["current_ms"] <= limit_ms + 2 * PHYSICS_MS
    assert result["restart_ms"] is not None and result["cause"] == "power_on"
    assert result["charging_before_room"] == 0, "charged though nothing can be recorded"
    assert result["charging_again_ms"] is not None, "not charged again once the broker had taken what was stored"


def test_the_firmware_leaves_evidence_with_frames_that_say_what_it_read(built: Path, tmp_path: Path) -> None:
    result = failed("hot", 8, built, tmp_path)
    found = [e for e in result["events"] if e["type"] == TYPE and e["data"]["rule"] == "temp_high"]
    assert {e["slot"] for e in found} == {1, 11}, "a pack on RS485 and one on CAN"
    for envelope in found:
        verdict = replay(envelope)
        assert verdict.same and f"slot {envelope['slot']} becomes" in " ".join(verdict.lines)
        assert any("the frames say what the reading says" in line or "after the reading" in line for line in verdict.lines), verdict.lines
        assert any("18ff50a" in line for line in verdict.lines), "the charger's frame"
        assert any("function 2" in line for line in verdict.lines), "the slot board's frame"
    from swapcab.replay import command as replay_cli

    assert replay_cli.run(str(tmp_path / "journal.bin"), str(secrets()["device_key"])) == 0
