"""The plant of `swapcab sim` that hurts the cabinet and measures how long its answer takes: `python wire_trials.py --dir RUNDIR ...`.

Frames are written anew on their way out. The clock is the plant's own monotonic one: it is read after the last bytes of the frame that
carries the fault have gone into the pseudo-terminal, and again when the stop frame has been read from the adapter's.
What is to be tried stands in RUNDIR/trials.json, what came of it goes to RUNDIR/results.json.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from plant import __main__ as plant_main
from plant.frames import COMMAND_ID, ID_MASK, STATUS_ID, sealed
from plant.plant import Plant
from plant.slot import Slot

STATUS_SIZE = 47  # a pack's answer on RS485
PACK_ID, CHARGER_BASE = 0x18FF1000, 0xA0
LIMITS, ALARMS = 1, 4  # kinds of a pack's frames on CAN
SETTLED_S = 0.5  # that a charger must have been on
SPREAD_S = 1.0
PATIENCE_S = 10.0  # beyond what is asked for
RECOVERY_S = 60.0
JIG_S = 0.6

# name: (whose frames carry it, seconds that the safety table or the settings ask for)
PATHS: dict[str, tuple[str, float]] = {
    "(pack allows no charge)": ("pack", 0.0),
    "alarm_stop": ("pack", 0.5),
    "(pack silent)": ("pack", 3.0),
    "charger_fault": ("charger", 0.5),
    "volt_differs": ("charger", 3.0),
    "(charger silent)": ("charger", 3.5),
    "(not locked)": ("inputs", 0.0),
    "mains_lost": ("cabinet", 0.1),
    "(slot board silent)": ("board", 1.5),
}
BOARD, BOARD_FIRST, BOARD_LAST = 2, 9, 16  # the board that falls silent, and its slots


class Trials:
    """Everything that is tried in one run."""

    def __init__(self, plant: Plant, groups: list[list[dict[str, Any]]]) -> None:
        self.plant = plant
        self.groups = groups
        self.rng = random.Random(plant.world.rng.bits())
        self.results: list[list[Any]] = []  # [name, bus, seconds or None]
        self.stuck: list[list[float]] = []  # slots that were not charged again by themselves
        self.mode: dict[int, str] = {}  # slot, or 0 for the cabinet: what is done to it
        self.on: dict[int, float] = {}  # slot: since when its charger is told to give
        self.seen: dict[int, float] = {}  # slot: when the frame with the fault was out
        self.last: dict[str, float] = {}  # device: when its last frame was out
        self.stopped: dict[int, asyncio.Event] = {}
        self.taken: dict[int, float] = {}
        for slot in plant.world.slots:
            self._charge(slot)
        for line in (plant.packs_line, plant.io_line):
            self._listen(line, self._pack_answer if line is plant.packs_line else self._board_answer)
        self._listen_can()

    def _charge(self, slot: Slot) -> None:
        if slot.pack is None:
            slot.pack = self.plant.world.fleet.make("genuine", 0.3, 25.0)
            slot.seated_for = 10.0
        slot.pack.soc = 0.3
        slot.pack.temp_c = 25.0
        slot.pack.step(0.0, 0.0, 25.0)

    # ---- wires

    def _listen(self, line: Any, rewrite: Callable[[bytes], bytes | None]) -> None:
        """Answers of a line pass through `rewrite`; the instant at which the last piece of each has gone out is told."""
        send, write = line._send, line.port.write
        tails: deque[tuple[bytes, bytes, frozenset[int]]] = deque(maxlen=8)  # last piece, frame, who was hurt when it was made

        def sending(frame: bytes, delay: float) -> None:
            out = rewrite(frame)
            if out is not None:
                half = len(out) // 2
                tails.append((out[half:] if half > 8 else out, out, frozenset(self.mode)))
                send(out, delay)

        def writing(data: bytes) -> bool:
            done = write(data)
            now = time.monotonic()
            if tails and data == tails[0][0]:
                self._said(line, *tails.popleft()[1:], now)
            return done

        line._send, line.port.write = sending, writing

    def _listen_can(self) -> None:
        can = self.plant.can
        poll, send = can.poll, can.hub.send

        def polling(now: float) -> list:
            frames = [(i, e, self._can_frame(i, data)) for i, e, data in poll(now)]
            return [frame for frame in frames if frame[2] is not None]

        def sending(frames: list) -> None:
            send(frames)
            now = time.monotonic()
            for can_id, _, _ in frames:
                self._can_said(can_id, now)

        can.poll, can.hub.send = polling, sending  # pyright: ignore[reportAttributeAccessIssue]
        can.hub.nodes.insert(0, self._heard)

    def _heard(self, can_id: int, extended: bool, data: bytes) -> None:
        now = time.monotonic()
        if can_id & ID_MASK != COMMAND_ID:
            return
        slot = (can_id >> 8 & 0xFF) - CHARGER_BASE
        if not data[4] and any(data[:4]):
            self.on.setdefault(slot, now)
        elif self.on.pop(slot, None) is not None and slot in self.stopped:
            self.taken[slot] = now
            self.stopped[slot].set()

    # ---- frames, written anew

    def _pack_answer(self, frame: bytes) -> bytes | None:
        mode = self.mode.get(frame[0])
        if mode == "(pack silent)":
            return None
        if mode is None or len(frame) != STATUS_SIZE:
            return frame
        out = bytearray(frame[:-2])
        if mode == "alarm_stop":
            out[10] |= 1 << 4
        elif mode == "(pack allows no charge)":
            out[35:37] = b"\0\0"
        return sealed(bytes(out))

    def _board_answer(self, frame: bytes) -> bytes | None:
        if self.mode.get(0) == "(slot board silent)" and frame[0] == BOARD:
            return None
        if frame[1] != 2 or not self.mode:
            return frame
        out = bytearray(frame[:-2])
        for slot, mode in self.mode.items():
            if mode == "(not locked)" and (slot - 1) // 8 + 1 == frame[0]:
                out[4] &= ~(1 << (slot - 1) % 8) & 0xFF
            elif mode == "mains_lost" and frame[0] == 1:
                out[6] |= 1 << 7
        return sealed(bytes(out))

    def _can_frame(self, can_id: int, data: bytes) -> bytes | None:
        slot = (can_id & 0xFF) - (CHARGER_BASE if can_id & ~0xFF == STATUS_ID else 0)
        mode = self.mode.get(slot)
        if mode is None:
            return data
        out = bytearray(data)
        kind = (can_id - PACK_ID) >> 8
        if can_id & ~0xFF == STATUS_ID:
            if mode == "(charger silent)":
                return None
            if mode == "charger_fault":
                out[4] |= 1
            elif mode == "volt_differs":
                out[:2] = (max(0, (data[0] << 8 | data[1]) - 50)).to_bytes(2, "big")
        elif mode == "(pack silent)":
            return None
        elif mode == "alarm_stop" and kind == ALARMS:
            out[0] |= 1 << 4
        elif mode == "(pack allows no charge)" and kind == LIMITS:
            out[:2] = b"\0\0"
        return bytes(out)

    # ---- when they were out

    def _said(self, line: Any, frame: bytes, hurt: frozenset[int], now: float) -> None:
        if line is self.plant.packs_line:
            if len(frame) == STATUS_SIZE:
                self.last[f"pack {frame[0]}"] = now
                if frame[0] in hurt and self.mode.get(frame[0]) in ("alarm_stop", "(pack allows no charge)"):
                    self.seen.setdefault(frame[0], now)
        elif frame[1] == 2:
            self.last[f"board {frame[0]}"] = now
            for slot in hurt:
                mode = self.mode.get(slot)
                if mode == "mains_lost" and frame[0] == 1 or mode == "(not locked)" and (slot - 1) // 8 + 1 == frame[0]:
                    self.seen.setdefault(slot, now)

    def _can_said(self, can_id: int, now: float) -> None:
        if can_id & ~0xFF == STATUS_ID:
            slot = (can_id & 0xFF) - CHARGER_BASE
            self.last[f"charger {slot}"] = now
            if self.mode.get(slot) in ("charger_fault", "volt_differs"):
                self.seen.setdefault(slot, now)
            return
        slot, kind = can_id & 0xFF, (can_id - PACK_ID) >> 8
        if kind == 0:
            self.last[f"pack {slot}"] = now
        if (self.mode.get(slot), kind) in (("alarm_stop", ALARMS), ("(pack allows no charge)", LIMITS)):
            self.seen.setdefault(slot, now)

    # ---- trials

    async def run(self) -> None:
        """All groups, one after the other; those of a group beside each other."""
        for group in self.groups:
            await asyncio.gather(*(self._path(**path) for path in group))
            self._keep(False)
        self._keep(True)

    def _keep(self, done: bool) -> None:
        path = self.plant.dir / "results.json"
        path.with_suffix(".new").write_text(json.dumps({"done": done, "trials": self.results, "stuck": self.stuck}))
        path.with_suffix(".new").rename(path)

    async def _path(self, name: str, first: int, last: int, count: int, limit_s: float) -> None:
        """`count` trials of one kind in these slots, or as many as the time allows."""
        ends = time.monotonic() + limit_s
        enough = len(self.results_of(name, first, last)) + count
        slots = range(first, last + 1)

        def open_() -> bool:
            return time.monotonic() < ends and len(self.results_of(name, first, last)) < enough

        async def repeat(watched: list[int]) -> None:
            while open_():
                await self._trial(name, watched)

        if PATHS[name][0] in ("cabinet", "board"):
            await repeat(list(slots))
        else:
            await asyncio.gather(*(repeat([slot]) for slot in slots))

    def results_of(self, name: str, first: int, last: int) -> list[list[Any]]:
        """What is known of one kind in these slots."""
        return [row for row in self.results if row[0] == name and first <= row[3] <= last]

    async def _trial(self, name: str, watched: list[int]) -> None:
        await self._wait_on(watched)
        await asyncio.sleep(SETTLED_S + SPREAD_S * self.rng.random())
        watched = [slot for slot in watched if slot in self.on]
        if not watched:
            return
        carrier, asked_s = PATHS[name]
        struck = 0 if carrier in ("cabinet", "board") else watched[0]
        self.seen.pop(struck, None)
        for slot in watched:
            self.stopped[slot] = asyncio.Event()
            self.taken.pop(slot, None)
        self.mode[struck] = name
        waits = [asyncio.ensure_future(self.stopped[slot].wait()) for slot in watched]
        _, late = await asyncio.wait(waits, timeout=asked_s + PATIENCE_S)
        for wait in late:
            wait.cancel()
        silent = {"(pack silent)": f"pack {struck}", "(charger silent)": f"charger {struck}", "(slot board silent)": f"board {BOARD}"}
        seen = self.last.get(silent[name]) if name in silent else self.seen.get(struck)  # of what falls silent the last frame counts
        for slot in watched:
            taken = self.taken.get(slot)
            self.stopped.pop(slot)
            spent = None if taken is None or seen is None else taken - seen
            self.results.append([name, self._bus(name, slot), spent, slot])
        self.mode.pop(struck)
        if name == "volt_differs":
            await self._reseat(self.plant.world.slots[struck - 1])

    async def _wait_on(self, watched: list[int]) -> None:
        """Until all are charged; of those that are not for long hands take the pack out and put it in again."""
        ends = time.monotonic() + RECOVERY_S
        while any(slot not in self.on for slot in watched):
            if time.monotonic() > ends:
                late = [slot for slot in watched if slot not in self.on]
                self.stuck += [[slot, round(self.plant.world.now, 1)] for slot in late]
                self._keep(False)
                await asyncio.gather(*(self._reseat(self.plant.world.slots[slot - 1]) for slot in late))
                return
            await asyncio.sleep(0.05)

    async def _reseat(self, slot: Slot) -> None:
        """Hands take the pack out and put it in again: what was latched for its stay goes."""
        slot.door_closed = slot.locked = False
        await asyncio.sleep(JIG_S)
        pack = slot.take()
        await asyncio.sleep(JIG_S)
        slot.insert(pack)
        await asyncio.sleep(JIG_S)
        slot.shut()

    def _bus(self, name: str, slot: int) -> str:
        carrier = PATHS[name][0]
        if carrier == "pack":
            return "pack on RS485" if slot <= self.plant.world.modbus_slots else "pack on CAN"
        return "charger on CAN" if carrier == "charger" else "slot board on RS485"


class TrialPlant(Plant):
    """The plant with the trials in it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        trials = Trials(self, json.loads((self.dir / "trials.json").read_text()))
        self.trials = asyncio.get_running_loop().create_task(trials.run())

    def failed(self) -> BaseException | None:
        """As Plant."""
        if self.trials.done() and not self.trials.cancelled() and self.trials.exception():
            return self.trials.exception()
        return super().failed()


def main() -> int:
    """As `python -m plant`."""
    plant_main.Plant = TrialPlant  # pyright: ignore[reportPrivateImportUsage]
    return plant_main.main()


if __name__ == "__main__":
    sys.exit(main())
