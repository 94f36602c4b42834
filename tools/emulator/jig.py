"""The test jig of an emulated cabinet: a pseudo-terminal that speaks what `swapcab bench --jig` asks (docs/bench.md)."""

from __future__ import annotations

import contextlib
import os
import pty
import threading
import time
import tty
from types import TracebackType

from emulator.cabinet import EmulatedCabinet
from swapcab.sim.plant_client import PlantError

RELAY_HOLDS_S = 0.6  # the charge pump, after the last edge
SLOW_S = 30.0  # a charge pump with the wrong capacitor
HEARTBEAT = "22"


class Jig:
    """`port`, or the symbolic link `jig` in the cabinet's folder, is what the bench connects to.

    Doors and packs are the plant's, the relay follows the board's heartbeat pin.
    """

    def __init__(self, cabinet: EmulatedCabinet) -> None:
        self._cabinet = cabinet
        self.relay = ""  # a fault: welded, dead (never closes), slow (falls late), pump (a level holds it as edges do)
        self.pulse_share_pct = 100  # a fault: the share of the commanded pulse that the lock outputs give
        self.dead_output = ""  # a fault: the slot whose lock output gives nothing
        self._edges = 0
        self._edge_at = 0.0
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self.link = cabinet.folder / "jig"
        self._end = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._watch, self._serve)]

    def __enter__(self) -> Jig:
        with contextlib.suppress(FileNotFoundError):
            self.link.unlink()
        self.link.symlink_to(self.port)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end.set()
        with contextlib.suppress(OSError):
            os.write(self._slave, b"\n")  # wakes the server, which reads the other end
            os.close(self._slave)
            os.close(self._master)

    def _watch(self) -> None:
        while not self._end.wait(0.02):
            edges = self._cabinet.board.edges.get(HEARTBEAT, 0)
            if edges != self._edges:
                self._edges, self._edge_at = edges, time.monotonic()

    def _serve(self) -> None:
        text = b""
        while not self._end.is_set():
            try:
                text += os.read(self._master, 256)
            except OSError:
                return
            while b"\n" in text:
                line, _, text = text.partition(b"\n")
                with contextlib.suppress(OSError):
                    os.write(self._master, self.answer(line.decode(errors="replace").strip()).encode() + b"\n")

    def answer(self, line: str) -> str:
        """One line in, one line out."""
        words = line.split()
        try:
            if words == ["relay?"]:
                return f"relay {int(self._closed())}"
            if len(words) == 2 and words[0] == "pulse?":
                said = self._cabinet.ask(cmd="hand", slot=int(words[1]), do="look")
                share_pct = 0 if words[1] == self.dead_output else self.pulse_share_pct
                return f"pulse {said['pulse_ms'] * share_pct // 100}" if said.get("ok", True) else "error " + said["error"]
            if len(words) == 3 and words[0] in ("door", "pack"):
                said = self._cabinet.ask(cmd="hand", slot=int(words[1]), do=f"{words[0]} {words[2]}")
                return "ok" if said.get("ok", True) else "error " + said["error"]
        except (ValueError, KeyError, OSError, PlantError) as error:
            return f"error {error}"
        return "error not understood"

    def _closed(self) -> bool:
        if self.relay == "welded":
            return True
        if self.relay == "pump" and self._cabinet.board.pins.get(HEARTBEAT):
            return True
        holds_s = 0.0 if self.relay == "dead" else SLOW_S if self.relay == "slow" else RELAY_HOLDS_S
        return self._edges > 1 and time.monotonic() - self._edge_at < holds_s
