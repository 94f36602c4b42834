"""From the settings to what they name: buses, drivers, slots, uplink. Unloaded after the start with its package: nothing that lives on
may hold a function or an object of this file."""

from cabinet.core.reading import CabinetReading
from cabinet.runtime.control_loop import SlotParts
from cabinet.startup import driver_registry
from cabinet.uplink.uplink import UplinkOptions

BATCH_BYTES = 1536  # a message of a draining backlog; building it takes about four times as much memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.devices import contract
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


def time_client(board: "Board", given: "Section", network: "Any", state: "Any", note: "Any") -> "Any":
    """What asks the settings' time servers; None if there are none, and the board's own clock is trusted."""
    servers = given.servers.split()
    if not servers:
        return None
    from cabinet.uplink.sntp import Sntp
    from cabinet.uplink.timekeeper import Timekeeper

    keeper = Timekeeper(board.clock, state, note, len(servers))
    return Sntp(servers, board.clock, board.random_bytes, keeper.offer, network, given.period_s, given.port)


def mains_guard(chargers: list, note: "Any") -> "Any":
    """What watches the chargers that never stop by themselves; None if there are none."""
    if not chargers:
        return None
    from cabinet.runtime.mains import MainsGuard

    return MainsGuard(chargers, note)


class Wiring:
    """Opens the buses and makes a driver for every device on them. A class is imported only where the settings name it."""

    def __init__(self, board: "Board", settings: "Settings") -> None:
        self.board = board
        self.clock = board.clock
        self.profiles = settings.profiles
        self.buses = {}
        self.kiosk: "Any" = None
        self.boards = {}  # by bus, address and driver
        self.devices = []  # that may be lost
        self.guarded = []  # chargers that never stop by themselves
        self.blind_ms = 0  # for how long current may flow unseen after the last permit of any charger
        self.cabinet_reading = CabinetReading()
        self.readings = []  # of the slots: pack, charger, switches
        watched = self._open_buses(settings.buses)
        self.parts = [self._slot(wiring) for wiring in settings.slots]
        self.devices.extend(watched)

    def _open_buses(self, buses: dict) -> list:
        """Those that have a fault of their own."""
        watched = []
        for name in sorted(buses):
            given = buses[name]
            row = driver_registry.bus(given.kind)
            made = row.load()
            if row.line == "pins":
                self.buses[name] = made(name, self.board, given.port, self.clock)
                continue
            open_line = self.board.can if row.line == "can" else self.board.serial
            line = open_line(given.port, given.baud)
            if not row.has_devices:
                self.kiosk = made(line)
                continue
            self.buses[name] = made(name, line, self.clock)
            if row.is_watched:
                watched.append(self.buses[name])
        return watched

    def _pack(self, wiring: "SlotWiring") -> "contract.Pack":
        bus = self.buses[wiring.pack_bus]
        if not wiring.pack_driver.startswith(driver_registry.PROFILE):
            return driver_registry.driver(wiring.pack_driver).load()(bus, wiring.pack_address, self.clock)
        profile = self.profiles[wiring.pack_driver[len(driver_registry.PROFILE) :]]
        row = driver_registry.PROFILES[profile.bus]
        return row.load()(bus, wiring.pack_address, self.clock, profile)

    def _charger(self, wiring: "SlotWiring") -> "contract.Charger":
        row = driver_registry.driver(wiring.charger_driver)
        charger = row.load()(self.buses[wiring.charger_bus], wiring.charger_address, self.clock)
        if row.needs_mains_relay:
            self.guarded.append(charger)
        self.blind_ms = max(self.blind_ms, row.blind_ms)
        return charger

    def _slot(self, wiring: "SlotWiring") -> SlotParts:
        pack = self._pack(wiring)
        charger = self._charger(wiring)
        board = self._lock_board(wiring)
        self.readings.append((pack.reading, charger.reading, self._switches(wiring, board)))
        pack.name = "pack %d" % wiring.number  # technicians count slots, not addresses
        charger.name = "charger %d" % wiring.number
        self.devices.append(pack)
        self.devices.append(charger)
        return SlotParts(wiring.number, pack, charger, board, wiring.io_channel)

    def _lock_board(self, wiring: "SlotWiring") -> "Any":
        """The board with the slot's lock, with its switches too if it reads them."""
        key = (wiring.io_bus, wiring.io_address, wiring.io_driver)
        if key not in self.boards:
            row = driver_registry.driver(wiring.io_driver)
            bus = self.buses[wiring.io_bus]
            if row.reads_switches:
                made = row.load()(bus, wiring.io_address, self.clock, wiring.number - wiring.io_channel)
                self._take_inputs(made)
            else:
                made = row.load()(bus, wiring.io_address, self.clock)
                self.devices.append(made)
            self.boards[key] = made
        return self.boards[key]

    def _switches(self, wiring: "SlotWiring", board: "Any") -> "Any":
        """The reading of door, latch and presence switch: the lock board's own, or that of the inputs beside it."""
        if not wiring.inputs_driver:
            return board.inputs.slots[wiring.io_channel]
        row = driver_registry.driver(wiring.inputs_driver)
        channel = (wiring.number - 1) % row.slots
        key = (wiring.inputs_bus, wiring.inputs_address, wiring.inputs_driver)
        if key not in self.boards:
            made = row.load()(self.buses[wiring.inputs_bus], wiring.inputs_address, self.clock, wiring.number - channel)
            if driver_registry.driver(wiring.io_driver).feels_latches:
                made.inputs.feedback = board
                made.inputs.feedback_shift = wiring.io_channel - channel
            self._take_inputs(made)
            self.boards[key] = made
        return self.boards[key].inputs.slots[channel]

    def _take_inputs(self, made: "contract.Inputs") -> None:
        self.devices.extend(made.watched())
        if made.inputs.cabinet is not None:
            self.cabinet_reading = made.inputs.cabinet
