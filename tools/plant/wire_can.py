"""The CAN bus behind the adapter: packs and chargers as nodes. Frames are encoded by cantools from the two DBC files, the proof of identity
is carried by the can-isotp package; nothing here packs bits by itself. CPython only."""

import asyncio
from collections import deque
from pathlib import Path
from typing import Any

import cantools
import isotp

from plant import image
from plant.cabinet_world import World
from plant.rng import Rng
from plant.slcan import CanHub
from plant.slot import Slot

HERE = Path(__file__).parent
HOST = 0xF4  # source address of the controller
FRAME_NAMES = ("PackStatus", "PackLimits", "PackCells", "PackTemperatures", "PackAlarms", "PackCellGroup", "PackIdentity")
REQUEST, ANSWER, REFUSAL = 0x01, 0x41, 0x7F


def load(name: str) -> Any:
    """A DBC file that lies beside this one."""
    return cantools.database.load_file(HERE / name)


class PackNode:
    """The BMS of the pack in one slot."""

    def __init__(self, world: World, slot: Slot, messages: list, rng: Rng, now: float) -> None:
        self.world = world
        self.slot = slot
        self.node = slot.number
        self.messages = messages
        self.rng = rng
        self.due = [now + rng.between(0.0, period / 1000.0) for period in image.CAN_PERIOD_MS]
        self.part = 0
        self.group = 0
        self.inbox: deque = deque()
        self.outbox: list = []
        self.waiting = False  # for the BMS to finish a proof
        address = isotp.Address(isotp.AddressingMode.NormalFixed_29bits, source_address=self.node, target_address=HOST)
        self.link = isotp.TransportLayerLogic(
            rxfn=lambda timeout: self.inbox.popleft() if self.inbox else None,
            txfn=self.outbox.append,
            address=address,
            error_handler=lambda error: None,
            params={"tx_padding": 0xCC, "blocksize": 0, "stmin": 0, "max_frame_size": 64},
        )

    def alive(self) -> bool:
        """True if it takes part in the traffic of the bus."""
        return self.slot.talks and self.world.faults.get(self.node) not in ("dead", "crc")

    def poll(self, now: float, out: list) -> None:
        """Append the frames that are due."""
        pack = self.slot.pack
        if pack is None or not self.alive():
            self.waiting = False
            return
        fault = self.world.faults.get(self.node)
        if fault == "babble":
            out.extend((0x18FF0000 | self.rng.below(256) << 8 | self.node, True, self.rng.data(self.rng.below(9))) for _ in range(2))
            return
        for frame, due in enumerate(self.due):
            if now < due:
                continue
            period = image.CAN_PERIOD_MS[frame] / 1000.0 * (5.0 if fault == "late" else 1.0)
            self.due[frame] = due + period if now - due < period else now + period
            part = 0
            if frame == image.PACK_CELL_GROUP:
                part = self.group
                self.group = (self.group + 1) % image.cell_groups(pack)
            elif frame == image.PACK_IDENTITY:
                part = self.part
                self.part = (self.part + 1) % image.IDENTITY_PARTS
            node = self.node - 1 if fault == "foreign" else self.node
            values = image.can_values(pack, frame, part)
            data = self.messages[frame].encode(values, scaling=False, padding=False, strict=False)
            out.append((image.can_id(frame, node), True, data))
        if self.waiting or self.link.rx_state.value or self.link.tx_state.value:
            self.talk(out)

    def talk(self, out: list) -> None:
        """Let the ISO-TP layer work and answer what it brings."""
        pack = self.slot.pack
        if pack is None:
            return
        self.link.process()
        request = self.link.recv()
        if request is not None:
            if len(request) != 33 or request[0] != REQUEST:
                self.link.send(bytes((REFUSAL, request[0] if request else 0, 0x13)))
            else:
                pack.challenge(bytes(request[1:]))
                self.waiting = True
        if self.waiting and pack.proof_status() != 1:
            self.waiting = False
            mac = pack.mac
            self.link.send(bytes((REFUSAL, REQUEST, 0x22)) if mac is None else bytes((ANSWER,)) + mac)
        self.link.process()
        for m in self.outbox:
            out.append((m.arbitration_id, bool(m.is_extended_id), bytes(m.data)))
        self.outbox.clear()


class CanBus:
    """All nodes of one bus, stepped every few milliseconds."""

    TICK = 0.01

    def __init__(self, world: World, link: Path, seed: int, bitrate: int = 250000) -> None:
        self.loop = asyncio.get_running_loop()
        self.world = world
        self.hub = CanHub()
        self.hub.attach(self._heard)
        self.adapter = self.hub.adapter(link, bitrate)
        packs, elcon = load("pack_link.dbc"), load("elcon.dbc")
        messages = [packs.get_message_by_name(n) for n in FRAME_NAMES]
        self.status = elcon.get_message_by_name("ChargerStatus")
        self.command = elcon.get_message_by_name("ChargerCommand")
        rng = Rng(seed)
        now = self.loop.time()
        self.nodes = {s.number: PackNode(world, s, messages, rng, now) for s in world.slots[world.modbus_slots :]}
        self.chargers = {s.charger.address: s.charger for s in world.slots}
        self.charger_due = {a: now + rng.unit() for a in self.chargers}
        self.commands = 0
        self._task = self.loop.create_task(self._run())

    def _heard(self, can_id: int, extended: bool, data: bytes) -> None:
        if not extended:
            return
        if can_id & 0xFFFF00FF == 0x180600F4:
            charger = self.chargers.get(can_id >> 8 & 0xFF)
            if charger is not None and len(data) == 8:
                self.commands += 1
                v: Any = self.command.decode(data)
                charger.command(float(v["MaxVoltage"]), float(v["MaxCurrent"]), int(v["Stop"]) == 0)
        elif can_id & 0xFFFF00FF == image.CHALLENGE_ID:
            node = self.nodes.get(can_id >> 8 & 0xFF)
            if node is not None and node.alive():
                node.inbox.append(isotp.CanMessage(arbitration_id=can_id, data=data, extended_id=True))
                out: list = []
                node.talk(out)
                self.hub.send(out)

    def poll(self, now: float) -> None:
        """Send what is due."""
        out: list = []
        for node in self.nodes.values():
            node.poll(now, out)
        for address, due in self.charger_due.items():
            if now >= due:
                self.charger_due[address] = due + 1.0 if now - due < 1.0 else now + 1.0
                charger = self.chargers[address]
                if not charger.silent:
                    data = self.status.encode(image.charger_status(charger), scaling=False, padding=False, strict=False)
                    out.append((0x18FF5000 | address, True, data))
        self.hub.send(out)

    async def _run(self) -> None:
        while True:
            self.poll(self.loop.time())
            await asyncio.sleep(self.TICK)

    def close(self) -> None:
        """Fall silent."""
        self._task.cancel()

    def stats(self) -> dict:
        """Counters."""
        a = self.adapter
        return {
            "frames": self.hub.frames,
            "to_host": a.frames_out,
            "from_host": a.frames_in,
            "errors": a.errors,
            "dropped": a.port.dropped,
            "commands": self.commands,
        }
