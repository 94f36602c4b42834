"""The nodes of the wires at frame level: what goes in and out of every unit of the RS485 lines and of the CAN bus. Portable.

The wire ends put pymodbus, cantools and can-isotp in place of the encoders here; a simulator in one process uses these as they stand.
Time is the world's: seconds since it began.
"""

import struct

from plant import image
from plant.crc16 import crc16
from plant.isotp_peer import IsoTpPeer
from plant.npb import FROM_UNIT, TO_UNIT, NpbCharger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plant.cabinet_world import World
    from plant.pack import Pack
    from plant.rng import Rng
    from plant.slot import Slot

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
TURNAROUND = 0.003  # s a slave takes before it answers
LATE = 0.6  # s that a late slave takes
PROOF_REQUEST, PROOF_ANSWER, REFUSAL = 0x01, 0x41, 0x7F
BAD_REQUEST, NO_KEY = 0x13, 0x22  # reasons of a refusal
COMMAND_ID, STATUS_ID = 0x180600F4, 0x18FF5000
ID_MASK = 0xFFFF00FF

# ---- Modbus RTU


def sealed(frame: bytes) -> bytes:
    """The frame with its CRC."""
    crc = crc16(frame)
    return frame + bytes((crc & 0xFF, crc >> 8))


class RtuUnits:
    """All units of one line. `answer` takes a whole request frame and returns (delay in s, bytes), or None for silence."""

    def __init__(self, world: "World", rng: "Rng", boards: bool = False) -> None:
        self.world = world
        self.rng = rng
        self.boards = boards
        self.board_faults = {}  # board -> kind

    def fault(self, unit: int) -> str:
        """What is wrong with the wire of a unit."""
        return (self.board_faults if self.boards else self.world.faults).get(unit, "")

    def units(self) -> range:
        """The addresses on this line."""
        world = self.world
        return range(1, (len(world.slots) + image.CHANNELS - 1) // image.CHANNELS + 1 if self.boards else world.modbus_slots + 1)

    def answer(self, request: bytes) -> "tuple[float, bytes] | None":
        """The answer to one request, or None."""
        if len(request) < 8 or crc16(request[:-2]) != request[-2] | request[-1] << 8:
            return None
        unit = request[0]
        fault = self.fault(unit)
        if unit not in self.units() or fault == "dead" or not (self.boards or self.world.slots[unit - 1].talks):
            return None
        body = self._answer(unit, request[1], request[2:-2])
        if isinstance(body, int):
            body = bytes((request[1] | 0x80, body))
        if fault == "babble":
            return TURNAROUND, self.rng.data(40 + self.rng.below(200))
        if fault == "foreign":
            unit = unit % len(self.units()) + 1
        frame = sealed(bytes((unit,)) + body)
        if fault == "crc":
            frame = frame[:-2] + bytes((frame[-2] ^ 0x5A, frame[-1] ^ 0xA5))
        elif not self.boards and fault not in ("late", "foreign"):
            self.world.slots[unit - 1].message_sent()
        return (LATE if fault == "late" else TURNAROUND), frame

    def _answer(self, unit: int, function: int, data: bytes) -> "bytes | int":
        """The PDU, or the code of an exception."""
        address, value = struct.unpack(">HH", data[:4])
        if self.boards:
            return self._board(unit, function, address, value)
        pack = self.world.slots[unit - 1].pack
        if pack is None:
            return ILLEGAL_FUNCTION
        if function == 3 and len(data) == 4:
            return _registers(function, image.pack_registers(pack, address, value))
        if function == 16 and len(data) == 5 + 2 * value and data[4] == 2 * value:
            done = image.pack_write(pack, address, list(struct.unpack(">%dH" % value, data[5:])))
            return bytes((function,)) + data[:4] if done else ILLEGAL_ADDRESS
        return ILLEGAL_VALUE if function == 16 else ILLEGAL_FUNCTION

    def _board(self, unit: int, function: int, address: int, value: int) -> "bytes | int":
        world = self.world
        if function == 2:
            bits = image.board_inputs(world, unit)[address : address + value]
            if len(bits) != value:
                return ILLEGAL_ADDRESS
            packed = bytearray((value + 7) // 8)
            for n, bit in enumerate(bits):
                packed[n >> 3] |= bit << (n & 7)
            return bytes((function, len(packed))) + bytes(packed)
        if function == 4:
            temps = image.board_temperatures(world, unit)[address : address + value]
            return _registers(function, temps if len(temps) == value else None)
        if function == 3:
            return _registers(function, image.board_read_lock(world, unit, address, value))
        if function == 6:
            return image.board_pulse(world, unit, address, value) or struct.pack(">BHH", function, address, value)
        return ILLEGAL_FUNCTION


def _registers(function: int, values: "list | None") -> "bytes | int":
    if values is None:
        return ILLEGAL_ADDRESS
    return struct.pack(">BB%dH" % len(values), function, 2 * len(values), *values)


# ---- CAN


class PackNode:
    """The BMS of whatever pack sits in one slot. Frames are (id, extended, data)."""

    def __init__(self, world: "World", slot: "Slot", rng: "Rng", now: float = 0.0) -> None:
        self.world = world
        self.slot = slot
        self.node = slot.number
        self.rng = rng
        self.due = [now + rng.between(0.0, period / 1000.0) for period in image.CAN_PERIOD_MS]
        self.part = -1
        self.group = -1
        self.waiting = False  # for the BMS to finish a proof
        self.peer = IsoTpPeer()

    def alive(self) -> bool:
        """True if the node takes part in the bus. A frame with a wrong CRC on CAN never leaves the CAN controller."""
        return self.slot.talks and self.world.faults.get(self.node) not in ("dead", "crc")

    def encode(self, pack: "Pack", frame: int, part: int) -> bytes:
        """The bytes of one frame."""
        return image.can_payload(pack, frame, part)

    def poll(self, now: float, out: list) -> None:
        """Append the frames that are due."""
        pack = self.slot.pack
        if pack is None or not self.alive():
            self.waiting = False
            return
        fault = self.world.faults.get(self.node)
        if fault == "babble":
            for _ in range(2):
                out.append((0x18FF0000 | self.rng.below(256) << 8 | self.node, True, self.rng.data(self.rng.below(9))))
            return
        for frame, due in enumerate(self.due):
            if now < due:
                continue
            period = image.CAN_PERIOD_MS[frame] / 1000.0 * (5.0 if fault == "late" else 1.0)
            self.due[frame] = due + period if now - due < period else now + period
            part = 0
            if frame == image.PACK_CELL_GROUP:
                part = self.group = (self.group + 1) % image.cell_groups(pack)
            elif frame == image.PACK_IDENTITY:
                part = self.part = (self.part + 1) % image.IDENTITY_PARTS
            node = self.node - 1 if fault == "foreign" else self.node
            if frame < image.PACK_CELL_GROUP and node == self.node and not self.world.can_off:
                self.slot.message_sent(frame, image.PACK_CELL_GROUP)
            out.append((image.can_id(frame, node), True, self.encode(pack, frame, part)))
        self.talk(pack, now, out)

    def receive(self, data: bytes, now: float, out: list) -> None:
        """A frame of the challenge arrived."""
        pack = self.slot.pack
        if pack is None or not self.alive():
            return
        frames = []
        request = self.peer.receive(data, now, frames)
        if request is not None:
            refusal = self.ask(pack, request)
            if refusal is not None:
                self.peer.send(refusal, now, frames)
        self._emit(frames, out)

    def ask(self, pack: "Pack", request: bytes) -> "bytes | None":
        """A whole request: begins a proof, or returns the refusal."""
        if len(request) != 33 or request[0] != PROOF_REQUEST:
            return bytes((REFUSAL, request[0] if request else 0, BAD_REQUEST))
        pack.challenge(request[1:])
        self.waiting = True
        return None

    def answer(self, pack: "Pack") -> "bytes | None":
        """What to send if the BMS has just finished its proof."""
        if not self.waiting or pack.proof_status() == 1:
            return None
        self.waiting = False
        mac = pack.mac
        return bytes((REFUSAL, PROOF_REQUEST, NO_KEY)) if mac is None else bytes((PROOF_ANSWER,)) + mac

    def talk(self, pack: "Pack", now: float, out: list) -> None:
        """Let the transport layer send what is due."""
        if not self.waiting and not self.peer.busy:
            return
        frames = []
        message = self.answer(pack)
        if message is not None:
            self.peer.send(message, now, frames)
        self.peer.poll(now, frames)
        self._emit(frames, out)

    def _emit(self, frames: list, out: list) -> None:
        for data in frames:
            out.append((image.ANSWER_ID | self.node, True, data))


class CanNodes:
    """Every node of one CAN bus: the packs of the slots that are not on RS485, and the chargers of all slots."""

    def __init__(self, world: "World", rng: "Rng", now: float = 0.0) -> None:
        self.world = world
        self.nodes = {s.number: self.make_node(s, rng, now) for s in world.slots[world.modbus_slots :]}
        self.chargers = {s.charger.address: s.charger for s in world.slots if not isinstance(s.charger, NpbCharger)}
        self.npb = {s.charger.address: s.charger for s in world.slots if isinstance(s.charger, NpbCharger)}
        self.charger_due = {a: now + rng.unit() for a in sorted(self.chargers)}
        self.commands = 0

    def make_node(self, slot: "Slot", rng: "Rng", now: float) -> PackNode:
        """The node of one slot."""
        return PackNode(self.world, slot, rng, now)

    def status(self, address: int) -> bytes:
        """Status frame of a charger."""
        return image.charger_payload(self.chargers[address])

    def command(self, address: int, data: bytes) -> None:
        """Command frame to a charger."""
        self.commands += image.charger_command(self.chargers[address], data)

    def ask_npb(self, charger: "NpbCharger", data: bytes) -> "bytes | None":
        """Send a frame to an NPB charger; returns its answer."""
        return charger.receive(data)

    def poll(self, now: float) -> list:
        """Frames that are due."""
        out = []
        for node in self.nodes.values():
            node.poll(now, out)
        for address, due in self.charger_due.items():
            if now >= due:
                self.charger_due[address] = due + 1.0 if now - due < 1.0 else now + 1.0
                if not self.chargers[address].silent:
                    out.append((STATUS_ID | address, True, self.status(address)))
        return out

    def receive(self, can_id: int, extended: bool, data: bytes, now: float) -> list:
        """Receive a frame of the controller; returns the frames that are sent at once."""
        out = []
        middle = can_id >> 8 & 0xFF
        if extended and can_id & ID_MASK == COMMAND_ID and middle in self.chargers:
            self.command(middle, data)
        elif extended and can_id & ~0xFF == TO_UNIT and can_id & 0xFF in self.npb:
            answer = self.ask_npb(self.npb[can_id & 0xFF], data)
            if answer is not None:
                out.append((FROM_UNIT | can_id & 0xFF, True, answer))
        elif extended and can_id & ID_MASK == image.CHALLENGE_ID and middle in self.nodes:
            self.nodes[middle].receive(data, now, out)
        return out
