"""One simulated cabinet: broker, network, plant and firmware started, watched, hurt on schedule, and stopped."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from swapcab.paths import OUT, ROOT
from swapcab.processes import Child
from swapcab.settings import template as settings_template
from swapcab.sim.network import Net
from swapcab.sim.options import Options
from swapcab.sim.plant_client import PlantClient, PlantError
from swapcab.sim.state import FirmwareState

RUNS = ROOT / "build" / "sim"
START_LIMIT_S = 600.0
STALL_LIMIT_S = 1800.0
DRAIN_LIMIT_S = 180.0  # without a new event at the broker
POWER_OFF_S = 1.0
EXIT_SETTINGS = 64


class SimError(Exception):
    """The run cannot go on; the text says which part failed and shows the end of its log."""


def new_folder() -> Path:
    """build/sim/<n> with the first free n."""
    RUNS.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = RUNS / str(number)
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            number += 1


def short(path: Path) -> str:
    """Relative to the project, where children run: a Unix socket's path has room for about 100 characters."""
    with contextlib.suppress(ValueError):
        return str(path.resolve().relative_to(ROOT))
    return str(path)


class Simulation:
    """`start()`, then `tick()` again and again until `phase` is "done", then `stop_firmware()` and `close()`."""

    def __init__(self, options: Options) -> None:
        options.check()
        self.options = options
        self.folder = options.folder or new_folder()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state = FirmwareState(options.slots)
        self.net = Net(self.folder, options.broker, settings_template.CABINET_ID)
        self.plant: PlantClient | None = None
        self.view: dict[str, Any] = {}
        self.phase = "starting"
        self.trouble = ""
        self.kills = 0
        self.kills_mid_swap = 0
        self.crashes = 0
        self.began_s = time.monotonic()
        self.firmware_up_s = 0.0
        self._powered = False
        self._power_on_at = 0.0
        self._next_kill_s = options.kill_every_s
        self._outages = sorted(options.outages, key=lambda outage: outage.at_s)
        self._outage_ends = 0.0
        self._faults = sorted(options.faults, key=lambda fault: fault.at_s)
        self._snapshot_at = 0.0
        self._progress: tuple = ()
        self._progress_at = 0.0
        self._drain_since = 0.0
        python = sys.executable
        plant = [python, "-m", "plant", "--dir", short(self.folder), "--slots", str(options.slots), "--seed", str(options.seed)]
        plant += ["--speed", f"{options.speed:g}", "--npb", str(options.npb)]
        if options.profile and options.dbc:
            plant += ["--profile", str(options.profile.resolve()), "--dbc", str(options.dbc.resolve())]
        tools = {"PYTHONPATH": str(ROOT / "tools")}
        self.plant_process = Child("plant", plant, self.folder / "plant.log", env=tools)
        self.firmware = Child(
            "firmware",
            [str(Path(python).with_name("micropython")), "-X", f"heapsize={options.heap_bytes}", "-m", "main", short(self.folder)],
            self.folder / "firmware.log",
            on_line=self.state.feed,
            env={"MICROPYPATH": f"{short(OUT)}:.frozen"},  # every module keeps its path
        )

    # ---- start

    def start(self) -> None:
        """Bring everything up; raises SimError."""
        self.net.start()
        driver = self._profile_driver()
        settings_template.write(self.folder, self.options.slots, "127.0.0.1", self.net.firmware_port, self.options.npb, driver)
        self.plant_process.start()
        self._connect_plant()
        self._apply_faults(0.0)
        self._power_on()
        self._await_firmware()
        self.firmware_up_s = time.monotonic()
        self._progress_at = self.firmware_up_s
        if self.options.swaps:
            self.ask(cmd="auto", swaps=self.options.swaps, bad_every=self.options.bad_every)
        self.phase = "swaps"

    def _profile_driver(self) -> str:
        """What the packs on CAN speak; a profile is compiled into the run folder."""
        if not self.options.profile:
            return "pack-link-can"
        from swapcab.profile.compile import compiled
        from swapcab.profile.source import ProfileMistake, check, load

        try:
            checked = check(load(self.options.profile))
            (self.folder / f"{checked.name}.profile").write_bytes(compiled(checked))
        except ProfileMistake as error:
            raise SimError(str(error)) from None
        return f"profile:{checked.name}"

    def _connect_plant(self) -> None:
        path = self.folder / "plant.sock"
        limit = time.monotonic() + START_LIMIT_S
        while time.monotonic() < limit:
            if self.plant_process.exit_code() is not None:
                break
            if path.exists():
                with contextlib.suppress(OSError, PlantError):
                    self.plant = PlantClient(path)
                    self.view = self.plant.snapshot()
                    return
            time.sleep(0.05)
        raise SimError("the plant did not start:\n" + self.plant_process.tail())

    def _await_firmware(self) -> None:
        limit = time.monotonic() + START_LIMIT_S
        while time.monotonic() < limit:
            if self.firmware.exit_code() is not None:
                break
            if self.state.cabinet or any(self.state.slots.values()):
                return
            time.sleep(0.05)
        raise SimError("the firmware did not start:\n" + self.firmware.tail())

    def ask(self, **command: Any) -> dict[str, Any]:
        """A command to the plant."""
        if self.plant is None:
            raise SimError("the plant is not connected")
        return self.plant.ask(**command)

    # ---- what happens to it

    def _power_on(self) -> None:
        self.firmware.start()
        self._powered = True

    def cut_power(self, off_s: float = POWER_OFF_S) -> None:
        """SIGKILL the firmware; it starts again after `off_s`."""
        if not self._powered:
            return
        self.refresh()
        rider = (self.view.get("riders") or {}).get("present")
        self.kills += 1
        if rider and rider.get("slot") or rider and rider.get("inserted"):
            self.kills_mid_swap += 1
        self.firmware.kill()
        self.state.forget()
        self._powered = False
        self._power_on_at = time.monotonic() + off_s

    def toggle_network(self) -> None:
        """Cut it or restore it."""
        if self.net.is_cut:
            self.net.restore()
        else:
            self.net.cut()

    def elapsed_s(self) -> float:
        """Since the firmware was up."""
        return time.monotonic() - self.firmware_up_s if self.firmware_up_s else 0.0

    def refresh(self, oldest_s: float = 0.0) -> None:
        """A new snapshot of the plant unless the last one is younger."""
        now = time.monotonic()
        if self.plant is not None and now - self._snapshot_at >= oldest_s:
            self.view = self.plant.snapshot()
            self._snapshot_at = now

    @property
    def swaps(self) -> dict[str, int]:
        """As the riders saw them: completed, refused, abandoned."""
        return self.view.get("swaps") or {}

    def tick(self) -> None:
        """Do what is due; raises SimError if a part has died."""
        now = time.monotonic()
        elapsed = self.elapsed_s()
        self._watch(now)
        self._apply_faults(elapsed)
        self._schedule(elapsed)
        self.refresh(0.2)
        self._advance(now, elapsed)

    def _watch(self, now: float) -> None:
        if self.plant_process.exit_code() is not None:
            raise SimError("the plant ended:\n" + self.plant_process.tail())
        self.net.watch()
        if self._powered and self.firmware.exit_code() is not None:
            code = self.firmware.exit_code()
            if code == EXIT_SETTINGS or not self.state.lines:
                raise SimError(f"the firmware ended at its start with code {code}:\n" + self.firmware.tail())
            self.crashes += 1
            self.trouble = f"the firmware ended by itself (code {code}):\n" + self.firmware.tail()
            self._powered = False
            self._power_on_at = now + POWER_OFF_S
        if not self._powered and now >= self._power_on_at:
            self._power_on()

    def _apply_faults(self, elapsed: float) -> None:
        while self._faults and self._faults[0].at_s <= elapsed:
            fault = self._faults.pop(0)
            self.ask(cmd="fault", slot=fault.slot, kind=fault.kind)

    def _schedule(self, elapsed: float) -> None:
        if self._outages and elapsed >= self._outages[0].at_s:
            outage = self._outages.pop(0)
            self._outage_ends = outage.at_s + outage.length_s
            self.net.cut()
        if self._outage_ends and elapsed >= self._outage_ends:
            self._outage_ends = 0.0
            self.net.restore()
        if self.options.kill_every_s and elapsed >= self._next_kill_s and self.phase in ("swaps", "extra"):
            self._next_kill_s = elapsed + self.options.kill_every_s
            self.cut_power()

    def _advance(self, now: float, elapsed: float) -> None:
        if self.phase == "swaps":
            enough = self.options.swaps and self.swaps.get("completed", 0) >= self.options.swaps and not self._rider_busy()
            if enough:
                self.phase = "extra"
            elif self.options.headless:
                self._check_stall(now)
        if self.phase == "extra":
            kills_due = self.options.kill_every_s and self.kills < self.options.min_kills
            if not (self._outages or self._outage_ends or kills_due):
                self.phase = "drain"
                self._drain_since = now
        if self.phase == "drain":
            quiet_since = max(self._drain_since, self.net.receiver.last_event_s if self.net.receiver else 0.0)
            if self._drained() or now - quiet_since > DRAIN_LIMIT_S:
                self.phase = "done"

    def _rider_busy(self) -> bool:
        return bool((self.view.get("riders") or {}).get("present"))

    def _check_stall(self, now: float) -> None:
        audit = self.view.get("audit") or {}
        riders = self.view.get("riders") or {}
        progress = (tuple(sorted(self.swaps.items())), riders.get("visits"), audit.get("packs_total"), self.kills)
        if progress[:3] != self._progress[:3]:
            self._progress = progress
            self._progress_at = now
        elif now - self._progress_at > STALL_LIMIT_S:
            self.trouble = f"no rider came or went for {STALL_LIMIT_S:.0f} s; the rider present: {riders.get('present')}"
            self.phase = "drain"
            self._drain_since = now

    def _drained(self) -> bool:
        return self._powered and self.state.lines > 0 and self.backlog() == 0

    def backlog(self) -> int:
        """Events that the broker has not acknowledged, as the firmware says."""
        value = self.state.value("backlog", -1)
        if isinstance(value, dict):
            return sum(value.values())
        if isinstance(value, list):
            return sum(value)
        return int(value)

    # ---- end

    def stop_firmware(self) -> None:
        """The last power cut, with nothing in flight."""
        self.refresh()
        self.net.settle()
        self.firmware.kill()
        self._powered = False

    def cpu_share_pct(self) -> float:
        """Of one core, while the firmware was powered."""
        elapsed = self.elapsed_s()
        return 100.0 * self.firmware.cpu_s() / elapsed if elapsed > 0 else 0.0

    def close(self) -> None:
        """Stop everything; safe to call twice and after a failed start."""
        with contextlib.suppress(OSError):
            self.firmware.kill()
        if self.plant is not None:
            with contextlib.suppress(PlantError, OSError, ValueError):
                self.plant.ask(cmd="quit")
            self.plant.close()
            self.plant = None
        self.plant_process.stop()
        self.net.close()
        (self.folder / "snapshot.json").write_text(json.dumps(self.view, indent=1))


def reap_on_signal() -> None:
    """Turn SIGTERM into an exception, so that `close()` runs."""

    def leave(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, leave)
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
