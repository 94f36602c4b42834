"""The application: its parts are built, then its tasks are started."""

import asyncio

from cabinet.core import events
from cabinet.runtime import console
from cabinet.runtime.control_loop import REPORT_LIMIT_MS
from cabinet.runtime.version import VERSION

FLASH_PAUSE_MS = 3000  # before the next try, if the flash does not answer at start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.core.control import CabinetControl
    from cabinet.ports import Board, Clock
    from cabinet.runtime.connector_wear import ConnectorWear
    from cabinet.runtime.control_loop import ControlLoop
    from cabinet.runtime.loop_profiler import LoopProfiler
    from cabinet.runtime.mains import MainsGuard
    from cabinet.runtime.supervisor import Supervisor
    from cabinet.runtime.views import Views
    from cabinet.startup.settings import Secrets, Settings
    from cabinet.store.journal import Journal
    from cabinet.store.state import StateStore
    from cabinet.uplink.uplink import Uplink


class App:
    """One cabinet on one board: its parts, which startup/assemble.py builds, and its tasks."""

    if TYPE_CHECKING:
        board: Board
        clock: Clock
        settings_hash: str
        limits_version: str
        profiler: LoopProfiler
        journal: Journal
        state: StateStore
        buses: dict[str, Any]
        kiosk: Any  # None without a rider's terminal
        devices: list[Any]  # that may be lost
        parts: list[Any]  # the devices of each slot
        control: CabinetControl
        wear: ConnectorWear
        loop: ControlLoop
        views: Views
        uplink: Uplink
        supervisor: Supervisor
        mains_guard: MainsGuard | None  # where chargers never stop by themselves
        tasks: list[tuple]  # (name, coroutine function, what it is called with) of all that are started again when they end

    def __init__(self, board: "Board", settings: "Settings", secrets: "Secrets", settings_hash: str) -> None:
        from cabinet.startup import assemble

        assemble.assemble(self, board, settings, secrets, settings_hash)

    def mains_wanted(self, now_ms: int) -> bool:
        """Whether the relay before the chargers' mains may be held: not while nothing can be recorded, or a charger is out of hand."""
        return not self.control.storage_lost and (self.mains_guard is None or self.mains_guard.wanted(now_ms))

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
        for name, run, values in self.tasks:
            supervisor.restartable(name, run, *values)
        self.tasks.clear()
        return await supervisor.run()
