"""Packs of another maker, from the maker's DBC file: cantools encodes each frame by it; the profile gives each signal its quantity.

CPython only. Multiplexed messages are sent part by part, in turn."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import cantools

from plant.pack import Pack
from plant.rng import Rng
from plant.slot import Slot
from plant.wire_can import WirePackNode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plant.cabinet_world import World

_UNITS = {"v": 1000, "mv": 1, "a": 1000, "ma": 1, "ah": 1000, "mah": 1, "degc": 10, "%": 1, "": 1}  # of a reading in one of the signal's
_ALARMS = (
    "cell_over_voltage", "cell_under_voltage", "pack_over_voltage", "pack_under_voltage", "charge_over_temperature",
    "charge_under_temperature", "discharge_over_temperature", "discharge_under_temperature", "charge_over_current",
    "discharge_over_current", "short_circuit", "internal", "imbalance",
)  # fmt: skip
_STATES = ("charge_switch", "discharge_switch", "balancing")
_DEFAULT_CYCLE_MS = 500


class Maker:
    """A DBC file together with the profile made of it."""

    def __init__(self, profile: Path, dbc: Path) -> None:
        tree = json.loads(profile.read_text())
        database: Any = cantools.database.load_file(dbc)
        self.name = tree["name"]
        self.addressed = "address_shift" in tree["identifiers"]
        self.proves = tree["proof"]["strategy"] != "none"
        self.meaning = {f["name"]: (f["to"], f.get("index", 0)) for m in tree["messages"] for f in m["fields"]}
        used = {m["name"] for m in tree["messages"]}
        self.messages = [m for m in database.messages if m.name in used]

    def parts(self, message: Any) -> list:
        """Values of the multiplexer in the order in which they are sent; [None] for a message without one."""
        found = {v for s in message.signals for v in s.multiplexer_ids or []}
        return sorted(found) or [None]

    def encode(self, message: Any, part: "int | None", pack: Pack) -> bytes:
        """One frame."""
        raw = {}
        for signal in message.signals:
            if signal.is_multiplexer:
                raw[signal.name] = part
            elif part is None or part in (signal.multiplexer_ids or []):
                raw[signal.name] = self._raw(signal, pack)
        return message.encode(raw, scaling=False, strict=False)

    def _raw(self, signal: Any, pack: Pack) -> int:
        to, index = self.meaning.get(signal.name, ("", 0))
        if to in ("serial", "maker"):
            text = (pack.serial if to == "serial" else pack.maker).encode()[index : index + signal.length // 8]
            order = "little" if signal.byte_order == "little_endian" else "big"
            return int.from_bytes(text.ljust(signal.length // 8, b"\0"), order)
        value = quantity(pack, to, index)
        unit = _UNITS.get((signal.unit or "").lower(), 1)
        steps = (Fraction(value) / unit - Fraction(str(signal.offset))) / Fraction(str(signal.scale))
        low = -(1 << signal.length - 1) if signal.is_signed else 0
        high = (1 << signal.length - (1 if signal.is_signed else 0)) - 1
        if to in ("counter", "cycles"):
            return int(steps) & high
        return max(low, min(high, round(steps)))


def quantity(pack: Pack, to: str, index: int) -> int:
    """What a pack reports of a quantity, in the units of a reading; 0 for a quantity that it does not have."""
    s = pack.status()
    kind, _, word = to.partition(".")
    if kind == "alarm":
        return s.alarms >> _ALARMS.index(word) & 1
    if kind == "state":
        return s.state >> _STATES.index(word) & 1
    if to == "cell":
        return s.cells[index] if index < len(s.cells) else 0
    if to == "temp":
        return s.temps[index] if index < len(s.temps) else 0
    return {
        "pack_mv": s.pack_mv, "current_ma": s.current_ma, "soc_pct": s.soc_dpct // 10, "soh_pct": s.soh_dpct // 10,
        "cell_min_mv": s.cell_min, "cell_max_mv": s.cell_max, "temp_min_ddegc": s.temp_min, "temp_max_ddegc": s.temp_max,
        "charge_limit_ma": s.charge_ma, "charge_limit_mv": s.charge_mv, "cycles": s.cycles, "counter": s.counter,
        "cell_count": pack.cells, "nominal_mv": pack.nominal_mv, "capacity_mah": pack.capacity_mah, "chemistry": pack.chemistry,
        "nominal_cell_mv": pack.nominal_mv // pack.cells,
    }.get(to, 0)  # fmt: skip


class MakerNode(WirePackNode):
    """The BMS of whatever pack sits in one slot, in that maker's frames."""

    def __init__(self, world: "World", slot: Slot, rng: Rng, now: float, maker: Maker) -> None:
        super().__init__(world, slot, rng, now, [])
        self.maker = maker
        self.turn = [0] * len(maker.messages)
        self.due = [now + rng.unit() * self._period(m) for m in maker.messages]

    @staticmethod
    def _period(message: Any) -> float:
        return (message.cycle_time or _DEFAULT_CYCLE_MS) / 1000.0

    def poll(self, now: float, out: list) -> None:
        """Append the frames that are due."""
        pack = self.slot.pack
        if pack is None or not self.alive():
            self.waiting = False
            return
        fault = self.world.faults.get(self.node)
        for index, message in enumerate(self.maker.messages):
            if now < self.due[index]:
                continue
            period = self._period(message) * (5.0 if fault == "late" else 1.0)
            self.due[index] = self.due[index] + period if now - self.due[index] < period else now + period
            parts = self.maker.parts(message)
            part = parts[self.turn[index] % len(parts)]
            self.turn[index] += 1
            can_id = message.frame_id
            if self.maker.addressed:
                can_id = can_id & ~0xFF | (self.node - 1 if fault == "foreign" else self.node)
            data = self.rng.data(message.length) if fault == "babble" else self.maker.encode(message, part, pack)
            if fault not in ("foreign", "babble"):
                self.slot.message_sent(index, len(self.maker.messages))
            out.append((can_id, message.is_extended_frame, data))
        self.talk(pack, now, out)

    def receive(self, data: bytes, now: float, out: list) -> None:
        """A frame of the challenge; a maker without a key does not answer."""
        if self.maker.proves:
            super().receive(data, now, out)
