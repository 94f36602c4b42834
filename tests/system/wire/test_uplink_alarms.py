"""Alarms against a real broker: ahead of a backlog, and again in their place."""

from __future__ import annotations

from pathlib import Path

from brokers import start_broker
from patience import PATIENCE_S
from uplink_programs import outcome, start_alarms

from swapcab.netcut import NetCut
from swapcab.receiver import Receiver

EVENTS = 4000


def test_a_fresh_alarm_overtakes_thousands_of_events_and_comes_again_in_its_place(tmp_path: Path):
    broker, port = start_broker(tmp_path)
    receiver = Receiver("127.0.0.1", port, "cab-1")
    receiver.start()
    line = NetCut("127.0.0.1", port, delay_ms=20)
    ahead: list[int] = []
    take = receiver._take

    def watch(topic: str, payload: bytes | bytearray) -> None:
        if topic == "alarms":
            ahead.append(EVENTS + 1 - receiver.last["A"][1])
        take(topic, payload)

    receiver._take = watch  # type: ignore[method-assign]
    try:
        said = outcome(start_alarms(host="127.0.0.1", port=line.start(), events=EVENTS, batch=2, alarm_after=50))
        assert said["backlog"] == 0
        assert receiver.wait_for(lambda: not receiver._missing("A", EVENTS + 1, 1), PATIENCE_S)
        alarm = receiver.alarms[0]
        assert (alarm["type"], alarm["seq"], alarm["ring"]) == ("fault.raised", EVENTS + 1, "A")
        assert alarm == next(event for event in receiver.latest if event["seq"] == EVENTS + 1 and event["ring"] == "A")
        assert len(ahead) == 1 and ahead[0] > EVENTS // 2
        assert (receiver.order_violations, receiver.invalid, len(receiver.alarms)) == (0, [], 1)
    finally:
        line.stop()
        receiver.stop()
        broker.kill()
        broker.wait()
