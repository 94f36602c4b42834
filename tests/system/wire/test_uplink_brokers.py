"""The uplink under MicroPython against brokers that others wrote, with paho-mqtt as receiver."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from brokers import start_amqtt, start_mosquitto
from patience import PATIENCE_S
from uplink_programs import outcome, start_uplink

from swapcab.netcut import NetCut
from swapcab.receiver import Receiver


@pytest.fixture(params=["mosquitto", "amqtt"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    """The port of a broker."""
    process, port = start_mosquitto(tmp_path) if request.param == "mosquitto" else start_amqtt()
    yield port
    process.kill()
    process.wait()


@pytest.fixture
def receiver(broker: int) -> Iterator[Receiver]:
    """Subscribed before any cabinet begins."""
    taken = Receiver("127.0.0.1", broker, "cab-1")
    taken.start()
    yield taken
    taken.stop()


def test_backlog_and_fresh_events_arrive_once_and_in_order(broker: int, receiver: Receiver):
    said = outcome(start_uplink(broker, events=500, fresh=20, fresh_ms=20))
    assert said["backlog"] == 0
    assert receiver.wait_for(lambda: receiver.received >= 521, PATIENCE_S)
    assert receiver.missing("A", 520) == []
    assert (receiver.duplicates, receiver.order_violations, receiver.invalid) == (0, 0, [])
    assert receiver.by_type["link.up"] == 1


def test_birth_online_and_slots_are_retained_and_the_will_tells_of_the_end(broker: int):
    outcome(start_uplink(broker, events=3))
    late = Receiver("127.0.0.1", broker, "cab-1")
    late.start()
    assert late.wait_for(lambda: late.birth is not None and late.online is False and len(late.slots) == 3, PATIENCE_S)
    assert late.birth and late.birth["firmware"] == "test" and late.birth["boot"] == 1
    assert late.invalid == []
    late.stop()


def test_commands_are_carried_out_once_and_answered(broker: int, receiver: Receiver):
    cabinet = start_uplink(broker, run_whole_time=True)
    assert receiver.wait_for(lambda: receiver.online is True, PATIENCE_S)
    first = receiver.command("unlock", slot=3, id="cmd-1")
    answer = receiver.result(first)
    assert answer and answer["accepted"] is True and answer["kind"] == "unlock"
    receiver.results.clear()
    receiver.command("unlock", slot=3, id="cmd-1")
    again = receiver.result("cmd-1")
    assert again and again["accepted"] is True and again["repeated"] is True
    bad = (("cmd-2", {"slot": 0}, "bad_slot"), ("cmd-3", {"slot": 3, "expires": 1000}, "expired"), ("cmd-4", {}, "no_slot"))
    for identity, more, reason in bad:
        answer = receiver.result(receiver.command("unlock", id=identity, **more))
        assert answer and (answer["accepted"], answer["reason"]) == (False, reason)
    receiver.client.publish(receiver.root + "commands", b"\xff{[", qos=1)
    assert receiver.wait_for(lambda: None in receiver.results, PATIENCE_S)
    cabinet.terminate()
    cabinet.wait()
    assert receiver.invalid == []


def test_an_outage_in_the_middle_of_a_drain_costs_duplicates_at_most(broker: int, receiver: Receiver):
    line = NetCut("127.0.0.1", broker, delay_ms=20)
    port = line.start()
    cabinet = start_uplink(port, events=3000, batch=2, answer_ms=800)
    for goal in (300, 900, 1500):
        assert receiver.wait_for(lambda goal=goal: receiver.received >= goal, PATIENCE_S)
        line.abort_all()
    assert receiver.wait_for(lambda: receiver.received >= 2000, PATIENCE_S)
    line.cut()
    assert cabinet.poll() is None
    time.sleep(2)  # long enough for the answer to be missed
    line.restore()
    said = outcome(cabinet)
    line.stop()
    assert said["backlog"] == 0
    assert receiver.wait_for(lambda: not receiver._missing("A", 3000, 1), PATIENCE_S)
    assert (receiver.order_violations, receiver.invalid) == (0, [])
    assert said["sessions"] >= 4
