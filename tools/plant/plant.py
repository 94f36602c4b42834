"""The plant process: one world behind four pseudo-terminals, stepped in real time. CPython only."""

import asyncio
import contextlib
import json
import os
import secrets
import time
from pathlib import Path

from plant import proof
from plant.cabinet_world import World
from plant.image import CHANNELS
from plant.wire_can import CanBus
from plant.wire_modbus import BoardRegisters, ModbusLine, PackRegisters
from plant.wire_profile import Maker
from plant.wire_pty import PtyPort

BOARD_FAULTS = ("dead", "crc", "babble", "foreign", "late", "none")


class Plant:
    """Models, wires and the physics task. Construct inside a running event loop."""

    TICK = 0.05
    BAUD = 115200
    CAN_BITRATE = 250000
    CARD_LIFE = 2.0  # s

    def __init__(self, run_dir: Path, slots: int, seed: int, speed: float, npb: int = 0, maker: "Maker | None" = None) -> None:
        self.dir = run_dir
        run_dir.mkdir(parents=True, exist_ok=True)
        self.world = World(slots, seed, speed, npb=npb)
        self.boards = (slots + CHANNELS - 1) // CHANNELS
        self.stop = asyncio.Event()
        self.board_registers = BoardRegisters(self.world)
        world = self.world
        self.packs_line = ModbusLine(run_dir / "rs485-packs", PackRegisters(world), self.BAUD, range(1, world.modbus_slots + 1), seed + 11)
        self.io_line = ModbusLine(run_dir / "rs485-io", self.board_registers, self.BAUD, range(1, self.boards + 1), seed + 12)
        self.can = CanBus(world, run_dir / "can-1", seed + 13, self.CAN_BITRATE, maker)
        self.kiosk = PtyPort(run_dir / "kiosk", self._kiosk_bytes)
        self._kiosk_buffer = b""
        self._card_at = 0.0
        self.sentences: list[str] = []  # the latest on the kiosk
        self._write_papers(seed, speed)
        self._task = asyncio.get_running_loop().create_task(self._physics())

    def _write_papers(self, seed: int, speed: float) -> None:
        """Write secrets.json once (a device key must outlive a restart), and plant.json: what is connected where."""
        path = self.dir / "secrets.json"
        if not path.exists():
            keys = {"fleet_master": proof.FLEET_MASTER.hex(), "device_key": secrets.token_hex(32)}
            with contextlib.suppress(FileExistsError), open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as f:
                json.dump(keys, f)
        world = self.world
        paper = {
            "slots": len(world.slots),
            "seed": seed,
            "speed": speed,
            "tokens": {"first": "T-0001", "last": "T-0100"},
            "ports": {
                "rs485-packs": {"kind": "serial", "baud": self.BAUD},
                "rs485-io": {"kind": "serial", "baud": self.BAUD},
                "can-1": {"kind": "slcan", "bitrate": self.CAN_BITRATE},
                "kiosk": {"kind": "serial", "baud": self.BAUD},
            },
            "packs": [
                {"slot": s.number, "bus": "rs485-packs" if s.number <= world.modbus_slots else "can-1", "address": s.number}
                for s in world.slots
            ],
            "chargers": [{"slot": s.number, "bus": "can-1", "address": s.charger.address} for s in world.slots],
            "boards": [
                {
                    "bus": "rs485-io",
                    "address": b + 1,
                    "first_slot": b * CHANNELS + 1,
                    "slots": min(CHANNELS, len(world.slots) - b * CHANNELS),
                }
                for b in range(self.boards)
            ],
        }
        (self.dir / "plant.json").write_text(json.dumps(paper, indent=1) + "\n")

    def set_board_fault(self, board: int, kind: str) -> None:
        """Give an I/O board's wire a fault. Raises ValueError for one that does not exist."""
        if kind not in BOARD_FAULTS:
            raise ValueError("no such fault of a board: " + kind)
        self.board_registers.faults.pop(board, None)
        if kind != "none":
            self.board_registers.faults[board] = kind

    def _kiosk_bytes(self, data: bytes) -> None:
        *lines, self._kiosk_buffer = (self._kiosk_buffer + data).split(b"\n")
        self._kiosk_buffer = self._kiosk_buffer[-512:]
        for line in lines:
            text = line.decode("utf-8", "replace").strip("\r")
            self.sentences = self.sentences[-19:] + [text]
            parts = text.split(":", 3)
            if len(parts) == 4 and parts[0] == "S" and parts[1].isdigit():
                self.world.hear(int(parts[1]), parts[2], parts[3])

    def _show_cards(self, now: float) -> None:
        """Send tokens. A running controller reads them at once; unread tokens are lost, as on a real line."""
        if now - self._card_at > self.CARD_LIFE and self.kiosk.unread():
            self.kiosk.forget_unread()
        for token in self.world.kiosk_out:
            self.kiosk.write(b"T:%s\n" % token.encode())
            self._card_at = now
        self.world.kiosk_out.clear()

    async def _physics(self) -> None:
        loop = asyncio.get_running_loop()
        last = loop.time()
        due = last
        world = self.world
        while True:
            due = max(due + self.TICK, loop.time() - 1.0)
            await asyncio.sleep(max(0.0, due - loop.time()))
            now = loop.time()
            passed = min(now - last, 1.0)
            last = now
            steps = max(1, int(passed / (2 * self.TICK)))
            for _ in range(steps):
                world.step(passed / steps)
            self._show_cards(now)
            self.packs_line.tick()
            self.io_line.tick()

    def stats(self) -> dict:
        """Counters of the wires and the share of a core that the process takes."""
        return {
            "rs485-packs": self.packs_line.stats(),
            "rs485-io": self.io_line.stats(),
            "can-1": self.can.stats(),
            "kiosk": self.sentences,
            "cpu_s": round(time.process_time(), 2),
        }

    def failed(self) -> "BaseException | None":
        """The error that ended a task which should never end, or None."""
        for task in (self._task, self.can.task):
            if task.done() and not task.cancelled():
                return task.exception() or RuntimeError("a task of the plant ended")
        return None

    def close(self) -> None:
        """Close all ports."""
        self._task.cancel()
        self.can.close()
        for port in (self.packs_line.port, self.io_line.port, self.can.adapter.port, self.kiosk):
            port.close()
