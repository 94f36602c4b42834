"""Where the locks and switches of each slot hang, and how each kind of board is asked: what the settings name, as the bench tries it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from cabinet.startup import driver_registry
from swapcab.bench.controller import BoardError

TRIES = 3
_ON = 0x0200  # "flash on" of Waveshare's first relay; the value is the time in 100 ms
_XUNMING_LOCK = 101  # the coil of the first lock; the value is the time in ms


class Asks(Protocol):
    """What a board needs of the bench."""

    def ask(self, bus: str, unit: int, function: int, start: int, value: int, tries: int = 1) -> dict[str, Any]:
        """A Modbus request."""
        ...

    def kerong(self, bus: str, board: int, lock: int, command: int, tries: int = 1) -> dict[str, Any]:
        """A frame to a Kerong lock board."""
        ...

    def pins(self, bus: str, index: int) -> int:
        """The 32 inputs of a port of the controller."""
        ...


def _data(name: str, counts: dict[str, Any]) -> bytes:
    if not counts["good"]:
        raise BoardError("OSError", f"{name} does not answer")
    return bytes.fromhex(counts["data"])


@dataclass(frozen=True)
class Board:
    """A board on a bus. What a kind of board cannot do raises or gives None."""

    bus: str
    address: int

    on_rs485 = True
    times_itself = False  # whether the length of a pulse is set in the board

    @property
    def name(self) -> str:
        """For the sheet."""
        return f"board {self.address}"

    def probe(self, bench: Asks, tries: int) -> list[tuple[str, dict[str, Any]]]:
        """Ask it so often: (name, counts of the answers) of each address that it has."""
        return [(self.name, bench.ask(self.bus, self.address, 1, 0, 8, tries))]

    def bits(self, bench: Asks) -> int:
        """Doors, latches, packs and dangers of eight slots, eight bits each. Raises BoardError."""
        raise BoardError("ValueError", f"{self.name} has no switches")

    def hooks(self, bench: Asks) -> int | None:
        """A bit for each lock that is locked, where the board feels it itself."""
        return None

    def pulse(self, bench: Asks, channel: int, ms: int) -> bool:
        """Open a lock; False if the order was not taken."""
        return False

    def is_on(self, bench: Asks, channel: int) -> bool | None:
        """Whether the lock's output is on; None: it cannot be asked."""
        return None

    def length_ms(self, ms: int) -> int:
        """How long a pulse is that was ordered so long."""
        return ms


class SlotBoard(Board):
    """Switches and locks of eight slots."""

    @property
    def name(self) -> str:
        """For the sheet."""
        return f"slot board {self.address}"

    def probe(self, bench: Asks, tries: int) -> list[tuple[str, dict[str, Any]]]:
        """See Board."""
        return [(self.name, bench.ask(self.bus, self.address, 2, 0, 32, tries))]

    def bits(self, bench: Asks) -> int:
        """See Board."""
        return int.from_bytes(_data(self.name, bench.ask(self.bus, self.address, 2, 0, 32, TRIES))[1:5], "little")

    def pulse(self, bench: Asks, channel: int, ms: int) -> bool:
        """See Board."""
        return bool(bench.ask(self.bus, self.address, 6, 0x0100 + channel, ms)["good"])

    def is_on(self, bench: Asks, channel: int) -> bool | None:
        """By the milliseconds that it has left; while it does not answer it counts as on."""
        counts = bench.ask(self.bus, self.address, 3, 0x0100 + channel, 1)
        return not counts["good"] or bool(int.from_bytes(bytes.fromhex(counts["data"])[1:3], "big"))


class Xunming(Board):
    """Eight locks, whose coils take milliseconds."""

    @property
    def name(self) -> str:
        """For the sheet."""
        return f"lock board {self.address}"

    def probe(self, bench: Asks, tries: int) -> list[tuple[str, dict[str, Any]]]:
        """See Board."""
        return [(self.name, bench.ask(self.bus, self.address, 1, _XUNMING_LOCK, 8, tries))]

    def pulse(self, bench: Asks, channel: int, ms: int) -> bool:
        """See Board."""
        return bool(bench.ask(self.bus, self.address, 5, _XUNMING_LOCK + channel, ms)["good"])


class Waveshare(Board):
    """Eight relays with "flash on", in steps of 100 ms."""

    @property
    def name(self) -> str:
        """For the sheet."""
        return f"relay board {self.address}"

    def pulse(self, bench: Asks, channel: int, ms: int) -> bool:
        """See Board."""
        return bool(bench.ask(self.bus, self.address, 5, _ON + channel, self.length_ms(ms) // 100)["good"])

    def is_on(self, bench: Asks, channel: int) -> bool | None:
        """By the coil of the relay; while it does not answer it counts as on."""
        counts = bench.ask(self.bus, self.address, 1, 0, 8)
        return not counts["good"] or bool(bytes.fromhex(counts["data"])[1] >> channel & 1)

    def length_ms(self, ms: int) -> int:
        """Rounded up."""
        return (ms + 99) // 100 * 100


class KrCu16(Board):
    """Sixteen locks with hooks that the board feels; the time is set in the board."""

    times_itself = True

    @property
    def name(self) -> str:
        """For the sheet."""
        return f"lock board {self.address}"

    def probe(self, bench: Asks, tries: int) -> list[tuple[str, dict[str, Any]]]:
        """See Board."""
        return [(self.name, bench.kerong(self.bus, self.address, 0, 0x30, tries))]

    def hooks(self, bench: Asks) -> int | None:
        """See Board. Raises BoardError."""
        return int.from_bytes(_data(self.name, bench.kerong(self.bus, self.address, 0, 0x30, TRIES)), "little")

    def pulse(self, bench: Asks, channel: int, ms: int) -> bool:
        """See Board. Its own time, whatever `ms` is."""
        return bool(bench.kerong(self.bus, self.address, channel, 0x31)["good"])


class FourInputBoards(Board):
    """Doors, latches, packs and, with the first slots, dangers: a Modbus board with eight inputs each."""

    WHAT = ("doors", "latches", "packs", "dangers")

    @property
    def name(self) -> str:
        """For the sheet."""
        return f"input boards {self.address} to {self.address + 2}"

    def probe(self, bench: Asks, tries: int) -> list[tuple[str, dict[str, Any]]]:
        """See Board."""
        names = [(f"input board {self.address + k} ({self.WHAT[k]})", self.address + k) for k in range(3)]
        return [(name, bench.ask(self.bus, address, 2, 0, 8, tries)) for name, address in names]

    def bits(self, bench: Asks) -> int:
        """See Board; without the dangers."""
        found = 0
        for k in range(3):
            name = f"input board {self.address + k} ({self.WHAT[k]})"
            found |= _data(name, bench.ask(self.bus, self.address + k, 2, 0, 8, TRIES))[1] << 8 * k
        return found


class PinInputs(Board):
    """Inputs of the controller or of expanders beside it."""

    on_rs485 = False

    @property
    def name(self) -> str:
        """For the sheet."""
        return f"inputs {self.address} on {self.bus}"

    def bits(self, bench: Asks) -> int:
        """See Board. Raises BoardError with what the controller says of them."""
        levels = bench.pins(self.bus, self.address)
        if levels < 0:
            raise BoardError("OSError", f"{self.name}: not steady")
        return levels


LOCKS = {"slot-board": SlotBoard, "kr-cu16": KrCu16, "xunming": Xunming, "waveshare": Waveshare}
SWITCHES = {"slot-board": SlotBoard, "waveshare-inputs": FourInputBoards, "pin-inputs": PinInputs}


@dataclass(frozen=True)
class SlotWiring:
    """Lock and switches of one slot. `locks` is None where the controller itself times the pulses: no board here can."""

    slot: int
    locks: Board | None
    lock_channel: int
    switches: Board

    @property
    def channel(self) -> int:
        """Of the switches."""
        return (self.slot - 1) % 8

    @property
    def buses(self) -> set[str]:
        """On which lock and switches hang."""
        return {board.bus for board in (self.locks, self.switches) if board}

    @property
    def output(self) -> str:
        """For the sheet."""
        return f"{self.locks.name if self.locks else 'pins'}, output {self.lock_channel + 1}"


def slot_wirings(groups: list[dict[str, Any]]) -> list[SlotWiring]:
    """Every slot whose switches the bench can read."""
    found = []
    for group in groups:
        io = group["io"]
        inputs = group.get("inputs") or io
        if inputs["driver"] not in SWITCHES:
            continue
        lock_row, switch_row = driver_registry.driver(io["driver"]), driver_registry.driver(inputs["driver"])
        for slot in range(group["first_slot"], group["last_slot"] + 1):
            made = LOCKS.get(io["driver"])
            locks = made(io["bus"], io["first_address"] + (slot - 1) // lock_row.slots * lock_row.addresses) if made else None
            address = inputs["first_address"] + (slot - 1) // switch_row.slots * switch_row.addresses
            found.append(SlotWiring(slot, locks, (slot - 1) % lock_row.slots, SWITCHES[inputs["driver"]](inputs["bus"], address)))
    return found


def boards(wanted: list[SlotWiring]) -> list[Board]:
    """Each board once, in the order of the slots."""
    return list(dict.fromkeys(board for wiring in wanted for board in (wiring.locks, wiring.switches) if board is not None))
