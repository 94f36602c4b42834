"""What docs/events.md shows works, and what is generated is up to date."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

from brokers import start_broker
from paho.mqtt import publish
from uplink_programs import outcome, start_uplink

from swapcab.docs import events as gen_events
from swapcab.netcut import NetCut
from swapcab.paths import ROOT


def test_schemas_and_tables_are_those_of_the_vocabulary():
    stale = [str(path.relative_to(ROOT)) for path, text in gen_events.render().items() if not path.exists() or path.read_text() != text]
    assert stale == [], "run python -m swapcab.docs.events"


def test_the_receiver_of_the_docs_stores_each_event_once_and_in_order(tmp_path: Path):
    page = (ROOT / "docs" / "events.md").read_text()
    source = page.split("```python\n")[1].split("```")[0]
    assert len([line for line in source.splitlines() if line.strip()]) <= 30
    program = tmp_path / "consumer.py"
    program.write_text(source)
    broker, port = start_broker(tmp_path)
    consumer = subprocess.Popen([sys.executable, "-u", str(program), "127.0.0.1", str(port)], stdout=subprocess.PIPE, text=True)
    line = NetCut("127.0.0.1", port)
    try:
        assert consumer.stdout
        probing = threading.Event()

        def probe() -> None:
            event = {"cabinet": "probe", "ring": "A", "boot": 1, "type": "probe", "slot": None, "pack": None, "data": {}}
            for number in range(1, 500):
                if probing.wait(0.05):
                    break
                publish.single("swapcab/v1/probe/events/a", json.dumps({**event, "seq": number}), qos=1, port=port)

        threading.Thread(target=probe, daemon=True).start()
        assert "probe" in consumer.stdout.readline()  # it is subscribed
        probing.set()
        cabinet = start_uplink(line.start(), events=400, batch=3, window=4, fresh=30, fresh_ms=20)
        said = outcome(cabinet)
        assert said["backlog"] == 0
        sequences = []
        for text in consumer.stdout:
            number, kind = text.split()[:2]
            if kind not in ("link.up", "probe"):
                sequences.append(int(number))
            if sequences and sequences[-1] == 430:
                break
        assert sequences == list(range(1, 431))
    finally:
        line.stop()
        for process in (consumer, broker):
            process.kill()
            process.wait()
