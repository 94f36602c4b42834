# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
"""The wires of a cabinet that is hurt: frames are written anew on their way to the firmware, and the instants of their last bytes told.

`show(slot, instant_us, again)` is called with each frame that carries what is tried: its first one counts, or with `again` the last.
"""

import struct

from plant.frames import sealed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# value of a pack: (first register of the status block, registers, factor; kind of CAN frame, position, format, divisor)
FIELDS = {
    "alarms": (2, 2, 1, 4, 0, "<I", 1),
    "pack_mv": (4, 2, 1, 0, 2, "<H", 10),
    "current_ma": (6, 2, 1, 0, 4, "<h", 10),
    "soc": (8, 1, 10, 0, 6, "<B", 1),
    "soh": (9, 1, 10, 0, 7, "<B", 1),
    "cell_min": (10, 1, 1, 2, 0, "<H", 1),
    "cell_max": (11, 1, 1, 2, 2, "<H", 1),
    "temp_min": (13, 1, 1, 3, 0, "<h", 1),
    "temp_max": (14, 1, 1, 3, 2, "<h", 1),
    "charge_ma": (16, 1, 0.1, 1, 0, "<H", 10),
}
STATUS_SIZE, IDENTITY_SIZE, PROOF_SIZE = 47, 53, 39  # answers of a pack on RS485
PACK_ID, IDENTITY_KIND, PROOF_ID = 0x18FF1000, 6, 0x18DAF400
CHARGER_ID, STOP_ID, STOP_MASK = 0x18FF5000, 0x180600F4, 0xFFFF00FF
NPB_TO, NPB_FROM = 0x000C0100, 0x000C0000
CHARGER_BASE = 0xA0
OFFSETS = {PACK_ID: 0, CHARGER_ID: CHARGER_BASE, NPB_FROM: -1}  # address to slot


class Wires:
    """Of one `Sim`. `where`, `what`: what is tried (reaction_table.py); `struck`: whose frames are written anew."""

    def __init__(self, sim: "Any", show: "Any", reported: "Any") -> None:
        """`told(slot, on, instant_us)`: a charger was told to give, or not to."""
        self.sim = sim
        self.show = show
        self.reported = reported
        self.where = ""
        self.what = {}
        self.struck = set()
        self.prepared = set()  # slots that are told the values of "before"
        self.opened = set()  # slots whose door seems open
        self.last = {}  # name of a device: instant of the last byte of its last frame
        self._counters = {}  # slot: measurement that is repeated for ever
        self._kinds = {}  # slot: kinds of CAN frames that have come since
        self._whole = set()  # slots whose round of identity frames began since

    def attach(self, app: "Any") -> None:
        """To the wires of a new app."""
        sim = self.sim
        judged = sim.io_line.on_answer, sim.can.on_send
        units, boards, nodes, receive = sim.pack_units.answer, sim.board_units.answer, sim.can_nodes.poll, sim.can_nodes.receive

        def pack_unit(request: bytes) -> "Any":
            answer = units(request)
            return answer if answer is None or request[0] not in self.prepared else (answer[0], self._pack_rtu(answer[1]))

        def board_unit(request: bytes) -> "Any":
            if self.where == "board silent" and request[0] in self.struck:
                return None
            answer = boards(request)
            return answer if answer is None or not (self.struck or self.opened) else (answer[0], self._board(answer[1]))

        def poll(now: float) -> list:
            frames = nodes(now)
            return [(i, e, self._can(i, data)) for i, e, data in frames] if self.prepared else frames

        def received(can_id: int, extended: bool, data: bytes, now: float) -> list:
            return [(i, e, self._npb(i, d)) for i, e, d in receive(can_id, extended, data, now)]

        def io(request: bytes, frame: bytes, last_us: int) -> None:
            judged[0](request, frame, last_us)
            if frame[1] == 2:
                self.last["board", frame[0]] = last_us
            if self.struck:
                self._board_said(frame, last_us)

        def packs(request: bytes, frame: bytes, last_us: int) -> None:
            if len(frame) == STATUS_SIZE:
                self.last["pack", frame[0]] = last_us
            if frame[0] in self.struck and frame[1] == 3:
                self._rtu_said(frame[0], len(frame), frame, last_us)

        def sent(can_id: int, data: bytes, start_us: int) -> None:
            judged[1](can_id, data, start_us)
            if can_id & STOP_MASK == STOP_ID:
                self.reported((can_id >> 8 & 0xFF) - CHARGER_BASE, not data[4] and any(data[:4]), start_us)
            elif can_id & ~0xFF == NPB_TO and len(data) == 3 and not data[0]:
                self.reported((can_id & 0xFF) + 1, data[2], start_us)

        def can_said(can_id: int, data: bytes, last_us: int) -> None:
            if can_id & ~0xFF in (PACK_ID, CHARGER_ID, NPB_FROM):
                device = "pack" if can_id & ~0xFF == PACK_ID else "charger"
                self.last[device, (can_id & 0xFF) - OFFSETS[can_id & ~0xFF]] = last_us
            if self.struck:
                self._can_said(can_id, data, last_us)

        sim.pack_units.answer, sim.board_units.answer, sim.can_nodes.poll, sim.can_nodes.receive = pack_unit, board_unit, poll, received
        sim.io_line.on_answer, sim.packs_line.on_answer = io, packs
        sim.can.on_send, sim.can.on_arrive = sent, can_said
        inputs = app.parts[0].board.inputs
        take = inputs.take

        def taken(*switches: int) -> bool:  # no driver tells the mains yet: it comes with the slot board's answer
            if self.where == "mains" and self.struck:
                for name in self.what:
                    setattr(inputs.cabinet, name, self.what[name])
            return take(*switches)

        inputs.take = taken

    # ---- frames, written anew

    def _fields(self, slot: int) -> dict:
        return self.what if slot in self.struck else self.what.get("before", {})

    def _value(self, slot: int, value: "Any") -> int:
        pack: "Any" = self.sim.world.slots[slot - 1].pack
        if isinstance(value, tuple):
            return value[0] if pack.cell_type == 1 else value[1]
        return value if isinstance(value, int) else value(pack)

    def _pack_rtu(self, frame: bytes) -> bytes:
        slot = frame[0]
        if len(frame) != STATUS_SIZE or frame[1] != 3:
            return frame
        out = bytearray(frame[:-2])
        if self.where == "pack frozen":
            out[3:5] = self._counters.setdefault(slot, bytes(out[3:5]))
        elif self.where == "pack":
            fields = self._fields(slot)
            for field in fields:
                if field in FIELDS:
                    register, words, factor = FIELDS[field][:3]
                    form = ">i" if words == 2 else ">h"
                    value = int(self._value(slot, fields[field]) * factor)
                    struct.pack_into(form if value < 0 else form.upper(), out, 3 + 2 * register, value)
        return sealed(bytes(out))

    def _can(self, can_id: int, data: bytes) -> bytes:
        slot = can_id & 0xFF
        if can_id & ~0xFF == CHARGER_ID and slot - CHARGER_BASE in self.struck and (self.where == "charger" or "charger_ma" in self.what):
            return self._charger(slot - CHARGER_BASE, data)
        kind = (can_id - PACK_ID) >> 8
        if slot not in self.prepared or not 0 <= kind <= 4 or len(data) != 8:
            return data
        out = bytearray(data)
        if self.where == "pack frozen" and kind == 0:
            out[0] = self._counters.setdefault(slot, out[0])
        elif self.where == "pack":
            fields = self._fields(slot)
            for field in fields:
                if field in FIELDS and FIELDS[field][3] == kind:
                    at, form, divisor = FIELDS[field][4:]
                    struct.pack_into(form, out, at, self._value(slot, fields[field]) // divisor)
        return bytes(out)

    def _charger(self, slot: int, data: bytes) -> bytes:
        out = bytearray(data)
        what = self.what
        if "bits" in what:
            out[4] |= what["bits"]
        elif "charger_ma" in what:
            struct.pack_into(">H", out, 2, what["charger_ma"] // 100)
        elif "more_ma" in what:
            struct.pack_into(">H", out, 2, (out[2] << 8 | out[3]) + what["more_ma"] // 100)
        else:
            pack: "Any" = self.sim.world.slots[slot - 1].pack
            struct.pack_into(">H", out, 0, (pack.status().pack_mv + what["over_mv"]) // 100)
        return bytes(out)

    def _npb(self, can_id: int, data: bytes) -> bytes:
        if self.where != "npb" or can_id & ~0xFF != NPB_FROM or (can_id & 0xFF) + 1 not in self.struck or data[0] != self.what["command"]:
            return data
        value = self.what.get("value", (data[2] | data[3] << 8) | self.what.get("or", 0))
        return data[:2] + bytes((value & 0xFF, value >> 8))

    def _board(self, frame: bytes) -> bytes:
        board = frame[0]
        out = bytearray(frame[:-2])
        where, what = self.where, self.what
        if frame[1] == 2 and len(frame) == 9:
            for slot in self.opened:
                if (slot - 1) // 8 + 1 == board:
                    out[3] &= ~(1 << (slot - 1) % 8) & 0xFF
            for slot in self.struck:
                if where == "inputs" and (slot - 1) // 8 + 1 == board:
                    out[what["byte"]] &= ~(1 << (slot - 1) % 8) & 0xFF
            if where == "danger" and board == 1 and self.struck:
                out[6] |= 1 << what["bit"]
        elif frame[1] == 4 and len(frame) == 23:
            for slot in self.struck:
                if where == "compartment" and (slot - 1) // 8 + 1 == board:
                    struct.pack_into(">h", out, 5 + 2 * ((slot - 1) % 8), what["ddegc"])
            if where == "cabinet" and board == 1 and self.struck:
                struct.pack_into(">h", out, 3, what["ddegc"])
        return sealed(bytes(out))

    # ---- frames, when their last byte is there

    def _rtu_said(self, slot: int, size: int, frame: bytes, last_us: int) -> None:
        where = self.where
        if size == STATUS_SIZE:
            if where in ("pack", "pack frozen"):
                self.show(slot, last_us, False)
        elif size == IDENTITY_SIZE and (where == "identity" or self.what.get("frame") == "identity"):
            self.show(slot, last_us, where != "identity")
        elif size == PROOF_SIZE and frame[4] == 2 and self.what.get("frame") == "proof":
            self.show(slot, last_us, False)

    def _can_said(self, can_id: int, data: bytes, last_us: int) -> None:
        slot = can_id & 0xFF
        where = self.where
        if can_id & ~0xFF == CHARGER_ID:
            slot -= CHARGER_BASE
            if slot in self.struck and where == "charger":
                self.show(slot, last_us, False)
        elif can_id & ~0xFF == NPB_FROM:
            if slot + 1 in self.struck and where == "npb" and data[0] == self.what["command"]:
                self.show(slot + 1, last_us, False)
        elif slot not in self.struck:
            return
        elif can_id & ~0xFF == PROOF_ID:
            if self.what.get("frame") == "proof":
                self.show(slot, last_us, True)
        else:
            self._pack_said(slot, (can_id - PACK_ID) >> 8, data, last_us)

    def _pack_said(self, slot: int, kind: int, data: bytes, last_us: int) -> None:
        where = self.where
        if kind == IDENTITY_KIND:
            if data[0] == 0:
                self._whole.add(slot)
            elif data[0] == 6 and slot in self._whole and (where == "identity" or self.what.get("frame") == "identity"):
                self.show(slot, last_us, where != "identity")
        elif kind == 0 and where == "pack frozen":
            self.show(slot, last_us, False)
        elif where == "pack":
            wanted = set(self.what.get("kinds") or [FIELDS[field][3] for field in self.what if field in FIELDS])
            came = self._kinds.setdefault(slot, set())
            came.add(kind)
            if kind in wanted and wanted <= came:
                self.show(slot, last_us, False)

    def _board_said(self, frame: bytes, last_us: int) -> None:
        where = self.where
        inputs = frame[1] == 2 and len(frame) == 9
        count = len(self.sim.world.slots)
        if where in ("danger", "cabinet", "mains"):
            if frame[0] == 1 and inputs == (where != "cabinet"):
                for slot in range(count + 1):
                    self.show(slot, last_us, False)
        elif where in ("inputs", "compartment") and inputs == (where == "inputs"):
            for slot in list(self.struck):
                if frame[0] == (slot - 1) // 8 + 1:
                    self.show(slot, last_us, False)
