# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
"""The plant's CAN nodes, faster: a node is only looked at when a frame is due, and frames are packed without a dictionary between.

What they send is the same, which every run checks for its first packs before it begins.
"""

import struct

from plant import image
from plant.frames import STATUS_ID, CanNodes, PackNode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CURRENT_MAX = 32767


def payload(pack: "Any", frame: int, part: int) -> bytes:
    """As plant.image.can_payload."""
    if frame == image.PACK_IDENTITY or frame == image.PACK_CELL_GROUP:
        return image.can_payload(pack, frame, part)
    s = pack.status()
    if frame == image.PACK_STATUS:
        current = max(-_CURRENT_MAX - 1, min(_CURRENT_MAX, s.current_ma // 10))
        return struct.pack("<BBHhBB", s.counter & 0xFF, s.state, s.pack_mv // 10, current, (s.soc_dpct + 5) // 10, s.soh_dpct // 10)
    if frame == image.PACK_LIMITS:
        return struct.pack("<HHHH", s.charge_ma // 10, s.charge_mv // 10, s.discharge_ma // 10, s.cycles)
    if frame == image.PACK_CELLS_MINMAX:
        return struct.pack("<HHBBH", s.cell_min, s.cell_max, s.index_min, s.index_max, 0)
    if frame == image.PACK_TEMPERATURES:
        return struct.pack("<hhhBB", s.temp_min, s.temp_max, s.temp_mos, len(s.temps), 0)
    return struct.pack("<II", s.alarms, s.remaining_mah)


class Node(PackNode):
    """Looks at itself only when something is due."""

    next = 0.0

    def encode(self, pack: "Any", frame: int, part: int) -> bytes:
        """The bytes of one frame."""
        return payload(pack, frame, part)

    def poll(self, now: float, out: list) -> None:
        """See PackNode."""
        if now < self.next and not self.talking():
            return
        PackNode.poll(self, now, out)
        self.next = min(self.due)

    def talking(self) -> bool:
        """Whether it has more to do than its cyclic frames."""
        return self.waiting or self.peer.busy


class Nodes(CanNodes):
    """All of one bus."""

    def __init__(self, world: "Any", rng: "Any") -> None:
        CanNodes.__init__(self, world, rng)
        self._next_charger = 0.0
        self._next = 0.0  # nothing is due before
        self._addresses = sorted(self.charger_due)
        self._in_order = [self.nodes[number] for number in sorted(self.nodes)]
        for slot in world.slots:
            if slot.pack is not None:
                for frame in range(len(image.CAN_PERIOD_MS)):
                    if payload(slot.pack, frame, 1) != image.can_payload(slot.pack, frame, 1):
                        raise ValueError("frame %d differs" % frame)

    def make_node(self, slot: "Any", rng: "Any", now: float) -> PackNode:
        """The node of one slot."""
        return Node(self.world, slot, rng, now)

    def poll(self, now: float) -> list:
        """Frames that are due. A pack that has just come may have to wait for the next charger's, some tens of milliseconds."""
        out = []
        if now < self._next and not self.world.faults:
            return out
        for node in self._in_order:
            node.poll(now, out)
        if now >= self._next_charger:
            for address in self._addresses:
                due = self.charger_due[address]
                if now >= due:
                    self.charger_due[address] = due + 1.0 if now - due < 1.0 else now + 1.0
                    if not self.chargers[address].silent:
                        out.append((STATUS_ID | address, True, self.status(address)))
            self._next_charger = min(self.charger_due.values())
        self._next = self._next_charger
        for node in self._in_order:
            if node.talking():
                self._next = 0.0
            elif node.next < self._next and node.slot.pack is not None:
                self._next = node.next
        return out

    def receive(self, can_id: int, extended: bool, data: bytes, now: float) -> list:
        """See CanNodes."""
        self._next = 0.0
        return CanNodes.receive(self, can_id, extended, data, now)
