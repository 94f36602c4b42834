"""Each driver and each kind of bus, a row each. Settings check, wiring, bench, template and pages read the rows.

To add a driver: write its class against devices/contract.py, give it a row here and a line in the block for the type checker at the
end, then run `python -m swapcab.docs.devices` and `python -m swapcab.docs.settings`.
Needed at start only: the whole package is unloaded afterwards.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cabinet.devices import contract

PROFILE = "profile:"  # begins the name of a pack driver whose protocol is a data file: profile:NAME


class Row:
    """A class that is imported only where the settings name it."""

    def __init__(self, name: str, module: str, made: str, what: str) -> None:
        self.name = name  # as in the settings
        self.module = module
        self.made = made  # class in it
        self.what = what  # for the pages

    def load(self) -> "Any":
        """The class."""
        __import__(self.module)
        return getattr(sys.modules[self.module], self.made)


class Driver(Row):
    """A kind of device, and what the cabinet has to know of it before one is made."""

    def __init__(
        self, name: str, section: str, bus: str, lowest: int, highest: int, module: str, made: str, what: str,
        bauds: "tuple[int, ...]" = (), slots: int = 1, addresses: int = 1, later_addresses: int = 0, space: str = "",
        reads_switches: bool = False, feels_latches: bool = False, speaks: bool = False,
        stops_ms: "int | None" = None, blind_ms: int = 0,
    ) -> None:
        Row.__init__(self, name, module, made, what)
        self.section = section  # pack, charger, io, inputs
        self.bus = bus  # kind of bus
        self.lowest = lowest  # addresses
        self.highest = highest
        self.bauds = bauds  # that the device has; empty: any
        self.slots = slots  # that one device serves
        self.addresses = addresses  # that one device takes
        self.later_addresses = later_addresses or addresses  # the same for devices that do not serve slot 1
        self.space = space  # devices of one space may not share an address; "": all units of the bus
        self.reads_switches = reads_switches  # io: reads doors, latches, packs and dangers itself (contract.Inputs)
        self.feels_latches = feels_latches  # io: reports its latches: they replace those of the inputs (contract.LatchBoard)
        self.speaks = speaks  # CAN: sends without being asked
        self.stops_ms = stops_ms  # charger: how soon it stops by itself when no frame reaches it; None: never
        self.blind_ms = blind_ms  # charger: for how long current may flow unseen after its last permit

    @property
    def needs_mains_relay(self) -> bool:
        """A charger that never stops by itself: the mains guard watches it (contract.GuardedCharger)."""
        return self.section == "charger" and self.stops_ms is None


class Bus(Row):
    """A kind of bus. `line`: what the board opens for it: serial, can, or pins."""

    def __init__(self, name: str, line: str, module: str, made: str, what: str, is_watched: bool = False, has_devices: bool = True) -> None:
        Row.__init__(self, name, module, made, what)
        self.line = line
        self.is_watched = is_watched  # has a fault of its own, which is reported as that of a device
        self.has_devices = has_devices


BUSES = (
    Bus("modbus", "serial", "cabinet.bus.modbus_bus", "ModbusBus", "Modbus RTU on RS485"),
    Bus("can", "can", "cabinet.bus.can_bus", "CanBus", "CAN 2.0", is_watched=True),
    Bus("kiosk", "serial", "cabinet.devices.io.kiosk", "KioskLine", "the rider's terminal", has_devices=False),
    Bus("serial", "serial", "cabinet.bus.framed_bus", "FramedBus", "frames of a pack's maker on a serial line, as its profile says"),
    Bus("kerong", "serial", "cabinet.bus.kerong_bus", "KerongBus", "lock boards of Kerong on RS485"),
    Bus("pins", "pins", "cabinet.bus.pin_bus", "PinBus", "no line, but what is wired to the controller or to expanders beside it"),
)

# An Elcon gets a frame a second while it is permitted to charge: 5 s after the last one it is off. An NPB goes off when its mains relay
# falls, 3.1 s after the last permit if it does not obey (npb.py, mains.py), and its output with it.
DRIVERS = (
    Driver("pack-link-modbus", "pack", "modbus", 1, 247, "cabinet.devices.bms.pack_link_modbus", "PackLinkModbus",
           "[pack link](pack-link.md) on RS485", bauds=(9600, 19200, 115200)),
    Driver("pack-link-can", "pack", "can", 1, 127, "cabinet.devices.bms.pack_link_can", "PackLinkCan",
           "[pack link](pack-link.md) on CAN", bauds=(250000,), speaks=True),
    Driver("elcon", "charger", "can", 1, 253, "cabinet.devices.chargers.elcon", "ElconCharger",
           "TC / Elcon and alike", bauds=(250000, 500000), space="charger", speaks=True, stops_ms=5000, blind_ms=6000),
    Driver("npb", "charger", "can", 0, 3, "cabinet.devices.chargers.npb", "NpbCharger",
           "Mean Well NPB with CAN, four addresses a line", bauds=(250000,), space="charger", stops_ms=None, blind_ms=6000),
    Driver("slot-board", "io", "modbus", 1, 247, "cabinet.devices.io.slot_board", "SlotBoard",
           "the slot board of this project: locks, doors, latches, packs, dangers, temperatures", slots=8, reads_switches=True),
    Driver("kr-cu16", "io", "kerong", 0, 15, "cabinet.devices.io.kr_cu16", "KrCu16",
           "Kerong KR-CU16", bauds=(19200,), slots=16, feels_latches=True),
    Driver("xunming", "io", "modbus", 1, 247, "cabinet.devices.io.relay_boards", "XunmingBoard", "Xunming lock board", slots=8),
    Driver("waveshare", "io", "modbus", 1, 247, "cabinet.devices.io.relay_boards", "WaveshareBoard",
           "Waveshare Modbus RTU relay and alike", slots=8),
    Driver("pins", "io", "pins", 0, 5, "cabinet.devices.io.pins", "PinLocks",
           "outputs of the controller whose pulses a timer of the board ends", slots=8, space="lock"),
    Driver("waveshare-inputs", "inputs", "modbus", 1, 247, "cabinet.devices.io.waveshare_inputs", "WaveshareInputs",
           "four Modbus boards with eight inputs each; three where they do not serve slot 1", slots=8, addresses=4, later_addresses=3),
    Driver("pin-inputs", "inputs", "pins", 0, 5, "cabinet.devices.io.pins", "PinInputs",
           "inputs of the controller, or of expanders beside it", slots=8, space="inputs"),
)

# of packs whose protocol is a data file: a row for each kind of bus
PROFILES = (
    Driver(PROFILE, "pack", "modbus", 1, 247, "cabinet.devices.profiles.pack_modbus", "ProfileModbus", "as its profile says"),
    Driver(PROFILE, "pack", "can", 1, 247, "cabinet.devices.profiles.pack_can", "ProfileCan", "as its profile says"),
    Driver(PROFILE, "pack", "serial", 1, 247, "cabinet.devices.profiles.pack_serial", "ProfileSerial", "as its profile says"),
)


def bus(kind: str) -> Bus:
    """The row of a kind of bus. Raises ValueError, with the kinds that there are."""
    for row in BUSES:
        if row.name == kind:
            return row
    raise ValueError("no kind of bus %r; there are %s" % (kind, ", ".join(row.name for row in BUSES)))


def driver(name: str, bus_kind: str = "") -> Driver:
    """The row of a driver; `bus_kind` chooses among those of a profile. Raises ValueError, with the names that there are."""
    for row in PROFILES if name.startswith(PROFILE) else DRIVERS:
        if row.name == name or row.name == PROFILE and row.bus == bus_kind:
            return row
    if name.startswith(PROFILE):
        raise ValueError("no driver for %s on a bus of kind %r; there are %s" % (name, bus_kind, ", ".join(row.bus for row in PROFILES)))
    raise ValueError("no driver %r; there are %s" % (name, ", ".join(names())))


def names(section: str = "") -> "list[str]":
    """Names of the drivers, of one section or of all, in the order of the alphabet; those of profiles are not among them."""
    return sorted(row.name for row in DRIVERS if section in ("", row.section))


if TYPE_CHECKING:  # every class of a row is held against its contract here; a test compares the two
    from cabinet.bus.can_bus import CanBus
    from cabinet.bus.framed_bus import FramedBus
    from cabinet.bus.kerong_bus import KerongBus
    from cabinet.bus.modbus_bus import ModbusBus
    from cabinet.bus.pin_bus import PinBus
    from cabinet.devices.bms.pack_link_can import PackLinkCan
    from cabinet.devices.bms.pack_link_modbus import PackLinkModbus
    from cabinet.devices.chargers.elcon import ElconCharger
    from cabinet.devices.chargers.npb import NpbCharger
    from cabinet.devices.io.kr_cu16 import KrCu16
    from cabinet.devices.io.pins import PinInputs, PinLocks
    from cabinet.devices.io.relay_boards import WaveshareBoard, XunmingBoard
    from cabinet.devices.io.slot_board import SlotBoard
    from cabinet.devices.io.waveshare_inputs import WaveshareInputs
    from cabinet.devices.profiles.pack_can import ProfileCan
    from cabinet.devices.profiles.pack_modbus import ProfileModbus
    from cabinet.devices.profiles.pack_serial import ProfileSerial
    from cabinet.devices.profiles.profile import Profile
    from cabinet.ports import Clock

    # made with (bus, address, clock); profiles with (..., profile); what reads switches with (..., first slot)
    packs_modbus: "Callable[[ModbusBus, int, Clock], contract.Pack]" = PackLinkModbus
    packs_can: "Callable[[CanBus, int, Clock], contract.Pack]" = PackLinkCan
    profiles_modbus: "Callable[[ModbusBus, int, Clock, Profile], contract.Pack]" = ProfileModbus
    profiles_can: "Callable[[CanBus, int, Clock, Profile], contract.Pack]" = ProfileCan
    profiles_serial: "Callable[[FramedBus, int, Clock, Profile], contract.Pack]" = ProfileSerial
    chargers_can: "tuple[Callable[[CanBus, int, Clock], contract.Charger], ...]" = (ElconCharger,)
    guarded_chargers_can: "tuple[Callable[[CanBus, int, Clock], contract.GuardedCharger], ...]" = (NpbCharger,)
    lock_boards_modbus: "tuple[Callable[[ModbusBus, int, Clock], contract.LockBoard], ...]" = (XunmingBoard, WaveshareBoard)
    lock_boards_pins: "tuple[Callable[[PinBus, int, Clock], contract.LockBoard], ...]" = (PinLocks,)
    latch_boards_kerong: "tuple[Callable[[KerongBus, int, Clock], contract.LatchBoard], ...]" = (KrCu16,)
    slot_boards_locks: "tuple[Callable[[ModbusBus, int, Clock, int], contract.LockBoard], ...]" = (SlotBoard,)
    slot_boards_inputs: "tuple[Callable[[ModbusBus, int, Clock, int], contract.Inputs], ...]" = (SlotBoard,)
    inputs_modbus: "tuple[Callable[[ModbusBus, int, Clock, int], contract.Inputs], ...]" = (WaveshareInputs,)
    inputs_pins: "tuple[Callable[[PinBus, int, Clock, int], contract.Inputs], ...]" = (PinInputs,)
