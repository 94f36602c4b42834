# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
"""The plan of a run: busy stretches with troubles, each followed by a calm one in which the cabinet must serve again."""

from virtual.life import Life
from virtual.troubles import Troubles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

BUSY_US = 1_080_000_000  # with troubles
CALM_US = 120_000_000  # for the first rider to be served, at most SERVE_US
SERVE_US = 420_000_000
LOOK_US = 1_000_000
END_US = 60_000_000  # before the end nothing new is started, so that all events can reach the broker


class Plan:
    """Drives `Troubles` and `Life`."""

    def __init__(self, sim: "Any", life: Life, kinds: "tuple | list", every_s: int, calm_s: int = 0, serve_s: int = 0) -> None:
        self.sim = sim
        self.life = life
        self.troubles = Troubles(sim, kinds, every_s)
        self.counts = self.troubles.counts
        self.settled = 0
        self._calm_since = 0
        self._served = 0
        self._counted = False  # that service has been proven in this calm stretch
        self._busy_until = BUSY_US
        self._serve_us = serve_s * 1_000_000 or SERVE_US
        self._early_us = (calm_s * 1_000_000 or self._serve_us) + END_US  # how long before the end the last calm stretch begins
        sim.time.at(LOOK_US, self._look)

    def _look(self, _: "Any") -> None:
        sim = self.sim
        now = sim.time.now_us
        sim.time.after(LOOK_US, self._look)
        ending = now > sim.end_us - END_US
        if not self._calm_since:
            if now >= self._busy_until or now > sim.end_us - self._early_us:
                self._calm_since = now
                self._counted = False
                self._served = sim.world.counts["completed"]
                self.troubles.stop()
                self.life.settle()
            return
        if ending:
            self.life.kinds = (("normal", 1),)
            self.life.pause_s = 3600
        served = sim.world.counts["completed"] > self._served
        if served and not self._counted:
            self._counted = True
            self.settled += 1
        if not served and now - self._calm_since > self._serve_us:
            sim.judge.violate("not_serving", 0, "no rider was served for %d s" % (self._serve_us // 1_000_000))
        if served and now - self._calm_since > CALM_US and not ending and now < sim.end_us - self._early_us - BUSY_US // 4:
            self._calm_since = 0
            self._busy_until = now + BUSY_US
            self.life.service = False
            self.troubles.start()
