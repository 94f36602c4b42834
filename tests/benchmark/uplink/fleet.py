"""A fleet comes back after an outage: `python tests/benchmark/uplink/fleet.py --cabinets 200 --outage 30`.

All cabinets hang on one Mosquitto, which dies and comes back; told are the time until all have drained and the largest connect rate that
the broker saw. Writes build/fleet-uplink.json.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[2] / "tools")]

import peers  # noqa: E402

from swapcab.rows import Row, publish  # noqa: E402

A_PROCESS = 25


def line_of(process: subprocess.Popen) -> dict:
    """The next line that a process prints."""
    assert process.stdout
    text = process.stdout.readline()
    if not text:
        raise RuntimeError("a process of the fleet ended")
    try:
        return json.loads(text)
    except ValueError:
        return line_of(process)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cabinets", type=int, default=200)
    parser.add_argument("--outage", type=float, default=30, help="seconds")
    parser.add_argument("--events", type=int, default=50, help="of each cabinet during the outage")
    options = parser.parse_args()
    port = peers.free_port()
    with tempfile.TemporaryDirectory(prefix="swapcab-fleet-") as folder:
        config, log = Path(folder) / "mosquitto.conf", Path(folder) / "mosquitto.log"
        lines = f"listener {port} 127.0.0.1\nset_tcp_nodelay true\npersistence false\nallow_anonymous true\n"
        config.write_text(lines + "log_type notice\nlog_timestamp_format %Y-%m-%dT%H:%M:%S\n")

        def broker() -> subprocess.Popen:
            with open(log, "wb") as sink:
                return subprocess.Popen(["mosquitto", "-c", str(config)], stdout=sink, stderr=sink)

        process = broker()
        fleet = []
        try:
            time.sleep(0.5)
            for first in range(1, options.cabinets + 1, A_PROCESS):
                count = min(A_PROCESS, options.cabinets + 1 - first)
                want = {"host": "127.0.0.1", "port": port, "first": first, "cabinets": count, "events": options.events}
                fleet.append(peers.program("fleet_alone.py", want, "4m"))
            for member in fleet:
                line_of(member)
            process.kill()
            process.wait()
            for member in fleet:
                line_of(member)
            time.sleep(options.outage)
            process = broker()
            back = time.time()
            ends: list[float] = []
            failures = 0
            for member in fleet:
                said = line_of(member)
                ends += said["drained"].values()
                failures += said["failures"]
            connects = Counter(re.findall(r"^(\S+): New client connected", log.read_text(), re.M))
        finally:
            process.kill()
            for member in fleet:
                member.kill()
    ends = sorted(end - back for end in ends)
    rows = [
        Row("cabinets", len(ends), "", str(options.cabinets), len(ends) == options.cabinets),
        Row("outage", options.outage, "s"),
        Row("half of them drained after", round(ends[len(ends) // 2], 1), "s"),
        Row("all of them drained after", round(ends[-1], 1), "s"),
        Row("largest connect rate at the broker", max(connects.values()), "in one second"),
        Row("connections lost or refused in all", failures),
    ]
    return 0 if publish(rows, "A fleet comes back", "fleet-uplink") else 1


if __name__ == "__main__":
    sys.exit(main())
