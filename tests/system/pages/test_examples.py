"""What lies in examples/ works: settings pass the firmware's check, consumer and sender work with the firmware's uplink and a broker."""

from __future__ import annotations

import json
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from brokers import start_amqtt
from paho.mqtt import publish
from patience import PATIENCE_S
from uplink_programs import outcome, start_uplink

from cabinet.startup import settings as checker
from swapcab.paths import ROOT
from swapcab.receiver import Receiver

EXAMPLES = ROOT / "examples"
SETTINGS = sorted((EXAMPLES / "settings").glob("*.json"))


@pytest.fixture
def broker() -> Iterator[int]:
    """The port of a broker."""
    process, port = start_amqtt()
    yield port
    process.kill()
    process.wait()


@pytest.mark.parametrize("file", SETTINGS, ids=lambda file: file.stem)
def test_the_settings_pass_the_check_of_the_firmware(file: Path) -> None:
    checked = checker.parse(file.read_bytes())
    assert str(checked.cabinet.slots) in file.stem
    assert len(checked.slots) == checked.cabinet.slots


def test_the_settings_show_a_small_a_mixed_and_a_large_cabinet() -> None:
    drivers = set()
    for file in SETTINGS:
        for slot in checker.parse(file.read_bytes()).slots:
            drivers |= {slot.pack_driver, slot.charger_driver, slot.io_driver, slot.inputs_driver}
    assert len(SETTINGS) == 3
    assert {"pack-link-modbus", "pack-link-can", "elcon", "npb", "slot-board", "kr-cu16", "pin-inputs"} <= drivers


def rows(path: Path, question: str) -> list[tuple]:
    """Rows of the consumer's store; none while it has no tables."""
    with closing(sqlite3.connect(path)) as store:
        try:
            return store.execute(question).fetchall()
        except sqlite3.OperationalError:
            return []


def wait_for(path: Path, question: str, count: int) -> list[tuple]:
    """The rows once there are so many."""
    end = time.monotonic() + PATIENCE_S
    while len(found := rows(path, question)) < count:
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def test_the_consumer_stores_each_event_once_and_keeps_apart_what_is_wrong(broker: int, tmp_path: Path) -> None:
    store = tmp_path / "events.db"
    command = [sys.executable, str(EXAMPLES / "consume_events.py"), "127.0.0.1", str(broker), str(store)]
    consumer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert consumer.stdout and consumer.stdout.readline() == "subscribed\n"
        assert outcome(start_uplink(broker, events=60, batch=7))["backlog"] == 0
        ring_a = "SELECT seq, body FROM event WHERE ring = 'A' ORDER BY seq"
        found = wait_for(store, ring_a, 60)
        assert [seq for seq, _ in found] == list(range(1, 61))
        for payload in (found[0][1], '{"v": 1}', "no JSON"):  # an event again; two messages that are none
            publish.single("swapcab/v1/cab-1/events/a", payload, qos=1, port=broker)
        wait_for(store, "SELECT why FROM refused", 2)
        assert rows(store, ring_a) == found
    finally:
        consumer.kill()
        consumer.wait()


def sent(broker: int, *words: str) -> tuple[int, dict]:
    """Exit code and answer of one run of the sender."""
    command = [sys.executable, str(EXAMPLES / "send_command.py"), "127.0.0.1", str(broker), "cab-1", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout)


def test_the_sender_shows_the_answer_of_the_cabinet(broker: int) -> None:
    receiver = Receiver("127.0.0.1", broker, "cab-1")
    receiver.start()
    cabinet = start_uplink(broker, run_whole_time=True)
    try:
        assert receiver.wait_for(lambda: receiver.online is True, PATIENCE_S)
        code, answer = sent(broker, "unlock", "--slot", "3")
        assert code == 0 and answer["accepted"] is True and answer["kind"] == "unlock"
        code, answer = sent(broker, "unlock")
        assert code == 1 and answer["reason"] == "no_slot"
    finally:
        cabinet.kill()
        cabinet.wait()
        receiver.stop()


def test_the_examples_are_short_and_the_readme_names_each() -> None:
    files = [*EXAMPLES.glob("*.py"), *SETTINGS]
    lengths = [len(file.read_text().splitlines()) for file in files]
    assert 20 <= statistics.median(lengths) <= 60 and max(lengths) < 100
    readme = (EXAMPLES / "README.md").read_text()
    assert all(str(file.relative_to(EXAMPLES)) in readme for file in files)
