"""The uplink beside umqtt.simple and paho-mqtt, through a delay proxy to Mosquitto, and what the control loop feels of it.

`python tests/benchmark/uplink/run.py`; writes build/benchmark-uplink.json. Fails on a broken invariant (an event lost, a session
that ends by itself), never because the machine is slow: those rows only tell whether the goal was met.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import uplink_peers as peers
from paho.mqtt.enums import CallbackAPIVersion

from swapcab.netcut import NetCut
from swapcab.rows import Row, publish

WINDOW = 16
RTTS_MS = (0, 50, 100, 200, 600)
PERIOD_MS = 10


class Benchmark:
    """Collects rows; `broken` names the invariants that did not hold."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self.folder = folder
        self.seconds = seconds
        self.rows: list[Row] = []
        self.broken: list[str] = []

    def row(self, name: str, figure: float | int | str, unit: str, goal: str = "", met: bool | None = None) -> None:
        """One more figure."""
        if isinstance(figure, float):
            figure = round(figure, 3 if figure < 10 else 1)
        self.rows.append(Row(name, figure, unit, goal, met))
        print(f"  {name}: {figure} {unit}", flush=True)

    def _alone(self, port: int, limit_s: float = 60, heap: str = "1m", **more: object) -> dict:
        said, _ = peers.outcome(peers.program("uplink_alone.py", {"host": "127.0.0.1", "port": port, "seconds": 40, **more}, heap), limit_s)
        if said is None:
            raise RuntimeError("the uplink did not end")
        return said

    def _drained(self, port: int, **more: Any) -> tuple[float, dict]:
        said = self._alone(port, **more)
        if said["backlog"] or said["failures"] or said["acked_a"] != said["head_a"]:
            self.broken.append(f"drain of {more}: {said}")
        return said["steady"], said

    def rates(self) -> None:
        """Events a second at each round-trip time."""
        with peers.mosquitto(self.folder) as broker:
            for nominal_ms in RTTS_MS:
                line = NetCut("127.0.0.1", broker, delay_ms=nominal_ms / 2)
                port = broker if nominal_ms == 0 else line.start()
                rtt_s = peers.round_trip_s(port)
                at = f"at RTT {nominal_ms} ms"
                rounds = max(6, int(self.seconds / max(rtt_s, 0.0005)))
                few = max(4, min(100, int(self.seconds / max(rtt_s, 0.001))))
                plain, _ = peers.outcome(peers.program("umqtt_alone.py", {"host": "127.0.0.1", "port": port, "events": few}), 60)
                plain_rate = few * 1e6 / plain["drain_us"] if plain else 0.0
                upper = peers.paho_rate(port, min(8000, rounds * WINDOW), WINDOW)
                bare = peers.bare_rate(port, min(4000, rounds * WINDOW), WINDOW)
                one, _ = self._drained(port, events=min(4000, rounds * WINDOW), batch=1, window=WINDOW)
                many, _ = self._drained(port, events=min(20000, rounds * WINDOW * 16), window=WINDOW)
                if nominal_ms:
                    line.stop()
                self.row(f"umqtt.simple {at}", plain_rate, "events/s")
                self.row(f"paho-mqtt, window {WINDOW}, {at}", upper, "events/s")
                if nominal_ms:
                    share = one * rtt_s / WINDOW
                    self.row(f"bare socket, window {WINDOW}, {at}: what the line gives", bare, "events/s")
                    self.row(f"uplink, one event a message, {at}", one, "events/s")
                    self.row("  of the bare socket", one / bare, "")
                    self.row(f"  of window / RTT (RTT measured {rtt_s * 1000:.1f} ms)", share, "", ">= 0.98", share >= 0.98)
                else:
                    self.row(f"uplink, one event a message, {at}", one, "events/s")
                factor = many / plain_rate if plain_rate else 0.0
                hundred = ">= 100 x umqtt.simple, >= paho" if nominal_ms == 200 else ">= paho"
                met = many >= upper and (nominal_ms != 200 or factor >= 100)
                self.row(f"uplink, backlog in arrays, {at}", many, "events/s", hundred, met)
                self.row("  times umqtt.simple", factor, "x")

    def _gap(self, name: str, runs: list[dict], goal_extra_ms: int = 10) -> None:
        """Of several runs the calmest counts. `own` leaves out the time in which the kernel let other processes run instead."""
        said = min(runs, key=lambda run: run["own_gap_us_max"])
        own, own99, whole = (said[key] / 1000 - PERIOD_MS for key in ("own_gap_us_max", "own_gap_us_p99", "gap_us_max"))
        self.row(f"uplink, {name}: largest own gap beyond {PERIOD_MS} ms", own, "ms", f"<= {goal_extra_ms}", own <= goal_extra_ms)
        self.row("  p99", own99, "ms")
        self.row("  with what other processes took", whole, "ms")

    def _plain_gap(self, name: str, port: int, limit_s: float = 4, **more: Any) -> None:
        running = peers.program("umqtt_alone.py", {"host": "127.0.0.1", "port": port, "events": 20, **more})
        self._plain_row(name, *peers.outcome(running, limit_s))

    def _plain_row(self, name: str, said: dict | None, spent: float) -> None:
        if said is None:
            self.row(f"umqtt.simple, {name}: stands still", f"> {spent - 0.2:.1f}", "s (stopped)")
        else:
            self.row(f"umqtt.simple, {name}: largest gap", said["gap_us_max"] / 1000 - PERIOD_MS, "ms")

    def _plain_without_names(self) -> None:
        try:
            with peers.silent_system_resolver(self.folder) as before:
                want = {"host": "broker.test", "port": 1883, "events": 1}
                self._plain_row("name server silent", *peers.outcome(peers.program("umqtt_alone.py", want, before=before), 6))
        except (OSError, RuntimeError) as error:
            self.row("umqtt.simple, name server silent", "not measured", str(error)[-60:])

    def _plain_cut(self, broker: int) -> None:
        line = NetCut("127.0.0.1", broker, delay_ms=5)
        running = peers.program("umqtt_alone.py", {"host": "127.0.0.1", "port": line.start(), "events": 20000})
        while line.counters.bytes_up < 5000 and running.poll() is None:
            time.sleep(0.005)
        line.cut()
        self._plain_row("broker silent in the middle of publishing", *peers.outcome(running, 4))
        line.stop()

    def gaps(self) -> None:
        """What a 10 ms ticker feels while the network is bad."""
        short = {"events": 200, "seconds": 3, "run_whole_time": True, "answer_ms": 800, "connect_ms": 800}
        idle = [self._alone(1, seconds=3, idle=True) for _ in range(2)]
        self._gap("not running", idle)
        with peers.black_hole() as port:
            self._gap("broker blackholed at connect", [self._alone(port, **short) for _ in range(2)])
            self._plain_gap("broker blackholed at connect", port)
        with peers.silent_server() as port:
            self._gap("broker silent after connect", [self._alone(port, **short) for _ in range(2)])
            self._plain_gap("broker silent after connect", port)
        with peers.silent_name_server() as names, peers.silent_server() as port:
            more = {**short, "host": "broker.test", "nameserver": ["127.0.0.1", names]}
            self._gap("name server silent", [self._alone(port, **more) for _ in range(2)])
            self._plain_without_names()
        with peers.mosquitto(self.folder) as broker:
            self._gap("broker silent in the middle of publishing", [self._cut_while_publishing(broker, short) for _ in range(2)])
            self._plain_cut(broker)
            drains = [self._drained(broker, events=10000)[1] for _ in range(3)]
            self._gap("10,000 events of backlog draining", drains)
            self.row("  longest own slice", min(run["slice_us_max"] for run in drains) / 1000, "ms")
            self.row("  garbage collection", min(run["collect_us"] for run in drains) / 1000, "ms")
            self._plain_gap("50 events of backlog draining", broker, 20, events=50)
            _, said = self._drained(broker, events=40000, heap="384k", memory=True)
            self.row("  heap kept while draining 40,000 events (64-bit)", said["mem_kept"], "bytes")
            self._gap("flood of commands", [self._flooded(broker) for _ in range(2)])
            with self._flood(broker):
                self._plain_gap("flood of commands", broker, 20, events=50, listen=True)
        self.row("umqtt.simple 1.3.4, TLS", "none", "(ussl is gone from MicroPython)")
        for kind, title in (("rsa", "RSA-2048"), ("ec", "P-256")):
            made = peers.Certificates(self.folder, kind)
            with peers.mosquitto(self.folder, made.mosquitto_lines()) as port:
                runs = [self._alone(port, tls={"ca": str(made.ca), "hostname": "broker.test"}, events=50) for _ in range(3)]
                self.broken += [f"TLS with {title}: {said['reasons']}" for said in runs if said["backlog"]]
                self._gap(f"TLS handshake, {title}", runs)
                calm = min(runs, key=lambda run: run["tls_slice_us_max"])
                self.row(f"  TLS handshake, {title}: longest slice of work", calm["tls_slice_us_max"] / 1000, "ms", "<= 30")
                self.row("  slices, and all of them together", f"{calm['tls_slices']}, {calm['tls_us'] / 1000:.1f}", "ms")

    def bytes_a_day(self) -> None:
        """What a day costs on the line, computed."""
        import bytes_a_day

        for name, figure, unit, goal, met in bytes_a_day.rows():
            self.row(name, figure, unit, goal, met)

    def _cut_while_publishing(self, broker: int, short: dict) -> dict:
        line = NetCut("127.0.0.1", broker, delay_ms=5)
        want = {"host": "127.0.0.1", "port": line.start(), **short, "events": 20000, "batch": 1}
        running = peers.program("uplink_alone.py", want)
        while line.counters.bytes_up < 20000 and running.poll() is None:
            time.sleep(0.005)
        line.cut()
        said, _ = peers.outcome(running, 30)
        line.stop()
        if said is None:
            raise RuntimeError("the uplink did not end")
        return said

    @contextlib.contextmanager
    def _flood(self, port: int, seconds: float = 3.5) -> Iterator[list[int]]:
        """A thousand commands a second; yields a list that holds their number."""
        poured = [0]
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", port)
        client.loop_start()

        def pour() -> None:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                for _ in range(20):
                    poured[0] += 1
                    text = json.dumps({"id": f"f{poured[0]}", "kind": "unlock", "slot": 1})
                    client.publish("swapcab/v1/cab-1/commands", text, qos=1)
                time.sleep(0.02)

        thread = threading.Thread(target=pour, daemon=True)
        thread.start()
        yield poured
        thread.join()
        client.disconnect()
        client.loop_stop()

    def _flooded(self, port: int) -> dict:
        want = {"host": "127.0.0.1", "port": port, "events": 2000, "seconds": 5, "run_whole_time": True}
        running = peers.program("uplink_alone.py", want)
        with self._flood(port) as poured:
            said, _ = peers.outcome(running, 30)
        if said:
            said["commands"] = len(said["commands"])
        if said is None or said["backlog"]:
            self.broken.append(f"flood: {said}")
            raise RuntimeError("the flood kept events from being acknowledged")
        self.row("  commands poured in, carried out", f"{poured[0]}, {said['commands']}", "")
        return said


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.5, help="of each rate measurement, about")
    parser.add_argument("--only", choices=("rates", "gaps", "bytes"))
    options = parser.parse_args()
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    with tempfile.TemporaryDirectory(prefix="swapcab-uplink-") as folder:
        Path(folder).chmod(0o755)
        benchmark = Benchmark(Path(folder), options.seconds)
        if options.only in (None, "rates"):
            benchmark.rates()
        if options.only in (None, "gaps"):
            benchmark.gaps()
        if options.only in (None, "bytes"):
            benchmark.bytes_a_day()
    benchmark.row("invariants broken", len(benchmark.broken), "", "0", not benchmark.broken)
    for text in benchmark.broken:
        print("BROKEN:", text[:500], file=sys.stderr)
    publish(benchmark.rows, "Uplink", "benchmark-uplink")
    return 1 if benchmark.broken else 0


if __name__ == "__main__":
    sys.exit(main())
