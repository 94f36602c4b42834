"""An emulated board with a cabinet around it: the plant on its buses (packs, chargers, locks, riders) and a broker on its network."""

from __future__ import annotations

import contextlib
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from emulator.host import BoardError, EmulatedBoard, Options
from swapcab.paths import ROOT
from swapcab.processes import Child
from swapcab.settings import template as settings_template
from swapcab.sim.network import Net
from swapcab.sim.plant_client import PlantClient, PlantError
from swapcab.sim.simulation import short

START_LIMIT_S = 600.0


class EmulatedCabinet:
    """`board`, `plant` and `net`; settings.json and secrets.json that fit lie in `folder`, for the tool that flashes the board."""

    def __init__(self, folder: Path, slots: int, options: Options | None = None, seed: int = 1, speed: float = 60.0, npb: int = 0) -> None:
        """`npb`: so many of the first slots have NPB chargers, the others Elcon ones."""
        self.folder = folder
        self.npb = npb
        self.slots = slots
        run_dir = folder / "plant"
        run_dir.mkdir(parents=True, exist_ok=True)
        self.board = EmulatedBoard(folder, replace(options or Options(), plant=str(run_dir)))
        self.net = Net(folder, "", settings_template.CABINET_ID)
        self._run_dir = run_dir
        plant = [sys.executable, "-m", "plant", "--dir", short(run_dir), "--slots", str(slots), "--seed", str(seed)]
        tools = {"PYTHONPATH": str(ROOT / "tools")}
        self._process = Child("plant", [*plant, "--speed", f"{speed:g}", "--npb", str(npb)], folder / "plant.log", env=tools)
        self.plant: PlantClient | None = None

    def __enter__(self) -> EmulatedCabinet:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Broker, plant, board. Raises BoardError or NetError."""
        self.net.start()
        settings_template.write(self.folder, self.slots, "127.0.0.1", self.net.firmware_port, self.npb)
        (self._run_dir / "secrets.json").write_bytes((self.folder / "secrets.json").read_bytes())
        self._process.start()
        limit = time.monotonic() + START_LIMIT_S
        while self.plant is None:
            if self._process.exit_code() is not None or time.monotonic() > limit:
                raise BoardError("the plant did not start:\n" + self._process.tail())
            with contextlib.suppress(OSError, PlantError):
                self.plant = PlantClient(self._run_dir / "plant.sock")
            time.sleep(0.05)
        self.board.start()

    def ask(self, **command: Any) -> dict[str, Any]:
        """A command to the plant, as `ask(cmd="auto", swaps=10, bad_every=0)`."""
        assert self.plant is not None, "start() comes first"
        return self.plant.ask(**command)

    def swaps(self) -> dict[str, int]:
        """As the riders saw them: completed, refused, abandoned."""
        assert self.plant is not None, "start() comes first"
        return self.plant.snapshot().get("swaps") or {}

    def stop(self) -> None:
        """Everything; safe after a failed start."""
        self.board.stop()
        if self.plant is not None:
            with contextlib.suppress(PlantError, OSError, ValueError):
                self.plant.ask(cmd="quit")
            self.plant.close()
            self.plant = None
        self._process.stop()
        self.net.close()
