"""The same hostile bytes for the uplink's parsers under CPython and under MicroPython: nothing escapes, and both say the same.

`python tests/robustness/fuzz/fuzz_both.py --count 1000000 --seed 1`; test_fuzz_mqtt.py runs a sample.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
from pathlib import Path

import fuzz_mqtt
import wire_verdicts

from swapcab.paths import MICROPYPATH

HERE = Path(__file__).resolve().parent


def inputs(fuzz: fuzz_mqtt.Fuzz, count: int) -> list[tuple[str, bytes]]:
    """Connections of a few packets, commands, answers."""
    made: list[tuple[str, bytes]] = []
    for _ in range(count // 4):
        packets = [fuzz.mutated(fuzz.packet()) for _ in range(fuzz.random.randrange(1, 8))]
        made.append(("M", (b"\x20\x02\x00\x00" if fuzz.random.random() < 0.9 else b"") + b"".join(packets)))
        made.append(("C", fuzz.mutated(fuzz._command())))
        made.append(("D", fuzz.mutated(fuzz_mqtt.DNS_ANSWER)))
        made.append(("S", fuzz.mutated(fuzz_mqtt.SNTP_ANSWER)))
    return made


def differences(seed: int, count: int) -> list[str]:
    """What the two interpreters do not agree on. Raises RuntimeError if MicroPython's ends before the last input."""
    given = inputs(fuzz_mqtt.Fuzz(seed), count)
    program = Path(sys.executable).with_name("micropython")
    env = {"MICROPYPATH": MICROPYPATH}
    command = [str(program), "-X", "heapsize=1m", str(HERE / "wire_verdicts.py")]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    assert other.stdin and other.stdout
    feed = other.stdin

    def give() -> None:
        with feed:
            for kind, data in given:
                feed.write(f"{kind} {data.hex()}\n")

    threading.Thread(target=give, daemon=True).start()
    found = []
    for kind, data in given:
        theirs = other.stdout.readline()
        if not theirs:
            raise RuntimeError(f"MicroPython ended at {kind} {data.hex()}")
        ours = wire_verdicts.verdict(kind, data)
        if theirs.rstrip("\n") != ours and not ours.endswith("topic is not UTF-8"):  # MicroPython takes some of these for strange ones
            found.append(f"{kind} {data!r}: CPython {ours!r}, MicroPython {theirs!r}")
    other.wait()
    return found


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    from swapcab.rows import Row, publish

    found = differences(options.seed, options.count)
    for text in found[:20]:
        print(text)
    rows = [Row("inputs to both interpreters", options.count), Row("differences", len(found), "", "0", not found)]
    return 0 if publish(rows, "The uplink's parsers under CPython and MicroPython", "fuzz-both") else 1


if __name__ == "__main__":
    sys.exit(main())
