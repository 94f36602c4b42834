"""The composition root: the only file that knows every part of the cabinet and wires it."""

import asyncio

from cabinet.core import events
from cabinet.core.control import CabinetControl
from cabinet.core.options import Options
from cabinet.runtime import console
from cabinet.runtime.bookkeeping import Bookkeeping
from cabinet.runtime.connector_wear import ConnectorWear
from cabinet.runtime.control_loop import REPORT_LIMIT_MS, ControlLoop
from cabinet.runtime.loop_profiler import LoopProfiler
from cabinet.runtime.supervisor import Supervisor
from cabinet.runtime.upkeep import DeviceWatch, Telemetry, keep_journal, serve_kiosk
from cabinet.runtime.version import VERSION
from cabinet.runtime.views import Views
from cabinet.store.journal import Journal
from cabinet.store.ledger import Ledger
from cabinet.store.state import StateStore
from cabinet.trust.proof import PackProof
from cabinet.trust.tokens import KnownTokens
from cabinet.uplink.uplink import Uplink

WATCHDOG_MS = 5000
FLASH_PAUSE_MS = 3000  # before the next try, if the flash does not answer at start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.ports import Board
    from cabinet.startup.settings import Secrets, Settings


class App:
    """One cabinet on one board."""

    def __init__(self, board: "Board", settings: "Settings", secrets: "Secrets", settings_hash: str) -> None:
        self.board = board
        self.clock = board.clock
        self.settings_hash = settings_hash
        self.limits_version = settings.limits.version
        self.telemetry = settings.telemetry
        self.profiler = LoopProfiler(self.clock)
        self.journal = Journal(board.flash("journal-a"), board.flash("journal-b"), secrets.device_key, self.clock)
        self.state = StateStore(board.flash("state"), secrets.device_key)
        from cabinet.startup import wiring

        wired = wiring.Wiring(board, settings)
        settings.slots.clear()  # what follows needs the room
        self.buses = wired.buses
        self.kiosk = wired.kiosk
        self.devices = wired.devices
        self.parts = parts = wired.parts
        options = Options(known_tokens=KnownTokens(settings.tokens), blind_ms=wired.blind_ms, **settings.control.values())
        settings.tokens.clear()
        self.control = CabinetControl(len(parts), settings.limits, options, wired.readings)
        self.control.cabinet = wired.cabinet_reading
        self.wear = ConnectorWear(self.state, self.control.slots)
        proof = PackProof(secrets.fleet_master, board.random_bytes)
        self.loop = ControlLoop(self.clock, self.control, parts, self.journal, self.state, proof, self.profiler, settings.control.pulse_ms)
        self.books = Bookkeeping(self.clock, Ledger(self.state))
        self.loop.on_stored = self.books.on_stored
        if self.kiosk:
            self.loop.on_message = self.kiosk.say
        self.supervisor = Supervisor(self.clock, board.watchdog(WATCHDOG_MS), board.heartbeat(), self.loop.note)
        self.views = Views(
            board, self.control, self.journal, self.loop, self.profiler, self.supervisor, self.wear, parts, self.devices,
            list(self.buses.values()), settings_hash,
        )
        self.uplink = Uplink(
            wiring.network(board, settings.uplink), self.clock, self.journal, wiring.uplink_options(settings, secrets), self.views.birth,
            board.random_bytes, self.loop.carry_out, self.state,
        )
        self.views.uplink = self.uplink
        self._mains_guard = wiring.mains_guard(wired.guarded, self.loop.note)
        self.supervisor.mains_wanted = self._mains_wanted
        self._time = wiring.time_client(board, settings.time, self.uplink.network, self.state, self.loop.note)
        if self.uplink.options.tls is not None:
            from cabinet.runtime.slices import Slices

            self.uplink.options.tls["turn"] = Slices(self.loop, self.supervisor, self.profiler)

    def _mains_wanted(self, now_ms: int) -> bool:
        """Whether the relay before the chargers' mains may be held: not while nothing can be recorded, or a charger is out of hand."""
        return not self.control.storage_lost and (self._mains_guard is None or self._mains_guard.wanted(now_ms))

    def flash_silent(self) -> bool:
        """Whether the flash did not answer when the cabinet started."""
        return self.journal.broken or self.state.broken

    async def run(self) -> str:
        """Until a critical task fails; returns what failed. The watchdog does the rest."""
        if self.flash_silent():
            # who is in quarantine and which swap is under way is not known: serve nobody, and start again
            console.log("the flash does not answer: starting again in %d ms" % FLASH_PAUSE_MS)
            await asyncio.sleep_ms(FLASH_PAUSE_MS)
            return "the flash does not answer"
        cause = self.board.reset_cause()
        self.loop.restore()
        from cabinet.store import cross_check

        if not cross_check.check(self.journal, self.state):
            self.loop.put_out_of_service([""])
        self.wear.restore()
        self.loop.note(events.make("boot.started", 0, "", VERSION, cause, self.limits_version, self.settings_hash))
        supervisor = self.supervisor
        for name in sorted(self.buses):
            bus = self.buses[name]
            supervisor.restartable("bus " + bus.name, bus.run)
        supervisor.critical("control", lambda task: self.loop.run(task, supervisor), REPORT_LIMIT_MS)
        supervisor.restartable("journal", lambda: keep_journal(self.journal, self.state, self.books, self.profiler))
        supervisor.restartable("uplink", self.uplink.run)
        supervisor.restartable("connector wear", self.wear.run)
        if self.kiosk:
            supervisor.restartable("kiosk", lambda: serve_kiosk(self.kiosk, self.control, self.clock))
        watch = DeviceWatch(self.devices, [part.pack for part in self.parts], self.loop.note)
        supervisor.restartable("devices", watch.run)
        telemetry = Telemetry(self.telemetry, self.clock, self.control, self.profiler, self.loop.note)
        supervisor.restartable("telemetry", telemetry.run)
        if self.uplink.options.interfaces:
            supervisor.restartable("interfaces", lambda: self.uplink.network.run(self.uplink))
        if self._time is not None:
            supervisor.restartable("time", self._time.run)
        supervisor.restartable("console", console.Console(self.profiler, len(self.parts), self.views, self.uplink.publish_state).run)
        supervisor.restartable("loop profiler", self.profiler.run)
        return await supervisor.run()
