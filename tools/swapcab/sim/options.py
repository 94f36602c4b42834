"""What a simulation is asked to do; the command line's words are checked here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


class OptionError(ValueError):
    """An option does not make sense; the text names it and says what would."""


@dataclass(frozen=True)
class Outage:
    """The network is gone from `at_s` for `length_s`."""

    length_s: float
    at_s: float

    @classmethod
    def parse(cls, text: str) -> Outage:
        """`SECONDS@SECONDS`: how long, from when."""
        length, at, start = text.partition("@")
        try:
            outage = cls(float(length), float(start if at else "x"))
        except ValueError:
            raise OptionError(f"--outage {text}: write SECONDS@SECONDS, as in 60@10 for a minute from second 10") from None
        if outage.length_s <= 0 or outage.at_s < 0:
            raise OptionError(f"--outage {text}: both must be positive")
        return outage


@dataclass(frozen=True)
class Fault:
    """A slot's trouble in the plant, from `at_s`."""

    kind: str
    slot: int
    at_s: float

    @classmethod
    def parse(cls, text: str) -> Fault:
        """`KIND:SLOT` or `KIND:SLOT@SECONDS`."""
        what, _, start = text.partition("@")
        kind, _, slot = what.partition(":")
        try:
            return cls(kind, int(slot), float(start or 0))
        except ValueError:
            raise OptionError(f"--fault {text}: write KIND:SLOT or KIND:SLOT@SECONDS, as in dead:3@20") from None


@dataclass
class Options:
    """One run."""

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
    heap: str = ""  # as many bytes, or as in 512k; empty: what `heap_bytes` says
    npb: int = 0
    profile: Path | None = None
    dbc: Path | None = None

    def check(self) -> None:
        """Raises OptionError."""
        if not 3 <= self.slots <= 48:
            raise OptionError(f"--slots {self.slots}: from 3 to 48")
        if (self.profile is None) != (self.dbc is None):
            raise OptionError("--profile and --dbc go together: the profile is the cabinet's side, the DBC file the packs'")
        if not 0 <= self.npb <= min(4, self.slots):
            raise OptionError(f"--npb {self.npb}: from 0 to {min(4, self.slots)}; these chargers have four addresses on a bus")
        if self.swaps < 0:
            raise OptionError(f"--swaps {self.swaps}: 0 or more")
        if not 0.1 <= self.speed <= 1000:
            raise OptionError(f"--speed {self.speed}: from 0.1 to 1000")
        if self.kill_every_s and self.kill_every_s < 5:
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
