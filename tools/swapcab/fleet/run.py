"""`swapcab fleet`: what a broker takes, and how a fleet reconnects after an outage.

All cabinets connect, make events, go through the outages of the options, and drain; the run ends with a table and one JSON line.
"""

from __future__ import annotations

import json
import socket
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

from swapcab import programs
from swapcab.exits import BAD, GOOD, TROUBLE, USAGE
from swapcab.fleet import view as fleet_view
from swapcab.fleet.fleet import Fleet, FleetError, OwnBroker, per_second
from swapcab.rows import Row, publish
from swapcab.sim.options import OptionError, Outage, broker_address

TICK_S = 0.2
CONNECT_LIMIT_S = 20.0
LIMIT_S = 900.0  # for all to connect, and for all to drain


@dataclass
class Options:
    """One run."""

    cabinets: int
    broker: str = ""
    outages: list[Outage] = field(default_factory=list)
    every_s: float = 1.0
    seconds: float = 10.0
    plot: Path | None = None
    json_path: Path | None = None

    def check(self) -> None:
        """Raises OptionError."""
        if not 1 <= self.cabinets <= 20000:
            raise OptionError(f"--cabinets {self.cabinets}: from 1 to 20000")
        if self.every_s < 0.05:
            raise OptionError(f"--every {self.every_s:g}: at least 0.05 s")
        spans = sorted((outage.at_s, outage.at_s + outage.length_s) for outage in self.outages)
        if any(end > start for (_, end), (start, _) in zip(spans, spans[1:], strict=False)):
            raise OptionError("--outage: one ends after the next has begun")


def _reach(host: str, port: int) -> None:
    """Find out before the fleet starts whether anything listens there. Raises FleetError."""
    try:
        socket.create_connection((host, port), CONNECT_LIMIT_S).close()
    except OSError as error:
        raise FleetError(f"no MQTT broker answers at {host}:{port}: {error}; start one there, or leave --broker out") from error


@dataclass
class Return:
    """How the fleet reconnected after one outage; times in seconds after its end."""

    length_s: float
    made: int  # events during the outage
    connected: list[float]
    drained: list[float]
    tried: list[float]


class Run:
    """One run against one broker."""

    def __init__(self, options: Options, folder: Path, console: Console) -> None:
        self.options = options
        self.console = console
        self.own: OwnBroker | None = None
        if options.broker in ("", "mosquitto", "amqtt"):
            self.own = OwnBroker(options.broker or ("mosquitto" if programs.find("mosquitto") else "amqtt"), folder)
            self.host, self.port = self.own.host, self.own.port
        else:
            self.host, self.port = broker_address(options.broker)
            _reach(self.host, self.port)
        self.fleet = Fleet(self.host, self.port, options.cabinets, int(options.every_s * 1000))
        self.began = time.time()
        self.phase = "starting"
        self.marks: list[tuple[float, str]] = []
        self.returns: list[Return] = []
        self.connected_s = 0.0
        self.busy_s = self.steady_share = 0.0
        self.rss = 0

    def go(self) -> dict[str, Any]:
        """The whole run; returns its figures. Raises FleetError."""
        with Live(console=self.console, auto_refresh=False, transient=True) as self.screen:
            if self.own:
                self.own.start()
            try:
                self.fleet.start()
                self.phase = "all connect"
                self._until(lambda: self.fleet.total("connected") == self.options.cabinets)
                self.connected_s = time.time() - self.began
                self._work()
                self.phase = "the last events"
                self.fleet.send("hold")
                # a report from before the hold may show them equal by chance
                self._until(self._all_acknowledged)
            finally:
                self.fleet.stop()
                if self.own:
                    self._broker_load()
                    self.own.kill()
        return self._figures()

    def _all_acknowledged(self) -> bool:
        held = self.fleet.total("held") == len(self.fleet.members)
        return held and self.fleet.total("made") == self.fleet.total("done")

    def _work(self) -> None:
        start = time.time()
        busy_before = self._broker_load()
        for outage in sorted(self.options.outages, key=lambda one: one.at_s):
            self.phase = "work"
            self._until(lambda at=start + outage.at_s: time.time() >= at)
            if outage is min(self.options.outages, key=lambda one: one.at_s):
                self.steady_share = (self._broker_load() - busy_before) / max(0.1, time.time() - start)
            self._outage(outage)
        if not self.options.outages:
            self.phase = "work"
            self._until(lambda: time.time() >= start + self.options.seconds)
            self.steady_share = (self._broker_load() - busy_before) / (time.time() - start)

    def _outage(self, outage: Outage) -> None:
        """One outage: a broker that this run started is killed; with a broker of others, the cabinets' lines are cut."""
        self.phase = "the broker is dead" if self.own else "the lines are cut"
        made = self.fleet.total("made")
        if self.own:
            self.own.kill()
        else:
            self.fleet.send("cut")
        self.marks.append((time.time(), "outage"))
        over = time.time() + outage.length_s
        self._until(lambda: time.time() >= over)
        made = self.fleet.total("made") - made
        if self.own:
            self.own.start()
        else:
            self.fleet.send("restore")
        back = time.time()
        self.marks.append((back, "back"))
        self.phase = "all come back"
        self._until(lambda: len(self.fleet.moments("drained", back)) >= self.options.cabinets and not self.fleet.total("behind"))
        moments = (self.fleet.moments(name, back) for name in ("accepted", "drained", "opened"))
        self.returns.append(Return(outage.length_s, made, *moments))

    def _broker_load(self) -> float:
        """Processor seconds of the broker so far; notes its memory."""
        if not self.own:
            return 0.0
        busy_s, rss = self.own.load()
        self.rss = max(self.rss, rss)
        return busy_s

    def _until(self, condition: Any) -> None:
        limit = time.monotonic() + LIMIT_S
        while not condition():
            if time.monotonic() > limit:
                raise FleetError(f"not done after {LIMIT_S:.0f} s: {self.phase}, {self.fleet.total('connected')} connected")
            self.fleet.look()
            now = time.time()
            self.screen.update(fleet_view.live(self.fleet, self.phase, self.began, now), refresh=True)
            time.sleep(TICK_S)

    def _figures(self) -> dict[str, Any]:
        fleet = self.fleet
        first = [moment for moment in fleet.moments("accepted", self.began) if moment <= self.connected_s]
        course = fleet.story.course
        rates = [(b[2] - a[2]) / (b[0] - a[0]) for a, b in zip(course, course[5:], strict=False)]
        made, done = fleet.total("made"), fleet.total("done")
        return {
            "cabinets": fleet.cabinets,
            "broker": self.own.kind if self.own else f"{self.host}:{self.port}",
            "all_connected_s": round(self.connected_s, 1),
            "first_connects_per_s_max": max(per_second(first), default=0),
            "events_made": made,
            "events_acknowledged": done,
            "events_resent": fleet.total("resent"),
            "acknowledged_per_s_max": round(max(rates, default=0.0)),
            "connections_ended": fleet.total("failures"),
            "broker_cpu_pct": round(self.steady_share * 100, 1) if self.own else None,
            "broker_rss_mb": round(self.rss / 1e6, 1) if self.own else None,
            "returns": [
                {
                    "outage_s": one.length_s,
                    "events_during": one.made,
                    "half_connected_s": _share(one.connected, fleet.cabinets, 0.5),
                    "all_connected_s": _share(one.connected, fleet.cabinets, 1),
                    "half_drained_s": _share(one.drained, fleet.cabinets, 0.5),
                    "all_drained_s": _share(one.drained, fleet.cabinets, 1),
                    "connects_per_s_max": max(per_second(one.connected), default=0),
                    "tries_per_s_max": max(per_second(one.tried), default=0),
                }
                for one in self.returns
            ],
            "ok": made == done,
        }


def _share(moments: list[float], cabinets: int, share: float) -> float | None:
    at = max(1, int(cabinets * share)) - 1
    return round(moments[at], 1) if len(moments) > at else None


def rows(figures: dict[str, Any]) -> list[Row]:
    """The summary."""
    made = [
        Row("cabinets", figures["cabinets"], "", figures["broker"]),
        Row("all connected after", figures["all_connected_s"], "s"),
        Row("largest connect rate at the start", figures["first_connects_per_s_max"], "in one second"),
        Row("events made", figures["events_made"]),
        Row("not acknowledged at the end", figures["events_made"] - figures["events_acknowledged"], "", "0", figures["ok"]),
        Row("events sent again", figures["events_resent"]),
        Row("largest rate of acknowledged events", figures["acknowledged_per_s_max"], "events/s"),
        Row("connections that ended", figures["connections_ended"]),
    ]
    if figures["broker_cpu_pct"] is not None:
        made.append(Row("broker at work, of one core", figures["broker_cpu_pct"], "%"))
        made.append(Row("broker, resident memory", figures["broker_rss_mb"], "MB"))
    for one in figures["returns"]:
        made += [
            Row(f"outage of {one['outage_s']:g} s, events meanwhile", one["events_during"]),
            Row("  half connected, half drained after", f"{one['half_connected_s']}, {one['half_drained_s']}", "s"),
            Row("  all connected, all drained after", f"{one['all_connected_s']}, {one['all_drained_s']}", "s"),
            Row("  largest connect rate", one["connects_per_s_max"], "in one second"),
            Row("  largest rate of tries", one["tries_per_s_max"], "in one second"),
        ]
    return made


def run(options: Options) -> int:
    """A whole run. Returns GOOD, BAD (an event was not acknowledged), USAGE or TROUBLE. Raises OSError for a file."""
    console = Console(stderr=True)
    try:
        options.check()
        with tempfile.TemporaryDirectory(prefix="swapcab-fleet-") as folder:
            Path(folder).chmod(0o755)  # Mosquitto gives up root before it reads its configuration
            one = Run(options, Path(folder), console)
            figures = one.go()
    except OptionError as error:
        console.print(f"swapcab fleet: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        return USAGE
    except FleetError as error:
        console.print(f"swapcab fleet: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        return TROUBLE
    publish(rows(figures), f"swapcab fleet, {options.cabinets} cabinets", "fleet", console)
    for back in one.returns:
        console.print(fleet_view.histogram(f"connects per second after the outage of {back.length_s:g} s", per_second(back.connected)))
    if options.plot:
        options.plot.write_text(fleet_view.svg(one.fleet, one.began, one.marks))
    line = json.dumps(figures, separators=(",", ":"))
    if options.json_path:
        options.json_path.write_text(line + "\n")
    print(line, flush=True)
    return GOOD if figures["ok"] else BAD
