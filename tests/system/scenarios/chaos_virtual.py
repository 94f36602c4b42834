"""The uplink alone on virtual time, a hundred hours of misfortunes: `python tests/system/scenarios/chaos_virtual.py --hours 100 --seed 1`.

What can go wrong stands in virtual/uplink_chaos.py. Writes build/chaos-virtual.json; exits 1 if an event was lost, altered or out of order.
"""

from __future__ import annotations

import argparse
import sys
import time

import virtual_build
import virtual_run

from swapcab.rows import Row, publish

START = "import sys, json; from virtual import uplink_chaos; print(json.dumps(uplink_chaos.main(json.loads(sys.argv[1]))))"


def rows_of(said: dict, real_s: float) -> list[Row]:
    """What it shows."""
    heap = said["heap"]
    third = max(1, len(heap) // 3)
    early, late = max(heap[:third]), max(heap[-third:])
    return [
        Row("virtual time", round(said["hours"], 1), "hours"),
        Row("events of ring A, of ring B", f"{said['events_a']:,}, {said['events_b']:,}"),
        Row("lost", said["lost"], "", "0", not said["lost"]),
        Row("out of order, altered", said["violation"] or 0, "", "0", not said["violation"]),
        Row("repeats", said["repeats"], "", "each seen before"),
        Row("alarms told of ahead", said["alarms"]),
        Row("misfortunes", sum(said["acts"].values())),
        *(Row(f"  {name.replace('_', ' ')}", count) for name, count in sorted(said["acts"].items())),
        Row("starts of the cabinet", said["starts"]),
        Row("sessions, connections that ended", f"{said['sessions']:,}, {said['failures']:,}"),
        Row("commands carried out", said["commands"]),
        Row("heap kept, largest of the first third", early, "bytes"),
        Row("heap kept, largest of the last third", late, "bytes", "flat (<= 3 % more)", late <= early * 1.03 if len(heap) > 9 else None),
        Row("real time", round(real_s, 1), "s"),
    ]


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    virtual_build.prepare()
    begin = time.monotonic()
    said = virtual_run.run({"seed": options.seed, "hours": options.hours}, 24 * 3600, start=START, heap="4m")
    if "heap" not in said:
        print(said["violation"]["detail"], file=sys.stderr)
        return 1
    return 0 if publish(rows_of(said, time.monotonic() - begin), "The uplink alone on virtual time", "chaos-virtual") else 1


if __name__ == "__main__":
    sys.exit(main())
