"""A line that cuts, stalls, delays, duplicates, resets, half-closes, corrupts and is taken over; no event may get lost.

`make chaos` takes half an hour: `python tests/system/scenarios/chaos.py --minutes 30 --events 10000 --seed 1 [--tls]`. Writes
build/chaos-uplink.json. Half of the events lie in the journal at the beginning, the others happen all through the run. With --tls
single bits are flipped in both directions as well; without it nothing but TCP's checksum guards the content, so that only
whole answers are garbled.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as mqtt
import uplink_peers as peers
from paho.mqtt.enums import CallbackAPIVersion
from patience import PATIENCE_S
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from swapcab.netcut import NetCut
from swapcab.receiver import Receiver
from swapcab.rows import Row, publish

CABINET = "cab-1"
REPLAY_BYTES = 1 << 18  # longer connections are not duplicated from their beginning
HEAP_SAMPLES = 30
CONNECT = 0x10
HANDSHAKE = 0x16


class Chaos:
    """What can happen to a line. `broker` is the port that the line leads to, `plain` one without TLS."""

    def __init__(self, line: NetCut, broker: int, plain: int, seed: int, tls: bool) -> None:
        self.line = line
        self.broker = broker
        self.plain = plain
        self.tls = tls
        self.random = random.Random(seed)
        self.done: Counter[str] = Counter()
        self._said = bytearray()  # by the cabinet, on its present connection
        self._change: Callable[[str, bytes], bytes] | None = None
        line.proxy.mangle = self._pass

    def _pass(self, way: str, data: bytes) -> bytes:
        """Every piece of bytes on the line."""
        if way == "up":
            if data[0] == (HANDSHAKE if self.tls else CONNECT) and (self.tls and data[5:6] == b"\x01" or data[4:8] == b"MQTT"):
                self._said.clear()
            if len(self._said) < REPLAY_BYTES:
                self._said += data
        return self._change(way, data) if self._change else data

    def once(self) -> None:
        """One misfortune, chosen by chance."""
        acts = [self.reset, self.stall, self.slow, self.half_close, self.garble, self.swallow, self.duplicate, self.take_over]
        if self.tls:
            acts.append(self.flip_bits)
        act = self.random.choice(acts)
        self.done[act.__name__.replace("_", " ")] += 1
        act()

    def reset(self) -> None:
        """All connections are reset."""
        self.line.abort_all()

    def stall(self) -> None:
        """Nothing passes for a while, then all of it does."""
        self.line.cut()
        time.sleep(self.random.choice((0.05, 0.3, 1.5)))
        self.line.restore()

    def slow(self) -> None:
        """Another delay from now on."""
        self.line.proxy.delay_ms = self.random.choice((0, 5, 30, 120))

    def half_close(self) -> None:
        """Both ends are told that the other has finished."""
        self.line.call(self.line.proxy.half_close_all)

    def _changed(self, change: Callable[[str, bytes], bytes]) -> None:
        self._change = change
        time.sleep(0.1)
        self._change = None

    def garble(self) -> None:
        """What the broker sends arrives as garbage."""
        self._changed(lambda way, data: bytes(b ^ 0xA5 for b in data) if way == "down" else data)

    def flip_bits(self) -> None:
        """One bit of each piece, in both directions."""

        def flipped(_: str, data: bytes) -> bytes:
            made = bytearray(data)
            made[self.random.randrange(len(made))] ^= 1 << self.random.randrange(8)
            return bytes(made)

        self._changed(flipped)

    def swallow(self) -> None:
        """What the broker sends does not arrive: acknowledgements are lost, and then the connection."""
        self._changed(lambda way, data: b"" if way == "down" else data)
        self.line.abort_all()

    def duplicate(self) -> None:
        """All that the cabinet has said on its connection reaches the broker a second time, on a connection of its own."""
        said = bytes(self._said)
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.broker), 5) as twin:
            twin.sendall(said)
            twin.settimeout(0.2)
            while twin.recv(65536):
                pass

    def take_over(self) -> None:
        """Somebody connects with the cabinet's client id; the broker throws the cabinet out."""
        twin = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=CABINET)
        accepted = threading.Event()
        twin.on_connect = lambda *_: accepted.set()
        twin.connect("127.0.0.1", self.plain)
        twin.loop_start()
        accepted.wait(PATIENCE_S)
        twin.disconnect()
        twin.loop_stop()


def suffer(options: argparse.Namespace, folder: Path) -> tuple[dict, Receiver, Chaos]:
    """The whole run; what the cabinet says, what arrived, and what was done."""
    seconds = options.minutes * 60
    made = peers.Certificates(folder, "ec") if options.tls else None
    plain = peers.free_port()
    lines = (made.mosquitto_lines() if made else "") + f"listener {plain} 127.0.0.1\n"
    with peers.mosquitto(folder, lines) as broker:
        receiver = Receiver("127.0.0.1", plain, CABINET, validate=True)
        receiver.start()
        line = NetCut("127.0.0.1", broker)
        fresh = options.events // 2
        want = {"host": "127.0.0.1", "port": line.start(), "seconds": int(seconds) + 60, "fresh": fresh, "memory": HEAP_SAMPLES}
        want.update(events=options.events - fresh, batch=4, answer_ms=1000, connect_ms=1000, backoff_first_ms=50)
        want.update(fresh_ms=max(1, int(seconds * 1000 / max(1, fresh))), backoff_max_ms=500, cabinet=CABINET)
        if made:
            want.update(tls={"ca": str(made.ca), "hostname": "broker.test"}, connect_ms=3000)
        cabinet = peers.program("uplink_alone.py", want, "512k")
        chaos = Chaos(line, broker, plain, options.seed, bool(made))
        with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), transient=True) as progress:
            task = progress.add_task("chaos", total=seconds)
            begin = time.monotonic()
            while time.monotonic() < begin + seconds and cabinet.poll() is None:
                time.sleep(chaos.random.uniform(0.05, 1.5))
                chaos.once()
                words = f"{chaos.done.total()} misfortunes, {receiver.received} events"
                progress.update(task, completed=time.monotonic() - begin, description=words)
        line.proxy.delay_ms = 0
        said, _ = peers.outcome(cabinet, 180)
        if said is None:
            raise RuntimeError("the cabinet did not end")
        receiver.wait_for(lambda: not receiver._missing("A", said["head_a"], 1), PATIENCE_S)
        line.stop()
        receiver.stop()
    return said, receiver, chaos


def rows_of(options: argparse.Namespace, said: dict, receiver: Receiver, chaos: Chaos) -> list[Row]:
    """What it shows."""
    lost = len(receiver.missing("A", said["head_a"]))
    heap = said["heap"]
    third = max(1, len(heap) // 3)
    early, late = max(heap[:third]), max(heap[-third:])
    flat = late <= early * 1.03 if options.minutes >= 4 else None  # what is imported and cached late weighs in a short run
    return [
        Row("time", options.minutes, "minutes"),
        Row("events", said["head_a"], "", f"{options.events:,}", said["head_a"] == options.events),
        Row("lost", lost, "", "0", not lost),
        Row("out of order within a ring after de-duplication", receiver.order_violations, "", "0", not receiver.order_violations),
        Row("messages against the schemas", receiver.invalid_count, "", "0", not receiver.invalid_count),
        Row("duplicates", receiver.duplicates, "", "each seen before"),
        Row("misfortunes", chaos.done.total()),
        *(Row(f"  {name}", count) for name, count in sorted(chaos.done.items())),
        Row("connections that ended, sessions", f"{said['failures']}, {said['sessions']}"),
        Row("heap kept, largest of the first third", early, "bytes"),
        Row("heap kept, largest of the last third", late, "bytes", "flat (<= 3 % more)", flat),
        *(Row(f"  after {options.minutes * (at + 1) / HEAP_SAMPLES:g} minutes", heap[at], "bytes") for at in range(4, len(heap), 5)),
        Row("largest own gap of a 10 ms ticker", said["own_gap_us_max"] / 1000, "ms"),
    ]


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--events", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tls", action="store_true", help="TLS on the line, and flipped bits in both directions")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="swapcab-chaos-") as folder:
        Path(folder).chmod(0o755)
        rows = rows_of(options, *suffer(options, Path(folder)))
    name = "chaos-uplink-tls" if options.tls else "chaos-uplink"
    return 0 if publish(rows, "Chaos on the uplink's line" + (", TLS" if options.tls else ""), name) else 1


if __name__ == "__main__":
    sys.exit(main())
