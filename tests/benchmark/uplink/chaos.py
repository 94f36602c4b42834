"""A line that cuts, stalls, delays, resets, half-closes, garbles and is taken over, for as long as wanted; no event may get lost.

`python tests/benchmark/uplink/chaos.py --minutes 30 --events 10000 --seed 1`; writes build/chaos-uplink.json.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[2] / "tools")]

import paho.mqtt.client as mqtt  # noqa: E402
import peers  # noqa: E402
from paho.mqtt.enums import CallbackAPIVersion  # noqa: E402

from swapcab.netcut import NetCut  # noqa: E402
from swapcab.receiver import Receiver  # noqa: E402
from swapcab.rows import Row, publish  # noqa: E402


class Chaos:
    """What can happen to a line."""

    def __init__(self, line: NetCut, broker: int, seed: int) -> None:
        self.line = line
        self.broker = broker
        self.random = random.Random(seed)
        self.done: Counter[str] = Counter()

    def once(self) -> None:
        """One misfortune, chosen by chance."""
        acts = (self.reset, self.stall, self.slow, self.half_close, self.garble, self.take_over, self.swallow)
        act = self.random.choice(acts)
        self.done[act.__name__] += 1
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

    def _mangled(self, change: object) -> None:
        self.line.proxy.mangle = change  # type: ignore[assignment]
        time.sleep(0.1)
        self.line.proxy.mangle = None

    def garble(self) -> None:
        """What the broker sends arrives as garbage."""
        self._mangled(lambda way, data: bytes(b ^ 0xA5 for b in data) if way == "down" else data)

    def swallow(self) -> None:
        """What the broker sends does not arrive: acknowledgements are lost, and then the connection."""
        self._mangled(lambda way, data: b"" if way == "down" else data)
        self.line.abort_all()

    def take_over(self) -> None:
        """Somebody connects with the cabinet's client id; the broker throws the cabinet out."""
        twin = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="cab-1")
        twin.connect("127.0.0.1", self.broker)
        twin.loop_start()
        time.sleep(0.05)
        twin.disconnect()
        twin.loop_stop()


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--events", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    seconds = options.minutes * 60
    with tempfile.TemporaryDirectory(prefix="swapcab-chaos-") as folder:
        Path(folder).chmod(0o755)
        with peers.mosquitto(Path(folder)) as broker:
            receiver = Receiver("127.0.0.1", broker, "cab-1", validate=True)
            receiver.start()
            line = NetCut("127.0.0.1", broker)
            want = {"host": "127.0.0.1", "port": line.start(), "seconds": int(seconds) + 60, "fresh": options.events // 2, "memory": True}
            want.update(events=options.events - options.events // 2, batch=4, answer_ms=1000, connect_ms=1000, backoff_first_ms=50)
            want.update(fresh_ms=max(1, int(seconds * 1000 / max(1, options.events // 2))), backoff_max_ms=500)
            cabinet = peers.program("uplink_alone.py", want, "512k")
            chaos = Chaos(line, broker, options.seed)
            end = time.monotonic() + seconds
            while time.monotonic() < end and cabinet.poll() is None:
                time.sleep(chaos.random.uniform(0.05, 1.5))
                chaos.once()
            line.proxy.delay_ms = 0
            said, _ = peers.outcome(cabinet, 120)
            time.sleep(1)
            line.stop()
            receiver.stop()
    if said is None:
        raise RuntimeError("the cabinet did not end")
    missing = receiver.missing("A", said["head_a"])
    lost = len(missing)
    rows = [
        Row("events", said["head_a"], "", f"{options.events:,}", said["head_a"] == options.events),
        Row("lost", lost, "", "0", not lost),
        Row("out of order within a ring after de-duplication", receiver.order_violations, "", "0", not receiver.order_violations),
        Row("messages against the schemas", receiver.invalid_count, "", "0", not receiver.invalid_count),
        Row("duplicates", receiver.duplicates, "", "each seen before"),
        Row("misfortunes", sum(chaos.done.values()), "", ", ".join(f"{count} {name}" for name, count in sorted(chaos.done.items()))),
        Row("connections tried, sessions", f"{said['failures']}, {said['sessions']}"),
        Row("heap kept, first quarter", said["mem_kept_early"], "bytes"),
        Row("heap kept, whole run", said["mem_kept"], "bytes", "flat (<= 5 % more)", said["mem_kept"] <= said["mem_kept_early"] * 1.05),
        Row("largest own gap of a 10 ms ticker", said["own_gap_us_max"] / 1000, "ms"),
    ]
    return 0 if publish(rows, "Chaos on the uplink's line", "chaos-uplink") else 1


if __name__ == "__main__":
    sys.exit(main())
