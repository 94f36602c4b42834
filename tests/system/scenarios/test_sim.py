"""Whole cabinets in short: broker, plant and compiled firmware as processes, as `make sim` runs them.

Nothing here is timed: a slow machine takes longer and gives the same verdict.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from brokers import start_mosquitto
from contract import Contract, Recorder

from swapcab.paths import ROOT


def run_sim(folder: Path, *arguments: str) -> tuple[int, dict, str]:
    """Exit code, the JSON line and what a person sees."""
    command = [sys.executable, "-m", "swapcab", "sim", "--headless", "--folder", str(folder), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    line = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "{}"
    return done.returncode, json.loads(line), done.stdout[-3000:] + done.stderr[-6000:]


def assert_nothing_lost(result: dict, text: str) -> None:
    """What must hold in every run."""
    for name in ("events_lost", "events_invalid", "order_violations", "interlock_violations", "packs_unaccounted", "firmware_crashes"):
        assert result[name] == 0, f"{name} = {result[name]}\n{text}"
    assert 0 < result["heap_peak_bytes"] <= result["heap_cap_bytes"]
    assert result["events_received"] > 0


@pytest.fixture(scope="module")
def sims(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future]]:
    """Two cabinets beside each other: each waits more than it works."""
    faults = ["--fault", "dead:3", "--fault", "dead:4", "--fault", "babble:5", "--fault", "crc:6"]
    runs = {
        "swaps": ["--swaps", "4", "--seed", "1", "--bad-every", "3"],
        "faults": ["--swaps", "2", "--seed", "3", "--bad-every", "0", *faults],
    }
    with ThreadPoolExecutor(len(runs)) as pool:
        yield {name: pool.submit(run_sim, tmp_path_factory.mktemp(name), *options) for name, options in runs.items()}


def test_riders_swap_packs_and_every_event_reaches_the_broker(sims):
    code, result, text = sims["swaps"].result()
    assert code == 0, text
    assert result["swaps_completed"] >= 4 and result["swaps_refused"] >= 1
    assert_nothing_lost(result, text)


def test_a_dead_a_babbling_and_a_garbled_pack_cost_their_own_slots_only(sims):
    code, result, text = sims["faults"].result()
    assert code == 0, text
    assert_nothing_lost(result, text)


def test_swaps_go_on_while_mosquitto_is_gone_and_the_power_fails_and_nothing_is_lost(tmp_path):
    """With Mosquitto, for order is judged; see what docs/dependencies.md says of amqtt. All traffic is held against the contract."""
    trouble = ["--outage", "12@4", "--kill", "12", "--kills", "2"]
    broker, port = start_mosquitto(tmp_path, "max_queued_messages 0\n")
    try:
        with Recorder(port) as recorder:
            options = ("--swaps", "3", "--seed", "2", *trouble, "--broker", f"mqtt://127.0.0.1:{port}")
            code, result, text = run_sim(tmp_path / "run", *options)
    finally:
        broker.kill()
        broker.wait()
    assert code == 0, text
    assert result["swaps_completed"] >= 3 and result["kills"] >= 2 and result["outages"] == 1
    assert_nothing_lost(result, text)
    seen, wrong = recorder.judged(Contract())
    assert wrong == []
    assert {"eventsA", "eventsB", "birth", "online", "slot"} <= set(seen)
