"""Builds the parts of the application and lists its tasks. It runs once, so it is unloaded with the package of the start."""

from cabinet.core.control import CabinetControl
from cabinet.core.options import Options
from cabinet.runtime.bookkeeping import Bookkeeping
from cabinet.runtime.connector_wear import ConnectorWear
from cabinet.runtime.console import Console
from cabinet.runtime.console_port import ConsolePort
from cabinet.runtime.control_loop import ControlLoop
from cabinet.runtime.loop_profiler import LoopProfiler
from cabinet.runtime.supervisor import Supervisor
from cabinet.runtime.upkeep import DeviceWatch, Telemetry, keep_journal, serve_kiosk
from cabinet.runtime.views import Views
from cabinet.startup import wiring
from cabinet.store.journal import Journal
from cabinet.store.ledger import Ledger
from cabinet.store.state import StateStore
from cabinet.trust.proof import PackProof
from cabinet.trust.tokens import KnownTokens
from cabinet.uplink.uplink import Uplink

WATCHDOG_MS = 5000

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.ports import Board
    from cabinet.startup.settings import Secrets, Settings


def assemble(app: "Any", board: "Board", settings: "Settings", secrets: "Secrets", settings_hash: str) -> None:
    """Give `app` its parts. Raises OSError or ValueError where the hardware is not as the settings say."""
    app.board = board
    app.clock = board.clock
    app.settings_hash = settings_hash
    app.limits_version = settings.limits.version
    app.profiler = LoopProfiler(app.clock)
    app.journal = Journal(board.flash("journal-a"), board.flash("journal-b"), secrets.device_key, app.clock)
    app.state = StateStore(board.flash("state"), secrets.device_key)
    wired = wiring.Wiring(board, settings)
    settings.slots.clear()  # what follows needs the room
    app.buses = wired.buses
    app.kiosk = wired.kiosk
    app.devices = wired.devices
    app.parts = parts = wired.parts
    options = Options(known_tokens=KnownTokens(settings.tokens), blind_ms=wired.blind_ms, **settings.control.values())
    settings.tokens.clear()
    app.control = CabinetControl(len(parts), settings.limits, options, wired.readings)
    app.control.cabinet = wired.cabinet_reading
    app.wear = ConnectorWear(app.state, app.control.slots)
    proof = PackProof(secrets.fleet_master, board.random_bytes)
    app.loop = ControlLoop(app.clock, app.control, parts, app.journal, app.state, proof, app.profiler, settings.control.pulse_ms)
    books = Bookkeeping(app.clock, Ledger(app.state))
    app.loop.on_stored = books.on_stored
    if app.kiosk:
        app.loop.on_message = app.kiosk.say
    app.views = Views(
        board, app.control, app.journal, app.loop, app.profiler, app.wear, parts, app.devices,
        list(app.buses.values()), settings_hash,
    )
    app.uplink = Uplink(
        wiring.network(board, settings.uplink), app.clock, app.journal, wiring.uplink_options(settings, secrets), app.views.birth,
        board.random_bytes, app.loop.carry_out, app.state,
    )
    app.views.uplink = app.uplink
    app.supervisor = Supervisor(app.clock, board.watchdog(WATCHDOG_MS), board.heartbeat(), app.loop.note)
    app.views.supervisor = app.supervisor
    app.mains_guard = wiring.mains_guard(wired.guarded, app.loop.note)
    app.supervisor.mains_wanted = app.mains_wanted
    if app.uplink.options.tls is not None:
        from cabinet.runtime.slices import Slices

        app.uplink.options.tls["turn"] = Slices(app.loop, app.supervisor, app.profiler)
    app.tasks = _tasks(app, settings, books)


def _tasks(app: "Any", settings: "Settings", books: Bookkeeping) -> list:
    """(name, coroutine function, what it is called with) of each task that is started again when it ends."""
    control, clock, note, uplink = app.control, app.clock, app.loop.note, app.uplink
    tasks = [
        ("journal", keep_journal, (app.journal, app.state, books, app.profiler)), ("uplink", uplink.run, ()),
        ("connector wear", app.wear.run, ()),
    ]
    if app.kiosk:
        tasks.append(("kiosk", serve_kiosk, (app.kiosk, control, clock)))
    tasks.append(("devices", DeviceWatch(app.devices, [part.pack for part in app.parts], note).run, ()))
    tasks.append(("telemetry", Telemetry(settings.telemetry, clock, control, app.profiler, note).run, ()))
    if uplink.options.interfaces:
        tasks.append(("interfaces", uplink.network.run, (uplink,)))
    time_client = wiring.time_client(app.board, settings.time, uplink.network, app.state, note)
    if time_client is not None:
        tasks.append(("time", time_client.run, ()))
    port = ConsolePort(*app.board.console)
    tasks.append(("console", Console(clock, app.profiler, port, len(app.parts), app.views, uplink.publish_state).run, ()))
    tasks.append(("loop profiler", app.profiler.run, ()))
    return tasks
