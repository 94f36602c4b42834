"""Alarms against a real broker: ahead of a backlog, and again in their place."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from brokers import start_broker
from patience import PATIENCE_S

from swapcab.netcut import NetCut
from swapcab.paths import MICROPYPATH, ROOT
from swapcab.receiver import Receiver

EVENTS = 4000


def start_cabinet(**want: object) -> subprocess.Popen:
    """uplink_cabinet.py under MicroPython."""
    program = Path(sys.executable).with_name("micropython")
    env = {"MICROPYPATH": MICROPYPATH}
    command = [str(program), "-X", "heapsize=8m", str(ROOT / "tests" / "system" / "wire" / "uplink_cabinet.py"), json.dumps(want)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True)


def outcome(cabinet: subprocess.Popen) -> dict:
    """What it counted."""
    output, _ = cabinet.communicate()
    return json.loads(output.splitlines()[-1])


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
        said = outcome(start_cabinet(host="127.0.0.1", port=line.start(), events=EVENTS, batch=2, alarm_after=50))
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
