"""What a day of a whole cabinet costs on the line, by the firmware's own meter: `python tests/benchmark/uplink/day.py [--hours 24]`.

The real firmware with the default settings on virtual time: 12 slots, about 200 swaps a day, a broker that answers in some 30 ms. The
headers of TCP, IP and TLS are computed (`meter.OVERHEAD`). An hour takes about a minute and a half.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

import virtual_build
import virtual_run

from swapcab.rows import Row, publish
from swapcab.settings import template as settings_template

SLOTS = 12
EVERY_S = 390  # between two riders, the time of a swap left out
START = """
import json, sys
words = json.loads(sys.argv[1])
from virtual import sim as sims
from virtual.life import Life
from cabinet.uplink import meter
sims.prepare()
with open(words["settings"], "rb") as file:
    settings = file.read()
with open(words["secrets"], "rb") as file:
    secrets = file.read()
sim = sims.Sim(words["seed"], settings, secrets, 1.0)
life = Life(sim, words["every_s"])
life.kinds = (("normal", 1),)
types = {}
received = sim.broker._on_event
def count(ring, envelope):
    types[envelope["type"]] = types.get(envelope["type"], 0) + 1
    received(ring, envelope)
sim.broker._on_event = count
apps = []
sim.patch = apps.append
sim.run(words["hours"])
line = apps[-1].uplink.meter
print(json.dumps({"bytes": line._counts[:5], "messages": line._counts[5:], "line": line.used(), "kinds": meter.KINDS,
                  "swaps": sim.world.counts, "types": types, "overhead": meter.OVERHEAD}))
"""


def measure(hours: float, seed: int, **uplink: object) -> dict:
    """What the meter counted. `uplink` changes settings of that section."""
    out = virtual_build.prepare()
    settings = settings_template.settings(SLOTS)
    settings["uplink"] = {"host": "127.0.0.1", **uplink}
    (out / "day.json").write_text(json.dumps(settings))
    words = {"settings": "day.json", "seed": seed, "hours": hours, "every_s": EVERY_S}
    environment = {"MICROPYPATH": f"{out}:.frozen", "PATH": "/usr/bin:/bin"}
    command = virtual_run.command(words, START)
    done = subprocess.run(command, cwd=out, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    try:
        return json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise RuntimeError((done.stdout + done.stderr)[-2000:]) from None


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    said = measure(min(options.hours, 23.99), options.seed)  # the meter begins anew after a day
    scale = 24 / min(options.hours, 23.99)
    swaps = said["swaps"].get("completed", 0) * scale
    rows = [Row("swaps a day", round(swaps), "", "about 200", 180 <= swaps <= 260)]
    for kind, size, messages in zip(said["kinds"], said["bytes"], said["messages"], strict=True):
        cost = (size + said["overhead"] * messages) * scale / 1000
        rows.append(Row(f"  {kind}", round(cost), "kB", f"{round(messages * scale)} messages"))
    whole = round(said["line"] * scale / 1000)
    rows.append(Row("a day on the line, default settings", whole, "kB", "< 1,000", whole < 1000))
    publish(rows, f"A day of {SLOTS} slots, measured over {options.hours} virtual hours", "uplink-day")
    print(json.dumps(said["types"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
