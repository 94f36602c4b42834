"""The CAN bus behind the adapter. Frames are encoded by cantools from the two DBC files, the proof of identity is carried by the can-isotp
package: nothing here packs bits by itself. CPython only."""

import asyncio
from collections import deque
from pathlib import Path
from typing import Any

import cantools
import isotp

from plant import image
from plant.cabinet_world import World
from plant.frames import CanNodes, PackNode
from plant.npb import VALUES, NpbCharger
from plant.pack import Pack
from plant.rng import Rng
from plant.slcan import CanHub
from plant.slot import Slot

HERE = Path(__file__).parent
HOST = 0xF4  # source address of the controller
FRAME_NAMES = ("PackStatus", "PackLimits", "PackCells", "PackTemperatures", "PackAlarms", "PackCellGroup", "PackIdentity")


def load(name: str) -> Any:
    """A DBC file in this folder."""
    return cantools.database.load_file(HERE / name)


class WirePackNode(PackNode):
    """A pack's node that encodes with cantools and transports with can-isotp."""

    def __init__(self, world: World, slot: Slot, rng: Rng, now: float, messages: list) -> None:
        super().__init__(world, slot, rng, now)
        self.messages = messages
        self.inbox: deque = deque()
        self.outbox: list = []
        self.link = isotp.TransportLayerLogic(
            rxfn=lambda timeout: self.inbox.popleft() if self.inbox else None,
            txfn=self.outbox.append,
            address=isotp.Address(isotp.AddressingMode.NormalFixed_29bits, source_address=self.node, target_address=HOST),
            error_handler=lambda error: None,
            params={"tx_padding": 0xCC, "blocksize": 0, "stmin": 0, "max_frame_size": 64},
        )

    def encode(self, pack: Pack, frame: int, part: int) -> bytes:
        """By the DBC."""
        return self.messages[frame].encode(image.can_values(pack, frame, part), scaling=False, padding=False, strict=False)

    def receive(self, data: bytes, now: float, out: list) -> None:
        """A frame of the challenge arrived."""
        pack = self.slot.pack
        if pack is None or not self.alive():
            return
        self.inbox.append(isotp.CanMessage(arbitration_id=image.CHALLENGE_ID | self.node << 8, data=data, extended_id=True))
        self._work(pack, out)

    def talk(self, pack: Pack, now: float, out: list) -> None:
        """Let the ISO-TP layer work."""
        if self.waiting or self.link.rx_state.value or self.link.tx_state.value:
            self._work(pack, out)

    def _work(self, pack: Pack, out: list) -> None:
        self.link.process()
        request = self.link.recv()
        answers = [self.ask(pack, bytes(request)) if request is not None else None, self.answer(pack)]
        for answer in answers:
            if answer is not None:
                self.link.send(answer)
        self.link.process()
        for m in self.outbox:
            out.append((m.arbitration_id, bool(m.is_extended_id), bytes(m.data)))
        self.outbox.clear()


class CanBus(CanNodes):
    """All nodes of one bus, stepped every few milliseconds."""

    TICK = 0.01

    def __init__(self, world: World, link: Path, seed: int, bitrate: int = 250000, maker: Any = None) -> None:
        """`maker`: a wire_profile.Maker whose packs are on this bus, in place of packs with the pack link."""
        self.maker = maker
        self.loop = asyncio.get_running_loop()
        packs, elcon = load("pack_link.dbc"), load("elcon.dbc")
        self.messages = [packs.get_message_by_name(n) for n in FRAME_NAMES]
        self.status_message = elcon.get_message_by_name("ChargerStatus")
        self.command_message = elcon.get_message_by_name("ChargerCommand")
        npb = load("npb.dbc")
        self.npb_command, self.npb_answer = npb.get_message_by_name("NpbCommand"), npb.get_message_by_name("NpbAnswer")
        super().__init__(world, Rng(seed), self.loop.time())
        self.hub = CanHub()
        self.hub.attach(self._heard)
        self.adapter = self.hub.adapter(link, bitrate)
        self.task = self.loop.create_task(self._run())

    def make_node(self, slot: Slot, rng: Rng, now: float) -> PackNode:
        """The node of one slot."""
        if self.maker is not None:
            from plant.wire_profile import MakerNode

            return MakerNode(self.world, slot, rng, now, self.maker)
        return WirePackNode(self.world, slot, rng, now, self.messages)

    def status(self, address: int) -> bytes:
        """By the DBC."""
        return self.status_message.encode(image.charger_status(self.chargers[address]), scaling=False, padding=False, strict=False)

    def command(self, address: int, data: bytes) -> None:
        """By the DBC."""
        if len(data) == 8:
            self.commands += 1
            v: Any = self.command_message.decode(data)
            self.chargers[address].command(float(v["MaxVoltage"]), float(v["MaxCurrent"]), int(v["Stop"]) == 0)

    def ask_npb(self, charger: NpbCharger, data: bytes) -> "bytes | None":
        """By the DBC."""
        if len(data) == 2:
            name, value = charger.value_of(int.from_bytes(data, "little"))
            if name is None:
                return None
            answer = self.npb_answer.encode({"Command": VALUES[name], name: value}, scaling=False, padding=False, strict=False)
            return answer[:3] if name == "Operation" else answer
        if len(data) in (3, 4):
            v: Any = self.npb_command.decode(data.ljust(4, b"\0"), scaling=False, decode_choices=False)
            name = next((n for n in v if n != "Command"), None)
            if name is not None:
                charger.write(name, int(v[name]))
        return None

    def _heard(self, can_id: int, extended: bool, data: bytes) -> None:
        self.hub.send(self.receive(can_id, extended, data, self.loop.time()))

    async def _run(self) -> None:
        while True:
            self.hub.send(self.poll(self.loop.time()))
            await asyncio.sleep(self.TICK)

    def close(self) -> None:
        """Stop sending and receiving."""
        self.task.cancel()

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
