"""The options of one simulation, and the checks of what the command line gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from plant.cabinet_world import FAULTS

FAULT_KINDS = tuple(kind for kind in FAULTS if kind != "none")
MQTT_PORT = 1883


class OptionError(ValueError):
    """An option is wrong; the text names the option, its value and what is allowed."""


def broker_address(url: str) -> tuple[str, int]:
    """Host and port of `mqtt://HOST:PORT` or `HOST:PORT`. Raises OptionError."""
    try:
        parts = urlsplit(url if "//" in url else f"mqtt://{url}")
        host, port = parts.hostname, parts.port or MQTT_PORT
    except ValueError:  # a port that is no number, or above 65535
        host, port, parts = None, 0, None
    if parts is None or parts.scheme not in ("mqtt", "tcp") or not host:
        raise OptionError(f"--broker {url}: write mqtt://HOST:PORT")
    return host, port


@dataclass(frozen=True)
class Outage:
    """The network is gone from `at_s` for `length_s`."""

    length_s: float
    at_s: float

    @classmethod
    def parse(cls, text: str) -> Outage:
        """Read `LENGTH@START`, both in seconds. Raises OptionError."""
        length, at, start = text.partition("@")
        try:
            outage = cls(float(length), float(start if at else "x"))
        except ValueError:
            raise OptionError(f"--outage {text}: write LENGTH@START in seconds, as in 60@10 for a minute from second 10") from None
        if outage.length_s <= 0 or outage.at_s < 0:
            raise OptionError(f"--outage {text}: the length must be above 0, the start 0 or later")
        return outage


@dataclass(frozen=True)
class Fault:
    """A fault of one slot in the plant, from `at_s` on."""

    kind: str
    slot: int
    at_s: float

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read `KIND:SLOT` or `KIND:SLOT@SECONDS`. Raises OptionError."""
        what, _, start = text.partition("@")
        kind, _, slot = what.partition(":")
        try:
            fault = cls(kind, int(slot), float(start or 0))
        except ValueError:
            raise OptionError(f"--fault {text}: write KIND:SLOT or KIND:SLOT@SECONDS, as in dead:3@20") from None
        if kind not in FAULT_KINDS:
            raise OptionError(f"--fault {text}: there is no fault {kind!r}; kinds are {', '.join(FAULT_KINDS)}")
        if fault.at_s < 0:
            raise OptionError(f"--fault {text}: SECONDS must be 0 or later")
        return fault


@dataclass
class Options:
    """One run of the simulator."""

    slots: int = 12
    swaps: int = 20
    seed: int = 1
    speed: float = 60.0
    headless: bool = False
    broker: str = ""
    outages: list[Outage] = field(default_factory=list)
    kill_every_s: float = 0.0
    min_kills: int = 5
    faults: list[Fault] = field(default_factory=list)
    bad_every: int = 7
    json_path: Path | None = None
    picture: Path | None = None
    folder: Path | None = None
    heap: str = ""  # bytes, or as in 512k; empty: see `heap_bytes`
    npb: int = 0
    profile: Path | None = None
    dbc: Path | None = None

    def check(self) -> None:
        """Raises OptionError."""
        if not 3 <= self.slots <= 48:
            raise OptionError(f"--slots {self.slots}: from 3 to 48")
        if (self.profile is None) != (self.dbc is None):
            raise OptionError("--profile and --dbc go together: the cabinet reads by the profile, the packs send by the DBC file")
        if not 0 <= self.npb <= min(4, self.slots):
            raise OptionError(f"--npb {self.npb}: from 0 to {min(4, self.slots)}; these chargers have four addresses on a bus")
        if self.folder and (self.folder / "flash.bin").exists():
            raise OptionError(f"--folder {self.folder}: holds the flash of an earlier run; name a new folder")
        if self.broker:
            broker_address(self.broker)
        if self.picture and not self.headless:
            raise OptionError("--picture: needs --headless")
        if self.bad_every < 0:
            raise OptionError(f"--bad-every {self.bad_every}: 0 or more")
        if self.swaps < 0:
            raise OptionError(f"--swaps {self.swaps}: 0 or more")
        if not 0.1 <= self.speed <= 1000:
            raise OptionError(f"--speed {self.speed}: from 0.1 to 1000")
        if self.kill_every_s and not self.kill_every_s >= 5:
            raise OptionError(f"--kill {self.kill_every_s}: at least 5 s, or the firmware never gets past its start")
        if self.heap_bytes < 65536:
            raise OptionError(f"--heap {self.heap}: at least 64k")
        for fault in self.faults:
            if not 1 <= fault.slot <= self.slots:
                raise OptionError(f"--fault {fault.kind}:{fault.slot}: slots are 1 to {self.slots}")

    @property
    def heap_bytes(self) -> int:
        """The heap cap in bytes: 512 KiB, and 8 KiB more for each slot beyond twelve (words have 8 bytes here, 4 on an MCU)."""
        if not self.heap:
            return 524288 + 8192 * max(0, self.slots - 12)
        units = {"k": 1024, "m": 1024 * 1024}
        text = self.heap.lower()
        try:
            return int(text[:-1]) * units[text[-1]] if text[-1:] in units else int(text)
        except ValueError:
            raise OptionError(f"--heap {self.heap}: as in 512k") from None
