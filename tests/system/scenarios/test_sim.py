"""Whole cabinets in short: broker, plant and compiled firmware as processes, as `make sim` runs them.

Nothing here is timed: a slow machine takes longer and gives the same verdict.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from contract import Contract, Recorder

from swapcab.paths import ROOT

LIMIT_S = 540


def run_sim(folder: Path, *arguments: str) -> tuple[int, dict, str]:
    """Exit code, the JSON line and what a person sees."""
    command = [sys.executable, "-m", "swapcab", "sim", "--headless", "--folder", str(folder), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL)
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


@pytest.mark.timeout(LIMIT_S + 30)
def test_riders_swap_packs_and_every_event_reaches_the_broker(sims):
    code, result, text = sims["swaps"].result()
    assert code == 0, text
    assert result["swaps_completed"] >= 4 and result["swaps_refused"] >= 1
    assert_nothing_lost(result, text)


@pytest.mark.timeout(LIMIT_S + 30)
def test_a_dead_a_babbling_and_a_garbled_pack_cost_their_own_slots_only(sims):
    code, result, text = sims["faults"].result()
    assert code == 0, text
    assert_nothing_lost(result, text)


def mosquitto() -> str:
    """Its path; the test fails with what to do where it is absent."""
    for folder in (*os.environ.get("PATH", "").split(os.pathsep), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"):
        path = Path(folder) / "mosquitto"
        if path.is_file():
            return str(path)
    pytest.fail("mosquitto is not installed; Debian: apt-get install mosquitto, macOS: brew install mosquitto")


@pytest.mark.timeout(LIMIT_S + 30)
def test_swaps_go_on_while_mosquitto_is_gone_and_the_power_fails_and_nothing_is_lost(tmp_path):
    """With Mosquitto, for order is judged; see what docs/dependencies.md says of amqtt. All traffic is held against the contract."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    configuration = tmp_path / "mosquitto.conf"
    configuration.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 0\n")
    trouble = ["--outage", "12@4", "--kill", "12", "--kills", "2"]
    with subprocess.Popen([mosquitto(), "-c", str(configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as broker:
        try:
            await_port(port, broker)
            with Recorder(port) as recorder:
                options = ("--swaps", "3", "--seed", "2", *trouble, "--broker", f"mqtt://127.0.0.1:{port}")
                code, result, text = run_sim(tmp_path / "run", *options)
        finally:
            broker.send_signal(signal.SIGTERM)
    assert code == 0, text
    assert result["swaps_completed"] >= 3 and result["kills"] >= 2 and result["outages"] == 1
    assert_nothing_lost(result, text)
    seen, wrong = recorder.judged(Contract())
    assert wrong == []
    assert {"eventsA", "eventsB", "birth", "online", "slot"} <= set(seen)


def await_port(port: int, process: subprocess.Popen) -> None:
    """Until somebody listens there."""
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("mosquitto ended at its start")
