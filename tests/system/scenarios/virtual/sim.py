# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
"""The whole cabinet in one process on virtual time: the real firmware, the plant's models, a broker, troubles and a judge."""

import gc
import hashlib
import json
import random
from asyncio import core
from binascii import crc32, hexlify

from cabinet.app import App
from cabinet.startup import settings as config
from plant.cabinet_world import World
from plant.frames import RtuUnits
from plant.rng import Rng
from virtual import naps
from virtual.board import Dead, Flash, VirtualBoard
from virtual.broker import Broker
from virtual.judge import Judge
from virtual.nodes import Nodes
from virtual.timebase import VirtualTime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STEP_US = 50_000
CALM_STEP_US = 100_000
CAN_POLL_US = 20_000
PROGRAM_US = 400
ERASE_US = 45_000
AREAS = {"journal-a": 524288, "journal-b": 131072, "state": 32768}


class Finished(BaseException):
    """The run is over."""


class Dice:
    """What the flash model asks of `random`."""

    def __init__(self, rng: Rng) -> None:
        self._rng = rng

    def getrandbits(self, bits: int) -> int:
        """See random.getrandbits; up to 32 bits."""
        return self._rng.bits() >> (32 - bits)


class Silent:
    """In the place of the gauge's `gc`: here the interpreter collects when it must, for the plant lives in the same heap."""

    def mem_alloc(self) -> int:
        """Not of interest."""
        return 0

    def mem_free(self) -> int:
        """Enough."""
        return 1 << 24

    def collect(self) -> None:
        """Not now."""

    def threshold(self, amount: int) -> None:
        """The interpreter keeps its own."""


class Nowhere:
    """In the place of the console's `json`: one line of LINES is made, and goes nowhere."""

    LINES = 37
    count = 0

    @staticmethod
    def dump(view: "Any", out: "Any") -> None:
        """See json.dump."""
        Nowhere.count += 1
        if Nowhere.count % Nowhere.LINES == 0:
            json.dumps(view)

    dumps = staticmethod(json.dumps)


class NoPort:
    """In the place of the console's port: takes all, and somebody reads all the time."""

    always = True

    def __init__(self, us_per_byte: int, piece: int, always: bool) -> None:
        pass

    def asked(self) -> bool:
        """Nobody sends anything."""
        return False

    def write(self, data: "memoryview") -> int:
        """Goes nowhere."""
        return len(data)


def quiet(*words: "Any") -> None:
    """In the place of `print` in the firmware's console."""


class Sim:
    """One seeded run. `run(hours)` returns what it counted."""

    def __init__(self, seed: int, settings_text: bytes, secrets_text: bytes, speed: float = 60.0, calm: bool = False) -> None:
        self.seed = seed
        self.calm = calm  # no faults at all
        self.time = VirtualTime()
        self.time.install()
        random.seed(seed)
        self.rng = Rng(seed + 17)
        self.wire_rng = Rng(seed + 101)
        self.nonce_rng = Rng(seed + 202)
        self.settings_hash = hexlify(hashlib.sha256(settings_text).digest()[:4]).decode()
        self.settings_text = settings_text
        settings = config.parse(settings_text)
        self.secrets = config.parse_secrets(secrets_text)
        self.world = World(settings.cabinet.slots, seed, speed)
        self.pack_units = RtuUnits(self.world, Rng(seed + 303))
        self.board_units = RtuUnits(self.world, Rng(seed + 404), True)
        self.can_nodes = Nodes(self.world, Rng(seed + 505))
        self.flash = {name: Flash(size, Dice(Rng(seed + 606 + size))) for name, size in AREAS.items()}
        for flash in self.flash.values():
            flash.on_operation = self.flash_operation
        self.story = []
        self.digest = 0  # of the whole story
        self.judge = Judge(self)
        self.broker = Broker(self.time, Rng(seed + 707), self.judge.received)
        self.packs_line = self.io_line = self.can = self.kiosk = None
        self.no_random = False
        self.random_again_us = -(1 << 60)
        self.mains = True
        self.app = None
        self.board = None
        self.boots = 0
        self.power_cuts = 0
        self.off_for_us = 0  # how long the power stays away after the next cut
        self.cause = "power_on"
        self.before_flash = None  # called at each flash operation: faults.py
        self.looks = False  # leave in all looks of the buses at which nothing can be found
        self.patch = None  # called with each new app: broken.py
        self.end_us = 0
        self.babble_us = 0

    # ---- story ----

    def tell(self, text: str) -> None:
        """One more event of the story."""
        line = "%10.3f %s" % (self.time.now_us / 1_000_000, text[:500])
        self.digest = crc32(line.encode(), self.digest)
        self.story.append(line)
        if len(self.story) > 400:
            self.story = self.story[200:]

    # ---- life and death of the controller ----

    def run(self, hours: float) -> None:
        """Until the time is up; ends early at the first violation."""
        self.end_us = int(hours * 3_600_000_000)
        self.time.at(STEP_US, self._physics)
        self.time.at(CAN_POLL_US, self._can_poll)
        try:
            while True:
                self._one_life()
                self.time.pass_until(self.time.now_us + self.off_for_us)
        except Finished:
            self.tell("end")

    def _one_life(self) -> None:
        """From power on until the power goes, the watchdog bites or the run ends."""
        self.off_for_us = 200_000
        self.time.install()
        for flash in self.flash.values():
            flash.off = False
            flash.boot()
        self.boots += 1
        board: "Any" = VirtualBoard(self, self.cause)
        self.board = board
        self.tell("start %d, cause %s" % (self.boots, self.cause))
        try:
            # read again at every start, as on a controller: App takes what it needs and throws the rest away
            app = App(board, config.parse(self.settings_text), self.secrets, self.settings_hash)
            self.app = app
            self.judge.attach(app)
            if not self.looks:
                naps.attach(self)
            if self.patch is not None:
                self.patch(app)
            failed = self.time.run(core.create_task(app.run()))
            self.tell("the supervisor gave up: %s" % failed)
            self.cause = "watchdog"
            self.off_for_us = 5_000_000
            self.judge.gave_up(failed)
        except Dead:
            self.tell("no power (%s) for %d ms" % (self.cause, self.off_for_us // 1000))
        finally:
            for flash in self.flash.values():
                flash.off = True
            self.judge.detach()
            self.broker.lost_power()
            self.app = self.board = None
            self.packs_line = self.io_line = self.can = self.kiosk = None

    def cut_power(self, off_us: int, cause: str = "power_on") -> None:
        """The supply goes now: whatever the firmware was doing. Must be called from the agenda or a flash operation."""
        self.power_cuts += 1
        self.off_for_us = off_us
        self.cause = cause
        raise Dead()

    def flash_operation(self, flash: Flash) -> None:
        """A program or an erase begins; it takes its time."""
        if self.before_flash is not None:
            self.before_flash(flash)
        self.time.pass_until(self.time.now_us + PROGRAM_US)

    # ---- the world goes on ----

    def _physics(self, passed_us: "int | None") -> None:
        time = self.time
        world = self.world
        board = self.board
        world.mains = self.mains and board is not None and board.the_heartbeat.holds()
        world.step((passed_us or STEP_US) / 1_000_000)
        world.mains = self.mains
        if self.kiosk is not None:
            while world.kiosk_out:
                self.kiosk.show(("T:%s\n" % world.kiosk_out.pop(0)).encode())
        else:
            world.kiosk_out.clear()
        if world.faults and time.now_us >= self.babble_us:
            self._babble()
        calm = world.rider is None or not world.rider.at_cabinet
        step = CALM_STEP_US if calm and not world.open_doors() else STEP_US
        time.after(step, self._physics, step)  # before anything that ends this life of the controller
        self.judge.world_stepped()
        if time.now_us >= self.end_us:
            raise Finished()
        if board is not None and board.the_watchdog is not None and board.the_watchdog.late():
            self.judge.bitten()
            self.cut_power(100_000, "watchdog")

    def _babble(self) -> None:
        self.babble_us = self.time.now_us + 1_200_000 + self.rng.below(2_500_000)
        for unit in self.pack_units.units():
            if self.world.faults.get(unit) == "babble" and self.packs_line is not None:
                self.packs_line.send(self.rng.data(4 + self.rng.below(24)), self.time.now_us)

    def _can_poll(self, _: "Any") -> None:
        time = self.time
        self.world.can_off = self.can is None or self.can.bus_off
        frames = self.can_nodes.poll(time.now_us / 1_000_000)
        if frames and self.can is not None:
            self.can.arrive(frames)
        time.after(CAN_POLL_US, self._can_poll)

    def received(self, line: bytes) -> None:
        """The controller writes a sentence on the kiosk."""
        parts = line.decode().split(":", 3)
        if len(parts) == 4 and parts[0] == "S":
            self.tell("kiosk: slot %s %s" % (parts[1], parts[2]))
            self.world.hear(int(parts[1]), parts[2], parts[3])


def prepare() -> None:
    """What differs from a controller: garbage is not collected by schedule, and the console is not printed."""
    from cabinet.runtime import console, console_port, loop_profiler
    from cabinet.uplink import drain, session, uplink

    loop_profiler.gc = Silent()
    console.json = Nowhere
    console_port.ConsolePort = NoPort
    for module in (console, uplink, session, drain):
        module.print = quiet
    naps.calm_watchers()
    gc.threshold(-1)
