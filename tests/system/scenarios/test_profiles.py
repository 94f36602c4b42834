"""A maker of whom there is only a DBC file: the walk-through of docs/profiles.md as it is written, and the same packs without proof.

Nothing here is timed: a slow machine takes longer and gives the same verdict.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

from patience import PATIENCE_S

from swapcab.paths import ROOT
from swapcab.profile.dbc import Wish, convert
from swapcab.profile.guess import Meaning
from swapcab.profile.text import text
from swapcab.sim.options import Options
from swapcab.sim.simulation import Simulation

NIMBUS = ROOT / "docs" / "examples" / "nimbus.dbc"


def steps() -> list[tuple[str, str]]:
    """Each command of the walk-through, and the output that the page shows behind it."""
    page = (ROOT / "docs" / "profiles.md").read_text()
    part = page.split("## Walk-through", 1)[1].split("\n## ", 1)[0]
    found: list[tuple[str, str]] = []
    for kind, body in re.findall(r"```(\w*)\n(.*?)```", part, re.DOTALL):
        if kind == "sh":
            found.append((body.strip(), ""))
        elif kind == "":
            found[-1] = (found[-1][0], body.strip())
    return found


def run(command: str) -> tuple[int, str, str]:
    """As a person types it."""
    words = shlex.split(command)
    assert words[0] == "swapcab", command
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    return done.returncode, done.stdout, done.stdout + done.stderr


def test_the_walk_through_works_as_it_is_written() -> None:
    commands = steps()
    assert [words.split()[1] for words, _ in commands] == ["profile", "profile", "profile", "sim", "profile"]
    for number, (command, shown) in enumerate(commands):
        code, out, all_text = run(command)
        assert code == (1 if number == 0 else 0), all_text
        assert shown in all_text, all_text
        if " sim " in command:
            result = json.loads(out.strip().splitlines()[-1])
            assert result["swaps_completed"] >= 1 and result["interlock_violations"] == 0 and result["events_lost"] == 0
            assert result["firmware_crashes"] == 0 and result["packs_unaccounted"] == 0
    assert (ROOT / "build" / "nimbus.profile").stat().st_size < 4096


def test_packs_of_a_profile_that_cannot_prove_themselves_are_read_and_given_back_and_never_charged(tmp_path: Path) -> None:
    profile = tmp_path / "nimbus.json"
    profile.write_text(text(convert(NIMBUS, {"Sigma": Meaning("soh_pct")}, Wish("nimbus", "NIMBUS", True, (1, 48))).tree))
    options = Options(slots=6, swaps=0, seed=5, headless=True, bad_every=0, profile=profile, dbc=NIMBUS, folder=tmp_path / "run")
    simulation = Simulation(options)
    try:
        simulation.start()
        simulation.ask(cmd="rider", kind="normal")
        charged = False
        seen: dict = {}
        limit = time.monotonic() + PATIENCE_S
        while time.monotonic() < limit and not simulation.swaps.get("refused"):
            simulation.tick()
            charged = charged or any(slot["charger_ma"] for slot in (simulation.view.get("slots") or [])[4:])
            for number in (5, 6):
                reported = simulation.state.slots[number]
                if reported.get("state") == "refused" and "unproven" in (reported.get("faults") or []):
                    seen = dict(reported)
            time.sleep(0.02)
        assert simulation.swaps.get("refused") == 1 and not simulation.swaps.get("completed"), "the rider gets the pack back"
        assert not charged
        assert seen and seen["pack"] and seen["soc_pct"] is not None and seen["pack_mv"], "but it was read and identified"
        assert simulation.view["audit"]["violations"] == [], simulation.view["audit"]
    finally:
        simulation.close()
