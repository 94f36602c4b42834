"""From the settings to what they name: buses, drivers, slots, uplink. Needed at the start only and let go of, see main: nothing that
lives on may hold a function or an object of this file."""

from cabinet.core.reading import CabinetReading
from cabinet.runtime.control_loop import SlotParts
from cabinet.uplink.uplink import UplinkOptions

BATCH_BYTES = 1536  # a message of a draining backlog; building it takes about four times as much memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import Board
    from cabinet.settings_section import Section
    from cabinet.startup.settings import Secrets, Settings, SlotWiring


def uplink_options(settings: "Settings", secrets: "Secrets") -> UplinkOptions:
    """For the uplink."""
    given = settings.uplink
    tls = None
    if given.tls == "on":
        tls = {"ca": secrets.uplink_ca, "cert": secrets.uplink_cert, "key": secrets.uplink_key, "hostname": given.server_name}
    return UplinkOptions(
        settings.cabinet.id, given.host, given.port, user=given.user or None, password=secrets.uplink_password or None,
        prefix=given.prefix, window=given.window, batch=given.batch, keepalive_s=given.keepalive_s,
        batch_bytes=BATCH_BYTES, tls=tls, gather_ms=given.gather_s * 1000, compact=given.compact == "on",
        telemetry_gather_ms=settings.telemetry.gather_s * 1000, state_settle_ms=given.state_settle_s * 1000,
        state_pause_ms=given.state_pause_s * 1000, spread_ms=given.spread_s * 1000, month_bytes=given.month_mb * 1000000,
        interfaces=" " in given.interfaces,
    )


def network(board: "Board", given: "Section") -> "Any":
    """The board's interface to the network, or several behind one."""
    names = given.interfaces.split()
    if len(names) < 2:
        return board.network(names[0]) if names else board.network()
    from cabinet.uplink.interfaces import Interfaces

    return Interfaces(board.clock, [board.network(name) for name in names], given.return_s * 1000)


def _charger(driver: str) -> "Any":
    """A charger's class, imported only where one is used."""
    if driver == "npb":
        from cabinet.devices.chargers.npb import NpbCharger

        return NpbCharger
    from cabinet.devices.chargers.elcon import ElconCharger

    return ElconCharger


class Wiring:
    """Opens the buses and makes a driver for everything that hangs on them. Drivers are imported only where one is used."""

    def __init__(self, board: "Board", settings: "Settings") -> None:
        self.board = board
        self.clock = board.clock
        self.profiles = settings.profiles
        self.buses = {}
        self.ports = {}  # of buses that are no lines
        self.kiosk = None
        self.boards = {}  # by bus and address
        self.devices = []
        self.cabinet_reading = CabinetReading()
        self.readings = []  # of the slots: pack, charger, switches
        self.blind_ms = 6000  # an Elcon stops 5 s after the last frame; the mains relay of an NPB falls 3.1 s after the last permit
        self._open_buses(settings.buses)
        self.parts = [self._slot(wiring, self.readings) for wiring in settings.slots]

    def _open_buses(self, buses: dict) -> None:
        for name in sorted(buses):
            bus = buses[name]
            if bus.kind == "modbus":
                from cabinet.bus.modbus_bus import ModbusBus

                self.buses[name] = ModbusBus(name, self.board.serial(bus.port, bus.baud), self.clock)
            elif bus.kind == "kerong":
                from cabinet.bus.kerong_bus import KerongBus

                self.buses[name] = KerongBus(name, self.board.serial(bus.port, bus.baud), self.clock)
            elif bus.kind == "pins":
                from cabinet.bus.pin_bus import PinBus

                self.ports[name] = bus.port
                self.buses[name] = PinBus(name, self.clock)
            elif bus.kind == "serial":
                from cabinet.bus.framed_bus import FramedBus

                self.buses[name] = FramedBus(name, self.board.serial(bus.port, bus.baud), self.clock)
            elif bus.kind == "can":
                from cabinet.bus.can_bus import CanBus

                self.buses[name] = CanBus(name, self.board.can(bus.port, bus.baud), self.clock)
            else:
                from cabinet.devices.io.kiosk import KioskLine

                self.kiosk = KioskLine(self.board.serial(bus.port, bus.baud))

    def _pack(self, wiring: "SlotWiring") -> "Any":
        bus = self.buses[wiring.pack_bus]
        if wiring.pack_driver.startswith("profile:"):
            from cabinet.devices.profiles import shelf

            profile = self.profiles[wiring.pack_driver[8:]]
            return shelf.driver(profile)(bus, wiring.pack_address, self.clock, profile)
        if wiring.pack_driver == "pack-link-modbus":
            from cabinet.devices.bms.pack_link_modbus import PackLinkModbus

            return PackLinkModbus(bus, wiring.pack_address, self.clock)
        from cabinet.devices.bms.pack_link_can import PackLinkCan

        return PackLinkCan(bus, wiring.pack_address, self.clock)

    def _slot(self, wiring: "SlotWiring", readings: list) -> SlotParts:
        pack = self._pack(wiring)
        charger = _charger(wiring.charger_driver)(self.buses[wiring.charger_bus], wiring.charger_address, self.clock)
        board = self._lock_board(wiring)
        readings.append((pack.reading, charger.reading, self._switches(wiring, board)))
        pack.name = "pack %d" % wiring.number  # technicians count slots, not addresses
        charger.name = "charger %d" % wiring.number
        self.devices.append(pack)
        self.devices.append(charger)
        return SlotParts(wiring.number, pack, charger, board, wiring.io_channel)

    def _lock_board(self, wiring: "SlotWiring") -> "Any":
        place = (wiring.io_bus, wiring.io_address)
        if place not in self.boards:
            bus = self.buses[wiring.io_bus]
            if wiring.io_driver == "slot-board":
                from cabinet.devices.io.slot_board import SlotBoard

                made = SlotBoard(bus, wiring.io_address, self.clock, wiring.number - wiring.io_channel)
                self._take_cabinet(made.inputs)
            else:
                from cabinet.devices.io import factory

                made = factory.lock_board(wiring.io_driver, bus, wiring.io_address, self.board, self.ports.get(wiring.io_bus, ""))
            self.boards[place] = made
            self.devices.append(made)
        return self.boards[place]

    def _switches(self, wiring: "SlotWiring", board: "Any") -> "Any":
        """The reading of door, latch and presence switch: the lock board's own, or that of the inputs beside it."""
        if not wiring.inputs_driver:
            return board.slots[wiring.io_channel]
        channel = (wiring.number - 1) % 8
        place = (wiring.inputs_bus, wiring.inputs_address, "inputs")
        if place not in self.boards:
            from cabinet.devices.io import factory

            inputs, devices = factory.input_device(
                wiring.inputs_driver, self.buses[wiring.inputs_bus], wiring.inputs_address, self.board,
                self.ports.get(wiring.inputs_bus, ""), wiring.number - channel,
            )
            if hasattr(board, "latches"):
                inputs.feedback = board
                inputs.feedback_shift = wiring.io_channel - channel
            self._take_cabinet(inputs)
            self.boards[place] = inputs
            self.devices.extend(devices)
        return self.boards[place].slots[channel]

    def _take_cabinet(self, inputs: "Any") -> None:
        if inputs.cabinet is not None:
            self.cabinet_reading = inputs.cabinet
